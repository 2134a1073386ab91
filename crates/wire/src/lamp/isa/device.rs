//! The lamp's side of `ACOP`: understands commands as a Keiko-chan does.
//!
//! *Use.* Over TCP, [`decode_tcp_request`] cuts the lines; [`parse_command`] understands one.
//!
//! *Failure.* A [`Fault`] is what the lamp answers; it does nothing then.

use super::{LINE_BYTES_MAX, Password, Pattern, split_line};
use crate::lamp::RequestError;

/// Device side: a command a lamp understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub action: Action,
    /// `-w`, whose meaning the sources dispute, in seconds.
    pub wait_s: Option<u16>,
    /// `-t`: off again after so many seconds.
    pub light_s: Option<u16>,
    /// `-p`.
    pub password: Option<Password>,
}

/// Device side: what a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `ACOP` without a pattern: answer what is shown.
    Read,
    /// `ACOP` with a pattern.
    Set(Pattern),
    /// `ALOF`: everything off.
    AlarmOff,
}

/// Why a lamp refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `ER01`: no such command.
    UnknownCommand,
    /// `ER02`: wrong terminator.
    WrongTerminator,
    /// `ER03`: wrong argument.
    WrongArgument,
    /// `ER04`: understood, but it failed.
    Failed,
}

impl Fault {
    /// All faults, by number.
    pub const ALL: [Self; 4] = [
        Self::UnknownCommand,
        Self::WrongTerminator,
        Self::WrongArgument,
        Self::Failed,
    ];

    /// What the lamp answers over TCP.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownCommand => "ER01",
            Self::WrongTerminator => "ER02",
            Self::WrongArgument => "ER03",
            Self::Failed => "ER04",
        }
    }
}

/// Device side: what a lamp answers over rsh to a wrong command or argument.
pub const INVALID_COMMAND: &str = "rshd: Invalid Command";
/// Device side: what a lamp answers over rsh to an unknown user or wrong password.
pub const LOGIN_INCORRECT: &str = "rshd: Login Incorrect";

/// Device side: the first command line in what came over TCP, without its terminator, and how
/// many bytes it took; `None` while it is not whole.
///
/// # Errors
/// [`RequestError`] past [`LINE_BYTES_MAX`] or if it is not text.
pub fn decode_tcp_request(bytes: &[u8]) -> Result<Option<(&str, usize)>, RequestError> {
    match split_line(bytes) {
        Some((line, used)) if line.len() < LINE_BYTES_MAX => {
            let text = core::str::from_utf8(line).map_err(|_| RequestError::Malformed)?;
            Ok(Some((text, used)))
        }
        None if bytes.len() < LINE_BYTES_MAX => Ok(None),
        _ => Err(RequestError::TooLong),
    }
}

/// Device side: understands a command. Names are taken in either case, as the devices do.
///
/// # Errors
/// [`Fault::UnknownCommand`] or [`Fault::WrongArgument`]; the lamp does nothing then.
pub fn parse_command(text: &str) -> Result<Request, Fault> {
    let mut words = text.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let mut request = Request {
        action: Action::Read,
        wait_s: None,
        light_s: None,
        password: None,
    };
    if name.eq_ignore_ascii_case("ALOF") {
        request.action = Action::AlarmOff;
    } else if !name.eq_ignore_ascii_case("ACOP") {
        return Err(Fault::UnknownCommand);
    }
    while let Some(word) = words.next() {
        match word {
            "-u" => match words.next() {
                Some("1") => {}
                // 2 would be the 4G models' digital outputs.
                _ => return Err(Fault::WrongArgument),
            },
            "-w" => request.wait_s = Some(seconds(words.next())?),
            "-t" => request.light_s = Some(seconds(words.next())?),
            "-p" => {
                let password = words.next().and_then(Password::new);
                request.password = Some(password.ok_or(Fault::WrongArgument)?);
            }
            _ if request.action == Action::Read => {
                request.action = Action::Set(Pattern::parse(word).ok_or(Fault::WrongArgument)?);
            }
            _ => return Err(Fault::WrongArgument),
        }
    }
    Ok(request)
}

/// Whole seconds from 1; the DN-1000S refuses fractions.
fn seconds(word: Option<&str>) -> Result<u16, Fault> {
    let number = word.and_then(|word| word.parse().ok());
    number
        .filter(|seconds| *seconds <= SECONDS_MAX)
        .ok_or(Fault::WrongArgument)
}

/// keigo's bound for `-t`.
const SECONDS_MAX: u16 = 32767;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lamp::isa::Channels;

    /// Rule: N12
    #[test]
    fn a_device_obeys_and_keeps() {
        let mut channels = Channels::DARK;
        for text in [
            "ACOP 1xx1xxxx",
            "acop xX2xxxxx -t 5 -p DN1500",
            "ACOP -u 1 0xxxxxxx",
        ] {
            match parse_command(text).unwrap().action {
                Action::Set(pattern) => channels.obey(&pattern),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(channels.digits(), "00210000");
        assert_eq!(parse_command("ACOP").unwrap().action, Action::Read);
        assert_eq!(parse_command("alof").unwrap().action, Action::AlarmOff);
        let timed = parse_command("ACOP 1xxxxxxx -t 30 -p pw").unwrap();
        assert_eq!(timed.light_s, Some(30));
        assert!(timed.password.unwrap().is("pw"));
    }

    /// Rule: N12
    #[test]
    fn a_device_refuses_what_it_does_not_know() {
        for text in ["", "HELO", "ACOPX", "-p"] {
            assert_eq!(parse_command(text), Err(Fault::UnknownCommand), "{text}");
        }
        for text in [
            "ACOP 1",
            "ACOP 1xxxxxx4",
            "ACOP 1xxxxxxx 1xxxxxxx",
            "ACOP -t 2.0",
            "ACOP -t",
            "ACOP -u 2",
            "ACOP -u 2 1xxxxxxx",
            "ACOP -p",
            "ACOP -t 40000",
            "ALOF 1xxxxxxx",
        ] {
            assert_eq!(parse_command(text), Err(Fault::WrongArgument), "{text}");
        }
    }
}
