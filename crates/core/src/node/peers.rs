//! What other servers' daemons say: alerts they accepted, notices that moved on, latches.

use super::Node;
use super::raise::{Standing, is_fact};
use crate::action::{Action, Item};
use crate::alert::{Alert, Message, SessionId, row};
use crate::config::ServerId;
use crate::notice::outbox::{Servers, from_disk};
use crate::notice::{Channel, NoticeKey, NoticeRecord};
use crate::peer::PeerMessage;
use crate::status::ServerState;
use crate::time::{Moment, Now};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Notices asked about in one message.
const ASK_MAX: usize = 64;

impl Node {
    /// A link stands: each side repeats what the other may have missed.
    pub(super) fn link_up(&mut self, now: Now, server: ServerId, out: &mut Vec<Action>) {
        self.linked = self.linked.with(server);
        // It may have lost sight of us, and told what waits here, though we saw it all the time: whoever
        // loses a server drops its link, so that is over by a new one.
        self.outbox.doubt();
        self.outbox.ask_soon(now.at, server);
        let mut tell = |message| out.push(Action::Tell(server, Box::new(message)));
        // What we only believe is no news for anybody.
        let latches = self.latches.all().iter().zip(&self.before_fall);
        let latches = latches.map(|(latch, before)| before.as_ref().unwrap_or(latch).clone());
        tell(PeerMessage::Latches {
            latches: latches.collect(),
            put_out: self.put_out.clone(),
            clock: self.stamps.now(now.at),
        });
        let others: Vec<ServerId> = self.membership.others().collect();
        tell(PeerMessage::Returns {
            returns: self.returns(&others),
        });
        // Before the notices: whose turn they are depends on it.
        self.tell_whether_barred_to(server, out);
        self.tell_acknowledgements(server, out);
        self.tell_licences_to(server, out);
        self.tell_set(server, out);
        self.tell_groups_to(server, out);
        let mut tell = |message| out.push(Action::Tell(server, Box::new(message)));
        for (alert, notices) in self.outbox.unfinished() {
            tell(PeerMessage::Alert {
                alert: (*alert).clone(),
                notices,
                repeated: true,
                confirm: false,
            });
        }
    }

    /// How often the present runs of these servers were judged down and came back.
    pub(super) fn returns(&self, servers: &[ServerId]) -> Vec<(String, SessionId, u32)> {
        let known = servers.iter().filter_map(|id| {
            let peer = self.membership.peer(*id);
            let name = self.config.server_name(*id).to_string();
            Some((name, peer.session?, peer.returns))
        });
        known.collect()
    }

