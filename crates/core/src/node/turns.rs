//! Whose turn notices are when not every server may send (rules N9 M25).
//!
//! Each server reads its own register and signer's key, so one may lack what the others have: then it
//! passes its turn on to the next server at work that may send. Each tells the others whether it may,
//! at each link and at each change. When none may, the server whose turn it would be ends what is due.
//! A starting server begins and ends nothing before it knows who else is at work.
//!
//! A server whose heartbeats come but whose link does not stand (a firewall that lets UDP through and no
//! TCP) has said nothing, and the licences did not reach it over that link. After [`WORD_WAIT`] nobody who may
//! send leaves it his turn: better told twice, under one Message-ID, than left by each to the other.
//!
//! How many mails each has ended so is told to the server on duty when notices are on again; that one
//! sends one mail with the sum. What is not told yet is counted from disk after a restart.

use super::Node;
use super::raise::About;
use crate::action::Action;
use crate::alert::Message;
use crate::config::{Config, LampId, SERVERS_MAX, ServerId};
use crate::duty::on_duty;
use crate::notice::outbox::Servers;
use crate::peer::PeerMessage;
use crate::status::ServerState;
use crate::text::Language;
use crate::time::{Moment, Now, Span};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How long the server on duty waits for the others' numbers of mails that were not sent.
const GATHER: Span = Span::from_secs(1);
/// How long a server at work may be without a link before nobody leaves it his turn.
const WORD_WAIT: Span = Span::from_secs(5);

/// Who may not send, and what was not sent for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    /// Other servers that say that they may not send.
    barred: Servers,
    /// Servers at work whose link does not stand, and since when; at most one row a server.
    unlinked: Vec<(ServerId, Moment)>,
    /// Those of them for longer than [`WORD_WAIT`]: what they may is not known.
    mute: Servers,
    /// What the others were last told of us.
    told: bool,
    /// When nobody could send and somebody can again.
    pub(super) unsent: Unsent,
}

/// Mails that were not sent, until one mail tells how many.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsent {
    /// By this server.
    pub(super) own: u32,
    /// By others, as they say; one row a server.
    others: Vec<(ServerId, u32)>,
    /// No server at work could send when we last looked.
    off: bool,
    /// Somebody can again: it was off before, and is told then.
    over: bool,
    tell_at: Option<Moment>,
    /// Our own licences suffice again, which is to be told.
    valid_again: bool,
}

impl Unsent {
    fn sum(&self) -> u32 {
        let others = self.others.iter().map(|(_, mails)| *mails);
        others.fold(self.own, u32::saturating_add)
    }
}

impl Node {
    /// Those of `living` that may send; all of them when none may.
    pub(super) fn senders_of(
        &self,
        living: impl Iterator<Item = ServerId> + Clone,
    ) -> impl Iterator<Item = ServerId> + Clone {
        let barred = match self.sends_notices() {
            true => Servers(self.turns.barred.0 | self.turns.mute.0).without(self.own),
            // Who may not send cannot take over from a mute one, and waits for the link.
            false => self.turns.barred.with(self.own),
        };
        let none = living.clone().all(|id| barred.has(id));
        living.filter(move |id| none || !barred.has(*id))
    }

    /// The servers whose turn it may be to tell something.
    pub(super) fn senders(&self) -> impl Iterator<Item = ServerId> + Clone {
        self.senders_of(self.membership.living())
    }

    /// The server that tells a lamp. A mute one is left its own lamp: what it knows of that is newer.
    pub(super) fn teller(&self, lamp: LampId) -> Option<ServerId> {
        let of_its_own = &self.config.lamps[usize::from(lamp.0)].servers;
        let barred = &self.turns.barred;
        let living = self.membership.living();
        let mute = living.filter(|id| self.turns.mute.has(*id) && !barred.has(*id));
        let owner = mute.into_iter().find(|id| of_its_own.contains(id));
        let first = crate::lamp::teller(&self.config, lamp, self.senders());
        match (first, owner) {
            (Some(first), Some(owner)) if !of_its_own.contains(&first) => Some(owner),
            (first, _) => first,
        }
    }

