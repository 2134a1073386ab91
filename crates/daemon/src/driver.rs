//! The loop: one event in, one step, its actions handed out. It waits for nothing else.
//!
//! *Use.* [`Driver::run`], once, by [`crate::app`]. It ends when the node says so: a clean stop.
//!
//! *Failure.* A step never fails. An action that cannot be carried out comes back as an event. A
//! caller that no longer waits for its answer is forgotten.

use crate::channel::lamp::LampChannel;
use crate::channel::mail::MailChannel;
use crate::channel::syslog::SyslogChannel;
use crate::console::Console;
use crate::control::{Asked, CONNECTIONS_MAX};
use crate::engine::Engine;
use crate::inbox::Inbox;
use crate::licence::keeper::Keeper;
use crate::log;
use crate::pacemaker::Pacemaker;
use crate::replica::{Deed, Replica};
use crate::sets::{Carrier, Said};
use crate::store::Store;
use crate::{clock, happenings};
use noroshi_core::action::Action;
use noroshi_core::config::{Config, ServerId};
use noroshi_core::event::{Event, LicencesRead};
use noroshi_core::membership::ring::Ring;
use noroshi_core::node::Node;
use noroshi_core::notice::{Channel, NoticeKey, Sending};
use noroshi_core::peer::PeerMessage;
use noroshi_core::request::{Reply, Request, RequestId};
use noroshi_core::set::SetLabel;
use noroshi_core::time::Moment;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Requests that wait for their answer, one for each connection; one more is refused at once.
const REQUESTS_MAX: usize = CONNECTIONS_MAX;
/// Questions about notices that wait for the disk; one more is not answered, and who asked goes on
/// without an answer after a moment.
const LOOKUPS_MAX: usize = 32;

/// What the driver hands work to.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) mail: MailChannel,
    pub(crate) lamps: LampChannel,
    pub(crate) syslog: SyslogChannel,
    pub(crate) licences: Keeper,
    pub(crate) carrier: Carrier,
    pub(crate) replica: Replica,
    pub(crate) console: Option<Console>,
    /// `None` where the service is not set up beside Pacemaker.
    pub(crate) pacemaker: Option<Pacemaker>,
}

/// Fits the parts to new settings.
pub(crate) type Refit = Box<dyn Fn(&mut Parts, &Config)>;

/// What is done beside the decisions comes in here.
pub(crate) struct Beside {
    /// Pieces of sets, for other servers.
    pub(crate) said: mpsc::Receiver<Said>,
    /// What the fetching of alerts wants done.
    pub(crate) deeds: mpsc::Receiver<Deed>,
}

/// The loop and what it needs.
pub(crate) struct Driver {
    node: Node,
    parts: Parts,
    inbox: Inbox,
    events: mpsc::Receiver<Event>,
    asked: mpsc::Receiver<Asked>,
    beside: Beside,
    waiting: BTreeMap<u64, oneshot::Sender<Reply>>,
    requests: u64,
    lookups: Arc<Semaphore>,
    refit: Refit,
    done: bool,
}

impl Driver {
    /// `refit` fits the parts to new settings.
    pub(crate) fn new(
        node: Node,
        parts: Parts,
        inbox: Inbox,
        events: mpsc::Receiver<Event>,
        asked: mpsc::Receiver<Asked>,
        beside: Beside,
        refit: Refit,
    ) -> Driver {
        let waiting = BTreeMap::new();
        Driver {
            node,
            parts,
            inbox,
            events,
            asked,
            beside,
            waiting,
            requests: 0,
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            refit,
            done: false,
        }
    }

    /// Carries events to the node until it has left the cluster. Hands back the node, the parts, to be
    /// taken down, and the events that were still under way.
    pub(crate) async fn run(mut self, start: Event) -> (Node, Parts, mpsc::Receiver<Event>) {
        self.step(start);
        while !self.done {
            let deadline = self.node.next_deadline(clock::moment());
            tokio::select! {
                event = self.events.recv() => self.step(event.unwrap_or(Event::Tick)),
                asked = self.asked.recv() => self.asked(asked),
                Some((to, message)) = self.beside.said.recv() => self.parts.engine.tell(to, &message),
                Some(deed) = self.beside.deeds.recv() => self.do_beside(deed),
                () = tokio::time::sleep(until(deadline)) => self.step(Event::Tick),
            }
        }
        (self.node, self.parts, self.events)
    }

