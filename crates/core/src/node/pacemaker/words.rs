//! The words of alerts about Pacemaker, in both languages.

use super::Node;
use crate::pacemaker::{Absence, Fault, GroupKind, Sort, Unfenced, Why};
use crate::text::Language;
use crate::time::Span;
use alloc::format;
use alloc::string::{String, ToString};

impl Node {
    pub(super) fn length(&self, span: Span) -> String {
        match span < Span::from_secs(1) {
            true => self
                .config
                .language
                .pick("less than 1 s", "1 秒未満")
                .to_string(),
            false => span.to_string(),
        }
    }

    pub(super) fn by_words(&self, by: Option<String>) -> String {
        let language = self.config.language;
        by.map_or_else(String::new, |by| {
            language.pick(format!(" ({by})"), format!("（{by}）"))
        })
    }

    /// How long something was away.
    pub(super) fn absence_words(&self, away: Option<Absence>) -> String {
        let language = self.config.language;
        let least = Span::from_secs(1);
        match away.filter(|away| !away.at_least || away.span >= least) {
            Some(away) if away.at_least => {
                let span = away.span;
                language.pick(format!("at least {span}"), format!("{span} 以上"))
            }
            Some(away) => self.length(away.span),
            None => language
                .pick("a time that nobody watched", "不明（監視されていない間）")
                .to_string(),
        }
    }

    /// A group by its name; of a promotable clone it is the active side that moves.
    pub(super) fn group_words(&self, group: &str) -> String {
        let language = self.config.language;
        let picture = self
            .pacemaker
            .as_ref()
            .and_then(|one| one.watch.last_picture());
        let groups = picture.into_iter().flat_map(|picture| &picture.groups);
        let known = groups.into_iter().find(|one| one.name == group);
        match known.map(|one| (one.kind, one.members.first())) {
            Some((GroupKind::Promotable, Some(member))) => {
                self.active_side_words(group, member.sort)
            }
            Some((GroupKind::Clone, _)) => {
                language.pick(format!("Clone {group}"), format!("クローン {group}"))
            }
            _ => language.pick(format!("Group {group}"), format!("グループ {group}")),
        }
    }

    pub(super) fn active_side_words(&self, group: &str, sort: Sort) -> String {
        let language = self.config.language;
        let thing = thing(sort, group, language);
        language.pick(
            format!("The active side of {thing}"),
            format!("{thing} のアクティブ側"),
        )
    }

    pub(super) fn resource_words(&self, fault: &Fault) -> String {
        let language = self.config.language;
        let thing = thing(fault.sort, &fault.resource, language);
        match &fault.group {
            Some(group) => language.pick(
                format!("{thing} of group {group}"),
                format!("グループ {group} の{thing}"),
            ),
            None => thing,
        }
    }

    pub(super) fn last_place_words(&self, node: Option<&str>) -> String {
        let language = self.config.language;
        match node {
            Some(node) => language.pick(
                format!(" It last ran on server {node}."),
                format!("最後に動作していたサーバは {node} です。"),
            ),
            None => String::new(),
        }
    }

    pub(super) fn failures_words(&self, failures: &[String]) -> String {
        let language = self.config.language;
        match failures {
            [] => language
                .pick(
                    "No failure is recorded; the settings leave no server to run it.",
                    "異常の記録はありません。設定上、動作できるサーバがありません。",
                )
                .to_string(),
            [one] => language.pick(
                format!("Last failure: {one}."),
                format!("最後の異常: {one}。"),
            ),
            all => {
                let all = all.join("; ");
                language.pick(
                    format!("It failed on each of these servers: {all}."),
                    format!("異常が発生したサーバ: {all}。"),
                )
            }
        }
    }

