//! SNMP SET and GET over UDP, each request sent again while no answer comes.
//!
//! *Use.* [`exchange`], once for each order.
//!
//! *Failure.* The socket is connected, so the kernel drops what comes from elsewhere; what bears
//! another request id is waited past. A wrong community is answered by nobody: silence.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use noroshi_core::config::Secret;
use noroshi_wire::lamp::snmp::{self, Access, Community, MESSAGE_BYTES_MAX, Version};
use noroshi_wire::lamp::{ReplyError, Shown};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use super::deadlines::SENDS_MAX;
use super::exchange::{Ask, Limits};
use super::trouble::Trouble;

pub(super) async fn exchange(
    peer: SocketAddr,
    read: &Secret,
    write: &Secret,
    ask: Ask,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let request_id = random_id()?;
    let access = |community| Access {
        version: Version::V2c,
        community,
        request_id,
    };
    match ask {
        Ask::Set(lights) => {
            let request = snmp::encode_set(access(&community(write)?), &lights);
            let judge = |datagram: &[u8]| snmp::decode_set_reply(datagram, request_id);
            ask_for(peer, &request, judge, limits).await?;
            Ok(None)
        }
        Ask::Read => {
            let request = snmp::encode_read(access(&community(read)?));
            let judge = |datagram: &[u8]| snmp::decode_read_reply(datagram, request_id);
            ask_for(peer, &request, judge, limits).await.map(Some)
        }
    }
}

/// Sends until `judge` finds the answer.
async fn ask_for<T>(
    peer: SocketAddr,
    request: &[u8],
    judge: impl Fn(&[u8]) -> Result<Option<T>, ReplyError>,
    limits: &Limits,
) -> Result<T, Trouble> {
    let socket = connect(peer).await?;
    // One byte more than a message may have, so that a longer one is not cut into a good one.
    let mut datagram = [0; MESSAGE_BYTES_MAX + 1];
    for sent in 1..=SENDS_MAX {
        let reached = |error| Trouble::reaching(peer, error);
        socket.send(request).await.map_err(reached)?;
        let resend = crate::clock::instant() + limits.resend;
        let until = if sent == SENDS_MAX {
            limits.end
        } else {
            limits.end.min(resend)
        };
        while let Ok(received) = timeout_at(until, socket.recv(&mut datagram)).await {
            let bytes = received.map_err(reached)?;
            if let Some(answer) = judge(&datagram[..bytes])? {
                return Ok(answer);
            }
        }
        if crate::clock::instant() >= limits.end {
            break;
        }
    }
    Err(Trouble::Silent {
        peer,
        limit: limits.exchange,
        snmp: true,
    })
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
