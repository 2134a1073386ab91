//! PATLITE over SNMP v1 or v2c: UDP port 161.
//!
//! ```text
//! 1.3.6.1.4.1.20440.4.1.5.1.2.1.2.n  control state   set
//! 1.3.6.1.4.1.20440.4.1.5.1.2.1.3.n  timer, seconds  set together with .2, 0 = none
//! 1.3.6.1.4.1.20440.4.1.5.1.2.1.4.n  current state   get
//! 1.3.6.1.4.1.20440.4.1.5.1.3.0      1 = put everything out
//! n: 1 red, 2 amber, 3 green, 4 blue, 5 white, 6 buzzer
//! state: 1 off, 2 on, 3 flash pattern 1, 5 flash pattern 2
//! ```
//! Sources: EdgeX device-snmp-patlite (NHL-FB2), NH-FV Zabbix script. Lights to be kept are not
//! named in the SET. For the buzzer the sources disagree above 2; we ask for 1, 2 or 3.
//!
//! *Use.* The caller hands in a random request id for each exchange. A datagram for which a
//! decoder answers `None` belongs to an earlier exchange: wait on.
//!
//! *Failure.* An error status is a refusal. A wrong community is not answered at all: the caller
//! sees its deadline pass and should name that cause beside an unreachable lamp.

mod ber;
mod message;
mod table;

pub use message::{
    BINDS_MAX, COMMUNITY_BYTES_MAX, Community, Kind, MESSAGE_BYTES_MAX, Message, Oid, Value,
    Version, status_name,
};
pub use table::{Object, Place, object, order, state};

use alloc::format;
use alloc::vec::Vec;

use table::{CONTROL, CURRENT, TIMER, clear_oid, column, decode_light, encode_light};

use super::{Lights, ReplyError, RequestError, Shown};

/// How an exchange is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access<'a> {
    /// Protocol version.
    pub version: Version,
    /// `private` for set and clear, `public` for read, as the lamps are delivered.
    pub community: &'a Community,
    /// Random for each exchange.
    pub request_id: i32,
}

/// The datagram that sets these lights.
pub fn encode_set(access: Access<'_>, lights: &Lights) -> Vec<u8> {
    let mut binds = Vec::new();
    for (place, light) in [
        (Place::Red, lights.red),
        (Place::Amber, lights.amber),
        (Place::Green, lights.green),
        (Place::Buzzer, lights.buzzer),
    ] {
        if let Some(state) = encode_light(light) {
            binds.push((column(CONTROL, place), Value::Integer(state)));
            binds.push((column(TIMER, place), Value::Integer(0)));
        }
    }
    request(access, Kind::Set, binds)
}

/// The datagram that puts everything out.
pub fn encode_clear(access: Access<'_>) -> Vec<u8> {
    request(
        access,
        Kind::Set,
        Vec::from([(clear_oid(), Value::Integer(1))]),
    )
}

/// The datagram that reads red, amber, green and buzzer.
pub fn encode_read(access: Access<'_>) -> Vec<u8> {
    let places = [Place::Red, Place::Amber, Place::Green, Place::Buzzer];
    let binds = places.map(|place| (column(CURRENT, place), Value::Null));
    request(access, Kind::Get, binds.into())
}

/// Reads the answer to a set or clear; `None` if it answers another exchange.
///
/// # Errors
/// [`ReplyError::Refused`] with the error status, [`ReplyError::Unexpected`] if it is no SNMP.
pub fn decode_set_reply(datagram: &[u8], request_id: i32) -> Result<Option<()>, ReplyError> {
    response(datagram, request_id).map(|message| message.map(|_| ()))
}

/// Reads the answer to a read; `None` if it answers another exchange. Places the lamp does not
/// have, and states no source describes, are left untold.
///
/// # Errors
/// As [`decode_set_reply`].
pub fn decode_read_reply(datagram: &[u8], request_id: i32) -> Result<Option<Shown>, ReplyError> {
    let Some(message) = response(datagram, request_id)? else {
        return Ok(None);
    };
    let light = |place| {
        let oid = column(CURRENT, place);
        let bind = message.binds.iter().find(|(name, _)| *name == oid);
        bind.and_then(|(_, value)| decode_light(*value, place))
    };
    Ok(Some(Shown {
        red: light(Place::Red),
        amber: light(Place::Amber),
        green: light(Place::Green),
        buzzer: light(Place::Buzzer),
    }))
}

/// Device side: reads a request.
///
/// # Errors
/// [`RequestError`] if it is no GET or SET; an agent drops it without an answer.
pub fn decode_request(datagram: &[u8]) -> Result<Message, RequestError> {
    if datagram.len() > MESSAGE_BYTES_MAX {
        return Err(RequestError::TooLong);
    }
    let message = Message::decode(datagram).filter(|message| message.kind != Kind::Response);
    message.ok_or(RequestError::Malformed)
}

