//! Sets of other servers: voted on, fetched, put in force (rule N17).
//!
//! Whoever hears that another server has a later set in force takes it, if that set follows the own one
//! ([`SetLabel::follows`]). So a server that was away, that died between vote and commit or that missed
//! the commit needs nothing of its own. A set that does not follow was pushed on the other side of a cut:
//! it is told, by every server under one name, and nobody takes it; the next push ends it.

use super::Node;
use super::raise::About;
use super::sets::{Promise, Seeking, TAKE_WAIT, source};
use crate::action::Action;
use crate::alert::Message;
use crate::config::{Config, ServerId};
use crate::peer::PeerMessage;
use crate::set::{SetLabel, SetTrouble};
use crate::time::{Now, Span};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How long fetching a set for catching up may take before another server is asked.
const FETCH_WAIT: Span = Span::from_secs(60);
/// How long after a set could not be fetched or taken it is tried again: its server may have room by then.
const RETRY_WAIT: Span = Span::from_secs(30);

impl Node {
    /// Another server wants all to take a set.
    pub(super) fn set_offered(
        &mut self,
        now: Now,
        from: ServerId,
        label: SetLabel,
        out: &mut Vec<Action>,
    ) {
        let name = self.config.server_name(from).to_string();
        let own = &self.sets.in_force;
        if label.is(own) {
            return self.vote(from, &label, None, out);
        }
        let same = |promise: &&Promise| promise.label.is(&label) && promise.from == name;
        match self.sets.promise.as_ref().filter(same) {
            Some(promise) if promise.staged => return self.vote(from, &label, None, out),
            // Being fetched; the vote follows.
            Some(_) => return,
            None => {}
        }
        let refusal = if label.number <= own.number {
            let (number, by) = (own.number, &own.by);
            Some(self.config.language.pick(
                format!("set {number} is in force here already, pushed by {by}; try again"),
                format!("構成情報 {number}（{by} が配布）が既に有効です。再実行してください"),
            ))
        } else {
            self.busy_with_sets()
        };
        if refusal.is_some() {
            return self.vote(from, &label, refusal, out);
        }
        self.sets.promise = Some(Promise::new(now, label.clone(), name));
        out.push(Action::FetchSet { from, label });
    }

    fn vote(&self, to: ServerId, label: &SetLabel, refusal: Option<String>, out: &mut Vec<Action>) {
        let digest = label.digest.clone();
        let vote = PeerMessage::SetVote { digest, refusal };
        out.push(Action::Tell(to, Box::new(vote)));
    }

    /// A set that we asked for is on disk here and can be taken, or not.
    pub(super) fn staged(
        &mut self,
        now: Now,
        label: &SetLabel,
        result: Result<(), SetTrouble>,
        out: &mut Vec<Action>,
    ) {
        let promised = self.sets.promise.as_mut();
        if let Some(promise) = promised.filter(|promise| promise.label.is(label) && !promise.staged)
        {
            let from = promise.from.clone();
            promise.staged = result.is_ok();
            let refusal = match &result {
                Ok(()) => None,
                Err(trouble) => {
                    self.sets.promise = None;
                    Some(self.trouble_text(trouble))
                }
            };
            let digest = label.digest.clone();
            self.tell_named(&from, PeerMessage::SetVote { digest, refusal }, out);
        }
        let wanted = self.sets.fetching.as_ref();
        if !wanted.is_some_and(|(wanted, _)| wanted.is(label)) {
            return;
        }
        self.sets.fetching = None;
        if result.is_err() {
            self.sets.retry_at = Some(now.at + RETRY_WAIT);
        }
        match result {
            Ok(()) => self.adopt_set(label.clone(), out),
            Err(SetTrouble::NotFetched) => {}
            Err(SetTrouble::Refused(why)) => self.unfit(now, label, &why, out),
        }
    }

    fn trouble_text(&self, trouble: &SetTrouble) -> String {
        match trouble {
            SetTrouble::Refused(why) => why.clone(),
            SetTrouble::NotFetched => self
                .config
                .language
                .pick("the set did not arrive", "構成情報を受信できませんでした")
                .into(),
        }
    }

