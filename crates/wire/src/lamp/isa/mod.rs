//! ISA Keiko-chan: the `ACOP` command, over rsh (all models) or TCP port 60000 (4G models).
//!
//! ```text
//! ACOP [-u 1] [<8 characters>] [-w <s>] [-t <s>] [-p <password>]
//!      1 red, 2 yellow, 3 green, 4 buzzer continuous, 5 buzzer intermittent, 6-8 unused
//!      0 off, 1 on, 2 blink, 3 quick blink, x or X leave as it is
//! ```
//! Sources: ISA DN-1000S as recorded by dn1000s-py, DN-1510GL by keigo and keiko, DN-1500GL by
//! its Zabbix script.
//!
//! *Use.* [`encode_set`], [`encode_clear`] and [`encode_read`] make the command text. Over rsh it
//! goes into [`super::rsh::Request`], and the output of [`super::rsh::decode_reply`] comes back
//! here. Over TCP it goes through [`tcp_line`], and the answer through [`decode_tcp_line`].
//! After setting, the DN-1000S answers nothing at all over rsh; what 4G models answer is not
//! recorded, so a driver that wants to be sure reads afterwards.
//!
//! *Failure.* `ERnn` and `rshd:` texts are refusals; anything but eight digits is unexpected.
//! Whether `rshd:` texts follow `00` or `01` is not recorded: both are understood. `-w` means a
//! delay in one source and a blink period in another: we never send it.

mod channels;
mod device;

pub use channels::{Channels, Pattern};
pub use device::{
    Action, Fault, INVALID_COMMAND, LOGIN_INCORRECT, Request, decode_tcp_request, parse_command,
};

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Lights, ReplyError, Shown};

/// Longest line read over TCP, in bytes, terminator included.
pub const LINE_BYTES_MAX: usize = 512;
/// Longest password we send, in bytes. DN-1000S web passwords have at most 8.
pub const PASSWORD_BYTES_MAX: usize = 32;

/// The password of `-p`, needed when the lamp's password checking is on. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A password of 1 to [`PASSWORD_BYTES_MAX`] visible ASCII characters; `None` for any other
    /// text, which could not be told from the rest of the command.
    pub fn new(text: &str) -> Option<Self> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = (1..=PASSWORD_BYTES_MAX).contains(&text.len());
        (visible && fits).then(|| Self(text.into()))
    }

    /// Whether this is the password; for the device side.
    pub fn is(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(secret)")
    }
}

/// The command that sets these lights.
pub fn encode_set(lights: &Lights, password: Option<&Password>) -> String {
    command(Some(&Pattern::new(lights)), password)
}

/// The command that puts out every light and buzzer.
pub fn encode_clear(password: Option<&Password>) -> String {
    command(Some(&Pattern::OUT), password)
}

/// The command that reads what is shown.
pub fn encode_read(password: Option<&Password>) -> String {
    command(None, password)
}

/// A command or answer as it goes over TCP port 60000: with the factory terminator, CR.
pub fn tcp_line(text: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(text.len() + 1);
    line.extend_from_slice(text.as_bytes());
    line.push(b'\r');
    line
}

/// The answer in what came over TCP so far, without its terminator (CR, or LF where the lamp
/// was set so).
///
/// # Errors
/// [`ReplyError::Empty`] without a byte and [`ReplyError::Incomplete`] without a terminator:
/// read on unless the connection is closed. [`ReplyError::Unexpected`] past [`LINE_BYTES_MAX`].
pub fn decode_tcp_line(bytes: &[u8]) -> Result<&[u8], ReplyError> {
    match split_line(bytes) {
        Some((line, _)) if line.len() < LINE_BYTES_MAX => Ok(line),
        None if bytes.is_empty() => Err(ReplyError::Empty),
        None if bytes.len() < LINE_BYTES_MAX => Err(ReplyError::Incomplete),
        _ => Err(ReplyError::unexpected(bytes)),
    }
}

/// Reads the answer to a set or clear command. `None` when the lamp said nothing, which over rsh
/// is the DN-1000S's way to say yes.
///
/// # Errors
/// [`ReplyError::Refused`] or [`ReplyError::Unexpected`] with the lamp's words.
pub fn decode_set_reply(answer: &[u8]) -> Result<Option<Shown>, ReplyError> {
    let answer = answer.trim_ascii();
    if answer.is_empty() {
        return Ok(None);
    }
    decode_read_reply(answer).map(Some)
}

