//! The styles of the view; without colours (`NO_COLOR`) the words alone say everything.

use noroshi_core::alert::Severity;
use noroshi_core::status::ServerState;
use ratatui::style::{Color, Modifier, Style};

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(in crate::demo) struct Paint {
    /// Colours are wanted.
    pub(in crate::demo) colours: bool,
}

impl Paint {
    /// As the environment wants it (<https://no-color.org>: set and not empty means none).
    pub(in crate::demo) fn from_environment() -> Paint {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Paint {
            colours: !no_colour,
        }
    }

    pub(super) fn title(self) -> Style {
        self.fg(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn good(self) -> Style {
        self.fg(Color::Green).add_modifier(Modifier::BOLD)
    }

    pub(super) fn bad(self) -> Style {
        self.fg(Color::LightRed).add_modifier(Modifier::BOLD)
    }

    pub(super) fn warn(self) -> Style {
        self.fg(Color::Yellow)
    }

    pub(super) fn faint(self) -> Style {
        self.fg(Color::DarkGray)
    }

    pub(super) fn strong(self) -> Style {
        self.fg(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn key(self) -> Style {
        self.fg(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn selected(self) -> Style {
        self.fg(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Info => Style::new(),
            Severity::Warning => self.warn(),
            Severity::Error => self.bad(),
        }
    }

    /// An alert that people were told of by mail.
    pub(super) fn mailed(self, severity: Severity) -> Style {
        match severity {
            Severity::Info => self.fg(Color::Yellow).add_modifier(Modifier::BOLD),
            _ => self.severity(severity),
        }
    }

    pub(super) fn state(self, state: Option<ServerState>) -> Style {
        match state {
            Some(ServerState::Up) => self.good(),
            Some(ServerState::Down | ServerState::Unseen | ServerState::Stalled) => self.bad(),
            Some(ServerState::Left | ServerState::Unknown) | None => self.faint(),
        }
    }

    /// The three lights from the top, lit.
    pub(super) fn light(self, place: usize) -> Style {
        let colour = [Color::LightRed, Color::LightYellow, Color::LightGreen];
        self.fg(colour[place % colour.len()])
    }

    fn fg(self, colour: Color) -> Style {
        match self.colours {
            true => Style::new().fg(colour),
            false => Style::new(),
        }
    }
}
