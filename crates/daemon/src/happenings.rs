//! Which events stand in the daemon's own log: what did not work, and why (rule M33).
//!
//! What worked stands in the alert view. No line holds a secret: causes are those that the alert view
//! shows, scrubbed by the channel that met them.

use noroshi_core::config::Config;
use noroshi_core::event::Event;
use noroshi_core::lamp::LampResult;
use noroshi_core::notice::{Channel, Outcome};

/// The line for an event, if it is worth one.
pub(crate) fn line(event: &Event, config: &Config) -> Option<String> {
    match event {
        Event::Outcome(key, outcome) => {
            let (what, cause) = match outcome {
                Outcome::Delivered { .. } => return None,
                // `noroshi status` says why they wait; a line for each try would be a flood.
                Outcome::Retry { .. } if key.channel == Channel::Syslog => return None,
                Outcome::Retry { cause, .. } => ("not sent, will be tried again", cause),
                Outcome::Refused { cause } => ("refused", cause),
            };
            let channel = match key.channel {
                Channel::Mail => "mail",
                Channel::Lamp => "light",
                Channel::Syslog => "syslog",
            };
            let (alert, recipient) = (&key.alert, &key.recipient);
            Some(format!(
                "{channel} to {recipient} {what}: {cause} (alert {alert})"
            ))
        }
        Event::Lamp { lamp, result, .. } => {
            let (code, text) = match result {
                LampResult::Done { .. } | LampResult::Cancelled => return None,
                LampResult::Abnormal { code, text } | LampResult::Failed { code, text } => {
                    (code, text)
                }
            };
            // The words name the address.
            let server = config.lamps.get(usize::from(lamp.0))?.servers.first()?;
            let server = config.server_name(*server);
            Some(format!("light of {server} not told: {text} (code {code})"))
        }
        Event::Recorded {
            result: Err(why), ..
        } => Some(format!("not written to the alert store: {why}")),
        Event::Configure {
            source,
            config: Err(why),
        } => Some(format!("settings of {source} not taken: {why}")),
        Event::Configure { source, .. } => Some(format!("settings of {source} read")),
        _ => None,
    }
}
