//! rsh: one command line, carried as rcmd(3) and rshd(8) define it, over TCP port 514.
//!
//! ```text
//! asks     <stderr port, decimal> 00 <local user> 00 <remote user> 00 <command> 00
//! answers  00 then the command's output until the end of the connection, or
//!          01 then a text ending in LF
//! ```
//! *Use.* The caller connects from a source port in 512-1023, sends [`Request::encode`], reads
//! until the lamp closes or [`REPLY_BYTES_MAX`] bytes came, and gives all of it to
//! [`decode_reply`]. It must not close its sending half first: the reserved port would then stay
//! occupied for a minute, and there are only 512. We send stderr port 0 (one channel); the
//! device side understands the second channel because rsh programs ask for it.
//!
//! *Failure.* `00` proves only that the command was started; its output must be given to the
//! decoder of the command's language ([`super::isa`], [`super::patlite`]).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::{ReplyError, RequestError};

/// Longest user name, in bytes, without its NUL (rshd(8)).
pub const USER_BYTES_MAX: usize = 16;
/// Longest command we send or accept, in bytes. No lamp command comes near it.
pub const COMMAND_BYTES_MAX: usize = 512;
/// A reply is read up to here, in bytes; whatever follows is ignored.
pub const REPLY_BYTES_MAX: usize = 4096;

/// One rsh request. Its fields cannot contain what would break the framing.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    stderr_port: u16,
    local_user: String,
    remote_user: String,
    command: String,
}

impl Request {
    /// A request without a second channel.
    ///
    /// # Errors
    /// [`FieldError`] names the field that has NUL, CR or LF in it, is empty, or is too long.
    pub fn new(local_user: &str, remote_user: &str, command: &str) -> Result<Self, FieldError> {
        check(Field::LocalUser, local_user, USER_BYTES_MAX)?;
        check(Field::RemoteUser, remote_user, USER_BYTES_MAX)?;
        check(Field::Command, command, COMMAND_BYTES_MAX)?;
        Ok(Self {
            stderr_port: 0,
            local_user: local_user.to_string(),
            remote_user: remote_user.to_string(),
            command: command.to_string(),
        })
    }

    /// The caller's port for the second channel, 512 to 1023, or 0 for none.
    pub fn stderr_port(&self) -> u16 {
        self.stderr_port
    }

    /// The user's name on the asking side.
    pub fn local_user(&self) -> &str {
        &self.local_user
    }

    /// The user's name on the lamp.
    pub fn remote_user(&self) -> &str {
        &self.remote_user
    }

    /// The command line. It may hold the lamp's password: not for logs.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The bytes to send, in one piece.
    pub fn encode(&self) -> Vec<u8> {
        let port = self.stderr_port.to_string();
        let fields = [
            port.as_str(),
            &self.local_user,
            &self.remote_user,
            &self.command,
        ];
        let mut bytes = Vec::with_capacity(fields.iter().map(|field| field.len() + 1).sum());
        for field in fields {
            bytes.extend_from_slice(field.as_bytes());
            bytes.push(0);
        }
        bytes
    }
}

/// Without the command's text, which may hold a password.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("stderr_port", &self.stderr_port)
            .field("local_user", &self.local_user)
            .field("remote_user", &self.remote_user)
            .field("command_bytes", &self.command.len())
            .finish()
    }
}

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The user's name on the asking side.
    LocalUser,
    /// The user's name on the lamp.
    RemoteUser,
    /// The command line.
    Command,
}

/// Why a request cannot be made. No request exists afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldError {
    /// The field is empty.
    Empty(Field),
    /// The field has more bytes than rsh allows.
    TooLong(Field),
    /// The field has NUL, CR or LF in it.
    Forbidden(Field),
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, what) = match self {
            Self::Empty(field) => (field, "is empty"),
            Self::TooLong(field) => (field, "is too long"),
            Self::Forbidden(field) => (field, "contains a NUL, a carriage return or a line feed"),
        };
        let name = match field {
            Field::LocalUser => "local user name",
            Field::RemoteUser => "remote user name",
            Field::Command => "command",
        };
        write!(f, "the {name} for rsh {what}")
    }
}

