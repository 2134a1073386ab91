//! PATLITE over HTTP: one GET to port 80.
//!
//! ```text
//! GET /api/control?alert=<RYGBCZ>     set; digits of [`super::tower`]
//! GET /api/control?clear=1            put everything out
//! body of the answer: exactly "Success." or "Error."
//! ```
//! Source: PATLITE LA6-POE manual p. 62; NH-FV from firmware 1.45 on, where it must be enabled.
//! There is no read-back on these units.
//!
//! *Use.* Send the request, read until [`reply_is_whole`], the lamp closes, or
//! [`REPLY_BYTES_MAX`] bytes came; give all of it to [`decode_reply`].
//!
//! *Failure.* The body counts, not the status: the manual describes the error as a body. Small
//! devices answer loosely, so HTTP/1.x with or without a length and a bare body (HTTP/0.9) are
//! all understood.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::tower::Order;
use super::{Lights, ReplyError, RequestError};

/// A reply is read up to here, in bytes.
pub const REPLY_BYTES_MAX: usize = 4096;
/// Longest request the device side accepts, in bytes.
pub const REQUEST_BYTES_MAX: usize = 4096;

/// The request that sets these lights.
pub fn encode_set(lamp: SocketAddr, lights: &Lights) -> Vec<u8> {
    encode(lamp, &format!("alert={}", Order::new(lights).digits()))
}

/// The request that puts everything out.
pub fn encode_clear(lamp: SocketAddr) -> Vec<u8> {
    encode(lamp, "clear=1")
}

/// Whether what came so far is a whole reply by its own length, so that nobody needs to wait
/// for the lamp to close.
pub fn reply_is_whole(bytes: &[u8]) -> bool {
    let Some((head, body)) = split_head(bytes) else {
        return false;
    };
    match Framing::of(head) {
        Framing::Length(length) => body.len() >= length,
        Framing::Chunked => dechunk(body).is_some(),
        Framing::UntilClose => false,
    }
}

/// Reads what the lamp sent.
///
/// # Errors
/// [`ReplyError::Empty`] without a byte; [`ReplyError::Refused`] for `Error.`;
/// [`ReplyError::Incomplete`] if the head or the body broke off; [`ReplyError::Unexpected`] with
/// the status line or the body for anything else.
pub fn decode_reply(bytes: &[u8]) -> Result<(), ReplyError> {
    let bytes = &bytes[..bytes.len().min(REPLY_BYTES_MAX)];
    if bytes.is_empty() {
        return Err(ReplyError::Empty);
    }
    if !bytes.starts_with(b"HTTP/") {
        let cut_off = b"HTTP/".starts_with(bytes);
        return if cut_off {
            Err(ReplyError::Incomplete)
        } else {
            judge(bytes, bytes)
        };
    }
    let Some((head, body)) = split_head(bytes) else {
        return Err(ReplyError::Incomplete);
    };
    let status_line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match Framing::of(head) {
        Framing::Length(length) => match body.get(..length) {
            Some(body) => judge(body, status_line),
            None => Err(ReplyError::Incomplete),
        },
        Framing::Chunked => judge(&dechunk(body).ok_or(ReplyError::Incomplete)?, status_line),
        Framing::UntilClose => judge(body, status_line),
    }
}

/// Device side: what a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// `alert=`.
    Alert(Order),
    /// `clear=1`.
    Clear,
    /// The control path with parameters a lamp does not know: answer `Error.`.
    Unknown,
    /// Not a GET of the control path.
    Elsewhere,
}

/// Device side: the request in what came so far; `None` while it is not whole. HTTP/0.9 has one
/// line, later versions end with an empty one.
///
/// # Errors
/// [`RequestError`] past [`REQUEST_BYTES_MAX`] or if there is no request line.
pub fn decode_request(bytes: &[u8]) -> Result<Option<Request>, RequestError> {
    let whole = bytes.len().min(REQUEST_BYTES_MAX);
    let unfinished = if bytes.len() < REQUEST_BYTES_MAX {
        Ok(None)
    } else {
        Err(RequestError::TooLong)
    };
    let bytes = &bytes[..whole];
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return unfinished;
    };
    let line = core::str::from_utf8(&bytes[..end]).map_err(|_| RequestError::Malformed)?;
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(RequestError::Malformed);
    };
    if words.next().is_some() && split_head(bytes).is_none() {
        return unfinished;
    }
    if method != "GET" {
        return Ok(Some(Request::Elsewhere));
    }
    Ok(Some(parse_target(target)))
}

