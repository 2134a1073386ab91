//! A simulated lamp's TCP side: its door, and one task for each client.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::talk::{Step, Talk};
use super::{CONNECTION_TIME_MAX, CONNECTIONS_MAX, Fault, Faults, Shared, take_faults};
use crate::orders::Change;

/// A lamp's port.
enum Door {
    /// Clients come in.
    Open(TcpListener),
    /// Clients are refused.
    Closed,
    /// The queue of the port is full of our own connection, so that the kernel drops others'.
    Deaf {
        _listener: TcpListener,
        _filler: TcpStream,
    },
}

pub(super) fn start(
    address: SocketAddr,
    shared: Arc<Shared>,
    changes: mpsc::Receiver<Change<Faults>>,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = listen(address, BACKLOG)?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(run(address, Door::Open(listener), shared, changes));
    Ok((address, task))
}

async fn run(
    address: SocketAddr,
    mut door: Door,
    shared: Arc<Shared>,
    mut changes: mpsc::Receiver<Change<Faults>>,
) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            change = changes.recv() => {
                let Some((faults, done)) = change else { return };
                take_faults(&shared, faults);
                let closed = matches!(faults.fault, Some(Fault::Refuse | Fault::BlackHole));
                if closed {
                    clients.abort_all();
                }
                let turned = turn(&mut door, address, faults.fault).await;
                let _ = done.send(turned);
            }
            Some(_) = clients.join_next() => {}
            client = accept(&door) => {
                // Out of files, or gone before it was let in: the next may do better.
                let Ok((stream, peer)) = client else { continue };
                if clients.len() < CONNECTIONS_MAX {
                    let shared = shared.clone();
                    clients.spawn(async move {
                        let _ = timeout(CONNECTION_TIME_MAX, serve(stream, peer, &shared)).await;
                    });
                }
            }
        }
    }
}

async fn accept(door: &Door) -> io::Result<(TcpStream, SocketAddr)> {
    match door {
        Door::Open(listener) => listener.accept().await,
        Door::Closed | Door::Deaf { .. } => std::future::pending().await,
    }
}

/// Opens, closes or fills the door as the fault wants it.
async fn turn(door: &mut Door, address: SocketAddr, fault: Option<Fault>) -> io::Result<()> {
    match (fault, &*door) {
        (Some(Fault::Refuse), Door::Closed) => {}
        (Some(Fault::Refuse), _) => *door = Door::Closed,
        (Some(Fault::BlackHole), Door::Deaf { .. }) => {}
        (Some(Fault::BlackHole), _) => {
            *door = Door::Closed;
            // listen(2) with a backlog of 0: Linux queues one connection and drops further SYNs.
            let listener = listen(address, 0)?;
            let filler = TcpStream::connect(address).await?;
            *door = Door::Deaf {
                _listener: listener,
                _filler: filler,
            };
        }
        (_, Door::Open(_)) => {}
        _ => {
            *door = Door::Closed;
            *door = Door::Open(listen(address, BACKLOG)?);
        }
    }
    Ok(())
}

fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// Talks with one client until either has enough.
async fn serve(mut stream: TcpStream, peer: SocketAddr, shared: &Shared) {
    if shared.faults.borrow().fault == Some(Fault::Drop) {
        return;
    }
    if shared.kind.reserved_ports_only() && !(512..1024).contains(&peer.port()) {
        // As real servers: a reset, not one byte.
        let _ = stream.set_zero_linger();
        return;
    }
    let mut talk = shared.kind.talk();
    let mut second = None;
    let mut part = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut part).await {
        let mut bytes = &part[..count];
        loop {
            let step = talk.push(bytes);
            bytes = &[];
            match step {
                Step::More => break,
                Step::HangUp => return,
                Step::CallBack(port) => match call_back(peer, port).await {
                    Ok(stream) => second = Some(stream),
                    Err(_) => return,
                },
                Step::Ready(command) => {
                    if say(&mut stream, shared, &mut *talk, command)
                        .await
                        .is_break()
                    {
                        let _ = stream.shutdown().await;
                        drop(second);
                        return;
                    }
                }
            }
        }
    }
}

/// Obeys and answers one command as the lamp's faults have it.
async fn say(
    stream: &mut TcpStream,
    shared: &Shared,
    talk: &mut dyn Talk,
    command: String,
) -> ControlFlow<()> {
    let delay = shared.faults.borrow().delay;
    if !delay.is_zero() {
        sleep(delay).await;
    }
    let Some((answer, goes_on)) = shared.answer(talk, command) else {
        // Says nothing more until the client has enough.
        let mut part = [0; 1024];
        while let Ok(1..) = stream.read(&mut part).await {}
        return ControlFlow::Break(());
    };
    match stream.write_all(&answer).await {
        Ok(()) if goes_on => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    }
}

/// The second channel of rsh: to the client's port, from a reserved one where we may (rshd(8)).
async fn call_back(peer: SocketAddr, port: u16) -> io::Result<TcpStream> {
    let to = SocketAddr::new(peer.ip(), port);
    for from in (512..1024).rev() {
        let socket = if peer.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        let any = if peer.is_ipv4() { "0.0.0.0" } else { "::" };
        let any = any.parse().map_err(io::Error::other)?;
        match socket.bind(SocketAddr::new(any, from)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
            // Without the right to one: some clients take any.
            Err(_) => break,
            Ok(()) => return socket.connect(to).await,
        }
    }
    TcpStream::connect(to).await
}

const BACKLOG: u32 = 16;
