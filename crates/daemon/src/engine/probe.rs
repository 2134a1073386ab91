//! Asking a server's host whether it lives: a TCP connection to its daemon's port.
//!
//! *Use.* `Engine::probe` asks; the answer comes as [`Event::Probed`]. The kernel answers
//! for a process that stands still, so "accepted" means that the host lives and something holds the
//! port, "refused" that the host lives and nothing does.
//!
//! *Failure.* No answer within [`DEADLINE`], or no way to the host at all, is "silent". At most one
//! probe is under way for each server and interconnect; a second one asked for meanwhile is
//! answered by the first.

use super::Wires;
use super::plan::Route;
use super::socket;
use noroshi_core::config::{InterconnectId, ServerId};
use noroshi_core::event::{Event, HostAnswer};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a host has to answer.
pub const DEADLINE: Duration = Duration::from_millis(300);

/// Asks, and tells the driver what came back.
pub(super) async fn probe(wires: Arc<Wires>, server: ServerId, path: InterconnectId, route: Route) {
    let answer = timeout(DEADLINE, ask(&wires, route))
        .await
        .unwrap_or(HostAnswer::Silent);
    wires.probing().remove(&(server, path));
    // The driver has ended when this fails; then nobody wants to know.
    let _ = wires
        .inbox
        .send(Event::Probed {
            server,
            path,
            answer,
        })
        .await;
}

async fn ask(wires: &Wires, route: Route) -> HostAnswer {
    wires.gate.passable(route.theirs.ip()).await;
    match socket::dial(route.ours, route.theirs).await {
        Ok(stream) => {
            socket::close_hard(&stream);
            HostAnswer::Accepted
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => HostAnswer::Refused,
        Err(_) => HostAnswer::Silent,
    }
}
