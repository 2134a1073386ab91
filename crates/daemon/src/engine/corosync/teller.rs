//! From what the thread was told to events: a task, so that servers are named by the settings in force.
//!
//! An event is made only when the driver's inbox has room for it, and is given to it at once: no event that
//! was named by former settings can follow new ones.

use super::nodes::Nodes;
use super::view::Scene;
use super::{Shared, Told, note};
use crate::clock;
use crate::engine::Wires;
use crate::engine::plan::Plan;
use crate::inbox::Inbox;
use crate::log::Level;
use noroshi_core::event::Event;
use noroshi_core::membership::ring::{Blindness, Ring};
use noroshi_core::time::Span;
use noroshi_corosync::{Link, Member, Node, Notice};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long without anything to do until the settings are looked at again.
const IDLE: Duration = Duration::from_secs(1);
/// Messages that wait for the view of their ring, seconds at most; beyond that the oldest are lost, and
/// said again by whoever said them.
const HELD_MAX: usize = 1_024;

struct Teller {
    wires: Weak<Wires>,
    shared: Arc<Shared>,
    scene: Scene,
    plan: Option<Arc<Plan>>,
    own: u32,
    known: Vec<Node>,
    nodes: Nodes,
    detects_in: Span,
    links: BTreeMap<(u32, u8), bool>,
    /// Links that are to be told.
    changed_links: Vec<(u32, u8)>,
    blind: Option<Blindness>,
    /// It is to be told.
    blind_is_news: bool,
    /// What Corosync told, in its order.
    notices: VecDeque<Notice>,
    /// Messages of a ring whose view is not complete.
    held: VecDeque<(Member, Vec<u8>)>,
    last_loss: String,
}

/// Runs until the thread or the engine has ended.
pub(super) async fn run(wires: Weak<Wires>, shared: Arc<Shared>, mut told: mpsc::Receiver<Told>) {
    let Some(inbox) = wires.upgrade().map(|wires| wires.inbox.clone()) else {
        return;
    };
    let mut teller = Teller::new(wires, Arc::clone(&shared));
    loop {
        let wait = teller.wait();
        tokio::select! {
            one = told.recv() => match one {
                Some(one) => teller.take(one),
                None => return,
            },
            () = shared.look.notified() => teller.repeat(),
            () = tokio::time::sleep(wait) => {}
        }
        if !teller.tell(&inbox).await {
            return;
        }
    }
}

impl Teller {
    fn new(wires: Weak<Wires>, shared: Arc<Shared>) -> Teller {
        Teller {
            wires,
            shared,
            scene: Scene::default(),
            plan: None,
            own: 0,
            known: Vec::new(),
            nodes: Nodes::default(),
            detects_in: Span::ZERO,
            links: BTreeMap::new(),
            changed_links: Vec::new(),
            blind: None,
            blind_is_news: false,
            notices: VecDeque::new(),
            held: VecDeque::new(),
            last_loss: String::new(),
        }
    }

    /// Corosync does not hang any more: what is seen, or why nothing is.
    fn repeat(&mut self) {
        self.scene.repeat(clock::moment());
        self.blind_is_news = self.blind.is_some();
    }

