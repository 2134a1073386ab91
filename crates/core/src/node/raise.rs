//! From an alert to its notices: one batch for the store, then each channel its own way.

use super::Node;
use crate::action::{Action, Item};
use crate::alert::{
    Alert, AlertId, Destinations, Message, MessageId, Severity, destinations, row, tidy_text,
};
use crate::config::{Config, MailForm, SERVERS_MAX, ServerId};
use crate::duty::on_duty;
use crate::notice::outbox::{Servers, Turn};
use crate::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
use crate::peer::PeerMessage;
use crate::time::Now;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How the name of an alert begins that was derived from a fact which every survivor sees.
pub const FACT: &str = "fact.";
/// Facts that are remembered so that one fact is told once, however late another server tells of it.
/// A fault of one server makes four at most (down or left, back, started, a part of a partition): of
/// the 32 servers of a cluster eight faults each. The oldest is forgotten; told again by then it asks
/// the other servers and the disk first, as what is repeated does.
pub const TOLD_FACTS_MAX: usize = 4 * 8 * SERVERS_MAX;

/// What an alert is about, beside its message and arguments.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// The server that it is about.
    pub(super) server: Option<ServerId>,
    /// Derive the alert's name from this fact.
    pub(super) fact: Option<String>,
    /// The alert that began the thread.
    pub(super) thread: Option<AlertId>,
    /// Others may have told it while we did not run.
    pub(super) maybe_told: bool,
    /// Never mail it, whatever the user has ticked: it tells of a mail that failed.
    pub(super) unmailed: bool,
    /// Mail it whatever the table says: it ends a fault that was mailed (rule N11).
    pub(super) mail: bool,
    /// Servers that are to say when it is on their disk.
    pub(super) confirm: Servers,
}

/// What may have become of an alert before this server takes it into its books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It happened just now: nobody can have told it.
    New,
    /// New to us, but another server may have told it: it asks first.
    MaybeTold,
    /// We may have had it ourselves, long ago: it asks first, and is not logged again.
    Repeated,
}

impl Node {
    /// Raises a message of the table. Answers its name, or `None` when that fact was told before.
    pub(super) fn raise(
        &mut self,
        now: Now,
        message: Message,
        arguments: &[&str],
        about: About,
        out: &mut Vec<Action>,
    ) -> Option<AlertId> {
        let row = row(message);
        let text = row.text(self.config.language, arguments);
        let mut destinations = destinations(&self.config, &row.id());
        destinations.mail = (destinations.mail || about.mail) && !about.unmailed;
        self.raise_text(now, row.id(), row.severity, text, destinations, about, out)
    }

    /// Raises an alert with its own words.
    #[expect(clippy::too_many_arguments, reason = "an alert is made of these")]
    pub(super) fn raise_text(
        &mut self,
        now: Now,
        message: MessageId,
        severity: Severity,
        text: String,
        destinations: Destinations,
        about: About,
        out: &mut Vec<Action>,
    ) -> Option<AlertId> {
        let id = match &about.fact {
            Some(fact) => AlertId(format!("{FACT}{:016x}", digest(fact))),
            None => self.own_alert_id(),
        };
        if about.fact.is_some() && !self.is_new_fact(&id) {
            return None;
        }
        let alert = Arc::new(Alert {
            id: id.clone(),
            message,
            severity,
            time: now.wall,
            server: self.own_name(),
            about: about
                .server
                .map(|id| self.config.server_name(id).to_string()),
            text: tidy_text(&text),
            thread: about.thread.clone(),
            destinations,
        });
        // What many see may have been told by others while we slept or were starting.
        let awake = now.at >= self.dazed_until && self.settled_at.is_none();
        let is_new = !about.maybe_told && (awake || !is_fact(&id));
        let standing = match is_new {
            true => Standing::New,
            false => Standing::MaybeTold,
        };
        let notices = self.accept(now, &alert, &[], standing);
        // Other servers that see the fact themselves know it as well; those that do not shall.
        for server in self.membership.others() {
            let message = PeerMessage::Alert {
                alert: (*alert).clone(),
                notices: notices.clone(),
                repeated: !is_new,
                confirm: about.confirm.has(server),
            };
            out.push(Action::Tell(server, Box::new(message)));
        }
        Some(id)
    }

