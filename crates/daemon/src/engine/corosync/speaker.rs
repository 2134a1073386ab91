//! When this server speaks in the group, and to whom.
//!
//! A phase is said at once. To whoever has just joined, this server speaks every [`EAGER_EVERY`] for
//! [`EAGER_FOR`], so that both prove themselves within moments though a frame be lost. Else it speaks so
//! seldom that a cluster says some 250 frames a second at most, only so that a service that stands still
//! is noticed.

use noroshi_core::config::ServerId;
use noroshi_core::event::Phase;
use noroshi_core::time::{Moment, Span};
use std::collections::BTreeMap;

const EAGER_EVERY: Span = Span::from_ms(200);
const EAGER_FOR: Span = Span::from_secs(3);
/// Times the servers; at least [`SELDOM_MIN`].
const SELDOM_EACH: Span = Span::from_ms(125);
const SELDOM_MIN: Span = Span::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Speaker {
    phase: Option<Phase>,
    /// Servers with a process in the group.
    listeners: BTreeMap<ServerId, Listener>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Listener {
    eager_until: Option<Moment>,
    spoke_at: Option<Moment>,
}

impl Speaker {
    /// Who has a process in the group; `new`: those with one that had not been there.
    pub(super) fn listeners(&mut self, now: Moment, all: &[ServerId], new: &[ServerId]) {
        self.listeners.retain(|server, _| all.contains(server));
        for server in all {
            let listener = self.listeners.entry(*server).or_default();
            if new.contains(server) {
                *listener = Listener {
                    eager_until: Some(now + EAGER_FOR),
                    spoke_at: None,
                };
            }
        }
    }

    /// To whom something is to be said now.
    pub(super) fn due(&mut self, now: Moment, phase: Phase, servers: usize) -> Vec<ServerId> {
        let is_news = self.phase.replace(phase) != Some(phase) || phase != Phase::Running;
        let seldom = SELDOM_EACH.times(servers as u64).max(SELDOM_MIN);
        let mut whom = Vec::new();
        for (server, listener) in &mut self.listeners {
            let is_eager = listener.eager_until.is_some_and(|until| now < until);
            let every = if is_eager { EAGER_EVERY } else { seldom };
            let due = listener.spoke_at.is_none_or(|at| now.since(at) >= every);
            if is_news || due {
                listener.spoke_at = Some(now);
                whom.push(*server);
            }
        }
        whom
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N3
    #[test]
    fn news_is_said_at_once_to_newcomers_often_and_else_seldom() {
        let mut speaker = Speaker::default();
        let (one, two) = (ServerId(1), ServerId(2));
        let mut now = Moment(1_000_000);
        speaker.listeners(now, &[one], &[one]);
        let mut count = |speaker: &mut Speaker, server: ServerId, for_ms: u64, phase: Phase| {
            let mut said = 0;
            for _ in 0..for_ms / 100 {
                said += usize::from(speaker.due(now, phase, 3).contains(&server));
                now = now + Span::from_ms(100);
            }
            said
        };
        assert_eq!(count(&mut speaker, one, 3_000, Phase::Running), 15);
        assert_eq!(count(&mut speaker, one, 10_000, Phase::Running), 10);
        assert_eq!(count(&mut speaker, two, 1_000, Phase::Running), 0);
        speaker.listeners(Moment(0), &[one, two], &[]);
        assert_eq!(count(&mut speaker, two, 100, Phase::Running), 1);
        assert_eq!(count(&mut speaker, one, 300, Phase::Leaving), 3);
    }
}
