//! A comparison of two clp.conf as a table: path, old, new. Secrets are never shown.

use super::work::{Line, Shown};
use crate::console::visitor::Visitor;
use maud::{Markup, html};

/// Lines shown of one comparison; how many more there are is said.
const LINES_MAX: usize = 200;
/// Characters of a value shown.
const VALUE_CHARS_MAX: usize = 300;

/// The table; `heads` are the words above old and new.
pub(super) fn table(
    visitor: &Visitor,
    caption: &str,
    heads: (&str, &str),
    lines: &[Line],
) -> Markup {
    html! {
        table.difference {
            caption { (caption) }
            thead { tr {
                th scope="col" { (visitor.pick("Setting", "設定")) }
                th scope="col" { (heads.0) }
                th scope="col" { (heads.1) }
            } }
            tbody {
                @for line in lines.iter().take(LINES_MAX) {
                    tr {
                        th scope="row" { (line.path) }
                        td { (column(heads.0)) del { (side(visitor, &line.old)) } }
                        td { (column(heads.1)) ins { (side(visitor, &line.new)) } }
                    }
                }
            }
        }
        @if lines.len() > LINES_MAX {
            p { (visitor.pick("More differences: ", "他の相違点: ")) (lines.len() - LINES_MAX) }
        }
        @if lines.is_empty() {
            p { (visitor.pick("No setting differs.", "設定に相違点はありません。")) }
        }
    }
}

/// The column's head again, for a phone, where each cell has a line of its own.
pub(super) fn column(head: &str) -> Markup {
    html! { span.column aria-hidden="true" { (head) ": " } }
}

fn side(visitor: &Visitor, shown: &Shown) -> String {
    match shown {
        Shown::Absent => visitor.pick("(not there)", "（なし）").into(),
        Shown::Secret => visitor
            .pick("(secret, changed)", "（秘密、変更あり）")
            .into(),
        Shown::Value(value) if value.is_empty() => visitor.pick("(empty)", "（空）").into(),
        Shown::Value(value) => cut(value),
    }
}

/// A value fit to be looked at.
pub(super) fn cut(value: &str) -> String {
    let mut text: String = value.chars().take(VALUE_CHARS_MAX).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    text
}
