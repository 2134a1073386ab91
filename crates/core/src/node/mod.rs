//! The one function that decides: [`Node::step`] takes an event and says what is to be done.
//!
//! The driver calls `step` for each event, and with [`Event::Tick`] whenever
//! [`Node::next_deadline`] has come. A step never fails and never waits; the answers to its actions
//! come back as events. Each part of the work is a file: `facts` turns what membership found into
//! alerts, `raise` turns alerts into notices, `lamps`, `latches`, `peers` and `requests` do what they say.

mod acknowledge;
mod advice;
mod copies;
mod facts;
mod lamps;
mod latches;
mod leaving;
mod licences;
mod pacemaker;
mod pause;
mod peers;
mod quiet;
mod raise;
mod report;
mod requests;
mod returns;
mod ring;
mod sets;
mod sets_taken;
mod settings;
#[cfg(test)]
mod tests;
mod turns;

use crate::action::{Action, Item};
use crate::alert::{Acknowledgement, Alert, AlertId, SessionId};
use crate::config::{Config, LampId, ServerId};
use crate::duty::on_duty;
use crate::event::{Event, Latch, Phase, Recovered, StoredNotice};
use crate::lamp::{LampWorker, Latches, OrderNumber, StampClock};
use crate::membership::Membership;
use crate::notice::outbox::{Asking, Outbox, Servers};
use crate::notice::{Channel, Sending};
use crate::pacemaker::GroupMemory;
use crate::peer::{PeerMessage, PutOut};
use crate::request::{Reply, RequestId};
use crate::time::{Moment, Now, Span};
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use returns::Returning;
use sets::Sets;

pub use acknowledge::ACKNOWLEDGEMENTS_MAX;
pub use pause::{PAUSE_MIN, PAUSE_TOLD_MIN};
pub use quiet::Readings;
pub use raise::{FACT, TOLD_FACTS_MAX};
pub use sets::{PROMISE_WAIT, TAKE_WAIT, VOTE_WAIT};

/// How long a leaving server waits for its lamp and its begun notices.
pub const LEAVE_WAIT_MAX: Span = Span::from_secs(6);
/// How long a store that had failed must work before it is said to work again.
const STORE_CALM: Span = Span::from_secs(5);
/// How long a starting server waits for the others before it takes itself to be alone.
const START_SETTLE: Span = Span::from_ms(1_500);

