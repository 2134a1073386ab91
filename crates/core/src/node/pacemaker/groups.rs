//! Groups and clones in words: started, moved, failed over, and what runs nowhere or not where it should.

use crate::action::Action;
use crate::alert::{AlertId, Message};
use crate::node::Node;
use crate::node::raise::About;
use crate::pacemaker::{Absence, GroupMemory, Move, Unfenced, What, Why};
use crate::peer::PeerMessage;
use crate::time::Now;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Node {
    pub(super) fn group_started(
        &mut self,
        now: Now,
        (group, node, after): (&str, &str, Option<Absence>),
        about: About,
        out: &mut Vec<Action>,
    ) {
        let language = self.config.language;
        let again = after.map_or_else(String::new, |after| {
            let after = self.absence_words(Some(after));
            language.pick(
                format!(" It was away for {after}."),
                format!("停止していた時間は {after} です。"),
            )
        });
        let about = About {
            // It ends a fault that was mailed (rule N11).
            mail: after.is_some(),
            thread: self.end_thread(group),
            ..about
        };
        let arguments = [&*self.group_words(group), node, &again];
        self.raise_at(now, Message::GroupStarted, &arguments, node, about, out);
    }

    pub(super) fn group_moved(
        &mut self,
        now: Now,
        moved: &Move,
        about: About,
        out: &mut Vec<Action>,
    ) {
        let group = match moved.role_of {
            Some(sort) => self.active_side_words(&moved.group, sort),
            None => self.group_words(&moved.group),
        };
        let lost = matches!(moved.why, Why::Lost { .. });
        // The group was away from when its server was last heard; Pacemaker says so only when the ring has judged.
        let unheard = self.silence(now, &moved.from).filter(|_| lost);
        let away = moved.away.map(|away| match unheard {
            Some(silence) if silence > away.span => Absence {
                span: silence,
                ..away
            },
            _ => away,
        });
        let away = self.absence_words(away);
        let why = self.why_words(&moved.why, &moved.from);
        let mut about = self.in_thread_of(&moved.from, about);
        if let Some(thread) = self.end_thread(&moved.group) {
            about.thread.get_or_insert(thread);
        }
        // Nobody watched: it may have been a fault that nobody has told.
        about.mail |= moved.was_down || moved.why == Why::Unseen;
        let (from, to) = (&*moved.from, &*moved.to);
        let (message, arguments) = match moved.why {
            Why::Lost { .. } | Why::Failed { .. } => (
                Message::GroupFailedOver,
                Vec::from([&*group, from, to, &why, &away]),
            ),
            Why::Preferred => (
                Message::GroupFailedBack,
                Vec::from([&*group, from, to, &away]),
            ),
            Why::Left | Why::Standby | Why::Person { .. } | Why::Unseen => (
                Message::GroupMoved,
                Vec::from([&*group, from, to, &why, &away]),
            ),
        };
        self.raise_at(now, message, &arguments, from, about, out);
    }

    /// A group or an instance does not run where it should.
    pub(super) fn group_lacks(
        &mut self,
        now: Now,
        what: What,
        about: About,
        out: &mut Vec<Action>,
    ) {
        let fact = about.fact.as_deref().map(Node::fact_id);
        let (group, alert) = match what {
            What::Down {
                group,
                node,
                failures,
            } => {
                let last = self.last_place_words(node.as_deref());
                let failures = self.failures_words(&failures);
                let arguments = [&*self.group_words(&group), &last, &failures];
                let node = node.unwrap_or_default();
                let about = About {
                    thread: self.thread_of(&group),
                    ..about
                };
                let alert = self.raise_at(now, Message::GroupDown, &arguments, &node, about, out);
                (group, alert)
            }
            What::Partial {
                group,
                node,
                idle,
                failures,
            } => {
                let failures = self.failures_words(&failures);
                let idle = idle.join(", ");
                let arguments = [&*self.group_words(&group), &node, &idle, &failures];
                let about = About {
                    thread: self.thread_of(&group),
                    ..about
                };
                let message = Message::GroupPartial;
                let alert = self.raise_at(now, message, &arguments, &node, about, out);
                (group, alert)
            }
            What::InstanceLost {
                group,
                node,
                on,
                failures,
                quiet,
            } => {
                let failures = self.failures_words(&failures);
                let on = on.join(", ");
                let arguments = [&*self.group_words(&group), &node, &on, &failures];
                let about = About {
                    unmailed: quiet,
                    thread: self.thread_of(&group),
                    ..about
                };
                let message = Message::InstanceLost;
                let alert = self.raise_at(now, message, &arguments, &node, about, out);
                (group, alert)
            }
            _ => return,
        };
        self.begin_thread_of_all(group, alert, fact, out);
    }

    pub(super) fn group_held(
        &mut self,
        now: Now,
        (group, node, why): (String, &str, &Unfenced),
        about: About,
        out: &mut Vec<Action>,
    ) {
        let fact = about.fact.as_deref().map(Node::fact_id);
        let why = self.unfenced_words(why);
        let arguments = [&*self.group_words(&group), node, &why];
        let about = self.in_thread_of(node, about);
        let alert = self.raise_at(now, Message::GroupHeld, &arguments, node, about, out);
        self.begin_thread_of_all(group, alert, fact, out);
    }

    /// Whoever tells the end names the same begin, though another server has told that; if it is not over by now.
    /// The others hear under which name it is told, should they have named it otherwise.
    fn begin_thread_of_all(
        &mut self,
        group: String,
        told: Option<AlertId>,
        fact: Option<AlertId>,
        out: &mut Vec<Action>,
    ) {
        let pacemaker = self.pacemaker.as_ref();
        let lasts = pacemaker.is_some_and(|pacemaker| pacemaker.watch.is_down(&group));
        if self.thread_of(&group).is_none() {
            self.begin_thread(
                group.clone(),
                told.clone().or(fact.clone().filter(|_| lasts)),
            );
        }
        let thread = self.thread_of(&group);
        let (Some(pacemaker), Some(name)) = (&mut self.pacemaker, told.clone().or(fact)) else {
            return;
        };
        pacemaker.stale = true;
        if let Some(memory) = pacemaker.watch.told_as(&group, &name)
            && told.is_some()
        {
            let groups = Vec::from([GroupMemory { thread, ..memory }]);
            self.tell_all(&PeerMessage::Groups { groups }, out);
        }
    }
}