    pub(super) fn heard_from_peer(
        &mut self,
        now: Now,
        from: ServerId,
        message: PeerMessage,
        out: &mut Vec<Action>,
    ) {
        match message {
            PeerMessage::Alert {
                alert,
                notices,
                repeated,
                confirm,
            } => {
                self.hear_of_stop(now, &alert);
                let id = confirm.then(|| alert.id.clone());
                if !repeated && alert.message == row(Message::ClusterStops).id() {
                    self.cluster_stops_elsewhere(now, out);
                }
                if self.adopt(now, from, alert, &notices, repeated, out) {
                    self.owe_word(from, id);
                }
            }
            PeerMessage::Kept { alerts } => self.kept_elsewhere(&alerts),
            PeerMessage::Mark { notice } => self.mark(now, from, &notice),
            PeerMessage::Latches {
                latches,
                put_out,
                clock,
            } => {
                self.hear_stamp(now, clock);
                self.learn_put_out(now, put_out, out);
                self.merge_latches(now, &latches, out);
                // A server that has been at work has told us how the lamps are.
                (self.heard_of_lamps, self.assigned) = (true, false);
                self.lamps_settled_at = None;
            }
            PeerMessage::Returns { returns } => {
                for (name, session, count) in returns {
                    if let Some(server) = self.config.server_named(&name)
                        && self.membership.learn_returns(server, session, count)
                    {
                        self.seen(now, server);
                    }
                }
            }
            PeerMessage::Ask { notices } => self.answer(from, notices, out),
            PeerMessage::Answered { notices } => self.outbox.answered(now.at, from, &notices),
            PeerMessage::Licences { register, number } => out.push(Action::JoinLicences {
                from,
                number,
                register,
            }),
            PeerMessage::Barred { barred, unsent } => {
                self.hear_whether_barred(from, barred, unsent);
            }
            PeerMessage::LicencesTaken { number } => self.licences_taken(from, number),
            PeerMessage::Acknowledged { acknowledgements } => {
                self.learn_acknowledgements(acknowledgements);
            }
            PeerMessage::Leaving { cluster } => {
                let mut news = Vec::new();
                self.membership.left(now.at, from, cluster, &mut news);
                self.take(now, news, out);
            }
            PeerMessage::Stop { by, cluster } => {
                out.push(Action::Log(self.config.language.pick(
                    alloc::format!("stop asked for by {by}"),
                    alloc::format!("停止の要求を受けました: {by}"),
                )));
                if self.leaving.is_none() {
                    self.leave(now, cluster, None, out);
                }
            }
            PeerMessage::SetOffer { label } => self.set_offered(now, from, label, out),
            PeerMessage::SetVote { digest, refusal } => self.voted(from, &digest, refusal),
            PeerMessage::SetDropped { digest } => self.set_dropped(from, &digest),
            PeerMessage::SetCommit { label } => self.set_committed(now, from, label, out),
            PeerMessage::SetInForce { label } => self.set_in_force(now, from, label, out),
            PeerMessage::Pacemaker { report } => self.pacemaker_of_peer(now, from, report, out),
            PeerMessage::Groups { groups } => self.learn_groups(now, from, groups, out),
            // The daemon carries these.
            PeerMessage::SetWant { .. }
            | PeerMessage::SetPiece { .. }
            | PeerMessage::LogAsk { .. }
            | PeerMessage::LogNames { .. }
            | PeerMessage::LogWant { .. }
            | PeerMessage::LogAlerts { .. } => {}
            PeerMessage::Unknown => {}
        }
    }

    /// Takes an alert that another server accepted, as our own from here on. One that we know
    /// already can still bring notices that we do not, such as when that server has it mailed
    /// because it ends a fault that we slept through. Answers whether its record is in this step's batch.
    fn adopt(
        &mut self,
        now: Now,
        from: ServerId,
        alert: Alert,
        notices: &[NoticeRecord],
        repeated: bool,
        out: &mut Vec<Action>,
    ) -> bool {
        let known = is_fact(&alert.id) && !self.is_new_fact(&alert.id);
        let is_unknown = |notice: &NoticeRecord| {
            notice.key.channel == Channel::Mail && !self.outbox.knows(&notice.key)
        };
        // Who repeats an alert at each new link has told us of it before.
        let told = known || (repeated && !notices.is_empty());
        if told && !notices.iter().any(is_unknown) {
            for notice in notices {
                self.mark(now, from, notice);
            }
            return false;
        }
        let alert = Arc::new(alert);
        let standing = match known || repeated {
            true => Standing::Repeated,
            false => Standing::New,
        };
        let taken = self.accept(now, &alert, notices, standing);
        let is_told = |mine: &NoticeRecord| notices.iter().any(|theirs| theirs.key == mine.key);
        if !taken.iter().all(is_told) {
            // Our settings have a recipient that theirs have not: whose turn it is shall know.
            let message = PeerMessage::Alert {
                alert: (*alert).clone(),
                notices: taken,
                repeated: true,
                confirm: false,
            };
            self.tell_all(&message, out);
        }
        true
    }

    fn mark(&mut self, now: Now, from: ServerId, notice: &NoticeRecord) {
        // Only the server that sends a notice knows that it is in the midst of it.
        let is_theirs = from != self.own && notice.sender == self.config.server_name(from);
        let at_work = is_theirs.then_some(from);
        let news = match notice.key.channel {
            Channel::Mail => self.outbox.marked(now.at, notice, at_work),
            // Only the server that tells a lamp knows how that notice stands.
            Channel::Lamp => true,
            Channel::Syslog => false,
        };
        if news {
            self.items.push(Item::Notice(notice.clone()));
        }
    }

