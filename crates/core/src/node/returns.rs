//! The end of a network partition, told once by each side that lost sight.
//!
//! When a cut ends its servers come back one by one within a few heartbeats. The alert waits for
//! [`GATHER`] or until all are back, and names all of them; its own name is made from the partition's,
//! so that the servers of one side name it alike. Who comes back later is told singly. Only this alert
//! waits: status, lamps and the turns of notices follow each return at once.

use super::Node;
use super::raise::About;
use crate::action::Action;
use crate::alert::{AlertId, Message};
use crate::config::ServerId;
use crate::status::ServerState;
use crate::time::{Moment, Now, Span};
use alloc::format;
use alloc::vec::Vec;

/// How long the first return of a partition waits for others.
const GATHER: Span = Span::from_ms(300);

/// Returns of one partition that are not told yet.
#[derive(Clone, Debug)]
pub(super) struct Returning {
    /// The partition's alert.
    partition: AlertId,
    /// Who is back, and how long each was away.
    servers: Vec<(ServerId, Option<Span>)>,
    until: Moment,
}

impl Node {
    /// Lets the return of a server that was lost by a partition wait for others. Answers whether it
    /// does: not when it is another partition's, or when this one's returns were told before.
    pub(super) fn gather_return(&mut self, now: Now, server: ServerId, away: Option<Span>) -> bool {
        let Some(partition) = self.faults[usize::from(server.0)].clone() else {
            return false;
        };
        if self.told_returns.as_ref() == Some(&partition) {
            return false;
        }
        let returning = self.returning.get_or_insert(Returning {
            partition: partition.clone(),
            servers: Vec::new(),
            until: now.at + GATHER,
        });
        let is_same = returning.partition == partition;
        if is_same {
            // Its fault stays on record until that is told: a crash before would lose it.
            returning.servers.push((server, away));
        }
        is_same
    }

    /// When gathered returns are to be told.
    pub(super) fn returns_due(&self) -> Option<Moment> {
        self.returning.as_ref().map(|returning| returning.until)
    }

    /// Tells gathered returns when their time has come, or nobody is left to wait for.
    pub(super) fn tell_returns_if_due(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(returning) = &self.returning else {
            return;
        };
        let waits = self.membership.others().any(|id| {
            let state = self.membership.peer(id).state;
            // Unknown: lost before we restarted.
            let lost = matches!(state, ServerState::Unseen | ServerState::Unknown);
            lost && self.faults[usize::from(id.0)].as_ref() == Some(&returning.partition)
        });
        if !waits || now.at >= returning.until {
            self.tell_returns(now, out);
        }
    }

    /// Tells gathered returns, whoever may still come.
    pub(super) fn tell_returns(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(returning) = self.returning.take() else {
            return;
        };
        let Returning {
            partition,
            mut servers,
            ..
        } = returning;
        servers.sort_unstable();
        let away = servers.iter().filter_map(|(_, away)| *away).max();
        let servers: Vec<ServerId> = servers.into_iter().map(|(id, _)| id).collect();
        let about = About {
            server: match servers.as_slice() {
                [one] => Some(*one),
                _ => None,
            },
            fact: Some(format!("over {partition}")),
            thread: Some(partition.clone()),
            ..About::default()
        };
        let message = match servers.len() {
            1 => Message::PartitionOver,
            _ => Message::PartitionOverForMany,
        };
        let (names, away) = (self.names(&servers), self.away_words(away));
        self.raise(now, message, &[&names, &away], about, out);
        for server in servers {
            if self.faults[usize::from(server.0)].as_ref() == Some(&partition) {
                self.end_fault(server);
                self.seen(now, server);
            }
        }
        self.told_returns = Some(partition);
    }
}
