//! The accepting end of links.
//!
//! *Use.* [`accept`] runs for each own address. What comes from no configured address is closed at
//! once; a server that should dial us gets a handshake, and the link it makes goes to that
//! server's task (`link`). Probes are connections that close without a byte: normal, not told.
//!
//! *Failure.* Whoever connects and then dawdles has [`HANDSHAKE_DEADLINE`], and at most
//! [`HANDSHAKES_PER_SERVER_MAX`] connections from one server's address wait at once, so
//! 124 with 32 servers. A new one beyond that takes the place of the oldest: an honest handshake
//! lasts milliseconds, so it is the dawdler that goes. A bound on all of them together would make
//! 31 servers that dial a restarted one at the same moment throw each other out.

use super::Wires;
use super::link::{self, HANDSHAKE_DEADLINE};
use super::socket;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Connections from one server's address that have not said yet who they are.
pub(super) const HANDSHAKES_PER_SERVER_MAX: usize = 4;
/// Rest after a failure to accept, such as too many open files.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// The handshakes under way, oldest first.
#[derive(Debug, Default)]
pub(super) struct Handshakes(Mutex<VecDeque<(IpAddr, AbortHandle)>>);

impl Handshakes {
    fn enter(&self, address: IpAddr, handshake: AbortHandle) {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|(_, handshake)| !handshake.is_finished());
        let same = |(other, _): &(IpAddr, AbortHandle)| *other == address;
        if under_way.iter().filter(|one| same(one)).count() >= HANDSHAKES_PER_SERVER_MAX {
            let oldest = under_way
                .iter()
                .position(same)
                .and_then(|at| under_way.remove(at));
            if let Some((_, oldest)) = oldest {
                oldest.abort();
            }
        }
        under_way.push_back((address, handshake));
    }
}

/// Accepts on one own address for as long as the engine runs.
pub(super) async fn accept(wires: Arc<Wires>, address: SocketAddr, listener: TcpListener) {
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, from)) => {
                if may_dial_us(&wires, address, from.ip()) && !socket::is_closed(&stream) {
                    let handshake = handshake(Arc::clone(&wires), address, stream, from);
                    wires
                        .handshakes
                        .enter(from.ip(), handshakes.spawn(handshake));
                }
            }
            Err(_) => sleep(ACCEPT_REST).await,
        }
    }
}

/// A configured server on that interconnect, with a lower name than ours: of a pair it dials. A
/// probe may come from any other as well, but the kernel has answered that already.
fn may_dial_us(wires: &Wires, to: SocketAddr, from: IpAddr) -> bool {
    let plan = wires.plan();
    let peer = plan.peer_from(to, from);
    wires.gate.passes(from) && peer.is_some_and(|(peer, _)| !peer.dials)
}

async fn handshake(wires: Arc<Wires>, to: SocketAddr, stream: TcpStream, from: SocketAddr) {
    let shaken = async {
        // No TLS state for a connection that never says anything.
        if !matches!(stream.peek(&mut [0]).await, Ok(1)) {
            return;
        }
        let plan = wires.plan();
        let Some((peer, route)) = plan.peer_from(to, from.ip()) else {
            return;
        };
        let accepted = async {
            socket::prepare_link(&stream)?;
            link::greet(
                &wires,
                &peer.name,
                route,
                wires.identity.accept(stream).await?,
            )
            .await
        };
        match accepted.await {
            Ok(greeted) => wires.links().arrived(&peer.name, greeted),
            Err(error) => wires.say_no_link(&peer.name, from.ip(), &error),
        }
    };
    // A dawdler is no news.
    let _ = timeout(HANDSHAKE_DEADLINE, shaken).await;
}
