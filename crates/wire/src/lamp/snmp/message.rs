//! SNMP v1 and v2c messages with INTEGER values (RFC 1157 section 4, RFC 3416 section 3).
//!
//! *Use.* Both sides encode and decode the same [`Message`].
//!
//! *Failure.* [`Message::decode`] answers `None` to what is no such message or exceeds
//! [`MESSAGE_BYTES_MAX`] or [`BINDS_MAX`]. Values of other types are kept as [`Value::Other`],
//! without their contents.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::ber::{self, Reader};

/// Longest message read, in bytes: what fits one Ethernet frame.
pub const MESSAGE_BYTES_MAX: usize = 1472;
/// Most variables in a message.
pub const BINDS_MAX: usize = 32;
/// Longest community name, in bytes.
pub const COMMUNITY_BYTES_MAX: usize = 64;

/// Protocol version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// SNMP v1 (RFC 1157).
    V1,
    /// SNMP v2c (RFC 1901), our default.
    #[default]
    V2c,
}

/// A community name, which is a password in the clear. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Community(String);

impl Community {
    /// A name of at most [`COMMUNITY_BYTES_MAX`] bytes; `None` if longer.
    pub fn new(name: &str) -> Option<Self> {
        (name.len() <= COMMUNITY_BYTES_MAX).then(|| Self(name.into()))
    }
}

impl fmt::Debug for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Community(secret)")
    }
}

/// What a message does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// GetRequest.
    Get,
    /// SetRequest.
    Set,
    /// Response (v1: GetResponse).
    Response,
}

/// An object identifier, as its numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Oid(pub Vec<u32>);

/// A variable's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// No value: in a GET.
    Null,
    /// INTEGER.
    Integer(i32),
    /// v2c: noSuchObject, noSuchInstance or endOfMibView. Written as noSuchObject.
    Missing,
    /// Some other type, with this BER tag. Written as no value.
    Other(u8),
}

/// One SNMP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Protocol version.
    pub version: Version,
    /// The community name.
    pub community: Community,
    /// What the message does.
    pub kind: Kind,
    /// Chosen by the asking side; the answer bears the same.
    pub request_id: i32,
    /// 0 for success (RFC 3416 section 3); see [`status_name`].
    pub error_status: i32,
    /// Which variable the error is about, from 1.
    pub error_index: i32,
    /// The variables; at most [`BINDS_MAX`].
    pub binds: Vec<(Oid, Value)>,
}

impl Message {
    /// The message as one datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for (oid, value) in self.binds.iter().take(BINDS_MAX) {
            let mut bind = Vec::new();
            ber::write_oid(&mut bind, &oid.0);
            match value {
                Value::Null | Value::Other(_) => ber::write(&mut bind, ber::NULL, &[]),
                Value::Integer(number) => ber::write_integer(&mut bind, *number),
                Value::Missing => ber::write(&mut bind, NO_SUCH_OBJECT, &[]),
            }
            ber::write(&mut list, ber::SEQUENCE, &bind);
        }
        let mut pdu = Vec::new();
        ber::write_integer(&mut pdu, self.request_id);
        ber::write_integer(&mut pdu, self.error_status);
        ber::write_integer(&mut pdu, self.error_index);
        ber::write(&mut pdu, ber::SEQUENCE, &list);

        let mut contents = Vec::new();
        ber::write_integer(&mut contents, encode_version(self.version));
        ber::write(
            &mut contents,
            ber::OCTET_STRING,
            self.community.0.as_bytes(),
        );
        ber::write(&mut contents, encode_kind(self.kind), &pdu);
        let mut message = Vec::new();
        ber::write(&mut message, ber::SEQUENCE, &contents);
        message
    }

    /// Reads a datagram; `None` if it is no message of these versions and kinds.
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        if datagram.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        let mut outer = Reader::new(datagram);
        let mut contents = Reader::new(outer.expect(ber::SEQUENCE)?);
        let version = decode_version(contents.integer()?)?;
        let community = core::str::from_utf8(contents.expect(ber::OCTET_STRING)?).ok()?;
        let community = Community::new(community)?;
        let (tag, pdu) = contents.element()?;
        let kind = decode_kind(tag)?;
        let mut pdu = Reader::new(pdu);
        let [request_id, error_status, error_index] =
            [pdu.integer()?, pdu.integer()?, pdu.integer()?];
        let binds = decode_binds(pdu.expect(ber::SEQUENCE)?)?;
        let whole = pdu.is_empty() && contents.is_empty() && outer.is_empty();
        whole.then_some(Self {
            version,
            community,
            kind,
            request_id,
            error_status,
            error_index,
            binds,
        })
    }
}

/// The name of an error status (RFC 3416 section 3).
pub fn status_name(error_status: i32) -> &'static str {
    const NAMES: [&str; 19] = [
        "noError",
        "tooBig",
        "noSuchName",
        "badValue",
        "readOnly",
        "genErr",
        "noAccess",
        "wrongType",
        "wrongLength",
        "wrongEncoding",
        "wrongValue",
        "noCreation",
        "inconsistentValue",
        "resourceUnavailable",
        "commitFailed",
        "undoFailed",
        "authorizationError",
        "notWritable",
        "inconsistentName",
    ];
    let name = usize::try_from(error_status)
        .ok()
        .and_then(|status| NAMES.get(status));
    name.copied().unwrap_or("unknown error")
}

fn decode_binds(list: &[u8]) -> Option<Vec<(Oid, Value)>> {
    let mut list = Reader::new(list);
    let mut binds = Vec::new();
    while !list.is_empty() {
        if binds.len() == BINDS_MAX {
            return None;
        }
        let mut bind = Reader::new(list.expect(ber::SEQUENCE)?);
        let oid = ber::read_oid(bind.expect(ber::OBJECT_IDENTIFIER)?)?;
        let value = match bind.element()? {
            (ber::NULL, _) => Value::Null,
            (ber::INTEGER, contents) => Value::Integer(ber::read_integer(contents)?),
            (NO_SUCH_OBJECT | NO_SUCH_INSTANCE | END_OF_MIB_VIEW, _) => Value::Missing,
            (tag, _) => Value::Other(tag),
        };
        binds.push((Oid(oid), value));
    }
    Some(binds)
}

fn encode_version(version: Version) -> i32 {
    match version {
        Version::V1 => 0,
        Version::V2c => 1,
    }
}

fn decode_version(number: i32) -> Option<Version> {
    match number {
        0 => Some(Version::V1),
        1 => Some(Version::V2c),
        _ => None,
    }
}

fn encode_kind(kind: Kind) -> u8 {
    match kind {
        Kind::Get => 0xa0,
        Kind::Response => 0xa2,
        Kind::Set => 0xa3,
    }
}

fn decode_kind(tag: u8) -> Option<Kind> {
    match tag {
        0xa0 => Some(Kind::Get),
        0xa2 => Some(Kind::Response),
        0xa3 => Some(Kind::Set),
        _ => None,
    }
}

const NO_SUCH_OBJECT: u8 = 0x80;
const NO_SUCH_INSTANCE: u8 = 0x81;
const END_OF_MIB_VIEW: u8 = 0x82;
