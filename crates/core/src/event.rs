//! Everything that can happen: the one way in.

use crate::alert::{Acknowledgement, Alert, AlertId, SessionId};
use crate::config::{Config, InterconnectId, LampId, ServerId};
use crate::lamp::{Glow, LampResult, OrderNumber, Stamp};
use crate::licence::{Memory, Registered};
use crate::membership::ring::Ring;
use crate::notice::{NoticeKey, NoticeRecord, Outcome};
use crate::pacemaker::{GroupMemory, Picture, Report};
use crate::peer::PeerMessage;
use crate::request::{Request, RequestId};
use crate::set::{SetLabel, SetTrouble};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Everything that can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The daemon is up; what the store had kept is handed over. Comes first, once.
    Start(Box<Recovered>),
    /// A deadline that [`Node::next_deadline`](crate::node::Node::next_deadline) named has come.
    Tick,
    /// An authentic, fresh heartbeat.
    Heard(Heard),
    /// What Corosync tells.
    Ring(Ring),
    /// What a server's host answered to a probe.
    Probed {
        /// The server whose host was asked.
        server: ServerId,
        /// Over which interconnect.
        path: InterconnectId,
        /// What came back.
        answer: HostAnswer,
    },
    /// The link to another server's daemon stands.
    LinkUp(ServerId),
    /// The link to another server's daemon broke.
    LinkDown(ServerId),
    /// The other end of a connection is not the server of this cluster that it should be. Said once
    /// until a link to it stands.
    Refused {
        /// The server that it should be.
        server: String,
        /// What is wrong and what helps, in the settings' language.
        why: String,
    },
    /// A message from another server's daemon.
    Peer(ServerId, Box<PeerMessage>),
    /// Somebody asks for something.
    Request(RequestId, Request),
    /// The store took a batch, or could not.
    Recorded {
        /// Which batch.
        batch: u64,
        /// Whether it is on disk, synced; else why not.
        result: Result<(), String>,
    },
    /// Notices from the backlog on disk.
    Loaded {
        /// The rows, oldest first.
        notices: Vec<StoredNotice>,
        /// There are more.
        more: bool,
    },
    /// Alerts that this server had missed were fetched from another one, and are on disk with notices that
    /// nobody has told yet.
    Fetched,
    /// How notices ended that a server asks about (this one included), from disk. Nothing comes when
    /// the disk cannot be read.
    Found {
        /// Who asks.
        server: ServerId,
        /// What it asked about.
        asked: Vec<NoticeKey>,
        /// What the disk knows of these.
        notices: Vec<NoticeRecord>,
    },
    /// What became of one attempt to send a notice.
    Outcome(NoticeKey, Outcome),
    /// What became of one lamp command.
    Lamp {
        /// Which lamp, by the settings of the moment of the order.
        lamp: LampId,
        /// The order's number.
        number: OrderNumber,
        /// What became of it.
        result: LampResult,
    },
    /// What is registered was read: because somebody asked, because another server's registrations were
    /// joined to it, or with new settings.
    Licences(Box<Licences>),
    /// Pacemaker has reported something, or was looked at.
    Pacemaker(Box<FromPacemaker>),
    /// New settings, already checked; `Err` when the file was faulty.
    Configure {
        /// Where they come from, for people.
        source: String,
        /// The settings, or all that is wrong with them.
        config: Result<Box<Config>, String>,
    },
    /// A set that was to be fetched is on disk here, checked whole; or why not.
    Staged {
        /// Which one.
        label: SetLabel,
        /// Whether it can be taken.
        result: Result<(), SetTrouble>,
    },
    /// The files of a set are in place; `Err` when that failed, and the old ones are.
    Adopted {
        /// Which one.
        label: SetLabel,
        /// Its settings, or what went wrong.
        config: Result<Box<Config>, String>,
    },
}

/// What comes from Pacemaker on this host.
#[derive(Clone, Debug, PartialEq)]
pub enum FromPacemaker {
    /// Its reports are taken here from now on. Without this nothing of it is watched.
    Begins,
    /// A call of the alert agent; it is on disk until [`Action::ForgetReports`](crate::action::Action::ForgetReports).
    Report(Report),
    /// The same, of one that was on disk when this run began to read there: an earlier run may have told of it.
    Waited(Report),
    /// The cluster as it shows it, or why it could not be read.
    Looked(Result<Box<Picture>, String>),
    /// So many reports were lost before they came here.
    Lost(u64),
    /// Why the alert agent's calls do not arrive, as Pacemaker's configuration and this host have it; `None` when
    /// nothing is wrong there.
    Agent(Option<crate::pacemaker::AgentTrouble>),
}

