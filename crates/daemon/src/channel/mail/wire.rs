//! The bytes of an SMTP connection: plain or TLS, whole replies in, whole commands out.
//!
//! Every read and write has a deadline for the *whole* of it, so a server that drips one byte a
//! second ends like a silent one. Replies are bounded in bytes and lines. A reply need not be
//! UTF-8 nor have words behind its code (RFC 5321 section 4.2): to take such a `250` for a failure
//! would send the same mail again and again.

use super::ending::Ending;
use super::talk::{Listener, What};
use crate::channel::trouble::Failure;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Most bytes that one connection attempt or one mail may read; then the server is given up.
pub(super) const READ_BYTES_MAX: usize = 512 * 1024;
/// Most lines of one reply; then the server is given up.
const REPLY_LINES_MAX: usize = 1_000;
/// Bytes of a reply's text that are kept; the rest is read and forgotten.
const REPLY_TEXT_BYTES_MAX: usize = 2_048;
/// Buffer for what the server says; replies are short.
const READ_BUFFER_BYTES: usize = 1_024;

/// A server's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// Its code, 200 to 599.
    pub(super) code: u16,
    /// Its lines without codes, joined by LF.
    pub(super) text: String,
}

impl Reply {
    /// The reply as the failure that it is.
    pub(super) fn failure(self) -> Failure {
        match self.code {
            400..=599 => Failure::Replied {
                code: self.code,
                text: self.line(),
            },
            code => Failure::Garbled(format!("unexpected reply {code} {}", self.line())),
        }
    }

    /// Its text on one line.
    pub(super) fn line(&self) -> String {
        self.text.replace('\n', " ")
    }
}

/// One connection to an SMTP server.
#[derive(Debug)]
pub(super) struct Wire {
    stream: BufReader<Stream>,
    bytes_left: usize,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Over a connected socket. Its Nagle algorithm is switched off, or every mail would wait for
    /// a delayed acknowledgement (40 ms).
    pub(super) fn new(socket: TcpStream) -> io::Result<Wire> {
        socket.set_nodelay(true)?;
        Ok(Wire {
            stream: BufReader::with_capacity(READ_BUFFER_BYTES, Stream::Plain(socket)),
            bytes_left: READ_BYTES_MAX,
        })
    }