    /// Takes an alert into the books: its record, its notices. `known` holds what another server
    /// says about its notices. Answers the mail notices as they stand.
    pub(super) fn accept(
        &mut self,
        now: Now,
        alert: &Arc<Alert>,
        known: &[NoticeRecord],
        standing: Standing,
    ) -> Vec<NoticeRecord> {
        let fresh = standing == Standing::New;
        self.items.push(Item::Alert {
            alert: alert.clone(),
            received: now.wall,
        });
        let origin = origin(&self.config, alert);
        // A server that another one has found to be down cannot tell of it, even if we have yet to
        // find out ourselves.
        let down = row(Message::ServerDown).id() == alert.message;
        let fallen = alert.about.as_ref().filter(|_| down && fresh);
        let fallen = fallen.and_then(|name| self.config.server_named(name));
        let living = self.membership.living().filter(|id| Some(*id) != fallen);
        let holder = on_duty(origin, self.senders_of(living));
        // The turn of what does not leave at once follows our own view.
        self.assigned = false;
        let ours = holder == Some(self.own) && self.leaving.is_none();
        let holder = holder.map_or_else(String::new, |id| self.config.server_name(id).to_string());
        if alert.destinations.syslog && standing != Standing::Repeated {
            let name = self.own_name();
            let to = (Channel::Syslog, name.as_str(), MailForm::Long);
            let turn = Turn {
                origin,
                ours: true,
                fresh: true,
                news: true,
                from: now.at,
            };
            self.add_notice(now, alert, to, &name, turn, &[]);
        }
        let mut mails = Vec::new();
        if alert.destinations.mail {
            for (address, form) in self.recipients(known) {
                let to = (Channel::Mail, address.as_str(), form);
                let turn = Turn {
                    origin,
                    ours,
                    fresh,
                    // A fact may be raised once more that an earlier run has told.
                    news: fresh && !is_fact(&alert.id),
                    from: self.held_for_word().unwrap_or(now.at),
                };
                mails.extend(self.add_notice(now, alert, to, &holder, turn, known));
            }
        }
        mails
    }

    /// Who is told by mail: our recipients, and those whom another server has already taken into its
    /// books. While settings differ the server whose turn it is may not know them all.
    fn recipients(&self, known: &[NoticeRecord]) -> Vec<(String, MailForm)> {
        let own = self.config.mail.recipients.iter();
        let mut all: Vec<_> = own.map(|to| (to.address.clone(), to.form)).collect();
        for theirs in known.iter().filter(|one| one.key.channel == Channel::Mail) {
            if !all.iter().any(|(to, _)| *to == theirs.key.recipient) {
                all.push((theirs.key.recipient.clone(), theirs.form));
            }
        }
        all
    }

    fn add_notice(
        &mut self,
        now: Now,
        alert: &Arc<Alert>,
        (channel, recipient, form): (Channel, &str, MailForm),
        sender: &str,
        mut turn: Turn,
        known: &[NoticeRecord],
    ) -> Option<NoticeRecord> {
        let key = NoticeKey {
            alert: alert.id.clone(),
            channel,
            recipient: recipient.to_string(),
        };
        if self.outbox.knows(&key) {
            return None;
        }
        let mut record = NoticeRecord {
            key,
            form,
            state: NoticeState::Waiting,
            attempts: 0,
            possible_repeat: false,
            sender: sender.to_string(),
            reason: String::new(),
            changed: now.wall,
        };
        if let Some(theirs) = known.iter().find(|theirs| theirs.key == record.key) {
            if theirs.state.is_final() {
                self.outbox.marked(now.at, theirs, None);
                self.items.push(Item::Notice(theirs.clone()));
                return Some(theirs.clone());
            }
            record.attempts = theirs.attempts;
            record.possible_repeat = theirs.possible_repeat;
            // Another server has begun it, so the receiver may have it: kept in mind, on disk too,
            // should it become ours.
            record.possible_repeat |= turn.ours && theirs.state == NoticeState::Begun;
            if !turn.ours {
                record.state = theirs.state;
            }
            // Whoever tells us of it may be about to send it: a server that has just started hears
            // by its first link of alerts before it hears the heartbeats of those who tell them.
            turn.fresh &= theirs.sender == self.own_name();
        }
        // What others may have told already is looked for first.
        if turn.ours
            && turn.fresh
            && channel == Channel::Mail
            && turn.from <= now.at
            && let Some(why) = self.withheld_why()
        {
            (record.state, record.reason) = (NoticeState::Dropped, why);
            self.count_withheld(1);
            self.outbox.marked(now.at, &record, None);
            self.items.push(Item::Notice(record.clone()));
            return Some(record);
        }
        let record = self.outbox.add(now, alert, record, turn, self.batch);
        self.items.push(Item::Notice(record.clone()));
        Some(record)
    }

