//! Passing over quiet times: when every daemon says that it only hears heartbeats, and nothing else is on its
//! way, a whole number of periods passes at once.
//!
//! All that belongs to heartbeats moves on by that time: the frames under way, the daemons' own beats, the
//! counters. All else stays where it is in time, and happens after it. So the state afterwards
//! is the one that playing each heartbeat would have left; `tests/quiet.rs` plays stories both ways.

use super::effects::RELINK_US;
use super::{Due, World};
use noroshi_core::event::Event;
use noroshi_core::time::Span;

impl World {
    /// Passes over the time from now until something other than heartbeats happens, or until `until_us`.
    pub(super) fn pass_quietly(&mut self, until_us: u64) {
        let Some(quiet_us) = self.quiet_until(until_us) else {
            return;
        };
        let beat_us = self.config.heartbeat.interval.0;
        let periods = quiet_us.saturating_sub(self.now_us + 1) / RELINK_US;
        if periods == 0 || !RELINK_US.is_multiple_of(beat_us) {
            return;
        }
        let span_us = periods * RELINK_US;
        let beats = span_us / beat_us;
        for at in 0..self.servers.len() {
            self.count_beats(at, beats);
            let server = &mut self.servers[at];
            if let Some(node) = &mut server.node {
                node.pass_quietly(Span(span_us));
            }
        }
        self.move_on(span_us);
        self.now_us += span_us;
    }

    /// When something other than heartbeats happens; `None` while something does.
    fn quiet_until(&self, until_us: u64) -> Option<u64> {
        let stands = self.servers.iter().any(|one| one.suspended);
        if stands || !self.network.loses_nothing() || !self.links_are_quiet() {
            return None;
        }
        // A ring is played turn by turn.
        if self.has_ring() {
            return None;
        }
        let mut until = until_us + 1;
        for ((at, _), due) in &self.queue {
            if !is_of_heartbeats(due) {
                until = until.min(*at);
                break;
            }
        }
        for server in &self.servers {
            if let Some(node) = &server.node {
                until = until.min(node.quiet_until()?.0);
            }
        }
        Some(until)
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
    fn move_on(&mut self, span_us: u64) {
        let of_heartbeats = self.queue.iter().filter(|(_, due)| is_of_heartbeats(due));
        let mut keys: Vec<((u64, u64), Option<usize>)> =
            of_heartbeats.map(|(key, _)| (*key, None)).collect();
        let wakes = self.servers.iter().enumerate();
        keys.extend(wakes.filter_map(|(at, server)| Some((server.wake?, Some(at)))));
        keys.sort_unstable();
        for (key, wakes) in keys {
            self.sequence += 1;
            let later = (key.0 + span_us, self.sequence);
            match wakes {
                Some(server) => self.servers[server].wake = Some(later),
                None => {
                    if let Some(due) = self.queue.remove(&key) {
                        self.queue.insert(later, due);
                    }
                }
            }
        }
    }
}

fn is_of_heartbeats(due: &Due) -> bool {
    match due {
        Due::Give { event, .. } => matches!(event, Event::Heard(_)),
        Due::Relink => true,
        _ => false,
    }
}
