//! Licences while at work (rules M21 M24 M25): what is registered decides whether mails and warning
//! lights are in use; what was registered on one server reaches all others.
//!
//! Without a valid licence on any server at work mails end at their turn, with the reason, and lamps
//! stay as they are. When the licences suffice again lamps are told what they should show by then, and
//! the server on duty sends one mail that says what was not sent and who is not up: not the mails of the
//! time between. Whose turn it is then and meanwhile is in `turns`.
//!
//! Registrations travel as one text that only the daemons read. Each server tells its own when a link
//! comes up and when they change, and joins what it hears to its own; joining is the same in any
//! order and any number of times, so nothing that is lost with a link is missing for long.

use super::Node;
use super::raise::About;
use crate::action::{Action, Item};
use crate::alert::{Message, row};
use crate::config::ServerId;
use crate::duty::on_duty;
use crate::event::{Licences, LicencesRead};
use crate::licence::{Memory, Product, Raise, Registered, State, WARNING_DAYS, Watch};
use crate::notice::UNSENT_WHY;
use crate::notice::outbox::{Asking, Servers};
use crate::peer::PeerMessage;
use crate::request::{Reply, RequestId};
use crate::status::LicenceStatus;
use crate::time::{Moment, Now, Span, WallTime};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How long somebody who registers waits for the other servers' word; those that have not answered by
/// then are named. Shorter than a command waits for its answer.
pub(super) const LICENCES_ANSWER_WAIT: Span = Span::from_secs(3);
/// Requests that wait for that; one more is answered at once, as if nobody had answered.
const ASKERS_MAX: usize = 8;

/// What a server knows of the licences.
#[derive(Clone, Debug)]
pub(super) struct Licensing {
    watch: Watch,
    registered: Registered,
    register: Arc<str>,
    state: State,
    again: Moment,
    /// Of the last message with our registrations.
    number: u64,
    askers: Vec<Asker>,
    /// Found by a look, and told at the end of the step.
    news: Vec<Raise>,
    /// To be put on disk.
    remember: Option<Memory>,
    /// A bad state that is not told yet: a server that has just started may be about to hear from the
    /// others what was registered while it was away.
    untold: bool,
}

/// Somebody who waits to hear which servers have what was registered.
#[derive(Clone, Copy, Debug)]
struct Asker {
    request: RequestId,
    number: u64,
    silent: Servers,
    until: Moment,
}

impl Node {
    /// Whether mails and lamps are in use (rule M25).
    pub(super) fn sends_notices(&self) -> bool {
        let licences = self.licences.as_ref();
        licences.is_none_or(|licences| licences.state.sends_notices())
    }

    /// Why this server may not send, for people.
    pub(super) fn barred_why(&self) -> Option<String> {
        let state = self.licences.as_ref()?.state;
        let text = self.state_text(state)?;
        let language = self.config.language;
        let why = language.pick(UNSENT_WHY[0], UNSENT_WHY[1]);
        Some(format!("{why}{}{text}", language.pick(" ", "")))
    }

    pub(super) fn licence_status(&self) -> Option<LicenceStatus> {
        let licences = self.licences.as_ref()?;
        let duty = on_duty(None, self.senders());
        let duty = duty.filter(|id| *id != self.own);
        let duty = duty.map(|id| self.config.server_name(id).to_string());
        Some(LicenceStatus {
            notices: licences.state.sends_notices(),
            message: licences.state.message(),
            text: self.state_text(licences.state),
            withheld: self.turns.unsent.own,
            sent_by: duty.filter(|_| self.others_send()),
        })
    }

    /// When the licences are to be looked at again, or somebody has waited long enough.
    pub(super) fn licences_due(&self) -> Option<Moment> {
        let licences = self.licences.as_ref()?;
        let askers = licences.askers.iter().map(|asker| asker.until);
        askers.chain([licences.again]).min()
    }

    pub(super) fn count_withheld(&mut self, mails: usize) {
        let mails = u32::try_from(mails).unwrap_or(u32::MAX);
        let own = &mut self.turns.unsent.own;
        *own = own.saturating_add(mails);
    }

    /// Mails that are due end here.
    pub(super) fn withhold(&mut self, now: Now, why: &str, asking: Asking, out: &mut Vec<Action>) {
        let own = self.own_name();
        let ended = self.outbox.withhold(now, &own, why, asking);
        self.count_withheld(ended.len());
        for notice in ended {
            self.items.push(Item::Notice(notice.clone()));
            self.tell_all(&PeerMessage::Mark { notice }, out);
        }
    }

