//! Messages between the daemons of one cluster, over their authenticated links.
//!
//! A link may break at any time, and what was under way is lost with it; so each message repeats
//! facts and none depends on an earlier one. A receiver that knows a fact already ignores it.

use crate::alert::{Acknowledgement, Alert, AlertId, SessionId};
use crate::event::Latch;
use crate::lamp::Stamp;
use crate::notice::{NoticeKey, NoticeRecord};
use crate::pacemaker::{GroupMemory, Report};
use crate::set::SetLabel;
use crate::time::WallTime;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A person put a server's lamp out (rule M18). It holds against news of the same fault and of the same
/// return that arrive only later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutOut {
    /// The server whose lamp it is.
    pub server: String,
    /// The fault that was told of it then, if one was.
    pub fault: Option<AlertId>,
    /// The run of its daemon that was known then.
    pub run: Option<SessionId>,
    /// When.
    pub at: Stamp,
}

/// A message between two daemons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum PeerMessage {
    /// An alert that the sender accepted, with its notices as they stand.
    Alert {
        /// The alert.
        alert: Alert,
        /// Its notices.
        notices: Vec<NoticeRecord>,
        /// It is not new: the receiver may have known and told it long ago.
        #[serde(default)]
        repeated: bool,
        /// Somebody waits to hear that it is on a second disk: answered by `Kept`.
        #[serde(default, skip_serializing_if = "is_false")]
        confirm: bool,
    },
    /// These alerts, which the receiver told with `confirm`, are on the sender's disk, synced.
    Kept {
        /// The alerts.
        alerts: Vec<AlertId>,
    },
    /// A notice moved on at the sender.
    Mark {
        /// The notice as it stands now.
        notice: NoticeRecord,
    },
    /// The sender's knowledge of lamps; the later of two copies holds.
    Latches {
        /// One for each server that it knows something of.
        latches: Vec<Latch>,
        /// Which lamps were put out by a person lately, and what was known then.
        #[serde(default)]
        put_out: Vec<PutOut>,
        /// What the cluster's clock shows at the sender.
        #[serde(default)]
        clock: Stamp,
    },
    /// How often the sender saw the present run of each server come back after it was judged down,
    /// so that all name a server's next fault alike.
    Returns {
        /// Server name, its run, how often.
        returns: Vec<(String, SessionId, u32)>,
    },
    /// How did these notices end? Answered by marks, as far as the receiver remembers, and then by
    /// `Answered`.
    Ask {
        /// The notices.
        notices: Vec<NoticeKey>,
    },
    /// The marks before this one are all that the sender knows of these notices, on disk too. A
    /// receiver that does not understand it waits a moment longer instead.
    Answered {
        /// The notices, of those that were asked about.
        notices: Vec<NoticeKey>,
    },
    /// What is registered on the sender (rule M21): the receiver joins it to its own.
    Licences {
        /// The registrations and what was removed, with their signatures, as text.
        register: String,
        /// Rises with each such message of the sender's run.
        number: u64,
    },
    /// The sender has joined our registrations to its own, and they are on its disk.
    LicencesTaken {
        /// The number of our message.
        number: u64,
    },
    /// Whether the sender may send notices (rule M25), at each link and each change.
    Barred {
        /// It may not, for want of a valid licence: its turn is the next server's.
        barred: bool,
        /// Mails that it did not send while nobody could, and that were not told yet.
        unsent: u32,
    },
    /// These alerts were acknowledged.
    Acknowledged {
        /// Each alert's.
        acknowledgements: Vec<Acknowledgement>,
    },
    /// The sender leaves cleanly.
    Leaving {
        /// The whole cluster shuts down.
        cluster: bool,
    },
    /// Stop cleanly.
    Stop {
        /// Who asked, for the log.
        by: String,
        /// The whole cluster shuts down.
        cluster: bool,
    },
    /// Take this set? Answered by `SetVote` when it was fetched and checked.
    SetOffer {
        /// Which one.
        label: SetLabel,
    },
    /// The sender can take the set with this digest, or says why not.
    SetVote {
        /// Which one.
        digest: String,
        /// Why not, for people.
        refusal: Option<String>,
    },
    /// A set that was offered is not taken by anybody.
    SetDropped {
        /// Which one.
        digest: String,
    },
    /// All have agreed: take this set.
    SetCommit {
        /// Which one.
        label: SetLabel,
    },
    /// The sender has this set in force.
    SetInForce {
        /// Which one.
        label: SetLabel,
    },
    /// Send a piece of a set. Carried by the daemon, beside the decisions.
    SetWant {
        /// Which one.
        digest: String,
        /// From which byte on.
        offset: u64,
    },
    /// A piece of a set.
    SetPiece {
        /// Of which one.
        digest: String,
        /// Where it begins, in bytes.
        offset: u64,
        /// Length of the whole set, in bytes; zero: the sender does not have it.
        total: u64,
        /// The bytes, in Base64.
        data: String,
    },
    /// The sender's Pacemaker has changed: look at yours. With it a report that many servers receive, such as of
    /// a fencing, so that one of them can name all that saw it.
    Pacemaker {
        /// The report.
        #[serde(default)]
        report: Option<Report>,
    },
    /// What the sender has watched of Pacemaker's groups, for a receiver that has not.
    Groups {
        /// At most 64 of them; with none the sender asks for what the receiver has watched.
        groups: Vec<GroupMemory>,
    },
    /// Which alerts stand in the receiver's log behind this row? Answered by `LogNames`. This and the
    /// other three are carried by the daemon, beside the decisions.
    LogAsk {
        /// Names the question; the answer bears it.
        number: u64,
        /// Which log the row is of; any other is listed from its beginning.
        log: String,
        /// The last row that the sender has dealt with.
        after: u64,
    },
    /// The names of alerts in the sender's log, oldest first.
    LogNames {
        /// The question's number.
        number: u64,
        /// The sender's log. A new one bears another name.
        log: String,
        /// Each alert's name and time.
        alerts: Vec<(AlertId, WallTime)>,
        /// The row to go on from.
        next: u64,
        /// There are more.
        more: bool,
    },
    /// Send these alerts. Answered by `LogAlerts`.
    LogWant {
        /// Names the question; the answer bears it.
        number: u64,
        /// The alerts.
        alerts: Vec<AlertId>,
    },
    /// Alerts of the sender's log.
    LogAlerts {
        /// The question's number.
        number: u64,
        /// How many of those asked for, from the first on, this deals with: what is kept of them follows.
        dealt: u32,
        /// Those that the sender still has.
        alerts: Vec<LoggedAlert>,
    },
    /// From a newer release; ignored.
    #[serde(other)]
    Unknown,
}

/// An alert as it stands in a server's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedAlert {
    /// The alert.
    pub alert: Alert,
    /// Its notices that concern the whole cluster.
    pub notices: Vec<NoticeRecord>,
    /// Who sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledgement: Option<Acknowledgement>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(value: &bool) -> bool {
    !*value
}