/// Reads the answer to a read command: eight digits.
///
/// # Errors
/// [`ReplyError::Refused`] or [`ReplyError::Unexpected`] with the lamp's words;
/// [`ReplyError::Incomplete`] for fewer digits or none.
pub fn decode_read_reply(answer: &[u8]) -> Result<Shown, ReplyError> {
    let answer = answer.trim_ascii();
    if let Some(channels) = Channels::from_digits(answer) {
        return Ok(channels.shown());
    }
    let refusal = Fault::ALL
        .iter()
        .any(|fault| answer.starts_with(fault.code().as_bytes()));
    if refusal || answer.starts_with(b"rshd:") {
        return Err(ReplyError::refused(answer));
    }
    if answer.len() < 8 && answer.iter().all(u8::is_ascii_digit) {
        return Err(ReplyError::Incomplete);
    }
    Err(ReplyError::unexpected(answer))
}

fn command(pattern: Option<&Pattern>, password: Option<&Password>) -> String {
    let mut text = String::from("ACOP");
    if let Some(pattern) = pattern {
        text.push(' ');
        text.extend(pattern.text());
    }
    // The password stands last, as in the DN-1500GL script.
    if let Some(password) = password {
        text.push_str(" -p ");
        text.push_str(&password.0);
    }
    text
}

/// The text before the first CR or LF, and the length with the terminator (CR LF is one).
fn split_line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes
        .iter()
        .position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let pair = bytes[end..].starts_with(b"\r\n");
    Some((&bytes[..end], end + if pair { 2 } else { 1 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lamp::{Light, RequestError};
    use alloc::format;

    /// Rule: N12
    #[test]
    fn set_replies_are_told_apart() {
        assert_eq!(decode_set_reply(b""), Ok(None));
        assert_eq!(decode_set_reply(b"\r\n"), Ok(None));
        let shown = decode_set_reply(b"20100000\n").unwrap().unwrap();
        assert!(shown.red == Some(Light::Blink) && shown.green == Some(Light::On));
        for refusal in [
            "ER01",
            "ER02",
            "ER03",
            "ER04",
            LOGIN_INCORRECT,
            INVALID_COMMAND,
        ] {
            let answer = format!("{refusal}\r");
            assert_eq!(
                decode_set_reply(answer.as_bytes()),
                Err(ReplyError::Refused(refusal.into()))
            );
        }
        assert_eq!(
            decode_set_reply(b"Authentication failure\n"),
            Err(ReplyError::Unexpected("Authentication failure".into()))
        );
    }

    /// Rule: N12 N14
    #[test]
    fn read_replies_need_eight_digits() {
        assert_eq!(decode_read_reply(b""), Err(ReplyError::Incomplete));
        assert_eq!(decode_read_reply(b"1020000"), Err(ReplyError::Incomplete));
        assert!(matches!(
            decode_read_reply(b"102000000"),
            Err(ReplyError::Unexpected(_))
        ));
        assert!(matches!(
            decode_read_reply(b"10200004"),
            Err(ReplyError::Unexpected(_))
        ));
        let buzzer = |digits: &[u8]| decode_read_reply(digits).unwrap().buzzer;
        assert_eq!(buzzer(b"00000000"), Some(Light::Off));
        assert_eq!(buzzer(b"00010000"), Some(Light::On));
        assert_eq!(buzzer(b"00001000"), Some(Light::Blink));
        assert_eq!(buzzer(b"00011000"), Some(Light::On));
    }

    /// Rule: N12
    #[test]
    fn tcp_lines_end_at_the_terminator() {
        assert_eq!(decode_tcp_line(b"10200000\r"), Ok(&b"10200000"[..]));
        assert_eq!(decode_tcp_line(b"\r"), Ok(&b""[..]));
        assert_eq!(decode_tcp_line(b"1020"), Err(ReplyError::Incomplete));
        assert_eq!(decode_tcp_line(b""), Err(ReplyError::Empty));
        assert!(matches!(
            decode_tcp_line(&[b'1'; 512]),
            Err(ReplyError::Unexpected(_))
        ));
        assert_eq!(decode_tcp_request(b"ACOP\r\nALOF\r"), Ok(Some(("ACOP", 6))));
        assert_eq!(decode_tcp_request(b"ACOP"), Ok(None));
        assert_eq!(decode_tcp_request(&[b'A'; 512]), Err(RequestError::TooLong));
    }

    /// Rule: N12
    #[test]
    fn passwords_cannot_break_the_command() {
        for bad in ["", "a b", "a\rACOP", "pass\u{e9}", &"p".repeat(33)] {
            assert_eq!(Password::new(bad), None);
        }
        let password = Password::new("DN1500").unwrap();
        assert_eq!(encode_read(Some(&password)), "ACOP -p DN1500");
        assert_eq!(format!("{password:?}"), "Password(secret)");
    }
}