    /// Takes what the daemon has read. Answers what is to be told of it.
    pub(super) fn licences_found(
        &mut self,
        now: Now,
        found: Licences,
        out: &mut Vec<Action>,
    ) -> Vec<Raise> {
        let Licences {
            registered,
            memory,
            register,
            cause,
        } = found;
        let needed = registered != Registered::NotNeeded;
        if !needed && self.licences.is_none() {
            self.answer_licences(now, cause, out);
            return Vec::new();
        }
        let licences = self.licences.get_or_insert_with(|| {
            Box::new(Licensing {
                watch: Watch::new(memory, now.at),
                registered: Registered::NotNeeded,
                register: Arc::from(""),
                state: State::NotNeeded,
                again: now.at,
                number: 0,
                askers: Vec::new(),
                news: Vec::new(),
                remember: None,
                untold: false,
            })
        });
        licences.watch.recall(memory, now.at);
        licences.registered = registered;
        let changed = licences.register != register;
        licences.register = register;
        self.look_at_licences_now(now);
        self.remember_licences(out);
        if changed || matches!(cause, LicencesRead::Asked(_)) {
            self.tell_licences(out);
        }
        self.answer_licences(now, cause, out);
        let news = self.licences.as_mut();
        let news = news.map(|licences| core::mem::take(&mut licences.news));
        if !needed {
            self.licences = None;
        }
        news.unwrap_or_default()
    }

    /// What is to be done each time: looks that are due, and whoever has waited long enough.
    pub(super) fn watch_licences(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(licences) = &self.licences else {
            return;
        };
        if licences.again <= now.at {
            self.look_at_licences_now(now);
        }
        self.remember_licences(out);
        let settled = self.settled_at.is_none();
        let mut news = Vec::new();
        if let Some(licences) = &mut self.licences {
            news = core::mem::take(&mut licences.news);
            if settled && core::mem::take(&mut licences.untold) {
                news.insert(0, Raise::State(licences.state));
            }
        }
        self.tell_of_licences(now, news, out);
        self.answer_askers(now, out);
    }

    /// Judges anew; what is to be told of it is told at the end of the step at the latest.
    pub(super) fn look_at_licences_now(&mut self, now: Now) {
        let servers = u16::try_from(self.config.servers.len()).unwrap_or(u16::MAX);
        let Some(licences) = &mut self.licences else {
            return;
        };
        let outlook = licences.watch.look(now, &licences.registered, servers);
        let before = core::mem::replace(&mut licences.state, outlook.state);
        licences.again = outlook.again;
        licences.news.extend(outlook.raise);
        licences.remember = outlook.remember.or(licences.remember);
        if before.sends_notices() != outlook.state.sends_notices() {
            // Lamps are told from here on, or no longer.
            self.assigned = false;
        }
    }

    fn remember_licences(&mut self, out: &mut Vec<Action>) {
        let memory = self.licences.as_mut().and_then(|one| one.remember.take());
        out.extend(memory.map(Action::RememberLicences));
    }

    /// Tells news of the licences: what concerns this server's own register by itself, what all see
    /// alike under one name.
    pub(super) fn tell_of_licences(&mut self, now: Now, news: Vec<Raise>, out: &mut Vec<Action>) {
        for one in news {
            match one {
                Raise::State(_) if self.settled_at.is_some() => {
                    self.set_untold(true);
                }
                Raise::State(state) => {
                    let Some((message, day)) = message(state) else {
                        continue;
                    };
                    let arguments = [Product::AlertService.name(), &day];
                    // What is wrong with this server's own files can be mailed by the others.
                    let own = matches!(state, State::Unknown(_));
                    let about = About {
                        mail: own && self.others_send(),
                        ..About::default()
                    };
                    self.raise(now, message, &arguments, about, out);
                }
                Raise::ValidAgain => {
                    let told = !self.set_untold(false);
                    self.note_valid_again(told);
                }
                Raise::Ends { end, days } => self.tell_end(now, end, days, out),
                Raise::KeyTwice { serial, servers } => {
                    let servers = servers.join(", ");
                    let about = About {
                        fact: Some(format!("licence key {serial} on {servers}")),
                        ..About::default()
                    };
                    let arguments = [serial.as_str(), &servers];
                    self.raise(now, Message::LicenceKeyTwice, &arguments, about, out);
                }
            }
        }
    }

    /// Answers what it was before.
    fn set_untold(&mut self, untold: bool) -> bool {
        let licences = self.licences.as_mut();
        licences.is_some_and(|one| core::mem::replace(&mut one.untold, untold))
    }

