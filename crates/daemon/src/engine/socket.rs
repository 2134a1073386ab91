//! Sockets on this server's own interconnect addresses.
//!
//! *Use.* [`udp`] and [`listener`] bind exactly the address given, never all addresses of the host;
//! [`dial`] connects from it; [`prepare_link`] sets what a link needs.
//!
//! *Failure.* An address that this host does not have yet (a network card without a cable at boot)
//! is bound all the same and works once it is there: an alert service that refuses to start over
//! one dead card would be silent when it is needed. Only a taken port or lack of files is an error.

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

/// Kernel buffer for heartbeats of one interconnect, in bytes: some hundred frames; what comes
/// when it is full is lost, as on any network. The kernel may grant less (`net.core.rmem_max`).
const RECEIVE_BYTES: usize = 256 * 1024;

/// Connections that the kernel keeps for us while we do not come to accept them. Probes of a
/// process that stands still each take a place until it goes on, and a full list would make its
/// host look dead. Linux bounds this by `net.core.somaxconn`, 4096 as well.
const BACKLOG: i32 = 4_096;

/// How long sent bytes of a link may stay unconfirmed before it counts as broken.
const LINK_USER_TIMEOUT: Duration = Duration::from_secs(2);

/// Quiet time after which the kernel asks whether a link's other end is there, and between two
/// such questions. Together with the time above a dead network breaks a link within 3 to 4 s.
const LINK_KEEPALIVE: Duration = Duration::from_secs(1);

/// A bound socket, and whether this host has its address now.
pub(super) struct Bound<T> {
    pub(super) socket: T,
    pub(super) present: bool,
}

/// A socket for heartbeats on one own address.
pub(super) fn udp(address: SocketAddr) -> io::Result<Bound<UdpSocket>> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    let present = bind(&socket, address)?;
    Ok(Bound {
        socket: UdpSocket::from_std(socket.into())?,
        present,
    })
}

/// A listener for links and probes on one own address.
pub(super) fn listener(address: SocketAddr) -> io::Result<Bound<TcpListener>> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restarted daemon must not wait for the connections of its former run to time out.
    socket.set_reuse_address(true)?;
    let present = bind(&socket, address)?;
    socket.listen(BACKLOG)?;
    Ok(Bound {
        socket: TcpListener::from_std(socket.into())?,
        present,
    })
}

/// Whether both could be opened on this address now.
pub(super) fn try_out(address: SocketAddr) -> io::Result<()> {
    for (kind, protocol) in [(Type::DGRAM, Protocol::UDP), (Type::STREAM, Protocol::TCP)] {
        let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
        if kind == Type::STREAM {
            socket.set_reuse_address(true)?;
        }
        bind(&socket, address)?;
        if kind == Type::STREAM {
            // Two may be bound so; only one can listen.
            socket.listen(BACKLOG)?;
        }
    }
    Ok(())
}

/// Connects from `ours` to `theirs`; the caller sets the deadline.
pub(super) async fn dial(ours: IpAddr, theirs: SocketAddr) -> io::Result<TcpStream> {
    let socket = if ours.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.bind(SocketAddr::new(ours, 0))?;
    socket.connect(theirs).await
}

/// Sets what a link needs: no waiting for full packets, and a bound on unnoticed death.
pub(super) fn prepare_link(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_user_timeout(Some(LINK_USER_TIMEOUT))?;
    let keepalive = TcpKeepalive::new()
        .with_time(LINK_KEEPALIVE)
        .with_interval(LINK_KEEPALIVE)
        .with_retries(3);
    socket.set_tcp_keepalive(&keepalive)
}

/// From now on closing throws away what is unsent and tells the other side at once, without
/// leaving a connection in TIME_WAIT.
pub(super) fn close_hard(stream: &TcpStream) {
    // A socket that refuses this is closed softly: slower, nothing worse.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Whether the other end has closed already, as probes do that came while we stood still.
pub(super) fn is_closed(stream: &TcpStream) -> bool {
    match SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]) {
        Ok(bytes) => bytes == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

fn bind(socket: &Socket, address: SocketAddr) -> io::Result<bool> {
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    match socket.bind(&address.into()) {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
        Err(error) => return Err(named(error)),
    }
    match address {
        SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
        SocketAddr::V6(_) => socket.set_freebind_v6(true)?,
    }
    socket.bind(&address.into()).map_err(named)?;
    Ok(false)
}
