//! Making a connection whose ends know each other.
//!
//! *Use.* [`dial_until_made`] by the server with the lower name; [`greet`] by both ends after TLS.
//! *Failure.* Each step has its deadline. What went wrong is said once until a link stands
//! (`note`), and the next interconnect is tried, for ever.

use super::Shared;
use crate::engine::Wires;
use crate::engine::hello::{Hello, Refusal};
use crate::engine::identity;
use crate::engine::lines::{Line, Lines};
use crate::engine::note::Note;
use crate::engine::plan::{PeerPlan, Route};
use crate::engine::socket;
use noroshi_core::alert::SessionId;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsStream;

/// How long a connection may take to come about.
pub const DIAL_DEADLINE: Duration = Duration::from_secs(1);
/// How long TLS and the first lines may take.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(2);
/// First and longest rest between two rounds of dialling.
pub const REST_MIN: Duration = Duration::from_millis(50);
/// See [`REST_MIN`].
pub const REST_MAX: Duration = Duration::from_secs(1);
/// Longest first line, in bytes: four times the longest names there can be.
const HELLO_BYTES_MAX: usize = 4_096;

/// A connection whose ends know each other.
#[derive(Debug)]
pub(in crate::engine) struct Greeted {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) lines: Lines,
    pub(super) session: SessionId,
    pub(super) route: Route,
}

/// Dials in rounds over all interconnects until a link is made.
pub(super) async fn dial_until_made(
    wires: &Wires,
    shared: &Shared,
    peer: &PeerPlan,
    rest: &mut Duration,
    first_route: usize,
) -> Greeted {
    loop {
        tokio::select! {
            () = sleep(*rest) => {}
            () = shared.wake.notified() => *rest = Duration::ZERO,
        }
        *rest = (*rest * 2).clamp(REST_MIN, REST_MAX);
        let count = peer.routes.len();
        for at in (first_route..first_route + count).map(|at| at % count) {
            let Some(route) = peer.route(at) else {
                continue;
            };
            match dial(wires, &peer.name, route).await {
                Ok(greeted) => return greeted,
                Err(error) => wires.say_no_link(&peer.name, route.theirs.ip(), &error),
            }
        }
    }
}

async fn dial(wires: &Wires, name: &str, route: Route) -> io::Result<Greeted> {
    let address = route.theirs.ip();
    let connected = async {
        wires.gate.passable(address).await;
        socket::dial(route.ours, route.theirs).await
    };
    let stream = timeout(DIAL_DEADLINE, connected).await??;
    socket::prepare_link(&stream)?;
    let greeted = async {
        let stream = wires.identity.connect(stream).await?;
        greet(wires, name, route, stream).await
    };
    timeout(HANDSHAKE_DEADLINE, greeted).await?
}

/// Says who we are and hears who the other end is; it must be the server called `name`. The caller
/// sets the deadline.
pub(in crate::engine) async fn greet(
    wires: &Wires,
    name: &str,
    route: Route,
    mut stream: TlsStream<TcpStream>,
) -> io::Result<Greeted> {
    let plan = wires.plan();
    stream
        .write_all(&Hello::new(&plan, name, wires.session).line())
        .await?;
    stream.flush().await?;
    let mut lines = Lines::default();
    let hello = match lines.next(&mut stream, HELLO_BYTES_MAX).await? {
        Line::Whole(line) => Hello::parse(&line),
        Line::TooLong => Err(Refusal::Garbled),
    };
    let checked = hello.and_then(|hello| hello.check(&plan, name).map(|()| hello.session));
    let session = checked.map_err(io::Error::other)?;
    Ok(Greeted {
        stream,
        lines,
        session,
        route,
    })
}

impl Wires {
    /// Says why no link came about.
    pub(in crate::engine) fn say_no_link(&self, server: &str, at: IpAddr, error: &io::Error) {
        // Who is at a former address by now is nobody's concern.
        let plan = self.heartbeats().plan();
        let mut peers = plan.peers().filter(|peer| peer.name == server);
        let in_force =
            |peer: &PeerPlan| peer.routes.iter().flatten().any(|it| it.theirs.ip() == at);
        if !peers.any(in_force) {
            return;
        }
        let server = server.to_owned();
        let refusal = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Refusal>());
        self.say(match refusal {
            Some(why) => Note::Refused {
                server,
                at,
                why: why.clone(),
            },
            None if identity::refused_for_its_key(error) => Note::Refused {
                server,
                at,
                why: Refusal::Key,
            },
            None => Note::NoLink {
                server,
                at,
                error: error.to_string(),
            },
        });
    }
}
