//! Invariants 5 and 6: every copy is alike, and a second one says that it may be a repeat.

use super::{Invariant, World};
use crate::world::Mail;
use noroshi_core::alert::{Message, MessageId, row};

/// The first copy of an alert that a recipient had.
pub(super) struct Copy {
    at_ms: u64,
    message: MessageId,
    text: String,
}

/// The same message, or two words for one return: each side of a cut says what it had taken the server for.
fn are_alike(one: &MessageId, other: &MessageId) -> bool {
    let returns = [Message::ServiceAnswers, Message::PartitionOver];
    let is_return = |id: &MessageId| returns.iter().any(|message| row(*message).id() == *id);
    one == other || is_return(one) && is_return(other)
}

impl World {
    /// A mail arrived.
    pub(in crate::world) fn watch_mail(&mut self, mail: Mail) {
        let key = (mail.alert.id.0.clone(), mail.to.clone());
        match self.watch.first_copies.get(&key) {
            Some(first) => {
                let after_ms = mail.at_ms - first.at_ms;
                let alike = are_alike(&first.message, &mail.alert.message);
                let text = first.text.clone();
                self.watch_copy(after_ms, (!alike).then_some(text), &mail);
            }
            None => {
                let copy = Copy {
                    at_ms: mail.at_ms,
                    message: mail.alert.message.clone(),
                    text: mail.alert.text.clone(),
                };
                self.watch.first_copies.insert(key, copy);
            }
        }
        self.watch_licence_of(&mail);
        self.mails.push(mail);
    }

    /// What each server finds for itself bears one name, and its own words and time: those may differ.
    fn watch_copy(&mut self, after_ms: u64, other: Option<String>, copy: &Mail) {
        let (id, to, from) = (&copy.alert.id, &copy.to, &copy.from);
        let text = &copy.alert.text;
        if let Some(other) = other {
            let text = format!("two alerts are called {id}: {other:?} and {text:?}");
            return self.found(Invariant::ToldOnce, text);
        }
        let since = &self.watch.since;
        let excused = since.parted || since.other_port;
        let lost = self.servers.iter().any(|server| server.disk.lost_notices);
        if !copy.possible_repeat && !excused && !lost {
            let text = format!(
                "{id} came to {to} again from {from}, unmarked, after {after_ms} ms: {text}"
            );
            self.found(Invariant::ToldOnce, text);
        }
    }
}
