//! SNMP SET and GET over UDP, each request sent again while no answer comes.
//!
//! *Use.* [`exchange`], once for each order.
//!
//! A request that changes the lamp is not simply sent again: a cut may have healed this moment, and the
//! order may be old (see [`super::leave`]). The lamp is asked what it shows first; when it answers, the
//! order waits a moment, in which it can be taken back. Only the last goes without an answer.
//!
//! *Failure.* The socket is connected, so the kernel drops what comes from elsewhere; what bears
//! another request id is waited past. A wrong community is answered by nobody: silence.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use noroshi_core::config::Secret;
use noroshi_wire::lamp::snmp::{self, Access, Community, MESSAGE_BYTES_MAX, Version};
use noroshi_wire::lamp::{ReplyError, Shown};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::deadlines::SENDS_MAX;
use super::exchange::{Ask, Limits};
use super::leave::CAUTION;
use super::trouble::Trouble;

pub(super) async fn exchange(
    peer: SocketAddr,
    read: &Secret,
    write: &Secret,
    ask: Ask,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let [reading_id, setting_id] = [random_id()?, random_id()?];
    let (reader, writer) = (community(read)?, community(write)?);
    let access = |community, request_id| Access {
        version: Version::V2c,
        community,
        request_id,
    };
    let socket = connect(peer).await?;
    let reading = snmp::encode_read(access(&reader, reading_id));
    let shown = |datagram: &[u8]| snmp::decode_read_reply(datagram, reading_id);
    let Ask::Set(lights) = ask else {
        let read = ask_for(&socket, peer, &reading, shown, limits);
        return limits.leave.unless_cancelled(read).await?.map(Some);
    };
    let setting = snmp::encode_set(access(&writer, setting_id), &lights);
    let taken = |datagram: &[u8]| snmp::decode_set_reply(datagram, setting_id);
    for sent in 1..=SENDS_MAX {
        if sent > 1 {
            limits.leave.be_cautious();
        }
        if limits.leave.is_cautious() {
            let last = sent == SENDS_MAX;
            let reached = async {
                let until = limits.end.min(crate::clock::instant() + limits.resend);
                let reached = match ask_once(&socket, peer, &reading, &shown, until).await {
                    // Whatever it says, it is there.
                    Ok(Some(_)) | Err(Trouble::Answer(_)) => true,
                    // It may know another community for reading: the last one goes all the same.
                    Ok(None) => last,
                    Err(trouble) => return Err(trouble),
                };
                if reached {
                    sleep_until(limits.end.min(crate::clock::instant() + CAUTION)).await;
                }
                Ok(reached)
            };
            match limits.leave.until_cancelled(reached).await {
                Some(Ok(true)) => {}
                Some(Ok(false)) => continue,
                Some(Err(trouble)) => return Err(trouble),
                None if !limits.leave.is_gone() => return Err(Trouble::Cancelled),
                // The one before has left, so the lamp may have it; no second one follows.
                None => break,
            }
        }
        limits.leave.has_left();
        let until = match sent {
            SENDS_MAX => limits.end,
            _ => limits.end.min(crate::clock::instant() + limits.resend),
        };
        if let Some(answer) = ask_once(&socket, peer, &setting, &taken, until).await? {
            let () = answer;
            return Ok(None);
        }
    }
    Err(silent(peer, limits))
}

/// Sends until `judge` finds the answer.
async fn ask_for<T>(
    socket: &UdpSocket,
    peer: SocketAddr,
    request: &[u8],
    judge: impl Fn(&[u8]) -> Result<Option<T>, ReplyError>,
    limits: &Limits,
) -> Result<T, Trouble> {
    for sent in 1..=SENDS_MAX {
        let until = match sent {
            SENDS_MAX => limits.end,
            _ => limits.end.min(crate::clock::instant() + limits.resend),
        };
        if let Some(answer) = ask_once(socket, peer, request, &judge, until).await? {
            return Ok(answer);
        }
        if crate::clock::instant() >= limits.end {
            break;
        }
    }
    Err(silent(peer, limits))
}

/// Sends once and waits for the answer.
async fn ask_once<T>(
    socket: &UdpSocket,
    peer: SocketAddr,
    request: &[u8],
    judge: &impl Fn(&[u8]) -> Result<Option<T>, ReplyError>,
    until: Instant,
) -> Result<Option<T>, Trouble> {
    // One byte more than a message may have, so that a longer one is not cut into a good one.
    let mut datagram = [0; MESSAGE_BYTES_MAX + 1];
    let reached = |error| Trouble::reaching(peer, error);
    socket.send(request).await.map_err(reached)?;
    while let Ok(received) = timeout_at(until, socket.recv(&mut datagram)).await {
        let bytes = received.map_err(reached)?;
        if let Some(answer) = judge(&datagram[..bytes])? {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

fn silent(peer: SocketAddr, limits: &Limits) -> Trouble {
    Trouble::Silent {
        peer,
        limit: limits.exchange,
        snmp: true,
    }
}

async fn connect(peer: SocketAddr) -> Result<UdpSocket, Trouble> {
    let local: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local).await;
    let socket = socket.map_err(|error| Trouble::System("open a socket", error))?;
    socket
        .connect(peer)
        .await
        .map_err(|error| Trouble::reaching(peer, error))?;
    Ok(socket)
}

fn community(secret: &Secret) -> Result<Community, Trouble> {
    Community::new(secret.reveal()).ok_or_else(|| {
        let bytes_max = snmp::COMMUNITY_BYTES_MAX;
        Trouble::Settings(format!("an SNMP community has at most {bytes_max} bytes"))
    })
}

/// Hard to guess, so that nobody who cannot see the request can forge its answer.
fn random_id() -> Result<i32, Trouble> {
    let mut bytes = [0; 4];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        Trouble::System(
            "get random bytes",
            std::io::Error::from(std::io::ErrorKind::Other),
        )
    })?;
    Ok(i32::from_ne_bytes(bytes) & i32::MAX)
}
