//! One alert: all that is known of it, each notice's way, and who sees to it (rules N7 N21 N24).

use super::{Place, frame, missing, not_done, trouble, words};
use crate::console::App;
use crate::console::deed;
use crate::console::desk::Page;
use crate::console::visitor::{Visitor, see};
use crate::print::escaped;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use maud::{Markup, html};
use noroshi_core::alert::REMARK_BYTES_MAX;
use noroshi_core::config::Role;
use noroshi_core::time::WallTime;
use noroshi_daemon::control::{AlertLine, NoticeLine};
use serde::Deserialize;
use std::sync::Arc;

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(row): Path<String>,
) -> Response {
    let Some(row) = row.parse::<u64>().ok().filter(|row| *row < u64::MAX) else {
        return missing(Extension(visitor)).await;
    };
    let page = Page {
        limit: 1,
        before: Some(row + 1),
        ..Page::default()
    };
    let found = match app.desk.alerts(page).await {
        Ok(page) => page.alerts.into_iter().find(|line| line.row == row),
        Err(error) => return trouble(&visitor, Place::Alerts, &error),
    };
    let Some(line) = found else {
        return missing(Extension(visitor)).await;
    };
    let title = visitor.pick("Alert", "アラート");
    let content = html! {
        (facts(&visitor, &line))
        h2 { (visitor.pick("Notices", "通報")) }
        (notices(&visitor, &line))
        h2 { (visitor.pick("Acknowledgement", "対応")) }
        (acknowledged(&visitor, &line))
        @if visitor.may(Role::Operate) { (form(&visitor, &line)) }
        p { a href="/alerts" { (visitor.pick("To the alerts", "アラート一覧へ")) } }
    };
    frame(&visitor, Place::Alerts, title, &content)
}

fn time(at: WallTime) -> Markup {
    let (shown, machine) = words::time(at);
    html! { time datetime=(machine) { (shown) } }
}

fn facts(visitor: &Visitor, line: &AlertLine) -> Markup {
    let (class, sign, word) = words::severity(line.severity, visitor.language);
    html! {
        p.alert-text { span.severity.(class) { span.sign aria-hidden="true" { (sign) } (word) } " "
            bdi { (escaped(&line.text)) } }
        dl.facts-of {
            dt { (visitor.pick("Received", "受信時刻")) } dd { (time(line.received)) }
            dt { (visitor.pick("Time", "発生時刻")) } dd { (time(line.time)) }
            dt { (visitor.pick("Server", "サーバ")) } dd { bdi { (escaped(&line.server)) } }
            @if let Some(about) = &line.about {
                dt { (visitor.pick("About", "対象サーバ")) } dd { bdi { (escaped(about)) } }
            }
            dt { (visitor.pick("Module", "モジュール")) } dd { bdi { (escaped(&line.module)) } }
            dt { "ID" } dd { (line.event) }
            dt { (visitor.pick("Name", "識別名")) } dd { code { (escaped(&line.id.0)) } }
        }
    }
}

fn notices(visitor: &Visitor, line: &AlertLine) -> Markup {
    let heads = visitor.pick(
        [
            "Recipient",
            "Channel",
            "State",
            "Sent by",
            "Attempts",
            "Reply",
            "Time",
        ],
        ["宛先", "手段", "状態", "送信サーバ", "試行", "応答", "時刻"],
    );
    html! {
        @if line.notices.is_empty() {
            p { (visitor.pick("This alert is not sent to anybody.", "このアラートの通報先はありません。")) }
        } @else {
            table.alerts.notices {
                caption.unseen { (visitor.pick("Each notice's way", "通報ごとの経過")) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for notice in &line.notices { (notice_row(visitor, notice, heads)) } }
            }
        }
    }
}

fn notice_row(visitor: &Visitor, notice: &NoticeLine, heads: [&str; 7]) -> Markup {
    let (class, state) = words::notice(notice.state, visitor.language);
    let [_, _, _, sender, attempts, ..] = heads;
    html! {
        tr {
            td.text { bdi { (escaped(&notice.recipient)) } }
            td { (words::channel(notice.channel, visitor.language)) }
            td { span.standing.(class) { (state) }
                @if notice.possible_repeat {
                    " " (visitor.pick("(may have been sent twice)", "（重複の可能性あり）"))
                }
            }
            td { span.head { (sender) ": " } bdi { (escaped(&notice.sender)) } }
            td { span.head { (attempts) ": " } (notice.attempts) }
            td { bdi { (escaped(&notice.reason)) } }
            td { (time(notice.changed)) }
        }
    }
}

fn acknowledged(visitor: &Visitor, line: &AlertLine) -> Markup {
    html! {
        @if let Some(one) = &line.acknowledged {
            p.good { b { bdi { (escaped(&one.by)) } } " " (time(one.at))
                @if !one.remark.is_empty() { br; bdi { (escaped(&one.remark)) } } }
        } @else {
            p { (visitor.pick("Nobody has acknowledged this alert yet.", "対応者はまだ記録されていません。")) }
        }
    }
}

fn form(visitor: &Visitor, line: &AlertLine) -> Markup {
    html! {
        form.card method="post" action="/alerts/acknowledge" {
            input type="hidden" name="alert" value=(line.id.0);
            input type="hidden" name="row" value=(line.row);
            label { (visitor.pick("Remark", "コメント"))
                // At most three bytes a character outside of rare scripts; the rest is cut.
                textarea name="remark" rows="2" maxlength=(REMARK_BYTES_MAX / 3) {}
            }
            p { (visitor.pick("It is recorded on every server under your name: ", "全サーバに次の名前で記録されます: "))
                b { (visitor.name()) } }
            button.primary type="submit" { (visitor.pick("I see to it", "対応を記録する")) }
        }
    }
}

/// The form of an acknowledgement.
#[derive(Deserialize)]
pub(in crate::console) struct Seen {
    alert: String,
    row: u64,
    #[serde(default)]
    remark: String,
}

pub(in crate::console) async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(seen): Form<Seen>,
) -> Response {
    let back = format!("/alerts/{}", seen.row);
    match deed::acknowledge(&app, &visitor, seen.alert, &seen.remark).await {
        Ok(_) => see(&back),
        Err(undone) => not_done(&visitor, undone, &back),
    }
}
