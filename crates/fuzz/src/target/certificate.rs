//! A mail server's certificate, as far as we read it ourselves, which is for words alone.
//!
//! Promises: one line without control characters, of a bounded length.

use noroshi_daemon::fuzzing;

/// Bytes for each of the few names that are told, and the words around them.
const SHOWN_BYTES_MAX: usize = 8 * 1024;

pub(crate) fn decode(bytes: &[u8]) {
    if let Some(shown) = fuzzing::certificate(bytes) {
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert!(shown.len() <= SHOWN_BYTES_MAX, "{} bytes", shown.len());
    }
}
