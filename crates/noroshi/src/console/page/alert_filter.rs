//! The filter of the alert view: from a query to [`AlertFilter`], back into links, and as a form.
//!
//! Every text in it is data. What cannot be understood is said beside its field, and the filter then
//! leaves that field out.

use crate::console::visitor::{Visitor, encoded};
use crate::when::When;
use maud::{Markup, html};
use noroshi_core::alert::Severity;
use noroshi_core::notice::Delivery;
use noroshi_daemon::control::AlertFilter;
use serde::Deserialize;

/// Longest text that the form takes, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// What a query of the alert view, of its export or of its stream asks for, as it came.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Asked {
    text: String,
    server: String,
    severity: String,
    module: String,
    since: String,
    until: String,
    delivery: String,
    before: String,
    after: String,
}

/// A field that could not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::console) enum Wrong {
    Severity,
    Since,
    Until,
    Delivery,
}

impl Wrong {
    /// Its name in a query.
    pub(in crate::console) fn name(self) -> &'static str {
        match self {
            Wrong::Severity => "severity",
            Wrong::Since => "since",
            Wrong::Until => "until",
            Wrong::Delivery => "delivery",
        }
    }
}

const SEVERITIES: [(&str, Severity, &str, &str); 3] = [
    ("info", Severity::Info, "info and worse", "情報以上"),
    (
        "warning",
        Severity::Warning,
        "warning and worse",
        "警告以上",
    ),
    ("error", Severity::Error, "error", "エラー"),
];

const DELIVERIES: [(&str, Delivery, &str, &str); 3] = [
    (
        "undelivered",
        Delivery::Undelivered,
        "a notice not delivered",
        "届いていない通報あり",
    ),
    (
        "waiting",
        Delivery::Waiting,
        "a notice waiting",
        "送信待ちの通報あり",
    ),
    (
        "delivered",
        Delivery::Delivered,
        "all delivered",
        "すべて送信済み",
    ),
];

impl Asked {
    /// The filter, and the fields that were left out of it because they mean nothing.
    pub(in crate::console) fn filter(&self) -> (AlertFilter, Vec<Wrong>) {
        let mut wrong = Vec::new();
        let time = |text: &str, field: Wrong, wrong: &mut Vec<Wrong>| {
            let text = some(text)?;
            let when = text.parse::<When>().ok();
            if when.is_none() {
                wrong.push(field);
            }
            when.map(|when| when.0)
        };
        let mut filter = AlertFilter {
            text: some(&self.text),
            server: some(&self.server),
            module: some(&self.module),
            since: time(&self.since, Wrong::Since, &mut wrong),
            until: time(&self.until, Wrong::Until, &mut wrong),
            ..AlertFilter::default()
        };
        if let Some(word) = some(&self.severity) {
            let row = SEVERITIES.iter().find(|row| row.0 == word);
            filter.severity = row.map(|row| row.1);
            wrong.extend(row.is_none().then_some(Wrong::Severity));
        }
        if let Some(word) = some(&self.delivery) {
            let row = DELIVERIES.iter().find(|row| row.0 == word);
            filter.delivery = row.map(|row| row.1);
            wrong.extend(row.is_none().then_some(Wrong::Delivery));
        }
        (filter, wrong)
    }

    /// Only rows before this one.
    pub(super) fn row_before(&self) -> Option<u64> {
        self.before.parse().ok()
    }

    /// Only rows after this one.
    pub(super) fn row_after(&self) -> Option<u64> {
        self.after.parse().ok()
    }

    /// Nothing is filtered.
    fn is_empty(&self) -> bool {
        self.fields().iter().all(|(_, text)| text.trim().is_empty())
    }

    /// `path` with this filter, and a cursor's name and row if there is one.
    pub(super) fn link(&self, path: &str, cursor: Option<(&str, u64)>) -> String {
        let fields = self.fields();
        let given = fields.iter().filter(|(_, text)| !text.trim().is_empty());
        let mut pairs: Vec<String> = given
            .map(|(name, text)| format!("{name}={}", encoded(text.trim())))
            .collect();
        pairs.extend(cursor.map(|(name, row)| format!("{name}={row}")));
        match pairs.is_empty() {
            true => path.into(),
            false => format!("{path}?{}", pairs.join("&")),
        }
    }

