//! What is remembered of groups over a restart of this service: on disk here, and with the servers that watched.

use super::Pacemaker;
use crate::action::{Action, Item};
use crate::alert::AlertId;
use crate::config::ServerId;
use crate::node::Node;
use crate::pacemaker::{Calls, GroupMemory, Watch};
use crate::peer::PeerMessage;
use crate::time::{Now, Span};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

/// A fencing that has failed for longer than this may be told once more after a restart.
const UNFENCED_MAX: Span = Span::from_secs(24 * 3_600);
/// Groups in one message to another server.
const TOLD_MAX: usize = 64;

impl Node {
    /// Watches Pacemaker from here on, with what an earlier run of this service remembered.
    pub(super) fn begin_to_watch(&mut self, now: Now) {
        let mut watch = Watch::new(now.at, &self.own_name());
        let mut threads = BTreeMap::new();
        let mut kept = BTreeMap::new();
        let memories = core::mem::take(&mut self.group_memories);
        for memory in &memories {
            if let Some(thread) = &memory.thread {
                threads.insert(memory.group.clone(), thread.clone());
            }
            kept.insert(memory.group.clone(), memory.clone());
        }
        watch.learn(now.at, memories);
        let unfenced = core::mem::take(&mut self.unfenced_before);
        let young = unfenced.iter();
        let young = young.filter(|(_, told)| now.wall.since(*told) <= UNFENCED_MAX);
        watch.told_unfenced(now.at, young.map(|(name, _)| name.as_str()));
        self.pacemaker = Some(Box::new(Pacemaker {
            watch,
            threads,
            threads_of_others: BTreeSet::new(),
            told_batch: None,
            decided: Vec::new(),
            quorum_mailed: false,
            kept,
            stale: false,
            stopped: false,
            blind_unmailed: false,
            calls: Calls::since(now),
            names_logged: Vec::new(),
        }));
    }

    /// Puts on disk what has changed of groups.
    pub(super) fn keep_groups(&mut self) {
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        // Until the first picture it is as it was.
        let waits = pacemaker.watch.picture().is_none();
        if waits || !core::mem::take(&mut pacemaker.stale) {
            return;
        }
        let (watch, threads) = (&pacemaker.watch, &mut pacemaker.threads);
        pacemaker.threads_of_others.retain(|group| {
            let lasts = watch.fails_to_start(group) || watch.is_down(group);
            if !lasts {
                threads.remove(group);
            }
            lasts
        });
        let memories = remembered(pacemaker);
        let old = core::mem::take(&mut pacemaker.kept);
        let gone = old.keys().filter(|group| !memories.contains_key(*group));
        self.items.extend(gone.map(|group| {
            Item::Group(GroupMemory {
                group: group.clone(),
                ..GroupMemory::default()
            })
        }));
        let news = memories
            .iter()
            .filter(|(group, memory)| old.get(*group) != Some(memory));
        self.items
            .extend(news.map(|(_, memory)| Item::Group(memory.clone())));
        pacemaker.kept = memories;
    }

    /// A server that has a link to us anew may not have watched.
    pub(in crate::node) fn tell_groups_to(&self, server: ServerId, out: &mut Vec<Action>) {
        let Some(pacemaker) = &self.pacemaker else {
            return;
        };
        let all: Vec<GroupMemory> = remembered(pacemaker).into_values().collect();
        out.extend(all.chunks(TOLD_MAX).map(|groups| {
            let message = PeerMessage::Groups {
                groups: groups.to_vec(),
            };
            Action::Tell(server, Box::new(message))
        }));
    }

    /// What another server has watched, for groups that nothing is known of here; or it asks what we have. Only a
    /// server that takes part itself knows more than one that has just joined.
    pub(in crate::node) fn learn_groups(
        &mut self,
        now: Now,
        from: ServerId,
        groups: Vec<GroupMemory>,
        out: &mut Vec<Action>,
    ) {
        let Some(pacemaker) = &mut self.pacemaker else {
            return;
        };
        if groups.is_empty() {
            if pacemaker.watch.picture().is_some() {
                self.tell_groups_to(from, out);
            }
            return;
        }
        for memory in groups.iter().take(TOLD_MAX) {
            if let Some(thread) = &memory.thread
                && pacemaker.threads.len() < super::THREADS_MAX
            {
                let of_group = pacemaker.threads.entry(memory.group.clone());
                of_group.or_insert_with(|| thread.clone());
            }
        }
        let threads = groups.iter().filter_map(|memory| {
            let thread = memory.thread.clone()?;
            Some((memory.group.clone(), thread))
        });
        let threads: BTreeMap<String, AlertId> = threads.take(TOLD_MAX).collect();
        for group in pacemaker.watch.learn(now.at, groups) {
            // The end belongs to what was told, whatever is remembered here of an earlier trouble.
            if let (Some(of_group), Some(thread)) =
                (pacemaker.threads.get_mut(&group), threads.get(&group))
            {
                of_group.clone_from(thread);
            }
        }
        pacemaker.stale = true;
    }
}

/// What is to be remembered, by group.
fn remembered(pacemaker: &Pacemaker) -> BTreeMap<String, GroupMemory> {
    let memories = pacemaker.watch.memories().into_iter().map(|memory| {
        let thread = pacemaker.threads.get(&memory.group).cloned();
        (memory.group.clone(), GroupMemory { thread, ..memory })
    });
    memories.collect()
}
