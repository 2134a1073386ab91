//! The Builder: the cluster's settings as pages (rules M26 M32 M11 M27).
//!
//! *Shape.* Tabs are plain links. A page's form goes to [`preview`], which writes the draft into a copy of the running
//! clp.conf, checks that whole, and shows the form again with the faults beside their fields, or the difference.
//! From there it is applied to all servers or saved as a set. Nothing is kept between two requests:
//! [`draft`] travels in the pages. [`work`] is everything that waits for a disk.
//!
//! *Failure.* Whatever comes in a form is checked against [`field`]'s table; what does not fit is a page that says
//! so, with nothing changed. A draft made from another clp.conf than the running one ends in [`conflict`].

mod alert_service;
mod conflict;
mod destinations;
mod difference;
mod download;
mod draft;
mod fault;
mod field;
mod form;
pub(in crate::console) mod history;
pub(in crate::console) mod preview;
mod warning_light;
mod work;
mod write;

use super::{Place, frame, frame_with, not_done};
use crate::console::App;
use crate::console::deed;
use crate::console::visitor::{Visitor, encoded, see};
use crate::print::escaped_lines;
use axum::Extension;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use draft::{Change, Posted, Sheet};
use fault::Faults;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use work::Running;

/// What a page's link may say; what it does not know is passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Asked {
    /// The search.
    q: String,
    /// A server.
    server: String,
    /// Something was done.
    done: String,
    /// The number of a set.
    number: String,
}

/// A page's link; one that cannot be read asks for nothing.
pub(super) type Link = Result<Query<Asked>, QueryRejection>;
/// A form, or why it is none.
pub(super) type Body = Result<Form<Posted>, FormRejection>;

pub(in crate::console) async fn alert_service(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    blank(&app, &visitor, Sheet::AlertService, Asked::default()).await
}

pub(in crate::console) async fn destinations(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    asked: Link,
) -> Response {
    let asked = asked.map_or_else(|_| Asked::default(), |asked| asked.0);
    blank(&app, &visitor, Sheet::Destinations, asked).await
}

pub(in crate::console) async fn warning_light(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    asked: Link,
) -> Response {
    let asked = asked.map_or_else(|_| Asked::default(), |asked| asked.0);
    let sheet = Sheet::WarningLight(asked.server.clone());
    blank(&app, &visitor, sheet, asked).await
}

/// A form's own path asked for as a page, as after a choice of language there: the form is gone.
pub(in crate::console) async fn begin() -> Response {
    see("/builder")
}

/// A page with what is in force.
async fn blank(app: &App, visitor: &Visitor, sheet: Sheet, asked: Asked) -> Response {
    let language = visitor.language;
    let running = work::aside(app, move |home| work::running(&home, language)).await;
    match running.and_then(|running| running) {
        Ok(running) => {
            let done = (asked.done == "lamp-test").then(|| {
                visitor.pick(
                    "The light shows every colour now.",
                    "警告灯に全色を表示しています。",
                )
            });
            let faults = Faults::default();
            page(visitor, &running, &sheet, &[], &faults, &asked.q, done)
        }
        Err(why) => unreadable(visitor, &why),
    }
}

/// One page with its form; with faults it is the answer to a draft that could not be taken.
fn page(
    visitor: &Visitor,
    running: &Running,
    sheet: &Sheet,
    changes: &[Change],
    faults: &Faults,
    search: &str,
    done: Option<&str>,
) -> Response {
    let servers = warning_light::servers(&running.document);
    if let Sheet::WarningLight(server) = sheet
        && !servers.contains(server)
    {
        return no_server(visitor, server);
    }
    let form = form::Form {
        visitor,
        running,
        changes,
        faults,
    };
    let (above, fields, title) = match sheet {
        Sheet::AlertService => (
            faults.not_on(alert_service::has),
            alert_service::form(&form),
            visitor.pick(
                "Cluster properties: Alert Service".to_string(),
                "クラスタのプロパティ: アラートサービス".into(),
            ),
        ),
        Sheet::Destinations => (
            faults.not_on(destinations::has),
            destinations::form(&form, search),
            visitor.pick(
                "Cluster properties: destinations".to_string(),
                "クラスタのプロパティ: 通報先".into(),
            ),
        ),
        Sheet::WarningLight(server) => (
            faults.not_on(|path| warning_light::has(server, path)),
            warning_light::form(&form, server),
            visitor.pick(
                format!("Properties of {server}: Warning light"),
                format!("{server} のプロパティ: 警告灯"),
            ),
        ),
    };
    let content = html! {
        (tabs(visitor, &servers, Some(sheet)))
        @if let Some(done) = done { p.good role="status" { (done) } }
        @if !faults.is_empty() {
            div.bad role="alert" {
                p { (visitor.pick(
                    "Nothing was changed. Correct what is marked below.",
                    "何も変更していません。下記の箇所を修正してください。",
                )) }
                @for line in &above { p { (line) } }
            }
        } @else if !running.errors.is_empty() {
            div.bad role="alert" {
                p { (visitor.pick(
                    "clp.conf on this server is faulty; the settings in force are older ones. It can be applied again when this is corrected:",
                    "このサーバの clp.conf に誤りがあり、以前の設定で動作しています。次の誤りを修正すると適用できます:",
                )) }
                @for line in &running.errors { p { (line) } }
            }
        }
        (fields)
    };
    if faults.is_empty() {
        return frame(visitor, Place::Builder, &title, &content);
    }
    let page = frame(visitor, Place::Builder, &title, &content);
    axum::response::IntoResponse::into_response((StatusCode::UNPROCESSABLE_ENTITY, page))
}

