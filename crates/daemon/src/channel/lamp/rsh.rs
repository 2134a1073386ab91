//! rsh, spoken natively (rule N13): no rsh program, no shell, a reserved source port of our own.
//!
//! *Use.* [`isa()`] and [`patlite()`] carry their dialect's command and judge its output.
//!
//! *Failure.* A lamp that closes without a byte most likely saw a source port outside 512-1023 or
//! a sender that it does not allow; the text says so. The lamp ends the connection, not we: the end
//! that closes first keeps its port for a minute, and there are only 512. An answer that does not
//! end in time is worth nothing, since `00` alone may be a DN-1000S's whole yes.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use noroshi_core::config::RshUsers;
use noroshi_wire::lamp::{Shown, isa, patlite, rsh};

use super::exchange::{Ask, Limits};
use super::tcp::{Ended, Line, connect, must_have_ended, new_socket};
use super::trouble::Trouble;

/// The source ports that an rsh server takes for honest (rshd(8)).
pub const SOURCE_PORTS: RangeInclusive<u16> = 512..=1023;

/// Reserved ports that other services listen on and that must not be found taken when those start:
/// rsh, syslog and their like, IPP, LDAPS, Kerberos administration, rsync, DNS and FTP over TLS,
/// IMAPS, POP3S. bindresvport(3) programs keep the same list in `/etc/bindresvport.blacklist`.
pub const SOURCE_PORTS_SKIPPED: [u16; 22] = [
    512, 513, 514, 515, 543, 544, 546, 547, 554, 587, 623, 631, 636, 664, 749, 853, 873, 989, 990,
    993, 995, 783,
];

/// An ISA Keiko-chan.
pub(super) async fn isa(
    peer: SocketAddr,
    users: &RshUsers,
    password: Option<&isa::Password>,
    ask: Ask,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    match ask {
        Ask::Set(lights) => {
            let reply = run(peer, users, &isa::encode_set(&lights, password), limits).await?;
            Ok(isa::decode_set_reply(rsh::decode_reply(&reply)?)?)
        }
        Ask::Read => {
            let reply = run(peer, users, &isa::encode_read(password), limits).await?;
            Ok(Some(isa::decode_read_reply(rsh::decode_reply(&reply)?)?))
        }
    }
}

/// A PATLITE; it tells what it shows also after a set.
pub(super) async fn patlite(
    peer: SocketAddr,
    users: &RshUsers,
    ask: Ask,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let command = match ask {
        Ask::Set(lights) => patlite::encode_set(&lights),
        Ask::Read => patlite::encode_read(),
    };
    let reply = run(peer, users, &command, limits).await?;
    Ok(Some(patlite::decode_reply(rsh::decode_reply(&reply)?)?))
}

/// Carries one command; all that the lamp sent until it closed.
async fn run(
    peer: SocketAddr,
    users: &RshUsers,
    command: &str,
    limits: &Limits,
) -> Result<Vec<u8>, Trouble> {
    let request = rsh::Request::new(&users.local, &users.remote, command)
        .map_err(|error| Trouble::Settings(error.to_string()))?;
    let mut line = open_reserved(peer, limits).await?;
    let (reply, ended) = line
        .ask(&request.encode(), rsh::REPLY_BYTES_MAX, |_| false)
        .await?;
    if ended != Ended::Closed {
        line.abandon();
    }
    must_have_ended(ended)?;
    Ok(reply)
}

/// Connects from the highest reserved port that is free, as rcmd(3) does.
async fn open_reserved(peer: SocketAddr, limits: &Limits) -> Result<Line<'_>, Trouble> {
    for port in SOURCE_PORTS
        .rev()
        .filter(|port| !SOURCE_PORTS_SKIPPED.contains(port))
    {
        let socket = new_socket(peer)?;
        let local: SocketAddr = match peer {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, port).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, port).into(),
        };
        match socket.bind(local) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Trouble::NoPermission);
            }
            Err(error) => return Err(Trouble::System("use a reserved port", error)),
            Ok(()) => {}
        }
        match connect(socket, peer, limits).await? {
            Ok(stream) => return Ok(Line::over(stream, peer, limits)),
            // Taken between bind and connect, or still waiting out an earlier connection there.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable
                ) => {}
            Err(error) => return Err(Trouble::reaching(peer, error)),
        }
    }
    Err(Trouble::NoReservedPort)
}
