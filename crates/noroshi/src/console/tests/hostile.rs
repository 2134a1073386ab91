//! Texts from outside on every page of the alert view: they are data wherever they stand.

use super::*;
use crate::console::page;
use axum::Extension;
use axum::extract::{Path, State};
use noroshi_core::alert::Acknowledgement;

/// Pages of fifty such alerts must stay a page.
const PAGE_BYTES_MAX: usize = 400_000;

const EVIL: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</textarea></title></script><svg onload=alert(1)>",
    "&lt;b&gt; &amp; javascript:alert(1)",
    "a\u{202e}evil\u{2066}b\u{200f}",
    "nul\0 escape\u{1b}[2J\u{7f}\u{85}\r\n\r\ndata: x\n\nevent: reload",
    "\u{2028}\u{2029}\u{feff}",
];

fn evil(row: u64, text: &str) -> AlertRow {
    let mut evil = alert(row, Severity::Error, text);
    let mut all = (*evil.alert).clone();
    all.server = text.into();
    all.about = Some(text.into());
    all.message.module = text.into();
    evil.alert = Arc::new(all);
    evil.notices = vec![notice(row, Channel::Mail, text, NoticeState::Refused)];
    evil.notices[0].reason = text.into();
    evil.notices[0].sender = text.into();
    evil.acknowledgement = Some(Acknowledgement {
        alert: AlertId(format!("a-{row}")),
        by: text.into(),
        remark: text.into(),
        at: WallTime(i64::MIN),
    });
    evil
}

/// No tag, attribute or line of an event is made by a text, and nothing in it is invisible.
fn harmless(page: &str, what: &str) {
    for tag in ["<script>", "<img", "<svg onload", "</textarea></title>"] {
        assert!(!page.contains(tag), "{what}: {tag}");
    }
    let inside: Vec<&str> = page
        .split('>')
        .filter_map(|part| part.split('<').nth(1))
        .collect();
    for tag in inside {
        let tag = tag.replace("&quot;", "");
        for attribute in ["onerror", "onmouseover", "onload"] {
            let outside_values: String = tag.split('"').step_by(2).collect();
            assert!(!outside_values.contains(attribute), "{what}: {tag}");
        }
    }
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    assert_eq!(page.chars().find(|c| steers(*c)), None, "{what}");
}

/// Rule: N7 N21 M31
#[tokio::test]
async fn no_text_becomes_part_of_a_page() {
    let rows = (1..).zip(EVIL).map(|(row, text)| evil(row, text));
    let console = Console::with(rows.collect());
    let parts = |role| {
        let visitor = Extension(visitor(Language::En, role));
        (State(console.app.clone()), visitor)
    };
    let (app, who) = parts(Role::View);
    let page = body(page::alerts::show(app, who, asked("")).await).await;
    assert_eq!(page.matches("data-row=").count(), EVIL.len());
    harmless(&page, "list");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("\\u{202e}evil"), "what steers is shown");
    for row in 1..=EVIL.len() {
        let (app, who) = parts(Role::Administer);
        let page = page::alert::show(app, who, Path(row.to_string())).await;
        harmless(&body(page).await, EVIL[row - 1]);
    }
    // What is asked for comes back in the form and in links.
    for text in EVIL {
        let text: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (app, who) = parts(Role::View);
        let query = format!(
            "text={text}&server={text}&module={text}&since={text}&severity={text}&delivery={text}"
        );
        let page = body(page::alerts::show(app, who, asked(&query)).await).await;
        assert!(!page.contains("<script>") && !page.contains("<img") && !page.contains("<svg on"));
    }
    let (app, who) = parts(Role::View);
    let json = body(page::export::json(app, who, asked("")).await).await;
    let all: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(
        all[EVIL.len() - 1]["text"],
        EVIL[0],
        "a file for programs keeps every character"
    );
    let (app, who) = parts(Role::View);
    let csv = body(page::export::csv(app, who, asked("")).await).await;
    assert!(!csv.contains('\0'));
}

/// A store may hold what no release of ours has written: one alert must not hide the others.
///
/// Rule: N7 N21
#[tokio::test]
async fn a_text_of_a_megabyte_is_one_row_and_one_page() {
    let long = "<é>".repeat(1 << 18);
    let mut rows: Vec<AlertRow> = (1..=49).map(|row| evil(row, &long)).collect();
    rows.push(alert(50, Severity::Info, "the one after"));
    let console = Console::with(rows);
    let parts = || {
        let visitor = Extension(visitor(Language::Ja, Role::Operate));
        (State(console.app.clone()), visitor)
    };
    let (app, who) = parts();
    let page = body(page::alerts::show(app, who, asked("")).await).await;
    assert_eq!(page.matches("data-row=").count(), 50);
    assert!(page.contains("the one after"));
    assert!(page.len() < PAGE_BYTES_MAX, "{}", page.len());
    let (app, who) = parts();
    let page = body(page::alert::show(app, who, Path("7".into())).await).await;
    assert!(page.len() < PAGE_BYTES_MAX, "{}", page.len());
    let (app, who) = parts();
    let csv = body(page::export::csv(app, who, asked("")).await).await;
    assert_eq!(csv.matches("\r\n").count(), 51);
}
