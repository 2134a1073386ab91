//! One connection to a lamp: connect, send, read, each within the exchange's time.
//!
//! *Use.* [`Line::open`], or [`Line::over`] a socket that is bound already; [`Line::ask`] once.
//!
//! *Failure.* Every way in which a lamp can be absent or slow is a [`Trouble`]; nothing here waits
//! past the end of the exchange.

use std::io;
use std::net::SocketAddr;

use noroshi_wire::lamp::ReplyError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout_at;

use super::exchange::Limits;
use super::trouble::Trouble;

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The answer is whole by its own form, or as long as it may get.
    Whole,
    /// The lamp closed or reset the connection.
    Closed,
    /// The time was over, but something had come.
    Late,
}

/// A connection to a lamp.
pub(super) struct Line<'a> {
    stream: TcpStream,
    peer: SocketAddr,
    limits: &'a Limits,
}

impl<'a> Line<'a> {
    /// Connects from any port.
    pub(super) async fn open(peer: SocketAddr, limits: &'a Limits) -> Result<Self, Trouble> {
        let socket = new_socket(peer)?;
        let stream = connect(socket, peer, limits).await?;
        let stream = stream.map_err(|error| Trouble::reaching(peer, error))?;
        Ok(Self::over(stream, peer, limits))
    }

    /// Uses a connection that stands.
    pub(super) fn over(stream: TcpStream, peer: SocketAddr, limits: &'a Limits) -> Self {
        // Only saves time: without it the bytes still go.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            peer,
            limits,
        }
    }

    /// Sends `request` and reads until `is_whole` says so, the lamp closes, `bytes_max` bytes came
    /// or the time is over.
    ///
    /// # Errors
    /// [`Trouble::Silent`] when the time is over and not one byte came.
    pub(super) async fn ask(
        &mut self,
        request: &[u8],
        bytes_max: usize,
        is_whole: impl Fn(&[u8]) -> bool,
    ) -> Result<(Vec<u8>, Ended), Trouble> {
        self.limits.leave.has_left();
        match timeout_at(self.limits.end, self.stream.write_all(request)).await {
            Err(_) => return Err(self.silent()),
            // It may have answered before it closed: look.
            Ok(Err(error)) if is_hangup(&error) => {}
            Ok(Err(error)) => return Err(Trouble::reaching(self.peer, error)),
            Ok(Ok(())) => {}
        }
        let mut answer = Vec::new();
        let mut part = [0; 512];
        loop {
            let room = part.len().min(bytes_max - answer.len());
            let read = timeout_at(self.limits.end, self.stream.read(&mut part[..room])).await;
            match read {
                Err(_) if answer.is_empty() => return Err(self.silent()),
                Err(_) => {
                    self.abandon();
                    return Ok((answer, Ended::Late));
                }
                Ok(Ok(0)) => return Ok((answer, Ended::Closed)),
                Ok(Err(error)) if is_hangup(&error) => return Ok((answer, Ended::Closed)),
                Ok(Err(error)) => return Err(Trouble::reaching(self.peer, error)),
                Ok(Ok(count)) => answer.extend_from_slice(&part[..count]),
            }
            if answer.len() == bytes_max || is_whole(&answer) {
                return Ok((answer, Ended::Whole));
            }
        }
    }

    /// Lets the connection be reset when it is dropped, so that no port waits for a lamp that
    /// does not close: a source port of rsh would be taken for a minute, and there are 512.
    pub(super) fn abandon(&self) {
        let _ = self.stream.set_zero_linger();
    }

    fn silent(&self) -> Trouble {
        self.abandon();
        Trouble::Silent {
            peer: self.peer,
            limit: self.limits.exchange,
            snmp: false,
        }
    }
}

/// An unbound socket of the peer's family.
pub(super) fn new_socket(peer: SocketAddr) -> Result<TcpSocket, Trouble> {
    let socket = if peer.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    };
    socket.map_err(|error| Trouble::System("open a socket", error))
}

/// Connects within the connection's time, and has leave to write then; the inner error is the system's.
pub(super) async fn connect(
    socket: TcpSocket,
    peer: SocketAddr,
    limits: &Limits,
) -> Result<io::Result<TcpStream>, Trouble> {
    let begun = crate::clock::instant();
    let end = limits.end.min(begun + limits.connect);
    let connected = timeout_at(end, socket.connect(peer));
    let connected = limits.leave.unless_cancelled(connected).await?;
    let connected = connected.map_err(|_| Trouble::NotConnected(peer, limits.connect))?;
    if connected.is_ok() {
        let took = crate::clock::instant() - begun;
        limits.leave.first_byte(took, limits.end).await?;
    }
    Ok(connected)
}

/// An answer that did not end: what came of it is worth nothing.
pub(super) fn must_have_ended(ended: Ended) -> Result<(), Trouble> {
    match ended {
        Ended::Late => Err(ReplyError::Incomplete.into()),
        Ended::Whole | Ended::Closed => Ok(()),
    }
}

fn is_hangup(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}