    /// A server at work may tell lamps of which we do not hear.
    pub(super) fn any_is_mute(&self) -> bool {
        !self.turns.mute.is_empty()
    }

    /// Why mails and lamps are off, for people: nobody at work may send.
    pub(super) fn withheld_why(&self) -> Option<String> {
        let why = self.barred_why()?;
        (!self.others_send()).then_some(why)
    }

    /// Another server at work may send.
    pub(super) fn others_send(&self) -> bool {
        let barred = self.turns.barred.with(self.own);
        self.membership.living().any(|id| !barred.has(id))
    }

    /// This server may not send and does not know yet whether another one may: until then it neither
    /// begins nor ends what is its own.
    pub(super) fn held_for_word(&self) -> Option<Moment> {
        self.settled_at.filter(|_| !self.sends_notices())
    }

    /// A server says whether it may send, and how many mails it did not send.
    pub(super) fn hear_whether_barred(&mut self, from: ServerId, barred: bool, unsent: u32) {
        let all = &mut self.turns.barred;
        *all = match barred {
            true => all.with(from),
            false => all.without(from),
        };
        self.assigned = false;
        let others = &mut self.turns.unsent.others;
        match others.iter().position(|(id, _)| *id == from) {
            Some(at) => others[at].1 = unsent.max(others[at].1),
            None if unsent > 0 && others.len() < SERVERS_MAX => others.push((from, unsent)),
            None => {}
        }
    }

    /// Tells a server whose link has just come up whether we may send.
    pub(super) fn tell_whether_barred_to(&self, server: ServerId, out: &mut Vec<Action>) {
        out.push(Action::Tell(server, Box::new(self.whether_barred())));
    }

    fn whether_barred(&self) -> PeerMessage {
        PeerMessage::Barred {
            barred: !self.sends_notices(),
            unsent: self.turns.unsent.own,
        }
    }

    /// What an earlier run did not send, and nobody has told.
    pub(super) fn remember_unsent(&mut self, unsent: &[(String, u32)]) {
        let own = self.own_name();
        let of_us = unsent.iter().filter(|(server, _)| *server == own);
        self.turns.unsent.own = of_us.map(|(_, mails)| *mails).fold(0, u32::saturating_add);
    }

    /// Our licences suffice again; `told` when it was told that they did not.
    pub(super) fn note_valid_again(&mut self, told: bool) {
        self.turns.unsent.valid_again |= told;
    }

    /// What every step does about it: the others are told of a change, and what was not sent.
    pub(super) fn watch_turns(&mut self, now: Now, out: &mut Vec<Action>) {
        self.watch_mute(now);
        let barred = !self.sends_notices();
        if core::mem::replace(&mut self.turns.told, barred) != barred {
            let message = self.whether_barred();
            self.tell_all(&message, out);
            self.assigned = false;
        }
        if self.settled_at.is_some() {
            return;
        }
        let off = barred && !self.others_send();
        let unsent = &mut self.turns.unsent;
        let was_off = core::mem::replace(&mut unsent.off, off);
        if off {
            (unsent.over, unsent.tell_at) = (false, None);
            return;
        }
        unsent.over |= was_off;
        if unsent.tell_at.is_none() && (unsent.over || unsent.sum() > 0) {
            let alone = self.membership.living().count() == 1;
            let wait = if alone { Span::ZERO } else { GATHER };
            self.turns.unsent.tell_at = Some(now.at + wait);
            if self.turns.unsent.own > 0 {
                let message = self.whether_barred();
                self.tell_all(&message, out);
            }
        }
        let unsent = &mut self.turns.unsent;
        match unsent.tell_at {
            Some(at) if at <= now.at => self.end_gathering(now, out),
            None if core::mem::take(&mut unsent.valid_again) => {
                self.tell_valid_again(now, 0, false, out);
            }
            _ => {}
        }
    }

