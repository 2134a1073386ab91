//! When the first byte of an order may leave: at once, after a moment's caution, or never.
//!
//! *Use.* One [`Leave`] goes with each order. A channel asks [`Leave::first_byte`] when the way to the
//! lamp stands, and waits for a connection inside [`Leave::unless_cancelled`].
//!
//! A server that was cut off may have an order in its socket whose connection comes about by a SYN sent
//! again at the very moment that the cut heals, before any heartbeat is heard: a lamp would blink red
//! for a server that lives. So what took suspiciously long to connect, and what follows a failure of
//! that lamp, waits for [`CAUTION`]; by then the node has heard the others and takes back what it does
//! not want any more. A lamp that answers in its usual time is never delayed.
//!
//! *Failure.* [`Trouble::Cancelled`], and only before the first byte of what changes the lamp.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use noroshi_core::lamp::OrderNumber;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::trouble::Trouble;

/// What a cautious order waits when its connection stands: three heartbeats of the default interval.
pub const CAUTION: Duration = Duration::from_millis(300);
/// A connection that took longer came about by a packet sent again: Linux sends a lost SYN again after
/// one second at the earliest.
pub const CONNECT_SUSPICIOUS: Duration = Duration::from_millis(400);

/// One order's leave to go.
#[derive(Debug)]
pub(super) struct Leave {
    /// Orders up to this number are cancelled.
    cancelled: watch::Receiver<OrderNumber>,
    number: OrderNumber,
    /// The last order for this lamp failed.
    cautious: AtomicBool,
    /// Something that changes the lamp has left.
    written: AtomicBool,
}

impl Leave {
    pub(super) fn new(
        cancelled: watch::Receiver<OrderNumber>,
        number: OrderNumber,
        cautious: bool,
    ) -> Leave {
        Leave {
            cancelled,
            number,
            cautious: AtomicBool::new(cautious),
            written: AtomicBool::new(false),
        }
    }

    /// The way to the lamp was not there all the time.
    pub(super) fn be_cautious(&self) {
        self.cautious.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cautious(&self) -> bool {
        self.cautious.load(Ordering::Relaxed)
    }

    /// Does `work` unless the order is taken back first; nothing is taken back that has left.
    pub(super) async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Trouble> {
        if self.written.load(Ordering::Relaxed) {
            return Ok(work.await);
        }
        self.until_cancelled(work).await.ok_or(Trouble::Cancelled)
    }

    /// Does `work` until the order is taken back, whether or not it has left.
    pub(super) async fn until_cancelled<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut cancelled = self.cancelled.clone();
        let taken_back = async {
            // An error means that the channel is gone: nobody takes anything back any more.
            if cancelled
                .wait_for(|up_to| *up_to >= self.number)
                .await
                .is_err()
            {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = taken_back => None,
            done = work => Some(done),
        }
    }

    /// The way stands after `took`: waits while caution says so, at most until `end`.
    pub(super) async fn first_byte(&self, took: Duration, end: Instant) -> Result<(), Trouble> {
        if took > CONNECT_SUSPICIOUS {
            self.be_cautious();
        }
        if !self.written.load(Ordering::Relaxed) && self.is_cautious() {
            let until = end.min(crate::clock::instant() + CAUTION);
            self.unless_cancelled(sleep_until(until)).await?;
        }
        self.unless_cancelled(std::future::ready(())).await
    }

    /// From here on the lamp may have it: it is not taken back any more.
    pub(super) fn has_left(&self) {
        self.written.store(true, Ordering::Relaxed);
    }

    /// Something that changes the lamp has left.
    pub(super) fn is_gone(&self) -> bool {
        self.written.load(Ordering::Relaxed)
    }

    /// Only a question has left, and was answered.
    pub(super) fn has_only_asked(&self) {
        self.written.store(false, Ordering::Relaxed);
    }

    /// Waits for what comes before the exchange, such as the turn; `None` when that took too long.
    pub(super) async fn wait<T>(
        &self,
        until: Instant,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, Trouble> {
        let waited = self.unless_cancelled(timeout_at(until, work)).await?;
        Ok(waited.ok())
    }
}
