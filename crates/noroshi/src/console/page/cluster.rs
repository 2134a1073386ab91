//! The cluster: each server with its lamp as it shines, its interconnects, and what needs a look.

mod groups;
mod remedy;

use super::{Place, frame, lost, not_done, trouble, words};
use crate::command::status::{heard_at, look, not_heard, waiting_words};
use crate::console::App;
use crate::console::deed::{self, Done};
use crate::console::overview::Overview;
use crate::console::picture::lamp;
use crate::console::visitor::{Visitor, see};
use crate::print::escaped;
use axum::Extension;
use axum::extract::{Form, State};
use axum::response::Response;
use maud::{Markup, html};
use noroshi_core::config::{Engine, Role};
use noroshi_core::notice::Channel;
use noroshi_core::status::{LampStatus, LampTold, PathStatus, ServerState, ServerStatus, Status};
use noroshi_core::time::WallTime;
use noroshi_daemon::control::AlertLine;
use serde::Deserialize;
use std::sync::Arc;

const HERE: &str = "/";

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let overview = match Overview::read(&app.desk).await {
        Ok(overview) => overview,
        Err(error) => return trouble(&visitor, Place::Cluster, &error),
    };
    let status = &overview.status;
    let title = visitor.pick(
        format!("Cluster {}", status.cluster),
        format!("クラスタ {}", status.cluster),
    );
    let content = html! {
        (lost(&visitor))
        div #cluster data-live="cluster" aria-live="polite" { (part(&visitor, &overview)) }
        @if visitor.may(Role::Administer) { (shutdown_form(&visitor, status)) }
    };
    frame(&visitor, Place::Cluster, &title, &content)
}

/// What changes of this page.
pub(in crate::console) fn part(visitor: &Visitor, overview: &Overview) -> Markup {
    let status = &overview.status;
    html! {
        (troubles(visitor, overview))
        p.facts {
            (visitor.pick("Told by ", "表示元: ")) b { (status.server) }
            @if let Some(duty) = &status.on_duty {
                (visitor.pick("; on duty: ", "、通報担当: ")) b { (duty) }
            }
            (visitor.pick("; notices waiting: ", "、送信待ちの通報: "))
            b { (status.notices_waiting) @if status.backlog { "+" } }
            (visitor.pick("; engine: ", "、エンジン: ")) b { (status.engine.words(visitor.language)) }
            (visitor.pick("; licence: ", "、ライセンス: ")) b { (licence_words(visitor, status)) }
        }
        @if !status.lamps_used {
            p.facts { (visitor.pick("Warning lights are not used.", "警告灯は使用しない設定です。")) }
        }
        ul.servers {
            @for server in &status.servers { li { (card(visitor, status, server)) } }
        }
        @if let Some(pacemaker) = &status.pacemaker { (groups::part(visitor, pacemaker)) }
    }
}

fn licence_words(visitor: &Visitor, status: &Status) -> &'static str {
    match &status.licence {
        None => visitor.pick("not needed", "不要"),
        Some(licence) if licence.notices => visitor.pick("valid", "有効"),
        Some(_) => visitor.pick("missing", "なし"),
    }
}

fn troubles(visitor: &Visitor, overview: &Overview) -> Markup {
    let status = &overview.status;
    let states = status.servers.iter().map(|server| {
        let (class, state) = words::server(server.state, visitor.language);
        (&server.name, class, state)
    });
    html! {
        // On a phone its card may be far below.
        @for (name, class, state) in states {
            @if class == "bad" || class == "warn" {
                p.(class) {
                    b { (name) } ": " (state)
                    @if let Some(line) = overview.fault_of(name) { (fault(visitor, line)) }
                }
            }
        }
        @if let Some(pacemaker) = &status.pacemaker { (groups::troubles(visitor, pacemaker)) }
        @if let Some(why) = &status.blind {
            p.bad role="alert" {
                (visitor.pick(
                    "Blind, the states are the last known: ",
                    "状態を確認できません(表示は最後に確認した状態です): ",
                ))
                (why)
            }
        }
        @for advice in &status.advice {
            p.warn {
                b { (visitor.pick("Look into this: ", "要確認: ")) }
                (advice)
            }
        }
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
        @for waiting in status.waiting.iter().filter(|waiting| waiting.reason.is_some()) {
            p.warn { (waiting_words(waiting, visitor.language)) }
        }
    }
}

