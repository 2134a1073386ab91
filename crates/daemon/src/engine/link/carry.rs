//! Messages over a link that stands, both ways.
//!
//! *Use.* [`read_lines`] and [`write_lines`] side by side; either one's end is the link's end.
//! Fresh messages go first; what is repeated goes while none of them waits, and pages of collected
//! logs while neither does.
//!
//! *Failure.* A line that is no message is said and passed over; a slow driver holds up this link
//! and no other.

use crate::engine::Wires;
use crate::engine::lines::{LINE_BYTES_MAX, Line, Lines};
use crate::engine::note::Note;
use crate::engine::pages;
use crate::engine::plan::{PeerPlan, Route};
use crate::inbox::room_for_peers;
use noroshi_core::event::Event;
use noroshi_core::peer::PeerMessage;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsStream;

/// The far ends of a link's queues.
pub(super) struct Queued {
    pub(super) lines: mpsc::Receiver<Vec<u8>>,
    pub(super) repeats: mpsc::Receiver<Box<PeerMessage>>,
    pub(super) pages: mpsc::Receiver<Vec<u8>>,
    /// Of the lines.
    pub(super) bytes: Arc<AtomicUsize>,
}

/// Hands messages to the driver until the link breaks. When the driver is behind, this link waits.
pub(super) async fn read_lines(
    wires: &Arc<Wires>,
    settings: watch::Receiver<PeerPlan>,
    address: IpAddr,
    mut reader: ReadHalf<TlsStream<TcpStream>>,
    mut lines: Lines,
) {
    loop {
        let line = lines.next(&mut reader, LINE_BYTES_MAX).await;
        // What came in before a cut that is played stays on its way, the end of the link as well.
        wires.gate.passable(address).await;
        let Ok(line) = line else { return };
        let (id, server) = {
            let peer = settings.borrow();
            (peer.id, peer.name.clone())
        };
        let message = match line {
            Line::Whole(line) if pages::is_one(&line) => {
                pages::heard(wires, &server, &line);
                continue;
            }
            Line::Whole(line) => serde_json::from_slice(&line).map_err(Some),
            Line::TooLong => Err(None),
        };
        match message {
            Ok(PeerMessage::Unknown) => {}
            Ok(message) => {
                room_for_peers(&wires.inbox).await;
                if wires
                    .inbox
                    .send(Event::Peer(id, Box::new(message)))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Err(None) => wires.say(Note::LongLine { server }),
            Err(Some(error)) => wires.say(Note::NoMessage {
                server,
                error: error.to_string(),
            }),
        }
    }
}

/// Sends what is queued until the queue is closed, then closes the link in order.
pub(super) async fn write_lines(
    wires: &Wires,
    address: IpAddr,
    writer: &mut WriteHalf<TlsStream<TcpStream>>,
    queued: Queued,
    name: impl Fn() -> String,
) -> io::Result<()> {
    let Queued {
        mut lines,
        mut repeats,
        mut pages,
        bytes,
    } = queued;
    loop {
        let (line, fresh) = tokio::select! {
            biased;
            Some(line) = lines.recv() => (line, true),
            Some(message) = repeats.recv() => match super::line(&message, &name) {
                Ok(line) => (line, false),
                Err(note) => {
                    wires.say(note);
                    continue;
                }
            },
            Some(line) = pages.recv() => (line, false),
            else => break,
        };
        wires.gate.passable(address).await;
        let last = lines.is_empty() && repeats.is_empty() && pages.is_empty();
        send(writer, &line, last).await?;
        if fresh {
            bytes.fetch_sub(line.len(), Ordering::Relaxed);
        }
    }
    writer.shutdown().await
}

async fn send<W: AsyncWrite + Unpin>(writer: &mut W, line: &[u8], last: bool) -> io::Result<()> {
    writer.write_all(line).await?;
    if last { writer.flush().await } else { Ok(()) }
}

/// Waits until new settings have no such way to the server any more.
pub(super) async fn moved_away(mut settings: watch::Receiver<PeerPlan>, route: Route) {
    if settings
        .wait_for(|peer| !peer.routes.contains(&Some(route)))
        .await
        .is_err()
    {
        // The engine stops; the queue's end ends the link.
        std::future::pending().await
    }
}
