//! PATLITE PNS: six-byte header and data, TCP or UDP port 10000.
//!
//! ```text
//! 0  2  product class   "XX" NH, NHL, NHP, NH-FV;  "AB" LA6-POE, LR5-LAN
//! 2  1  command         'S' set, 'C' clear, 'G' get status
//! 3  1  00
//! 4  2  data length, big endian
//! 6  n  data            'S': six values, see [`super::tower`]
//! answers: 06 ACK or 15 NAK; to 'G' the bare status, 6 bytes (NH, LR5) or 15 (LA6)
//! ```
//! Sources: PATLITE NHL manual p. 25 and following, LA6-POE manual pp. 35-45, PATLITE's LR5-LAN
//! sample program.
//!
//! *Use.* Encode, send, then read until [`REPLY_BYTES`] (set, clear) or [`Unit::status_bytes`]
//! came or the deadline passed; TCP may split an answer. A lone `15` is NAK also after `G`.
//!
//! *Failure.* NAK is a refusal. An answer of another length is never guessed at.

use alloc::vec::Vec;

use super::tower::{Order, Tower};
use super::{Light, Lights, ReplyError, RequestError, Shown};

/// Length of the answer to set and clear, in bytes.
pub const REPLY_BYTES: usize = 1;
/// The answer that says yes.
pub const ACK: u8 = 0x06;
/// The answer that says no.
pub const NAK: u8 = 0x15;

/// A family of units that agree on prefix and status layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// NH, NHL, NHP, NH-FV: prefix `XX`.
    Nh,
    /// LR5-LAN: prefix `AB`, status of 6 bytes.
    Lr5,
    /// LA6-POE: prefix `AB`, status of 15 bytes. Its tiers' colours are set on the device; we
    /// take tier 1 (top) as red, 2 as amber, 3 as green.
    La6,
}

impl Unit {
    /// Length of the answer to a status request, in bytes.
    pub fn status_bytes(self) -> usize {
        match self {
            Self::Nh | Self::Lr5 => 6,
            Self::La6 => 15,
        }
    }

    /// The product class at the head of a request.
    pub fn prefix(self) -> [u8; 2] {
        match self {
            Self::Nh => *b"XX",
            Self::Lr5 | Self::La6 => *b"AB",
        }
    }
}

/// The request that sets these lights. LR5-LAN has one buzzer pattern: there, blink is on.
pub fn encode_set(unit: Unit, lights: &Lights) -> Vec<u8> {
    let mut lights = *lights;
    if unit == Unit::Lr5 && lights.buzzer == Light::Blink {
        lights.buzzer = Light::On;
    }
    encode(unit, b'S', &Order::new(&lights).values())
}

/// The request that puts everything out.
pub fn encode_clear(unit: Unit) -> Vec<u8> {
    encode(unit, b'C', &[])
}

/// The request that reads what is shown.
pub fn encode_read(unit: Unit) -> Vec<u8> {
    encode(unit, b'G', &[])
}

/// Reads the answer to a set or clear request.
///
/// # Errors
/// [`ReplyError::Empty`], [`ReplyError::Refused`] for NAK, else [`ReplyError::Unexpected`].
pub fn decode_control_reply(bytes: &[u8]) -> Result<(), ReplyError> {
    match bytes {
        [] => Err(ReplyError::Empty),
        [ACK] => Ok(()),
        [NAK] => Err(refused()),
        _ => Err(ReplyError::unexpected_bytes(bytes)),
    }
}

/// Reads the answer to a status request.
///
/// # Errors
/// [`ReplyError::Empty`]; [`ReplyError::Refused`] for a lone NAK; [`ReplyError::Incomplete`] or
/// [`ReplyError::Unexpected`] for another length than the unit's, or values no unit has.
pub fn decode_status_reply(unit: Unit, bytes: &[u8]) -> Result<Shown, ReplyError> {
    if bytes.is_empty() {
        return Err(ReplyError::Empty);
    }
    if bytes == [NAK] {
        return Err(refused());
    }
    if bytes.len() < unit.status_bytes() {
        return Err(ReplyError::Incomplete);
    }
    let values: Option<[u8; 6]> = match unit {
        Unit::Nh | Unit::Lr5 => bytes.try_into().ok(),
        // LA6-POE manual: 8 input bytes, mode, five tiers, buzzer.
        Unit::La6 => bytes
            .get(LA6_STATUS_HEAD..)
            .and_then(|tail| tail.try_into().ok()),
    };
    let tower = values.and_then(Tower::from_values);
    tower
        .map(|tower| tower.shown())
        .ok_or_else(|| ReplyError::unexpected_bytes(bytes))
}

/// Device side: a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The product class it is meant for; a unit answers NAK to another.
    pub prefix: [u8; 2],
    /// What is asked.
    pub action: Action,
}

/// Device side: what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `S`: show this.
    Set(Order),
    /// `C`: everything out.
    Clear,
    /// `G`: answer what is shown.
    Status,
    /// Anything else, or data a unit would refuse; this command id. Answer NAK.
    Other(u8),
}