/// An authentic, fresh heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who sent it.
    pub from: ServerId,
    /// Over which interconnect; nothing with Corosync, whose process group is one for all.
    pub path: InterconnectId,
    /// Which run of its daemon.
    pub session: SessionId,
    /// What it is doing.
    pub phase: Phase,
    /// Heartbeats lost on this path since the one before.
    pub missed: u32,
    /// Digest of its settings.
    pub config_digest: u32,
}

/// What a server's daemon says that it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// At work.
    Running,
    /// Leaving cleanly.
    Leaving,
    /// Leaving cleanly because the whole cluster shuts down.
    Shutdown,
}

/// What a host answered to a probe of its daemon's TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAnswer {
    /// The host lives and something holds the port.
    Accepted,
    /// The host lives and says that nothing holds the port.
    Refused,
    /// Nothing came back in time.
    Silent,
}

/// What the store had kept from earlier runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovered {
    /// The oldest unfinished notices, up to the outbox's window.
    pub notices: Vec<StoredNotice>,
    /// There are more unfinished notices on disk.
    pub more: bool,
    /// What each server's part of its lamp was.
    pub latches: Vec<Latch>,
    /// Which servers were up when this one was last at work.
    pub views: Vec<View>,
    /// The latest acknowledgements, for servers that were away.
    pub acknowledgements: Vec<Acknowledgement>,
    /// What is remembered of Pacemaker's groups.
    pub groups: Vec<GroupMemory>,
    /// The latest alerts on disk that are named after their facts.
    pub facts: Vec<AlertId>,
    /// Servers of which the latest word on disk is that they could not be fenced, with when that was told.
    pub unfenced: Vec<(String, crate::time::WallTime)>,
    /// What was wrong with the store when it was opened, if anything.
    pub trouble: Option<StoreTrouble>,
    /// Mails that were not sent for want of a licence since that was last told by mail: by which server,
    /// how many.
    pub unsent_mails: Vec<(String, u32)>,
    /// What is registered; `None` for a build that needs no licence.
    pub licences: Option<Box<Licences>>,
}

/// What is registered on this server, as its daemon read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licences {
    /// The licences, checked.
    pub registered: Registered,
    /// What an earlier run remembered; only the first that can be read counts.
    pub memory: Option<Memory>,
    /// The same registrations as text for the other servers, which check them for themselves; empty
    /// when there is nothing to be told.
    pub register: Arc<str>,
    /// Why it was read.
    pub cause: LicencesRead,
}

/// Why the registrations were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LicencesRead {
    /// At start, or with new settings.
    AtWork,
    /// Somebody changed them and wants to know which servers have them.
    Asked(RequestId),
    /// Those of another server were joined to ours, and are on disk.
    Joined {
        /// Whose.
        from: ServerId,
        /// The number of its message.
        number: u64,
    },
}

/// What was wrong with the store when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreTrouble {
    /// It was damaged; it was moved to this file and a new one begun.
    SetAside(String),
    /// It cannot be used; alerts are kept in memory.
    Unusable(String),
}

/// An unfinished notice from the store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredNotice {
    /// Its row in the store; rises.
    pub row: u64,
    /// The alert.
    pub alert: Arc<Alert>,
    /// The notice.
    pub notice: NoticeRecord,
}

/// One server's part of its lamp, kept over restarts (rule M18).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Latch {
    /// The server's name.
    pub server: String,
    /// Blinks after a fault until somebody puts it out.
    pub red: Glow,
    /// When red was last changed; the later of two copies holds.
    pub red_changed: Stamp,
    /// Lit from the server's normal start to its normal stop.
    pub green: Glow,
    /// When green was last changed, likewise.
    pub green_changed: Stamp,
}

/// What was last known of a server, kept over restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The server's name.
    pub server: String,
    /// The run of its daemon that was last heard.
    pub session: SessionId,
    /// How often that run was judged down and came back all the same.
    pub returns: u32,
    /// It was up, as far as was known.
    pub up: bool,
    /// The alert that told of its fault, if its fault is not over.
    pub fault: Option<crate::alert::AlertId>,
}
