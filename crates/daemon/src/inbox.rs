//! The one way into the driver: a bounded queue of events that every module holds an end of.

use noroshi_core::event::Event;
use tokio::sync::mpsc;

/// Most events that wait for the driver. A module that finds it full waits; the heartbeat receiver
/// drops instead, because a heartbeat that comes late is worth nothing.
pub const INBOX_EVENTS_MAX: usize = 1_024;

/// The sending end, for every module that has something to say.
pub type Inbox = mpsc::Sender<Event>;
