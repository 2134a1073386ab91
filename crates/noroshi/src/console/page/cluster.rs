//! The cluster: each server with its lamp as it shines, its interconnects, and what needs a look.

use super::{Place, frame, refused, trouble, words};
use crate::console::App;
use crate::console::picture::lamp;
use crate::console::visitor::{Visitor, see};
use axum::Extension;
use axum::extract::{Form, State};
use axum::response::Response;
use maud::{Markup, html};
use noroshi_core::config::Role;
use noroshi_core::request::{Reply, Request};
use noroshi_core::status::{LampStatus, LampTold, PathStatus, ServerStatus, Status};
use serde::Deserialize;
use std::sync::Arc;

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let status = match app.desk.status().await {
        Ok(status) => status,
        Err(error) => return trouble(&visitor, Place::Cluster, &error),
    };
    let title = visitor.pick(
        format!("Cluster {}", status.cluster),
        format!("クラスタ {}", status.cluster),
    );
    let content = html! {
        div #cluster data-live="cluster" aria-live="polite" { (part(&visitor, &status)) }
    };
    frame(&visitor, Place::Cluster, &title, &content)
}

/// What changes of this page.
pub(super) fn part(visitor: &Visitor, status: &Status) -> Markup {
    html! {
        (troubles(visitor, status))
        p.facts {
            (visitor.pick("Told by ", "表示元: ")) b { (status.server) }
            @if let Some(duty) = &status.on_duty {
                (visitor.pick("; on duty: ", "、通報担当: ")) b { (duty) }
            }
            (visitor.pick("; notices waiting: ", "、送信待ちの通報: "))
            b { (status.notices_waiting) @if status.backlog { "+" } }
        }
        ul.servers {
            @for server in &status.servers { li { (card(visitor, status, server)) } }
        }
    }
}

fn troubles(visitor: &Visitor, status: &Status) -> Markup {
    html! {
        @if let Some(trouble) = &status.store_trouble {
            p.bad role="alert" {
                (visitor.pick("Alert store in trouble: ", "アラート保存領域の障害: ")) (trouble)
            }
        }
        @if let Some(licence) = &status.licence && !licence.notices {
            p.bad role="alert" {
                (visitor.pick(
                    "No valid licence, mails and warning lights are off: ",
                    "有効なライセンスがないため、メール通報と警告灯は停止しています: ",
                ))
                (licence.text.as_deref().unwrap_or_default())
            }
        }
        @for waiting in &status.waiting {
            @if let Some(reason) = &waiting.reason {
                p.warn { (waiting.count) " " (visitor.pick("waiting: ", "件が送信待ち: ")) (reason) }
            }
        }
    }
}

fn card(visitor: &Visitor, status: &Status, server: &ServerStatus) -> Markup {
    let (class, state) = words::server(server.state, visitor.language);
    let duty = status.on_duty.as_deref() == Some(&*server.name);
    html! {
        article.server.(class) aria-label=(server.name) {
            h2 { (server.name) }
            p.state { span.dot.(class) aria-hidden="true" {} (state) }
            p.marks {
                @if server.own { span.mark { (visitor.pick("this server", "自サーバ")) } " " }
                @if duty { span.mark { (visitor.pick("on duty", "通報担当")) } " " }
                @if let Some(set) = server.set {
                    span.mark { (visitor.pick("settings ", "構成情報 ")) (set) } " "
                }
                @if server.drift { span.mark.bad { (visitor.pick("settings differ", "設定が異なります")) } }
            }
            @if let Some(lamp) = &server.lamp { (light(visitor, &server.name, lamp)) }
            @if !server.own && !server.paths.is_empty() {
                table.paths {
                    caption { (visitor.pick("Interconnects", "インタコネクト")) }
                    tbody { @for path in &server.paths { (path_row(visitor, path)) } }
                }
            }
        }
    }
}

fn light(visitor: &Visitor, server: &str, status: &LampStatus) -> Markup {
    let wanted = words::look(status.wanted, visitor.language);
    let (known, words) = match status.told() {
        LampTold::AsWanted => (true, wanted),
        LampTold::Trouble => (
            false,
            visitor.pick(
                format!(
                    "cannot be told, should be {wanted}: {}",
                    status.trouble.as_deref().unwrap_or("")
                ),
                format!(
                    "制御できません。本来は{wanted}: {}",
                    status.trouble.as_deref().unwrap_or("")
                ),
            ),
        ),
        LampTold::NotYet => (
            false,
            visitor.pick(format!("being told: {wanted}"), format!("指示中: {wanted}")),
        ),
        LampTold::ByAnother => (
            true,
            visitor.pick(
                format!("{wanted} (told by another server)"),
                format!("{wanted}（他のサーバが制御）"),
            ),
        ),
    };
    html! {
        div.light {
            (lamp::draw(status.wanted, known))
            p { b { (visitor.pick("Light: ", "警告灯: ")) } (words) " " span.address { (status.address) } }
        }
        @if visitor.may(Role::Operate) {
            details.ask {
                summary { (visitor.pick("Put the light out", "警告灯を消灯する")) }
                form method="post" action="/lamp-off" {
                    input type="hidden" name="server" value=(server);
                    p { (visitor.pick(
                        format!("Put the light of {server} out? Its red is gone then for everybody in the room."),
                        format!("{server} の警告灯を消灯しますか。赤の表示も消えます。"),
                    )) }
                    button.danger type="submit" { (visitor.pick("Put out", "消灯する")) }
                }
            }
        }
    }
}

fn path_row(visitor: &Visitor, path: &PathStatus) -> Markup {
    let (class, state) = match path {
        PathStatus { unused: true, .. } => ("off", visitor.pick("unused", "未使用")),
        PathStatus { normal: true, .. } => ("good", visitor.pick("normal", "正常")),
        PathStatus {
            silent_ms: None, ..
        } => ("unknown", visitor.pick("not heard yet", "未受信")),
        _ => ("bad", visitor.pick("silent", "途絶")),
    };
    html! {
        tr {
            th scope="row" { (path.name) }
            td { span.dot.(class) aria-hidden="true" {} (state) }
            td {
                @if !path.unused && path.silent_ms.is_some() {
                    (visitor.pick("loss ", "損失 "))
                    (path.loss_permille / 10) "." (path.loss_permille % 10) " %"
                }
            }
            td {
                @if let (false, Some(ms)) = (path.unused || path.normal, path.silent_ms) {
                    (visitor.pick(format!("last heartbeat {} s ago", ms / 1000), format!("最終受信 {} 秒前", ms / 1000)))
                }
            }
        }
    }
}

/// The form of a question about one server.
#[derive(Deserialize)]
pub(in crate::console) struct OfServer {
    server: String,
}

pub(in crate::console) async fn lamp_off(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(of): Form<OfServer>,
) -> Response {
    let request = Request::LampOff { server: of.server };
    match app.desk.change(request).await {
        Ok(Reply::Refused { why }) => refused(&visitor, &[why], "/"),
        Ok(_) => see("/"),
        Err(error) => refused(&visitor, &[error.to_string()], "/"),
    }
}
