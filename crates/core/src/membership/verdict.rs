//! Telling dead from slow: what silence means (rules N2 N4 N5).
//!
//! | silent on all interconnects for | and the host | verdict |
//! |---|---|---|
//! | the restart grace after the host first refused | refuses the daemon's port | down: killed |
//! | the time-out | is silent as well | down, or a partition when this side is no majority |
//! | the time-out | answers | stalled: told, but not down |
//! | the longer time-out | answers | down: stalled |
//!
//! A server's silence is judged together with that of others that fade at the same moment: a
//! server that is cut off sees all others fall silent at once, and must not call them down one by
//! one (rule N5).

use super::{Cause, Membership, News, Peer};
use crate::config::{InterconnectId, ServerId};
use crate::status::ServerState;
use crate::time::{Moment, Span};
use alloc::vec::Vec;

/// Whether a side that sees so many may call the others down. Of two servers neither is ever more
/// than half, and one of them must be able to tell of the other.
fn is_majority(seen: usize, of: usize) -> bool {
    seen * 2 > of || of == 2
}

impl Membership {
    /// Judges what time has made of everybody. Call it whenever [`Membership::next_deadline`] has
    /// come; calling it more often changes nothing.
    pub fn tick(&mut self, now: Moment, news: &mut Vec<News>) {
        self.judge_start_wait(now, news);
        if self.sight.is_some() {
            return self.tick_ring(now, news);
        }
        for server in self.others() {
            self.judge_paths(now, server, news);
            self.ask_host(now, server, news);
            self.judge_killed(now, server, news);
            self.judge_stalled(now, server, news);
        }
        self.judge_silent(now, news);
    }

    /// The earliest moment at which [`Membership::tick`] could have something to say.
    pub fn next_deadline(&self, now: Moment) -> Moment {
        let mut deadline = now + Span::from_secs(1);
        let mut sooner = |at: Moment| {
            if at > now {
                deadline = deadline.min(at);
            }
        };
        self.ring_deadlines(&mut sooner);
        for server in self.others() {
            let peer = self.peer(server);
            if !peer.is_member() || self.sight.is_some() {
                continue;
            }
            let heard = peer.heard_at().unwrap_or(peer.since);
            sooner(heard + self.suspect_after());
            sooner(heard + self.times.timeout);
            sooner(heard + self.times.timeout + self.fade());
            sooner(heard + self.times.stall_timeout);
            if let Some(at) = peer.probed_at {
                sooner(at + self.probe_every());
            }
            if let Some(at) = peer.host.refused_since {
                sooner(at + self.times.restart_grace);
            }
        }
        sooner(self.settle_until);
        sooner(self.started + self.times.start_wait);
        deadline
    }

    /// Silence after which a server's host is asked.
    fn suspect_after(&self) -> Span {
        self.times.timeout.div(3)
    }

    /// Time between two questions to a host that is under suspicion.
    fn probe_every(&self) -> Span {
        self.times
            .timeout
            .div(8)
            .max(Span::from_ms(40))
            .min(Span::from_secs(1))
    }

    /// How long a verdict waits for others that fade at the same moment.
    fn fade(&self) -> Span {
        self.times.timeout.div(4)
    }

    fn judge_start_wait(&mut self, now: Moment, news: &mut Vec<News>) {
        if self.start_wait_over || now.since(self.started) < self.times.start_wait {
            return;
        }
        let quorum = self.has_quorum(now);
        if self.sight.is_some() && quorum.is_none() {
            return;
        }
        self.start_wait_over = true;
        let missing = |membership: &Membership, expected: bool| -> Vec<ServerId> {
            let is = |id: &ServerId| {
                let peer = membership.peer(*id);
                peer.state == ServerState::Unknown && peer.expected == expected
            };
            membership.others().filter(is).collect()
        };
        let (gone, unknown) = (missing(self, true), missing(self, false));
        let (seen, of) = (self.living().count(), self.peers.len());
        if quorum.unwrap_or(is_majority(seen, of)) {
            for server in gone {
                self.down(now, server, Cause::NotSeenSinceStart, seen, of, news);
            }
        } else if !gone.is_empty() {
            self.lose_sight(now, gone, (seen, of), news);
        }
        if !unknown.is_empty() {
            news.push(News::StartWaitOver(unknown));
        }
    }