    fn step(&mut self, event: Event) {
        if !brings_settings(&event) {
            return in_order(self, event, Driver::decide, Driver::act);
        }
        for event in settings_last(event, || self.events.try_recv().ok()) {
            in_order(self, event, Driver::decide, Driver::act);
        }
    }

    fn decide(&mut self, event: Event) -> Vec<Action> {
        let event = match event {
            Event::Peer(from, message) => self.for_the_node(from, *message),
            other => self.tried(other),
        };
        match event {
            Event::LinkUp(server) => {
                let name = self.node.config().server_name(server);
                self.parts.replica.linked(name);
            }
            Event::LinkDown(server) => {
                let name = self.node.config().server_name(server);
                self.parts.replica.unlinked(name);
            }
            _ => {}
        }
        if let Event::Ring(Ring::Link {
            server, up: false, ..
        }) = &event
        {
            self.expect_mail(*server);
        }
        if let Some(line) = happenings::line(&event, self.node.config()) {
            // For whoever looks for a cause; standard error is not to repeat each try.
            log::keep_line(line);
        }
        if matches!(event, Event::Configure { .. }) {
            // Whoever put a signer's key or a register in its place says so by SIGHUP as well.
            self.parts.licences.read(LicencesRead::AtWork);
        }
        let mut actions = Vec::new();
        self.node.step(clock::now(), event, &mut actions);
        actions
    }

    /// Sets and alert logs are carried beside the decisions.
    fn for_the_node(&self, from: ServerId, message: PeerMessage) -> Event {
        let message = self.parts.carrier.heard(from, message);
        let name = self.node.config().server_name(from);
        let message = message.and_then(|message| self.parts.replica.heard(name, message));
        match message {
            Some(message) => Event::Peer(from, Box::new(message)),
            None => Event::Tick,
        }
    }

    fn do_beside(&self, deed: Deed) {
        match deed {
            Deed::Tell(server, message) => {
                // Gone from the settings meanwhile otherwise.
                if let Some(server) = self.node.config().server_named(&server) {
                    self.parts.engine.tell(server, &message);
                }
            }
            Deed::Write(items, done) => self.parts.store.take_fetched(items, done),
            Deed::Place(server, place) => self.parts.store.note_place(server, place),
        }
    }

    /// New settings are tried where they can fail before anybody takes them (invariant 7): with a
    /// port that is taken the old ones stay in force, everywhere.
    fn tried(&self, event: Event) -> Event {
        let (config, of) = match event {
            Event::Configure {
                source,
                config: Ok(config),
            } => (config, Of::File(source)),
            Event::Adopted {
                label,
                config: Ok(config),
            } => (config, Of::Set(label)),
            other => return other,
        };
        let name = &self.node.config().servers[usize::from(self.node.own().0)].name;
        let tried = config
            .server_named(name)
            .map_or(Ok(()), |own| self.parts.engine.reconfigure(&config, own));
        let config = match tried {
            Ok(()) => Ok(config),
            Err(error) => Err(config.language.pick(
                format!("the interconnects cannot be opened: {error}"),
                format!("インタコネクトを開けません: {error}"),
            )),
        };
        match of {
            Of::File(source) => Event::Configure { source, config },
            Of::Set(label) => Event::Adopted { label, config },
        }
    }

