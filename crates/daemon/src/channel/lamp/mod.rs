//! The lamp channel: carries orders to warning lights and says what became of each (rules M13, N12
//! to N15).
//!
//! *Use.* [`LampChannel::order`] never blocks. Each order becomes one task that does one exchange
//! and ends in exactly one [`Event::Lamp`]. Retries, re-assertion and what a read-back means are
//! `core`'s; nothing is repeated here but a lost SNMP datagram.
//!
//! *Failure.* A lamp that is refused, silent, cut off or mad costs its own task at most
//! [`EXCHANGE_TIMEOUT`] and nobody else anything. [`LampChannel::cancel`] takes an order back as long
//! as nothing of it has left. [`codes`] says what each number means. One command
//! is in flight per lamp: later orders wait their turn, at most [`ORDERS_MAX`] of them; more are
//! answered at once as busy. Dropping the channel lets running tasks end by themselves.

pub mod codes;
mod command;
mod deadlines;
mod exchange;
mod isa_tcp;
mod leave;
mod patlite;
mod rsh;
mod snmp;
mod tcp;
mod trouble;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use noroshi_core::config::{Lamp, LampId};
use noroshi_core::event::Event;
use noroshi_core::lamp::{LampOrder, LampResult, Look, OrderNumber};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::engine::Gate;
use crate::inbox::Inbox;
use exchange::Limits;
use leave::Leave;
use trouble::Trouble;

pub use command::SAID_BYTES_MAX;
pub use deadlines::{CONNECT_TIMEOUT, Deadlines, EXCHANGE_TIMEOUT, RESEND_AFTER, SENDS_MAX};
pub use leave::{CAUTION, CONNECT_SUSPICIOUS};
pub use rsh::{SOURCE_PORTS, SOURCE_PORTS_SKIPPED};

/// Most orders for one lamp at a time, the one in flight included. `core` gives one at a time, so
/// more than two (a change of settings) is a fault of ours: the order is answered as busy.
pub const ORDERS_MAX: usize = 4;

/// The right to speak to a lamp; it ends with the last clone.
type Turn = Arc<OwnedSemaphorePermit>;

/// Carries orders to warning lights.
#[derive(Debug)]
pub struct LampChannel {
    slots: Vec<Slot>,
    inbox: Inbox,
    deadlines: Deadlines,
    gate: Gate,
}

/// One lamp and who may speak to it.
#[derive(Debug)]
struct Slot {
    lamp: Arc<Lamp>,
    servers: Arc<str>,
    line: Arc<Line>,
}

/// What the orders for one address share, whatever the settings call the lamp there: new settings
/// must not lose the handle by which an order that waits is taken back.
#[derive(Debug)]
struct Line {
    /// One permit: the turn.
    turn: Arc<Semaphore>,
    /// [`ORDERS_MAX`] permits: the places in the queue for it.
    places: Arc<Semaphore>,
    /// Orders up to this number are taken back.
    cancelled: watch::Sender<OrderNumber>,
    /// The last order ended in a failure.
    failed: AtomicBool,
}

impl Line {
    fn new() -> Line {
        Line {
            turn: Arc::new(Semaphore::new(1)),
            places: Arc::new(Semaphore::new(ORDERS_MAX)),
            cancelled: watch::Sender::new(OrderNumber::default()),
            failed: AtomicBool::new(false),
        }
    }
}

impl LampChannel {
    /// A channel for `lamps`, by their [`LampId`]; `server_names` by their
    /// [`ServerId`](noroshi_core::config::ServerId). Events go to `inbox`.
    pub fn start(lamps: Vec<Lamp>, server_names: Vec<String>, inbox: Inbox) -> Self {
        Self::start_with(lamps, server_names, inbox, Deadlines::default())
    }

    /// As [`start`](Self::start), with other time limits.
    pub fn start_with(
        lamps: Vec<Lamp>,
        server_names: Vec<String>,
        inbox: Inbox,
        deadlines: Deadlines,
    ) -> Self {
        let mut channel = Self {
            slots: Vec::new(),
            inbox,
            deadlines,
            gate: Gate::open(),
        };
        channel.replace(lamps, server_names);
        channel
    }

    /// The same channel behind `gate`: an exchange with a lamp that is cut off begins only when the
    /// gate opens, and fails as one that cannot be connected otherwise.
    pub fn behind(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }

