//! From what Pacemaker does to what people are told; [`crate::pacemaker`] finds the facts.

mod advice;
mod groups;
mod memory;
mod resources;
mod shutdown;
mod state;
mod words;

use super::Node;
use super::raise::About;
use crate::action::Action;
use crate::alert::{AlertId, Message};
use crate::config::{Engine, ServerId};
use crate::event::FromPacemaker;
use crate::pacemaker::{
    A_PERSON, Calls, Fencing, GroupMemory, Kind, News, PacemakerStatus, Report, Watch, What,
};
use crate::peer::PeerMessage;
use crate::status::ServerState;
use crate::time::{Moment, Now, Span};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Groups whose fault's thread is remembered; the end of a further one begins a thread of its own.
const THREADS_MAX: usize = 512;

/// No ring takes longer than this to judge: who was silent for longer had another reason.
const UNHEARD_MAX: Span = Span::from_secs(120);

/// What this server knows of Pacemaker.
#[derive(Clone, Debug)]
pub(super) struct Pacemaker {
    watch: Watch,
    /// By group: the alert that told of its fault.
    threads: BTreeMap<String, AlertId>,
    /// Those of them that another server's report began: nothing else ends them here if the group runs where it was.
    threads_of_others: BTreeSet<String>,
    /// The last batch that holds something of Pacemaker and is not on disk yet.
    told_batch: Option<u64>,
    /// Reports that are decided, by the batch that holds what follows from them.
    decided: Vec<(u64, Vec<String>)>,
    /// The loss of quorum was mailed.
    quorum_mailed: bool,
    /// What is on disk of groups, or on its way there.
    kept: BTreeMap<String, GroupMemory>,
    /// What is to be remembered of groups may have changed.
    stale: bool,
    /// The whole cluster is being stopped by a person, or was.
    stopped: bool,
    /// That Corosync shows nothing was not mailed: it follows from that stop.
    blind_unmailed: bool,
    /// The calls of the alert agent here.
    calls: Calls,
    /// What stands in the log of nodes and servers without each other.
    names_logged: Vec<String>,
}

impl Node {
    pub(super) fn pacemaker_says(&mut self, now: Now, event: FromPacemaker, out: &mut Vec<Action>) {
        if self.pacemaker.is_none() {
            self.begin_to_watch(now);
        }
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        let mut news = Vec::new();
        let waited = matches!(event, FromPacemaker::Waited(_));
        match event {
            FromPacemaker::Begins => {}
            FromPacemaker::Report(report) | FromPacemaker::Waited(report) => {
                pacemaker.calls.came(report.at_us);
                let shared = match &report.kind {
                    Kind::Fencing { .. } => true,
                    Kind::Operation(operation) => operation.failed(),
                    _ => false,
                };
                match waited {
                    true => pacemaker.watch.waited(now, report.clone(), &mut news),
                    false => pacemaker.watch.report(now, report.clone(), &mut news),
                }
                if shared {
                    let report = Some(report);
                    self.tell_all(&PeerMessage::Pacemaker { report }, out);
                }
            }
            FromPacemaker::Looked(result) => {
                let result = result.map(|picture| *picture);
                if let Ok(picture) = &result {
                    self.note_picture(picture, out);
                }
                let Some(pacemaker) = &mut self.pacemaker else {
                    return;
                };
                pacemaker.watch.looked(now, result, &mut news);
                pacemaker.stale = true;
            }
            FromPacemaker::Lost(count) => pacemaker.watch.lost(count, &mut news),
            FromPacemaker::Agent(trouble) => self.note_agent(trouble, out),
        }
        self.tell_pacemaker(now, news, out);
    }

    /// Another server's Pacemaker has reported what ours reports as well, or shows a change.
    pub(super) fn pacemaker_of_peer(
        &mut self,
        now: Now,
        from: ServerId,
        report: Option<Report>,
        out: &mut Vec<Action>,
    ) {
        let by = self.config.server_name(from).to_string();
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        let mut news = Vec::new();
        match report {
            Some(report) => {
                pacemaker.watch.observed(now, &by, &report, &mut news);
                if let Some((group, fact)) = pacemaker.watch.fault_of_peer(&report) {
                    pacemaker.threads_of_others.insert(group.clone());
                    self.begin_thread(group, Some(Node::fact_id(&fact)));
                }
            }
            None => pacemaker.watch.hinted(now.at),
        }
        self.tell_pacemaker(now, news, out);
    }

