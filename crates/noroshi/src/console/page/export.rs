//! The alert view as a file: CSV for spreadsheet programs, JSON for others, with the page's filter.
//!
//! The daemon is asked for one page after the other as fast as the reader takes them, so memory holds one
//! of them, and a reader that stalls holds up nobody. A daemon that ends meanwhile breaks the file off,
//! which the reader's program says.

use super::alert_filter::Asked;
use super::{Place, refused, trouble, words};
use crate::command::alerts::as_json;
use crate::console::App;
use crate::console::desk::Page;
use crate::console::visitor::Visitor;
use crate::print::local;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use noroshi_core::text::Language;
use noroshi_daemon::control::{AlertLine, AlertsPage};
use std::future::ready;
use std::io;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Alerts asked for at once.
const PAGE_ROWS: u32 = 100;
/// Exports at once: each keeps one of the store's readers busy, and with a filter that takes little for as long as
/// the whole view is long. One more is told to come later.
const EXPORTS_MAX: usize = 4;
/// What tells spreadsheet programs that the bytes are UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The places for exports.
pub(in crate::console) struct Exports(Arc<Semaphore>);

impl Default for Exports {
    fn default() -> Exports {
        Exports(Arc::new(Semaphore::new(EXPORTS_MAX)))
    }
}

/// A form of file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// RFC 4180.
    Csv,
    /// One array.
    Json,
}

pub(in crate::console) async fn csv(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    file(app, visitor, &asked, Kind::Csv).await
}

pub(in crate::console) async fn json(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    file(app, visitor, &asked, Kind::Json).await
}

/// What is still to be written.
struct Export {
    app: Arc<App>,
    page: Page,
    kind: Kind,
    language: Language,
    /// The page that comes next; `None` when the file is at its end.
    ready: Option<AlertsPage>,
    /// Alerts written so far.
    entries: u64,
    _place: OwnedSemaphorePermit,
}

async fn file(app: Arc<App>, visitor: Visitor, asked: &Asked, kind: Kind) -> Response {
    let page = Page {
        limit: PAGE_ROWS,
        only: asked.filter().0,
        before: asked.row_before(),
        after: None,
    };
    let Ok(place) = Arc::clone(&app.exports.0).try_acquire_owned() else {
        let why = visitor.pick(
            "Four exports are under way already. Try again when one is through.",
            "既に四件の出力を実行中です。完了後に再試行してください。",
        );
        let page = refused(&visitor, &[why.into()], "/alerts");
        return (StatusCode::SERVICE_UNAVAILABLE, page).into_response();
    };
    // A daemon that does not answer is a page that says so, not half a file.
    let first = match app.desk.alerts(page.clone()).await {
        Ok(first) => first,
        Err(error) => return trouble(&visitor, Place::Alerts, &error),
    };
    let export = Export {
        app,
        page,
        kind,
        language: visitor.language,
        ready: Some(first),
        entries: 0,
        _place: place,
    };
    let head = stream::once(ready(Ok(export.head())));
    let body = Body::from_stream(head.chain(stream::unfold(export, Export::next)));
    let (mime, name) = match kind {
        Kind::Csv => ("text/csv; charset=utf-8", "alerts.csv"),
        Kind::Json => ("application/json", "alerts.json"),
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let head = [
        (CONTENT_TYPE, mime.to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    (head, body).into_response()
}

impl Export {
    /// The next piece: at least one alert, or the end.
    async fn next(mut self) -> Option<(io::Result<String>, Export)> {
        let mut text = String::new();
        while text.is_empty() {
            let page = self.ready.take()?;
            for line in &page.alerts {
                text.push_str(&self.entry(line));
                self.entries += 1;
            }
            if let Some(next) = page.next {
                self.page.before = Some(next);
                match self.app.desk.alerts(self.page.clone()).await {
                    Ok(page) => self.ready = Some(page),
                    Err(error) => return Some((Err(io::Error::other(error.to_string())), self)),
                }
            } else if self.kind == Kind::Json {
                text.push_str("\n]\n");
            } else if text.is_empty() {
                return None;
            }
        }
        Some((Ok(text), self))
    }

    fn head(&self) -> String {
        match self.kind {
            Kind::Json => "[".into(),
            Kind::Csv => {
                let heads = self.language.pick(
                    [
                        "Received",
                        "Time",
                        "Server",
                        "Module",
                        "ID",
                        "Severity",
                        "Message",
                        "Notices",
                        "Acknowledged by",
                        "Acknowledged at",
                        "Remark",
                        "Name",
                    ],
                    [
                        "受信時刻",
                        "発生時刻",
                        "サーバ",
                        "モジュール",
                        "ID",
                        "重要度",
                        "メッセージ",
                        "通報",
                        "対応者",
                        "対応時刻",
                        "コメント",
                        "識別名",
                    ],
                );
                format!("{BYTE_ORDER_MARK}{}", record(&heads))
            }
        }
    }

    fn entry(&self, line: &AlertLine) -> String {
        match self.kind {
            Kind::Json => {
                let comma = if self.entries > 0 { "," } else { "" };
                format!("{comma}\n{}", as_json(line).unwrap_or_default())
            }
            Kind::Csv => csv_record(line, self.language),
        }
    }
}

fn csv_record(line: &AlertLine, language: Language) -> String {
    let seen = line.acknowledged.as_ref();
    let (_, _, severity) = words::severity(line.severity, language);
    record(&[
        &local(line.received),
        &local(line.time),
        &line.server,
        &line.module,
        &line.event.to_string(),
        severity,
        &line.text,
        &words::notices(line, language).1,
        seen.map_or("", |seen| &seen.by),
        &seen.map_or_else(String::new, |seen| local(seen.at)),
        seen.map_or("", |seen| &seen.remark),
        &line.id.0,
    ])
}

/// A record of RFC 4180 with its end.
fn record(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell: quoted, and defused where a spreadsheet program would take it for a formula.
fn cell(text: &str) -> String {
    let formula = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let defused = if formula { "'" } else { "" };
    // A program that ends text at a NUL must not lose the rest.
    let text = text.replace('\0', " ").replace('"', "\"\"");
    format!("\"{defused}{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N21
    #[test]
    fn no_cell_is_a_formula_or_breaks_its_record() {
        for (text, expected) in [
            ("plain, and more", r#""plain, and more""#),
            ("say \"so\"", r#""say ""so""""#),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=cmd|' /C calc'!A0", r#""'=cmd|' /C calc'!A0""#),
            ("+1", r#""'+1""#),
            ("-1", r#""'-1""#),
            ("@SUM(A1)", r#""'@SUM(A1)""#),
            ("\t=1", "\"'\t=1\""),
            ("\r\n=1", "\"'\r\n=1\""),
            ("＝１", "\"'＝１\""),
            ("a=1", "\"a=1\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(text), expected);
        }
        assert_eq!(record(&["a", "b"]), "\"a\",\"b\"\r\n");
    }
}
