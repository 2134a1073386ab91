//! Trying channels out (rules N15 N25): a test mail with what became of it at each recipient, and the
//! warning lights.

use super::cluster::test_question;
use super::{Place, frame, not_done, trouble, words};
use crate::console::App;
use crate::console::deed;
use crate::console::desk::Page;
use crate::console::visitor::{Visitor, encoded, see};
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use noroshi_core::notice::NoticeState;
use noroshi_core::request::Reply;
use noroshi_daemon::control::AlertLine;
use serde::Deserialize;
use std::sync::Arc;

const HERE: &str = "/test";

/// Of which test mail.
#[derive(Deserialize)]
pub(in crate::console) struct Of {
    #[serde(default)]
    alert: Option<String>,
}

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(of): Query<Of>,
) -> Response {
    let status = match app.desk.status().await {
        Ok(status) => status,
        Err(error) => return trouble(&visitor, Place::Test, &error),
    };
    let sent = match &of.alert {
        None => None,
        Some(id) => match app.desk.alerts(Page::of(id)).await {
            Ok(page) => page.alerts.into_iter().next(),
            Err(error) => return trouble(&visitor, Place::Test, &error),
        },
    };
    let title = visitor.pick("Test", "テスト");
    let lamps: Vec<_> = status
        .servers
        .iter()
        .filter(|server| server.lamp.is_some())
        .collect();
    let content = html! {
        h2 { (visitor.pick("Mail", "メール")) }
        (by_conversation(&app, &visitor, &status.server))
        h3 { (visitor.pick("As an alert", "アラートとして")) }
        form method="post" action="/test/mail" {
            p { (visitor.pick(
                "A test alert, mailed to every recipient through the queue as a real one is.",
                "テストのアラートを出力し、本番と同じ経路ですべての宛先に送信します。",
            )) }
            button type="submit" { (visitor.pick("Send a test mail", "テストメールを送信")) }
        }
        @if let Some(line) = &sent { (became(&visitor, line)) }
        h2 { (visitor.pick("Warning lights", "警告灯")) }
        @if !status.lamps_used {
            p { (visitor.pick("Warning lights are not used.", "警告灯は使用しない設定です。")) }
        } @else if lamps.is_empty() { p { (visitor.pick("No server has one.", "警告灯はありません。")) } }
        @for server in lamps { h3 { (server.name) } (test_question(&visitor, &server.name)) }
    };
    frame(&visitor, Place::Test, title, &content)
}

/// The form for test mails whose conversation is shown.
fn by_conversation(app: &App, visitor: &Visitor, server: &str) -> Markup {
    let settings = app.accounts.settings();
    let recipients = settings.map(|config| config.mail.recipients.clone());
    html! {
        form.card method="post" action="/test/conversation" {
            p { (visitor.pick(
                format!("{server} sends a test mail beside the queue and shows what it and the mail server say to each other, how long each step takes, and what helps where a mail does not get through."),
                format!("{server} が送信待ちの列を通さずにテストメールを送信し、メールサーバとの通信内容、各段階の所要時間、届かない場合の対処を表示します。"),
            )) }
            label { (visitor.pick("To", "宛先"))
                select name="recipient" {
                    option value="" { (visitor.pick("every recipient", "すべての宛先")) }
                    @for one in recipients.unwrap_or_default() { option value=(one.address) { (one.address) } }
                }
            }
            button.primary type="submit" { (visitor.pick("Send and show the conversation", "送信して通信内容を表示")) }
        }
    }
}

/// What became of the test mail.
fn became(visitor: &Visitor, line: &AlertLine) -> Markup {
    let ended = |state: NoticeState| {
        matches!(
            state,
            NoticeState::Delivered | NoticeState::Refused | NoticeState::GivenUp
        )
    };
    let waits = line.notices.iter().any(|notice| !ended(notice.state));
    let again = format!("{HERE}?alert={}", encoded(&line.id.0));
    html! {
        section role="status" {
            h3 { (visitor.pick("What became of it", "送信結果")) }
            table.notices {
                thead { tr {
                    th scope="col" { (visitor.pick("Recipient", "宛先")) }
                    th scope="col" { (visitor.pick("State", "状態")) }
                    th scope="col" { (visitor.pick("Attempts", "試行回数")) }
                    th scope="col" { (visitor.pick("Sent by", "送信サーバ")) }
                    th scope="col" { (visitor.pick("Reply", "応答")) }
                    th scope="col" { (visitor.pick("Time", "時刻")) }
                } }
                tbody { @for notice in &line.notices {
                    @let (class, state) = words::notice(notice.state, visitor.language);
                    @let (time, time_at) = words::time(notice.changed);
                    tr {
                        th scope="row" { bdi { (notice.recipient) } }
                        td { span.dot.(class) aria-hidden="true" {} (state) }
                        td { (notice.attempts) }
                        td { (notice.sender) }
                        td { bdi { (notice.reason) } }
                        td { time datetime=(time_at) { (time) } }
                    }
                } }
            }
            @if waits || line.notices.is_empty() {
                p { (visitor.pick("It is still under way. ", "送信中です。"))
                    a href=(again) { (visitor.pick("Look again", "再表示")) } }
            }
        }
    }
}

pub(in crate::console) async fn mail(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    match deed::mail_test(&app, &visitor).await {
        Ok(Reply::Accepted { alert, .. }) => see(&format!("{HERE}?alert={}", encoded(&alert.0))),
        Ok(_) => see(HERE),
        Err(undone) => not_done(&visitor, undone, HERE),
    }
}