    pub(super) fn pacemaker_due(&self) -> Option<Moment> {
        let pacemaker = self.pacemaker.as_ref()?;
        Some(pacemaker.watch.next_deadline())
    }

    /// What is due; and reports that are decided with all that follows from them.
    pub(super) fn watch_pacemaker(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        let mut news = Vec::new();
        pacemaker.watch.tick(now, &mut news);
        let decided = pacemaker.watch.decided();
        let (hints, asks) = (pacemaker.watch.hints(), pacemaker.watch.asks());
        if pacemaker.watch.wants_look(now.at) {
            out.push(Action::LookAtPacemaker);
        }
        self.tell_pacemaker(now, news, out);
        self.keep_groups();
        if hints {
            self.tell_all(&PeerMessage::Pacemaker { report: None }, out);
        }
        if asks {
            let groups = Vec::new();
            self.tell_all(&PeerMessage::Groups { groups }, out);
        }
        let Some(pacemaker) = self.pacemaker.as_mut().filter(|_| !decided.is_empty()) else {
            return;
        };
        match pacemaker.told_batch {
            Some(batch) => pacemaker.decided.push((batch, decided)),
            None => out.push(Action::ForgetReports(decided)),
        }
    }

    /// What follows from reports is on disk. If it is not, they are kept, and handed over again at the next start.
    pub(super) fn reports_recorded(&mut self, batch: u64, durable: bool, out: &mut Vec<Action>) {
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        let (done, waiting) = core::mem::take(&mut pacemaker.decided)
            .into_iter()
            .partition(|(of, _)| *of <= batch);
        pacemaker.decided = waiting;
        pacemaker.told_batch = pacemaker.told_batch.filter(|told| *told > batch);
        let done: Vec<(u64, Vec<String>)> = done;
        if durable {
            let keys = done.into_iter().flat_map(|(_, keys)| keys);
            let keys: Vec<String> = keys.collect();
            if !keys.is_empty() {
                out.push(Action::ForgetReports(keys));
            }
        }
    }

    /// The cluster as Pacemaker shows it; `None` where it is not watched.
    pub(super) fn pacemaker_status(&self) -> Option<Box<PacemakerStatus>> {
        let watch = &self.pacemaker.as_ref()?.watch;
        Some(Box::new(PacemakerStatus::of(watch)))
    }

    fn tell_pacemaker(&mut self, now: Now, news: Vec<News>, out: &mut Vec<Action>) {
        let batch = self.batch;
        if let Some(pacemaker) = self.pacemaker.as_mut().filter(|_| !news.is_empty()) {
            pacemaker.told_batch = Some(batch);
        }
        for one in news {
            if let Some(fact) = &one.fact {
                self.recall(fact);
            }
            let about = About {
                fact: one.fact,
                maybe_told: one.late,
                ..About::default()
            };
            match one.what {
                What::Started { group, node, after } => {
                    self.group_started(now, (&group, &node, after), about, out);
                }
                What::Stopped { group, node } => {
                    let arguments = [&*self.group_words(&group), &node];
                    self.raise_at(now, Message::GroupStopped, &arguments, &node, about, out);
                }
                What::Moved(moved) => self.group_moved(now, &moved, about, out),
                what @ (What::Down { .. } | What::Partial { .. } | What::InstanceLost { .. }) => {
                    self.group_lacks(now, what, about, out);
                }
                What::Held { group, node, why } => {
                    self.group_held(now, (group, &node, &why), about, out);
                }
                What::Several { group, nodes } => {
                    let arguments = [&*self.group_words(&group), &nodes.join(", ")];
                    self.raise(now, Message::GroupTwice, &arguments, about, out);
                }
                What::Failed(fault) => self.resource_failed(now, &fault, about, out),
                What::Recovered { fault, after } => {
                    self.resource_recovered(now, &fault, after, about, out);
                }
                What::FencingAsked { node } => {
                    let about = self.in_thread_of(&node, about);
                    self.raise_at(now, Message::FencingAsked, &[&node], &node, about, out);
                }
                What::Fenced(fencing) => self.fenced(now, &fencing, about, out),
                what => self.tell_state(now, what, about, out),
            }
        }
    }