    /// A set that is in force elsewhere and cannot be here is told once.
    fn unfit(&mut self, now: Now, label: &SetLabel, why: &str, out: &mut Vec<Action>) {
        if self.sets.unfit.as_ref() == Some(&label.digest) {
            return;
        }
        self.sets.unfit = Some(label.digest.clone());
        let why = format!("{}: {why}", source(&self.config, label));
        self.raise(now, Message::SettingsFaulty, &[&why], About::default(), out);
    }

    /// Puts a set that is on disk here in force.
    pub(super) fn adopt_set(&mut self, label: SetLabel, out: &mut Vec<Action>) {
        if self.sets.adopting.is_none() {
            self.sets.adopting = Some(label.clone());
            out.push(Action::AdoptSet(label));
        }
    }

    /// A push that we agreed to is taken by all.
    pub(super) fn set_committed(
        &mut self,
        now: Now,
        from: ServerId,
        label: SetLabel,
        out: &mut Vec<Action>,
    ) {
        let promised = self
            .sets
            .promise
            .take_if(|promise| promise.label.is(&label));
        match promised {
            Some(promise) if promise.staged => self.adopt_set(label, out),
            // We forgot, or had died: agreed to it is all the same, so it may be taken.
            Some(_) => self.fetch_set(now, from, label, out),
            None => self.set_in_force(now, from, label, out),
        }
    }

    /// A push was given up.
    pub(super) fn set_dropped(&mut self, from: ServerId, digest: &str) {
        let name = self.config.server_name(from);
        let promise = &mut self.sets.promise;
        let _ = promise.take_if(|promise| promise.label.digest == digest && promise.from == name);
    }

    /// Another server has this set in force.
    pub(super) fn set_in_force(
        &mut self,
        now: Now,
        from: ServerId,
        label: SetLabel,
        out: &mut Vec<Action>,
    ) {
        let name = self.config.server_name(from).to_string();
        self.offer_confirmed(&name, &label);
        self.sets.of_others.insert(name, label.clone());
        let own = &self.sets.in_force;
        if label.is(own) || label.number < own.number {
            return;
        }
        let is_agreed = |promise: &mut Promise| promise.label.is(&label);
        let agreed = self.sets.promise.take_if(is_agreed).is_some();
        if agreed || label.follows(own) {
            return self.fetch_set(now, from, label, out);
        }
        let is_being_taken = self.sets.adopting.as_ref().is_some_and(|it| it.is(&label));
        if !is_being_taken {
            self.tell_difference(now, from, &label, out);
        }
    }

    fn fetch_set(&mut self, now: Now, from: ServerId, label: SetLabel, out: &mut Vec<Action>) {
        let busy = self.sets.adopting.is_some() || self.sets.fetching.is_some();
        if busy || self.leaving.is_some() {
            // Looked at again when that has ended, or the next link comes up.
            return;
        }
        self.sets.fetching = Some((label.clone(), now.at + FETCH_WAIT));
        out.push(Action::FetchSet { from, label });
    }

    /// Two servers have sets of which neither follows the other.
    fn tell_difference(
        &mut self,
        now: Now,
        from: ServerId,
        theirs: &SetLabel,
        out: &mut Vec<Action>,
    ) {
        let own = &self.sets.in_force;
        let mut digests = [own.digest.as_str(), theirs.digest.as_str()];
        digests.sort_unstable();
        let fact = format!("sets {} {}", digests[0], digests[1]);
        let (mine, other) = (own.number.to_string(), theirs.number.to_string());
        let (own, name) = (self.own_name(), self.config.server_name(from).to_string());
        let about = About {
            fact: Some(fact),
            ..About::default()
        };
        let arguments = [own.as_str(), &mine, &name, &other];
        self.raise(now, Message::SetsDiffer, &arguments, about, out);
    }

