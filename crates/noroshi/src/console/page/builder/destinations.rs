//! Cluster properties, the destinations of the messages (rules M10 M11): where each one goes, as a table of ticks
//! with a search. The search works without a script; with it, while somebody types.

use super::draft::{Change, Sheet};
use super::field;
use super::form::Form;
use crate::command::config::ticks::TICKS;
use crate::console::page::words;
use maud::{Markup, html};
use noroshi_core::alert::{CATALOGUE, MessageId, row_by_id};
use noroshi_core::text::Language;

/// Rows of one page, which is to stay below 100 kB; the search finds the others. So a narrow page has the names of
/// the columns from the style, not in each row.
const ROWS_MAX: usize = 80;

/// The search, and the form with the rows that fit `search`.
pub(super) fn form(form: &Form<'_>, search: &str) -> Markup {
    let pick = |en, ja| form.pick(en, ja);
    let all = messages(form);
    let found: Vec<&MessageId> = all.iter().filter(|id| fits(id, search)).collect();
    let shown = &found[..found.len().min(ROWS_MAX)];
    let table = html! {
        table.destinations {
            caption { (pick("Where each message goes", "メッセージごとの通報先")) }
            thead { tr {
                th scope="col" { (pick("Message", "メッセージ")) }
                th scope="col" { (pick("Severity", "重要度")) }
                @for (_, en, ja) in COLUMNS { th scope="col" { (pick(en, ja)) } }
            } }
            tbody data-filtered="destinations" { @for id in shown { (row(form, id)) } }
        }
    };
    html! {
        form.search method="get" action="/builder/destinations" role="search" {
            label { (pick("Search", "検索"))
                input type="search" name="q" value=(search) data-filter="destinations";
            }
            button type="submit" { (pick("Search", "検索")) }
        }
        p.facts {
            (pick("Messages found: ", "該当するメッセージ: ")) b { (found.len()) }
            @if found.len() > shown.len() {
                (pick("; shown: ", "、表示: ")) b { (shown.len()) }
                (pick(". A search finds the others.", "。他は検索してください。"))
            }
        }
        p.hint { (pick(
            "Where a tick is not the default one, the default stands beside it.",
            "既定と異なる項目には既定値を併記しています。",
        )) }
        @if shown.is_empty() { p { (pick("No message fits.", "該当するメッセージはありません。")) } }
        @else { (form.around(&Sheet::Destinations, &table)) }
    }
}

/// Whether the page has the field at `path`.
pub(super) fn has(path: &str) -> bool {
    field::tick(path).is_some()
}

const COLUMNS: [(&str, &str, &str); 5] = [
    ("alert", "Alert view", "アラートビュー"),
    ("syslog", "syslog", "syslog"),
    ("mail", "Mail", "メール"),
    ("trap", "SNMP trap", "SNMP トラップ"),
    ("alertexec", "Command", "コマンド"),
];

/// The messages of the table, then those that only the file names.
fn messages(form: &Form<'_>) -> Vec<MessageId> {
    let mut ids: Vec<MessageId> = CATALOGUE.iter().map(|row| row.id()).collect();
    let in_file = field::all(form.document(), "/root/messages").flat_map(|node| node.children());
    let in_file = in_file.filter_map(|node| {
        field::message_of(&format!("/root/messages/{}@{}", node.name(), node.key()?))
    });
    let changed = form.changes.iter().map(Change::path);
    let changed = changed.filter_map(|path| Some(field::tick(path)?.0));
    for id in in_file.chain(changed) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Every word of the search stands in the row, in either language.
fn fits(id: &MessageId, search: &str) -> bool {
    let mut text = format!("{} {}", id.module, id.event);
    if let Some(row) = row_by_id(id) {
        for language in [Language::En, Language::Ja] {
            let (_, _, severity) = words::severity(row.severity, language);
            text.push_str(&format!(" {severity} {}", language.pick(row.en, row.ja)));
        }
    }
    let text = text.to_lowercase();
    let mut words = search.split_whitespace();
    words.all(|word| text.contains(&word.to_lowercase()))
}

fn row(form: &Form<'_>, id: &MessageId) -> Markup {
    let message = format!("/root/messages/{}@{}", id.module, id.event);
    let known = row_by_id(id);
    let built_in = field::built_in(id);
    let in_file = field::all(form.document(), &message).next().is_some();
    let shown = |name| field::shown(form.document(), &format!("{message}/{name}"));
    let was: String = TICKS.into_iter().map(shown).collect();
    html! {
        tr {
            th scope="row" {
                input type="hidden" name=(format!("was:{message}")) value=(was);
                span.id { (id.module) " " (id.event) }
                @if let Some(row) = known { " " span.text { (form.pick(row.en, row.ja)) } }
                @if in_file {
                    label.back {
                        input type="checkbox" name=(format!("without:{message}")) value="1" checked[form.goes(&message)];
                        " " (form.pick("default again", "既定に戻す"))
                    }
                }
            }
            td {
                @if let Some(row) = known {
                    @let (class, sign, word) = words::severity(row.severity, form.visitor.language);
                    span.severity.(class) { span.sign aria-hidden="true" { (sign) } (word) }
                } @else { "-" }
            }
            @for (at, (name, en, ja)) in COLUMNS.iter().enumerate() {
                @let path = format!("{message}/{name}");
                @let on = form.now(&path) == "1";
                td {
                    label {
                        input type="checkbox" name=(path) value="1" checked[on]
                            aria-label=(format!("{} {}: {}", id.module, id.event, form.pick(*en, *ja)));
                        @if built_in[at] != on {
                            span.default { (form.pick("default: ", "既定: "))
                                (if built_in[at] { form.pick("on", "オン") } else { form.pick("off", "オフ") }) }
                        }
                    }
                    @for fault in form.faults.of(&path) { p.bad { (fault) } }
                }
            }
        }
    }
}

const _: () = assert!(COLUMNS.len() == TICKS.len());

#[cfg(test)]
mod tests {
    use super::*;

    fn id(module: &str, event: u32) -> MessageId {
        MessageId {
            module: module.into(),
            event,
        }
    }

    /// Rule: M11 M26
    #[test]
    fn the_search_takes_words_of_both_languages_ids_and_severities() {
        for (search, found) in [
            ("", true),
            ("nm", true),
            ("nm 2", true),
            ("NM DOWN", true),
            ("ダウン", true),
            ("情報 サーバ", true),
            ("warning", false),
            ("<script>", false),
        ] {
            assert_eq!(fits(&id("nm", 2), search), found, "{search}");
        }
        assert!(fits(&id("foreign", 7), "foreign 7"));
    }

    /// The columns are the elements, in their order, which are core's destinations.
    ///
    /// Rule: M11
    #[test]
    fn the_columns_are_the_elements() {
        for (column, tick) in COLUMNS.iter().zip(TICKS) {
            assert_eq!(column.0, tick);
        }
        assert!(CATALOGUE.len() <= ROWS_MAX);
        let style = include_str!("../../assets/console.css");
        for (at, (_, en, ja)) in COLUMNS.iter().enumerate() {
            for (language, word) in [("", en), (":lang(ja) ", ja)] {
                let cell = format!(
                    "{language}.destinations td:nth-child({}) label::before {{ content: \"{word}\" / \"\"; }}",
                    at + 3
                );
                assert!(
                    en == ja && !language.is_empty() || style.contains(&cell),
                    "{cell}"
                );
            }
        }
    }
}
