//! Links: one connection to each other server, over which messages go both ways.
//!
//! Of a pair the server with the lower id dials, on the first shared interconnect that connects;
//! TLS proves both ends' key (`identity`), one line says who they are (`hello`), then each line is a
//! [`PeerMessage`]. One task for each other server makes its links, one after the other, so
//! `LinkUp` and `LinkDown` alternate by construction.
//!
//! *Use.* `Links` holds the near ends: `tell`, `drop_link`, `reconfigure`, `stop`.
//!
//! *Failure.* A link that breaks is told and dialled again: at once when it had stood for a while,
//! else after a growing rest, for ever. What was under way is lost; `core` repeats facts when a link
//! comes up. A queue that reaches [`QUEUE_LINES_MAX`] or [`QUEUE_BYTES_MAX`] means that the other end
//! does not take what it is sent: the link is dropped. A new link from a server replaces an old
//! one, which must be half dead: nobody dials twice.

use super::Wires;
use super::hello::{Hello, Refusal};
use super::identity;
use super::lines::{LINE_BYTES_MAX, Line, Lines};
use super::note::Note;
use super::plan::{PeerPlan, Plan, Route};
use super::socket;
use crate::clock;
use noroshi_core::alert::SessionId;
use noroshi_core::config::ServerId;
use noroshi_core::event::Event;
use noroshi_core::peer::PeerMessage;
use noroshi_core::time::{Moment, Span};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout, timeout_at};
use tokio_rustls::TlsStream;

/// Messages that wait for one server; more drop the link.
pub const QUEUE_LINES_MAX: usize = 1_024;
/// Bytes of messages that wait for one server; more drop the link.
pub const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// How long a connection may take to come about.
pub const DIAL_DEADLINE: Duration = Duration::from_secs(1);
/// How long TLS and the first lines may take.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(2);
/// First and longest rest between two rounds of dialling.
pub const REST_MIN: Duration = Duration::from_millis(50);
/// See [`REST_MIN`].
pub const REST_MAX: Duration = Duration::from_secs(1);
/// A link that stood this long is dialled again at once when it breaks.
const STOOD: Span = Span::from_secs(1);
/// How long the other end may take to read our last words.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Longest first line, in bytes: four times the longest names there can be.
const HELLO_BYTES_MAX: usize = 4_096;

/// The near ends of all links.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<End>);

/// The near end of one server's links, whatever its task does at the moment.
#[derive(Debug)]
struct End {
    settings: watch::Sender<PeerPlan>,
    arrivals: mpsc::Sender<Greeted>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What a server's task shares with its near end.
#[derive(Debug, Default)]
struct Shared {
    standing: Mutex<Option<Standing>>,
    /// Dial now: there is reason to believe that the server is back.
    wake: Notify,
}

/// A link that stands.
#[derive(Clone, Debug)]
struct Standing {
    session: SessionId,
    lines: mpsc::Sender<Vec<u8>>,
    queued_bytes: Arc<AtomicUsize>,
    cut: Arc<Notify>,
}

/// A connection whose ends know each other.
#[derive(Debug)]
pub(super) struct Greeted {
    stream: TlsStream<TcpStream>,
    lines: Lines,
    session: SessionId,
    route: Route,
}

impl Links {
    /// Gives every other server of the plan its task, or its new settings; ends the others' tasks.
    /// Servers are known again by name.
    pub(super) fn reconfigure(&mut self, wires: &Arc<Wires>, plan: &Plan) {
        let known = |name: &str| plan.peers().any(|peer| peer.name == name);
        self.0.retain(|end| {
            let stays = known(&end.settings.borrow().name);
            if !stays {
                end.task.abort();
            }
            stays
        });
        for peer in plan.peers() {
            let end = self
                .0
                .iter()
                .find(|end| end.settings.borrow().name == peer.name);
            match end {
                Some(end) => drop(end.settings.send_replace(peer.clone())),
                None => self.0.push(End::new(wires, peer)),
            }
        }
    }

    fn end(&self, server: ServerId) -> Option<&End> {
        self.0.iter().find(|end| end.settings.borrow().id == server)
    }

    /// Queues a message; lost if no link stands. The error is worth a note.
    pub(super) fn tell(&self, server: ServerId, message: &PeerMessage) -> Result<(), Note> {
        let Some(end) = self.end(server) else {
            return Ok(());
        };
        let Some(standing) = end.shared.standing().clone() else {
            return Ok(());
        };
        let name = || end.settings.borrow().name.clone();
        let mut line = serde_json::to_vec(message).map_err(|error| Note::NoMessage {
            server: name(),
            error: error.to_string(),
        })?;
        if line.len() > LINE_BYTES_MAX {
            return Err(Note::LongMessage { server: name() });
        }
        line.push(b'\n');
        let bytes = line.len();
        let room = standing.queued_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if room > QUEUE_BYTES_MAX || standing.lines.try_send(line).is_err() {
            end.drop_link();
            return Err(Note::QueueFull { server: name() });
        }
        Ok(())
    }

