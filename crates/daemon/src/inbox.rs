//! The one way into the driver: a bounded queue of events that every module holds an end of.

use noroshi_core::event::Event;
use tokio::sync::mpsc;

/// Most events that wait for the driver. A module that finds it full waits; the heartbeat receiver
/// drops instead, because a heartbeat that comes late is worth nothing.
pub const INBOX_EVENTS_MAX: usize = 256;

/// Waits until half of the inbox is free. What other servers tell in a storm comes through here, so
/// that it never takes the places of heartbeats and answers, nor more memory than it is worth.
pub async fn room_for_peers(inbox: &Inbox) {
    while !inbox.is_closed() && inbox.capacity() < inbox.max_capacity() / 2 {
        tokio::task::yield_now().await;
    }
}

/// The sending end, for every module that has something to say.
pub type Inbox = mpsc::Sender<Event>;
