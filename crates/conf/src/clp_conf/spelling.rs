//! Slips of the pen in the real product's part of the file.
//!
//! Below `/root/noroshi` an unknown element is an error. Elsewhere it may be another release's, so it
//! is passed over, unless its name is next to one that we read: `<adress>` would silently lose every
//! mail. Then it is a warning, and the file is still taken.

use crate::finding::Findings;
use crate::names::nearest;
use crate::problem::Problem;
use crate::tree::Node;

/// One element whose children we read: its path below `/root`, where `*` stands for any name; the
/// names that we read there; the real product's other names there, of which none is a slip.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Every element of the real product's that we read something of. A setting that is newly read is
/// added here.
const KNOWN: [Row; 17] = [
    (
        "",
        &[
            "all",
            "cluster",
            "server",
            "heartbeat",
            "messages",
            "webalert",
            "noroshi",
        ],
        &[
            "alertservice",
            "dummyconf",
            "group",
            "haltp",
            "monitor",
            "networkpartition",
            "pm",
            "rc",
            "relation",
            "resource",
            "rm",
            "rstd",
            "trekking",
            "userw",
            "webmgr",
        ],
    ),
    ("/all", &["charset"], &["encode", "serveros"]),
    (
        "/cluster",
        &["name", "mail", "dn1000s", "heartbeat", "messages", "syslog"],
        &[
            "cialert",
            "comment",
            "networkpartition",
            "rsctimeout",
            "survive",
            "trap",
            "uuid",
        ],
    ),
    (
        "/cluster/mail",
        &["address", "subject", "sendtype", "smtp"],
        &[],
    ),
    (
        "/cluster/mail/smtp",
        &["charset", "timeout", "smtpsrv"],
        &["subencode"],
    ),
    (
        "/cluster/mail/smtp/smtpsrv",
        &[
            "priority",
            "srvname",
            "port",
            "senderaddress",
            "auth",
            "authmethod",
            "username",
            "passwd",
        ],
        &[],
    ),
    ("/cluster/dn1000s", &["use"], &[]),
    ("/cluster/heartbeat", &["timeout", "interval"], &[]),
    ("/cluster/messages", &["use"], &[]),
    ("/cluster/syslog", &["format"], &[]),
    ("/cluster/syslog/format", &["level"], &[]),
    (
        "/server",
        &["priority", "device"],
        &["comment", "hba", "survive"],
    ),
    (
        "/server/device",
        &["type", "info"],
        &[
            "disk", "error", "extend", "mdc", "normal", "password", "rsh", "rshpath", "user",
        ],
    ),
    (
        "/heartbeat",
        &["lankhb", "lanhb"],
        &["bmchb", "comhb", "diskhb", "types", "witnesshb"],
    ),
    ("/heartbeat/*", &["priority", "device"], &["comment"]),
    ("/webalert", &["main"], &["daemon", "use"]),
    (
        "/messages/*",
        &[
            "syslog",
            "alert",
            "mail",
            "trap",
            "alertexec",
            "altexec",
            "pubsub",
        ],
        &["cmd"],
    ),
];

/// Warns of each element that we do not know and whose name is next to one that we read. Its text is
/// not shown: it may be a password under a misspelt name.
pub(super) fn check(root: Node<'_>, findings: &mut Findings) {
    check_children(root, "", findings);
}

fn check_children(parent: Node<'_>, path: &str, findings: &mut Findings) {
    let Some((_, read, others)) = KNOWN.iter().find(|(known, ..)| fits(known, path)) else {
        return;
    };
    for node in parent.children() {
        let name = node.name();
        if read.contains(&name) {
            check_children(node, &format!("{path}/{name}"), findings);
        } else if path == "/messages" || others.contains(&name) {
            // A module's name, or no business of ours.
        } else if let Some(nearest) = nearest(name, read.iter().copied()) {
            findings.warn_in(node, "", Problem::NearMiss { nearest });
        }
    }
    if path.is_empty() {
        for messages in parent.all("messages") {
            for module in messages.children().filter(|node| node.name() != "types") {
                check_children(module, "/messages/*", findings);
            }
        }
    }
}

/// Whether a row's path stands for `path`.
fn fits(known: &str, path: &str) -> bool {
    known == path
        || known
            .strip_suffix('*')
            .zip(path.rsplit_once('/'))
            .is_some_and(|(known, (above, _))| known.strip_suffix('/') == Some(above))
}
