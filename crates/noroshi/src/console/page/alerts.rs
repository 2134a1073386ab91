//! The alert view (rule M31 N7): newest first.

use super::{Place, frame, trouble, words};
use crate::console::App;
use crate::console::visitor::Visitor;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use noroshi_daemon::control::{AlertFilter, AlertLine};
use std::sync::Arc;

/// Alerts on one page.
const ROWS: u32 = 50;

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let lines = match app.desk.alerts(ROWS, AlertFilter::default()).await {
        Ok(lines) => lines,
        Err(error) => return trouble(&visitor, Place::Alerts, &error),
    };
    let title = visitor.pick("Alerts", "アラート");
    let content = html! {
        table.alerts {
            caption.unseen { (title) }
            thead { tr {
                th scope="col" { (visitor.pick("Severity", "重要度")) }
                th scope="col" { (visitor.pick("Received", "受信時刻")) }
                th scope="col" { (visitor.pick("Time", "発生時刻")) }
                th scope="col" { (visitor.pick("Server", "サーバ")) }
                th scope="col" { (visitor.pick("Module", "モジュール")) }
                th scope="col" { "ID" }
                th scope="col" { (visitor.pick("Message", "メッセージ")) }
            } }
            tbody #alerts data-live="alerts" {
                @for line in &lines { (row(&visitor, line)) }
            }
        }
        @if lines.is_empty() { p { (visitor.pick("No alerts.", "アラートはありません。")) } }
    };
    frame(&visitor, Place::Alerts, title, &content)
}

/// One alert as a row; for the page and for what comes live.
pub(super) fn row(visitor: &Visitor, line: &AlertLine) -> Markup {
    let (class, sign, word) = words::severity(line.severity, visitor.language);
    let (received, received_at) = words::time(line.received);
    let (time, time_at) = words::time(line.time);
    html! {
        tr class=(class) data-row=(line.row) {
            td { span.severity.(class) { span.sign aria-hidden="true" { (sign) } (word) } }
            td { time datetime=(received_at) { (received) } }
            td { time datetime=(time_at) { (time) } }
            td { (line.server) }
            td { (line.module) }
            td { (line.event) }
            td.text { bdi { (line.text) } }
        }
    }
}