/// One server's decisions.
#[derive(Clone, Debug)]
pub struct Node {
    own: ServerId,
    session: SessionId,
    config: Config,
    membership: Membership,
    outbox: Outbox,
    latches: Latches,
    /// By what words about lamps are ordered.
    stamps: StampClock,
    lamps: Vec<LampWorker>,
    /// Orders given to lamps so far.
    lamp_orders: OrderNumber,
    /// By server: the alert that told of its present fault.
    faults: Vec<Option<AlertId>>,
    /// By server: its part of its lamp before we took it for fallen, as long as that is only believed:
    /// no lamp has shown its red (rule M18). What is believed is neither told nor put on disk.
    before_fall: Vec<Option<Latch>>,
    /// Lamps that a person put out lately.
    put_out: Vec<PutOut>,
    /// What was acknowledged lately, the oldest first; at most [`ACKNOWLEDGEMENTS_MAX`].
    acknowledgements: VecDeque<Acknowledgement>,
    /// Alerts told lately whose name was derived from a fact, by what their names amount to.
    told_facts: VecDeque<u64>,
    /// Returns of a partition that are not told yet.
    returning: Option<Returning>,
    /// The last partition whose returns were told together: the others are told singly.
    told_returns: Option<AlertId>,
    sequence: u64,
    batch: u64,
    /// Items for the batch that this step will record.
    items: Vec<Item>,
    /// Requests to be answered when a batch is on disk.
    replies: Vec<(u64, RequestId, Promised)>,
    copies: copies::Copies,
    next_beat: Moment,
    /// The deadline that the driver was last told; a step far behind it means a pause.
    promised: Option<Moment>,
    /// When the last step began.
    stepped_at: Moment,
    /// Until then stale notices wait for what other servers may say about them.
    hold_until: Moment,
    /// The same after the start, unless all other servers can be asked before, or are known not to be at work.
    start_hold_until: Moment,
    /// Links that stand.
    linked: Servers,
    /// Since when links have been gone that there were.
    unlinked: advice::Unlinked,
    /// Until then what we find out may have happened, and been told by others, while we stood still.
    dazed_until: Moment,
    /// When a starting server knows who else lives, if that is not over yet: until then it tells
    /// no lamp, because what its disk says may be old: its own may have been given a red since.
    settled_at: Option<Moment>,
    /// The same for lamps alone, when all have turned out to live before one of them has said how the lamps are.
    lamps_settled_at: Option<Moment>,
    /// Another server has told us how the lamps are.
    heard_of_lamps: bool,
    leaving: Option<Leaving>,
    store_trouble: Option<String>,
    /// The store's trouble was told and is not over.
    store_told: bool,
    /// When the store will have worked for long enough to be said to work again.
    store_calm_at: Option<Moment>,
    mail_trouble: bool,
    told_blind: ring::ToldBlind,
    /// The lamps that were told by us the last time anybody looked.
    assigned: bool,
    /// `None` for a build that needs no licence.
    licences: Option<Box<licences::Licensing>>,
    turns: turns::Turns,
    sets: Sets,
    /// `None` where Pacemaker is not watched.
    pacemaker: Option<Box<pacemaker::Pacemaker>>,
    /// What an earlier run remembered of its groups, until it is watched.
    group_memories: Vec<GroupMemory>,
    /// Servers that an earlier run told could not be fenced.
    unfenced_before: Vec<(String, crate::time::WallTime)>,
    /// Alerts of earlier runs that are named after their facts: what Pacemaker's reports and pictures show again at
    /// the start is not told again.
    facts_on_disk: BTreeSet<AlertId>,
}

/// What a request is answered when its batch is on disk.
#[derive(Clone, Debug)]
enum Promised {
    /// The alert is accepted; answered by [`copies`].
    Alert,
    /// The lamp is put out, and stays so over restarts.
    LampOut,
    /// An alert is acknowledged.
    Acknowledged,
}

#[derive(Clone, Copy, Debug)]
struct Leaving {
    cluster: bool,
    until: Moment,
    reply: Option<RequestId>,
}

impl Node {
    /// A server that is about to start. `session` is fresh random; give [`Event::Start`] next.
    pub fn new(now: Now, own: ServerId, session: SessionId, config: Config) -> Node {
        Node {
            own,
            session,
            membership: Membership::new(now.at, own, &config),
            outbox: Outbox::default(),
            latches: Latches::new(&config),
            stamps: StampClock::new(now),
            lamps: config.lamps.iter().map(|_| LampWorker::default()).collect(),
            lamp_orders: OrderNumber::default(),
            faults: config.servers.iter().map(|_| None).collect(),
            before_fall: config.servers.iter().map(|_| None).collect(),
            put_out: Vec::new(),
            acknowledgements: VecDeque::new(),
            told_facts: VecDeque::new(),
            returning: None,
            told_returns: None,
            config,
            sequence: 0,
            batch: 0,
            items: Vec::new(),
            replies: Vec::new(),
            copies: copies::Copies::default(),
            next_beat: now.at,
            promised: None,
            stepped_at: now.at,
            hold_until: now.at,
            start_hold_until: now.at,
            linked: Servers::default(),
            unlinked: advice::Unlinked::new(),
            dazed_until: now.at,
            settled_at: None,
            lamps_settled_at: None,
            heard_of_lamps: false,
            leaving: None,
            store_trouble: None,
            store_told: false,
            store_calm_at: None,
            mail_trouble: false,
            told_blind: ring::ToldBlind::default(),
            assigned: false,
            licences: None,
            turns: turns::Turns::default(),
            sets: Sets::default(),
            pacemaker: None,
            group_memories: Vec::new(),
            unfenced_before: Vec::new(),
            facts_on_disk: BTreeSet::new(),
        }
    }