    fn own_alert_id(&mut self) -> AlertId {
        self.sequence += 1;
        AlertId(format!("{}{}", self.own_id_prefix(), self.sequence))
    }

    /// How the names of the alerts begin that this run accepts.
    pub(super) fn own_id_prefix(&self) -> String {
        let session = self.session.to_string();
        format!("{}.{}.", slug(&self.own_name()), &session[..12])
    }

    /// A fact that many see is raised once; so is one that another server has told us of.
    pub(super) fn is_new_fact(&mut self, id: &AlertId) -> bool {
        let fact = digest(&id.0);
        if self.knows_fact(id) {
            return false;
        }
        if self.told_facts.len() >= TOLD_FACTS_MAX {
            self.told_facts.pop_front();
        }
        self.told_facts.push_back(fact);
        true
    }

    /// That fact was told lately.
    pub(super) fn knows_fact(&self, id: &AlertId) -> bool {
        self.told_facts.contains(&digest(&id.0))
    }

    /// The name that a fact will bear.
    pub(super) fn fact_id(fact: &str) -> AlertId {
        AlertId(format!("{FACT}{:016x}", digest(fact)))
    }
}

/// The server that accepted an alert, where only that one could; `None` for a fact all see.
pub(super) fn origin(config: &Config, alert: &Alert) -> Option<ServerId> {
    if is_fact(&alert.id) {
        None
    } else {
        config.server_named(&alert.server)
    }
}

pub(super) fn is_fact(id: &AlertId) -> bool {
    id.0.starts_with(FACT)
}

/// A server's name as it may stand in a Message-ID.
fn slug(name: &str) -> String {
    let fit = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().take(24).map(fit).collect()
}

/// FNV-1a, 64 bits: names facts alike on every server; nothing secret or hostile depends on it,
/// because only holders of the cluster key make facts.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl Node {
    /// What became of an attempt to send a notice.
    pub(super) fn noticed(
        &mut self,
        now: Now,
        key: &NoticeKey,
        outcome: &crate::notice::Outcome,
        out: &mut Vec<Action>,
    ) {
        let Some(ended) = self.outbox.outcome(now, key, outcome) else {
            return;
        };
        self.items.push(Item::Notice(ended.record.clone()));
        if key.channel != Channel::Mail {
            return;
        }
        let (recipient, reason) = (
            ended.record.key.recipient.clone(),
            ended.record.reason.clone(),
        );
        // An alert about a failed mail is mailed if the user wants it, but not one about that mail.
        let unmailed = ended.alert.message.module == row(Message::MailFailed).module;
        let about = About {
            unmailed,
            thread: Some(ended.alert.id.clone()),
            ..About::default()
        };
        match ended.record.state {
            NoticeState::Delivered => self.mail_trouble = false,
            NoticeState::Refused | NoticeState::GivenUp => {
                self.raise(
                    now,
                    Message::MailGivenUp,
                    &[&recipient, &reason],
                    about,
                    out,
                );
            }
            _ if !core::mem::replace(&mut self.mail_trouble, true) => {
                self.raise(now, Message::MailFailed, &[&recipient, &reason], about, out);
            }
            _ => {}
        }
        let mark = PeerMessage::Mark {
            notice: ended.record,
        };
        for server in self.membership.others() {
            out.push(Action::Tell(server, Box::new(mark.clone())));
        }
    }
}