    /// Takes new settings. Orders in flight end by the old ones; a lamp at an address that had one
    /// already keeps its queue, so that it never hears two commands at a time.
    pub fn replace(&mut self, lamps: Vec<Lamp>, server_names: Vec<String>) {
        let old = std::mem::take(&mut self.slots);
        self.slots = lamps
            .into_iter()
            .map(|lamp| {
                let same = |slot: &&Slot| slot.lamp.address == lamp.address;
                let line = old.iter().find(same).map(|slot| slot.line.clone());
                let names = lamp.servers.iter().map(|server| {
                    server_names
                        .get(usize::from(server.0))
                        .map_or("?", String::as_str)
                });
                let servers = names.collect::<Vec<_>>().join(",").into();
                Slot {
                    lamp: Arc::new(lamp),
                    servers,
                    line: line.unwrap_or_else(|| Arc::new(Line::new())),
                }
            })
            .collect();
    }

    /// Carries out `order` in a task of its own; `number` rises from order to order. Must be called
    /// within a tokio runtime.
    pub fn order(&self, lamp: LampId, number: OrderNumber, order: LampOrder) {
        let inbox = self.inbox.clone();
        let task = self.slots.get(usize::from(lamp.0)).map(|slot| {
            let line = slot.line.clone();
            let place = line.places.clone().try_acquire_owned();
            let cancelled = line.cancelled.subscribe();
            let (lamp, servers) = (slot.lamp.clone(), slot.servers.clone());
            (place, line, lamp, servers, cancelled)
        });
        let (deadlines, gate) = (self.deadlines, self.gate.clone());
        tokio::spawn(async move {
            let result = match task {
                None => Trouble::Settings(format!("there is no lamp number {}", lamp.0)).result(),
                Some((Err(_), ..)) => Trouble::Busy.result(),
                Some((Ok(place), line, lamp, servers, cancelled)) => {
                    let (turn, failed) = (line.turn.clone(), &line.failed);
                    let cautious = failed.load(Ordering::Relaxed);
                    let leave = Leave::new(cancelled, number, cautious);
                    let ended = in_turn(turn, &lamp, &servers, order, (&deadlines, &gate), leave);
                    let result = match ended.await {
                        Ok(shown) => LampResult::Done { shown },
                        Err(trouble) => trouble.result(),
                    };
                    match result {
                        LampResult::Done { .. } => failed.store(false, Ordering::Relaxed),
                        LampResult::Failed { .. } => failed.store(true, Ordering::Relaxed),
                        LampResult::Abnormal { .. } | LampResult::Cancelled => {}
                    }
                    // Before the event: its reader may give the next order at once.
                    drop(place);
                    result
                }
            };
            // The driver is gone: nobody is left to be told.
            let _ = inbox
                .send(Event::Lamp {
                    lamp,
                    number,
                    result,
                })
                .await;
        });
    }
}

impl LampChannel {
    /// Takes back the orders for `lamp` up to `number` of which nothing has left yet: each ends as
    /// cancelled, at once. One that has left goes on to its end.
    pub fn cancel(&self, lamp: LampId, number: OrderNumber) {
        if let Some(slot) = self.slots.get(usize::from(lamp.0)) {
            slot.line.cancelled.send_replace(number);
        }
    }
}

/// Waits for the lamp's turn and does the exchange.
async fn in_turn(
    turn: Arc<Semaphore>,
    lamp: &Lamp,
    servers: &str,
    order: LampOrder,
    (deadlines, gate): (&Deadlines, &Gate),
    leave: Leave,
) -> Result<Option<Look>, Trouble> {
    // As long as the exchanges before it can take; only a program that cannot even be started
    // takes longer.
    let queue = deadlines.exchange * ORDERS_MAX as u32;
    let until = crate::clock::instant() + queue;
    let Some(Ok(turn)) = leave.wait(until, turn.acquire_owned()).await? else {
        return Err(Trouble::Busy);
    };
    let begun = crate::clock::instant();
    if !gate.passes(lamp.address) {
        let until = begun + deadlines.connect;
        let passable = gate.passable(lamp.address);
        if leave.wait(until, passable).await?.is_none() {
            let peer = SocketAddr::new(lamp.address, lamp.port.unwrap_or_default());
            return Err(Trouble::NotConnected(peer, deadlines.connect));
        }
        leave.be_cautious();
    }
    let limits = Limits::new(begun, deadlines, leave);
    exchange::run(lamp, servers, order, &limits, &Arc::new(turn)).await
}