/// What who was woken asks next: did the mail go out, does somebody see to it. The alert's page has the rest.
fn fault(visitor: &Visitor, line: &AlertLine) -> Markup {
    let (shown, machine) = words::time(line.time);
    let mails = line
        .notices
        .iter()
        .filter(|notice| notice.channel == Channel::Mail);
    let (standing, mails) = words::standing(mails, visitor.language);
    html! {
        br; time datetime=(machine) { (shown) }
        br; (visitor.pick("Mail: ", "メール: ")) span.standing.(standing) { (mails) }
        br;
        @match &line.acknowledged {
            Some(one) => { (visitor.pick("seen by ", "対応: ")) bdi { (escaped(&one.by)) } },
            None => (visitor.pick("Nobody sees to it yet.", "対応者はまだいません。")),
        }
        " " a href={ "/alerts/" (line.row) } {
            @if line.acknowledged.is_none() && visitor.may(Role::Operate) {
                (visitor.pick("I see to it…", "対応を記録する…"))
            } @else { (visitor.pick("To the alert", "アラートを見る")) }
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
            (last_word(visitor, server))
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
                    tbody { @for path in &server.paths { (path_row(visitor, status.time, server.state, path)) } }
                }
            }
            (service(visitor, status, server))
        }
    }
}

/// When a server that is not at work, or of which that is not known, was last heard.
fn last_word(visitor: &Visitor, server: &ServerStatus) -> Markup {
    html! {
        @if !server.own && server.state != ServerState::Up {
            p.word {
                (visitor.pick("Last word: ", "最終応答: "))
                @match server.last_word {
                    Some(at) => {
                        @let (shown, machine) = words::time(at);
                        time datetime=(machine) { (shown) }
                    }
                    None => (not_heard(visitor.language)),
                }
            }
        }
    }
}

fn light(visitor: &Visitor, server: &str, status: &LampStatus) -> Markup {
    let wanted = look(status.wanted, visitor.language);
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
            false,
            visitor.pick(
                format!("should be {wanted} (told by another server)"),
                format!("本来は{wanted}（他のサーバが制御）"),
            ),
        ),
    };
    html! {
        div.light {
            (lamp::draw(status.wanted, known))
            p { b { (visitor.pick("Light: ", "警告灯: ")) } (words) " " span.address { (status.address) } }
        }
        @if visitor.may(Role::Operate) {
            (question(server, "/lamp-off", &Ask {
                what: visitor.pick("Put the light out", "警告灯を消灯する"),
                sure: &visitor.pick(
                    format!("Put the light of {server} out? Its red is gone then for everybody in the room."),
                    format!("{server} の警告灯を消灯しますか。赤の表示も消えます。"),
                ),
                button: visitor.pick("Put out", "消灯する"),
                danger: true,
            }))
            (test_question(visitor, server))
        }
    }
}

/// Something that is asked before it is done.
struct Ask<'a> {
    what: &'a str,
    sure: &'a str,
    button: &'a str,
    danger: bool,
}

/// A question about `server`, closed until somebody opens it.
fn question(server: &str, action: &str, ask: &Ask<'_>) -> Markup {
    html! {
        details.ask {
            summary { (ask.what) }
            form method="post" action=(action) {
                input type="hidden" name="server" value=(server);
                p { (ask.sure) }
                button.danger[ask.danger] type="submit" { (ask.button) }
            }
        }
    }
}

/// The question before a lamp test of `server`.
pub(super) fn test_question(visitor: &Visitor, server: &str) -> Markup {
    question(server, "/lamp-test", &Ask {
        what: visitor.pick("Test the light", "警告灯をテストする"),
        sure: &visitor.pick(
            format!("Show red, amber and green on the light of {server}, then what it should show? The answer comes after the last colour."),
            format!("{server} の警告灯に赤、黄、緑を順に表示し、本来の表示に戻しますか。最後の色の後に結果を表示します。"),
        ),
        button: visitor.pick("Test", "テストする"),
        danger: false,
    })
}

/// Start and stop of its alert service, and with Corosync of what it stands on.
fn service(visitor: &Visitor, status: &Status, server: &ServerStatus) -> Markup {
    let name = &server.name;
    let start = remedy::start_words(status.engine);
    html! {
        @match server.state {
            ServerState::Up if visitor.may(Role::Operate) => {
                (question(name, "/stop", &Ask {
                    what: visitor.pick("Stop the alert service", "アラートサービスを停止する"),
                    sure: &visitor.pick(
                        format!("Stop the alert service of {name}? It gives no notices then. It can be started again on {name} only: {start}{}",
                            if server.own { ". This page ends with it." } else { "" }),
                        format!("{name} のアラートサービスを停止しますか。停止中は通報しません。起動は {name} 上で {start} を実行してください。{}",
                            if server.own { "この画面も表示できなくなります。" } else { "" }),
                    ),
                    button: visitor.pick("Stop", "停止する"),
                    danger: true,
                }))
            }
            ServerState::Unknown | ServerState::Left | ServerState::Down => {
                (remedy::part(visitor, status, name))
            }
            _ => {}
        }
    }
}

