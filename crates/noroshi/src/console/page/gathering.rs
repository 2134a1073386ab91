//! The collection of all servers' logs on its page: how far each server is, what became of it, one download
//! (rules M30 M31). Without a script the page loads itself again until it is through.

use super::logs::{Much, file_name, stem};
use super::news::{one_line, reload, still};
use super::{Place, refused, trouble, words};
use crate::command::clplogcc::archive::{BLOCK_BYTES, header};
use crate::console::App;
use crate::console::gathering::{Gathering, Order, State as Stand};
use crate::console::logs::TAKE_WAIT;
use crate::console::visitor::{SESSION_COOKIE, Visitor, cookie, see};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Form, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use maud::{Markup, html};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

const HERE: &str = "/logs";
/// Between two looks of an open page: people read no faster.
const SHOW_PAUSE: Duration = Duration::from_millis(300);
/// Silence after which a comment is sent, so that both ends notice a dead connection.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Read at once for a download.
const CHUNK_BYTES: u64 = 64 << 10;
/// Pieces that wait for a browser.
const PIECES_MAX: usize = 2;
/// The member of the download that names the servers whose archive is not in it.
const MISSING: &str = "not-collected.txt";

pub(in crate::console) async fn begin(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(much): Form<Much>,
) -> Response {
    let status = match app.desk.status().await {
        Ok(status) => status,
        Err(error) => return trouble(&visitor, Place::Logs, &error),
    };
    let servers = status.servers.into_iter();
    let order = Order {
        home: app.home.clone(),
        cluster: status.cluster,
        scope: much.scope,
        servers: servers.map(|server| (server.name, server.own)).collect(),
        language: visitor.language,
    };
    // Somebody else's that is under way is as good.
    if app.gatherings.begin(order) {
        let what = format!("collect-logs of=all scope={}", much.scope.word());
        app.desk.audit(&visitor, &what, "begun").await;
    }
    see(HERE)
}

pub(in crate::console) async fn delete(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    app.gatherings.delete();
    let what = "delete-logs of=all";
    app.desk.audit(&visitor, what, "done").await;
    see(HERE)
}

/// How it stands, for the page.
pub(in crate::console) fn section(visitor: &Visitor, gathering: &Gathering) -> Markup {
    let (begun, machine) = words::time(gathering.begun);
    let archives = gathering.archives().count();
    html! {
        section.gathering {
            p.facts {
                (gathering.scope.word()) ", " (visitor.pick("begun ", "開始: "))
                time datetime=(machine) { (begun) }
            }
            div data-live=[gathering.ended.is_none().then_some("logs")] { (part(visitor, gathering)) }
            @match gathering.until() {
                None => form.actions method="post" action="/logs/delete" {
                    button type="submit" { (visitor.pick("Cancel", "中止する")) }
                },
                Some(until) => {
                    @if archives > 0 {
                        p { a.button.primary href="/logs/all" download {
                            (visitor.pick("Download all archives (tar)", "すべてのアーカイブをダウンロード（tar）"))
                        } }
                        @let (until, machine) = words::time(until);
                        p.hint {
                            (visitor.pick("Kept on this server until ", "このサーバでの保存期限: "))
                            time datetime=(machine) { (until) }
                            (visitor.pick(". Without secrets.", "。秘密情報は含みません。"))
                        }
                    }
                    form.actions method="post" action="/logs/delete" {
                        button type="submit" { (visitor.pick("Delete from this server", "このサーバから削除する")) }
                    }
                }
            }
        }
    }
}

