//! Pacemaker's groups and nodes as `noroshi status` shows them.

use crate::print::{escaped, padded};
use noroshi_core::pacemaker::{GroupState, GroupStatus, PacemakerNodeStatus, PacemakerStatus};
use noroshi_core::text::Language;

/// Its lines: what is wrong first, then each group, then nodes with a mark.
pub(super) fn lines(status: &PacemakerStatus, language: Language) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(trouble) = &status.trouble {
        let trouble = escaped(trouble);
        lines.push(language.pick(
            format!("PACEMAKER CANNOT BE READ: {trouble}"),
            format!("Pacemaker の状態を取得できません: {trouble}"),
        ));
        return lines;
    }
    let groups = match status.groups.is_empty() {
        true => language.pick("Groups: none", "グループ: なし"),
        false => language.pick("Groups", "グループ"),
    };
    lines.push(groups.to_owned());
    lines.extend(
        status
            .groups
            .iter()
            .map(|group| group_line(group, language)),
    );
    let marks = status
        .nodes
        .iter()
        .filter_map(|node| node_line(node, language));
    lines.extend(marks);
    if status.maintenance {
        lines.push(
            language
                .pick(
                    "MAINTENANCE: Pacemaker leaves all groups alone",
                    "メンテナンスモード: Pacemaker はすべてのグループを管理していません",
                )
                .to_owned(),
        );
    }
    if !status.quorum {
        lines.push(
            language
                .pick(
                    "NO QUORUM on this side: Pacemaker runs no groups here",
                    "クォーラムなし: Pacemaker はこちら側でグループを動作させません",
                )
                .to_owned(),
        );
    }
    lines
}

fn group_line(group: &GroupStatus, language: Language) -> String {
    let name = padded(&escaped(&group.name), 16);
    let state = padded(state(group, language), 26);
    let mut line = format!("  {name} {state}");
    if !group.current.is_empty() {
        let current = escaped(&group.current.join(", "));
        line.push_str(&language.pick(format!(" on {current}"), format!(" {current}")));
    }
    if group.maintenance {
        line.push_str(language.pick(" maintenance", " メンテナンス中"));
    }
    let failed = group
        .resources
        .iter()
        .filter(|one| one.state == GroupState::Failed);
    let failed: Vec<String> = failed.map(|one| escaped(&one.name)).collect();
    if !failed.is_empty() {
        let failed = failed.join(", ");
        line.push_str(&language.pick(format!(" FAILED: {failed}"), format!(" 異常: {failed}")));
    }
    line.trim_end().to_owned()
}

/// How a group is, in words.
pub(crate) fn state(group: &GroupStatus, language: Language) -> &'static str {
    match group.state {
        GroupState::Online => language.pick("running", "動作中"),
        GroupState::Offline if group.disabled => {
            language.pick("stopped by request", "停止（操作による）")
        }
        GroupState::Offline => language.pick("STOPPED", "停止"),
        GroupState::Pending => language.pick("on its way", "起動・停止の途中"),
        GroupState::Failed => language.pick("FAILED", "異常"),
        GroupState::Unknown => {
            language.pick("UNKNOWN (server not fenced)", "不明（フェンシング未完了）")
        }
    }
}

/// What is marked of a node; nothing for one that simply takes part.
pub(crate) fn node_words(node: &PacemakerNodeStatus, language: Language) -> Vec<&'static str> {
    let marks = [
        (
            node.unclean,
            language.pick("LOST, NOT FENCED", "喪失（フェンシング未完了）"),
        ),
        (
            !node.online && !node.unclean,
            language.pick("offline", "オフライン"),
        ),
        (node.standby, language.pick("standby", "スタンバイ")),
        (
            node.maintenance,
            language.pick("maintenance", "メンテナンス中"),
        ),
    ];
    marks
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, words)| words)
        .collect()
}

fn node_line(node: &PacemakerNodeStatus, language: Language) -> Option<String> {
    let words = node_words(node, language);
    if words.is_empty() {
        return None;
    }
    let name = escaped(&node.name);
    let words = words.join(language.pick(", ", "、"));
    Some(format!(
        "  {} {words}",
        padded(
            &language.pick(format!("node {name}"), format!("ノード {name}")),
            16
        )
    ))
}