fn path_row(visitor: &Visitor, now: WallTime, server: ServerState, path: &PathStatus) -> Markup {
    let (class, state) = match path {
        PathStatus { unused: true, .. } => ("off", visitor.pick("unused", "未使用")),
        PathStatus { normal: true, .. } => ("good", visitor.pick("normal", "正常")),
        PathStatus {
            silent_ms: None, ..
        } => ("unknown", visitor.pick("not heard yet", "未受信")),
        // A server that stopped has nothing wrong with its interconnects.
        _ if server == ServerState::Left => ("off", visitor.pick("stopped", "停止中")),
        _ => ("bad", visitor.pick("silent", "途絶")),
    };
    html! {
        tr {
            th scope="row" { (path.name) }
            td { span.dot.(class) aria-hidden="true" {} (state) }
            td {
                @if !path.unused && path.silent_ms.is_some() {
                    @if path.normal { (visitor.pick("loss ", "損失 ")) }
                    @else { (visitor.pick("loss until then ", "それまでの損失 ")) }
                    (path.loss_permille / 10) "." (path.loss_permille % 10) " %"
                }
            }
            td {
                @if let (false, Some(ms)) = (path.unused, path.silent_ms) {
                    (last_heard(visitor, now, path.normal, ms))
                }
            }
        }
    }
}

/// Of a silent interconnect the moment, which stands still; of a living one how fresh it is.
fn last_heard(visitor: &Visitor, now: WallTime, normal: bool, silent_ms: u64) -> Markup {
    let s = silent_ms.div_ceil(1_000).max(1);
    let (shown, machine) = words::time(heard_at(now, silent_ms));
    html! {
        (visitor.pick("last heartbeat ", "最終受信 "))
        @if normal { (visitor.pick(format!("within {s} s"), format!("{s} 秒以内"))) }
        @else { time datetime=(machine) { (shown) } }
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
    done(&visitor, deed::lamp_off(&app, &visitor, of.server).await)
}

pub(in crate::console) async fn lamp_test(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(of): Form<OfServer>,
) -> Response {
    done(&visitor, deed::lamp_test(&app, &visitor, of.server).await)
}

pub(in crate::console) async fn stop(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(of): Form<OfServer>,
) -> Response {
    done(&visitor, deed::stop(&app, &visitor, of.server).await)
}

/// The form of the cluster shutdown.
#[derive(Deserialize)]
pub(in crate::console) struct Whole {
    /// Typed, so that nobody stops a cluster by a slip.
    cluster: String,
}

pub(in crate::console) async fn shut_down(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(of): Form<Whole>,
) -> Response {
    done(&visitor, deed::shut_down(&app, &visitor, &of.cluster).await)
}

fn shutdown_form(visitor: &Visitor, status: &Status) -> Markup {
    let (count, start) = (status.servers.len(), remedy::start_words(status.engine));
    html! {
        details.ask {
            summary { (visitor.pick("Shut the cluster down", "クラスタをシャットダウンする")) }
            form.card method="post" action="/shut-down" {
                p { (visitor.pick(
                    format!("All {count} servers stop giving notices and all warning lights go out. This page ends too. Each server is started again on itself: {start}"),
                    format!("{count} 台すべてのサーバが通報を停止し、すべての警告灯が消灯します。この画面も表示できなくなります。起動は各サーバ上で {start} を実行してください。"),
                )) }
                @if status.engine == Engine::Corosync {
                    p { (visitor.pick(
                        "Corosync, Pacemaker and the groups run on: nobody is told of them then.",
                        "Corosync、Pacemaker とグループは動作を続けますが、その間の通報はありません。",
                    )) }
                }
                label { (visitor.pick("Name of the cluster, to be sure", "確認のためクラスタ名を入力"))
                    input name="cluster" autocomplete="off" required;
                }
                button.danger type="submit" { (visitor.pick("Shut down", "シャットダウンする")) }
            }
        }
    }
}

/// Goes to the page that shows it, or says why it was not done.
fn done(visitor: &Visitor, done: Done) -> Response {
    match done {
        Ok(_) => see(HERE),
        Err(undone) => not_done(visitor, undone, HERE),
    }
}
