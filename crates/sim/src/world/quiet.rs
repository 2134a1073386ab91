//! Passing over quiet times: when every daemon says that it only hears heartbeats and reads lamps that show what
//! they should, and nothing else is on its way, a whole number of periods passes at once.
//!
//! All that belongs to heartbeats moves on by that time: the frames under way, the daemons' own beats, the
//! counters, the turns of a ring that stays as it is. Readings that change nothing are counted, and the next of
//! each lamp is due when it would have been. All else stays where it is in time, and happens after it. So the state
//! afterwards is the one that playing all of it would have left; `tests/quiet.rs` plays stories both ways.

use super::effects::{HOP_US, RELINK_US};
use super::lamps::Ticket;
use super::ring::{SPEAK_US, STEP_US};
use super::{Due, World};
use noroshi_core::backoff::LAMP_REASSERT;
use noroshi_core::config::{InterconnectId, LampId, ServerId};
use noroshi_core::event::Event;
use noroshi_core::node::Readings;
use noroshi_core::time::Span;

/// Ends of a quiet time that are tried until one is found at which no reading is under way.
const ENDS_MAX: u64 = 64;

/// A lamp that is read again and again.
struct Read {
    server: usize,
    lamp: LampId,
    due_us: u64,
    answer_us: u64,
}

impl Read {
    /// From one reading to the next.
    fn cycle_us(&self) -> u64 {
        LAMP_REASSERT.0 + self.answer_us
    }

    /// None is under way, or due, at that moment.
    fn rests_at(&self, at_us: u64) -> bool {
        let since = at_us.checked_sub(self.due_us);
        since.is_none_or(|since| since % self.cycle_us() > self.answer_us)
    }

    fn count_until(&self, at_us: u64) -> u64 {
        let since = at_us.checked_sub(self.due_us);
        since.map_or(0, |since| since / self.cycle_us() + 1)
    }
}

impl World {
    /// Passes over the time from now until something other than heartbeats happens, or until `until_us`.
    pub(super) fn pass_quietly(&mut self, until_us: u64) {
        let Some(quiet_us) = self.quiet_until(until_us) else {
            return;
        };
        let beat_us = self.config.heartbeat.interval.0;
        let period_us = self.period_us();
        let most = quiet_us.saturating_sub(self.now_us + 1) / period_us;
        if most == 0 {
            return;
        }
        let reads = self.reads();
        let rest = |periods: &u64| {
            let end_us = self.now_us + periods * period_us;
            reads.iter().all(|read| read.rests_at(end_us))
        };
        let least = most.saturating_sub(ENDS_MAX) + 1;
        let Some(periods) = (least..=most).rev().find(rest) else {
            return;
        };
        let span_us = periods * period_us;
        if !self.has_ring() {
            for at in 0..self.servers.len() {
                self.count_beats(at, span_us / beat_us);
            }
        }
        self.move_on(span_us, &reads);
        self.now_us += span_us;
        self.passed_us += span_us;
    }

    /// After so long everything that comes again and again has come a whole number of times.
    fn period_us(&self) -> u64 {
        let embedded = lcm(RELINK_US, self.config.heartbeat.interval.0);
        match self.has_ring() {
            true => lcm(lcm(embedded, STEP_US), SPEAK_US),
            false => embedded,
        }
    }

    /// When something other than heartbeats happens; `None` while something does.
    fn quiet_until(&self, until_us: u64) -> Option<u64> {
        let stands = self.servers.iter().any(|one| one.suspended);
        if stands || !self.network.loses_nothing() || !self.links_are_quiet() {
            return None;
        }
        let goes_on = match self.has_ring() {
            true => self.ring_is_quiet(),
            false => self.heartbeats_go_on(),
        };
        if !goes_on {
            return None;
        }
        let mut until = until_us + 1;
        for ((at, _), due) in &self.queue {
            if *at >= until {
                break;
            }
            match due {
                Due::Lamp(ticket) => {
                    until = until.min(self.ticket_until(ticket, *at));
                }
                due if is_of_heartbeats(due) => {}
                _ => until = *at,
            }
        }
        for (at, server) in self.servers.iter().enumerate() {
            if let Some(node) = &server.node {
                let passed = |lamp, reading| self.answers_idly(at, lamp, reading).is_some();
                until = until.min(node.quiet_until(passed)?.0);
            }
        }
        Some(until)
    }

    /// The lamps that are read and answer that they show what they should.
    fn reads(&self) -> Vec<Read> {
        let mut reads = Vec::new();
        for (server, sim) in self.servers.iter().enumerate() {
            let Some(node) = &sim.node else { continue };
            for (lamp, reading) in node.idle_readings() {
                if let Some(answer_us) = self.answers_idly(server, lamp, reading) {
                    let due_us = reading.due.0;
                    reads.push(Read {
                        server,
                        lamp,
                        due_us,
                        answer_us,
                    });
                }
            }
        }
        reads
    }