    /// Hands an action out; what is answered at once is an event for the next step.
    fn act(&mut self, action: Action) -> Option<Event> {
        let Parts {
            engine,
            store,
            lamps,
            licences,
            ..
        } = &self.parts;
        match action {
            Action::Beat(phase) => engine.beat(phase),
            Action::Probe { server, path } => {
                engine.probe(server, path);
                self.expect_mail(server);
            }
            Action::DropLink(server) => engine.drop_link(server),
            Action::Tell(server, message) => engine.tell(server, &message),
            Action::Record { batch, items } => return store.record(batch, items),
            Action::Load(page) => store.load(page),
            Action::Find(server, keys) => self.find(server, keys),
            Action::Send(sending) => self.send(sending),
            Action::Lamp {
                lamp,
                number,
                order,
            } => lamps.order(lamp, number, order),
            Action::LampCancel { lamp, number } => lamps.cancel(lamp, number),
            Action::Reply(id, reply) => {
                if let Some(place) = self.waiting.remove(&id.0) {
                    // Nobody waits any more: nothing is lost, it was done all the same.
                    let _ = place.send(reply);
                }
            }
            Action::ReadLicences(id) => licences.read(LicencesRead::Asked(id)),
            Action::JoinLicences {
                from,
                number,
                register,
            } => licences.join(from, number, register),
            Action::RememberLicences(memory) => licences.remember(memory),
            Action::Log(line) => log::line(line),
            Action::Reconfigure(config) => (self.refit)(&mut self.parts, &config),
            Action::FetchSet { from, label } => self.parts.carrier.fetch(from, label),
            Action::AdoptSet(label) => self.parts.carrier.adopt(label),
            Action::FormerWays(wanted) => self.parts.carrier.former_ways(wanted),
            Action::LookAtPacemaker => {
                if let Some(pacemaker) = &self.parts.pacemaker {
                    pacemaker.look();
                }
            }
            Action::ForgetReports(keys) => {
                if let Some(pacemaker) = &self.parts.pacemaker {
                    pacemaker.forget(keys);
                }
            }
            Action::Exit => self.done = true,
        }
        None
    }

    /// Looks notices up for another server, beside everything else. A store that cannot be read
    /// answers nothing: the other server then sends, and says that it may be a repeat.
    fn find(&self, server: ServerId, keys: Vec<NoticeKey>) {
        let (reader, inbox) = (self.parts.store.reader(), self.inbox.clone());
        let Ok(place) = Arc::clone(&self.lookups).try_acquire_owned() else {
            return;
        };
        tokio::spawn(async move {
            let _place = place;
            if let Ok(notices) = reader.notices(keys.clone()).await {
                let asked = keys;
                let found = Event::Found {
                    server,
                    asked,
                    notices,
                };
                let _ = inbox.send(found).await;
            }
        });
    }

    /// A server has fallen silent: its end may have to be told within moments, by us.
    fn expect_mail(&self, silent: ServerId) {
        if self.node.would_tell(silent) {
            self.parts.mail.prepare();
        }
    }

    fn send(&self, sending: Box<Sending>) {
        match sending.key.channel {
            Channel::Mail => self.parts.mail.send(sending),
            Channel::Syslog => self.parts.syslog.send(sending),
            // A lamp is told by its own orders; its notice only keeps the books.
            Channel::Lamp => {}
        }
    }

    fn asked(&mut self, asked: Option<Asked>) {
        match asked {
            Some(Asked::Change(request, place)) => self.change(request, place),
            Some(Asked::Status(place)) => {
                let _ = place.send(self.node.status(clock::now()));
            }
            None => {}
        }
    }

    fn change(&mut self, request: Request, place: oneshot::Sender<Reply>) {
        self.waiting.retain(|_, place| !place.is_closed());
        if self.waiting.len() >= REQUESTS_MAX {
            let why = self.node.config().language.pick(
                "too many requests wait for their answer; try again",
                "応答待ちの要求が多すぎます。再実行してください",
            );
            let _ = place.send(Reply::Refused { why: why.into() });
            return;
        }
        self.requests += 1;
        self.waiting.insert(self.requests, place);
        self.step(Event::Request(RequestId(self.requests), request));
    }
}

/// Where new settings come from.
enum Of {
    File(String),
    Set(SetLabel),
}

