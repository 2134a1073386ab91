//! Alerts that somebody acknowledged (rule N24): kept on disk, told to the other servers.
//!
//! The latest are remembered and repeated to each server that comes into reach, so that one that was
//! away, or has restarted, shows the same.

use super::{Node, Promised};
use crate::action::{Action, Item};
use crate::alert::{Acknowledgement, AlertId};
use crate::config::ServerId;
use crate::peer::PeerMessage;
use crate::request::RequestId;
use crate::text::Language;
use crate::time::{Now, WallTime};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Acknowledgements that are remembered and repeated; the oldest is forgotten, and stays on the disks
/// that have it. All of them fit into one message to another server.
pub const ACKNOWLEDGEMENTS_MAX: usize = 32;

impl Node {
    /// A person acknowledges an alert; answered when that is on disk.
    pub(super) fn acknowledge(
        &mut self,
        now: Now,
        id: RequestId,
        alert: AlertId,
        by: String,
        remark: String,
        out: &mut Vec<Action>,
    ) {
        // The last word holds, also where another server's clock is ahead of ours.
        let known = self.acknowledgements.iter().find(|one| one.alert == alert);
        let at = known.map_or(now.wall, |known| {
            now.wall.max(WallTime(known.at.0.saturating_add(1)))
        });
        let acknowledgement = Acknowledgement {
            alert,
            by,
            remark,
            at,
        };
        let acknowledgement = acknowledgement.tidied();
        self.remember_acknowledgement(acknowledgement.clone());
        self.items
            .push(Item::Acknowledgement(acknowledgement.clone()));
        let acknowledgements = alloc::vec![acknowledgement];
        self.tell_all(&PeerMessage::Acknowledged { acknowledgements }, out);
        self.replies.push((self.batch, id, Promised::Acknowledged));
    }

    /// Another server tells what was acknowledged.
    pub(super) fn learn_acknowledgements(&mut self, told: Vec<Acknowledgement>) {
        for acknowledgement in told.into_iter().take(ACKNOWLEDGEMENTS_MAX) {
            let acknowledgement = acknowledgement.tidied();
            if self.remember_acknowledgement(acknowledgement.clone()) {
                self.items.push(Item::Acknowledgement(acknowledgement));
            }
        }
    }

    /// A server comes into reach: it may have missed some.
    pub(super) fn tell_acknowledgements(&self, server: ServerId, out: &mut Vec<Action>) {
        if self.acknowledgements.is_empty() {
            return;
        }
        let acknowledgements = self.acknowledgements.iter().cloned().collect();
        let message = PeerMessage::Acknowledged { acknowledgements };
        out.push(Action::Tell(server, Box::new(message)));
    }

    /// Whether it is news: none of the same alert is known that holds against it.
    pub(super) fn remember_acknowledgement(&mut self, news: Acknowledgement) -> bool {
        let known = self
            .acknowledgements
            .iter()
            .position(|one| one.alert == news.alert);
        if let Some(at) = known {
            if !news.outdoes(&self.acknowledgements[at]) {
                return false;
            }
            self.acknowledgements.remove(at);
        } else if self.acknowledgements.len() >= ACKNOWLEDGEMENTS_MAX {
            self.acknowledgements.pop_front();
        }
        self.acknowledgements.push_back(news);
        true
    }
}

/// What a person hears whose acknowledgement is not on disk.
pub(super) fn not_kept(language: Language, why: &str) -> String {
    language.pick(
        format!("the alert store could not keep the acknowledgement: {why}"),
        format!("対応記録を保存できませんでした: {why}"),
    )
}