    /// An interconnect that fell silent while the server is heard on another one.
    fn judge_paths(&mut self, now: Moment, server: ServerId, news: &mut Vec<News>) {
        let (timeout, settle_until) = (self.times.timeout, self.settle_until);
        let suspect_after = self.suspect_after();
        let peer = self.peer_mut(server);
        // Not while all are silent: of two that fell silent together one is always the first.
        let heard = peer.silence(now) < suspect_after;
        if peer.state != ServerState::Up || !heard || now < settle_until {
            return;
        }
        let came_up = peer.since;
        for (at, path) in peer
            .paths
            .iter_mut()
            .enumerate()
            .filter(|(_, path)| path.used)
        {
            let silence = now.since(path.heard_at.unwrap_or(came_up));
            if path.normal && silence >= timeout {
                (path.normal, path.told_silent) = (false, true);
                news.push(News::Path {
                    server,
                    path: InterconnectId(at as u8),
                    up: false,
                });
            }
        }
    }

    /// Asks the host of a server under suspicion, again and again until it is heard or judged.
    fn ask_host(&mut self, now: Moment, server: ServerId, news: &mut Vec<News>) {
        let peer = self.peer(server);
        let suspect = peer.link_broken || peer.silence(now) >= self.suspect_after();
        let asked_lately = peer
            .probed_at
            .is_some_and(|at| now.since(at) < self.probe_every());
        if peer.is_member() && suspect && !asked_lately {
            self.probe(now, server, news);
        }
    }

    fn judge_killed(&mut self, now: Moment, server: ServerId, news: &mut Vec<News>) {
        let peer = self.peer(server);
        let (Some(since), Some(latest)) = (peer.host.refused_since, peer.host.refused_at) else {
            return;
        };
        // The host must have said so more than once, or at least at the end of the grace.
        let still = now.since(latest) <= self.probe_every().times(2);
        if peer.is_member() && still && now.since(since) >= self.times.restart_grace {
            let of = self.members();
            self.down(now, server, Cause::Killed, of - 1, of, news);
        }
    }

    fn judge_stalled(&mut self, now: Moment, server: ServerId, news: &mut Vec<News>) {
        let peer = self.peer(server);
        if now < self.settle_until || !self.host_answers(now, peer) {
            return;
        }
        let silence = peer.silence(now);
        if peer.state == ServerState::Up && silence >= self.times.timeout {
            self.peer_mut(server).state = ServerState::Stalled;
            news.push(News::Stalled(server));
        }
        if self.peer(server).state == ServerState::Stalled && silence >= self.times.stall_timeout {
            let of = self.members();
            self.down(now, server, Cause::Stalled, of - 1, of, news);
        }
    }

    /// Servers whose silence and whose host's silence have lasted for the time-out.
    fn judge_silent(&mut self, now: Moment, news: &mut Vec<News>) {
        if now < self.settle_until {
            return;
        }
        let timeout = self.times.timeout;
        let quiet = |id: &ServerId, least: Span| {
            let peer = self.peer(*id);
            peer.is_member() && peer.silence(now) >= least && !self.host_answers(now, peer)
        };
        let silent: Vec<ServerId> = self.others().filter(|id| quiet(id, timeout)).collect();
        if silent.is_empty() {
            return;
        }
        let fading = self
            .others()
            .any(|id| quiet(&id, timeout.div(2)) && !silent.contains(&id));
        let overdue = |id: &ServerId| self.peer(*id).silence(now) >= timeout + self.fade();
        if fading && !silent.iter().any(overdue) {
            return;
        }
        let of = self.members();
        let seen = of - silent.len();
        if is_majority(seen, of) {
            for server in silent {
                self.down(now, server, Cause::Silent, seen, of, news);
            }
        } else {
            self.lose_sight(now, silent, (seen, of), news);
        }
    }

    /// This side is no majority: the others may be as well as we are (rule N5).
    pub(super) fn lose_sight(
        &mut self,
        now: Moment,
        unseen: Vec<ServerId>,
        (seen, of): (usize, usize),
        news: &mut Vec<News>,
    ) {
        for server in &unseen {
            let peer = self.peer_mut(*server);
            peer.enter(now, ServerState::Unseen);
            peer.expected = false;
        }
        news.push(News::Partition { unseen, seen, of });
    }