/// Device side: the answer of a lamp that did, or did not do, what was asked.
pub fn encode_reply(success: bool) -> Vec<u8> {
    let body = if success { SUCCESS } else { ERROR };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Device side: the answer to [`Request::Elsewhere`].
pub fn encode_not_found() -> Vec<u8> {
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
}

fn encode(lamp: SocketAddr, query: &str) -> Vec<u8> {
    // RFC 9110 section 7.2: the port is left out of Host when it is the scheme's own. An IPv6
    // address stands in brackets, without its zone.
    let ip = match lamp {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    let port = if lamp.port() == 80 {
        "".into()
    } else {
        format!(":{}", lamp.port())
    };
    format!("GET {PATH}?{query} HTTP/1.1\r\nHost: {ip}{port}\r\nConnection: close\r\n\r\n").into()
}

fn judge(body: &[u8], status_line: &[u8]) -> Result<(), ReplyError> {
    let body = body.trim_ascii();
    match body {
        SUCCESS => Ok(()),
        ERROR => Err(ReplyError::refused(body)),
        b"" => Err(ReplyError::unexpected(status_line)),
        _ if SUCCESS.starts_with(body) || ERROR.starts_with(body) => Err(ReplyError::Incomplete),
        _ => Err(ReplyError::unexpected(body)),
    }
}

/// Where an HTTP/1.x body ends (RFC 9112 section 6.3).
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Framing {
    /// A length that is no number is ignored: the lamp closes in any case.
    fn of(head: &[u8]) -> Self {
        let mut framing = Self::UntilClose;
        for line in head.split(|byte| *byte == b'\n').skip(1) {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                continue;
            };
            let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"transfer-encoding")
                && value.eq_ignore_ascii_case(b"chunked")
            {
                return Self::Chunked;
            }
            if name.eq_ignore_ascii_case(b"content-length")
                && let Some(length) = parse_number(value, 10)
            {
                framing = Self::Length(length);
            }
        }
        framing
    }
}

/// Head and body of an HTTP/1.x message: parted by the first empty line, CR LF or bare LF.
fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut line_start = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        if matches!(&bytes[line_start..at], b"" | b"\r") {
            return Some((&bytes[..line_start], &bytes[at + 1..]));
        }
        line_start = at + 1;
    }
    None
}

/// The body of a chunked message (RFC 9112 section 7.1); `None` unless its last chunk is there.
/// Trailers are ignored.
fn dechunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let size = bytes[..end]
            .split(|byte| *byte == b';')
            .next()?
            .trim_ascii();
        let size = parse_number(size, 16)?;
        if size == 0 {
            return Some(body);
        }
        let rest = &bytes[end + 1..];
        body.extend_from_slice(rest.get(..size)?);
        bytes = &rest[size..];
        bytes = bytes.strip_prefix(b"\r").unwrap_or(bytes);
        bytes = bytes.strip_prefix(b"\n")?;
    }
}

/// A number without sign; larger ones than a reply can have count as the largest.
fn parse_number(digits: &[u8], radix: u32) -> Option<usize> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0usize, |number, digit| {
        let digit = char::from(*digit).to_digit(radix)?;
        Some(
            number
                .saturating_mul(radix as usize)
                .saturating_add(digit as usize),
        )
    })
}

fn parse_target(target: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != PATH {
        return Request::Elsewhere;
    }
    match query.split_once('=') {
        Some(("alert", digits)) => {
            Order::from_digits(digits.as_bytes()).map_or(Request::Unknown, Request::Alert)
        }
        Some(("clear", "1")) => Request::Clear,
        _ => Request::Unknown,
    }
}