impl core::error::Error for FieldError {}

/// Reads the whole of what a lamp sent until it closed: the command's output on success.
///
/// # Errors
/// [`ReplyError::Empty`] without a byte, [`ReplyError::Refused`] after `01`,
/// [`ReplyError::Unexpected`] otherwise.
pub fn decode_reply(bytes: &[u8]) -> Result<&[u8], ReplyError> {
    let bytes = &bytes[..bytes.len().min(REPLY_BYTES_MAX)];
    match bytes.split_first() {
        None => Err(ReplyError::Empty),
        Some((0, output)) => Ok(output),
        Some((1, text)) => Err(ReplyError::refused(text)),
        Some(_) => Err(ReplyError::unexpected(bytes)),
    }
}

/// Device side: what a lamp sends when it has run the command.
pub fn encode_output(output: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + output.len());
    bytes.push(0);
    bytes.extend_from_slice(output);
    bytes
}

/// Device side: what a lamp sends when it refuses. A line feed is appended.
pub fn encode_refusal(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + text.len());
    bytes.push(1);
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(b'\n');
    bytes
}

/// Device side: collects a request that arrives in pieces, byte by byte if need be.
///
/// Never holds more than the longest request. After an error it stays in error.
#[derive(Debug, Default)]
pub struct RequestDecoder {
    stderr_port: Option<u16>,
    users: Vec<String>,
    field: Vec<u8>,
    failed: Option<RequestError>,
}

impl RequestDecoder {
    /// A decoder that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The caller's stderr port once it is known; 0 means none. A device connects to it before
    /// it reads the user names (rshd(8)).
    pub fn stderr_port(&self) -> Option<u16> {
        self.stderr_port
    }