    /// Takes one event and adds to `out` what is to be done.
    pub fn step(&mut self, now: Now, event: Event, out: &mut Vec<Action>) {
        self.notice_pause(now);
        self.stepped_at = now.at;
        match event {
            Event::Start(mut recovered) => {
                // Before anything can be sent.
                self.remember_unsent(&recovered.unsent_mails);
                let licences = recovered.licences.take();
                let news = licences.map(|found| self.licences_found(now, *found, out));
                self.start(now, *recovered);
                self.tell_of_licences(now, news.unwrap_or_default(), out);
            }
            Event::Tick => {}
            Event::Heard(heard) => {
                let mut news = Vec::new();
                self.membership.heard(now.at, &heard, &mut news);
                self.take(now, news, out);
            }
            Event::Ring(told) => {
                let mut news = Vec::new();
                self.membership.ring(now.at, told, &mut news);
                self.take(now, news, out);
            }
            Event::Probed {
                server,
                path: _,
                answer,
            } => {
                self.membership.probed(now.at, server, answer);
            }
            Event::LinkUp(server) => self.link_up(now, server, out),
            Event::LinkDown(server) => {
                self.linked = self.linked.without(server);
                self.unlinked.insert(server, now.at);
                self.copies.gone(server);
                self.outbox.gone(now.at, server);
                let mut news = Vec::new();
                self.membership.link_broken(now.at, server, &mut news);
                self.take(now, news, out);
            }
            Event::Refused { server, why } => self.refused(now, &server, &why, out),
            Event::Peer(server, message) => {
                self.membership.spoke(now.at, server);
                self.heard_from_peer(now, server, *message, out);
            }
            Event::Request(id, request) => self.asked(now, id, request, out),
            Event::Recorded { batch, result } => self.recorded(now, batch, result, out),
            Event::Loaded { notices, more } => {
                self.restore(now, notices, more);
                self.assigned = false;
            }
            Event::Fetched => self.outbox.note_backlog(),
            Event::Found {
                server,
                asked,
                notices,
            } => self.found(now, server, asked, notices, out),
            Event::Outcome(key, outcome) => self.noticed(now, &key, &outcome, out),
            Event::Lamp { number, result, .. } => self.lamp_ended(now, number, &result, out),
            Event::Licences(found) => {
                let news = self.licences_found(now, *found, out);
                self.tell_of_licences(now, news, out);
            }
            Event::Pacemaker(event) => self.pacemaker_says(now, *event, out),
            Event::Configure { source, config } => self.configure(now, &source, config, out),
            Event::Staged { label, result } => self.staged(now, &label, result, out),
            Event::Adopted { label, config } => self.adopted(now, label, config, out),
        }
        self.settle(now, out);
    }

    /// When [`Event::Tick`] is due, if nothing else happens before.
    pub fn next_deadline(&mut self, now: Moment) -> Moment {
        let mut deadline = self.membership.next_deadline(now).min(self.next_beat);
        let mut sooner = |at: Option<Moment>| {
            if let Some(at) = at {
                deadline = deadline.min(at);
            }
        };
        if self.leaving.is_none() {
            sooner(self.outbox.next_deadline(self.held_until()));
        }
        sooner(self.settled_at);
        sooner(self.lamps_settled_at);
        sooner(self.copies.due());
        sooner(self.store_calm_at);
        sooner(self.returns_due());
        sooner(self.licences_due());
        sooner(self.turns_due());
        sooner(self.sets_due());
        sooner(self.pacemaker_due());
        self.lamps
            .iter()
            .for_each(|lamp| sooner(lamp.next_deadline()));
        sooner(self.leaving.map(|leaving| leaving.until));
        // Not from `now`: what passed since the step may be a pause already.
        self.promised = Some(deadline.max(self.stepped_at));
        deadline.max(now)
    }

