//! What is outside the cluster: lamps and the mail server, on one thread of their own.
//!
//! *Use.* Blocking calls from any thread. Each arrival of a mail and each change of a lamp is kept
//! with its moment, so that latencies can be measured after the fact, and wakes whoever waits.
//!
//! *Failure.* Opening fails if an address cannot be used. The last [`MAILS_KEPT_MAX`] mails and
//! [`SHINES_KEPT_MAX`] changes per lamp are kept.

use super::{Error, Fallible};
use crate::inbox::{self, Inbox, Mail, SimInbox};
use crate::lamp::{self, Kind, SimLamp, look};
use noroshi_core::lamp::Look;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{broadcast, oneshot};

/// Most mails kept.
pub const MAILS_KEPT_MAX: usize = 20_000;
/// Most changes kept of one lamp.
pub const SHINES_KEPT_MAX: usize = 10_000;

/// What a lamp showed from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shine {
    /// From when on.
    pub at: Instant,
    /// What.
    pub look: Look,
}

/// Lamps and mail server at work.
#[derive(Debug)]
pub struct Outside {
    handle: Handle,
    inbox: Arc<SimInbox>,
    lamps: Vec<Arc<SimLamp>>,
    kinds: Vec<Kind>,
    board: Arc<Board>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What has been seen so far.
#[derive(Debug, Default)]
struct Board {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    mails: Vec<Arc<Mail>>,
    mails_in_all: u64,
    shines: Vec<Vec<Shine>>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        // The lists are whole between any two statements.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mail(&self, mail: Arc<Mail>) {
        let mut seen = self.lock();
        // After a lag the inbox's own list is gone through again.
        if mail.number <= seen.mails_in_all {
            return;
        }
        seen.mails_in_all = mail.number;
        if seen.mails.len() == MAILS_KEPT_MAX {
            seen.mails.remove(0);
        }
        seen.mails.push(mail);
        self.changed.notify_all();
    }

    fn shine(&self, lamp: usize, look: Look) {
        let mut seen = self.lock();
        let shines = &mut seen.shines[lamp];
        if shines.last().is_some_and(|last| last.look == look) {
            return;
        }
        if shines.len() == SHINES_KEPT_MAX {
            shines.remove(0);
        }
        shines.push(Shine {
            at: Instant::now(),
            look,
        });
        self.changed.notify_all();
    }
}

