//! The loop: one event in, one step, its actions handed out. It waits for nothing else.
//!
//! *Use.* [`Driver::run`], once, by [`crate::app`]. It ends when the node says so: a clean stop.
//!
//! *Failure.* A step never fails. An action that cannot be carried out comes back as an event. A
//! caller that no longer waits for its answer is forgotten.

use crate::channel::lamp::LampChannel;
use crate::channel::mail::MailChannel;
use crate::channel::syslog::SyslogChannel;
use crate::clock;
use crate::control::Asked;
use crate::engine::Engine;
use crate::inbox::Inbox;
use crate::store::Store;
use noroshi_core::action::Action;
use noroshi_core::config::{Config, ServerId};
use noroshi_core::event::Event;
use noroshi_core::node::Node;
use noroshi_core::notice::{Channel, NoticeKey, Sending};
use noroshi_core::request::{Reply, Request, RequestId};
use noroshi_core::time::Moment;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait for their answer; one more is refused at once.
const REQUESTS_MAX: usize = 64;

/// What the driver hands work to.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) mail: MailChannel,
    pub(crate) lamps: LampChannel,
    pub(crate) syslog: SyslogChannel,
}

/// Fits the parts to new settings.
pub(crate) type Refit = Box<dyn Fn(&mut Parts, &Config)>;

/// The loop and what it needs.
pub(crate) struct Driver {
    node: Node,
    parts: Parts,
    inbox: Inbox,
    events: mpsc::Receiver<Event>,
    asked: mpsc::Receiver<Asked>,
    waiting: BTreeMap<u64, oneshot::Sender<Reply>>,
    requests: u64,
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
        refit: Refit,
    ) -> Driver {
        let waiting = BTreeMap::new();
        Driver {
            node,
            parts,
            inbox,
            events,
            asked,
            waiting,
            requests: 0,
            refit,
            done: false,
        }
    }

    /// Carries events to the node until it has left the cluster. Hands back the parts, to be taken
    /// down, and the events that were still under way.
    pub(crate) async fn run(mut self, start: Event) -> (Parts, mpsc::Receiver<Event>) {
        self.step(start);
        while !self.done {
            let deadline = self.node.next_deadline(clock::moment());
            tokio::select! {
                event = self.events.recv() => self.step(event.unwrap_or(Event::Tick)),
                asked = self.asked.recv() => self.asked(asked),
                () = tokio::time::sleep(until(deadline)) => self.step(Event::Tick),
            }
        }
        (self.parts, self.events)
    }

    fn step(&mut self, event: Event) {
        let event = self.tried(event);
        let mut actions = Vec::new();
        self.node.step(clock::now(), event, &mut actions);
        for action in actions {
            self.act(action);
        }
    }

    /// New settings are tried where they can fail before anybody takes them (invariant 7): with a
    /// port that is taken the old ones stay in force, everywhere.
    fn tried(&self, event: Event) -> Event {
        let Event::Configure {
            source,
            config: Ok(config),
        } = event
        else {
            return event;
        };
        let name = &self.node.config().servers[usize::from(self.node.own().0)].name;
        let tried = config
            .server_named(name)
            .map_or(Ok(()), |own| self.parts.engine.reconfigure(&config, own));
        let config = match tried {
            Ok(()) => Ok(config),
            Err(error) => Err(format!("the interconnects cannot be opened: {error}")),
        };
        Event::Configure { source, config }
    }

    fn act(&mut self, action: Action) {
        let Parts {
            engine,
            store,
            lamps,
            ..
        } = &self.parts;
        match action {
            Action::Beat(phase) => engine.beat(phase),
            Action::Probe { server, path } => engine.probe(server, path),
            Action::DropLink(server) => engine.drop_link(server),
            Action::Tell(server, message) => engine.tell(server, &message),
            Action::Record { batch, items } => {
                if let Some(refused) = store.record(batch, items) {
                    self.step(refused);
                }
            }
            Action::Load { after, limit } => store.load(after, limit),
            Action::Find(server, keys) => self.find(server, keys),
            Action::Send(sending) => self.send(sending),
            Action::Lamp { lamp, order } => lamps.order(lamp, order),
            Action::LampCancel(lamp) => lamps.cancel(lamp),
            Action::Reply(id, reply) => {
                if let Some(place) = self.waiting.remove(&id.0) {
                    // Nobody waits any more: nothing is lost, it was done all the same.
                    let _ = place.send(reply);
                }
            }
            Action::Log(line) => eprintln!("noroshi: {line}"),
            Action::Reconfigure(config) => (self.refit)(&mut self.parts, &config),
            Action::Exit => self.done = true,
        }
    }

    /// Looks notices up for another server, beside everything else. A store that cannot be read
    /// answers nothing: the other server then sends, and says that it may be a repeat.
    fn find(&self, server: ServerId, keys: Vec<NoticeKey>) {
        let (reader, inbox) = (self.parts.store.reader(), self.inbox.clone());
        tokio::spawn(async move {
            if let Ok(notices) = reader.notices(keys).await {
                let _ = inbox.send(Event::Found(server, notices)).await;
            }
        });
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
            let why = "too many requests wait for their answer; try again".to_string();
            let _ = place.send(Reply::Refused { why });
            return;
        }
        self.requests += 1;
        self.waiting.insert(self.requests, place);
        self.step(Event::Request(RequestId(self.requests), request));
    }
}

fn until(deadline: Moment) -> Duration {
    Duration::from_micros(deadline.since(clock::moment()).0)
}
