//! What a test mail's conversation with the mail server was (rules N10 N25), recipient by recipient as they
//! end: the page is sent in pieces, so it fills without a script and without loading again.

use super::{Place, document, frame_with};
use crate::console::App;
use crate::console::test_mails::{Next, Test};
use crate::console::visitor::{Visitor, see};
use axum::Extension;
use axum::Form;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use maud::{Markup, PreEscaped, html};
use noroshi_daemon::channel::mail::{Conversation, Fault, Step};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;

/// Where the conversations go in the page. No text of anybody's can hold it: `<` is escaped.
const HERE: &str = "<!--conversations-->";

/// Whom a test mail goes to.
#[derive(Deserialize)]
pub(in crate::console) struct To {
    /// One recipient of the settings; empty means all.
    #[serde(default)]
    recipient: String,
}

/// Which test.
#[derive(Deserialize)]
pub(in crate::console) struct Of {
    n: u64,
}

pub(in crate::console) async fn begin(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(to): Form<To>,
) -> Response {
    let recipient = Some(to.recipient).filter(|one| !one.is_empty());
    let number = app.test_mails.begin(&app.desk, recipient, visitor.by());
    see(&format!("/test/conversation?n={number}"))
}

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(of): Query<Of>,
) -> Response {
    let title = visitor.pick("Test mail", "テストメール");
    let Some(test) = app.test_mails.test(of.n) else {
        let content = html! {
            p { (visitor.pick("This test is not kept any more.", "このテストの結果は残っていません。")) }
            p { (again(&visitor)) }
        };
        return frame_with(StatusCode::NOT_FOUND, &visitor, title, &content);
    };
    let content = html! {
        p { (visitor.pick(
            "Each recipient appears here when it is through; a mail server that does not answer takes up to two minutes.",
            "宛先ごとに、終わり次第ここに表示します。応答しないメールサーバは最長二分かかります。",
        )) }
        (PreEscaped(HERE))
        p { (again(&visitor)) }
    };
    let page = document(&visitor, Place::Test, title, &html! {}, &content).into_string();
    let (head, foot) = page.split_once(HERE).unwrap_or((&page, ""));
    let (head, foot) = (head.to_owned(), foot.to_owned());
    let body = unfold(Part::Head(head, foot), move |part| {
        next(part, test.clone(), visitor.clone())
    });
    let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    (html, Body::from_stream(body)).into_response()
}

/// What of the page is to be sent next.
enum Part {
    Head(String, String),
    Talk {
        at: usize,
        taken: usize,
        foot: String,
    },
    Done,
}

async fn next(
    part: Part,
    test: Arc<Test>,
    visitor: Visitor,
) -> Option<(Result<String, Infallible>, Part)> {
    match part {
        Part::Head(head, foot) => {
            let (at, taken) = (0, 0);
            Some((Ok(head), Part::Talk { at, taken, foot }))
        }
        Part::Talk { at, taken, foot } => match test.next(at).await {
            Next::Talk(talk) => {
                let taken = taken + usize::from(talk.delivered.is_some());
                let markup = section(&visitor, at, &talk).into_string();
                let at = at + 1;
                Some((Ok(markup), Part::Talk { at, taken, foot }))
            }
            Next::End(end) => {
                let markup = summary(&visitor, at, taken, end).into_string();
                Some((Ok(markup + &foot), Part::Done))
            }
        },
        Part::Done => None,
    }
}

fn again(visitor: &Visitor) -> Markup {
    html! { a href="/test" { (visitor.pick("To the tests", "テストへ")) } }
}

fn summary(visitor: &Visitor, all: usize, taken: usize, end: Result<(), String>) -> Markup {
    html! {
        @if let Err(why) = &end { p.bad role="alert" { (why) } }
        @if all > 0 || end.is_ok() {
            p.warn[taken < all] role="status" { b { (visitor.pick(
                format!("Through: {taken} of {all} mails were taken."),
                format!("完了: {all} 通のうち {taken} 通が受け付けられました。"),
            )) } }
        }
    }
}

fn section(visitor: &Visitor, at: usize, talk: &Conversation) -> Markup {
    let heading = format!("talk-{at}");
    let taken = talk.delivered.is_some();
    let (class, state) = match taken {
        true => ("good", visitor.pick("taken", "受け付けられました")),
        false => ("bad", visitor.pick("NOT taken", "受け付けられませんでした")),
    };
    let (server, took) = (&talk.server, talk.took_ms);
    html! {
        section.card.conversation aria-labelledby=(heading) {
            h2 id=(heading) { bdi { (talk.recipient) } }
            p { span.dot.(class) aria-hidden="true" {} b { (state) } " "
                (visitor.pick(
                    format!("Sent by {server} in {took} ms."),
                    format!("{server} から送信、{took} ミリ秒"),
                ))
            }
            @if let Some(reply) = &talk.delivered { p { bdi { code { (reply) } } } }
            @for fault in &talk.faults { (wrong(visitor, fault, taken)) }
            details open[!talk.faults.is_empty()] {
                summary { (visitor.pick("The conversation", "通信内容")) span.unseen { " " (talk.recipient) } }
                (steps(visitor, &talk.steps))
                @if talk.cut { p { (visitor.pick("More was said, which is not kept.", "以降は省略しました。")) } }
            }
        }
    }
}

/// What went wrong at one mail server: a warning where a later one took the mail.
fn wrong(visitor: &Visitor, fault: &Fault, taken: bool) -> Markup {
    html! {
        div.bad[!taken].warn[taken] {
            p { bdi { (fault.at) } ": " b { (fault.ending.meaning(visitor.language)) } }
            p { (fault.ending.remedy(visitor.language)) }
            p { bdi { code { (fault.text) } } }
        }
    }
}

fn steps(visitor: &Visitor, steps: &[Step]) -> Markup {
    html! {
        table.talk {
            thead { tr {
                th scope="col" { (visitor.pick("At", "時点")) }
                th scope="col" { (visitor.pick("Took", "所要")) }
                th scope="col" { (visitor.pick("What", "種別")) }
                th scope="col" { (visitor.pick("Text", "内容")) }
            } }
            tbody { @for step in steps {
                tr { td { (step.at_ms) " ms" } td { "+" (step.took_ms) } td { (step.what.label(visitor.language)) } td { bdi { code { (step.text) } } } }
            } }
        }
    }
}
