//! Lines in, with a bound on each.
//!
//! *Use.* [`Lines::next`] until it fails; one [`Lines`] for the whole life of a connection, since it
//! holds what was read beyond a line.
//!
//! *Failure.* A line beyond the bound is skipped to its end and told as [`Line::TooLong`], so that a
//! later release with a larger bound loses one message and not the link. Never more than the
//! bound and one read's worth is kept. The end of the stream is an error like any other.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest line between servers, its end not counted, in bytes: room for the largest alert with a
/// notice for each of a hundred recipients, each with a long reason in Japanese.
pub(super) const LINE_BYTES_MAX: usize = 256 * 1024;

/// Room made for one read, in bytes.
const READ_BYTES: usize = 2_048;

/// A line that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole one, without its end.
    Whole(Vec<u8>),
    /// One beyond the bound; its bytes are lost.
    TooLong,
}

/// What was read and not yet handed out.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Bytes at the front that hold no line end.
    searched: usize,
    /// We are inside a line beyond the bound.
    skipping: bool,
}

impl Lines {
    /// The next line, of at most `bytes_max`.
    ///
    /// # Errors
    /// Those of the reader, and `UnexpectedEof` at the end of the stream.
    pub(super) async fn next<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        bytes_max: usize,
    ) -> io::Result<Line> {
        loop {
            if let Some(line) = self.take(bytes_max) {
                return Ok(line);
            }
            self.buffer.reserve(READ_BYTES);
            if reader.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn take(&mut self, bytes_max: usize) -> Option<Line> {
        let end = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(end) = end.map(|end| self.searched + end) else {
            self.skipping |= self.buffer.len() > bytes_max;
            if self.skipping {
                self.buffer = Vec::new();
            }
            self.searched = self.buffer.len();
            return None;
        };
        let rest = self.buffer.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        line.truncate(end);
        self.searched = 0;
        let too_long = std::mem::take(&mut self.skipping) || end > bytes_max;
        Some(if too_long {
            Line::TooLong
        } else {
            Line::Whole(line)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N2
    #[tokio::test]
    async fn a_line_beyond_the_bound_is_skipped_and_the_next_one_is_whole() {
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        let good = vec![b'y'; LINE_BYTES_MAX];
        let mut stream = [b"a\n\n".as_slice(), &long, b"\n", &good, b"\nhalf"].concat();
        stream.splice(0..0, b"first\n".iter().copied());
        let mut reader = stream.as_slice();
        let mut lines = Lines::default();
        let whole = |bytes: &[u8]| Line::Whole(bytes.to_vec());
        for expected in [
            whole(b"first"),
            whole(b"a"),
            whole(b""),
            Line::TooLong,
            whole(&good),
        ] {
            let line = lines
                .next(&mut reader, LINE_BYTES_MAX)
                .await
                .expect("a line");
            assert!(line == expected, "{:?}", lines.buffer.len());
            assert!(lines.buffer.capacity() <= 2 * LINE_BYTES_MAX + READ_BYTES);
        }
        let end = lines
            .next(&mut reader, LINE_BYTES_MAX)
            .await
            .expect_err("half a line");
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }
}
