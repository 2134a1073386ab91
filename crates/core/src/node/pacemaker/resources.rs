//! Operations of resources that failed, and their end, in words.

use super::words::capital;
use crate::action::Action;
use crate::alert::Message;
use crate::node::Node;
use crate::node::raise::About;
use crate::pacemaker::Fault;
use crate::time::{Now, Span};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Node {
    pub(super) fn resource_failed(
        &mut self,
        now: Now,
        fault: &Fault,
        about: About,
        out: &mut Vec<Action>,
    ) {
        let message = match fault.task.as_str() {
            "start" | "promote" | "migrate_from" => Message::ResourceStartFailed,
            "stop" | "demote" | "migrate_to" => Message::ResourceStopFailed,
            _ => Message::MonitorFault,
        };
        let thing = match message {
            Message::MonitorFault => self.resource_words(fault),
            _ => capital(&self.resource_words(fault)),
        };
        let arguments = [&*thing, &fault.node, &fault.why];
        let group = fault.group.as_ref().unwrap_or(&fault.resource);
        if fault.quiet {
            // The first failure of this trouble was mailed by the server that saw it, the end will be.
            let about = About {
                unmailed: true,
                thread: self.thread_of(group),
                ..about
            };
            self.raise_at(now, message, &arguments, &fault.node, about, out);
            return;
        }
        let alert = self.raise_at(now, message, &arguments, &fault.node, about, out);
        self.begin_thread(group.clone(), alert);
    }

    pub(super) fn resource_recovered(
        &mut self,
        now: Now,
        fault: &Fault,
        after: Span,
        about: About,
        out: &mut Vec<Action>,
    ) {
        let about = About {
            mail: !fault.quiet,
            thread: Some(Node::fact_id(&fault.fact)),
            ..about
        };
        let group = fault.group.as_deref().unwrap_or(&fault.resource);
        self.end_thread(group);
        let times = fault.times;
        let times = match times {
            0 | 1 => String::new(),
            _ => self.config.language.pick(
                format!(" It had failed {times} times."),
                format!("異常は {times} 回発生しました。"),
            ),
        };
        let (thing, after) = (capital(&self.resource_words(fault)), self.length(after));
        let arguments = [&*thing, &fault.node, &after, &times];
        self.raise_at(
            now,
            Message::MonitorRecovered,
            &arguments,
            &fault.node,
            about,
            out,
        );
    }
}
