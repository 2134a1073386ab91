//! Where an alert goes: the message table's ticks and the user's changes to them (rules M10 M11).

use super::{MessageId, row_by_id};
use crate::config::Config;
use serde::{Deserialize, Serialize};

/// The ticks of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Destinations {
    /// Alert view.
    pub alert: bool,
    /// Syslog.
    pub syslog: bool,
    /// Mail.
    pub mail: bool,
    /// SNMP trap.
    pub trap: bool,
    /// The command of the alert extension.
    pub command: bool,
}

/// A user's change to one message's ticks; `None` keeps the built-in tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DestinationChange {
    /// Alert view.
    pub alert: Option<bool>,
    /// Syslog.
    pub syslog: Option<bool>,
    /// Mail.
    pub mail: Option<bool>,
    /// SNMP trap.
    pub trap: Option<bool>,
    /// The command of the alert extension.
    pub command: Option<bool>,
}

/// Where `message` goes under `config`. A message that the table lacks goes to alert view and
/// syslog, the ticks of nearly every message of the real product.
pub fn destinations(config: &Config, message: &MessageId) -> Destinations {
    let built_in = row_by_id(message).map_or(
        Destinations {
            alert: true,
            syslog: true,
            ..Destinations::default()
        },
        |row| row.destinations,
    );
    let change = config
        .destinations
        .iter()
        .find(|(id, _)| id == message)
        .map(|(_, change)| *change)
        .unwrap_or_default();
    Destinations {
        alert: change.alert.unwrap_or(built_in.alert),
        syslog: change.syslog.unwrap_or(built_in.syslog),
        mail: change.mail.unwrap_or(built_in.mail),
        trap: change.trap.unwrap_or(built_in.trap),
        command: change.command.unwrap_or(built_in.command),
    }
}
