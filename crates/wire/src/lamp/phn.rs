//! PATLITE PHN: two bytes, TCP or UDP port 10000, for the oldest units.
//!
//! ```text
//! R  52      answers  52 dd
//! W  57 dd   answers  "ACK" or "NAK"
//! dd bits  7 green flash  6 amber flash  5 red flash  4 buzzer 2  3 buzzer 1
//!          2 green on     1 amber on     0 red on
//! ```
//! Source: PATLITE NHL manual p. 25, LA6-POE manual p. 44 (there tiers 1 to 3, and not in smart
//! mode). On wins over flash, buzzer 1 over buzzer 2.
//!
//! *Use.* The protocol cannot leave a light as it is. Read first ([`encode_read`],
//! [`decode_read_reply`]), merge the wanted lights into what is shown ([`Tower::with`]), write
//! that ([`encode_write`]). Another controller acting in between is overwritten.
//!
//! *Failure.* NAK is a refusal; anything else of the wrong form is never guessed at.

use super::{Light, Lights, ReplyError, RequestError, Shown};

/// Length of both answers' longest form, in bytes. The answer to a read has 2.
pub const REPLY_BYTES_MAX: usize = 3;
/// The answer to a write that says yes.
pub const ACK: [u8; 3] = *b"ACK";
/// The answer to a write that says no.
pub const NAK: [u8; 3] = *b"NAK";

/// The whole lamp, as the protocol's data byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tower(pub u8);

impl Tower {
    /// Everything off.
    pub const DARK: Self = Self(0);

    /// This state with the wanted lights put in; those to be kept stay.
    pub fn with(self, lights: &Lights) -> Self {
        let mut bits = self.0;
        for (light, on, blink) in [
            (lights.red, RED_ON, RED_FLASH),
            (lights.amber, AMBER_ON, AMBER_FLASH),
            (lights.green, GREEN_ON, GREEN_FLASH),
            (lights.buzzer, BUZZER_1, BUZZER_2),
        ] {
            bits = match light {
                Light::Keep => bits,
                Light::Off => bits & !(on | blink),
                Light::On => bits & !blink | on,
                Light::Blink => bits & !on | blink,
            };
        }
        Self(bits)
    }

    /// What this means for each light.
    pub fn shown(self) -> Shown {
        let light = |on, blink| {
            Some(match (self.0 & on != 0, self.0 & blink != 0) {
                (true, _) => Light::On,
                (false, true) => Light::Blink,
                (false, false) => Light::Off,
            })
        };
        Shown {
            red: light(RED_ON, RED_FLASH),
            amber: light(AMBER_ON, AMBER_FLASH),
            green: light(GREEN_ON, GREEN_FLASH),
            buzzer: light(BUZZER_1, BUZZER_2),
        }
    }
}

/// The request that writes the whole lamp.
pub fn encode_write(tower: Tower) -> [u8; 2] {
    [WRITE, tower.0]
}

/// The request that puts everything out.
pub fn encode_clear() -> [u8; 2] {
    encode_write(Tower::DARK)
}

/// The request that reads the whole lamp.
pub fn encode_read() -> [u8; 1] {
    [READ]
}

/// Reads the answer to a write.
///
/// # Errors
/// [`ReplyError::Empty`], [`ReplyError::Refused`] for NAK, [`ReplyError::Incomplete`] for a part
/// of either, else [`ReplyError::Unexpected`].
pub fn decode_write_reply(bytes: &[u8]) -> Result<(), ReplyError> {
    match bytes {
        [] => Err(ReplyError::Empty),
        b"ACK" => Ok(()),
        b"NAK" => Err(ReplyError::refused(bytes)),
        _ if ACK.starts_with(bytes) || NAK.starts_with(bytes) => Err(ReplyError::Incomplete),
        _ => Err(ReplyError::unexpected_bytes(bytes)),
    }
}

/// Reads the answer to a read.
///
/// # Errors
/// [`ReplyError::Empty`], [`ReplyError::Incomplete`] for one byte, [`ReplyError::Refused`] for
/// NAK, else [`ReplyError::Unexpected`].
pub fn decode_read_reply(bytes: &[u8]) -> Result<Tower, ReplyError> {
    match bytes {
        [] => Err(ReplyError::Empty),
        [READ] => Err(ReplyError::Incomplete),
        [READ, state] => Ok(Tower(*state)),
        b"NAK" => Err(ReplyError::refused(bytes)),
        _ => Err(ReplyError::unexpected_bytes(bytes)),
    }
}