    /// A set is in force here, or could not be put in force.
    pub(super) fn adopted(
        &mut self,
        now: Now,
        label: SetLabel,
        config: Result<Box<Config>, String>,
        out: &mut Vec<Action>,
    ) {
        self.sets.adopting = None;
        match config {
            Ok(config) => {
                self.sets.in_force = label.clone();
                // Since then there is one more earlier set.
                self.seek(Seeking::No, out);
                let message = PeerMessage::SetInForce {
                    label: label.clone(),
                };
                self.tell_all(&message, out);
                // In the language of the new settings, which tell it.
                let source = source(&config, &label);
                self.configure(now, &source, Ok(config), out);
                self.offer_taken(&label, Ok(()), out);
                self.look_for_later_set(now, out);
                self.look_for_difference(now, out);
            }
            Err(why) => {
                self.unfit(now, &label, &why, out);
                self.offer_taken(&label, Err(&why), out);
                self.sets.retry_at = Some(now.at + RETRY_WAIT);
            }
        }
    }

    /// What was heard of while another set was being taken.
    fn look_for_later_set(&mut self, now: Now, out: &mut Vec<Action>) {
        let own = &self.sets.in_force;
        let later = self.sets.of_others.iter();
        let later = later.filter(|(_, label)| label.follows(own));
        let best = later.max_by_key(|(_, label)| label.number);
        let best =
            best.and_then(|(name, label)| Some((self.config.server_named(name)?, label.clone())));
        if let Some((from, label)) = best {
            self.fetch_set(now, from, label, out);
        }
    }

    /// A set that was heard of meanwhile may be one that the new one does not lead to.
    fn look_for_difference(&mut self, now: Now, out: &mut Vec<Action>) {
        let own = &self.sets.in_force;
        let mut of_others = self.sets.of_others.iter();
        let other = of_others
            .find(|(_, label)| label.number >= own.number && !label.is(own) && !label.follows(own));
        let other =
            other.and_then(|(name, label)| Some((self.config.server_named(name)?, label.clone())));
        if let Some((from, label)) = other {
            self.tell_difference(now, from, &label, out);
        }
    }

    /// What is over: a promise whose push was forgotten, a fetch that takes too long.
    pub(super) fn watch_sets(&mut self, now: Now, out: &mut Vec<Action>) {
        let living = self.living_others();
        let _ = self
            .sets
            .promise
            .take_if(|promise| promise.is_over(now, &living));
        let late = |(_, until): &mut (SetLabel, crate::time::Moment)| *until <= now.at;
        let late = self.sets.fetching.take_if(late).is_some();
        let again = self.sets.retry_at.take_if(|at| *at <= now.at).is_some();
        if late || again {
            self.look_for_later_set(now, out);
        }
        self.watch_laggards(now, out);
        self.watch_offer(now, out);
    }

    /// A push can change addresses, port and cluster name. A server that was away then, or whom the commit
    /// did not reach, listens, dials and answers by an earlier set, until it has been told of this one.
    fn watch_laggards(&mut self, now: Now, out: &mut Vec<Action>) {
        let own = &self.sets.in_force;
        let of_others = &self.sets.of_others;
        let has_it = |id: ServerId| {
            let label = of_others.get(self.config.server_name(id));
            label.is_some_and(|label| label.is(own) || label.follows(own))
        };
        let all_have_it = own.number == 0 || self.membership.others().all(has_it);
        match self.sets.seeking {
            Seeking::From(_) | Seeking::Yes if all_have_it => self.seek(Seeking::No, out),
            Seeking::No if !all_have_it => self.sets.seeking = Seeking::From(now.at + TAKE_WAIT),
            Seeking::From(at) if at <= now.at => self.seek(Seeking::Yes, out),
            Seeking::No | Seeking::From(_) | Seeking::Yes => {}
        }
    }

    fn seek(&mut self, seeking: Seeking, out: &mut Vec<Action>) {
        let former = core::mem::replace(&mut self.sets.seeking, seeking);
        let (was, is) = (former == Seeking::Yes, seeking == Seeking::Yes);
        if was != is {
            out.push(Action::FormerWays(is));
        }
    }

    /// A link stands: each says what it has in force, and what it waits for.
    pub(super) fn tell_set(&self, server: ServerId, out: &mut Vec<Action>) {
        if self.sets.in_force.number > 0 {
            let label = self.sets.in_force.clone();
            let message = PeerMessage::SetInForce { label };
            out.push(Action::Tell(server, Box::new(message)));
        }
        self.repeat_offer(server, out);
    }
}
