//! What commands and console may ask of a running daemon, as values with replies.

use crate::alert::{AlertId, Destinations, MessageId, Severity};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Names one request until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// Something that changes the world. Reading is answered beside the node, from its `Status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// Raise an alert from a script (`clplogcmd`, rule N19).
    Raise {
        /// Module and event id.
        message: MessageId,
        /// Severity.
        severity: Severity,
        /// The words.
        text: String,
        /// Where it goes; `None` takes the message table's ticks.
        destinations: Option<Destinations>,
    },
    /// Put a server's lamp out (`clpdn1000s -h`, rule M18).
    LampOff {
        /// The server's name.
        server: String,
    },
    /// Show every colour on a server's lamp, then what it should show (rule N15).
    LampTest {
        /// The server's name.
        server: String,
    },
    /// Send a test mail to every recipient.
    MailTest,
    /// What is registered on this server was changed (`clplcnsc`): read it and tell the other servers.
    LicencesChanged,
    /// Have all living servers take the set that is staged here, or none (`clpcfctrl --push`, rule N17).
    Push {
        /// Its digest.
        digest: String,
        /// Who asked.
        by: String,
        /// The digest of the set in force that the pushed one was made from, empty when none was: if another one
        /// is in force by now it is [`Reply::Overtaken`]. Without it whatever is in force is replaced.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<String>,
    },
    /// Say that somebody has seen an alert and sees to it (rule N24).
    Acknowledge {
        /// Which alert.
        alert: AlertId,
        /// Who.
        by: String,
        /// In that person's words; may be empty.
        remark: String,
    },
    /// Stop a server cleanly (`clpcl -t`).
    Stop {
        /// The server's name; `None` stops all: cluster shutdown (`clpstdn`).
        server: Option<String>,
        /// Who asked, for the log.
        by: String,
    },
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Reply {
    /// The alert is accepted; on disk, unless `durable` is false.
    Accepted {
        /// Its name.
        alert: AlertId,
        /// It is on disk, synced.
        durable: bool,
        /// It is on another server's disk too, synced; or the cluster has one server only. A release that
        /// does not say so did not wait for it.
        #[serde(default = "unsaid")]
        replicated: bool,
    },
    /// It is done.
    Done,
    /// What is registered here is on the disks of these servers too, or will be.
    LicencesTold {
        /// They have it.
        reached: Vec<String>,
        /// They take it when they return.
        later: Vec<String>,
    },
    /// A set is in force.
    Pushed {
        /// Its number.
        number: u64,
        /// The servers that have it in force.
        servers: Vec<String>,
        /// Those that are away, and take it when they return.
        later: Vec<String>,
        /// Those at work that have agreed and not said in time that it is in force there. They go on trying,
        /// and alert what hinders them.
        silent: Vec<String>,
    },
    /// A push was not done: somebody else's set is in force by now, and the pushed one was not made from it.
    Overtaken {
        /// The number of the set in force.
        number: u64,
        /// For people.
        why: String,
    },
    /// It was not done, and why.
    Refused {
        /// For people.
        why: String,
    },
}

fn unsaid() -> bool {
    true
}
