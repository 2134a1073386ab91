//! Lines with a bound and a deadline, as the daemon reads and writes them.

use super::{ANSWER_BYTES_MAX, Answer, CALL_BYTES_MAX, CALL_WAIT, Fault};
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole line, without its end.
    Whole(Vec<u8>),
    /// More than [`CALL_BYTES_MAX`] without an end.
    TooLong,
    /// The caller closed, was silent for too long, or closed within a line.
    Gone,
}

/// Reads one line.
pub(super) async fn read_line(from: &mut BufReader<OwnedReadHalf>) -> Line {
    timeout(CALL_WAIT, bounded_line(from))
        .await
        .unwrap_or(Line::Gone)
}

async fn bounded_line(from: &mut BufReader<OwnedReadHalf>) -> Line {
    let mut line = Vec::new();
    loop {
        let Ok(bytes) = from.fill_buf().await else {
            return Line::Gone;
        };
        if bytes.is_empty() {
            return Line::Gone;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = end.unwrap_or(bytes.len());
        if line.len() + part > CALL_BYTES_MAX {
            return Line::TooLong;
        }
        line.extend_from_slice(&bytes[..part]);
        from.consume(part + usize::from(end.is_some()));
        if end.is_some() {
            return Line::Whole(line);
        }
    }
}

/// Writes one answer.
///
/// # Errors
/// When the caller is gone or does not read; the connection is of no use then.
pub(super) async fn write_answer(to: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    if line.len() >= ANSWER_BYTES_MAX {
        let why = format!(
            "the answer has {} bytes, over {ANSWER_BYTES_MAX}",
            line.len()
        );
        line = serde_json::to_vec(&Answer::Error {
            fault: Fault::Unreadable,
            why,
        })?;
    }
    line.push(b'\n');
    timeout(CALL_WAIT, to.write_all(&line))
        .await
        .map_err(|_| io::ErrorKind::TimedOut)?
}