/// What waits behind new settings names servers by the old ones, so it is taken before them. Nothing is
/// taken out of the queue before any other event.
fn settings_last(first: Event, mut next: impl FnMut() -> Option<Event>) -> Vec<Event> {
    if !brings_settings(&first) {
        return vec![first];
    }
    let mut settings = vec![first];
    let mut ordered = Vec::new();
    while let Some(event) = next() {
        match brings_settings(&event) {
            true => settings.push(event),
            false => ordered.push(event),
        }
    }
    ordered.append(&mut settings);
    ordered
}

/// From clp.conf or from a pushed set.
fn brings_settings(event: &Event) -> bool {
    matches!(event, Event::Configure { .. } | Event::Adopted { .. })
}

/// One event and all that follows from it at once: every action of a step is handed out before the
/// next step begins, however many of them are answered on the spot.
fn in_order<S>(
    state: &mut S,
    first: Event,
    decide: fn(&mut S, Event) -> Vec<Action>,
    act: fn(&mut S, Action) -> Option<Event>,
) {
    // Most events, such as every heartbeat, are followed by nothing: no queue is made for them.
    let mut events = VecDeque::new();
    let mut next = Some(first);
    while let Some(event) = next {
        for action in decide(state, event) {
            events.extend(act(state, action));
        }
        next = events.pop_front();
    }
}

fn until(deadline: Moment) -> Duration {
    Duration::from_micros(deadline.since(clock::moment()).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pushed set that numbers the servers anew, with heartbeats behind it that bear the old numbers.
    ///
    /// Rule: N17
    #[test]
    fn what_waits_behind_new_settings_is_taken_before_them() {
        let pushed = |number| Event::Adopted {
            label: SetLabel {
                number,
                ..SetLabel::default()
            },
            config: Err("not read here".into()),
        };
        let from_file = Event::Configure {
            source: "clp.conf".into(),
            config: Err("not read here".into()),
        };
        let link = |server| Event::LinkUp(ServerId(server));
        let order = |first: Event, waiting: &[Event]| {
            let mut waiting = waiting.iter().cloned();
            let ordered = settings_last(first, || waiting.next());
            (ordered, waiting.len())
        };
        let waiting = [link(1), pushed(8), link(2), from_file.clone(), Event::Tick];
        let behind = [link(1), link(2), Event::Tick];
        let (ordered, left) = order(pushed(7), &waiting);
        assert_eq!(ordered[..3], behind);
        assert_eq!(ordered[3..], [pushed(7), pushed(8), from_file.clone()]);
        assert_eq!(left, 0);
        assert_eq!(order(from_file.clone(), &behind).0[..3], behind);
        // Anything else leaves the queue as it is.
        assert_eq!(order(link(1), &waiting), (vec![link(1)], waiting.len()));
    }

    /// Refused batches, thousands in a row: in order, and without a stack that grows.
    ///
    /// Rule: N8
    #[test]
    fn an_answer_on_the_spot_waits_for_the_rest_of_its_step() {
        const ROUNDS: u64 = 100_000;
        let decide = |told: &mut Vec<String>, event: Event| {
            let batch = match event {
                Event::Recorded { batch, .. } => batch + 1,
                _ => 0,
            };
            told.push(format!("step {batch}"));
            let record = Action::Record {
                batch,
                items: Vec::new(),
            };
            match batch < ROUNDS {
                true => vec![record, Action::Log(format!("after {batch}"))],
                false => Vec::new(),
            }
        };
        let act = |told: &mut Vec<String>, action: Action| match action {
            Action::Record { batch, .. } => Some(Event::Recorded {
                batch,
                result: Err("refused".into()),
            }),
            Action::Log(line) => {
                told.push(line);
                None
            }
            other => panic!("{other:?}"),
        };
        let mut told = Vec::new();
        in_order(&mut told, Event::Tick, decide, act);
        assert_eq!(told[..4], ["step 0", "after 0", "step 1", "after 1"]);
        assert_eq!(told.len() as u64, 2 * ROUNDS + 1);
    }
}
