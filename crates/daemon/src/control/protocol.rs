//! The lines of the command socket as types.
//!
//! Times are milliseconds since 1970-01-01 UTC. New members may be added to answers; a reader
//! ignores what it does not know. A call that the daemon does not know is answered with an error.

use super::source::AlertRow;
use crate::collect::Scope;
use noroshi_core::alert::{AlertId, Severity};
use noroshi_core::notice::{Channel, NoticeRecord, NoticeState};
use noroshi_core::request::{Reply, Request};
use noroshi_core::status::Status;
use noroshi_core::time::WallTime;
use serde::{Deserialize, Serialize};

/// One line to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
pub enum Call {
    /// Are you there? Answered by [`Answer::End`].
    Ping,
    /// How things are; answered by [`Answer::Status`].
    Status,
    /// Change something; answered by [`Answer::Reply`].
    Change {
        /// What.
        request: Request,
        /// For whom, where the caller acts for somebody: a user of the console and the address. It stands
        /// in the audit trail beside the caller's own number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Write into the audit trail what was done beside the daemon: a sign-in, a licence. Answered by
    /// [`Answer::End`].
    Audit {
        /// Who did it.
        by: String,
        /// What.
        what: String,
        /// What became of it.
        result: String,
    },
    /// The next piece of a packed set; at most 45 kB before Base64. Each is answered by [`Answer::End`],
    /// the last, when the set was checked and staged, by [`Answer::Staged`] or a refusal.
    StageSet {
        /// The bytes, in Base64.
        data: String,
        /// More pieces follow.
        #[serde(default)]
        more: bool,
    },
    /// List alerts: the last `limit` ones that fit, oldest first, each an [`Answer::Alert`], then
    /// [`Answer::End`].
    Alerts {
        /// How many at most.
        limit: u32,
        /// Go on after the end with each new one, until the caller closes or says anything.
        #[serde(default)]
        follow: bool,
        /// Which ones.
        #[serde(default)]
        only: AlertFilter,
    },
    /// Collect the logs of another server: pieces of its archive, each an [`Answer::Logs`], then
    /// [`Answer::End`].
    Logs {
        /// The other server.
        server: String,
        /// How much.
        scope: Scope,
    },
    /// How much the parts write into the log; answered by [`Answer::LogLevels`].
    LogLevels {
        /// First give this part this level, until the next start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set: Option<(String, u8)>,
    },
}

/// Which alerts are listed; an empty filter takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertFilter {
    /// Raised by this server, or about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// At least this severe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Of this module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
}

impl AlertFilter {
    /// Whether `row` fits.
    pub fn takes(&self, row: &AlertRow) -> bool {
        let alert = &row.alert;
        let of = |server: &String| alert.server == *server || alert.about.as_ref() == Some(server);
        self.server.as_ref().is_none_or(of)
            && self.severity.is_none_or(|least| alert.severity >= least)
            && self
                .module
                .as_ref()
                .is_none_or(|module| *module == alert.message.module)
    }
}

/// One line from the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Answer {
    /// The answer to a change.
    Reply {
        /// What the daemon says to it.
        reply: Reply,
    },
    /// How things are.
    Status {
        /// The snapshot.
        status: Box<Status>,
    },
    /// A set is checked and staged.
    Staged {
        /// Its digest, for [`Request::Push`].
        digest: String,
    },
    /// One alert of a listing.
    Alert {
        /// The alert.
        alert: Box<AlertLine>,
    },
    /// A piece of an archive, in Base64; an empty one says only that it takes a while.
    Logs {
        /// The bytes.
        data: String,
    },
    /// How much the parts write into the log.
    LogLevels {
        /// Parts and their levels.
        levels: Vec<(String, u8)>,
    },
    /// The call is answered; a listing that is followed goes on.
    End,
    /// The call could not be answered.
    Error {
        /// Of which sort.
        fault: Fault,
        /// In words.
        why: String,
    },
}

/// Sorts of errors that the socket itself answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The caller is neither root nor the daemon's user.
    NotPermitted,
    /// No call that this daemon knows.
    BadCall,
    /// All places are taken.
    Busy,
    /// The driver did not answer in time; a change may still come to pass.
    NoAnswer,
    /// The alerts cannot be read.
    Unreadable,
    /// The logs of the other server cannot be had.
    NotCollected,
}