    /// Who has been without a link for too long to leave it a turn. Where no licence is needed everybody may
    /// send.
    fn watch_mute(&mut self, now: Now) {
        let mut unlinked = core::mem::take(&mut self.turns.unlinked);
        let others = self.membership.living().filter(|id| *id != self.own);
        let present = others.filter(|id| self.licences.is_some() && !self.linked.has(*id));
        let present = present.fold(Servers::default(), Servers::with);
        unlinked.retain(|(id, _)| present.has(*id));
        for id in self.membership.others().filter(|id| present.has(*id)) {
            if !unlinked.iter().any(|(known, _)| *known == id) {
                unlinked.push((id, now.at));
            }
        }
        let mute = unlinked
            .iter()
            .filter(|(_, since)| *since + WORD_WAIT <= now.at);
        let mute = mute.fold(Servers::default(), |all, (id, _)| all.with(*id));
        self.turns.unlinked = unlinked;
        if core::mem::replace(&mut self.turns.mute, mute) != mute {
            self.assigned = false;
        }
    }

    /// When the mails that were not sent are to be told, or a server counts as mute.
    pub(super) fn turns_due(&self) -> Option<Moment> {
        let turns = &self.turns;
        let unlinked = turns.unlinked.iter();
        let unlinked = unlinked.filter(|(id, _)| !turns.mute.has(*id));
        let mute_at = unlinked.map(|(_, since)| *since + WORD_WAIT);
        mute_at.chain(turns.unsent.tell_at).min()
    }

    fn end_gathering(&mut self, now: Now, out: &mut Vec<Action>) {
        let duty = on_duty(None, self.senders());
        let ours = duty == Some(self.own);
        if !ours && self.turns.unsent.own > 0 && !duty.is_some_and(|id| self.linked.has(id)) {
            // Our number has not reached it.
            self.turns.unsent.tell_at = Some(now.at + GATHER);
            let message = self.whether_barred();
            return self.tell_all(&message, out);
        }
        let unsent = core::mem::take(&mut self.turns.unsent);
        if ours {
            let (mails, over) = (unsent.sum(), unsent.over);
            if mails > 0 || over || unsent.valid_again {
                self.tell_valid_again(now, mails, over, out);
            }
        } else if unsent.valid_again {
            self.tell_valid_again(now, 0, false, out);
        }
    }

    /// Tells that this server sends from now on; with what was not sent, and who is not up after a
    /// time in which nobody was told of that, by one mail.
    fn tell_valid_again(&mut self, now: Now, unsent: u32, over: bool, out: &mut Vec<Action>) {
        let words = self.unsent_words(unsent, over);
        let about = About {
            mail: !words.is_empty(),
            ..About::default()
        };
        let name = self.own_name();
        let arguments = [name.as_str(), words.as_str()];
        self.raise(now, Message::LicenceValidAgain, &arguments, about, out);
    }

    fn unsent_words(&self, unsent: u32, over: bool) -> String {
        let language: Language = self.config.language;
        let mut words = String::new();
        if unsent > 0 {
            words.push_str(&language.pick(
                format!("Mails that were not sent: {unsent}; see the alert view. "),
                format!(
                    "この間に送信しなかったメール: {unsent} 通（アラートビューで確認してください）。"
                ),
            ));
        }
        let others = self.membership.others();
        let gone: Vec<ServerId> = others
            .filter(|id| {
                let state = self.membership.peer(*id).state;
                over && !matches!(state, ServerState::Up | ServerState::Left)
            })
            .collect();
        if !gone.is_empty() {
            let names = self.names(&gone);
            words.push_str(&language.pick(
                format!("Servers that are not up now: {names}."),
                format!("現在稼働を確認できないサーバ: {names}。"),
            ));
        }
        words
    }

    /// Follows servers to their new ids after new settings.
    pub(super) fn renumber_turns(&mut self, before: &Config) {
        let barred = core::mem::take(&mut self.turns.barred);
        let others = core::mem::take(&mut self.turns.unsent.others);
        // Counted anew under the new ids.
        self.turns.unlinked.clear();
        self.turns.mute = Servers::default();
        for id in self.config.server_ids() {
            let old = before.server_named(self.config.server_name(id));
            let Some(old) = old else { continue };
            if barred.has(old) {
                self.turns.barred = self.turns.barred.with(id);
            }
            let mails = others.iter().find(|(of, _)| *of == old);
            let mails = mails.map(|(_, mails)| (id, *mails));
            self.turns.unsent.others.extend(mails);
        }
    }
}
