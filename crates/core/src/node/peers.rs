//! What other servers' daemons say: alerts they accepted, notices that moved on, latches.

use super::Node;
use super::raise::is_fact;
use crate::action::{Action, Item};
use crate::alert::Alert;
use crate::config::ServerId;
use crate::notice::{Channel, NoticeKey, NoticeRecord};
use crate::peer::PeerMessage;
use crate::time::Now;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Notices asked about when a link comes up.
const ASK_MAX: usize = 64;

impl Node {
    /// A link stands: each side repeats what the other may have missed.
    pub(super) fn link_up(&mut self, now: Now, server: ServerId, out: &mut Vec<Action>) {
        self.hold_until = self.hold_until.max(now.at + super::RESUME_WAIT);
        let mut tell = |message| out.push(Action::Tell(server, Box::new(message)));
        tell(PeerMessage::Latches {
            latches: self.latches.all().to_vec(),
        });
        let returns = self.membership.others().filter_map(|id| {
            let peer = self.membership.peer(id);
            Some((
                self.config.server_name(id).to_string(),
                peer.session?,
                peer.returns,
            ))
        });
        tell(PeerMessage::Returns {
            returns: returns.collect(),
        });
        for (alert, notices) in self.outbox.unfinished() {
            tell(PeerMessage::Alert {
                alert: (*alert).clone(),
                notices,
            });
        }
        let notices = self.outbox.doubtful(ASK_MAX);
        if !notices.is_empty() {
            tell(PeerMessage::Ask { notices });
        }
    }

    pub(super) fn heard_from_peer(
        &mut self,
        now: Now,
        from: ServerId,
        message: PeerMessage,
        out: &mut Vec<Action>,
    ) {
        match message {
            PeerMessage::Alert { alert, notices } => self.adopt(now, alert, &notices),
            PeerMessage::Mark { notice } => self.mark(&notice),
            PeerMessage::Latches { latches } => self.merge_latches(now, &latches),
            PeerMessage::Returns { returns } => {
                for (name, session, count) in returns {
                    if let Some(server) = self.config.server_named(&name) {
                        self.membership.learn_returns(server, session, count);
                    }
                }
            }
            PeerMessage::Ask { notices } => self.answer(from, &notices, out),
            PeerMessage::Leaving { cluster } => {
                let mut news = Vec::new();
                self.membership.left(now.at, from, cluster, &mut news);
                self.take(now, news, out);
            }
            PeerMessage::Stop { by, cluster } => {
                out.push(Action::Log(alloc::format!("stop asked for by {by}")));
                if self.leaving.is_none() {
                    self.leave(now, cluster, None, out);
                }
            }
            PeerMessage::Unknown => {}
        }
    }

    /// Takes an alert that another server accepted, as our own from here on.
    fn adopt(&mut self, now: Now, alert: Alert, notices: &[NoticeRecord]) {
        if is_fact(&alert.id) && !self.is_new_fact(&alert.id) {
            notices.iter().for_each(|notice| self.mark(notice));
            return;
        }
        let alert = Arc::new(alert);
        self.accept(now, &alert, notices);
    }

    fn mark(&mut self, notice: &NoticeRecord) {
        let news = match notice.key.channel {
            Channel::Mail => self.outbox.marked(notice),
            // Only the server that tells a lamp knows how that notice stands.
            Channel::Lamp => true,
            Channel::Syslog => false,
        };
        if news {
            self.items.push(Item::Notice(notice.clone()));
        }
    }

    fn answer(&self, server: ServerId, keys: &[NoticeKey], out: &mut Vec<Action>) {
        for key in keys.iter().take(ASK_MAX) {
            if let Some(notice) = self.outbox.ending(key) {
                let mark = PeerMessage::Mark {
                    notice: notice.clone(),
                };
                out.push(Action::Tell(server, Box::new(mark)));
            }
        }
    }
}