    /// Every link stands that can.
    fn links_are_quiet(&self) -> bool {
        let pairs = (0..self.servers.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
        pairs.into_iter().all(|(one, other)| {
            let (this, that) = (&self.servers[one], &self.servers[other]);
            let stands = this.links[other] && that.links[one];
            stands || this.node.is_none() || that.node.is_none() || !self.can_link(one, other)
        })
    }

    /// What is sent is heard, and nothing else: one whose last words were a moment ago is still to be missed. And
    /// what was heard last was sent in its turn: at a change of settings, say, there is one more.
    fn heartbeats_go_on(&self) -> bool {
        let servers = 0..self.servers.len();
        let pairs = servers
            .clone()
            .flat_map(|from| servers.clone().map(move |to| (from, to)));
        let mut pairs = pairs.filter(|(from, to)| from != to);
        pairs.all(|(from, to)| {
            (0..self.config.interconnects.len() as u8).all(|path| self.goes_on(from, to, path))
        })
    }

    fn goes_on(&self, from: usize, to: usize, path: u8) -> bool {
        let Some(hears) = &self.servers[to].node else {
            return true;
        };
        let heard = hears.hears(ServerId(from as u8), InterconnectId(path));
        let passes = self.network.passes(from, to, path) && self.is_heard(from, to);
        match &self.servers[from].node {
            Some(sends) if passes => heard.is_some_and(|heard| {
                let beat_us = self.config.heartbeat.interval.0;
                (sends.beats_at().0 + HOP_US).abs_diff(heard.0) % beat_us == 0
            }),
            _ => heard.is_none(),
        }
    }

    /// Heartbeats count what was sent, and by what was heard what was lost.
    fn count_beats(&mut self, from: usize, beats: u64) {
        if self.servers[from].node.is_none() {
            return;
        }
        for to in (0..self.servers.len()).filter(|to| *to != from) {
            for path in 0..self.config.interconnects.len() as u8 {
                *self.servers[from]
                    .counters
                    .entry((to as u8, path))
                    .or_insert(0) += beats;
                let passes = self.network.passes(from, to, path);
                if passes && self.servers[to].node.is_some() && self.is_heard(from, to) {
                    let key = (0x80 | from as u8, path);
                    *self.servers[to].counters.entry(key).or_insert(0) += beats;
                }
            }
        }
    }

    /// What belongs to heartbeats happens later; after what was already due at the same moment.
    fn move_on(&mut self, span_us: u64, reads: &[Read]) {
        let end_us = self.now_us + span_us;
        let moved = |due: &Due| is_of_heartbeats(due) || matches!(due, Due::Lamp(_));
        let keys = self.queue.iter().filter(|(_, due)| moved(due));
        let keys: Vec<(u64, u64)> = keys.map(|(key, _)| *key).collect();
        for key in keys {
            let Some(due) = self.queue.remove(&key) else {
                continue;
            };
            let later = match due {
                Due::Lamp(_) => Ticket::looks_after(key.0, end_us),
                _ => key.0 + span_us,
            };
            self.sequence += 1;
            self.queue.insert((later, self.sequence), due);
        }
        for server in 0..self.servers.len() {
            if self.servers[server].wake.is_some() {
                self.servers[server].wake = Some(self.pass_at(server, span_us, reads));
            }
        }
    }

    /// A daemon has heard its heartbeats and read its lamps; answers when it wakes.
    fn pass_at(&mut self, server: usize, span_us: u64, reads: &[Read]) -> u64 {
        let end_us = self.now_us + span_us;
        self.pass_in_ring(server, span_us);
        let its = reads.iter().filter(|read| read.server == server);
        let readings: Vec<Readings> = its
            .map(|read| Readings {
                lamp: read.lamp,
                count: read.count_until(end_us),
                answer: Span(read.answer_us),
            })
            .collect();
        match &mut self.servers[server].node {
            Some(node) => node.pass_quietly(Span(span_us), &readings).0.max(end_us),
            None => end_us,
        }
    }
}

fn is_of_heartbeats(due: &Due) -> bool {
    match due {
        Due::Give { event, .. } => matches!(event, Event::Heard(_)),
        Due::Relink | Due::Ring => true,
        _ => false,
    }
}

fn lcm(one: u64, other: u64) -> u64 {
    let (mut a, mut b) = (one.max(1), other.max(1));
    while b > 0 {
        (a, b) = (b, a % b);
    }
    one.max(1) / a * other.max(1)
}
