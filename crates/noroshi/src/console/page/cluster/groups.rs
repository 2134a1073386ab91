//! Pacemaker's groups on the page of the cluster.

use crate::command::status::groups::{node_words, state};
use crate::console::visitor::Visitor;
use maud::{Markup, html};
use noroshi_core::pacemaker::{GroupState, GroupStatus, PacemakerStatus};

/// What who was woken looks for first: each group that does not run as it should, by its own name.
pub(super) fn troubles(visitor: &Visitor, status: &PacemakerStatus) -> Markup {
    let of_note = |group: &&GroupStatus| {
        let stopped = group.state == GroupState::Offline && !group.disabled && status.quorum;
        (is_bad(group) || stopped) && !group.maintenance && !status.maintenance
    };
    html! {
        @for group in status.groups.iter().filter(of_note) {
            p.bad {
                b { (visitor.pick("Group ", "グループ ")) (group.name) } ": "
                (state(group, visitor.language))
                @if !group.current.is_empty() {
                    (visitor.pick(" on ", " ")) (group.current.join(", "))
                }
                @for resource in group.resources.iter().filter(|one| one.state == GroupState::Failed) {
                    "; " (resource.name)
                }
            }
        }
    }
}

fn is_bad(group: &GroupStatus) -> bool {
    matches!(group.state, GroupState::Failed | GroupState::Unknown)
}

/// A table of groups, below what is wrong.
pub(super) fn part(visitor: &Visitor, status: &PacemakerStatus) -> Markup {
    html! {
        section.groups aria-label=(visitor.pick("Groups", "グループ")) {
            h2 { (visitor.pick("Groups", "グループ")) }
            @if let Some(trouble) = &status.trouble {
                p.warn {
                    (visitor.pick("Pacemaker cannot be read: ", "Pacemaker の状態を取得できません: "))
                    (trouble)
                }
            }
            @if status.maintenance {
                p.warn {
                    (visitor.pick(
                        "Maintenance: Pacemaker leaves all groups alone.",
                        "メンテナンスモード: Pacemaker はすべてのグループを管理していません。",
                    ))
                }
            }
            @if !status.quorum {
                p.bad role="alert" {
                    (visitor.pick(
                        "No quorum on this side: Pacemaker runs no groups here.",
                        "クォーラムなし: Pacemaker はこちら側でグループを動作させません。",
                    ))
                }
            }
            @for node in &status.nodes {
                @let words = node_words(node, visitor.language);
                @if !words.is_empty() {
                    p.warn { b { (node.name) } ": " (words.join(visitor.pick(", ", "、"))) }
                }
            }
            @if !status.groups.is_empty() {
                table {
                    thead { tr {
                        th scope="col" { (visitor.pick("Group", "グループ")) }
                        th scope="col" { (visitor.pick("State", "状態")) }
                        th scope="col" { (visitor.pick("Runs on", "動作サーバ")) }
                        th scope="col" { (visitor.pick("Resources", "リソース")) }
                    } }
                    tbody { @for group in &status.groups { (row(visitor, group)) } }
                }
            }
        }
    }
}

fn row(visitor: &Visitor, group: &GroupStatus) -> Markup {
    let bad = is_bad(group);
    html! {
        tr {
            th scope="row" { (group.name) }
            td.bad[bad] {
                (state(group, visitor.language))
                @if group.maintenance { " (" (visitor.pick("maintenance", "メンテナンス中")) ")" }
            }
            td { (group.current.join(", ")) }
            td {
                @for (at, resource) in group.resources.iter().enumerate() {
                    @if at > 0 { ", " }
                    @match resource.state {
                        GroupState::Failed => b.bad { (resource.name) },
                        _ => (resource.name),
                    }
                }
            }
        }
    }
}
