//! What the keys mean.

use super::scene::Scene;
use super::stage::Life;
use super::view::{Look, Over};
use noroshi_core::request::Request;
use noroshi_sim::scenario::{Happening, MailBehaviour};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wish {
    /// Nothing, or only another look.
    Nothing,
    /// The end.
    Quit,
    /// That something happens.
    Happen(Happening),
    /// That a server is asked for something.
    Ask(usize, Request),
}

/// Takes a key: changes how the scene is looked at, and tells what else is wished.
pub(super) fn press(key: KeyEvent, look: &mut Look, scene: &Scene) -> Wish {
    if key.kind == KeyEventKind::Release {
        return Wish::Nothing;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if key.modifiers.contains(KeyModifiers::ALT) {
        // Escape and another key in quick succession look like this.
        look.over = Over::Nothing;
    }
    match (key.code, look.over) {
        (KeyCode::Char('c' | 'd'), _) if control => return Wish::Quit,
        (KeyCode::Esc | KeyCode::Char('q') | KeyCode::Enter, Over::Mail(_) | Over::Help)
        | (KeyCode::Char('?'), Over::Help) => {
            look.over = Over::Nothing;
            return Wish::Nothing;
        }
        (KeyCode::Down | KeyCode::PageDown, Over::Mail(from)) => {
            look.over = Over::Mail(from.saturating_add(1).min(200));
            return Wish::Nothing;
        }
        (KeyCode::Up | KeyCode::PageUp, Over::Mail(from)) => {
            look.over = Over::Mail(from.saturating_sub(1));
            return Wish::Nothing;
        }
        (KeyCode::Char('q'), _) => return Wish::Quit,
        (KeyCode::Char('?'), _) => look.over = Over::Help,
        (KeyCode::Enter, _) => look.over = Over::Mail(0),
        (KeyCode::Esc, _) => look.over = Over::Nothing,
        (KeyCode::Down, _) => {
            look.mail = (look.mail + 1).min(scene.mails.len().saturating_sub(1));
        }
        (KeyCode::Up, _) => look.mail = look.mail.saturating_sub(1),
        (KeyCode::Right | KeyCode::Tab, _) => {
            look.server = (look.server + 1) % scene.servers.len();
        }
        (KeyCode::Left | KeyCode::BackTab, _) => {
            look.server = (look.server + scene.servers.len() - 1) % scene.servers.len();
        }
        (KeyCode::Char('l'), _) => {
            use noroshi_core::text::Language::{En, Ja};
            look.language = look.language.pick(Ja, En);
        }
        (KeyCode::Char(digit @ '1'..='9'), _) => {
            let server = digit as usize - '1' as usize;
            if server < scene.servers.len() {
                look.server = server;
            }
        }
        (KeyCode::Char(letter), _) => return act(letter, look, scene),
        _ => {}
    }
    Wish::Nothing
}

fn act(letter: char, look: &Look, scene: &Scene) -> Wish {
    let server = &scene.servers[look.server];
    let name = server.name.clone();
    let runs = matches!(server.life, Life::Runs | Life::Suspended | Life::Stopping);
    let happening = match letter {
        'k' => Happening::Killed(name),
        's' => Happening::Stops(name),
        'c' if server.cut => Happening::Reconnected(name, None),
        'c' => Happening::CutOff(name, None),
        'p' if server.life == Life::Suspended => Happening::Resumes(name),
        'p' => Happening::Suspended(name),
        'b' if !runs => Happening::Starts(name),
        'b' if server.life == Life::Suspended => Happening::Resumes(name),
        'b' => Happening::Reconnected(name, None),
        'm' if scene.mail_away => Happening::Mail(MailBehaviour::Accepts),
        'm' => Happening::Mail(MailBehaviour::Defers),
        'r' => {
            let text = look.language.pick(
                "An alert from the demo's keyboard.",
                "デモのキーボードからのアラートです。",
            );
            Happening::Raises(name, text.into())
        }
        'o' | 't' => {
            // Not by the one that is concerned, where another can.
            let others = (0..scene.servers.len()).find(|at| {
                let one = &scene.servers[*at];
                *at != look.server && one.status.is_some() && !one.cut
            });
            let Some(asked) = scene.answering(others.or(Some(look.server))) else {
                return Wish::Nothing;
            };
            if letter == 't' {
                return Wish::Ask(asked, Request::LampTest { server: name });
            }
            Happening::LampPutOut(scene.servers[asked].name.clone(), name)
        }
        _ => return Wish::Nothing,
    };
    Wish::Happen(happening)
}
