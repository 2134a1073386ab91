//! The lines of the command socket as types.
//!
//! Times are milliseconds since 1970-01-01 UTC. New members may be added to answers; a reader
//! ignores what it does not know. A call that the daemon does not know is answered with an error.

use super::ANSWER_BYTES_MAX;
use super::filter::AlertFilter;
use super::source::AlertRow;
use crate::channel::mail::Conversation;
use crate::collect::Scope;
use crate::store::{AlertFigures, FiguresQuery};
use noroshi_core::alert::{
    ACKNOWLEDGED_BY_BYTES_MAX, ALERT_TEXT_BYTES_MAX, AlertId, REMARK_BYTES_MAX, Severity,
};
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
        /// Of those before this row; not with `follow`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
        /// The first `limit` ones after this row instead of the last; with `follow` no new one is missed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
    /// One page of alerts in bounded work, newest first (with `after` the oldest first): each an
    /// [`Answer::Alert`], then [`Answer::PageEnd`].
    AlertPage {
        /// How many at most; 200 are the most that come.
        limit: u32,
        /// Which ones.
        #[serde(default)]
        only: AlertFilter,
        /// Those before this row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
        /// Those after this row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
    /// What the pictures of the alert view show; answered by [`Answer::AlertFigures`].
    AlertFigures {
        /// Of which time, and how finely.
        query: FiguresQuery,
    },
    /// Collect the logs of another server: pieces of its archive, each an [`Answer::Logs`], then
    /// [`Answer::End`].
    Logs {
        /// The other server.
        server: String,
        /// How much.
        scope: Scope,
    },
    /// Send a test mail to one recipient of the settings, or to each, beside the queue: a conversation each,
    /// an [`Answer::Conversation`] as it ends, then [`Answer::End`].
    TestMail {
        /// To this one alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recipient: Option<String>,
        /// For whom, as with a change.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// How much the parts write into the log; answered by [`Answer::LogLevels`].
    LogLevels {
        /// First give this part this level, until the next start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set: Option<(String, u8)>,
    },
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
    /// What came of a test mail to one recipient.
    Conversation {
        /// All of it.
        conversation: Box<Conversation>,
    },
    /// How much the parts write into the log.
    LogLevels {
        /// Parts and their levels.
        levels: Vec<(String, u8)>,
    },
    /// A page of alerts is over.
    PageEnd {
        /// The row to go on from; none when nothing is left. With fewer alerts than asked for the work
        /// was bounded, and there may be more.
        next: Option<u64>,
        /// The newest row that there was when the page was asked for; 0 before the first.
        newest: u64,
    },
    /// What the pictures of the alert view show.
    AlertFigures {
        /// The counts.
        figures: Box<AlertFigures>,
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
    /// No test mail is sent.
    NotTested,
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
    /// Who sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
}

/// That somebody sees to an alert, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Who.
    pub by: String,
    /// In that person's words; may be empty.
    pub remark: String,
    /// When.
    pub at: WallTime,
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

/// Longest name of a server, module, alert or recipient in a line, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Most notices of one alert in its line; 100 recipients can be set.
const NOTICES_MAX: usize = 128;
/// Bytes of each reply where all of them together would not fit into a line.
const SHORT_REPLY_BYTES: usize = 256;
/// A character of a text may take so many bytes of JSON for each of its own.
const ESCAPE_FACTOR: usize = 6;

/// Whatever is on disk, the line fits into an answer, so that one alert does not end the listing of the
/// others: what is too long is cut at a character, with `…`.
impl From<AlertRow> for AlertLine {
    fn from(row: AlertRow) -> AlertLine {
        let name = |text: &str| bounded(text, NAME_BYTES_MAX);
        let reply = |notice: &NoticeRecord| notice.reason.len();
        let replies: usize = row.notices.iter().take(NOTICES_MAX).map(reply).sum();
        let reply_bytes_max = match replies * ESCAPE_FACTOR > ANSWER_BYTES_MAX / 2 {
            true => SHORT_REPLY_BYTES,
            false => ANSWER_BYTES_MAX,
        };
        let notice = |notice: NoticeRecord| NoticeLine {
            channel: notice.key.channel,
            recipient: name(&notice.key.recipient),
            state: notice.state,
            attempts: notice.attempts,
            possible_repeat: notice.possible_repeat,
            sender: name(&notice.sender),
            reason: bounded(&notice.reason, reply_bytes_max),
            changed: notice.changed,
        };
        let alert = &row.alert;
        AlertLine {
            row: row.row,
            id: AlertId(name(&alert.id.0)),
            received: row.received,
            time: alert.time,
            server: name(&alert.server),
            about: alert.about.as_deref().map(name),
            module: name(&alert.message.module),
            event: alert.message.event,
            severity: alert.severity,
            text: bounded(&alert.text, ALERT_TEXT_BYTES_MAX),
            notices: row
                .notices
                .into_iter()
                .take(NOTICES_MAX)
                .map(notice)
                .collect(),
            acknowledged: row.acknowledgement.map(|one| Acknowledged {
                by: bounded(&one.by, ACKNOWLEDGED_BY_BYTES_MAX),
                remark: bounded(&one.remark, REMARK_BYTES_MAX),
                at: one.at,
            }),
        }
    }
}

fn bounded(text: &str, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    match end < text.len() {
        true => format!("{}…", &text[..end]),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::notice::Delivery;

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
                r#"{"call":"change","request":{"do":"push","digest":"d2","by":"root","base":"d1"}}"#,
                Call::Change {
                    request: Request::Push {
                        digest: "d2".into(),
                        by: "root".into(),
                        base: Some("d1".into()),
                    },
                    by: None,
                },
            ),
            (
                r#"{"call":"change","request":{"do":"push","digest":"d2","by":"root"}}"#,
                Call::Change {
                    request: Request::Push {
                        digest: "d2".into(),
                        by: "root".into(),
                        base: None,
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
                    before: None,
                    after: None,
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
                    before: None,
                    after: None,
                },
            ),
            (
                r#"{"call":"alert-page","limit":50,"before":7,"only":{"text":"x","since":1,"until":2,"delivery":"undelivered","id":"a-1"}}"#,
                Call::AlertPage {
                    limit: 50,
                    only: AlertFilter {
                        text: Some("x".into()),
                        since: Some(WallTime(1)),
                        until: Some(WallTime(2)),
                        delivery: Some(Delivery::Undelivered),
                        id: Some(AlertId("a-1".into())),
                        ..AlertFilter::default()
                    },
                    before: Some(7),
                    after: None,
                },
            ),
            (
                r#"{"call":"alert-figures","query":{"since":1,"until":2,"steps":24}}"#,
                Call::AlertFigures {
                    query: FiguresQuery {
                        since: WallTime(1),
                        until: WallTime(2),
                        steps: 24,
                    },
                },
            ),
            (
                r#"{"call":"change","request":{"do":"acknowledge","alert":"a-1","by":"sato","remark":"x"}}"#,
                Call::Change {
                    request: Request::Acknowledge {
                        alert: AlertId("a-1".into()),
                        by: "sato".into(),
                        remark: "x".into(),
                    },
                    by: None,
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
                replicated: true,
            },
        };
        for (line, answer) in [
            (r#"{"is":"end"}"#, Answer::End),
            (
                r#"{"is":"page-end","next":3,"newest":9}"#,
                Answer::PageEnd {
                    next: Some(3),
                    newest: 9,
                },
            ),
            (
                r#"{"is":"alert","alert":{"row":1,"id":"a-1","received":2,"time":1,"server":"sv1","module":"nm","event":2,"severity":"error","text":"x","about":null,"notices":[],"acknowledged":{"by":"sato","remark":"","at":3}}}"#,
                Answer::Alert {
                    alert: Box::new(AlertLine {
                        row: 1,
                        id: AlertId("a-1".into()),
                        received: WallTime(2),
                        time: WallTime(1),
                        server: "sv1".into(),
                        about: None,
                        module: "nm".into(),
                        event: 2,
                        severity: Severity::Error,
                        text: "x".into(),
                        notices: Vec::new(),
                        acknowledged: Some(Acknowledged {
                            by: "sato".into(),
                            remark: String::new(),
                            at: WallTime(3),
                        }),
                    }),
                },
            ),
            (
                r#"{"is":"logs","data":"AA=="}"#,
                Answer::Logs {
                    data: "AA==".into(),
                },
            ),
            (
                r#"{"is":"reply","reply":{"answer":"accepted","alert":"a-1","durable":true,"replicated":true}}"#,
                reply,
            ),
            (
                r#"{"is":"reply","reply":{"answer":"overtaken","number":5,"why":"x"}}"#,
                Answer::Reply {
                    reply: Reply::Overtaken {
                        number: 5,
                        why: "x".into(),
                    },
                },
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

    /// Rule: N7
    #[test]
    fn whatever_is_on_disk_a_line_fits_into_an_answer() {
        use noroshi_core::alert::{Acknowledgement, Alert, Destinations, MessageId};
        use noroshi_core::config::MailForm;
        use noroshi_core::notice::NoticeKey;
        use std::sync::Arc;
        for (text, notices) in [("\u{1b}".repeat(1 << 20), 200), ("é".repeat(2_048), 100)] {
            let id = AlertId(text.clone());
            let notice = NoticeRecord {
                key: NoticeKey {
                    alert: id.clone(),
                    channel: Channel::Mail,
                    recipient: text.clone(),
                },
                form: MailForm::Long,
                state: NoticeState::Refused,
                attempts: 1,
                possible_repeat: true,
                sender: text.clone(),
                reason: text.clone(),
                changed: WallTime(i64::MIN),
            };
            let line = AlertLine::from(AlertRow {
                row: u64::MAX,
                alert: Arc::new(Alert {
                    id: id.clone(),
                    message: MessageId {
                        module: text.clone(),
                        event: u32::MAX,
                    },
                    severity: Severity::Error,
                    time: WallTime(i64::MIN),
                    server: text.clone(),
                    about: Some(text.clone()),
                    text: text.clone(),
                    thread: None,
                    destinations: Destinations::default(),
                }),
                received: WallTime(i64::MIN),
                notices: vec![notice; notices],
                acknowledgement: Some(Acknowledgement {
                    alert: id,
                    by: text.clone(),
                    remark: text.clone(),
                    at: WallTime(i64::MIN),
                }),
            });
            assert!(line.text.ends_with('…') || line.text.len() == text.len());
            let alert = Box::new(line);
            let bytes = serde_json::to_vec(&Answer::Alert { alert }).unwrap().len();
            assert!(bytes < ANSWER_BYTES_MAX, "{bytes}");
        }
    }
}
