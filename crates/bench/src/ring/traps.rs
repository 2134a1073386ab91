//! The other notice of the ring: `corosync-notifyd` at each node, and a receiver of its SNMP traps.
//!
//! The receiver only notes when which datagram came from whom; a trap about a node that left holds the node's address
//! and the word "left" as they are.

use super::child::Beside;
use crate::netns;
use noroshi_sim::rig::{Cluster, Fallible, until};
use std::net::{IpAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What to install for it.
pub(super) const MISSING: &str = "corosync-notifyd is missing: apt-get install corosync-notifyd";
/// Last octet of the receiver's address: between the lamps' and the mail server's.
const ADDRESS: u8 = 253;
/// `snmptrap`, the port that `corosync-notifyd` sends to.
const PORT: u16 = 162;
/// Datagrams kept: a dozen for each run.
const TRAPS_MAX: usize = 100_000;
const READ_WAIT: Duration = Duration::from_millis(100);

struct Trap {
    at: Instant,
    bytes: Vec<u8>,
}

pub(super) struct Traps {
    by_server: Vec<Option<Beside>>,
    manager: IpAddr,
    /// By server: its addresses in the ring.
    addresses: Vec<Vec<IpAddr>>,
    board: Arc<Mutex<Vec<Trap>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Traps {
    /// Opens the receiver; `None` where there is no `corosync-notifyd`.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub(super) fn open(cluster: &Cluster) -> Fallible<Option<Traps>> {
        let mut command = Command::new("corosync-notifyd");
        command
            .arg("-h")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if command.status().is_err() {
            return Ok(None);
        }
        let servers = cluster.conf().servers.iter();
        let manager = cluster.netns().outside_address(ADDRESS);
        let socket = netns::make(&cluster.netns().outside(), || {
            Ok(UdpSocket::bind((manager, PORT))?)
        })?;
        socket.set_read_timeout(Some(READ_WAIT))?;
        let (board, ended) = (
            Arc::<Mutex<Vec<Trap>>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let (noted, stop) = (Arc::clone(&board), Arc::clone(&ended));
        let thread = std::thread::spawn(move || receive(&socket, &noted, &stop));
        Ok(Some(Traps {
            by_server: Vec::new(),
            manager,
            addresses: servers.map(|server| server.addresses.clone()).collect(),
            board,
            ended,
            thread: Some(thread),
        }))
    }

    /// Starts the notifier of a node whose Corosync answers. It looks up no name of an address: there is no name server
    /// here, and it would wait for one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(&mut self, cluster: &mut Cluster, server: usize) -> Fallible<()> {
        let mut command = cluster.corosync(server).command("corosync-notifyd");
        command.args(["-f", "-n", "-s", "-m", &self.manager.to_string()]);
        self.by_server.resize_with(cluster.len(), || None);
        self.by_server[server] = Some(Beside::start(command)?);
        Ok(())
    }

    /// Ends the notifier of a node.
    pub(super) fn end(&mut self, server: usize) {
        self.by_server[server] = None;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Trap>> {
        // A list is whole between any two statements.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the first trap came, after `from`, that says that a server has left.
    pub(super) fn wait_left(
        &self,
        server: usize,
        from: Instant,
        limit: Duration,
    ) -> Option<Instant> {
        // Without a name server a node goes by its address, that of whichever link.
        let names: Vec<String> = self.addresses[server]
            .iter()
            .map(IpAddr::to_string)
            .collect();
        let is_it = |trap: &&Trap| {
            let about = names.iter().any(|name| says(&trap.bytes, name));
            trap.at >= from && about && says(&trap.bytes, "left")
        };
        let found = until(limit, "a trap", || {
            let board = self.lock();
            let first = board.iter().find(is_it).map(|trap| trap.at);
            first.ok_or_else(|| {
                let since = board.iter().filter(|trap| trap.at >= from);
                let told = since.map(|trap| printable(&trap.bytes));
                told.collect::<Vec<_>>().join("\n")
            })
        });
        if let Err(error) = &found {
            eprintln!("ring: {error}");
        }
        found.ok()
    }
}

/// The bytes that are text.
fn printable(bytes: &[u8]) -> String {
    let shown = |byte: &u8| {
        if byte.is_ascii_graphic() {
            char::from(*byte)
        } else {
            ' '
        }
    };
    bytes.iter().map(shown).collect()
}

fn receive(socket: &UdpSocket, board: &Mutex<Vec<Trap>>, stop: &AtomicBool) {
    let mut bytes = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok(length) = socket.recv(&mut bytes) else {
            continue;
        };
        let at = Instant::now();
        let mut board = board.lock().unwrap_or_else(PoisonError::into_inner);
        if board.len() < TRAPS_MAX {
            let bytes = bytes[..length].to_vec();
            board.push(Trap { at, bytes });
        }
    }
}

fn says(bytes: &[u8], words: &str) -> bool {
    bytes
        .windows(words.len())
        .any(|part| part == words.as_bytes())
}

impl Drop for Traps {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
