//! Lamps, and the orders that wait for one in a server's socket.
//!
//! A lamp in reach takes an order at once. One out of reach is connected to for three seconds, and the
//! connection may come about in the midst of that: the moment that a cut heals is when an order that
//! nobody wants any more could still go out. Such an order, and one that follows a failure, waits for
//! [`CAUTION_US`] before it is written, as the real channel does, and can be taken back until then.

use super::{Due, World};
use noroshi_core::config::LampId;
use noroshi_core::event::Event;
use noroshi_core::lamp::{IdleReading, LampOrder, LampResult, Look, OrderNumber};

/// What an exchange with a lamp in reach takes.
const EXCHANGE_US: u64 = 5_000;
/// What it takes to find that a lamp cannot say what it shows.
const MUTE_US: u64 = 100;
/// When a lost SYN is first sent again (Linux: `TCP_TIMEOUT_INIT`); from then on a connection may come
/// about at any moment. The kernel would try again only after 3 s.
const RESEND_US: u64 = 1_000_000;
/// How often a connection under way is looked after.
const LOOK_US: u64 = 20_000;
/// How long a connection is waited for.
const CONNECT_US: u64 = 3_000_000;
/// What a cautious order waits when its connection stands.
const CAUTION_US: u64 = 300_000;

/// A lamp.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimLamp {
    /// What it shows.
    pub shows: Look,
    /// It does not answer.
    pub dead: bool,
    /// It answers, and refuses every order.
    pub refuses: bool,
    /// It cannot say what it shows.
    pub mute: bool,
    /// It lost its memory, and was told nothing since.
    pub forgot: bool,
}

/// An order that has not been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    server: usize,
    run: u64,
    lamp: LampId,
    number: OrderNumber,
    order: LampOrder,
    /// When it was given.
    since: u64,
    /// The connection stands.
    connected: bool,
}

impl Ticket {
    /// When the connection of an order that was looked after at `at_us` is next looked after, after `end_us`.
    pub(super) fn looks_after(at_us: u64, end_us: u64) -> u64 {
        let looks = (end_us + 1).saturating_sub(at_us).div_ceil(LOOK_US);
        at_us + looks * LOOK_US
    }
}

impl World {
    /// How long a lamp takes to answer a reading, if that changes nothing.
    pub(super) fn answers_idly(
        &self,
        server: usize,
        lamp: LampId,
        reading: IdleReading,
    ) -> Option<u64> {
        let sim = &self.lamps[usize::from(lamp.0)];
        if matches!(reading.order, LampOrder::Read(_)) && sim.mute {
            return Some(MUTE_US);
        }
        let cautious = self.servers[server].failed_lamps.contains(&lamp.0);
        let reached = self.reaches(server, lamp) && !cautious && !sim.refuses;
        let shows = sim.shows == reading.order.look() && !(sim.mute && sim.forgot);
        (reached && shows).then_some(EXCHANGE_US)
    }

    /// Until when an order that is due to be looked after at `at_us` waits in vain, as long as its lamp is out of
    /// reach.
    pub(super) fn ticket_until(&self, ticket: &Ticket, at_us: u64) -> u64 {
        let waits = self.orders.contains(ticket) && ticket.run == self.servers[ticket.server].run;
        if !waits || ticket.connected || self.reaches(ticket.server, ticket.lamp) {
            return at_us;
        }
        let gives_up_us = ticket.since + CONNECT_US;
        let looks = gives_up_us.saturating_sub(at_us).div_ceil(LOOK_US);
        at_us + looks * LOOK_US
    }

    pub(super) fn order_lamp(
        &mut self,
        server: usize,
        (lamp, number): (LampId, OrderNumber),
        order: LampOrder,
    ) {
        self.watch_order(server, lamp);
        if matches!(order, LampOrder::Read(_)) && self.lamps[usize::from(lamp.0)].mute {
            let result = LampResult::Done { shown: None };
            return self.lamp_ends(MUTE_US, server, (lamp, number), result);
        }
        let connected = self.reaches(server, lamp);
        let cautious = self.servers[server].failed_lamps.contains(&lamp.0);
        let ticket = Ticket {
            server,
            run: self.servers[server].run,
            lamp,
            number,
            order,
            since: self.now_us,
            connected,
        };
        if connected && !cautious {
            return self.write(ticket);
        }
        self.orders.push(ticket);
        let in_us = if connected { CAUTION_US } else { RESEND_US };
        self.due(in_us, Due::Lamp(ticket));
    }

    pub(super) fn cancel_lamp(&mut self, server: usize, number: OrderNumber) {
        let is = |one: &Ticket| (one.server, one.number) == (server, number);
        if let Some(at) = self.orders.iter().position(is) {
            let ticket = self.orders.remove(at);
            self.lamp_ends(0, server, (ticket.lamp, number), LampResult::Cancelled);
        }
    }

    pub(super) fn lamp_goes_on(&mut self, mut ticket: Ticket) {
        let Some(at) = self.orders.iter().position(|one| *one == ticket) else {
            return;
        };
        self.orders.remove(at);
        let reached = self.reaches(ticket.server, ticket.lamp);
        if ticket.run != self.servers[ticket.server].run {
            return;
        }
        if ticket.connected && reached {
            return self.write(ticket);
        }
        if self.now_us - ticket.since >= CONNECT_US {
            return self.lamp_fails(ticket);
        }
        let in_us = if reached { CAUTION_US } else { LOOK_US };
        ticket.connected = reached;
        self.orders.push(ticket);
        self.due(in_us, Due::Lamp(ticket));
    }

    fn reaches(&self, server: usize, lamp: LampId) -> bool {
        self.network.reaches_outside(server) && !self.lamps[usize::from(lamp.0)].dead
    }

    fn write(&mut self, ticket: Ticket) {
        let Ticket {
            server,
            lamp,
            number,
            order,
            ..
        } = ticket;
        self.servers[server].failed_lamps.remove(&lamp.0);
        let sim = &mut self.lamps[usize::from(lamp.0)];
        if sim.refuses {
            let (code, text) = (1, "refused".to_string());
            let result = LampResult::Abnormal { code, text };
            return self.lamp_ends(EXCHANGE_US, server, (lamp, number), result);
        }
        let shown = match order {
            LampOrder::ReadBack(_) | LampOrder::Read(_) if !sim.mute => Some(sim.shows),
            LampOrder::Show(look) | LampOrder::ReadBack(look) => {
                let was = std::mem::replace(&mut sim.shows, look);
                sim.forgot = false;
                self.watch_look(server, lamp, (was, look));
                None
            }
            LampOrder::Read(_) => None,
        };
        self.lamp_ends(
            EXCHANGE_US,
            server,
            (lamp, number),
            LampResult::Done { shown },
        );
    }

    fn lamp_fails(&mut self, ticket: Ticket) {
        self.servers[ticket.server]
            .failed_lamps
            .insert(ticket.lamp.0);
        let text = "timed out".to_string();
        let result = LampResult::Failed { code: 22, text };
        self.lamp_ends(0, ticket.server, (ticket.lamp, ticket.number), result);
    }

    fn lamp_ends(
        &mut self,
        in_us: u64,
        server: usize,
        (lamp, number): (LampId, OrderNumber),
        result: LampResult,
    ) {
        let event = Event::Lamp {
            lamp,
            number,
            result,
        };
        self.give(in_us, server, event);
    }
}