/// Device side: a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Answer [`encode_state`].
    Read,
    /// Show this; answer [`ACK`].
    Write(Tower),
}

/// Device side: the first request in `bytes` and how many bytes it took; `None` while it is not
/// whole.
///
/// # Errors
/// [`RequestError::Malformed`] if it is neither `R` nor `W`.
pub fn decode_request(bytes: &[u8]) -> Result<Option<(Request, usize)>, RequestError> {
    match bytes {
        [] | [WRITE] => Ok(None),
        [READ, ..] => Ok(Some((Request::Read, 1))),
        [WRITE, state, ..] => Ok(Some((Request::Write(Tower(*state)), 2))),
        _ => Err(RequestError::Malformed),
    }
}

/// Device side: the answer to a read.
pub fn encode_state(tower: Tower) -> [u8; 2] {
    [READ, tower.0]
}

const READ: u8 = b'R';
const WRITE: u8 = b'W';
const RED_ON: u8 = 1 << 0;
const AMBER_ON: u8 = 1 << 1;
const GREEN_ON: u8 = 1 << 2;
const BUZZER_1: u8 = 1 << 3;
const BUZZER_2: u8 = 1 << 4;
const RED_FLASH: u8 = 1 << 5;
const AMBER_FLASH: u8 = 1 << 6;
const GREEN_FLASH: u8 = 1 << 7;

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N12
    #[test]
    fn keeping_takes_what_was_read() {
        let shown = Tower(AMBER_FLASH | BUZZER_1 | RED_ON);
        assert_eq!(shown.with(&Lights::KEEP), shown);
        assert_eq!(
            shown.with(&Lights::DOWN),
            Tower(AMBER_FLASH | BUZZER_1 | RED_FLASH)
        );
        assert_eq!(
            shown.with(&Lights::STARTED),
            Tower(AMBER_FLASH | BUZZER_1 | GREEN_ON)
        );
    }

    /// Rule: N12 N14
    #[test]
    fn on_wins_over_flash_and_buzzer_1_over_2() {
        let shown = Tower(0xff).shown();
        for light in [shown.red, shown.amber, shown.green, shown.buzzer] {
            assert_eq!(light, Some(Light::On));
        }
        // NHL manual p. 25: red on, green on, amber flash, buzzer 2.
        let example = Tower(0x55).shown();
        assert_eq!(example.amber, Some(Light::Blink));
        assert_eq!(example.buzzer, Some(Light::Blink));
        assert!(example.red == Some(Light::On) && example.green == Some(Light::On));
    }

    /// Rule: N12
    #[test]
    fn replies_are_told_apart() {
        assert_eq!(decode_write_reply(b"ACK"), Ok(()));
        assert_eq!(
            decode_write_reply(b"NAK"),
            Err(ReplyError::Refused("NAK".into()))
        );
        assert_eq!(decode_write_reply(b"AC"), Err(ReplyError::Incomplete));
        assert_eq!(decode_write_reply(b""), Err(ReplyError::Empty));
        assert!(matches!(
            decode_write_reply(b"ACKK"),
            Err(ReplyError::Unexpected(_))
        ));
        assert_eq!(
            decode_read_reply(&encode_state(Tower(0x20))),
            Ok(Tower(0x20))
        );
        assert_eq!(decode_read_reply(b"R"), Err(ReplyError::Incomplete));
        assert!(matches!(
            decode_read_reply(b"Rxx"),
            Err(ReplyError::Unexpected(_))
        ));
    }

    /// Rule: N12
    #[test]
    fn a_device_reads_requests_in_pieces() {
        assert_eq!(decode_request(b"W"), Ok(None));
        assert_eq!(
            decode_request(b"W\x17R"),
            Ok(Some((Request::Write(Tower(0x17)), 2)))
        );
        assert_eq!(decode_request(b"R"), Ok(Some((Request::Read, 1))));
        assert_eq!(decode_request(b"X"), Err(RequestError::Malformed));
    }
}
