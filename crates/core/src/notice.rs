//! Notices: one alert on its way through one channel to one recipient.
//!
//! A notice is written before it is sent, begun before it leaves, and done only after the
//! receiver's final reply (rule N8). How one is kept alive over failures is in [`outbox`].

pub mod outbox;

use crate::alert::{Alert, AlertId};
use crate::config::MailForm;
use crate::time::WallTime;
use alloc::string::String;
use alloc::sync::Arc;
use serde::{Deserialize, Serialize};

/// A channel that notices leave through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Mail.
    Mail,
    /// The warning light of a server.
    Lamp,
    /// The local syslog daemon.
    Syslog,
}

/// Names one notice in the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NoticeKey {
    /// The alert that is told.
    pub alert: AlertId,
    /// Through which channel.
    pub channel: Channel,
    /// To whom: a mail address, or the name of a server for its lamp or syslog.
    pub recipient: String,
}

/// How far a notice has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeState {
    /// Not begun, or to be tried again.
    Waiting,
    /// Begun: from here on the receiver may have it.
    Begun,
    /// The receiver took it.
    Delivered,
    /// The receiver refused it for good.
    Refused,
    /// Tried until its time was over.
    GivenUp,
    /// Overtaken by events, such as a lamp that has since been told something else.
    Dropped,
}

impl NoticeState {
    /// Nothing more will happen to it.
    pub fn is_final(self) -> bool {
        !matches!(self, NoticeState::Waiting | NoticeState::Begun)
    }
}

/// How the notices of one alert stand, taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// One is still to be sent, or being sent.
    Waiting,
    /// One did not reach its receiver: it waits, was refused or was given up.
    Undelivered,
    /// There are notices, and each reached its receiver or was overtaken.
    Delivered,
}

impl Delivery {
    /// Whether an alert with notices in these states stands so.
    pub fn holds(self, mut states: impl Iterator<Item = NoticeState> + Clone) -> bool {
        let reached = |state| matches!(state, NoticeState::Delivered | NoticeState::Dropped);
        match self {
            Delivery::Waiting => states.any(|state| !state.is_final()),
            Delivery::Undelivered => states.any(|state| !reached(state)),
            Delivery::Delivered => states.clone().next().is_some() && states.all(reached),
        }
    }
}

/// A notice as it is kept on disk and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRecord {
    /// Its name.
    pub key: NoticeKey,
    /// Form of a mail; `Long` for other channels.
    pub form: MailForm,
    /// How far it has come.
    pub state: NoticeState,
    /// Attempts so far.
    pub attempts: u32,
    /// An earlier attempt may have reached the receiver unknown to us.
    pub possible_repeat: bool,
    /// The server that sent it or is to send it.
    pub sender: String,
    /// The receiver's last reply, or why it could not be asked.
    pub reason: String,
    /// When it was last changed.
    pub changed: WallTime,
}

/// How the reason of a mail begins that was not sent for want of a valid licence, in English and in
/// Japanese. The store counts such mails by it: do not edit.
pub const UNSENT_WHY: [&str; 2] = [
    "not sent: there is no valid licence.",
    "有効なライセンスがないため送信していません。",
];

impl NoticeRecord {
    /// Whether it is a mail that was not sent for want of a valid licence.
    pub fn is_unsent(&self) -> bool {
        let why = UNSENT_WHY.iter().any(|why| self.reason.starts_with(why));
        self.key.channel == Channel::Mail && self.state == NoticeState::Dropped && why
    }

    /// Whether a server called `own` that holds this can testify that the receiver has it, or may.
    pub fn is_testimony(&self, own: &str) -> bool {
        let maybe = self.state == NoticeState::Begun || self.possible_repeat;
        self.state.is_final() || (maybe && self.sender == own)
    }
}

/// What a channel is asked to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Which notice.
    pub key: NoticeKey,
    /// The alert to be told.
    pub alert: Arc<Alert>,
    /// Form of a mail.
    pub form: MailForm,
    /// The copy must say that it may be a repeat.
    pub possible_repeat: bool,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The store could not take it first; the copy says so.
    pub unrecorded: bool,
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver's final reply says that it has it.
    Delivered {
        /// The reply.
        reply: String,
    },
    /// Try again later.
    Retry {
        /// Why.
        cause: String,
        /// The receiver may have taken it all the same (the reply to the message's end is missing).
        maybe_taken: bool,
    },
    /// The receiver will never take it.
    Refused {
        /// Its reply.
        cause: String,
    },
}
