//! Collecting logs (rules M30 M31): from all servers at once ([`gathering`]), and for each server a link to its
//! archive, which the browser shows the progress of. A server that cannot be reached is named, with the reason.

use super::{Place, frame, frame_that_reloads, gathering, refused, trouble, words};
use crate::console::App;
use crate::console::visitor::{Visitor, encoded};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::html;
use noroshi_core::status::ServerState;
use noroshi_core::time::WallTime;
use noroshi_daemon::clock;
use noroshi_daemon::collect::Scope;
use serde::Deserialize;
use std::io;
use std::sync::Arc;

const HERE: &str = "/logs";
/// Of a server's or the cluster's name in a file's: it fits into a tar archive's field.
const NAME_CHARS_MAX: usize = 60;

/// Which archive.
#[derive(Deserialize)]
pub(in crate::console) struct Wanted {
    server: String,
    #[serde(default)]
    scope: Scope,
}

/// How much is to be collected.
#[derive(Deserialize)]
pub(in crate::console) struct Much {
    #[serde(default)]
    pub(super) scope: Scope,
}

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(much): Query<Much>,
) -> Response {
    let status = match app.desk.status().await {
        Ok(status) => status,
        Err(error) => return trouble(&visitor, Place::Logs, &error),
    };
    let title = visitor.pick("Logs", "ログ採取");
    let scopes = [
        (
            Scope::Type1,
            visitor.pick(
                "type1: logs, alerts, status, configuration, facts of the host",
                "type1: ログ、アラート、状態、構成情報、ホストの情報",
            ),
        ),
        (
            Scope::Type2,
            visitor.pick(
                "type2: as type1, with the host's syslog and processes",
                "type2: type1 に加えホストの syslog とプロセス",
            ),
        ),
        (
            Scope::Type3,
            visitor.pick(
                "type3: the service's own logs, alerts, status, configuration",
                "type3: サービスのログ、アラート、状態、構成情報のみ",
            ),
        ),
    ];
    let how_much = html! {
        label { (visitor.pick("How much", "採取する範囲"))
            select name="scope" {
                @for (scope, words) in scopes {
                    option value=(scope.word()) selected[scope == much.scope] { (words) }
                }
            }
        }
    };
    let gathered = app.gatherings.now();
    let under_way = gathered.as_ref().is_some_and(|it| it.ended.is_none());
    let content = html! {
        h2 { (visitor.pick("All servers", "全サーバ")) }
        @if !under_way {
            form.card method="post" action="/logs/collect" {
                (how_much)
                button.primary type="submit" { (visitor.pick("Collect from all servers", "全サーバから採取する")) }
            }
        }
        @if let Some(gathered) = &gathered { (gathering::section(&visitor, gathered)) }
        h2 { (visitor.pick("One server", "サーバごと")) }
        form.card method="get" action=(HERE) {
            (how_much)
            button type="submit" { (visitor.pick("Choose", "選択")) }
        }
        p { (visitor.pick(
            "Each link downloads one server's archive, without secrets. Collecting begins with the click.",
            "リンクごとに一台分のアーカイブをダウンロードします。秘密情報は含みません。クリックすると採取を開始します。",
        )) }
        ul.archives {
            @for server in &status.servers {
                @let (class, state) = words::server(server.state, visitor.language);
                li {
                    b { (server.name) } " "
                    span.dot.(class) aria-hidden="true" {} (state) " "
                    @if server.own || matches!(server.state, ServerState::Up) {
                        a.button href=(format!("/logs/archive?server={}&scope={}", encoded(&server.name), much.scope.word())) download {
                            (visitor.pick("Download ", "ダウンロード ")) (much.scope.word()) span.unseen { " " (server.name) }
                        }
                    } @else {
                        (visitor.pick("cannot be reached from here; on it: ", "ここからは採取できません。サーバ上で実行してください: "))
                        code { "clplogcc -l" }
                    }
                }
            }
        }
    };
    match under_way {
        true => frame_that_reloads(&visitor, Place::Logs, title, &content),
        false => frame(&visitor, Place::Logs, title, &content),
    }
}

pub(in crate::console) async fn archive(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let status = match app.desk.status().await {
        Ok(status) => status,
        Err(error) => return trouble(&visitor, Place::Logs, &error),
    };
    let mut servers = status.servers.iter();
    let Some(server) = servers.find(|server| server.name == wanted.server) else {
        let why = visitor.pick("There is no such server.", "そのサーバはありません。");
        return refused(&visitor, &[why.into()], HERE);
    };
    let pieces = match server.own {
        true => app.logs.own(&app.home, &server.name, wanted.scope),
        false => {
            let socket = app.desk.socket().to_path_buf();
            app.logs.of(socket, server.name.clone(), wanted.scope)
        }
    };
    let Some(mut pieces) = pieces else {
        let why = visitor.pick(
            "Two archives are being collected already. Try again when they are through.",
            "既に二件の採取を実行中です。完了後に再試行してください。",
        );
        let page = refused(&visitor, &[why.into()], HERE);
        return (StatusCode::SERVICE_UNAVAILABLE, page).into_response();
    };
    // What fails before the first piece is told on a page, later it breaks the download off.
    let first = match pieces.recv().await {
        Some(Ok(piece)) => piece,
        Some(Err(why)) => return refused(&visitor, &[format!("{}: {why}", server.name)], HERE),
        None => return refused(&visitor, std::slice::from_ref(&server.name), HERE),
    };
    app.desk
        .audit(
            &visitor,
            &format!(
                "collect-logs server={:?} scope={}",
                server.name,
                wanted.scope.word()
            ),
            "begun",
        )
        .await;
    let name = file_name(&server.name, clock::wall());
    let body = unfold((Some(first), pieces), |(first, mut pieces)| async move {
        let piece = match first {
            Some(first) => Ok(first),
            None => pieces.recv().await?.map_err(io::Error::other),
        };
        Some((piece, (None, pieces)))
    });
    let headers = [
        (CONTENT_TYPE, "application/gzip".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    (headers, Body::from_stream(body)).into_response()
}

/// What an archive of `server` is called, as `clplogcc` calls it.
pub(super) fn file_name(server: &str, begun: WallTime) -> String {
    format!("{}-log.tar.gz", stem(server, begun))
}

/// `NAME-20261122-100000`, of characters that every file system takes.
pub(super) fn stem(name: &str, begun: WallTime) -> String {
    let kept = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().take(NAME_CHARS_MAX).map(kept).collect();
    let begun = Timestamp::from_millisecond(begun.0).unwrap_or_default();
    let begun = begun.to_zoned(TimeZone::system());
    format!("{name}-{}", begun.strftime("%Y%m%d-%H%M%S"))
}