impl Outside {
    /// Opens a mail server at `address` and lamps at theirs, each on a free port, in the network
    /// namespace of this name if one is given.
    ///
    /// # Errors
    /// When an address cannot be used, or the namespace cannot be entered.
    pub fn open(
        address: IpAddr,
        kinds: &[(Kind, IpAddr)],
        netns: Option<&str>,
    ) -> Fallible<Outside> {
        let board = Arc::new(Board::default());
        board.lock().shines = vec![Vec::new(); kinds.len()];
        let (opened, wait) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let netns = netns.map(|name| PathBuf::from("/run/netns").join(name));
        let (asked, shared) = (kinds.to_vec(), Arc::clone(&board));
        let thread = std::thread::Builder::new()
            .name("outside".into())
            .spawn(move || live(address, asked, netns, shared, opened, stopped))?;
        let gone = |_| Error("the thread of lamps and mail server ended".into());
        let (handle, inbox, lamps) = wait.recv().map_err(gone)??;
        Ok(Outside {
            handle,
            inbox,
            lamps,
            kinds: kinds.iter().map(|(kind, _)| kind.clone()).collect(),
            board,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where the mail server listens.
    pub fn mail_address(&self) -> SocketAddr {
        self.inbox.address()
    }

    /// A lamp, as it stands in a clp.conf.
    pub fn lamp(&self, lamp: usize) -> (Kind, SocketAddr) {
        (self.kinds[lamp].clone(), self.lamps[lamp].address())
    }

    /// How many lamps there are.
    pub fn lamp_count(&self) -> usize {
        self.lamps.len()
    }

    /// The mails so far, oldest first; the last [`MAILS_KEPT_MAX`].
    pub fn mails(&self) -> Vec<Arc<Mail>> {
        self.board.lock().mails.clone()
    }

    /// How many mails have arrived since the start.
    pub fn mail_count(&self) -> u64 {
        *self.inbox.count().borrow()
    }

    /// What a lamp has shown so far, oldest first.
    pub fn shines(&self, lamp: usize) -> Vec<Shine> {
        self.board.lock().shines[lamp].clone()
    }

    /// What a lamp shows now.
    pub fn look(&self, lamp: usize) -> Look {
        self.lamps[lamp].look()
    }

    /// The last commands that a lamp received.
    pub fn received(&self, lamp: usize) -> Vec<String> {
        self.lamps[lamp].received()
    }

    /// Waits until `found` finds something among the mails and the lamps' looks.
    ///
    /// # Errors
    /// When it has not after `limit`; the text lists what there is.
    pub fn wait<T>(
        &self,
        limit: Duration,
        what: &str,
        mut found: impl FnMut(&[Arc<Mail>], &[Vec<Shine>]) -> Option<T>,
    ) -> Fallible<T> {
        let end = Instant::now() + limit;
        let mut seen = self.board.lock();
        loop {
            if let Some(found) = found(&seen.mails, &seen.shines) {
                return Ok(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let limit = limit.as_secs_f32();
                return Err(Error(format!(
                    "not within {limit} s: {what}\n{}",
                    seen.told()
                )));
            }
            let waited = self.board.changed.wait_timeout(seen, left);
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes the mail server ill or well; returns when that is in force.
    ///
    /// # Errors
    /// When its port was taken by others while it was closed.
    pub fn set_mail_faults(&self, faults: inbox::Faults) -> Fallible<()> {
        let inbox = Arc::clone(&self.inbox);
        self.run(async move { inbox.set_faults(faults).await })
    }

    /// Makes a lamp ill or well; returns when that is in force.
    ///
    /// # Errors
    /// When its port was taken by others while it was closed.
    pub fn set_lamp_faults(&self, lamp: usize, faults: lamp::Faults) -> Fallible<()> {
        let lamp = Arc::clone(&self.lamps[lamp]);
        self.run(async move { lamp.set_faults(faults).await })
    }

    /// Runs on the thread of lamps and mail server: it alone is in their namespace.
    fn run(
        &self,
        work: impl Future<Output = std::io::Result<()>> + Send + 'static,
    ) -> Fallible<()> {
        let (done, wait) = sync_channel(1);
        self.handle.spawn(async move {
            let _ = done.send(work.await);
        });
        match wait.recv() {
            Ok(result) => result.map_err(Error::from),
            Err(_) => Err(Error("lamps and mail server have ended".into())),
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Seen {
    fn told(&self) -> String {
        let mut text = format!("{} mails:", self.mails_in_all);
        for mail in self.mails.iter().rev().take(20).rev() {
            text.push_str(&format!(
                "\n  {} to {}: {}",
                mail.number,
                mail.to.join(","),
                mail.subject
            ));
        }
        for (lamp, shines) in self.shines.iter().enumerate() {
            let looks: Vec<String> = shines.iter().map(|shine| worded(&shine.look)).collect();
            text.push_str(&format!("\nlamp {lamp}: {}", looks.join(", ")));
        }
        text
    }
}

fn worded(look: &Look) -> String {
    format!("{:?}/{:?}/{:?}", look.red, look.amber, look.green).to_lowercase()
}

type Opened = Fallible<(Handle, Arc<SimInbox>, Vec<Arc<SimLamp>>)>;

fn live(
    address: IpAddr,
    kinds: Vec<(Kind, IpAddr)>,
    netns: Option<PathBuf>,
    board: Arc<Board>,
    opened: SyncSender<Opened>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = netns.map_or(Ok(()), enter).and_then(|()| {
        let built = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        built.map_err(Error::from)
    });
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return drop(opened.send(Err(error))),
    };
    runtime.block_on(async {
        match open(address, kinds, &board).await {
            Ok((inbox, lamps)) => {
                let _ = opened.send(Ok((Handle::current(), inbox, lamps)));
                // Ends with a message or with its sender.
                let _ = stopped.await;
            }
            Err(error) => drop(opened.send(Err(error))),
        }
    });
}

fn enter(netns: PathBuf) -> Fallible<()> {
    let named = |error: std::io::Error| Error::doing(netns.display(), error);
    let file = File::open(&netns).map_err(named)?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|error| named(error.into()))
}

async fn open(
    address: IpAddr,
    kinds: Vec<(Kind, IpAddr)>,
    board: &Arc<Board>,
) -> Fallible<(Arc<SimInbox>, Vec<Arc<SimLamp>>)> {
    let address = SocketAddr::new(address, 0);
    let inbox = Arc::new(Inbox::start(address, inbox::Faults::none()).await?);
    tokio::spawn(follow_mails(Arc::clone(&inbox), Arc::clone(board)));
    let mut lamps = Vec::new();
    for (at, (kind, address)) in kinds.into_iter().enumerate() {
        let lamp =
            Arc::new(SimLamp::start(kind, SocketAddr::new(address, 0), lamp::Faults::NONE).await?);
        tokio::spawn(follow_lamp(at, Arc::clone(&lamp), Arc::clone(board)));
        lamps.push(lamp);
    }
    Ok((inbox, lamps))
}

async fn follow_mails(inbox: Arc<SimInbox>, board: Arc<Board>) {
    let mut arrivals = inbox.arrivals();
    loop {
        match arrivals.recv().await {
            Ok(mail) => board.mail(mail),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                inbox.mails().into_iter().for_each(|mail| board.mail(mail));
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn follow_lamp(at: usize, lamp: Arc<SimLamp>, board: Arc<Board>) {
    let mut shows = lamp.watch();
    loop {
        let shown = look(&shows.borrow_and_update());
        board.shine(at, shown);
        if shows.changed().await.is_err() {
            return;
        }
    }
}