    /// Drops the link to a server and all that is queued for it.
    pub(super) fn drop_link(&self, server: ServerId) {
        if let Some(end) = self.end(server) {
            end.drop_link();
        }
    }

    /// A new session of a server has proven itself by heartbeats: a link to an earlier run is half
    /// dead, and a server that was away can be dialled.
    pub(super) fn session_began(&self, server: ServerId, session: SessionId) {
        let Some(end) = self.end(server) else { return };
        let stale = end
            .shared
            .standing()
            .as_ref()
            .is_some_and(|it| it.session != session);
        if stale {
            end.drop_link();
        }
        end.shared.wake.notify_one();
    }

    /// A server has dialled us.
    pub(super) fn arrived(&self, server: &str, greeted: Greeted) {
        if let Some(end) = self
            .0
            .iter()
            .find(|end| end.settings.borrow().name == server)
        {
            // Full only while its task is busy with an earlier one; the server will dial again.
            let _ = end.arrivals.try_send(greeted);
        }
    }

    /// Lets every link send what is queued and close; waits until all have, or `deadline`.
    pub(super) async fn stop(ends: Links, deadline: Duration) {
        let mut tasks = Vec::new();
        for End {
            settings,
            arrivals,
            shared,
            task,
        } in ends.0
        {
            drop((settings, arrivals, shared.standing().take()));
            tasks.push(task);
        }
        let deadline = tokio::time::Instant::now() + deadline;
        for mut task in tasks {
            if timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
    }

    /// Ends all tasks at once.
    pub(super) fn abort(&mut self) {
        for end in self.0.drain(..) {
            end.task.abort();
        }
    }
}

impl End {
    fn new(wires: &Arc<Wires>, peer: &PeerPlan) -> End {
        let (settings, watched) = watch::channel(peer.clone());
        let (arrivals, arriving) = mpsc::channel(1);
        let shared = Arc::new(Shared::default());
        let task = Task {
            wires: Arc::clone(wires),
            settings: watched,
            arrivals: arriving,
            shared: Arc::clone(&shared),
            rest: Duration::ZERO,
            first_route: 0,
        };
        End {
            settings,
            arrivals,
            shared,
            task: tokio::spawn(task.run()),
        }
    }