    fn fields(&self) -> [(&str, &str); 7] {
        [
            ("text", &self.text),
            ("server", &self.server),
            ("severity", &self.severity),
            ("module", &self.module),
            ("since", &self.since),
            ("until", &self.until),
            ("delivery", &self.delivery),
        ]
    }
}

fn some(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The form; `servers` are those of the cluster.
pub(super) fn form(
    visitor: &Visitor,
    asked: &Asked,
    wrong: &[Wrong],
    servers: &[String],
) -> Markup {
    let any = visitor.pick("any", "すべて");
    let bad = |field: Wrong| wrong.contains(&field);
    html! {
        details.filter open[!asked.is_empty()] {
            summary { (visitor.pick("Filter", "絞り込み")) }
            form method="get" action="/alerts" role="search" {
                label { (visitor.pick("Text", "メッセージ"))
                    input name="text" value=(asked.text) maxlength=(TEXT_CHARS_MAX);
                }
                label { (visitor.pick("Server", "サーバ"))
                    input name="server" value=(asked.server) list="servers" maxlength="255";
                }
                datalist #servers { @for server in servers { option value=(server) {} } }
                label { (visitor.pick("Severity", "重要度"))
                    select name="severity" aria-invalid=[bad(Wrong::Severity).then_some("true")] {
                        option value="" { (any) }
                        @for (value, _, en, ja) in SEVERITIES {
                            option value=(value) selected[asked.severity == value] { (visitor.pick(en, ja)) }
                        }
                    }
                    @if bad(Wrong::Severity) { (no_such(visitor, &asked.severity)) }
                }
                label { (visitor.pick("Module", "モジュール"))
                    input name="module" value=(asked.module) maxlength="255";
                }
                (time(visitor, "since", visitor.pick("From", "開始"), &asked.since, bad(Wrong::Since)))
                (time(visitor, "until", visitor.pick("Before", "終了（この時刻より前）"), &asked.until, bad(Wrong::Until)))
                label { (visitor.pick("Notices", "通報"))
                    select name="delivery" aria-invalid=[bad(Wrong::Delivery).then_some("true")] {
                        option value="" { (any) }
                        @for (value, _, en, ja) in DELIVERIES {
                            option value=(value) selected[asked.delivery == value] { (visitor.pick(en, ja)) }
                        }
                    }
                    @if bad(Wrong::Delivery) { (no_such(visitor, &asked.delivery)) }
                }
                p.buttons {
                    button.primary type="submit" { (visitor.pick("Show", "表示")) }
                    @if !asked.is_empty() {
                        " " a.button href="/alerts" { (visitor.pick("Show all", "絞り込みを解除")) }
                    }
                }
            }
        }
    }
}

/// A time: the browser's own field where what stands in it fits that, else as it was typed.
fn time(visitor: &Visitor, name: &str, label: &str, value: &str, wrong: bool) -> Markup {
    let kind = match wrong || value.contains(['Z', '+', ' ']) || value.len() == 10 {
        true => "text",
        false => "datetime-local",
    };
    html! {
        label { (label)
            input type=(kind) name=(name) value=(value) step="1" maxlength="40"
                aria-invalid=[wrong.then_some("true")];
            @if wrong {
                span.wrong role="alert" { (visitor.pick(
                    "Not a time; write it like 2026-11-22T10:00.",
                    "時刻として読めません。2026-11-22T10:00 のように入力してください。",
                )) }
            }
        }
    }
}

fn no_such(visitor: &Visitor, value: &str) -> Markup {
    let value = crate::print::escaped(value);
    html! {
        span.wrong role="alert" {
            (visitor.pick("There is no such choice: ", "選択できない値です: ")) bdi { (value) }
        }
    }
}