const PATH: &str = "/api/control";
const SUCCESS: &[u8] = b"Success.";
const ERROR: &[u8] = b"Error.";

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N12
    #[test]
    fn the_body_counts_not_the_status() {
        for good in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSuccess."[..],
            b"HTTP/1.0 200 OK\r\n\r\nSuccess.",
            b"HTTP/1.1 500 Oops\r\n\r\nSuccess.",
            b"HTTP/1.0 200 OK\nServer: x\n\nSuccess.\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSuccess.surplus",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nSuccess.\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;x=y\r\nSuc\r\n5\r\ncess.\r\n0\r\n\r\n",
            b"Success.",
            b"Success.\r\n",
        ] {
            assert_eq!(decode_reply(good), Ok(()), "{}", good.escape_ascii());
        }
        for bad in [&b"HTTP/1.1 200 OK\r\n\r\nError."[..], b"Error."] {
            assert_eq!(decode_reply(bad), Err(ReplyError::Refused("Error.".into())));
        }
    }

    /// Rule: N12
    #[test]
    fn a_reply_that_broke_off_is_told() {
        assert_eq!(decode_reply(b""), Err(ReplyError::Empty));
        for cut in [
            &b"HT"[..],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSuc",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nSuccess.",
            b"HTTP/1.1 200 OK\r\n\r\nSuccess",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nSucc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\nSucc",
            b"Err",
        ] {
            assert_eq!(
                decode_reply(cut),
                Err(ReplyError::Incomplete),
                "{}",
                cut.escape_ascii()
            );
        }
    }

    /// Rule: N12
    #[test]
    fn other_servers_are_not_taken_for_a_lamp() {
        let page = b"HTTP/1.1 200 OK\r\n\r\n<html>Success.</html>";
        assert_eq!(
            decode_reply(page),
            Err(ReplyError::Unexpected("<html>Success.</html>".into()))
        );
        let bare = encode_not_found();
        assert_eq!(
            decode_reply(&bare),
            Err(ReplyError::Unexpected("HTTP/1.1 404 Not Found".into()))
        );
    }

    /// Rule: N12
    #[test]
    fn a_reply_with_a_length_needs_no_close() {
        let reply = encode_reply(true);
        assert_eq!(decode_reply(&reply), Ok(()));
        assert!(reply_is_whole(&reply));
        assert!(!reply_is_whole(&reply[..reply.len() - 1]));
        assert!(!reply_is_whole(b"HTTP/1.0 200 OK\r\n\r\nSuccess."));
        assert!(!reply_is_whole(b"Success."));
        assert_eq!(
            decode_reply(&encode_reply(false)),
            Err(ReplyError::Refused("Error.".into()))
        );
    }

    /// Rule: N12
    #[test]
    fn a_device_understands_its_requests() {
        let lamp = "192.0.2.7:80".parse().unwrap();
        let set = encode_set(lamp, &Lights::DOWN);
        for end in 0..set.len() {
            assert_eq!(decode_request(&set[..end]), Ok(None));
        }
        assert_eq!(
            decode_request(&set),
            Ok(Some(Request::Alert(Order::new(&Lights::DOWN))))
        );
        assert_eq!(
            decode_request(&encode_clear(lamp)),
            Ok(Some(Request::Clear))
        );
        let one_line = b"GET /api/control?clear=1\r\n";
        assert_eq!(decode_request(one_line), Ok(Some(Request::Clear)));
        let cases = [
            ("GET /api/control?alert=12\n", Request::Unknown),
            ("GET /api/control\n", Request::Unknown),
            ("GET /index.html\n", Request::Elsewhere),
            ("POST /api/control?clear=1\n", Request::Elsewhere),
        ];
        for (bytes, request) in cases {
            assert_eq!(decode_request(bytes.as_bytes()), Ok(Some(request)));
        }
        assert_eq!(decode_request(b"\r\n"), Err(RequestError::Malformed));
        assert_eq!(decode_request(&[b'a'; 4096]), Err(RequestError::TooLong));
    }

    /// Rule: N12 N6
    #[test]
    fn ipv6_lamps_are_named_in_brackets() {
        let request = encode_clear("[fe80::1%3]:8080".parse().unwrap());
        assert!(
            request
                .windows(23)
                .any(|part| part == b"Host: [fe80::1]:8080\r\nC")
        );
    }
}
