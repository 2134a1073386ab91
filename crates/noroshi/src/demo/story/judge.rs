//! Whether what a story expects is so, as far as it can be seen from outside.

use crate::demo::scene::{Scene, ServerScene};
use noroshi_core::lamp::{Glow, Look};
use noroshi_core::status::ServerState;
use noroshi_sim::inbox::Mail;
use noroshi_sim::scenario::{Expectation, LampLook};

/// Looks whether an expectation is met.
///
/// # Errors
/// What is the case instead.
pub(super) fn look(scene: &Scene, expectation: &Expectation) -> Result<(), String> {
    match expectation {
        Expectation::Lamp(server, look) => {
            let shows = server_named(scene, server)?.lamp;
            met(shows == look_of(*look), || {
                format!("it shows {}", words(shows))
            })
        }
        Expectation::Mails {
            count,
            to,
            about,
            saying,
        } => {
            let fits = |mail: &Mail| {
                to.as_ref().is_none_or(|to| mail.to.contains(to))
                    && about.as_ref().is_none_or(|name| is_about(mail, name))
                    && saying
                        .as_ref()
                        .is_none_or(|words| message(mail).contains(words.as_str()))
            };
            let found = scene.mails.iter().filter(|one| fits(&one.mail)).count();
            met(found == *count, || {
                let subjects: Vec<&str> = scene
                    .mails
                    .iter()
                    .map(|one| one.mail.subject.as_str())
                    .collect();
                format!("{found} came; all mails: {subjects:?}")
            })
        }
        Expectation::Alert {
            on,
            module,
            event,
            count,
        } => {
            let alerts = &server_named(scene, on)?.alerts;
            let fits = alerts
                .values()
                .filter(|alert| alert.module == *module && alert.event == *event);
            let found = fits.count();
            met(count.map_or(found > 0, |count| found == count), || {
                format!("its alert view holds {found}")
            })
        }
        Expectation::Set(name, number) => {
            let status = server_named(scene, name)?.status.as_ref();
            let own = status.and_then(|status| status.servers.iter().find(|it| it.own));
            let has = own.and_then(|own| own.set).unwrap_or(0);
            met(has == *number, || format!("it has {has}"))
        }
        // Refused before anything starts.
        Expectation::Unbroken | Expectation::Well => Ok(()),
        Expectation::Sees(one, other, state) => {
            let status = server_named(scene, one)?.status.as_ref();
            let status = status.ok_or_else(|| format!("{one} does not answer"))?;
            let seen = status.servers.iter().find(|server| server.name == *other);
            let seen = seen.ok_or_else(|| format!("{one} knows no {other}"))?.state;
            met(state_word(seen) == state, || {
                format!("it is seen as {}", state_word(seen))
            })
        }
    }
}

fn met(is_met: bool, instead: impl FnOnce() -> String) -> Result<(), String> {
    if is_met { Ok(()) } else { Err(instead()) }
}

fn server_named<'s>(scene: &'s Scene, name: &str) -> Result<&'s ServerScene, String> {
    let found = scene.servers.iter().find(|server| server.name == name);
    found.ok_or_else(|| format!("no server is called {name}"))
}

fn look_of(look: LampLook) -> Look {
    match look {
        LampLook::Out => Look::OUT,
        LampLook::Green => Look::GREEN,
        LampLook::BlinksRed => Look::RED_BLINK,
        LampLook::BlinksRedAndGreen => Look {
            green: Glow::On,
            ..Look::RED_BLINK
        },
    }
}

fn words(look: Look) -> String {
    super::super::words::lamp(look, noroshi_core::text::Language::En).to_lowercase()
}

/// The first line of a mail in the long form bears the alert's text.
fn message(mail: &Mail) -> &str {
    let first = mail.body.lines().next().unwrap_or_default();
    first.strip_prefix("Message: ").unwrap_or(first)
}

fn is_about(mail: &Mail, server: &str) -> bool {
    let concerned = format!("Server concerned: {server}");
    message(mail).contains(server) || mail.body.lines().any(|line| line.trim_end() == concerned)
}

/// The states as stories name them.
fn state_word(state: ServerState) -> &'static str {
    match state {
        ServerState::Unknown => "unknown",
        ServerState::Up => "up",
        ServerState::Stalled => "stalled",
        ServerState::Left => "left",
        ServerState::Down => "down",
        ServerState::Unseen => "unseen",
    }
}
