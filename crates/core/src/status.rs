//! The snapshot that `status`, `clpstat` and the console show.

use crate::config::Engine;
use crate::lamp::Look;
use crate::notice::Channel;
use crate::pacemaker::PacemakerStatus;
use crate::time::WallTime;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The cluster as one server sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The cluster's name.
    pub cluster: String,
    /// The server that tells this.
    pub server: String,
    /// When it told it.
    pub time: WallTime,
    /// What judges who is at work. A release without it leaves it out: it has only the embedded one.
    #[serde(default)]
    pub engine: Engine,
    /// Why this server cannot see the others through its engine, and what helps; `None` while it can.
    #[serde(default)]
    pub blind: Option<String>,
    /// What hinders this service without being any server's fault, each in words with what helps. A release
    /// without it leaves it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<String>,
    /// The servers in server order.
    pub servers: Vec<ServerStatus>,
    /// The server that tells what all see.
    pub on_duty: Option<String>,
    /// Notices not finished yet, as far as they are held in memory.
    pub notices_waiting: u32,
    /// Of them by channel, with why they wait. A release without it leaves it out.
    #[serde(default)]
    pub waiting: Vec<Waiting>,
    /// More notices wait on disk.
    pub backlog: bool,
    /// What is wrong with the alert store, if anything.
    pub store_trouble: Option<String>,
    /// "Use network warning light" is set.
    pub lamps_used: bool,
    /// How it stands with the licences; `None` for a build that needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<LicenceStatus>,
    /// Pacemaker's nodes and groups; `None` where it is not watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacemaker: Option<Box<PacemakerStatus>>,
}

/// How it stands with the licences of a cluster (rule M25).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenceStatus {
    /// The licences of the server that tells this suffice: it sends mails and tells warning lights.
    pub notices: bool,
    /// The number of the message that says why not: 1 to 4.
    pub message: Option<u32>,
    /// That message.
    pub text: Option<String>,
    /// Mails that this server did not send while nobody could, and that were not told yet.
    pub withheld: u32,
    /// Another server that sends in its stead; `None` when its own suffice, or nobody can.
    #[serde(default)]
    pub sent_by: Option<String>,
}

/// The unfinished notices of one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The channel.
    pub channel: Channel,
    /// How many are held in memory.
    pub count: u32,
    /// Why the last of them that was tried did not end; `None` when none has failed yet.
    pub reason: Option<String>,
}

/// One server as another sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Its name.
    pub name: String,
    /// It is the one that tells this.
    pub own: bool,
    /// How it is.
    pub state: ServerState,
    /// When its last heartbeat or message came, by the clock of the server that tells this; `None` for that
    /// server itself, and for one that was not heard since that server's daemon started.
    #[serde(default)]
    pub last_word: Option<WallTime>,
    /// Its interconnects.
    pub paths: Vec<PathStatus>,
    /// Its lamp, if it has one and lamps are used.
    pub lamp: Option<LampStatus>,
    /// Its settings differ from those of the server that tells this.
    pub drift: bool,
    /// The number of its set, as far as known; `None` when none was pushed.
    #[serde(default)]
    pub set: Option<u64>,
}

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerState {
    /// Not heard since this daemon started.
    Unknown,
    /// At work.
    Up,
    /// Its host answers, its alert service does not.
    Stalled,
    /// Stopped normally.
    Left,
    /// Down.
    Down,
    /// Not seen by this side of a network partition.
    Unseen,
}

/// One interconnect to a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStatus {
    /// Its name in clp.conf.
    pub name: String,
    /// What `clpstat` says it is.
    pub comment: String,
    /// Heartbeats come.
    pub normal: bool,
    /// The server has no address on it.
    pub unused: bool,
    /// Milliseconds since the last heartbeat; `None` before the first.
    pub silent_ms: Option<u64>,
    /// Heartbeats lost of the last thousand or so before the last one that came: what is silent loses no more.
    pub loss_permille: u16,
}

/// A lamp as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LampStatus {
    /// Its address.
    pub address: String,
    /// What it should show.
    pub wanted: Look,
    /// What it was last told successfully, by this server; `None` when this server did not tell it.
    pub shown: Option<Look>,
    /// Why it cannot be told, if it cannot.
    pub trouble: Option<String>,
    /// This server is the one that tells it.
    pub told_by_us: bool,
}

/// How far a lamp's wanted look has come, as the server knows that tells this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LampTold {
    /// It was told what it should show, and took it.
    AsWanted,
    /// It cannot be told; [`LampStatus::trouble`] says why.
    Trouble,
    /// It is about to be told, or being told again.
    NotYet,
    /// This server does not tell it; another one may, and knows.
    ByAnother,
}

impl LampStatus {
    /// How far the wanted look has come.
    pub fn told(&self) -> LampTold {
        match (&self.trouble, self.shown) {
            (Some(_), _) => LampTold::Trouble,
            _ if !self.told_by_us => LampTold::ByAnother,
            (None, Some(shown)) if shown == self.wanted => LampTold::AsWanted,
            (None, _) => LampTold::NotYet,
        }
    }
}