/// Device side: the answer to a request, with these variables.
pub fn answer(request: &Message, binds: Vec<(Oid, Value)>) -> Message {
    Message {
        kind: Kind::Response,
        error_status: 0,
        error_index: 0,
        binds,
        ..request.clone()
    }
}

/// Device side: the refusal of a request, for the variable `error_index` (from 1). It repeats
/// the variables of the request (RFC 3416 section 4.2.5).
pub fn refusal(request: &Message, error_status: i32, error_index: i32) -> Message {
    Message {
        kind: Kind::Response,
        error_status,
        error_index,
        ..request.clone()
    }
}

fn request(access: Access<'_>, kind: Kind, binds: Vec<(Oid, Value)>) -> Vec<u8> {
    Message {
        version: access.version,
        community: access.community.clone(),
        kind,
        request_id: access.request_id,
        error_status: 0,
        error_index: 0,
        binds,
    }
    .encode()
}

fn response(datagram: &[u8], request_id: i32) -> Result<Option<Message>, ReplyError> {
    let Some(message) = Message::decode(datagram) else {
        // Not in its own words: they may contain the community.
        let text = format!("{} bytes that are no SNMP answer", datagram.len());
        return Err(ReplyError::Unexpected(text));
    };
    if message.kind != Kind::Response || message.request_id != request_id {
        return Ok(None);
    }
    if message.error_status != 0 {
        let name = status_name(message.error_status);
        let text = format!(
            "{name} ({}) at variable {}",
            message.error_status, message.error_index
        );
        return Err(ReplyError::refused(text.as_bytes()));
    }
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lamp::Light;
    use crate::lamp::tower::Tower;

    fn access(community: &Community) -> Access<'_> {
        Access {
            version: Version::V2c,
            community,
            request_id: 7,
        }
    }

    fn private() -> Community {
        Community::new("private").unwrap()
    }

    /// Rule: N12
    #[test]
    fn a_device_obeys_what_a_client_sets() {
        let set = encode_set(access(&private()), &Lights::DOWN);
        let request = decode_request(&set).unwrap();
        assert_eq!(request.community, private());
        let mut tower = Tower::from_digits(b"011000").unwrap();
        for (oid, value) in &request.binds {
            match (object(oid), value) {
                (Some(Object::Control(place)), Value::Integer(number)) => {
                    tower.obey(&order(place, *number).unwrap());
                }
                (Some(Object::Timer(_)), Value::Integer(0)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(tower.digits(), "210000");
        let reply = answer(&request, request.binds.clone()).encode();
        assert_eq!(decode_set_reply(&reply, 7), Ok(Some(())));
        assert_eq!(decode_set_reply(&reply, 8), Ok(None), "another exchange");
        assert_eq!(
            decode_set_reply(&set, 7),
            Ok(None),
            "a request is no answer"
        );
    }

    /// Rule: N12 N14
    #[test]
    fn a_read_tells_what_the_lamp_has() {
        let request = decode_request(&encode_read(access(&private()))).unwrap();
        let values = [
            Value::Integer(3),
            Value::Missing,
            Value::Integer(2),
            Value::Integer(4),
        ];
        let names = request.binds.iter().map(|(oid, _)| oid.clone());
        let reply = answer(&request, names.zip(values).collect()).encode();
        let shown = decode_read_reply(&reply, 7).unwrap().unwrap();
        assert_eq!(shown.red, Some(Light::Blink));
        assert_eq!(shown.amber, None);
        assert_eq!(shown.green, Some(Light::On));
        assert_eq!(shown.buzzer, Some(Light::Blink));
    }

    /// Rule: N12
    #[test]
    fn refusals_name_the_status() {
        let request = decode_request(&encode_clear(access(&private()))).unwrap();
        assert_eq!(object(&request.binds[0].0), Some(Object::Clear));
        let reply = refusal(&request, 6, 1).encode();
        let error = Err(ReplyError::Refused("noAccess (6) at variable 1".into()));
        assert_eq!(decode_set_reply(&reply, 7), error);
        assert!(matches!(
            decode_set_reply(b"hello", 7),
            Err(ReplyError::Unexpected(_))
        ));
        assert_eq!(status_name(-1), "unknown error");
        assert_eq!(status_name(18), "inconsistentName");
    }

    /// Rule: N12
    #[test]
    fn truncated_messages_are_refused() {
        let set = encode_set(access(&private()), &Lights::DOWN);
        for end in 0..set.len() {
            assert_eq!(decode_request(&set[..end]), Err(RequestError::Malformed));
        }
        assert_eq!(decode_request(&[0x30; 1473]), Err(RequestError::TooLong));
    }
}
