//! Changed alert destinations: `/root/messages/MOD@EVENT`, in force with
//! `/root/cluster/messages/use` (rule M11).

use super::take::digits;
use crate::finding::Findings;
use crate::problem::Problem;
use crate::tree::Node;
use noroshi_core::alert::{DestinationChange, MessageId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub(super) fn destinations(
    root: Node<'_>,
    findings: &mut Findings,
) -> Vec<(MessageId, DestinationChange)> {
    let in_force = findings.flag(root, "cluster/messages/use").unwrap_or(false);
    let Some(messages) = findings.at(root, "messages") else {
        return Vec::new();
    };
    let entries = messages.children().filter(|node| node.name() != "types");
    if !in_force {
        if entries.count() > 0 {
            findings.warn_in(messages, "", Problem::MessagesOff);
        }
        return Vec::new();
    }
    let mut lines: HashMap<(&str, u32), u32> = HashMap::new();
    let mut changes = Vec::new();
    for node in entries {
        let Some(event) = event_of(node, findings) else {
            continue;
        };
        match lines.entry((node.name(), event)) {
            Entry::Occupied(first) => {
                findings.error_silent(node, Problem::Repeated { line: *first.get() });
            }
            Entry::Vacant(place) => {
                place.insert(node.line());
                let id = MessageId {
                    module: node.name().to_string(),
                    event,
                };
                changes.push((id, change(node, findings)));
            }
        }
    }
    changes
}

fn event_of(node: Node<'_>, findings: &mut Findings) -> Option<u32> {
    let Some(key) = node.key() else {
        findings.error_silent(node, Problem::KeyMissing);
        return None;
    };
    let event = digits(key).and_then(|event| u32::try_from(event).ok());
    if event.is_none() {
        findings.error_in(node, key, Problem::EventBad);
    }
    event
}

/// The alert extension's command is called `alertexec` by the newer of the real product's two
/// tools and `altexec` by the older one; no saved file is public. Both are taken.
fn change(node: Node<'_>, findings: &mut Findings) -> DestinationChange {
    let newer = findings.flag(node, "alertexec");
    let older = findings.flag(node, "altexec");
    DestinationChange {
        alert: findings.flag(node, "alert"),
        syslog: findings.flag(node, "syslog"),
        mail: findings.flag(node, "mail"),
        trap: findings.flag(node, "trap"),
        command: newer.or(older),
    }
}