    /// Takes the next bytes; `Some` once the request is whole. Bytes after its end are ignored.
    ///
    /// # Errors
    /// [`RequestError`] if a field is too long or not text, or the stderr port is outside
    /// 512-1023. A real rshd then closes without a byte.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Request>, RequestError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        for &byte in bytes {
            match self.push_byte(byte) {
                Ok(None) => {}
                Ok(request) => return Ok(request),
                Err(error) => {
                    self.failed = Some(error);
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    fn push_byte(&mut self, byte: u8) -> Result<Option<Request>, RequestError> {
        if byte != 0 {
            if self.field.len() == self.field_bytes_max() {
                return Err(RequestError::TooLong);
            }
            self.field.push(byte);
            return Ok(None);
        }
        let text = String::from_utf8(core::mem::take(&mut self.field))
            .map_err(|_| RequestError::Malformed)?;
        if self.stderr_port.is_none() {
            self.stderr_port = Some(parse_stderr_port(&text)?);
            return Ok(None);
        }
        if self.users.len() < 2 {
            self.users.push(text);
            return Ok(None);
        }
        let [local_user, remote_user] = [0, 1].map(|i| self.users[i].as_str());
        let request =
            Request::new(local_user, remote_user, &text).map_err(|_| RequestError::Malformed)?;
        Ok(Some(Request {
            stderr_port: self.stderr_port.unwrap_or(0),
            ..request
        }))
    }

    fn field_bytes_max(&self) -> usize {
        match (self.stderr_port, self.users.len()) {
            (None, _) => STDERR_PORT_BYTES_MAX,
            (_, 0 | 1) => USER_BYTES_MAX,
            _ => COMMAND_BYTES_MAX,
        }
    }
}

/// Real rshd programs take an empty field, or one that is no number, as 0.
fn parse_stderr_port(text: &str) -> Result<u16, RequestError> {
    match text.parse() {
        Ok(port @ (0 | 512..=1023)) => Ok(port),
        Ok(_) => Err(RequestError::Malformed),
        Err(_) => Ok(0),
    }
}

fn check(field: Field, text: &str, bytes_max: usize) -> Result<(), FieldError> {
    if text.is_empty() {
        return Err(FieldError::Empty(field));
    }
    if text.len() > bytes_max {
        return Err(FieldError::TooLong(field));
    }
    if text.contains(['\0', '\r', '\n']) {
        return Err(FieldError::Forbidden(field));
    }
    Ok(())
}

const STDERR_PORT_BYTES_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    /// Rule: N13
    #[test]
    fn fields_cannot_break_the_framing() {
        let long = "u".repeat(17);
        let cases = [
            (("", "root", "status"), FieldError::Empty(Field::LocalUser)),
            (("root", "", "status"), FieldError::Empty(Field::RemoteUser)),
            (("root", "root", ""), FieldError::Empty(Field::Command)),
            (
                (&*long, "root", "status"),
                FieldError::TooLong(Field::LocalUser),
            ),
            (
                ("root", &*long, "status"),
                FieldError::TooLong(Field::RemoteUser),
            ),
            (
                ("ro\0t", "root", "status"),
                FieldError::Forbidden(Field::LocalUser),
            ),
            (
                ("root", "ro\nt", "status"),
                FieldError::Forbidden(Field::RemoteUser),
            ),
            (
                ("root", "root", "status\r"),
                FieldError::Forbidden(Field::Command),
            ),
        ];
        for ((local, remote, command), error) in cases {
            assert_eq!(Request::new(local, remote, command), Err(error));
        }
        assert!(Request::new("root", "root", &"c".repeat(513)).is_err());
    }

    /// Rule: N13
    #[test]
    fn debug_hides_the_command() {
        let request = Request::new("root", "root", "ACOP -p secret").unwrap();
        assert!(!format!("{request:?}").contains("secret"));
    }

    /// Rule: N12 N13
    #[test]
    fn replies_are_told_apart() {
        assert_eq!(decode_reply(b""), Err(ReplyError::Empty));
        assert_eq!(decode_reply(b"\x00"), Ok(&b""[..]));
        assert_eq!(
            decode_reply(&encode_output(b"101002\n")),
            Ok(&b"101002\n"[..])
        );
        assert_eq!(
            decode_reply(&encode_refusal("Permission denied.")),
            Err(ReplyError::Refused("Permission denied.".into()))
        );
        assert_eq!(
            decode_reply(b"SSH-2.0-x"),
            Err(ReplyError::Unexpected("SSH-2.0-x".into()))
        );
        assert_eq!(decode_reply(&[0; 9999]).unwrap().len(), REPLY_BYTES_MAX - 1);
    }

    /// Rule: N13
    #[test]
    fn requests_are_read_byte_by_byte() {
        let sent = Request::new("hacluster", "root", "alert 199999").unwrap();
        let bytes = sent.encode();
        let mut decoder = RequestDecoder::new();
        for byte in &bytes[..bytes.len() - 1] {
            assert_eq!(decoder.push(&[*byte]), Ok(None));
        }
        assert_eq!(decoder.push(&[0]), Ok(Some(sent)));
    }

    /// Rule: N13
    #[test]
    fn stderr_port_is_known_before_the_names() {
        let mut decoder = RequestDecoder::new();
        assert_eq!(decoder.push(b"10"), Ok(None));
        assert_eq!(decoder.stderr_port(), None);
        assert_eq!(decoder.push(b"15\0"), Ok(None));
        assert_eq!(decoder.stderr_port(), Some(1015));
        let request = decoder.push(b"a\0b\0c\0rest").unwrap().unwrap();
        assert_eq!(request.stderr_port(), 1015);
        let empty = RequestDecoder::new().push(b"\0a\0b\0c\0").unwrap().unwrap();
        assert_eq!(empty.stderr_port(), 0);
    }

    /// Rule: N13
    #[test]
    fn bad_requests_are_refused_for_good() {
        for bad in [
            &b"1024\0"[..],
            b"511\0",
            b"000000",
            b"0\0uuuuuuuuuuuuuuuuu",
            b"0\0\xff\0",
            b"0\0a\0b\0\0",
        ] {
            let mut decoder = RequestDecoder::new();
            assert!(decoder.push(bad).is_err(), "{bad:?}");
            assert!(decoder.push(b"0\0a\0b\0c\0").is_err(), "{bad:?}");
        }
    }
}