    /// What is in our books was told, by this run or an earlier one, and its notices go on from there.
    fn recall(&mut self, fact: &str) {
        let id = Node::fact_id(fact);
        if self.facts_on_disk.contains(&id) {
            self.is_new_fact(&id);
        }
    }

    fn fenced(&mut self, now: Now, fencing: &Fencing, about: About, out: &mut Vec<Action>) {
        let about = self.in_thread_of(&fencing.node, about);
        let observers = fencing.observers.join(", ");
        let language = self.config.language;
        let (message, words) = match (fencing.done, &fencing.by) {
            (true, Some(by)) if by == A_PERSON => (
                Message::FencingDone,
                language
                    .pick(
                        " by a person, who has confirmed that it is off",
                        "（停止を人が確認）",
                    )
                    .to_string(),
            ),
            (true, Some(by)) => (
                Message::FencingDone,
                language.pick(format!(" by {by}"), format!("（実行: {by}）")),
            ),
            (true, None) => (Message::FencingDone, String::new()),
            (false, _) => (Message::FencingFailed, self.fencing_words(&fencing.result)),
        };
        let arguments = [&*fencing.node, &words, &observers];
        self.raise_at(now, message, &arguments, &fencing.node, about, out);
    }

    /// Raises a message about a node, which is a server if the settings have it.
    fn raise_at(
        &mut self,
        now: Now,
        message: Message,
        arguments: &[&str],
        node: &str,
        about: About,
        out: &mut Vec<Action>,
    ) -> Option<AlertId> {
        let about = About {
            server: self.server_of_node(node),
            ..about
        };
        self.raise(now, message, arguments, about, out)
    }

    fn server_of_node(&self, node: &str) -> Option<ServerId> {
        let mut ids = self.config.server_ids();
        ids.find(|id| self.config.server_name(*id).eq_ignore_ascii_case(node))
    }

    /// The engine has called a server down: where that is Corosync, its Pacemaker is lost with it.
    pub(super) fn lost_by_ring(&mut self, now: Now, server: &str) {
        if let Some(pacemaker) = &mut self.pacemaker
            && self.config.engine == Engine::Corosync
        {
            pacemaker.watch.lost_by_ring(now, server);
        }
    }

    /// What a lost server leads to belongs to its fault.
    fn in_thread_of(&self, node: &str, about: About) -> About {
        let server = self.server_of_node(node);
        let fault = server.and_then(|id| self.faults[usize::from(id.0)].clone());
        About {
            thread: about.thread.or(fault),
            ..about
        }
    }

    pub(super) fn begin_thread(&mut self, group: String, alert: Option<AlertId>) {
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        let threads = &mut pacemaker.threads;
        if let Some(alert) = alert
            && (threads.len() < THREADS_MAX || threads.contains_key(&group))
        {
            threads.insert(group, alert);
            pacemaker.stale = true;
        }
    }

    pub(super) fn thread_of(&self, group: &str) -> Option<AlertId> {
        self.pacemaker.as_ref()?.threads.get(group).cloned()
    }

    fn end_thread(&mut self, group: &str) -> Option<AlertId> {
        let pacemaker = self.pacemaker.as_mut()?;
        pacemaker.stale = true;
        pacemaker.threads.remove(group)
    }

    /// For how long a server that Pacemaker has lost was not heard, if that is a sign of it: membership may judge
    /// later than Pacemaker does. A server whose alert service was gone before says nothing by that.
    fn silence(&self, now: Now, node: &str) -> Option<Span> {
        let server = self.server_of_node(node).filter(|id| *id != self.own)?;
        let peer = self.membership.peer(server);
        let heard = peer.paths.iter().filter_map(|path| path.heard_at).max();
        let silence = now.at.since(heard.max(peer.last_word)?);
        let interval = self.config.heartbeat.interval;
        let fallen = match peer.state {
            ServerState::Down | ServerState::Unseen => true,
            ServerState::Up => silence > interval.times(2),
            _ => false,
        };
        Some(silence).filter(|silence| fallen && *silence <= UNHEARD_MAX)
    }
}
