//! What the parts of the demonstration report to its one loop.

use noroshi_core::lamp::Look;
use noroshi_core::status::Status;
use noroshi_daemon::control::AlertLine;
use noroshi_sim::inbox::Mail;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// News that wait for the loop; whoever brings one more waits.
pub(super) const NEWS_MAX: usize = 1_024;

/// To the loop.
pub(super) type Teller = mpsc::Sender<News>;

/// One thing that was seen.
#[derive(Debug)]
pub(super) enum News {
    /// A server told how things are.
    Status(usize, Box<Status>),
    /// A server does not answer.
    Silent(usize),
    /// An alert stands in a server's alert view.
    Alert(usize, Box<AlertLine>),
    /// A lamp shows something else, since then.
    Lamp(usize, Look, Instant),
    /// A mail arrived.
    Mail(Arc<Mail>),
    /// What became of something that was asked for.
    Said(String),
    /// A key was pressed.
    Key(ratatui::crossterm::event::KeyEvent),
    /// The terminal has another size.
    Resized,
}
