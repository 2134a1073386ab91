//! What changes, as server-sent events: rows and parts of pages, written as the pages have them.

use super::{alerts, cluster};
use crate::console::App;
use crate::console::live::News;
use crate::console::visitor::{SESSION_COOKIE, User, Visitor, cookie};
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use maud::html;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Silence after which a comment is sent, so that both ends notice a dead connection.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// `GET /live`: `alert` (a row), `cluster` (the part of that page), `silent`, `reload`.
pub(in crate::console) async fn stream(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    let token = cookie(&headers, SESSION_COOKIE).unwrap_or_default();
    let news = app.live.listen();
    let stream = unfold(
        (app, news, visitor, token),
        |(app, mut news, visitor, token)| async move {
            let came = news.recv().await;
            app.accounts.look().await;
            let event = match came {
            _ if !still(&app, &token) => Event::default().event("reload").data(""),
            Ok(News::Alert(alert)) => Event::default()
                .event("alert")
                .id(alert.row.to_string())
                .data(one_line(alerts::row(&visitor, &alert).into_string())),
            Ok(News::State(status)) => Event::default()
                .event("cluster")
                .data(one_line(cluster::part(&visitor, &status).into_string())),
            Ok(News::Silent) => Event::default().event("silent").data(one_line(
                html! { (visitor.pick("The alert service does not answer.", "アラートサービスが応答しません。")) }
                    .into_string(),
            )),
            Err(RecvError::Lagged(_)) => Event::default().event("reload").data(""),
            Err(RecvError::Closed) => return None,
        };
            Some((Ok::<Event, Infallible>(event), (app, news, visitor, token)))
        },
    );
    Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(ALIVE_EVERY))
        .into_response()
}

/// The session still is one: a user that was removed hears no more.
fn still(app: &App, token: &str) -> bool {
    let user = app.sessions.user(token, |name| {
        let user = app.accounts.user(name)?;
        let hash = user.password.reveal().to_string();
        let (name, role) = (user.name, user.role);
        Some((User { name, role }, hash))
    });
    user.is_some()
}

/// Lines within HTML mean nothing, within an event they do.
fn one_line(html: String) -> String {
    html.replace(['\r', '\n'], " ")
}
