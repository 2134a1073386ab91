//! Which events stand in the daemon's own log (rule M33): what did not work, and why; at level 8 of a
//! part what worked, too (`clplogcf`, [`crate::log::levels`]).
//!
//! No line holds a secret: causes are those that the alert view shows, scrubbed by the channel that met
//! them. A line that its part's level does not take is not made.

use crate::log::levels::takes;
use crate::log::{Level, Part};
use noroshi_core::config::{Config, ServerId};
use noroshi_core::event::{Event, HostAnswer};
use noroshi_core::lamp::LampResult;
use noroshi_core::notice::{Channel, NoticeKey, Outcome};
use noroshi_core::request::Request;

/// The line for an event, if it is worth one.
pub(crate) fn line(event: &Event, config: &Config) -> Option<String> {
    let (part, level) = weight(event)?;
    takes(part, level).then(|| words(event, config)).flatten()
}

/// Whose line it is, and how much it matters.
fn weight(event: &Event) -> Option<(Part, Level)> {
    let weight = match event {
        Event::Outcome(key, outcome) => {
            let part = match key.channel {
                Channel::Mail => Part::Mail,
                Channel::Lamp => Part::Lamp,
                Channel::Syslog => Part::Syslog,
            };
            let level = match outcome {
                Outcome::Delivered { .. } => Level::Detail,
                // `noroshi status` says why they wait; a line for each try would be a flood.
                Outcome::Retry { .. } if part == Part::Syslog => Level::Detail,
                Outcome::Retry { .. } => Level::Warning,
                Outcome::Refused { .. } => Level::Error,
            };
            (part, level)
        }
        Event::Lamp { result, .. } => match result {
            LampResult::Done { .. } | LampResult::Cancelled => (Part::Lamp, Level::Detail),
            LampResult::Abnormal { .. } | LampResult::Failed { .. } => (Part::Lamp, Level::Error),
        },
        Event::Recorded { result: Ok(()), .. } => (Part::Store, Level::Detail),
        Event::Recorded { result: Err(_), .. } => (Part::Store, Level::Error),
        Event::Configure { config: Ok(_), .. } => (Part::Reload, Level::Info),
        Event::Configure { config: Err(_), .. } => (Part::Reload, Level::Error),
        Event::LinkUp(_) | Event::LinkDown(_) | Event::Probed { .. } => {
            (Part::Engine, Level::Detail)
        }
        Event::Request(..) => (Part::Control, Level::Detail),
        _ => return None,
    };
    Some(weight)
}

fn words(event: &Event, config: &Config) -> Option<String> {
    match event {
        Event::Outcome(key, outcome) => Some(notice(key, outcome)),
        Event::Lamp { lamp, result, .. } => {
            // The words name the address.
            let server = config.lamps.get(usize::from(lamp.0))?.servers.first()?;
            let server = name(config, *server)?;
            Some(match result {
                LampResult::Done { .. } => format!("light of {server} told"),
                LampResult::Cancelled => format!("light of {server}: order taken back"),
                LampResult::Abnormal { code, text } | LampResult::Failed { code, text } => {
                    format!("light of {server} not told: {text} (code {code})")
                }
            })
        }
        Event::Recorded { batch, result } => Some(match result {
            Ok(()) => format!("batch {batch} written to the alert store"),
            Err(why) => format!("not written to the alert store: {why}"),
        }),
        Event::Configure { source, config } => Some(match config {
            Ok(_) => format!("settings of {source} read"),
            Err(why) => format!("settings of {source} not taken: {why}"),
        }),
        Event::LinkUp(server) => Some(format!("link to {} stands", name(config, *server)?)),
        Event::LinkDown(server) => Some(format!("link to {} ended", name(config, *server)?)),
        Event::Probed { server, answer, .. } => {
            let answer = match answer {
                HostAnswer::Accepted => "accepts connections",
                HostAnswer::Refused => "refuses connections",
                HostAnswer::Silent => "is silent",
            };
            Some(format!("host of {} {answer}", name(config, *server)?))
        }
        Event::Request(_, request) => Some(format!("asked by a command to {}", wish(request))),
        _ => None,
    }
}

fn notice(key: &NoticeKey, outcome: &Outcome) -> String {
    let channel = match key.channel {
        Channel::Mail => "mail",
        Channel::Lamp => "light",
        Channel::Syslog => "syslog",
    };
    let (alert, recipient) = (&key.alert, &key.recipient);
    let what = match outcome {
        Outcome::Delivered { .. } => "sent".to_owned(),
        Outcome::Retry { cause, .. } => format!("not sent, will be tried again: {cause}"),
        Outcome::Refused { cause } => format!("refused: {cause}"),
    };
    format!("{channel} to {recipient} {what} (alert {alert})")
}

fn wish(request: &Request) -> String {
    match request {
        Request::Raise { message, .. } => format!("raise {} {}", message.module, message.event),
        Request::LampOff { server } => format!("put the light of {server} out"),
        Request::LampTest { server } => format!("test the light of {server}"),
        Request::MailTest => "send a test mail".into(),
        Request::Acknowledge { alert, by, .. } => format!("acknowledge {alert} ({by})"),
        Request::LicencesChanged => "look at the licences again".into(),
        Request::Push { digest, by } => format!("push the set {digest} ({by})"),
        Request::Stop { server, by } => {
            let server = server.as_deref().unwrap_or("all servers");
            format!("stop {server} ({by})")
        }
    }
}

/// A server's name; events may name one that new settings lack.
fn name(config: &Config, server: ServerId) -> Option<&str> {
    let server = config.servers.get(usize::from(server.0))?;
    Some(&server.name)
}