    /// Says what is known of notices that another server asks about: at once from memory, and after a
    /// look at the disk of the others.
    fn answer(&self, server: ServerId, keys: Vec<NoticeKey>, out: &mut Vec<Action>) {
        let own = self.own_name();
        let (mut notices, mut unknown) = (Vec::new(), Vec::new());
        for key in keys.into_iter().take(ASK_MAX) {
            match self.outbox.testimony(&key, &own) {
                Some(notice) => {
                    let mark = PeerMessage::Mark {
                        notice: notice.clone(),
                    };
                    out.push(Action::Tell(server, Box::new(mark)));
                    notices.push(key);
                }
                None if self.outbox.has_of_its_own(&key) => notices.push(key),
                None => unknown.push(key),
            }
        }
        if !notices.is_empty() {
            out.push(Action::Tell(
                server,
                Box::new(PeerMessage::Answered { notices }),
            ));
        }
        if !unknown.is_empty() {
            out.push(Action::Find(server, unknown));
        }
    }

    /// What the disk knows of notices that `server`, or we ourselves, asked about.
    pub(super) fn found(
        &mut self,
        now: Now,
        server: ServerId,
        asked: Vec<NoticeKey>,
        notices: Vec<NoticeRecord>,
        out: &mut Vec<Action>,
    ) {
        let notices = notices.into_iter().map(from_disk);
        if server == self.own {
            notices.for_each(|notice| self.mark(now, server, &notice));
            return self.outbox.answered(now.at, server, &asked);
        }
        let own = self.own_name();
        for notice in notices.filter(|one| one.is_testimony(&own)) {
            out.push(Action::Tell(server, Box::new(PeerMessage::Mark { notice })));
        }
        // A disk that has not taken all that we know is no good for a "no".
        if self.store_trouble.is_none() {
            let answered = PeerMessage::Answered { notices: asked };
            out.push(Action::Tell(server, Box::new(answered)));
        }
    }

    /// The servers that can be asked, or that should be: those at work, and those whose link stands, such as
    /// one that is leaving, or has come up since it was judged down. Not one whose service stands still: it
    /// answers when it goes on, and nobody waits for that.
    pub(super) fn askable(&self) -> Servers {
        let present = self
            .membership
            .others()
            .filter(|id| match self.membership.peer(*id).state {
                ServerState::Up => true,
                ServerState::Stalled => false,
                ServerState::Left
                | ServerState::Unknown
                | ServerState::Down
                | ServerState::Unseen => self.linked.has(*id),
            });
        present.fold(Servers::default(), Servers::with)
    }

    /// Until when stale notices wait because not everybody can be asked yet, or we stood still.
    pub(super) fn held_until(&self) -> Moment {
        // One that was heard and has fallen or left since is known about.
        let is_known = |id: ServerId| match self.membership.peer(id).state {
            ServerState::Up => self.linked.has(id),
            ServerState::Unknown => false,
            ServerState::Stalled | ServerState::Left | ServerState::Down | ServerState::Unseen => {
                true
            }
        };
        let held = match self.membership.others().all(is_known) {
            true => self.hold_until,
            false => self.hold_until.max(self.start_hold_until),
        };
        self.held_for_word().map_or(held, |until| held.max(until))
    }

    /// Before a stale notice goes out the other servers are asked whether it was told. While a hold
    /// is on nobody is asked: links may not stand yet.
    pub(super) fn ask_about_stale(&mut self, now: Now, hold: bool, out: &mut Vec<Action>) {
        let (own, whom) = (self.own, self.askable());
        self.outbox.wait_only_for(now.at, whom.with(own));
        if hold || whom.is_empty() {
            return;
        }
        let questions = self.outbox.to_ask(now, ASK_MAX, own, whom);
        let dropped = self.outbox.drop_outlived(now);
        self.items.extend(dropped.into_iter().map(Item::Notice));
        if questions.of_all.is_empty() {
            return;
        }
        for server in self.membership.others() {
            let ask = PeerMessage::Ask {
                notices: questions.of_all.clone(),
            };
            out.push(Action::Tell(server, Box::new(ask)));
        }
        if !questions.of_disk.is_empty() {
            // It remembers longer than we do.
            out.push(Action::Find(own, questions.of_disk));
        }
    }
}
