//! Alerts: one thing worth telling, with module, event id, severity, server, time and text.

mod acknowledgement;
mod catalogue;
mod destinations;
mod id;

pub use acknowledgement::{ACKNOWLEDGED_BY_BYTES_MAX, Acknowledgement, REMARK_BYTES_MAX};
pub use catalogue::{CATALOGUE, Message, Row, row, row_by_id};
pub use destinations::{DestinationChange, Destinations, destinations};
pub use id::{AlertId, MessageId, SessionId};

use crate::time::WallTime;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// Longest text of an alert in bytes; a longer one is cut at a character, with `…`.
pub const ALERT_TEXT_BYTES_MAX: usize = 4_096;

/// How bad it is, in the real product's three steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Information.
    Info,
    /// Warning.
    Warning,
    /// Error.
    Error,
}

/// One alert, whole and ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Names the alert in the whole cluster.
    pub id: AlertId,
    /// Where in the message table it stands: module and event id.
    pub message: MessageId,
    /// How bad it is.
    pub severity: Severity,
    /// When it happened, by the clock of the server that raised it.
    pub time: WallTime,
    /// The server that raised it (the alert view's "server name").
    pub server: String,
    /// The server that it is about, where that is another one.
    pub about: Option<String>,
    /// The words, in the cluster's language.
    pub text: String,
    /// The fault whose mails this one belongs to: the alert that began the thread (rule N11).
    pub thread: Option<AlertId>,
    /// Where it goes.
    pub destinations: Destinations,
}

/// Cuts `text` to [`ALERT_TEXT_BYTES_MAX`] at a character boundary, and makes one line of it:
/// control characters become spaces, bidirectional overrides are dropped.
pub fn tidy_text(text: &str) -> String {
    tidy_within(text, ALERT_TEXT_BYTES_MAX)
}

/// As [`tidy_text`], with another bound in bytes.
pub fn tidy_within(text: &str, bytes_max: usize) -> String {
    let mut tidy = String::with_capacity(text.len().min(bytes_max));
    for c in text.chars() {
        let c = match c {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}' => continue,
            c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' => ' ',
            c => c,
        };
        if tidy.len() + c.len_utf8() > bytes_max - '…'.len_utf8() {
            tidy.push('…');
            break;
        }
        tidy.push(c);
    }
    tidy
}
