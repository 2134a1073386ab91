//! The local command socket: how commands and scripts reach a running daemon.
//!
//! A Unix stream socket in the daemon's [`Home`](crate::home::Home). One JSON object per line goes
//! in ([`Call`]), JSON lines come out ([`Answer`]). Whoever can open the socket (its mode: owner
//! and group) may read; changing is for root and for the daemon's own user, told by the kernel's
//! peer credentials.
//!
//! The driver holds the other end of a [`Desk`]. A caller that is slow, silent or hostile costs
//! one of [`CONNECTIONS_MAX`] places for at most [`CALL_WAIT`] and delays nobody else.

mod client;
mod filter;
mod lines;
mod listing;
#[cfg(test)]
mod memory;
mod protocol;
mod server;
mod source;
#[cfg(test)]
mod tests;
mod upload;

pub use client::{AlertsPage, Client, Trouble};
pub use filter::AlertFilter;
pub use protocol::{Acknowledged, AlertLine, Answer, Call, Fault, NoticeLine};
pub use server::{serve, serve_until};
pub use source::{AlertRow, AlertRows, AlertSource, LogSource, Page, Reading, TestMailSource};

pub use crate::channel::mail::{Conversation, NotTested};
pub use crate::store::{AlertFigures, FiguresQuery};

use crate::channel::mail::TEST_WAIT_MAX;
use crate::log::audit::Audit;
use crate::sets::Sets;
use noroshi_core::node::{TAKE_WAIT, VOTE_WAIT};
use noroshi_core::request::{Reply, Request};
use noroshi_core::status::Status;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Longest line of a call in bytes; a longer one is answered with an error and the connection
/// closed, since what follows cannot be told apart from its rest.
pub const CALL_BYTES_MAX: usize = 64 * 1024;
/// Longest line of an answer in bytes. An answer that would be longer is replaced by an error.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Connections at once; one more is told that the daemon is busy, and closed. Enough for 64 callers beside the commands of
/// those who look what they do.
pub const CONNECTIONS_MAX: usize = 72;
/// Bytes of a call that are read at a time: nearly every call is shorter, and each open connection holds them.
const CALL_BUFFER_BYTES: usize = 1024;
/// Connections that may follow the alerts at once, so that places for commands remain.
pub const FOLLOWERS_MAX: usize = 24;
/// How long a connection may take for one line of a call, and for taking one line of an answer.
/// Past it the connection is closed.
pub const CALL_WAIT: Duration = Duration::from_secs(10);
/// How long the driver may take for an answer; shorter than [`CLIENT_WAIT`], so that a caller
/// hears why. A clean stop takes up to 6 s (`LEAVE_WAIT_MAX` in core).
pub const DESK_WAIT: Duration = Duration::from_secs(8);
/// How long the driver may take for a lamp test: it answers after the last colour, and each may
/// need three tries of 5 s (rule N14).
pub const LAMP_TEST_WAIT: Duration = Duration::from_secs(60);
/// How long the driver may take for a push: the vote, the taking, and this server's disk.
pub const PUSH_WAIT: Duration = Duration::from_micros(VOTE_WAIT.0 + TAKE_WAIT.0 + 10_000_000);
/// Bytes of a set in one call, before Base64: its line stays below [`CALL_BYTES_MAX`].
pub const SET_PIECE_BYTES: usize = 45 * 1024;
/// How long calls that are being answered may take when the daemon stops.
pub const DRAIN_WAIT: Duration = Duration::from_millis(500);
/// How long a command waits for the daemon's next line.
pub const CLIENT_WAIT: Duration = Duration::from_secs(10);
/// How long a command waits for the next piece of another server's logs; longer than
/// [`SILENCE_MAX`](crate::engine::pages::SILENCE_MAX), after which it hears why there is none.
pub const LOGS_WAIT: Duration = Duration::from_secs(20);
/// How long a command waits for the next conversation of a test mail; longer than all of them may take.
pub const TEST_MAIL_WAIT: Duration = TEST_WAIT_MAX.saturating_add(Duration::from_secs(10));
/// Alerts read from the store at once.
pub const PAGE_ROWS: u32 = 64;

/// How long the driver may take for `request`.
fn desk_wait(request: &Request) -> Duration {
    match request {
        Request::LampTest { .. } => LAMP_TEST_WAIT,
        Request::Push { .. } => PUSH_WAIT,
        _ => DESK_WAIT,
    }
}

/// The way from the command socket to the driver and to the alerts.
#[derive(Clone)]
pub struct Desk {
    /// To the driver; bounded, a full one makes the caller wait up to [`DESK_WAIT`].
    pub ask: mpsc::Sender<Asked>,
    /// The alerts on disk.
    pub alerts: Arc<dyn AlertSource>,
    /// The logs of the other servers.
    pub logs: LogSource,
    /// Test mails with their conversations.
    pub test_mails: TestMailSource,
    /// Where sets are staged; without it none is taken.
    pub sets: Option<Sets>,
    /// Where every change is written down; without it none is.
    pub audit: Option<Audit>,
}

/// What the driver is asked, with the place where its answer goes. A place that nobody waits at any
/// more is no error.
#[derive(Debug)]
pub enum Asked {
    /// Change something.
    Change(Request, oneshot::Sender<Reply>),
    /// Tell how things are.
    Status(oneshot::Sender<Status>),
}
