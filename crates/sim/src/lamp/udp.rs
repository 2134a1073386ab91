//! A simulated lamp's UDP side, for SNMP: one datagram in, at most one out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use noroshi_wire::lamp::snmp::MESSAGE_BYTES_MAX;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::talk::Step;
use super::{CONNECTIONS_MAX, Fault, Faults, Shared, take_faults};
use crate::orders::Change;

pub(super) async fn start(
    address: SocketAddr,
    shared: Arc<Shared>,
    changes: mpsc::Receiver<Change<Faults>>,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let socket = UdpSocket::bind(address).await?;
    let address = socket.local_addr()?;
    let task = tokio::spawn(run(address, Some(Arc::new(socket)), shared, changes));
    Ok((address, task))
}

async fn run(
    address: SocketAddr,
    mut socket: Option<Arc<UdpSocket>>,
    shared: Arc<Shared>,
    mut changes: mpsc::Receiver<Change<Faults>>,
) {
    let mut answers = JoinSet::new();
    let mut datagram = [0; MESSAGE_BYTES_MAX + 1];
    loop {
        tokio::select! {
            biased;
            change = changes.recv() => {
                let Some((faults, done)) = change else { return };
                take_faults(&shared, faults);
                let turned = turn(&mut socket, address, faults.fault, &mut answers).await;
                let _ = done.send(turned);
            }
            Some(_) = answers.join_next() => {}
            received = receive(socket.as_deref(), &mut datagram) => {
                let (Ok((count, peer)), Some(socket)) = (received, &socket) else { continue };
                if answers.len() < CONNECTIONS_MAX {
                    let request = datagram[..count].to_vec();
                    answers.spawn(answer(socket.clone(), peer, request, shared.clone()));
                }
            }
        }
    }
}

async fn receive(
    socket: Option<&UdpSocket>,
    datagram: &mut [u8],
) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(datagram).await,
        None => std::future::pending().await,
    }
}

/// A closed UDP port is one without a socket: the kernel then says "port unreachable".
async fn turn(
    socket: &mut Option<Arc<UdpSocket>>,
    address: SocketAddr,
    fault: Option<Fault>,
    answers: &mut JoinSet<()>,
) -> io::Result<()> {
    if fault == Some(Fault::Refuse) {
        answers.shutdown().await;
        *socket = None;
    } else if socket.is_none() {
        *socket = Some(Arc::new(UdpSocket::bind(address).await?));
    }
    Ok(())
}

async fn answer(socket: Arc<UdpSocket>, peer: SocketAddr, request: Vec<u8>, shared: Arc<Shared>) {
    let delay = shared.faults.borrow().delay;
    if !delay.is_zero() {
        sleep(delay).await;
    }
    let mut talk = shared.kind.talk();
    let Step::Ready(command) = talk.push(&request) else {
        return;
    };
    if let Some((answer, _)) = shared.answer(&mut *talk, command)
        && !answer.is_empty()
    {
        // A client that is gone has no use for it.
        let _ = socket.send_to(&answer, peer).await;
    }
}
