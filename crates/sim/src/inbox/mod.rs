//! A small mail server for demonstrations and tests: takes mail, shows it, fails on demand.
//!
//! *Use.* [`Inbox::start`] opens it; [`SimInbox::mails`] are the last mails, [`SimInbox::arrivals`]
//! and [`SimInbox::count`] follow new ones, [`SimInbox::set_faults`] makes it ill and well again
//! while it runs and returns when that is in force. Dropping it closes everything.
//!
//! *Failure.* Start fails if the address cannot be used. At most [`CONNECTIONS_MAX`] clients are
//! served at a time, each for at most [`CONNECTION_TIME_MAX`]; more are closed at once. The last
//! [`MAILS_MAX`] mails are kept, each of at most [`MAIL_BYTES_MAX`] bytes.

mod decode;
mod faults;
mod mail;
mod session;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::orders::{Change, Orders};

pub use faults::{Fault, Faults, Verb};
pub use mail::Mail;
pub use session::LINE_BYTES_MAX;

use session::Session;

/// Most clients served at a time.
pub const CONNECTIONS_MAX: usize = 64;
/// Longest session: what RFC 5321 section 4.5.3.2.7 lets a server wait for a command, twice.
pub const CONNECTION_TIME_MAX: Duration = Duration::from_secs(600);
/// Most mails kept; older ones are forgotten.
pub const MAILS_MAX: usize = 256;
/// Longest mail taken, in bytes.
pub const MAIL_BYTES_MAX: usize = 256 * 1024;
/// Most recipients of one mail (RFC 5321 section 4.5.3.1.8).
pub const RECIPIENTS_MAX: usize = 100;
/// Most arrivals a slow follower may be behind before it loses the oldest.
pub const ARRIVALS_MAX: usize = 256;

/// Opens simulated mail servers.
#[derive(Debug)]
pub struct Inbox;

/// A simulated mail server at work.
#[derive(Debug)]
pub struct SimInbox {
    address: SocketAddr,
    shared: Arc<Shared>,
    orders: Orders<Faults>,
    task: JoinHandle<()>,
}

/// What all sessions share.
#[derive(Debug)]
struct Shared {
    faults: watch::Sender<Faults>,
    mails: Mutex<VecDeque<Arc<Mail>>>,
    count: watch::Sender<u64>,
    arrivals: broadcast::Sender<Arc<Mail>>,
}

impl Shared {
    fn faults(&self) -> Faults {
        self.faults.borrow().clone()
    }

    fn mails(&self) -> MutexGuard<'_, VecDeque<Arc<Mail>>> {
        // The list is whole between any two statements, so a panic elsewhere spoils nothing.
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrive(&self, from: String, to: Vec<String>, raw: Vec<u8>) {
        let mut mails = self.mails();
        let number = *self.count.borrow() + 1;
        let mail = Arc::new(Mail::new(number, from, to, raw));
        if mails.len() == MAILS_MAX {
            mails.pop_front();
        }
        mails.push_back(mail.clone());
        self.count.send_replace(number);
        // Nobody may be following.
        let _ = self.arrivals.send(mail);
    }
}

impl Inbox {
    /// Opens a mail server at `address`; port 0 takes any free one.
    ///
    /// # Errors
    /// If the address cannot be used; no server exists then.
    pub async fn start(address: SocketAddr, faults: Faults) -> io::Result<SimInbox> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            faults: watch::Sender::new(Faults::none()),
            mails: Mutex::default(),
            count: watch::Sender::new(0),
            arrivals: broadcast::Sender::new(ARRIVALS_MAX),
        });
        let (orders, changes) = Orders::to("the simulated mail server");
        let task = tokio::spawn(run(address, Some(listener), shared.clone(), changes));
        let inbox = SimInbox {
            address,
            shared,
            orders,
            task,
        };
        inbox.set_faults(faults).await?;
        Ok(inbox)
    }
}

impl SimInbox {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last [`MAILS_MAX`] mails, oldest first.
    pub fn mails(&self) -> Vec<Arc<Mail>> {
        self.shared.mails().iter().cloned().collect()
    }

    /// Follows how many mails have arrived since the start.
    pub fn count(&self) -> watch::Receiver<u64> {
        self.shared.count.subscribe()
    }

    /// Follows the mails that arrive from now on.
    pub fn arrivals(&self) -> broadcast::Receiver<Arc<Mail>> {
        self.shared.arrivals.subscribe()
    }

    /// Forgets all mails; the count goes on.
    pub fn clear(&self) {
        self.shared.mails().clear();
    }

    /// Puts these faults in place of those before, and returns when they are in force. Sessions that
    /// stand meet them at their next command; a closed server drops them.
    ///
    /// # Errors
    /// If the port was taken by others while it was closed; it stays closed then.
    pub async fn set_faults(&self, faults: Faults) -> io::Result<()> {
        self.orders.give(faults).await
    }
}

impl Drop for SimInbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    address: SocketAddr,
    mut listener: Option<TcpListener>,
    shared: Arc<Shared>,
    mut changes: mpsc::Receiver<Change<Faults>>,
) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            change = changes.recv() => {
                let Some((faults, done)) = change else { return };
                let turned = turn(&mut listener, address, faults.refuses());
                if faults.refuses() {
                    sessions.abort_all();
                }
                shared.faults.send_replace(faults);
                let _ = done.send(turned);
            }
            Some(_) = sessions.join_next() => {}
            client = accept(listener.as_ref()) => {
                // Out of files, or gone before it was let in: the next may do better.
                let Ok(stream) = client else { continue };
                if sessions.len() < CONNECTIONS_MAX {
                    let session = Session::new(stream, shared.clone());
                    sessions.spawn(async move {
                        let _ = timeout(CONNECTION_TIME_MAX, session.run()).await;
                    });
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

fn turn(listener: &mut Option<TcpListener>, address: SocketAddr, refuses: bool) -> io::Result<()> {
    if refuses {
        *listener = None;
    } else if listener.is_none() {
        *listener = Some(listen(address)?);
    }
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

const BACKLOG: u32 = 64;