    pub(super) fn unfenced_words(&self, why: &Unfenced) -> String {
        let language = self.config.language;
        match why {
            Unfenced::NoDevice => language
                .pick(
                    "no fence device is set up",
                    "フェンスデバイスが設定されていません",
                )
                .to_string(),
            Unfenced::Failed(result) => {
                let words = self.fencing_words(result);
                language.pick(
                    format!("fencing failed: {words}"),
                    format!("フェンシング失敗: {words}"),
                )
            }
            Unfenced::TooLong(span) => language.pick(
                format!("no answer from fencing for {span}"),
                format!("フェンシングの応答が {span} ありません"),
            ),
        }
    }

    /// How a fencing failed: what Pacemaker's few words for it mean, and those words, by which its log is searched.
    pub(super) fn fencing_words(&self, result: &str) -> String {
        let language = self.config.language;
        let result = result.trim();
        let lower = result.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let (en, ja) = match () {
            () if lower.is_empty() => {
                return language
                    .pick(
                        "Pacemaker gives no reason",
                        "Pacemaker からの理由はありません",
                    )
                    .to_string();
            }
            () if has(&["timed out", "timeout", "timer expired", "in time"]) => (
                "the fence device did not answer in time",
                "フェンスデバイスが制限時間内に応答しませんでした",
            ),
            () if has(&["no such device"]) => (
                "no fence device is set up for this server",
                "このサーバ用のフェンスデバイスがありません",
            ),
            () if has(&["no route to host", "host is down", "not connected"]) => (
                "no server could reach the fence device",
                "どのサーバからもフェンスデバイスに接続できません",
            ),
            () if has(&["permission denied"]) => (
                "the fence device refuses the user or password",
                "フェンスデバイスがユーザまたはパスワードを拒否しました",
            ),
            () if has(&["error", "no data available"]) => (
                "the fence agent failed",
                "フェンスエージェントが失敗しました",
            ),
            () => return result.to_string(),
        };
        language.pick(format!("{en} ({result})"), format!("{ja}（{result}）"))
    }

    pub(super) fn why_words(&self, why: &Why, from: &str) -> String {
        let language = self.config.language;
        match why {
            Why::Lost { fenced: true } => language.pick(
                format!("server {from} is lost and was fenced"),
                format!("サーバ {from} が失われ、フェンシングされました"),
            ),
            Why::Lost { fenced: false } => language.pick(
                format!("server {from} is lost"),
                format!("サーバ {from} が失われました"),
            ),
            Why::Failed { resource, why } => language.pick(
                format!("{resource} failed on {from}: {why}"),
                format!("{from} で {resource} に異常が発生しました（{why}）"),
            ),
            Why::Left => language.pick(
                format!("the cluster was stopped on server {from}"),
                format!("サーバ {from} でクラスタを停止したため"),
            ),
            Why::Standby => language.pick(
                format!("server {from} was put into standby"),
                format!("サーバ {from} をスタンバイにしたため"),
            ),
            Why::Person { by } => language.pick(
                format!("by a person ({by})"),
                format!("操作による移動（{by}）"),
            ),
            Why::Unseen => language
                .pick(
                    "no alert service watched then, so why is not known",
                    "監視していたアラートサービスがないため、理由は不明です",
                )
                .to_string(),
            Why::Preferred => String::new(),
        }
    }
}

/// A resource by what it is and its name.
fn thing(sort: Sort, name: &str, language: Language) -> String {
    let (en, ja) = match sort {
        Sort::FloatingIp => ("floating IP address", "フローティング IP"),
        Sort::FileSystem => ("file system", "ファイルシステム"),
        Sort::SharedDisk => ("shared disk", "共有ディスク"),
        Sort::MirrorDisk => ("mirror disk", "ミラーディスク"),
        Sort::FenceDevice => ("fence device", "フェンスデバイス"),
        Sort::Other => ("resource", "リソース"),
    };
    language.pick(format!("{en} {name}"), format!("{ja} {name}"))
}

/// With a capital letter, to begin a sentence.
pub(super) fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
