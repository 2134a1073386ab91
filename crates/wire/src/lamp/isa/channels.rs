//! The eight channels of a Keiko-chan: what a command asks of them, and what they show.
//!
//! *Use.* A [`Pattern`] asks; [`Channels`] are what a lamp shows, and obey patterns.
//!
//! *Failure.* Texts with other characters make neither.

use alloc::string::String;

use crate::lamp::{Light, Lights, Shown};

/// The eight characters of a set command; `None` leaves a channel as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern([Option<u8>; 8]);

impl Pattern {
    /// Everything off.
    pub const OUT: Self = Self([Some(b'0'); 8]);

    /// The pattern that asks for these lights. The buzzer has two channels: on is the
    /// continuous one alone, blink the intermittent one alone.
    pub fn new(lights: &Lights) -> Self {
        let [red, yellow, green] = [lights.red, lights.amber, lights.green].map(digit);
        let (continuous, intermittent) = match lights.buzzer {
            Light::Off => (Some(b'0'), Some(b'0')),
            Light::On => (Some(b'1'), Some(b'0')),
            Light::Blink => (Some(b'0'), Some(b'1')),
            Light::Keep => (None, None),
        };
        Self([
            red,
            yellow,
            green,
            continuous,
            intermittent,
            None,
            None,
            None,
        ])
    }

    /// Reads the eight characters; `None` if they are not eight of `0123xX`.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 8] = text.as_bytes().try_into().ok()?;
        let known = |byte: &u8| matches!(byte, b'0'..=b'3' | b'x' | b'X');
        bytes
            .iter()
            .all(known)
            .then(|| Self(bytes.map(|byte| Some(byte).filter(u8::is_ascii_digit))))
    }

    pub(super) fn text(&self) -> impl Iterator<Item = char> {
        self.0.iter().map(|channel| channel.map_or('x', char::from))
    }
}

/// What a lamp shows: a digit for each of the eight channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channels([u8; 8]);

impl Channels {
    /// Everything off.
    pub const DARK: Self = Self([b'0'; 8]);

    /// Reads eight digits 0 to 3; `None` for anything else.
    pub fn from_digits(digits: &[u8]) -> Option<Self> {
        let digits: [u8; 8] = digits.try_into().ok()?;
        digits
            .iter()
            .all(|digit| matches!(digit, b'0'..=b'3'))
            .then_some(Self(digits))
    }

    /// Obeys a pattern: channels marked x stay as they are.
    pub fn obey(&mut self, pattern: &Pattern) {
        for (channel, wanted) in self.0.iter_mut().zip(pattern.0) {
            *channel = wanted.unwrap_or(*channel);
        }
    }

    /// The eight digits, as the lamp answers a read.
    pub fn digits(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }

    /// What this means for the lights we know. A continuous buzzer hides an intermittent one.
    pub fn shown(&self) -> Shown {
        let [red, amber, green, continuous, intermittent, ..] = self.0.map(light);
        let buzzer = match (continuous, intermittent) {
            (Light::Off, Light::Off) => Light::Off,
            (Light::Off, _) => Light::Blink,
            _ => Light::On,
        };
        Shown {
            red: Some(red),
            amber: Some(amber),
            green: Some(green),
            buzzer: Some(buzzer),
        }
    }
}

fn digit(light: Light) -> Option<u8> {
    match light {
        Light::Off => Some(b'0'),
        Light::On => Some(b'1'),
        Light::Blink => Some(b'2'),
        Light::Keep => None,
    }
}

fn light(digit: u8) -> Light {
    match digit {
        b'0' => Light::Off,
        b'1' => Light::On,
        _ => Light::Blink,
    }
}
