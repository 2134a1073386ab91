//! Whether an alert is on a second server's disk before whoever raised it relies on that (rules N7 N8).
//!
//! A script that is told "accepted" goes on as if somebody will be told. If this server's disk is lost
//! a moment later that is still true as soon as one other server has the alert. So the answer waits until
//! one of [`CONFIRMERS_MAX`] servers says so, at most [`SECOND_WAIT`]; after that, and at once where no link
//! stands, it says that this server alone has it. For our own disk it waits at most [`OWN_WAIT`]: whoever heard
//! nothing because the disk hangs would take it that nothing was done, and raise the alert again. The notice
//! itself waits for none of this.

use super::{Node, Promised};
use crate::action::Action;
use crate::alert::AlertId;
use crate::config::ServerId;
use crate::notice::outbox::Servers;
use crate::peer::PeerMessage;
use crate::request::{Reply, RequestId};
use crate::time::{Moment, Now, Span};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// How long the answer to whoever raised an alert waits for a second server's word.
pub(super) const SECOND_WAIT: Span = Span::from_ms(200);
/// How long it waits for our own disk; a notice that waits for a hung disk has left by then.
pub(super) const OWN_WAIT: Span = Span::from_secs(2);
/// Servers that are asked for their word; one is enough, and more are asked should one be slow.
pub(super) const CONFIRMERS_MAX: usize = 3;
/// Words that are owed to other servers while our disk is at work; beyond it none is given, and the other
/// end says that it stands alone.
pub(super) const OWED_MAX: usize = 1_024;

/// Alerts whose sender waits, and words that are owed to others.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    /// At most one for each request that is under way.
    promised: Vec<Promise>,
    /// The batch that holds it, who wants to know, and which alert.
    owed: Vec<(u64, ServerId, AlertId)>,
}

#[derive(Clone, Debug)]
struct Promise {
    request: RequestId,
    alert: AlertId,
    /// Our own disk has answered: whether it has it.
    durable: Option<bool>,
    /// Who may still say that they have it.
    asked: Servers,
    /// Somebody has it.
    kept: bool,
    until: Moment,
    /// Until then our own disk may take its time.
    own_until: Moment,
}

impl Copies {
    /// Our own disk has taken what was promised for this request, or could not.
    pub(super) fn own_copy(&mut self, request: RequestId, durable: bool) {
        let mut copies = self.promised.iter_mut();
        if let Some(copy) = copies.find(|copy| copy.request == request) {
            copy.durable = Some(durable);
        }
    }

    /// The link to this server is gone, and its word with it.
    pub(super) fn gone(&mut self, server: ServerId) {
        for copy in &mut self.promised {
            copy.asked = copy.asked.without(server);
        }
        self.owed.retain(|(_, to, _)| *to != server);
    }

    /// Servers have new ids: who asked for a word under an old one does without.
    pub(super) fn renumbered(&mut self) {
        self.owed.clear();
    }

    /// When the next answer is due that still waits for another server, or for our own disk.
    pub(super) fn due(&self) -> Option<Moment> {
        let due = |copy: &Promise| match copy.durable {
            Some(_) => copy.until,
            None => copy.own_until,
        };
        self.promised.iter().map(due).min()
    }
}

impl Node {
    /// Who is to say when a new alert is on their disk.
    pub(super) fn confirmers(&self) -> Servers {
        let linked = self.membership.living().filter(|id| *id != self.own);
        let linked = linked.filter(|id| self.linked.has(*id));
        linked
            .take(CONFIRMERS_MAX)
            .fold(Servers::default(), Servers::with)
    }

    /// Answers a request when its alert is on our disk and on another's.
    pub(super) fn reply_when_kept(&mut self, now: Now, request: RequestId, alert: Option<AlertId>) {
        let Some(alert) = alert else { return };
        self.replies.push((self.batch, request, Promised::Alert));
        self.copies.promised.push(Promise {
            request,
            alert,
            durable: None,
            asked: self.confirmers(),
            kept: self.config.servers.len() == 1,
            until: now.at + SECOND_WAIT,
            own_until: now.at + OWN_WAIT,
        });
    }

    /// Another server has these on its disk.
    pub(super) fn kept_elsewhere(&mut self, alerts: &[AlertId]) {
        for copy in &mut self.copies.promised {
            copy.kept |= alerts.contains(&copy.alert);
        }
    }

    /// Answers whoever need not or cannot wait any longer.
    pub(super) fn tell_copies(&mut self, now: Now, out: &mut Vec<Action>) {
        let leaving = self.leaving.is_some();
        self.copies.promised.retain(|copy| {
            let hangs = copy.own_until <= now.at;
            let Some(durable) = copy.durable.or(hangs.then_some(false)) else {
                return true;
            };
            let alone = copy.asked.is_empty() || copy.until <= now.at || leaving;
            if copy.kept || alone {
                let reply = Reply::Accepted {
                    alert: copy.alert.clone(),
                    durable,
                    replicated: copy.kept,
                };
                out.push(Action::Reply(copy.request, reply));
            }
            !(copy.kept || alone)
        });
    }

    /// `to` wants to know when the alert that this step has taken is on our disk.
    pub(super) fn owe_word(&mut self, to: ServerId, alert: Option<AlertId>) {
        if let Some(alert) = alert.filter(|_| self.copies.owed.len() < OWED_MAX) {
            self.copies.owed.push((self.batch, to, alert));
        }
    }

    /// A batch is on our disk, or is not: those that wait for an alert in it are told if it is.
    pub(super) fn give_word(&mut self, batch: u64, durable: bool, out: &mut Vec<Action>) {
        let mut told: Vec<(ServerId, Vec<AlertId>)> = Vec::new();
        self.copies.owed.retain(|(of, to, alert)| {
            if *of == batch && durable {
                match told.iter_mut().find(|(server, _)| server == to) {
                    Some((_, alerts)) => alerts.push(alert.clone()),
                    None => told.push((*to, alloc::vec![alert.clone()])),
                }
            }
            *of != batch
        });
        for (server, alerts) in told {
            out.push(Action::Tell(server, Box::new(PeerMessage::Kept { alerts })));
        }
    }
}