    fn wait(&self) -> Duration {
        let due = self.scene.due().map(|at| at.since(clock::moment()));
        due.map_or(IDLE, |span| Duration::from_micros(span.0).min(IDLE))
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Connected {
                own,
                nodes,
                detects_in,
            } => {
                self.scene.disconnect();
                (self.own, self.known, self.plan) = (own, nodes, None);
                self.detects_in = span(detects_in);
                self.links.clear();
                self.last_loss.clear();
                (self.blind, self.blind_is_news) = (None, false);
                let line = self.pick("connected to Corosync", "Corosync に接続しました");
                note(Level::Info, line);
            }
            Told::Notices(notices) => self.notices.extend(notices),
            Told::Links(links) => self.compare_links(&links),
            Told::DetectsIn(detects_in) => {
                self.detects_in = span(detects_in);
                self.scene.repeat(clock::moment());
            }
            Told::Nodes(nodes) => (self.known, self.plan) = (nodes, None),
            Told::Lost(why, more) => self.lost(why, more),
        }
    }

    fn pick(&self, en: &str, ja: &str) -> String {
        let language = self.wires.upgrade().map(|wires| wires.plan().language);
        language.unwrap_or_default().pick(en, ja).to_owned()
    }

    fn lost(&mut self, why: Blindness, more: String) {
        self.scene.disconnect();
        self.shared.speaker().listeners(clock::moment(), &[], &[]);
        self.notices.clear();
        self.held.clear();
        if self.last_loss != more {
            let line = self.pick("no connection to Corosync", "Corosync に接続できません");
            let language = self.wires.upgrade().map(|wires| wires.plan().language);
            let words = why.words(language.unwrap_or_default());
            let more_shown = more.escape_debug();
            note(Level::Warning, format!("{line}: {words} ({more_shown})"));
            self.last_loss = more;
        }
        self.blind_is_news |= self.blind != Some(why);
        self.blind = Some(why);
    }

    fn piece(&mut self, notice: Notice) {
        let now = clock::moment();
        let new = self.scene.take(now, notice);
        self.look_at_settings();
        let server = |node: u32| self.nodes.server(node).filter(|_| node != self.own);
        let all: Vec<_> = self.scene.listeners().filter_map(server).collect();
        let new: Vec<_> = match new.contains(&self.own) {
            // We have joined ourselves: everybody is new to us.
            true => all.clone(),
            false => new.into_iter().filter_map(server).collect(),
        };
        self.shared.speaker().listeners(now, &all, &new);
    }

    fn compare_links(&mut self, links: &[Link]) {
        for link in links.iter().filter(|link| link.node != self.own) {
            let key = (link.node, link.link);
            if self.links.insert(key, link.connected) != Some(link.connected) {
                self.changed_links.push(key);
            }
        }
    }

    /// New settings, or another configuration of Corosync: who is who, and all is told again.
    fn look_at_settings(&mut self) {
        let Some(wires) = self.wires.upgrade() else {
            return;
        };
        let plan = wires.heartbeats().plan();
        if self.plan.as_ref().is_some_and(|it| Arc::ptr_eq(it, &plan)) {
            return;
        }
        let nodes = Nodes::new(&self.known, &plan);
        // Without a connection nothing is known of nodes.
        if nodes != self.nodes && !self.known.is_empty() {
            for fault in nodes.faults(plan.language) {
                note(Level::Warning, fault);
            }
        }
        (self.nodes, self.plan) = (nodes, Some(plan));
        self.scene.repeat(clock::moment());
        self.changed_links = self.links.keys().copied().collect();
    }

    /// Tells all that is to be told, one by one; false when nobody listens any more.
    async fn tell(&mut self, inbox: &Inbox) -> bool {
        loop {
            let Ok(room) = inbox.reserve().await else {
                return false;
            };
            match self.next() {
                Some(event) => room.send(event),
                None => return true,
            }
        }
    }

    fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.blind_is_news)
            && let Some(why) = self.blind
        {
            return Some(Event::Ring(Ring::Blind(why)));
        }
        self.look_at_settings();
        if self.shared.hangs.load(Ordering::Relaxed) {
            return None;
        }
        while let Some(notice) = self.notices.pop_front() {
            let (from, bytes) = match notice {
                Notice::Message { from, bytes } => (from, bytes),
                piece => {
                    self.piece(piece);
                    continue;
                }
            };
            // What was said before a change comes before its view, and what was said after it after it: nobody is
            // missed who has taken his leave, or heard and missed at once.
            if let Some(view) = self.view() {
                self.notices.push_front(Notice::Message { from, bytes });
                return Some(view);
            }
            if self.held.len() >= HELD_MAX {
                self.held.pop_front();
            }
            self.held.push_back((from, bytes));
            if let Some(event) = self.held_word() {
                return Some(event);
            }
        }
        if let Some(event) = self.view().or_else(|| self.held_word()) {
            return Some(event);
        }
        let (nodes, own) = (&self.nodes, self.own);
        while let Some((node, link)) = self.changed_links.pop() {
            let server = nodes.server(node).filter(|_| node != own);
            if let (Some(server), Some(path)) = (server, nodes.path(node, link)) {
                let up = self.links.get(&(node, link)).copied().unwrap_or(false);
                return Some(Event::Ring(Ring::Link { server, path, up }));
            }
        }
        None
    }

    fn view(&mut self) -> Option<Event> {
        let (now, nodes) = (clock::moment(), &self.nodes);
        let view = self
            .scene
            .view(now, self.detects_in, |node| nodes.server(node))?;
        Some(Event::Ring(Ring::View(view)))
    }

    /// The next message, unless it belongs to a ring whose view is not complete.
    fn held_word(&mut self) -> Option<Event> {
        while self.scene.due().is_none()
            && let Some((from, frame)) = self.held.pop_front()
        {
            if let Some(event) = self.message(from, &frame) {
                return Some(event);
            }
        }
        None
    }

    /// A frame of another server's alert service, if it proves to be one.
    fn message(&mut self, from: Member, frame: &[u8]) -> Option<Event> {
        let server = self
            .nodes
            .server(from.node)
            .filter(|_| from.node != self.own)?;
        let heard = self.wires.upgrade()?.said_in_group(server, frame)?;
        self.scene.prove(clock::moment(), from);
        Some(Event::Heard(heard))
    }
}

fn span(length: Duration) -> Span {
    Span(u64::try_from(length.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An attempt to connect may hang for a while and then fail as the one before it.
    ///
    /// Rule: N3
    #[test]
    fn after_a_hang_the_reason_for_being_blind_is_told_again() {
        let mut teller = Teller::new(Weak::new(), Arc::default());
        let refused = Some(Event::Ring(Ring::Blind(Blindness::Refused)));
        for told in [refused.clone(), None] {
            teller.take(Told::Lost(Blindness::Refused, "code 11".into()));
            assert_eq!(teller.next(), told);
        }
        teller.repeat();
        teller.take(Told::Lost(Blindness::Refused, "code 11".into()));
        assert_eq!(teller.next(), refused);
        assert_eq!(teller.next(), None);
    }
}