    pub(super) fn down(
        &mut self,
        now: Moment,
        server: ServerId,
        cause: Cause,
        seen: usize,
        of: usize,
        news: &mut Vec<News>,
    ) {
        let peer = self.peer_mut(server);
        peer.enter(now, ServerState::Down);
        peer.stood_still = cause == Cause::Stalled;
        peer.expected = false;
        peer.link_broken = false;
        for path in &mut peer.paths {
            (path.normal, path.told_silent) = (false, false);
        }
        news.push(News::Down {
            server,
            cause,
            seen,
            of,
        });
    }

    fn host_answers(&self, now: Moment, peer: &Peer) -> bool {
        peer.host_answers(now, self.probe_every().times(3))
    }

    /// Servers at work or stalled, this one included.
    pub(super) fn members(&self) -> usize {
        self.peers.iter().filter(|peer| peer.is_member()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::SessionId;
    use crate::config::tests::config;
    use crate::event::{Heard, Phase};

    /// Rule: N4
    #[test]
    fn of_two_interconnects_that_fall_silent_together_none_is_called_silent_alone() {
        let mut settings = config(2);
        let second = settings.interconnects[0].clone();
        settings.interconnects.push(second);
        for server in &mut settings.servers {
            let address = server.addresses[0];
            server.addresses.push(address);
        }
        let mut now = Moment(1_000_000);
        let mut membership = Membership::new(now, ServerId(0), &settings);
        let mut news = Vec::new();
        let heard = |path: u8| Heard {
            from: ServerId(1),
            path: InterconnectId(path),
            session: SessionId([1; 12]),
            phase: Phase::Running,
            missed: 0,
            config_digest: 0,
        };
        let is_path = |one: &News| matches!(one, News::Path { up: false, .. });
        for _ in 0..5 {
            membership.heard(now, &heard(0), &mut news);
            now = now + Span::from_ms(30);
            membership.heard(now, &heard(1), &mut news);
            now = now + Span::from_ms(70);
        }
        for _ in 0..2_000 {
            now = now + Span::from_ms(1);
            membership.tick(now, &mut news);
        }
        assert!(!news.iter().any(is_path), "it stands still: {news:?}");

        for _ in 0..15 {
            membership.heard(now, &heard(1), &mut news);
            now = now + Span::from_ms(100);
            membership.tick(now, &mut news);
        }
        membership.heard(now, &heard(0), &mut news);
        for _ in 0..15 {
            membership.heard(now, &heard(1), &mut news);
            membership.tick(now, &mut news);
            now = now + Span::from_ms(100);
        }
        assert_eq!(
            news.iter().filter(|one| is_path(one)).count(),
            1,
            "{news:?}"
        );
    }

    /// Rule: N9 N5
    #[test]
    fn a_return_that_a_restart_of_ours_hid_counts_all_the_same() {
        let settings = config(2);
        let now = Moment(1_000_000);
        let session = SessionId([1; 12]);
        let heard = Heard {
            from: ServerId(1),
            path: InterconnectId(0),
            session,
            phase: Phase::Running,
            missed: 0,
            config_digest: 0,
        };
        let returns = |up: bool, learned: Option<u32>| {
            let mut membership = Membership::new(now, ServerId(0), &settings);
            membership.expect(ServerId(1), session, 3, up);
            if let Some(count) = learned {
                membership.learn_returns(ServerId(1), session, count);
            }
            membership.heard(now, &heard, &mut Vec::new());
            membership.peer(ServerId(1)).returns
        };
        assert_eq!(returns(false, None), 4);
        assert_eq!(
            returns(false, Some(4)),
            4,
            "another server counted it first"
        );
        assert_eq!(returns(true, None), 3, "it had not fallen");
        // Another server speaks of the run before it is heard here for the first time.
        let mut membership = Membership::new(now, ServerId(0), &settings);
        membership.expect(ServerId(1), SessionId([2; 12]), 0, true);
        membership.learn_returns(ServerId(1), session, 1);
        membership.heard(now, &heard, &mut Vec::new());
        assert_eq!(
            membership.peer(ServerId(1)).returns,
            1,
            "told before it was heard"
        );
    }
}