/// The tabs; `None` stands for the history.
fn tabs(visitor: &Visitor, servers: &[String], at: Option<&Sheet>) -> Markup {
    let current = |sheet: &Sheet| (at == Some(sheet)).then_some("page");
    html! {
        nav.tabs aria-label=(visitor.pick("Builder", "ビルダ")) {
            ul {
                li { a href="/builder" aria-current=[current(&Sheet::AlertService)] {
                    (visitor.pick("Alert Service", "アラートサービス"))
                } }
                li { a href="/builder/destinations" aria-current=[current(&Sheet::Destinations)] {
                    (visitor.pick("Destinations", "通報先"))
                } }
                @for server in servers {
                    li { a href=(light_link(server)) aria-current=[current(&Sheet::WarningLight(server.clone()))] {
                        (server) (visitor.pick(": Warning light", ": 警告灯"))
                    } }
                }
                li { a href="/builder/history" aria-current=[at.is_none().then_some("page")] {
                    (visitor.pick("History", "履歴"))
                } }
            }
        }
    }
}

fn light_link(server: &str) -> String {
    format!("/builder/warning-light?server={}", encoded(server))
}

fn no_server(visitor: &Visitor, server: &str) -> Response {
    let title = visitor.pick("No such server", "サーバがありません");
    let content = html! {
        p { (visitor.pick("clp.conf has no server called: ", "clp.conf に次のサーバはありません: ")) (server) }
        p { a href="/builder" { (visitor.pick("To the Builder", "ビルダへ")) } }
    };
    frame_with(StatusCode::NOT_FOUND, visitor, title, &content)
}

/// clp.conf cannot be shown in fields; a former set still can be taken.
fn unreadable(visitor: &Visitor, why: &[String]) -> Response {
    let title = visitor.pick("clp.conf cannot be read", "clp.conf を読み込めません");
    let content = html! {
        div.bad role="alert" { @for line in why { p { (escaped_lines(line)) } } }
        p { a href="/builder/history" { (visitor.pick("Restore a former set", "以前の構成情報を復元する")) } }
    };
    frame_with(StatusCode::SERVICE_UNAVAILABLE, visitor, title, &content)
}

/// A form that could not be taken in: too large, or no form.
fn no_form(visitor: &Visitor, rejection: &FormRejection) -> Response {
    let words = visitor.pick(
        "This is no form of the Builder. Nothing was changed; load the page again.",
        "ビルダのフォームではありません。何も変更していません。ページを再読み込みしてください。",
    );
    let title = visitor.pick("Not done", "実行できませんでした");
    let content = html! {
        p.bad role="alert" { (words) }
        p { a href="/builder" { (visitor.pick("To the Builder", "ビルダへ")) } }
    };
    frame_with(rejection.status(), visitor, title, &content)
}

/// Shows every colour on a server's light (rule N15).
pub(in crate::console) async fn lamp_test(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    body: Body,
) -> Response {
    let posted = match body {
        Ok(Form(posted)) => posted,
        Err(rejection) => return no_form(&visitor, &rejection),
    };
    let server = draft::value(&posted, "server")
        .unwrap_or_default()
        .to_string();
    let back = light_link(&server);
    match deed::lamp_test(&app, &visitor, server).await {
        Ok(_) => see(&format!("{back}&done=lamp-test")),
        Err(undone) => not_done(&visitor, undone, &back),
    }
}
