//! Links: one connection to each other server, over which messages go both ways.
//!
//! Of a pair the server with the lower name dials, on the first shared interconnect that connects;
//! TLS proves both ends' key (`identity`), one line says who they are (`hello`), then each line is a
//! [`PeerMessage`]. One task for each other server makes its links, one after the other, so
//! `LinkUp` and `LinkDown` alternate by construction.
//!
//! *Use.* `Links` holds the near ends: `tell`, `drop_link`, `reconfigure`, `stop`.
//!
//! *Failure.* A link that breaks is told and dialled again: at once when it had stood for a while,
//! else after a growing rest, for ever. What was under way is lost; `core` repeats facts when a link
//! comes up. A queue that reaches [`QUEUE_LINES_MAX`] or [`QUEUE_BYTES_MAX`] means that the other end
//! does not take what it is sent: the link is dropped. What `core` repeats when a link comes up
//! (a whole window of alerts) waits in a queue of its own, [`REPEATS_MAX`] long, and goes out one by
//! one while nothing fresh waits: a large backlog must not drop the link, since it would be repeated
//! at the next. Pages of collected logs ([`super::pages`])
//! and of alert logs ([`crate::replica`]) wait in a third one and go last. A new link from a server replaces an old one, which must be half dead: nobody dials
//! twice.

mod carry;
mod dial;
mod task;

pub use dial::{DIAL_DEADLINE, HANDSHAKE_DEADLINE, REST_MAX, REST_MIN};
pub(super) use dial::{Greeted, greet};

use super::Wires;
use super::lines::LINE_BYTES_MAX;
use super::note::Note;
use super::plan::{PeerPlan, Plan};
use noroshi_core::alert::SessionId;
use noroshi_core::config::ServerId;
use noroshi_core::notice::outbox::WINDOW_NOTICES_MAX;
use noroshi_core::peer::PeerMessage;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use task::Task;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

/// Messages that wait for one server; more drop the link.
pub const QUEUE_LINES_MAX: usize = 1_024;
/// Bytes of messages that wait for one server; more drop the link.
pub const QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// Repeated alerts that wait for one server: all that `core` holds at a time. One more is not sent;
/// the other end asks for what it misses, or hears of it when the next link comes up.
pub const REPEATS_MAX: usize = WINDOW_NOTICES_MAX;

/// The near ends of all links.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<End>);

/// The near end of one server's links, whatever its task does at the moment.
#[derive(Debug)]
struct End {
    settings: watch::Sender<PeerPlan>,
    /// In boxes: a channel sets aside room for 32 of what it carries, for each server.
    arrivals: mpsc::Sender<Box<Greeted>>,
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
    repeats: mpsc::Sender<Box<PeerMessage>>,
    pages: mpsc::Sender<Vec<u8>>,
    queued_bytes: Arc<AtomicUsize>,
    cut: Arc<Notify>,
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
        if let PeerMessage::Alert { repeated: true, .. } = message {
            // See REPEATS_MAX; a link that ends meanwhile loses them like any other message.
            let _ = standing.repeats.try_send(Box::new(message.clone()));
            return Ok(());
        }
        let name = || end.settings.borrow().name.clone();
        let line = line(message, name)?;
        if is_bulk(message) {
            // Asked for again.
            let _ = standing.pages.try_send(line);
            return Ok(());
        }
        let bytes = line.len();
        let room = standing.queued_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if room > QUEUE_BYTES_MAX || standing.lines.try_send(line).is_err() {
            end.drop_link();
            return Err(Note::QueueFull { server: name() });
        }
        Ok(())
    }

    /// Queues a line of [`super::pages`] behind everything else; false when no link stands. One that
    /// finds no room is lost.
    pub(super) fn page(&self, server: &str, line: Vec<u8>) -> bool {
        let end = self
            .0
            .iter()
            .find(|end| end.settings.borrow().name == server);
        let Some(standing) = end.and_then(|end| end.shared.standing().clone()) else {
            return false;
        };
        // It is asked for again.
        let _ = standing.pages.try_send(line);
        true
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
            let _ = end.arrivals.try_send(Box::new(greeted));
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
        let deadline = crate::clock::instant() + deadline;
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

/// Pages of alert logs: nothing waits behind them.
fn is_bulk(message: &PeerMessage) -> bool {
    matches!(
        message,
        PeerMessage::LogAsk { .. }
            | PeerMessage::LogNames { .. }
            | PeerMessage::LogWant { .. }
            | PeerMessage::LogAlerts { .. }
    )
}

/// A message as its line.
fn line(message: &PeerMessage, server: impl Fn() -> String) -> Result<Vec<u8>, Note> {
    let mut line = serde_json::to_vec(message).map_err(|error| Note::NoMessage {
        server: server(),
        error: error.to_string(),
    })?;
    if line.len() > LINE_BYTES_MAX {
        return Err(Note::LongMessage { server: server() });
    }
    line.push(b'\n');
    Ok(line)
}

impl End {
    fn new(wires: &Arc<Wires>, peer: &PeerPlan) -> End {
        let (settings, watched) = watch::channel(peer.clone());
        let (arrivals, arriving) = mpsc::channel(1);
        let shared = Arc::new(Shared::default());
        let task = Task::new(Arc::clone(wires), watched, arriving, Arc::clone(&shared));
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
