//! The syslog daemon's local socket: datagrams, or a stream where the daemon offers only that.

use std::io;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixDatagram, UnixStream};

/// An open socket.
#[derive(Debug)]
pub(super) struct Socket {
    path: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Datagram(UnixDatagram),
    Stream(UnixStream),
}

impl Socket {
    /// Connects to the socket at `path`.
    pub(super) async fn open(path: &str) -> io::Result<Socket> {
        let datagram = UnixDatagram::unbound()?;
        let kind = match datagram.connect(path) {
            Ok(()) => Kind::Datagram(datagram),
            Err(error) if is_other_type(&error) => Kind::Stream(UnixStream::connect(path).await?),
            Err(error) => return Err(error),
        };
        Ok(Socket {
            path: path.to_owned(),
            kind,
        })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Writes one line; waits while the daemon's buffer is full.
    pub(super) async fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match &mut self.kind {
            Kind::Datagram(socket) => socket.send(line).await.map(drop),
            // A line ends in LF on a stream (RFC 6587 section 3.4.2); ours has none inside.
            Kind::Stream(socket) => socket.write_all(&[line, b"\n"].concat()).await,
        }
    }
}

/// `EPROTOTYPE`: a stream socket listens at that path.
fn is_other_type(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error())
}
