//! The front of a simulated lamp: what it shows, and what it was told.
//!
//! *Use.* A protocol's talk obeys commands on it; whoever watches sees each change.
//!
//! *Failure.* A stuck panel takes every command and changes nothing. The record of commands keeps
//! the last [`RECORDS_MAX`].

use std::collections::VecDeque;

use noroshi_wire::lamp::isa::Channels;
use noroshi_wire::lamp::tower::Tower;
use noroshi_wire::lamp::{Light, Lights, Shown, phn};
use tokio::sync::watch;

/// Most commands kept; older ones are forgotten.
pub const RECORDS_MAX: usize = 64;

/// What the lights are in the lamp's own terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// PATLITE's six places.
    Places(Tower),
    /// ISA's eight channels.
    Channels(Channels),
    /// PHN's one byte.
    Byte(phn::Tower),
}

impl Face {
    fn dark(self) -> Self {
        match self {
            Self::Places(_) => Self::Places(Tower::DARK),
            Self::Channels(_) => Self::Channels(Channels::DARK),
            Self::Byte(_) => Self::Byte(phn::Tower::DARK),
        }
    }

    fn lights(self) -> Lights {
        let shown: Shown = match self {
            Self::Places(tower) => tower.shown(),
            Self::Channels(channels) => channels.shown(),
            Self::Byte(tower) => tower.shown(),
        };
        let [red, amber, green, buzzer] = [shown.red, shown.amber, shown.green, shown.buzzer]
            .map(|light| light.unwrap_or(Light::Off));
        Lights {
            red,
            amber,
            green,
            buzzer,
        }
    }
}

/// The front of a lamp.
#[derive(Debug)]
pub(super) struct Panel {
    face: Face,
    stuck: bool,
    records: VecDeque<String>,
    shows: watch::Sender<Lights>,
}

impl Panel {
    /// A dark panel.
    pub(super) fn new(face: Face) -> Self {
        let shows = watch::Sender::new(face.lights());
        Self {
            face,
            stuck: false,
            records: VecDeque::new(),
            shows,
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Lights> {
        self.shows.subscribe()
    }

    pub(super) fn records(&self) -> Vec<String> {
        self.records.iter().cloned().collect()
    }

    pub(super) fn record(&mut self, text: String) {
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        self.records.push_back(text);
    }

    pub(super) fn stick(&mut self, stuck: bool) {
        self.stuck = stuck;
    }

    pub(super) fn lose_power(&mut self) {
        self.turn(self.face.dark());
    }

    pub(super) fn places(&self) -> Tower {
        match self.face {
            Face::Places(tower) => tower,
            _ => Tower::DARK,
        }
    }

    pub(super) fn channels(&self) -> Channels {
        match self.face {
            Face::Channels(channels) => channels,
            _ => Channels::DARK,
        }
    }

    pub(super) fn byte(&self) -> phn::Tower {
        match self.face {
            Face::Byte(tower) => tower,
            _ => phn::Tower::DARK,
        }
    }

    /// Obeys, unless it is stuck.
    pub(super) fn show(&mut self, face: Face) {
        if !self.stuck {
            self.turn(face);
        }
    }

    fn turn(&mut self, face: Face) {
        self.face = face;
        self.shows.send_if_modified(|lights| {
            let new = face.lights();
            std::mem::replace(lights, new) != new
        });
    }
}
