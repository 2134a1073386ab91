//! Quiet times: when nothing but heartbeats happens, and what they would leave behind.
//!
//! *Use.* Whoever plays a whole cluster on virtual time (the simulator) may pass over a time in which every
//! server says when it is asked that nothing else can happen: [`Node::quiet_until`], then
//! [`Node::pass_quietly`] with a whole number of periods. The daemon never does.
//!
//! *Exactness.* What is passed over leaves the same state as if each heartbeat had been played; a test of the
//! simulator plays many stories both ways and compares all of it. Where that is in doubt, a server is not quiet:
//! it costs time and nothing else.

use super::Node;
use crate::config::{InterconnectId, LampId, ServerId};
use crate::lamp::{Glow, IdleReading};
use crate::time::{Moment, Span};

/// So many idle readings of a lamp were answered, each after so long.
#[derive(Clone, Copy, Debug)]
pub struct Readings {
    /// The lamp.
    pub lamp: LampId,
    /// How many.
    pub count: u64,
    /// How long each took.
    pub answer: Span,
}

impl Node {
    /// Until when nothing but the heartbeats that come now, and idle readings that `are_passed`, can happen here,
    /// as far as this server knows; `None` while something else is under way, and where a licence is needed: its
    /// watch goes by every step.
    pub fn quiet_until(&self, are_passed: impl Fn(LampId, IdleReading) -> bool) -> Option<Moment> {
        let under_way = self.leaving.is_some()
            || self.returning.is_some()
            || !self.assigned
            || !self.items.is_empty()
            || self.licences.is_some()
            || self.pacemaker.is_some();
        if under_way {
            return None;
        }
        let now = self.stepped_at;
        let mut until = self.membership.quiet_until(now)?;
        let hold_until = self.held_until();
        until = until.min(self.outbox.quiet_until(now, hold_until)?);
        let lamps = (0..self.lamps.len()).filter(|at| {
            let reading = self.idle_reading(LampId(*at as u8));
            reading.is_none_or(|reading| !are_passed(LampId(*at as u8), reading))
        });
        let lamps = lamps.filter_map(|at| self.lamps[at].quiet_until());
        let deadlines = [
            self.settled_at,
            self.lamps_settled_at,
            self.copies.due(),
            self.store_calm_at,
            self.turns_due(),
            self.sets_due(),
        ];
        deadlines
            .into_iter()
            .flatten()
            .chain(lamps)
            .for_each(|at| until = until.min(at));
        (until > now).then_some(until)
    }

    /// When a server was last heard on an interconnect, or through Corosync, if it is heard there.
    pub fn hears(&self, server: ServerId, path: InterconnectId) -> Option<Moment> {
        self.membership.hears(self.stepped_at, server, path)
    }

    /// When the next of our own regular heartbeats is due.
    pub fn beats_at(&self) -> Moment {
        self.next_beat
    }

    /// The readings of lamps that come next and change nothing, if each lamp answers that it shows what it should.
    pub fn idle_readings(&self) -> impl Iterator<Item = (LampId, IdleReading)> + '_ {
        let lamps = (0..self.lamps.len()).map(|at| LampId(at as u8));
        lamps.filter_map(|lamp| Some((lamp, self.idle_reading(lamp)?)))
    }

    fn idle_reading(&self, lamp: LampId) -> Option<IdleReading> {
        let at = usize::from(lamp.0);
        let reading = self.lamps[at].idle_reading(self.stepped_at)?;
        // A red that is shown proves what was only believed.
        let believed = self.config.lamps[at].servers.iter().any(|id| {
            let red = self.latches.of(*id).red == Glow::Blink;
            red && self.before_fall[usize::from(id.0)].is_some()
        });
        let proves = believed && reading.order.look().red == Glow::Blink;
        (!proves).then_some(reading)
    }

    /// Takes `span` as passed in which the heartbeats of now went on, these readings of lamps were answered, and
    /// nothing else happened. Answers when [`crate::event::Event::Tick`] is due.
    pub fn pass_quietly(&mut self, span: Span, readings: &[Readings]) -> Moment {
        let beats = span.0 / self.config.heartbeat.interval.0.max(1);
        self.membership.pass_quietly(self.stepped_at, span, beats);
        for (at, lamp) in self.lamps.iter_mut().enumerate() {
            let mut its = readings.iter().filter(|it| usize::from(it.lamp.0) == at);
            let its = its
                .next()
                .map_or((0, Span::ZERO), |it| (it.count, it.answer));
            lamp.pass_quietly(self.stepped_at, span, its);
            self.lamp_orders.0 += its.0;
        }
        self.next_beat = self.next_beat + span;
        self.stepped_at = self.stepped_at + span;
        self.next_deadline(self.stepped_at)
    }
}
