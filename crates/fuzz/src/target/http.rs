//! The console's port: any bytes of a stranger, as requests of a connection.
//!
//! Promises: what comes back, if anything, is HTTP; no answer tells of a fault of ours.

use crate::stage::console::answer;
use std::time::Duration;

/// Behind an input stands a sound request, so that the connection ends.
const LAST: &[u8] =
    b"\r\n\r\nGET /icon.svg HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// Most of a wait for the first answer: the rest of a body that was promised never comes.
const PATIENCE: Duration = Duration::from_millis(60);

pub(crate) fn decode(bytes: &[u8]) {
    let answer = answer(&[bytes, LAST].concat(), PATIENCE);
    let head = String::from_utf8_lossy(&answer[..answer.len().min(64)]);
    assert!(answer.is_empty() || head.starts_with("HTTP/1."), "{head}");
    assert!(!head.contains(" 500 "), "{head}");
}
