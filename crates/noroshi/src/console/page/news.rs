//! What changes, as server-sent events: rows and parts of pages, written as the pages have them.
//!
//! A page names the newest row that it was made with (`?after=ROW`), a browser that connects again the
//! last one that it got (`Last-Event-ID`): what came since is read first, then follows what comes.

use super::alert_filter::Asked;
use super::{alerts, cluster};
use crate::console::App;
use crate::console::desk::Page;
use crate::console::live::News;
use crate::console::overview::Overview;
use crate::console::visitor::{SESSION_COOKIE, User, Visitor, cookie};
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use maud::html;
use noroshi_daemon::control::{AlertFilter, AlertLine};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Silence after which a comment is sent, so that both ends notice a dead connection.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Alerts that fit and that a page may have missed; with more it loads itself anew.
const MISSED_MAX: u32 = 100;

/// Pause before a daemon that does not answer is asked again for what was missed.
const AGAIN_WAIT: Duration = Duration::from_secs(2);

/// `GET /live`: `alert` (a new row), `change` (a row that is another now), `cluster` (the part of that
/// page), `silent`, `reload`. Alerts come when the query says after which row, and only those that its
/// filter takes.
pub(in crate::console) async fn stream(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let token = cookie(&headers, SESSION_COOKIE).unwrap_or_default();
    let last = headers.get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()?.parse().ok());
    let after = last.or(asked.row_after());
    let mut waiting = VecDeque::new();
    let news = app.live.listen(after.is_some());
    waiting.push_back(match after {
        Some(_) => Next::CatchUp,
        // What changed while the page was on its way, or hidden.
        None => Next::State,
    });
    let listener = Listener {
        app,
        visitor,
        token,
        news,
        only: asked.filter().0,
        last: after,
        waiting,
    };
    let stream = unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<Event, Infallible>(event), listener))
    });
    Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(ALIVE_EVERY))
        .into_response()
}

/// What an open page is told next.
enum Next {
    /// What it missed is to be read.
    CatchUp,
    /// The state is to be read.
    State,
    Alert(Arc<AlertLine>),
    Changed(Arc<AlertLine>),
    /// The daemon does not answer; it is asked again after [`AGAIN_WAIT`].
    Silent,
    Reload,
}

/// One open page.
struct Listener {
    app: Arc<App>,
    visitor: Visitor,
    token: String,
    news: Receiver<News>,
    only: AlertFilter,
    /// The last row that it was told or need not be told; `None` for a page without alerts.
    last: Option<u64>,
    waiting: VecDeque<Next>,
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(next) = self.waiting.pop_front() {
                if !still(&self.app, &self.token) {
                    self.waiting.clear();
                    return Some(reload());
                }
                match next {
                    Next::CatchUp => self.catch_up().await,
                    Next::State => match Overview::read(&self.app.desk).await {
                        Ok(overview) => return Some(self.state(&overview)),
                        // It is told again when it answers.
                        Err(_) => return Some(self.silent()),
                    },
                    Next::Alert(alert) => return Some(self.row("alert", &alert)),
                    Next::Changed(alert) => return Some(self.row("change", &alert)),
                    Next::Silent => {
                        tokio::time::sleep(AGAIN_WAIT).await;
                        return Some(self.silent());
                    }
                    Next::Reload => return Some(reload()),
                }
                continue;
            }
            let came = self.news.recv().await;
            self.app.accounts.look().await;
            if !still(&self.app, &self.token) {
                return Some(reload());
            }
            match came {
                Ok(News::From(row)) if self.last.is_some_and(|last| last != row) => {
                    self.waiting.push_back(Next::CatchUp);
                }
                Ok(News::From(_)) => {}
                Ok(News::Alert(alert)) => self.take(alert),
                Ok(News::Changed(alert)) => self.take_change(alert),
                Ok(News::State(overview)) => return Some(self.state(&overview)),
                Ok(News::Silent) => return Some(self.silent()),
                Err(RecvError::Lagged(_)) if self.last.is_some() => {
                    self.waiting.push_back(Next::CatchUp);
                }
                // The next look at the state is as good as those that were missed.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn take(&mut self, alert: Arc<AlertLine>) {
        // What was read already comes here a second time.
        if self.last.is_some_and(|last| alert.row > last) {
            self.last = Some(alert.row);
            if self.only.takes(&alert) {
                self.waiting.push_back(Next::Alert(alert));
            }
        }
    }

    /// A row that no longer fits stays: it is what the reader is looking at.
    fn take_change(&mut self, alert: Arc<AlertLine>) {
        if self.last.is_some() {
            self.waiting.push_back(Next::Changed(alert));
        }
    }

    /// Reads what came since the last row that was told.
    async fn catch_up(&mut self) {
        let missed = Page {
            limit: MISSED_MAX,
            only: self.only.clone(),
            before: None,
            after: self.last,
        };
        match self.app.desk.alerts(missed).await {
            Ok(page) if page.next.is_some() => self.waiting.push_back(Next::Reload),
            // No such row was ever told here: the page is from another store, and would wait for ever.
            Ok(page) if self.last.is_some_and(|last| last > page.newest) => {
                self.waiting.push_back(Next::Reload);
            }
            Ok(page) => {
                self.last = self.last.max(Some(page.newest));
                self.last = self.last.max(page.alerts.last().map(|alert| alert.row));
                let missed = page.alerts.into_iter().map(Arc::new).map(Next::Alert);
                self.waiting.extend(missed);
                let changed = self.app.live.missed().into_iter().map(Next::Changed);
                self.waiting.extend(changed);
            }
            Err(_) => {
                self.waiting.push_back(Next::Silent);
                self.waiting.push_back(Next::CatchUp);
            }
        }
    }

    fn row(&self, name: &str, alert: &AlertLine) -> Event {
        let row = alerts::row(&self.visitor, alert).into_string();
        let event = Event::default().event(name).data(one_line(row));
        match name {
            // Where to go on after a broken connection.
            "alert" => event.id(alert.row.to_string()),
            _ => event,
        }
    }

    fn state(&self, overview: &Overview) -> Event {
        let part = cluster::part(&self.visitor, overview).into_string();
        Event::default().event("cluster").data(one_line(part))
    }

    fn silent(&self) -> Event {
        let words = self.visitor.pick(
            "The alert service does not answer.",
            "アラートサービスが応答しません。",
        );
        let words = html! { (words) }.into_string();
        Event::default().event("silent").data(one_line(words))
    }
}

/// The page is to load itself anew. Without data a browser would pass it over (HTML, "Interpreting an event stream").
pub(super) fn reload() -> Event {
    Event::default().event("reload").data("now")
}

/// The session still is one: a user that was removed hears no more.
pub(super) fn still(app: &App, token: &str) -> bool {
    let user = app.sessions.user(token, |name| {
        let user = app.accounts.user(name)?;
        let hash = user.password.reveal().to_string();
        let (name, role) = (user.name, user.role);
        Some((User { name, role }, hash))
    });
    user.is_some()
}

/// Lines within HTML mean nothing, within an event they do.
pub(super) fn one_line(html: String) -> String {
    html.replace(['\r', '\n'], " ")
}