    fn tell_end(&mut self, now: Now, end: WallTime, days: u8, out: &mut Vec<Action>) {
        let Some(licences) = &self.licences else {
            return;
        };
        let mut licences = licences.registered.licences().iter();
        let day = licences.find(|one| one.end == Some(end));
        let day = day.and_then(|one| one.licence.until);
        let day = day.map_or_else(String::new, |day| day.to_string());
        // All servers see it at nearly the same time, and it is to be mailed once.
        let step = WARNING_DAYS.iter().filter(|step| **step >= days).min();
        let about = About {
            fact: Some(format!("licences end {day} {}", step.unwrap_or(&days))),
            // An earlier run may have told it whose memory could not be read.
            maybe_told: true,
            ..About::default()
        };
        let arguments = [day.as_str(), &days.to_string()];
        self.raise(now, Message::LicenceEnds, &arguments, about, out);
    }

    /// Message 1 to 4 of a state.
    fn state_text(&self, state: State) -> Option<String> {
        let (message, day) = message(state)?;
        let arguments = [Product::AlertService.name(), &day];
        Some(row(message).text(self.config.language, &arguments))
    }
}

/// The message that tells a state, and the day in it.
fn message(state: State) -> Option<(Message, String)> {
    let none = String::new();
    Some(match state {
        State::NotNeeded | State::Valid => return None,
        State::NotRegistered => (Message::LicenceMissing, none),
        State::TrialExpired { until } => (Message::TrialExpired, until.slashed().to_string()),
        State::Invalid(_) => (Message::LicenceInvalid, none),
        State::Unknown(_) => (Message::LicenceUnknown, none),
    })
}

impl Node {
    /// A link stands: the other server hears what is registered here.
    pub(super) fn tell_licences_to(&mut self, server: ServerId, out: &mut Vec<Action>) {
        let Some(licences) = &mut self.licences else {
            return;
        };
        if !licences.register.is_empty() {
            licences.number += 1;
            let message = licences.words();
            out.push(Action::Tell(server, Box::new(message)));
        }
    }

    fn tell_licences(&mut self, out: &mut Vec<Action>) {
        let Some(licences) = &mut self.licences else {
            return;
        };
        if !licences.register.is_empty() {
            licences.number += 1;
            let message = licences.words();
            self.tell_all(&message, out);
        }
    }

    /// Answers whoever had the registrations read.
    fn answer_licences(&mut self, now: Now, cause: LicencesRead, out: &mut Vec<Action>) {
        match cause {
            LicencesRead::AtWork => {}
            LicencesRead::Joined { from, number } => {
                let taken = PeerMessage::LicencesTaken { number };
                out.push(Action::Tell(from, Box::new(taken)));
            }
            LicencesRead::Asked(request) => {
                let others = self.membership.others();
                let silent = others.filter(|id| self.linked.has(*id));
                let silent = silent.fold(Servers::default(), Servers::with);
                let asker = Asker {
                    request,
                    number: self.licences.as_ref().map_or(0, |one| one.number),
                    silent,
                    until: now.at + LICENCES_ANSWER_WAIT,
                };
                match &mut self.licences {
                    Some(one) if one.askers.len() < ASKERS_MAX => one.askers.push(asker),
                    _ => self.reply_licences(asker, out),
                }
                self.answer_askers(now, out);
            }
        }
    }

    /// Another server has what we told it.
    pub(super) fn licences_taken(&mut self, from: ServerId, number: u64) {
        let askers = self.licences.iter_mut().flat_map(|one| &mut one.askers);
        for asker in askers.filter(|asker| asker.number <= number) {
            asker.silent = asker.silent.without(from);
        }
    }

    /// Servers have new ids: whoever waits is told of those that answered under none.
    pub(super) fn forget_answers(&mut self, now: Now) {
        for asker in self.licences.iter_mut().flat_map(|one| &mut one.askers) {
            (asker.silent, asker.until) = (Servers(u32::MAX), now.at);
        }
    }

    fn answer_askers(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(licences) = &mut self.licences else {
            return;
        };
        let ready = |asker: &Asker| asker.silent.is_empty() || asker.until <= now.at;
        let answered: Vec<Asker> = licences.askers.extract_if(.., |one| ready(one)).collect();
        for asker in answered {
            self.reply_licences(asker, out);
        }
    }

    fn reply_licences(&self, asker: Asker, out: &mut Vec<Action>) {
        let (mut reached, mut later) = (Vec::new(), Vec::new());
        for id in self.membership.others() {
            let name = self.config.server_name(id).to_string();
            // A link that broke meanwhile took the message or the answer with it.
            match asker.silent.has(id) || !self.linked.has(id) {
                true => later.push(name),
                false => reached.push(name),
            }
        }
        let reply = Reply::LicencesTold { reached, later };
        out.push(Action::Reply(asker.request, reply));
    }
}

impl Licensing {
    #[cfg(test)]
    pub(super) fn state(&self) -> State {
        self.state
    }

    fn words(&self) -> PeerMessage {
        PeerMessage::Licences {
            register: String::from(&*self.register),
            number: self.number,
        }
    }
}
