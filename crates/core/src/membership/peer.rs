//! What is known of one other server: its state, and when each interconnect was last heard.

use super::ring::RingPeer;
use crate::alert::SessionId;
use crate::event::HostAnswer;
use crate::status::ServerState;
use crate::time::{Moment, Span};
use alloc::vec::Vec;

/// One other server.
#[derive(Clone, Debug)]
pub struct Peer {
    /// How it is.
    pub state: ServerState,
    /// Since when.
    pub since: Moment,
    /// The run of its daemon that was last heard.
    pub session: Option<SessionId>,
    /// How often that run was judged down and came back all the same.
    pub returns: u32,
    /// What that was when it was last judged down or lost from sight.
    pub returns_before: u32,
    /// What others said of that of a run that was not heard here yet.
    pub returns_told: Option<(SessionId, u32)>,
    /// It was up when this daemon last ended, and has not been heard since.
    pub expected: bool,
    /// It was judged down when this daemon last ended, and has not been heard since.
    pub judged_before: bool,
    /// It was judged down although its host answered all the time.
    pub stood_still: bool,
    /// When its last heartbeat or message came; what people are told. Unlike the times that verdicts rest on, a
    /// pause of our own does not move it.
    pub last_word: Option<Moment>,
    /// Its interconnects, by their place in the configuration.
    pub paths: Vec<Path>,
    /// What its host said since it was last heard.
    pub host: Host,
    /// When its host was last asked.
    pub probed_at: Option<Moment>,
    /// The link to its daemon broke after it was last heard.
    pub link_broken: bool,
    /// Digest of its settings, from its last heartbeat.
    pub config_digest: Option<u32>,
    /// What Corosync says of it beside its state.
    pub ring: RingPeer,
}

/// What a server's host said since the server was last heard.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host {
    /// It lives: the latest answer.
    pub answered_at: Option<Moment>,
    /// It lives and nothing holds the daemon's port: the first such answer in a row.
    pub refused_since: Option<Moment>,
    /// The latest such answer.
    pub refused_at: Option<Moment>,
}

/// One interconnect to one other server.
#[derive(Clone, Debug, Default)]
pub struct Path {
    /// Both servers have an address on it.
    pub used: bool,
    /// When the last heartbeat came, moved on by our own pauses since.
    pub heard_at: Option<Moment>,
    /// When the last heartbeat came, for people.
    pub last_heard: Option<Moment>,
    /// Heartbeats come.
    pub normal: bool,
    /// Its silence was told and is not over.
    pub told_silent: bool,
    /// Share of heartbeats lost, in 1/65536, smoothed over about a thousand.
    loss: u32,
}

/// Weight of one heartbeat in the smoothed loss: 1/2^10.
const LOSS_SHIFT: u32 = 10;

impl Path {
    /// A path that was not heard yet.
    pub fn unheard(used: bool) -> Path {
        Path {
            used,
            ..Path::default()
        }
    }

    /// Takes a heartbeat before which `missed` were lost.
    pub fn heard(&mut self, now: Moment, missed: u32) {
        self.heard_at = Some(now);
        self.last_heard = Some(now);
        for _ in 0..missed.min(1 << LOSS_SHIFT) {
            self.loss += (65_536 - self.loss) >> LOSS_SHIFT;
        }
        self.loss -= self.loss.div_ceil(1 << LOSS_SHIFT).min(self.loss);
    }

    /// Takes so many heartbeats before which none was lost.
    pub(super) fn lose_nothing(&mut self, beats: u64) {
        for _ in 0..beats {
            if self.loss == 0 {
                return;
            }
            self.loss -= self.loss.div_ceil(1 << LOSS_SHIFT).min(self.loss);
        }
    }

    /// Heartbeats lost of the last thousand or so.
    pub fn loss_permille(&self) -> u16 {
        (self.loss * 1_000 / 65_536) as u16
    }
}

impl Host {
    /// It has said something.
    pub(super) fn is_known(&self) -> bool {
        self.answered_at.is_some() || self.refused_since.is_some() || self.refused_at.is_some()
    }
}

impl Peer {
    /// A server that was not heard yet.
    pub fn unknown(now: Moment, paths: Vec<Path>) -> Peer {
        Peer {
            state: ServerState::Unknown,
            since: now,
            session: None,
            returns: 0,
            returns_before: 0,
            returns_told: None,
            expected: false,
            judged_before: false,
            stood_still: false,
            last_word: None,
            paths,
            host: Host::default(),
            probed_at: None,
            link_broken: false,
            config_digest: None,
            ring: RingPeer::default(),
        }
    }

    /// It counts among those that are at work or may come back to it by themselves.
    pub fn is_member(&self) -> bool {
        matches!(self.state, ServerState::Up | ServerState::Stalled)
    }

    /// When it was last heard on any interconnect.
    pub fn heard_at(&self) -> Option<Moment> {
        self.paths.iter().filter_map(|path| path.heard_at).max()
    }

    /// How long it has been silent on all interconnects.
    pub fn silence(&self, now: Moment) -> Span {
        now.since(self.heard_at().unwrap_or(self.since))
    }

    /// Notes what its host said.
    pub fn probed(&mut self, now: Moment, answer: HostAnswer) {
        match answer {
            HostAnswer::Accepted => {
                self.host = Host {
                    answered_at: Some(now),
                    refused_since: None,
                    refused_at: None,
                };
            }
            HostAnswer::Refused => {
                self.host.answered_at = Some(now);
                self.host.refused_since.get_or_insert(now);
                self.host.refused_at = Some(now);
            }
            HostAnswer::Silent => {}
        }
    }

    /// Its host answered lately, as seen from `now`.
    pub fn host_answers(&self, now: Moment, lately: Span) -> bool {
        self.host
            .answered_at
            .is_some_and(|at| now.since(at) <= lately)
    }

    /// Moves everything that was measured on by a pause of our own, so that the pause counts as
    /// nobody's silence.
    pub fn shift(&mut self, pause: Span) {
        for path in &mut self.paths {
            path.heard_at = path.heard_at.map(|at| at + pause);
        }
        let Host {
            answered_at,
            refused_since,
            refused_at,
        } = &mut self.host;
        for at in [answered_at, refused_since, refused_at, &mut self.probed_at] {
            *at = at.map(|at| at + pause);
        }
        if self.heard_at().is_none() {
            self.since = self.since + pause;
        }
    }

    /// The server is back: paths that were silent meanwhile are not heard yet, which is no news.
    pub fn forget_silent_paths(&mut self, now: Moment, timeout: Span) {
        for path in &mut self.paths {
            if path
                .heard_at
                .is_none_or(|at| now.since(at) >= timeout.div(2))
            {
                (path.normal, path.told_silent) = (false, false);
            }
        }
    }

    /// Enters a state.
    pub fn enter(&mut self, now: Moment, state: ServerState) {
        if matches!(state, ServerState::Down | ServerState::Unseen) {
            self.returns_before = self.returns;
        }
        self.state = state;
        self.stood_still = false;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N4
    #[test]
    fn measured_loss_comes_close_to_the_loss_there_is() {
        let mut path = Path::default();
        for n in 0..10_000u64 {
            if n % 5 != 0 {
                path.heard(Moment(n), u32::from(n % 5 == 1));
            }
        }
        assert!(
            (170..=230).contains(&path.loss_permille()),
            "{}",
            path.loss_permille()
        );
    }
}