    /// Renews the bound on bytes read, for the next mail.
    pub(super) fn renew(&mut self) {
        self.bytes_left = READ_BYTES_MAX;
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.stream.get_ref(), Stream::Tls(_))
    }

    /// The TLS handshake.
    ///
    /// Bytes that came before it are a failure and are never read as a reply: somebody on the way
    /// may have put them behind the answer to STARTTLS (RFC 3207 section 6).
    pub(super) async fn encrypt(
        self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        until: Instant,
        listener: &Listener,
    ) -> Result<Wire, Failure> {
        if !self.stream.buffer().is_empty() {
            return Err(Failure::Garbled("bytes before the TLS handshake".into()));
        }
        let Stream::Plain(socket) = self.stream.into_inner() else {
            return Err(Failure::Garbled("TLS within TLS".into()));
        };
        let begun = crate::clock::instant();
        match timeout_at(until, TlsConnector::from(config).connect(name, socket)).await {
            Ok(Ok(stream)) => {
                listener.note(What::Encrypted, || encryption(&stream));
                Ok(Wire {
                    stream: BufReader::with_capacity(
                        READ_BUFFER_BYTES,
                        Stream::Tls(Box::new(stream)),
                    ),
                    bytes_left: self.bytes_left,
                })
            }
            Ok(Err(error)) => {
                listener.hint(|| Ending::of_tls(&error));
                Err(Failure::Lost(error.to_string()))
            }
            Err(_) => Err(Failure::Silent(until - begun)),
        }
    }

    /// Writes all of `bytes`.
    pub(super) async fn write(&mut self, bytes: &[u8], until: Instant) -> Result<(), Failure> {
        let begun = crate::clock::instant();
        let write = async {
            let stream = self.stream.get_mut();
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        match timeout_at(until, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::Lost(error.to_string())),
            Err(_) => Err(Failure::Silent(until - begun)),
        }
    }

    /// Reads one whole reply.
    pub(super) async fn reply(&mut self, until: Instant) -> Result<Reply, Failure> {
        let begun = crate::clock::instant();
        match timeout_at(until, self.reply_lines()).await {
            Ok(reply) => reply,
            Err(_) => Err(Failure::Silent(until - begun)),
        }
    }

    async fn reply_lines(&mut self) -> Result<Reply, Failure> {
        let mut reply: Option<Reply> = None;
        for _ in 0..REPLY_LINES_MAX {
            let line = self.line().await?;
            let (code, is_last, text) = split_line(&line)?;
            let so_far = reply.get_or_insert(Reply {
                code,
                text: String::new(),
            });
            if so_far.code != code {
                return Err(Failure::Garbled(format!(
                    "code {code} within {}",
                    so_far.code
                )));
            }
            if so_far.text.len() + text.len() <= REPLY_TEXT_BYTES_MAX {
                if !so_far.text.is_empty() {
                    so_far.text.push('\n');
                }
                so_far.text.push_str(&text);
            }
            if is_last {
                return Ok(Reply {
                    code,
                    text: std::mem::take(&mut so_far.text),
                });
            }
        }
        Err(Failure::Garbled(format!(
            "more than {REPLY_LINES_MAX} lines"
        )))
    }

    /// One line without its end; only its first [`REPLY_TEXT_BYTES_MAX`] bytes are kept.
    async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        let mut line = Vec::new();
        loop {
            let chunk = match self.stream.fill_buf().await {
                Ok([]) => return Err(Failure::Lost("closed by the server".into())),
                Ok(chunk) => chunk,
                Err(error) => return Err(Failure::Lost(error.to_string())),
            };
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |at| at + 1);
            let room = REPLY_TEXT_BYTES_MAX.saturating_sub(line.len());
            line.extend_from_slice(&chunk[..taken.min(room)]);
            self.stream.consume(taken);
            if taken > self.bytes_left {
                return Err(Failure::Garbled(format!(
                    "more than {READ_BYTES_MAX} bytes"
                )));
            }
            self.bytes_left -= taken;
            if end.is_some() {
                while line
                    .last()
                    .is_some_and(|byte| matches!(byte, b'\r' | b'\n'))
                {
                    line.pop();
                }
                return Ok(line);
            }
        }
    }
}

/// Version and cipher suite, as rustls names them.
fn encryption(stream: &TlsStream<TcpStream>) -> String {
    let (_, session) = stream.get_ref();
    let version = session.protocol_version();
    let version = version.and_then(|version| version.as_str()).unwrap_or("?");
    match session.negotiated_cipher_suite() {
        Some(suite) => format!("{version}, {:?}", suite.suite()),
        None => version.to_owned(),
    }
}

/// `250-text`, `250 text` or `250` (RFC 5321 section 4.2): code, whether it is the last line, text.
fn split_line(line: &[u8]) -> Result<(u16, bool, String), Failure> {
    let garbled = || Failure::Garbled(String::from_utf8_lossy(line).into_owned());
    let [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = line else {
        return Err(garbled());
    };
    let code = [a, b, c]
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(**digit - b'0'));
    let (is_last, text) = match rest {
        [] => (true, rest),
        [b' ', text @ ..] => (true, text),
        [b'-', text @ ..] => (false, text),
        _ => return Err(garbled()),
    };
    Ok((code, is_last, String::from_utf8_lossy(text).into_owned()))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N10
    #[test]
    fn reply_lines_are_read_as_rfc_5321_has_them() {
        assert_eq!(split_line(b"250"), Ok((250, true, String::new())));
        assert_eq!(split_line(b"250 ok"), Ok((250, true, "ok".into())));
        assert_eq!(split_line(b"250-SIZE 1"), Ok((250, false, "SIZE 1".into())));
        assert_eq!(
            split_line(b"250 \x8e\xf3"),
            Ok((250, true, "\u{fffd}\u{fffd}".into()))
        );
        for line in [
            &b""[..],
            b"25",
            b"150 x",
            b"650 x",
            b"2x0 x",
            b"250x",
            b"HTTP/1.1 200 OK",
        ] {
            assert!(split_line(line).is_err(), "{line:?}");
        }
    }
}
