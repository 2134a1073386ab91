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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;
    use alloc::string::ToString;

    fn server_down() -> MessageId {
        MessageId {
            module: "nm".to_string(),
            event: 2,
        }
    }

    /// Rule: M10
    #[test]
    fn a_server_down_is_mailed_by_default_and_a_start_is_not() {
        let config = config(2);
        let started = MessageId {
            event: 1,
            ..server_down()
        };
        assert!(destinations(&config, &server_down()).mail);
        let ticks = destinations(&config, &started);
        assert!(ticks.alert && ticks.syslog && !ticks.mail);
    }

    /// Rule: M11
    #[test]
    fn a_change_holds_for_its_message_and_the_ticks_it_names() {
        let mut config = config(2);
        let change = DestinationChange {
            mail: Some(false),
            ..DestinationChange::default()
        };
        config.destinations.push((server_down(), change));
        let ticks = destinations(&config, &server_down());
        assert!(!ticks.mail && ticks.trap && ticks.syslog);
    }
}