/// Device side: the first request in `bytes` and how many bytes it took; `None` while it is not
/// whole.
///
/// # Errors
/// [`RequestError`] if there is no PNS header, or the data is longer than any command's.
pub fn decode_request(bytes: &[u8]) -> Result<Option<(Request, usize)>, RequestError> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let [class0, class1, id, zero, high, low] = *head;
    let prefix = [class0, class1];
    if ![*b"XX", *b"AB"].contains(&prefix) || zero != 0 {
        return Err(RequestError::Malformed);
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > DATA_BYTES_MAX {
        return Err(RequestError::TooLong);
    }
    let Some(data) = rest.get(..length) else {
        return Ok(None);
    };
    let order = data.try_into().ok().and_then(Order::from_values);
    let action = match (id, order, length) {
        (b'S', Some(order), _) => Action::Set(order),
        (b'C', _, 0) => Action::Clear,
        (b'G', _, 0) => Action::Status,
        _ => Action::Other(id),
    };
    Ok(Some((Request { prefix, action }, HEADER_BYTES + length)))
}

/// Device side: the answer to a status request. An LA6 shows inactive inputs and signal mode.
pub fn encode_status(unit: Unit, tower: &Tower) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(unit.status_bytes());
    if unit == Unit::La6 {
        bytes.extend_from_slice(&[0; LA6_STATUS_HEAD]);
    }
    bytes.extend_from_slice(&tower.values());
    bytes
}

fn encode(unit: Unit, id: u8, data: &[u8]) -> Vec<u8> {
    debug_assert!(data.len() <= DATA_BYTES_MAX);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + data.len());
    bytes.extend_from_slice(&unit.prefix());
    bytes.extend_from_slice(&[id, 0, 0, data.len() as u8]);
    bytes.extend_from_slice(data);
    bytes
}

fn refused() -> ReplyError {
    ReplyError::refused(b"NAK")
}

const HEADER_BYTES: usize = 6;
const LA6_STATUS_HEAD: usize = 9;
/// Room for every command's data; the longest is a reboot password.
const DATA_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N12
    #[test]
    fn control_replies_are_told_apart() {
        assert_eq!(decode_control_reply(&[ACK]), Ok(()));
        assert_eq!(
            decode_control_reply(&[NAK]),
            Err(ReplyError::Refused("NAK".into()))
        );
        assert_eq!(decode_control_reply(&[]), Err(ReplyError::Empty));
        assert!(matches!(
            decode_control_reply(&[ACK, 0]),
            Err(ReplyError::Unexpected(_))
        ));
    }

    /// Rule: N12 N14
    #[test]
    fn status_replies_have_the_units_length() {
        let tower = Tower::from_digits(b"201003").unwrap();
        for unit in [Unit::Nh, Unit::Lr5, Unit::La6] {
            let bytes = encode_status(unit, &tower);
            assert_eq!(decode_status_reply(unit, &bytes), Ok(tower.shown()));
            assert_eq!(
                decode_status_reply(unit, &bytes[..5]),
                Err(ReplyError::Incomplete)
            );
            let longer = [&bytes[..], &[0]].concat();
            assert!(matches!(
                decode_status_reply(unit, &longer),
                Err(ReplyError::Unexpected(_))
            ));
        }
        assert_eq!(
            decode_status_reply(Unit::Nh, &[NAK]),
            Err(ReplyError::Refused("NAK".into()))
        );
        let odd = [NAK, 0, 0, 0, 0, 0];
        assert!(matches!(
            decode_status_reply(Unit::Nh, &odd),
            Err(ReplyError::Unexpected(_))
        ));
    }

    /// Rule: N12
    #[test]
    fn a_device_reads_requests_in_pieces() {
        let bytes = encode_set(Unit::Nh, &Lights::DOWN);
        for end in 0..bytes.len() {
            assert_eq!(decode_request(&bytes[..end]), Ok(None));
        }
        let (request, used) = decode_request(&bytes).unwrap().unwrap();
        assert_eq!((request.prefix, used), (*b"XX", 12));
        assert_eq!(request.action, Action::Set(Order::new(&Lights::DOWN)));
        let eight = b"XXS\0\0\x06\x08\0\0\0\0\0";
        assert_eq!(
            decode_request(eight).unwrap().unwrap().0.action,
            Action::Other(b'S')
        );
        assert_eq!(decode_request(b"GET / HTTP"), Err(RequestError::Malformed));
        assert_eq!(decode_request(b"XXB\0\x01\0"), Err(RequestError::TooLong));
    }

    /// Rule: N12
    #[test]
    fn lr5_has_one_buzzer_pattern() {
        let lights = Lights {
            buzzer: Light::Blink,
            ..Lights::KEEP
        };
        assert_eq!(encode_set(Unit::Lr5, &lights)[11], 1);
        assert_eq!(encode_set(Unit::Nh, &lights)[11], 2);
    }
}