/// What of it changes.
fn part(visitor: &Visitor, gathering: &Gathering) -> Markup {
    let shares = &gathering.shares;
    let all = shares.len();
    let count = |is: fn(&Stand) -> bool| shares.iter().filter(|it| is(&it.state)).count();
    let done = count(|state| matches!(state, Stand::Done(..)));
    let failed = count(|state| matches!(state, Stand::Failed(_)));
    html! {
        p role="status" {
            @if gathering.ended.is_none() {
                (visitor.pick(
                    format!("Collecting: {} of {all} servers are through.", done + failed),
                    format!("採取中: {all} 台中 {} 台が終了", done + failed),
                ))
            } @else if failed > 0 {
                (visitor.pick(
                    format!("{done} of {all} servers were collected. Not collected: {failed}."),
                    format!("{all} 台中 {done} 台を採取しました。{failed} 台は採取できませんでした。"),
                ))
            } @else {
                (visitor.pick(format!("All {all} servers were collected."), format!("全 {all} 台を採取しました。")))
            }
        }
        table.shares {
            thead { tr {
                th scope="col" { (visitor.pick("Server", "サーバ")) }
                th scope="col" { (visitor.pick("State", "状態")) }
            } }
            tbody { @for share in shares {
                @let (class, said) = stand(visitor, &share.state);
                tr {
                    th scope="row" { (share.server) }
                    td { span.dot.(class) aria-hidden="true" {} (said) }
                }
            } }
        }
    }
}

fn stand(visitor: &Visitor, state: &Stand) -> (&'static str, String) {
    let kb = |bytes: u64| bytes.div_ceil(1_000);
    match state {
        Stand::Waiting => ("unknown", visitor.pick("waiting", "待機中").into()),
        Stand::Collecting(bytes) => {
            let kb = kb(*bytes);
            let said = visitor.pick(format!("collecting, {kb} kB"), format!("採取中 {kb} kB"));
            ("warn", said)
        }
        Stand::Done(bytes, _) => {
            let kb = kb(*bytes);
            let said = visitor.pick(format!("done, {kb} kB"), format!("完了 {kb} kB"));
            ("good", said)
        }
        Stand::Failed(why) => {
            let said = visitor.pick(
                format!("not collected: {why}"),
                format!("採取できません: {why}"),
            );
            ("bad", said)
        }
    }
}

/// `GET /logs/progress`: `logs` (the part that changes) until it is through, then `reload`.
pub(in crate::console) async fn progress(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    let token = cookie(&headers, SESSION_COOKIE).unwrap_or_default();
    let changes = app.gatherings.changes();
    let stream = unfold(Some(changes), move |changes| {
        let (app, visitor, token) = (Arc::clone(&app), visitor.clone(), token.clone());
        async move {
            let mut changes = changes?;
            changes.mark_unchanged();
            let now = app.gatherings.now();
            let under_way = now.filter(|it| it.ended.is_none() && still(&app, &token));
            let Some(gathering) = under_way else {
                return Some((Ok::<Event, Infallible>(reload()), None));
            };
            // Also when nothing happens: a session may have ended.
            sleep(SHOW_PAUSE).await;
            let _ = timeout(ALIVE_EVERY, changes.changed()).await;
            let gathering = app.gatherings.now().unwrap_or(gathering);
            let part = part(&visitor, &gathering).into_string();
            let event = Event::default().event("logs").data(one_line(part));
            Some((Ok(event), Some(changes)))
        }
    });
    Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(ALIVE_EVERY))
        .into_response()
}

/// A piece of the download.
enum Piece {
    Bytes(Vec<u8>),
    /// Of a file so many bytes from there on.
    File(Arc<File>, u64, u64),
}

