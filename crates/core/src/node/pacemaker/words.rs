//! The words of alerts about Pacemaker, in both languages.

use super::Node;
use crate::pacemaker::{Fault, Sort, Unfenced, Why};
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

    pub(super) fn group_words(&self, group: &str, role_of: Option<Sort>) -> String {
        let language = self.config.language;
        match role_of {
            Some(sort) => {
                let thing = thing(sort, group, language);
                language.pick(
                    format!("The active side of {thing}"),
                    format!("{thing} のアクティブ側"),
                )
            }
            None => language.pick(format!("Group {group}"), format!("グループ {group}")),
        }
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

    pub(super) fn last_failure_words(&self, failure: Option<String>) -> String {
        let language = self.config.language;
        match failure {
            Some(failure) => language.pick(
                format!("Last failure: {failure}."),
                format!("最後の異常: {failure}。"),
            ),
            None => language
                .pick(
                    "No failure is recorded; the settings leave no server to run it.",
                    "異常の記録はありません。設定上、動作できるサーバがありません。",
                )
                .to_string(),
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
            Unfenced::Failed(words) => language.pick(
                format!("fencing failed: {words}"),
                format!("フェンシング失敗: {words}"),
            ),
            Unfenced::TooLong(span) => language.pick(
                format!("no answer from fencing for {span}"),
                format!("フェンシングの応答が {span} ありません"),
            ),
        }
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
            Why::Preferred => String::new(),
        }
    }
}

/// A resource by what it is and its name.
fn thing(sort: Sort, name: &str, language: Language) -> String {
    let (en, ja) = match sort {
        Sort::FloatingIp => ("floating IP address", "フローティング IP"),
        Sort::FileSystem => ("file system", "ファイルシステム"),
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