    /// Which of the servers this one is.
    pub fn own(&self) -> ServerId {
        self.own
    }

    /// The run that this is.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// How another server is, as this one sees it.
    pub fn state_of(&self, server: ServerId) -> crate::status::ServerState {
        self.membership.peer(server).state
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The first things after the start: what the store had kept, and that we are here.
    fn start(&mut self, now: Now, recovered: Recovered) {
        for latch in &recovered.latches {
            self.latches.merge(latch);
            self.hear_stamp(now, latch.red_changed.max(latch.green_changed));
        }
        self.group_memories = recovered.groups;
        self.unfenced_before = recovered.unfenced;
        self.facts_on_disk = recovered.facts.into_iter().collect();
        for acknowledgement in recovered.acknowledgements {
            self.remember_acknowledgement(acknowledgement);
        }
        for view in recovered.views {
            if let Some(server) = self
                .config
                .server_named(&view.server)
                .filter(|id| *id != self.own)
            {
                self.membership
                    .expect(server, view.session, view.returns, view.up);
                let fallen = !view.up && view.fault.is_some();
                self.faults[usize::from(server.0)] = view.fault;
                if fallen {
                    self.believe_again(now, server);
                }
            }
        }
        for at in 0..self.lamps.len() {
            self.show(now, LampId(at as u8), None, false);
        }
        self.restore(now, recovered.notices, recovered.more);
        if self.config.servers.len() > 1 {
            self.settled_at = Some(now.at + START_SETTLE);
            self.start_hold_until = now.at + START_SETTLE;
        }
        self.started(now, recovered.trouble);
    }

    /// Takes unfinished notices from the store back into the books.
    fn restore(&mut self, now: Now, notices: Vec<StoredNotice>, more: bool) {
        let config = &self.config;
        let origin = |alert: &Alert| raise::origin(config, alert);
        let run = self.own_id_prefix();
        let is_of_this_run = |alert: &Alert| alert.id.0.starts_with(&run);
        let lamps = self
            .outbox
            .restore(now, notices, more, origin, is_of_this_run);
        for notice in lamps {
            let server = self.config.server_named(&notice.key.recipient);
            if let Some(lamp) = server.and_then(|id| self.config.server(id).lamp) {
                self.lamps[usize::from(lamp.0)].adopt(notice.key);
            }
        }
    }

    /// What every step ends with: deadlines that have come, and what follows from all of it.
    fn settle(&mut self, now: Now, out: &mut Vec<Action>) {
        let mut news = Vec::new();
        self.membership.tick(now.at, &mut news);
        self.take(now, news, out);
        self.tell_returns_if_due(now, out);
        self.watch_sets(now, out);
        if self.next_beat <= now.at {
            out.push(Action::Beat(self.phase()));
            // From now, not from the missed beat: after a pause one heartbeat is enough.
            self.next_beat = now.at + self.config.heartbeat.interval;
        }
        self.watch_pacemaker(now, out);
        self.watch_licences(now, out);
        self.watch_turns(now, out);
        self.assign(now);
        self.begin_notices(now, out);
        out.extend(self.outbox.wants_load(now.at).map(Action::Load));
        self.watch_lamps(now, out);
        self.tell_store_calm(now, out);
        self.flush(out);
        self.tell_copies(now, out);
        self.order_lamps(now, out);
        self.leave_if_done(now, out);
    }

    /// Everything gathered in this step goes to disk as one batch.
    fn flush(&mut self, out: &mut Vec<Action>) {
        if !self.items.is_empty() {
            let items = core::mem::take(&mut self.items);
            out.push(Action::Record {
                batch: self.batch,
                items,
            });
            self.batch += 1;
        }
    }

    /// The turn of notices and lamps follows membership.
    fn assign(&mut self, now: Now) {
        if self.settled_at.is_some_and(|at| at <= now.at) {
            (self.settled_at, self.assigned) = (None, false);
        }
        if self.lamps_settled_at.is_some_and(|at| at <= now.at) {
            (self.lamps_settled_at, self.assigned) = (None, false);
        }
        if core::mem::replace(&mut self.assigned, true) {
            return;
        }
        let own = self.own;
        let senders: Vec<ServerId> = self.senders().collect();
        self.outbox.assign(now, |origin| {
            on_duty(origin, senders.iter().copied()) == Some(own)
        });
        self.assign_lamps(now);
    }

    fn begin_notices(&mut self, now: Now, out: &mut Vec<Action>) {
        let mut sendings = Vec::new();
        if self.outbox.lose_patience(now.at, &mut sendings) {
            self.testify(&sendings, out);
            self.store_failed(now, "no answer in time", out);
        }
        if self.leaving.is_none() {
            let sender = self.own_name();
            let hold = now.at < self.held_until();
            self.ask_about_stale(now, hold, out);
            let asking = Asking {
                hold,
                possible: !self.askable().is_empty(),
                of_all: self.membership.living().count() == self.config.servers.len(),
            };
            if let Some(why) = self.withheld_why() {
                self.withhold(now, &why, asking, out);
            }
            // Of what is left when mails are off: syslog goes on.
            let records = self.outbox.begin(now, &sender, self.batch, asking);
            self.items.extend(records.into_iter().map(Item::Notice));
        }
        out.extend(sendings.into_iter().map(Action::Send));
    }

    fn recorded(
        &mut self,
        now: Now,
        batch: u64,
        result: Result<(), String>,
        out: &mut Vec<Action>,
    ) {
        let mut sendings = Vec::new();
        self.outbox.recorded(batch, result.is_ok(), &mut sendings);
        if result.is_err() {
            self.testify(&sendings, out);
        }
        out.extend(sendings.into_iter().map(Action::Send));
        self.lamps.iter_mut().for_each(|lamp| lamp.recorded(batch));
        let durable = result.is_ok();
        self.reports_recorded(batch, durable, out);
        self.give_word(batch, durable, out);
        self.replies.retain(|(of, request, promised)| {
            if *of == batch {
                let reply = match (promised, &result) {
                    (Promised::Alert, _) => {
                        self.copies.own_copy(*request, durable);
                        return false;
                    }
                    (Promised::LampOut | Promised::Acknowledged, Ok(())) => Reply::Done,
                    (Promised::Acknowledged, Err(why)) => Reply::Refused {
                        why: acknowledge::not_kept(self.config.language, why),
                    },
                    (Promised::LampOut, Err(why)) => Reply::Refused {
                        why: alloc::format!(
                            "the light is put out, but the alert store could not keep that ({why}): \
                             it may be lit again when the service restarts"
                        ),
                    },
                };
                out.push(Action::Reply(*request, reply));
            }
            *of != batch
        });
        match result {
            Ok(()) => self.store_works(now),
            Err(why) => self.store_failed(now, &why, out),
        }
    }

    /// Our disk does not know that these have been begun, so the others shall.
    fn testify(&self, sendings: &[Box<Sending>], out: &mut Vec<Action>) {
        for sending in sendings
            .iter()
            .filter(|one| one.key.channel == Channel::Mail)
        {
            if let Some(notice) = self.outbox.record(&sending.key) {
                let notice = notice.clone();
                self.tell_all(&PeerMessage::Mark { notice }, out);
            }
        }
    }

    fn phase(&self) -> Phase {
        match self.leaving {
            None => Phase::Running,
            Some(Leaving { cluster: false, .. }) => Phase::Leaving,
            Some(Leaving { cluster: true, .. }) => Phase::Shutdown,
        }
    }

    fn own_name(&self) -> String {
        String::from(self.config.server_name(self.own))
    }

    fn tell_all(&self, message: &crate::peer::PeerMessage, out: &mut Vec<Action>) {
        for server in self.membership.others() {
            out.push(Action::Tell(server, Box::new(message.clone())));
        }
    }
}