/// `GET /logs/all`: a tar of the servers' archives, and of a text that names those that are missing.
pub(in crate::console) async fn download(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let gathering = app.gatherings.now().filter(|it| it.ended.is_some());
    let Some(gathering) = gathering.filter(|it| it.archives().next().is_some()) else {
        let why = visitor.pick(
            "Nothing is collected: collect from all servers first.",
            "採取済みのログがありません。先に全サーバから採取してください。",
        );
        return refused(&visitor, &[why.into()], HERE);
    };
    let Ok(place) = Arc::clone(&app.gatherings.downloads).try_acquire_owned() else {
        let why = visitor.pick(
            "It is being downloaded twice already. Try again when these are through.",
            "既に二件のダウンロードを実行中です。完了後に再試行してください。",
        );
        let page = refused(&visitor, &[why.into()], HERE);
        return (StatusCode::SERVICE_UNAVAILABLE, page).into_response();
    };
    let what = "download-logs of=all";
    app.desk.audit(&visitor, what, "begun").await;
    let (pieces, bytes) = tar(&gathering);
    let name = format!("{}-logs.tar", stem(&gathering.cluster, gathering.begun));
    let (give, taken) = mpsc::channel(PIECES_MAX);
    tokio::spawn(hand(pieces, place, give));
    let body = unfold(taken, |mut taken| async move {
        let piece = taken.recv().await?;
        Some((piece, taken))
    });
    let headers = [
        (CONTENT_TYPE, "application/x-tar".to_owned()),
        (CONTENT_LENGTH, bytes.to_string()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    (headers, Body::from_stream(body)).into_response()
}

/// The archive in pieces, and its length in bytes.
fn tar(gathering: &Gathering) -> (VecDeque<Piece>, u64) {
    let (block, begun) = (BLOCK_BYTES as u64, gathering.begun);
    let seconds = u64::try_from(begun.0 / 1_000).unwrap_or(0);
    let (mut pieces, mut all) = (VecDeque::new(), 0);
    let mut add = |name: &str, bytes: u64, piece: Piece| {
        let padding = bytes.next_multiple_of(block) - bytes;
        let ends = vec![0; usize::try_from(padding).unwrap_or(0)];
        pieces.push_back(Piece::Bytes(header(name, bytes, seconds).to_vec()));
        pieces.push_back(piece);
        pieces.push_back(Piece::Bytes(ends));
        all += block + bytes + padding;
    };
    for (server, bytes, file) in gathering.archives() {
        let file = Piece::File(Arc::clone(file), 0, bytes);
        add(&file_name(server, begun), bytes, file);
    }
    let missing = missing(gathering).into_bytes();
    if !missing.is_empty() {
        add(MISSING, missing.len() as u64, Piece::Bytes(missing));
    }
    pieces.push_back(Piece::Bytes(vec![0; 2 * BLOCK_BYTES]));
    (pieces, all + 2 * block)
}

/// `sv3: no link to it`, a line for each server that could not be collected.
fn missing(gathering: &Gathering) -> String {
    let mut text = String::new();
    for share in &gathering.shares {
        if let Stand::Failed(why) = &share.state {
            text.push_str(&format!("{}: {why}\n", share.server));
        }
    }
    text
}

/// Hands the pieces out as fast as they are taken. A browser that takes nothing for [`TAKE_WAIT`] is given up, and
/// neither files nor `place` wait for it.
async fn hand(
    mut pieces: VecDeque<Piece>,
    place: OwnedSemaphorePermit,
    to: mpsc::Sender<io::Result<Bytes>>,
) {
    while let Some(piece) = pieces.pop_front() {
        let read = match piece {
            Piece::Bytes(bytes) => Ok(bytes),
            Piece::File(_, at, end) if at >= end => continue,
            Piece::File(file, at, end) => {
                let count = (end - at).min(CHUNK_BYTES);
                pieces.push_front(Piece::File(Arc::clone(&file), at + count, end));
                let read = spawn_blocking(move || {
                    // At most a chunk.
                    let mut chunk = vec![0; count as usize];
                    file.read_exact_at(&mut chunk, at).map(|()| chunk)
                });
                read.await
                    .unwrap_or_else(|error| Err(io::Error::other(error)))
            }
        };
        let broken = read.is_err();
        let taken = timeout(TAKE_WAIT, to.send(read.map(Bytes::from))).await;
        if broken || !matches!(taken, Ok(Ok(()))) {
            break;
        }
    }
    drop(place);
}
