//! PATLITE over rsh: `alert`, `status`, `clear`.
//!
//! ```text
//! alert <RYGBCZ> [<seconds>]   answers the status after it, such as 101002
//! status                       answers six digits
//! clear, doclear               back to normal mode
//! test, dotest                 self test
//! ```
//! Source: PATLITE NHL manual (8169-B) pp. 30, 33. The digits are those of [`super::tower`].
//!
//! *Use.* The command texts go into [`super::rsh::Request`]; the output of
//! [`super::rsh::decode_reply`] comes back here.
//!
//! *Failure.* Anything but six digits after `alert` and `status` is an error: a real rshd sends
//! its refusals after the same `00` as a success.

use alloc::string::String;

use super::tower::{Order, Tower};
use super::{Lights, ReplyError, RequestError, Shown};

/// The command that sets these lights.
pub fn encode_set(lights: &Lights) -> String {
    alert(&Order::new(lights))
}

/// The command that puts out every light and the buzzer.
pub fn encode_out() -> String {
    alert(&Order::OUT)
}

/// The command that brings the lamp back to normal mode. Unlike [`encode_out`] it also ends
/// what the lamp's own monitoring shows.
pub fn encode_clear() -> String {
    String::from("clear")
}

/// The command that reads what is shown.
pub fn encode_read() -> String {
    String::from("status")
}

/// Reads the answer to `alert` or `status`: what is shown now.
///
/// # Errors
/// [`ReplyError::Incomplete`] for fewer than six digits or none, [`ReplyError::Unexpected`] for
/// anything else.
pub fn decode_reply(output: &[u8]) -> Result<Shown, ReplyError> {
    let output = output.trim_ascii();
    if let Some(tower) = Tower::from_digits(output) {
        return Ok(tower.shown());
    }
    if output.len() < 6 && output.iter().all(u8::is_ascii_digit) {
        return Err(ReplyError::Incomplete);
    }
    Err(ReplyError::unexpected(output))
}

/// Reads the answer to `clear`, which no manual gives: nothing, or the status.
///
/// # Errors
/// As [`decode_reply`], except that nothing at all is success.
pub fn decode_clear_reply(output: &[u8]) -> Result<Option<Shown>, ReplyError> {
    if output.trim_ascii().is_empty() {
        return Ok(None);
    }
    decode_reply(output).map(Some)
}

/// Device side: a command a lamp understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// `alert`: show this; after `seconds` return to the state before, 0 or `None` for no limit.
    Alert {
        /// What to show.
        order: Order,
        /// 0 to 99.
        seconds: Option<u8>,
    },
    /// `status`.
    Status,
    /// `clear` or `doclear`.
    Clear,
    /// `test` or `dotest`.
    Test,
}

/// Device side: understands a command line. The answer to `alert` and `status` is
/// [`Tower::digits`] and a line feed.
///
/// # Errors
/// [`RequestError::Malformed`] for anything else; what a real lamp answers then is not recorded.
pub fn parse_command(text: &str) -> Result<Request, RequestError> {
    let mut words = text.split_ascii_whitespace();
    let request = match words.next() {
        Some("alert") => {
            let order = words
                .next()
                .and_then(|word| Order::from_digits(word.as_bytes()));
            let seconds = words.next().map(parse_seconds).transpose()?;
            Request::Alert {
                order: order.ok_or(RequestError::Malformed)?,
                seconds,
            }
        }
        Some("status") => Request::Status,
        Some("clear" | "doclear") => Request::Clear,
        Some("test" | "dotest") => Request::Test,
        _ => return Err(RequestError::Malformed),
    };
    match words.next() {
        None => Ok(request),
        Some(_) => Err(RequestError::Malformed),
    }
}

fn alert(order: &Order) -> String {
    let mut text = String::from("alert ");
    text.push_str(&order.digits());
    text
}

fn parse_seconds(word: &str) -> Result<u8, RequestError> {
    let number = word.parse().ok().filter(|seconds| *seconds <= 99);
    number.ok_or(RequestError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lamp::Light;

    /// Rule: N12
    #[test]
    fn replies_need_six_digits() {
        let shown = decode_reply(b"201002\n").unwrap();
        assert!(shown.red == Some(Light::Blink) && shown.amber == Some(Light::Off));
        assert_eq!(decode_reply(b""), Err(ReplyError::Incomplete));
        assert_eq!(decode_reply(b"2010"), Err(ReplyError::Incomplete));
        assert!(matches!(
            decode_reply(b"2010021"),
            Err(ReplyError::Unexpected(_))
        ));
        assert!(matches!(
            decode_reply(b"Authentication failure\n"),
            Err(ReplyError::Unexpected(_))
        ));
        assert_eq!(decode_clear_reply(b"\n"), Ok(None));
        assert!(decode_clear_reply(b"no such command").is_err());
    }

    /// Rule: N12
    #[test]
    fn a_device_understands_the_manuals_commands() {
        let order = Order::from_digits(b"199999").unwrap();
        assert_eq!(
            parse_command("alert 199999"),
            Ok(Request::Alert {
                order,
                seconds: None
            })
        );
        assert_eq!(
            parse_command("alert 199999 30"),
            Ok(Request::Alert {
                order,
                seconds: Some(30)
            })
        );
        assert_eq!(parse_command("status"), Ok(Request::Status));
        assert_eq!(parse_command("doclear"), Ok(Request::Clear));
        assert_eq!(parse_command("dotest"), Ok(Request::Test));
        for bad in [
            "",
            "alert",
            "alert 19999",
            "alert 199998",
            "alert 199999 100",
            "status now",
        ] {
            assert_eq!(parse_command(bad), Err(RequestError::Malformed), "{bad}");
        }
    }
}
