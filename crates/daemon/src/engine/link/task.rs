//! One server's links, one after the other: made, held, told.
//!
//! *Use.* [`Task::run`], spawned by the near end. *Failure.* Whatever ends a link is told as
//! `LinkDown`, and the next one is made.

use super::carry::{Queued, moved_away, read_lines, write_lines};
use super::dial::{Greeted, dial_until_made};
use super::{QUEUE_LINES_MAX, REPEATS_MAX, Shared, Standing};
use crate::clock;
use crate::engine::Wires;
use crate::engine::lines::Lines;
use crate::engine::pages::PAGES_MAX;
use crate::engine::plan::{PeerPlan, Route};
use noroshi_core::alert::SessionId;
use noroshi_core::event::Event;
use noroshi_core::time::{Moment, Span};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::split;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsStream;

/// A link that stood this long is dialled again at once when it breaks.
const STOOD: Span = Span::from_secs(1);
/// How long the other end may take to read our last words.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Makes one server's links, one after the other.
pub(super) struct Task {
    wires: Arc<Wires>,
    settings: watch::Receiver<PeerPlan>,
    arrivals: mpsc::Receiver<Box<Greeted>>,
    shared: Arc<Shared>,
    /// Before the next round of dialling.
    rest: Duration,
    /// Where the next round of dialling begins: after the interconnect that failed last.
    first_route: usize,
}

/// Why a link ended.
enum Ended {
    /// It broke, or was dropped.
    Broken,
    /// The server made a new one.
    Replaced(Box<Greeted>),
    /// The engine stops.
    Stopped,
}

impl Task {
    pub(super) fn new(
        wires: Arc<Wires>,
        settings: watch::Receiver<PeerPlan>,
        arrivals: mpsc::Receiver<Box<Greeted>>,
        shared: Arc<Shared>,
    ) -> Task {
        Task {
            wires,
            settings,
            arrivals,
            shared,
            rest: Duration::ZERO,
            first_route: 0,
        }
    }

    /// Runs until the engine stops.
    pub(super) async fn run(mut self) {
        let mut next = None;
        loop {
            let greeted = match next.take() {
                Some(greeted) => greeted,
                None => match self.make().await {
                    Some(greeted) => greeted,
                    None => return,
                },
            };
            match self.hold(greeted).await {
                Ended::Broken => {}
                Ended::Replaced(greeted) => next = Some(*greeted),
                Ended::Stopped => return,
            }
        }
    }

    /// Makes a link, however long it takes; `None` when the engine stops.
    async fn make(&mut self) -> Option<Greeted> {
        loop {
            let peer = self.settings.borrow_and_update().clone();
            let made = if peer.dials {
                let Task {
                    wires,
                    settings,
                    shared,
                    rest,
                    first_route,
                    ..
                } = &mut *self;
                tokio::select! {
                    greeted = dial_until_made(wires, shared, &peer, rest, *first_route) => Some(greeted),
                    changed = settings.changed() => changed.map(|()| None).ok()?,
                }
            } else {
                tokio::select! {
                    greeted = self.arrivals.recv() => Some(*greeted?),
                    changed = self.settings.changed() => changed.map(|()| None).ok()?,
                }
            };
            if made.is_some() {
                return made;
            }
        }
    }

    /// Tells that a link stands, carries messages until it ends, and tells that.
    async fn hold(&mut self, greeted: Greeted) -> Ended {
        let Greeted {
            stream,
            lines,
            session,
            route,
        } = greeted;
        let since = clock::moment();
        let (queue, queued) = mpsc::channel(QUEUE_LINES_MAX);
        let (repeat, repeats) = mpsc::channel(REPEATS_MAX);
        let (page, pages) = mpsc::channel(PAGES_MAX);
        let standing = Standing {
            session,
            lines: queue,
            repeats: repeat,
            pages: page,
            queued_bytes: Arc::default(),
            cut: Arc::default(),
        };
        let cut = Arc::clone(&standing.cut);
        let queued = Queued {
            lines: queued,
            repeats,
            pages,
            bytes: Arc::clone(&standing.queued_bytes),
        };
        // Before the event, so that what it makes `core` tell finds the link.
        *self.shared.standing() = Some(standing);
        self.tell_up(Some(session)).await;
        let ended = self.carry(stream, lines, route, queued, &cut).await;
        self.shared.standing().take();
        self.after(route, since);
        self.tell_up(None).await;
        ended
    }

    async fn tell_up(&mut self, session: Option<SessionId>) {
        let (id, name) = {
            let peer = self.settings.borrow();
            (peer.id, peer.name.clone())
        };
        self.wires.heartbeats().vouch(id, session);
        let event = if session.is_some() {
            Event::LinkUp
        } else {
            Event::LinkDown
        };
        if session.is_some() {
            self.wires.notes.forget(&name);
        }
        // The driver has ended when this fails; then nobody wants to know.
        let _ = self.wires.inbox.send(event(id)).await;
    }

    /// Where and when to dial next.
    fn after(&mut self, lost: Route, since: Moment) {
        let at = self
            .settings
            .borrow()
            .routes
            .iter()
            .position(|route| *route == Some(lost));
        self.first_route = at.map_or(0, |at| at + 1);
        if clock::moment().since(since) >= STOOD {
            self.rest = Duration::ZERO;
        }
    }

    /// Carries messages both ways until something ends it.
    async fn carry(
        &mut self,
        stream: TlsStream<TcpStream>,
        lines: Lines,
        route: Route,
        queued: Queued,
        cut: &Notify,
    ) -> Ended {
        let (reader, mut writer) = split(stream);
        let address = route.theirs.ip();
        let wires = Arc::clone(&self.wires);
        let settings = self.settings.clone();
        let name = || settings.borrow().name.clone();
        let mut read = pin!(read_lines(
            &wires,
            self.settings.clone(),
            address,
            reader,
            lines
        ));
        let written = tokio::select! {
            biased;
            () = cut.notified() => None,
            () = moved_away(self.settings.clone(), route) => None,
            Some(greeted) = self.arrivals.recv() => return Ended::Replaced(greeted),
            () = &mut read => return Ended::Broken,
            written = write_lines(&wires, address, &mut writer, queued, name) => Some(written),
        };
        match written {
            Some(Ok(())) => {
                // Closing with unread bytes would make the kernel throw our last words away, so
                // the other end closes first.
                let _ = timeout(LAST_WORDS, read).await;
                Ended::Stopped
            }
            Some(Err(_)) | None => Ended::Broken,
        }
    }
}