/// An alert as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertLine {
    /// Its row on this server.
    pub row: u64,
    /// Its name in the whole cluster.
    pub id: AlertId,
    /// When this server came to know it.
    pub received: WallTime,
    /// When it happened.
    pub time: WallTime,
    /// The server that raised it.
    pub server: String,
    /// Module name.
    pub module: String,
    /// Event id.
    pub event: u32,
    /// How bad it is.
    pub severity: Severity,
    /// The words.
    pub text: String,
    /// The server that it is about, which may be another one than the one that raised it; for a shared
    /// warning light the first of its servers.
    #[serde(default)]
    pub about: Option<String>,
    /// Its notices, each recipient's own.
    pub notices: Vec<NoticeLine>,
}

/// A notice as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeLine {
    /// Through which channel.
    pub channel: Channel,
    /// To whom.
    pub recipient: String,
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

impl From<AlertRow> for AlertLine {
    fn from(row: AlertRow) -> AlertLine {
        AlertLine {
            row: row.row,
            id: row.alert.id.clone(),
            received: row.received,
            time: row.alert.time,
            server: row.alert.server.clone(),
            module: row.alert.message.module.clone(),
            event: row.alert.message.event,
            severity: row.alert.severity,
            text: row.alert.text.clone(),
            about: row.alert.about.clone(),
            notices: row.notices.into_iter().map(NoticeLine::from).collect(),
        }
    }
}

impl From<NoticeRecord> for NoticeLine {
    fn from(notice: NoticeRecord) -> NoticeLine {
        NoticeLine {
            channel: notice.key.channel,
            recipient: notice.key.recipient,
            state: notice.state,
            attempts: notice.attempts,
            possible_repeat: notice.possible_repeat,
            sender: notice.sender,
            reason: notice.reason,
            changed: notice.changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of the calls is an interface for scripts: do not edit.
    #[test]
    fn calls_have_a_pinned_form() {
        for (line, call) in [
            (r#"{"call":"ping"}"#, Call::Ping),
            (r#"{"call":"status"}"#, Call::Status),
            (
                r#"{"call":"change","request":{"do":"lamp-off","server":"sv1"}}"#,
                Call::Change {
                    request: Request::LampOff {
                        server: "sv1".into(),
                    },
                    by: None,
                },
            ),
            (
                r#"{"call":"change","request":{"do":"mail-test"},"by":"alice (console, 192.0.2.7)"}"#,
                Call::Change {
                    request: Request::MailTest,
                    by: Some("alice (console, 192.0.2.7)".into()),
                },
            ),
            (
                r#"{"call":"audit","by":"alice","what":"sign-in","result":"done"}"#,
                Call::Audit {
                    by: "alice".into(),
                    what: "sign-in".into(),
                    result: "done".into(),
                },
            ),
            (
                r#"{"call":"logs","server":"sv1","scope":"type1"}"#,
                Call::Logs {
                    server: "sv1".into(),
                    scope: Scope::Type1,
                },
            ),
            (
                r#"{"call":"log-levels","set":["mail",8]}"#,
                Call::LogLevels {
                    set: Some(("mail".into(), 8)),
                },
            ),
            (
                r#"{"call":"alerts","limit":5}"#,
                Call::Alerts {
                    limit: 5,
                    follow: false,
                    only: AlertFilter::default(),
                },
            ),
            (
                r#"{"call":"alerts","limit":5,"follow":true,"only":{"severity":"error"}}"#,
                Call::Alerts {
                    limit: 5,
                    follow: true,
                    only: AlertFilter {
                        severity: Some(Severity::Error),
                        ..AlertFilter::default()
                    },
                },
            ),
        ] {
            assert_eq!(serde_json::from_str::<Call>(line).unwrap(), call);
        }
    }

    /// The form of the answers is an interface for scripts: do not edit.
    #[test]
    fn answers_have_a_pinned_form() {
        let reply = Answer::Reply {
            reply: Reply::Accepted {
                alert: AlertId("a-1".into()),
                durable: true,
            },
        };
        for (line, answer) in [
            (r#"{"is":"end"}"#, Answer::End),
            (
                r#"{"is":"logs","data":"AA=="}"#,
                Answer::Logs {
                    data: "AA==".into(),
                },
            ),
            (
                r#"{"is":"reply","reply":{"answer":"accepted","alert":"a-1","durable":true}}"#,
                reply,
            ),
            (
                r#"{"is":"error","fault":"not-permitted","why":"x"}"#,
                Answer::Error {
                    fault: Fault::NotPermitted,
                    why: "x".into(),
                },
            ),
        ] {
            assert_eq!(serde_json::to_string(&answer).unwrap(), line);
        }
    }
}