    fn drop_link(&self) {
        if let Some(standing) = self.shared.standing().take() {
            standing.cut.notify_one();
        }
    }
}

impl Shared {
    fn standing(&self) -> std::sync::MutexGuard<'_, Option<Standing>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes one server's links, one after the other.
struct Task {
    wires: Arc<Wires>,
    settings: watch::Receiver<PeerPlan>,
    arrivals: mpsc::Receiver<Greeted>,
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
    async fn run(mut self) {
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
                    greeted = self.arrivals.recv() => Some(greeted?),
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
        let standing = Standing {
            session,
            lines: queue,
            queued_bytes: Arc::default(),
            cut: Arc::default(),
        };
        let (cut, queued_bytes) = (
            Arc::clone(&standing.cut),
            Arc::clone(&standing.queued_bytes),
        );
        // Before the event, so that what it makes `core` tell finds the link.
        *self.shared.standing() = Some(standing);
        self.tell_up(Some(session)).await;
        let ended = self
            .carry(stream, lines, route, queued, &queued_bytes, &cut)
            .await;
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
        queued: mpsc::Receiver<Vec<u8>>,
        queued_bytes: &AtomicUsize,
        cut: &Notify,
    ) -> Ended {
        let (reader, mut writer) = split(stream);
        let address = route.theirs.ip();
        let wires = Arc::clone(&self.wires);
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
            Some(greeted) = self.arrivals.recv() => return Ended::Replaced(Box::new(greeted)),
            () = &mut read => return Ended::Broken,
            written = write_lines(&wires, address, &mut writer, queued, queued_bytes) => Some(written),
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

/// Dials in rounds over all interconnects until a link is made.
async fn dial_until_made(
    wires: &Wires,
    shared: &Shared,
    peer: &PeerPlan,
    rest: &mut Duration,
    first_route: usize,
) -> Greeted {
    loop {
        tokio::select! {
            () = sleep(*rest) => {}
            () = shared.wake.notified() => *rest = Duration::ZERO,
        }
        *rest = (*rest * 2).clamp(REST_MIN, REST_MAX);
        let count = peer.routes.len();
        for at in (first_route..first_route + count).map(|at| at % count) {
            let Some(route) = peer.route(at) else {
                continue;
            };
            match dial(wires, &peer.name, route).await {
                Ok(greeted) => return greeted,
                Err(error) => wires.say_no_link(&peer.name, route.theirs.ip(), &error),
            }
        }
    }
}

async fn dial(wires: &Wires, name: &str, route: Route) -> io::Result<Greeted> {
    let address = route.theirs.ip();
    let connected = async {
        wires.gate.passable(address).await;
        socket::dial(route.ours, route.theirs).await
    };
    let stream = timeout(DIAL_DEADLINE, connected).await??;
    socket::prepare_link(&stream)?;
    let greeted = async {
        let stream = wires.identity.connect(stream).await?;
        greet(wires, name, route, stream).await
    };
    timeout(HANDSHAKE_DEADLINE, greeted).await?
}

/// Says who we are and hears who the other end is; it must be the server called `name`. The caller
/// sets the deadline.
pub(super) async fn greet(
    wires: &Wires,
    name: &str,
    route: Route,
    mut stream: TlsStream<TcpStream>,
) -> io::Result<Greeted> {
    let plan = wires.plan();
    stream
        .write_all(&Hello::new(&plan, name, wires.session).line())
        .await?;
    stream.flush().await?;
    let mut lines = Lines::default();
    let hello = match lines.next(&mut stream, HELLO_BYTES_MAX).await? {
        Line::Whole(line) => Hello::parse(&line),
        Line::TooLong => Err(Refusal::Garbled),
    };
    let checked = hello.and_then(|hello| hello.check(&plan, name).map(|()| hello.session));
    let session = checked.map_err(io::Error::other)?;
    Ok(Greeted {
        stream,
        lines,
        session,
        route,
    })
}

/// Hands messages to the driver until the link breaks. When the driver is behind, this link waits.
async fn read_lines(
    wires: &Wires,
    settings: watch::Receiver<PeerPlan>,
    address: IpAddr,
    mut reader: ReadHalf<TlsStream<TcpStream>>,
    mut lines: Lines,
) {
    loop {
        let line = lines.next(&mut reader, LINE_BYTES_MAX).await;
        // What came in before a cut that is played stays on its way, the end of the link as well.
        wires.gate.passable(address).await;
        let Ok(line) = line else { return };
        let message = match line {
            Line::Whole(line) => serde_json::from_slice(&line).map_err(Some),
            Line::TooLong => Err(None),
        };
        let (id, server) = {
            let peer = settings.borrow();
            (peer.id, peer.name.clone())
        };
        match message {
            Ok(PeerMessage::Unknown) => {}
            Ok(message) => {
                if wires
                    .inbox
                    .send(Event::Peer(id, Box::new(message)))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Err(None) => wires.say(Note::LongLine { server }),
            Err(Some(error)) => wires.say(Note::NoMessage {
                server,
                error: error.to_string(),
            }),
        }
    }
}

/// Sends what is queued until the queue is closed, then closes the link in order.
async fn write_lines(
    wires: &Wires,
    address: IpAddr,
    writer: &mut WriteHalf<TlsStream<TcpStream>>,
    mut queued: mpsc::Receiver<Vec<u8>>,
    queued_bytes: &AtomicUsize,
) -> io::Result<()> {
    while let Some(line) = queued.recv().await {
        wires.gate.passable(address).await;
        send(writer, &line, queued.is_empty()).await?;
        queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
    }
    writer.shutdown().await
}

async fn send<W: AsyncWrite + Unpin>(writer: &mut W, line: &[u8], last: bool) -> io::Result<()> {
    writer.write_all(line).await?;
    if last { writer.flush().await } else { Ok(()) }
}

/// Waits until new settings have no such way to the server any more.
async fn moved_away(mut settings: watch::Receiver<PeerPlan>, route: Route) {
    if settings
        .wait_for(|peer| !peer.routes.contains(&Some(route)))
        .await
        .is_err()
    {
        // The engine stops; the queue's end ends the link.
        std::future::pending().await
    }
}

impl Wires {
    /// Says why no link came about.
    pub(super) fn say_no_link(&self, server: &str, at: IpAddr, error: &io::Error) {
        let server = server.to_owned();
        let refusal = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Refusal>());
        self.say(match refusal {
            Some(why) => Note::Refused {
                server,
                at,
                why: why.clone(),
            },
            None if identity::refused_for_its_key(error) => Note::Refused {
                server,
                at,
                why: Refusal::Key,
            },
            None => Note::NoLink {
                server,
                at,
                error: error.to_string(),
            },
        });
    }
}
