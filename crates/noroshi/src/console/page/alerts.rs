//! The alert view (rules M31 N7 N21): newest first, filtered, page by page, live while it is open.

use super::alert_filter::{Asked, form};
use super::{Place, frame, lost, trouble, words};
use crate::console::App;
use crate::console::desk::Page;
use crate::console::visitor::{Visitor, see};
use crate::print::escaped;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use noroshi_daemon::control::{AlertLine, AlertsPage};
use std::sync::Arc;

/// Alerts on one page.
const ROWS: u32 = 50;
/// Characters of an alert's text in its row; its own page has it whole.
const ROW_TEXT_CHARS_MAX: usize = 240;

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    let (only, wrong) = asked.filter();
    let (before, after) = (asked.row_before(), asked.row_after());
    let page = Page {
        limit: ROWS,
        only,
        before,
        after: after.filter(|_| before.is_none()),
    };
    let backwards = page.after.is_none();
    let mut page = match app.desk.alerts(page).await {
        Ok(page) => page,
        Err(error) => return trouble(&visitor, Place::Alerts, &error),
    };
    if !backwards {
        if page.next.is_none() {
            // These are the newest, and they are live.
            return see(&asked.link("/alerts", None));
        }
        page.alerts.reverse();
    }
    let live = backwards && before.is_none();
    if live {
        app.live.shown(&page.alerts);
    }
    let servers = app.accounts.settings().map(|settings| {
        let names = settings.servers.iter();
        names.map(|server| server.name.clone()).collect()
    });
    let title = visitor.pick("Alerts", "アラート");
    let stream = live.then(|| asked.link("/live", Some(("after", page.newest))));
    let content = html! {
        (form(&visitor, &asked, &wrong, &servers.unwrap_or_else(|_| Vec::new())))
        p.links {
            a href="/alerts/figures" { (visitor.pick("Pictures", "グラフ")) } " "
            a href=(asked.link("/alerts.csv", None)) download { (visitor.pick("Export CSV", "CSV 出力")) } " "
            a href=(asked.link("/alerts.json", None)) download { (visitor.pick("Export JSON", "JSON 出力")) }
        }
        (lost(&visitor))
        (table(&visitor, &page.alerts, stream.as_deref()))
        (turning(&visitor, &asked, &page, backwards, live))
    };
    frame(&visitor, Place::Alerts, title, &content)
}

fn table(visitor: &Visitor, lines: &[AlertLine], stream: Option<&str>) -> Markup {
    let heads = visitor.pick(
        [
            "Severity", "Received", "Time", "Server", "Module", "ID", "Message", "Notices",
        ],
        [
            "重要度",
            "受信時刻",
            "発生時刻",
            "サーバ",
            "モジュール",
            "ID",
            "メッセージ",
            "通報",
        ],
    );
    html! {
        table.alerts {
            caption.unseen { (visitor.pick("Alerts, newest first", "アラート（新しい順）")) }
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody #alerts data-live=[stream.map(|_| "alerts")] data-stream=[stream] aria-live="polite"
                aria-relevant="additions" {
                @for line in lines { (row(visitor, line)) }
            }
        }
    }
}

/// The links to older and newer alerts, and what an empty or a short page means.
fn turning(
    visitor: &Visitor,
    asked: &Asked,
    page: &AlertsPage,
    backwards: bool,
    live: bool,
) -> Markup {
    let ends = (page.alerts.first(), page.alerts.last());
    let cut = page.next.filter(|_| page.alerts.len() < ROWS as usize);
    let go_on = |cursor: &str, row: u64| {
        let words = visitor.pick("Search on from here", "ここから検索を続ける");
        html! {
            p.warn {
                (visitor.pick(
                    "The search stopped after a bounded number of records; there may be more. ",
                    "一定の件数まで検索して止まりました。まだ該当するものがあるかもしれません。",
                ))
                a href=(asked.link("/alerts", Some((cursor, row)))) { (words) }
            }
        }
    };
    let older = match (backwards, cut, page.next, ends.1) {
        (true, None, Some(next), _) => Some(next),
        (false, _, _, Some(last)) => Some(last.row),
        _ => None,
    };
    let newer = ends.0.filter(|_| !live).map(|first| first.row);
    html! {
        @match (cut, backwards) {
            (Some(next), true) => (go_on("before", next)),
            (Some(next), false) => (go_on("after", next)),
            (None, _) => {
                @if page.alerts.is_empty() {
                    p #none { (visitor.pick("No alerts.", "アラートはありません。")) }
                }
            }
        }
        nav.turning aria-label=(visitor.pick("Older and newer alerts", "前後のアラート")) {
            @if !live { a href=(asked.link("/alerts", None)) { (visitor.pick("Newest", "最新")) } " " }
            @if let Some(row) = newer {
                a rel="prev" href=(asked.link("/alerts", Some(("after", row)))) {
                    (visitor.pick("Newer", "新しい方へ"))
                } " "
            }
            @if let Some(row) = older {
                a rel="next" href=(asked.link("/alerts", Some(("before", row)))) {
                    (visitor.pick("Older", "古い方へ"))
                }
            }
        }
    }
}

/// One alert as a row; for the page and for what comes live.
pub(super) fn row(visitor: &Visitor, line: &AlertLine) -> Markup {
    let (class, sign, word) = words::severity(line.severity, visitor.language);
    let (received, received_at) = words::time(line.received);
    let (time, time_at) = words::time(line.time);
    // A narrow screen shows the second one only where it tells more.
    let same = received == time;
    let (standing, notices) = words::notices(line, visitor.language);
    html! {
        tr class=(class) data-row=(line.row) {
            td { span.severity.(class) { span.sign aria-hidden="true" { (sign) } (word) } }
            td { @if !same { span.head { (visitor.pick("received ", "受信 ")) } } time datetime=(received_at) { (received) } }
            td.same[same] { @if !same { span.head { (visitor.pick("time ", "発生 ")) } } time datetime=(time_at) { (time) } }
            td.name { bdi { (escaped(&line.server)) } }
            td.name { bdi { (escaped(&line.module)) } }
            td { (line.event) }
            td.text {
                a href={ "/alerts/" (line.row) } { bdi { (shortened(&line.text)) } }
                @if let Some(acknowledged) = &line.acknowledged {
                    " " span.mark {
                        (visitor.pick("seen by ", "対応: ")) bdi { (shortened(&acknowledged.by)) }
                    }
                }
            }
            td.sent { span.standing.(standing) { (notices) } }
        }
    }
}

/// A text as a row has it: nothing in it steers a reader or a page.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(ROW_TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", escaped(&text[..end])),
        None => escaped(text),
    }
}
