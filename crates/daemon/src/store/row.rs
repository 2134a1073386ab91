//! Values ↔ columns.
//!
//! Enumerations are kept as the words that operators read. A word that is none of them means that
//! the row is damaged; it ends in an error of rusqlite's and never in a guess.

use noroshi_core::alert::{
    Acknowledgement, Alert, AlertId, Destinations, MessageId, SessionId, Severity,
};
use noroshi_core::config::MailForm;
use noroshi_core::event::{Latch, View};
use noroshi_core::lamp::{Glow, Stamp};
use noroshi_core::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
use noroshi_core::time::WallTime;
use rusqlite::types::Type;
use rusqlite::{Result, Row};

/// An alert's columns, in the order that [`alert`] reads.
macro_rules! alert_columns {
    () => {
        "a.id, a.time_ms, a.module, a.event, a.severity, a.server, a.about, a.text, a.thread, \
         a.destinations"
    };
}
/// A notice's columns, in the order that [`notice`] reads.
macro_rules! notice_columns {
    () => {
        "n.alert, n.channel, n.recipient, n.form, n.state, n.attempts, n.possible_repeat, \
         n.sender, n.reason, n.changed_ms"
    };
}
pub(super) use {alert_columns, notice_columns};

/// How many columns [`alert_columns`] names.
pub(super) const ALERT_COLUMNS: usize = 10;

const SEVERITIES: [(Severity, &str); 3] = [
    (Severity::Info, "info"),
    (Severity::Warning, "warning"),
    (Severity::Error, "error"),
];
const CHANNELS: [(Channel, &str); 3] = [
    (Channel::Mail, "mail"),
    (Channel::Lamp, "lamp"),
    (Channel::Syslog, "syslog"),
];
const FORMS: [(MailForm, &str); 2] = [(MailForm::Long, "long"), (MailForm::Short, "short")];
const GLOWS: [(Glow, &str); 3] = [(Glow::Off, "off"), (Glow::On, "on"), (Glow::Blink, "blink")];
const STATES: [(NoticeState, &str); 6] = [
    (NoticeState::Waiting, "waiting"),
    (NoticeState::Begun, "begun"),
    (NoticeState::Delivered, "delivered"),
    (NoticeState::Refused, "refused"),
    (NoticeState::GivenUp, "given-up"),
    (NoticeState::Dropped, "dropped"),
];

pub(super) fn severity_word(value: Severity) -> &'static str {
    word(&SEVERITIES, value)
}

pub(super) fn channel_word(value: Channel) -> &'static str {
    word(&CHANNELS, value)
}

pub(super) fn form_word(value: MailForm) -> &'static str {
    word(&FORMS, value)
}

pub(super) fn glow_word(value: Glow) -> &'static str {
    word(&GLOWS, value)
}

pub(super) fn state_word(value: NoticeState) -> &'static str {
    word(&STATES, value)
}

/// The ticks as words, such as `alert,syslog,mail`.
pub(super) fn destination_words(ticks: Destinations) -> String {
    let mut words = String::new();
    for (name, tick) in [
        ("alert", ticks.alert),
        ("syslog", ticks.syslog),
        ("mail", ticks.mail),
        ("trap", ticks.trap),
        ("command", ticks.command),
    ] {
        if tick {
            if !words.is_empty() {
                words.push(',');
            }
            words.push_str(name);
        }
    }
    words
}

/// Reads [`alert_columns`] from column `at` on.
pub(super) fn alert(row: &Row<'_>, at: usize) -> Result<Alert> {
    Ok(Alert {
        id: AlertId(row.get(at)?),
        time: WallTime(row.get(at + 1)?),
        message: MessageId {
            module: row.get(at + 2)?,
            event: row.get(at + 3)?,
        },
        severity: known(row, at + 4, &SEVERITIES)?,
        server: row.get(at + 5)?,
        about: row.get(at + 6)?,
        text: row.get(at + 7)?,
        thread: row.get::<_, Option<String>>(at + 8)?.map(AlertId),
        destinations: destinations(row, at + 9)?,
    })
}

/// Reads [`notice_columns`] from column `at` on.
pub(super) fn notice(row: &Row<'_>, at: usize) -> Result<NoticeRecord> {
    Ok(NoticeRecord {
        key: NoticeKey {
            alert: AlertId(row.get(at)?),
            channel: known(row, at + 1, &CHANNELS)?,
            recipient: row.get(at + 2)?,
        },
        form: known(row, at + 3, &FORMS)?,
        state: known(row, at + 4, &STATES)?,
        attempts: row.get(at + 5)?,
        possible_repeat: row.get(at + 6)?,
        sender: row.get(at + 7)?,
        reason: row.get(at + 8)?,
        changed: WallTime(row.get(at + 9)?),
    })
}

/// Reads `server, red, red_changed_ms, green, green_changed_ms`.
pub(super) fn latch(row: &Row<'_>) -> Result<Latch> {
    Ok(Latch {
        server: row.get(0)?,
        red: known(row, 1, &GLOWS)?,
        red_changed: Stamp(row.get(2)?),
        green: known(row, 3, &GLOWS)?,
        green_changed: Stamp(row.get(4)?),
    })
}

/// Reads `server, session, returns, up, fault`.
pub(super) fn view(row: &Row<'_>) -> Result<View> {
    Ok(View {
        server: row.get(0)?,
        session: SessionId(row.get(1)?),
        returns: row.get(2)?,
        up: row.get(3)?,
        fault: row.get::<_, Option<String>>(4)?.map(AlertId),
    })
}

/// Reads `alert, name, remark, at_ms`.
pub(super) fn acknowledgement(row: &Row<'_>) -> Result<Acknowledgement> {
    Ok(Acknowledgement {
        alert: AlertId(row.get(0)?),
        by: row.get(1)?,
        remark: row.get(2)?,
        at: WallTime(row.get(3)?),
    })
}

fn destinations(row: &Row<'_>, at: usize) -> Result<Destinations> {
    let words: String = row.get(at)?;
    let mut ticks = Destinations::default();
    for name in words.split(',').filter(|name| !name.is_empty()) {
        match name {
            "alert" => ticks.alert = true,
            "syslog" => ticks.syslog = true,
            "mail" => ticks.mail = true,
            "trap" => ticks.trap = true,
            "command" => ticks.command = true,
            other => return Err(unknown(at, other)),
        }
    }
    Ok(ticks)
}

fn word<T: Copy + PartialEq>(words: &[(T, &'static str)], value: T) -> &'static str {
    words
        .iter()
        .find(|(known, _)| *known == value)
        .map_or("?", |(_, word)| word)
}

fn known<T: Copy>(row: &Row<'_>, at: usize, words: &[(T, &str)]) -> Result<T> {
    let text = row.get_ref(at)?.as_str()?;
    words
        .iter()
        .find(|(_, word)| *word == text)
        .map_or_else(|| Err(unknown(at, text)), |(value, _)| Ok(*value))
}

fn unknown(at: usize, text: &str) -> rusqlite::Error {
    let text: String = text.chars().take(40).collect();
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, format!("{text:?} is unknown").into())
}
