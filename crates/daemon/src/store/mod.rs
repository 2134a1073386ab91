//! The durable store: alerts, notices, and what is known of lamps and servers (rules N7 N8).
//!
//! One SQLite file, `alerts.db`, in a directory of its own, written by one thread (`worker.rs`) in
//! synced transactions that each take everything that waits. [`Store`] hands work to that thread
//! and never blocks; answers come as events. [`Reader`] reads pages of the alert view beside it.
//!
//! How it fails: a damaged file is set aside and a new one begun, with what is unfinished taken
//! along as far as it can be read. A file that cannot be used (full or read-only disk, a newer
//! release's file, an I/O or sync error) makes every batch fail with words until it can be used
//! again, which is tried every few seconds; the daemon goes on from memory and says so. Nothing
//! here panics on what it finds on disk. A flipped bit inside a text is not noticed: SQLite keeps
//! no checksum of what is in its pages.

mod catch_up;
mod damage;
mod database;
mod fault;
mod figures;
mod log;
mod measure;
mod opening;
mod reader;
mod recover;
mod row;
mod schema;
mod search;
mod worker;
mod write;

pub use catch_up::CATCH_UP_ITEMS_MAX;
pub use damage::DAMAGED_FILES_MAX;
pub use database::STORE_FILE;
pub use figures::{
    AlertFigures, DELAY_BOUNDS_MS, FIGURES_STEPS_MAX, FIGURES_TOLD_MAX, FiguresQuery,
};
pub use log::{
    LOG_ALERTS_MAX, LOG_NAMES_MAX, LOG_PAGE_BYTES_MAX, LOG_READS_MAX, LogNames, LogPlace,
};
pub use measure::{commit_times, fill, sample_items};
pub use reader::{
    ALERTS_PAGE_MAX, AlertPage, AlertQuery, AlertRow, READERS_MAX, ReadError, Reader,
};
pub use recover::RECOVER_NOTICES_MAX;
pub use search::LOOK_MAX;
pub use worker::{GROUP_ITEMS_MAX, MARK_WAIT_MS, REOPEN_WAIT_MS};

use crate::inbox::Inbox;
use noroshi_core::action::Item;
use noroshi_core::event::{Event, Recovered, StoreTrouble};
use noroshi_core::notice::outbox::Page;
use opening::Opener;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::sync::watch;
use worker::{Batch, Order, Shared, Whom, Worker};

/// Most batches that wait for the store's thread; one more is answered as not written.
pub const QUEUE_BATCHES_MAX: usize = 512;
/// Most items that wait for the store's thread, about 2 MB with a hung disk; a batch that would
/// exceed it is answered as not written, unless it is alone.
pub const QUEUE_ITEMS_MAX: usize = 2_048;
/// How long opening may hold up the daemon's start, ms. With a disk that hangs longer the daemon
/// starts without the store; its backlog is loaded when the disk answers.
pub const OPEN_WAIT_MS: u64 = 3_000;
/// How long [`Store::shut`] waits for the disk, ms.
pub const SHUT_WAIT_MS: u64 = 3_000;
/// Stack of the store's thread in bytes: SQLite needs a tenth of it.
const STACK_BYTES: usize = 512 << 10;

/// The writing end of the store. Dropping it lets the thread finish its queue and end.
pub struct Store {
    /// In boxes: the queue sets aside all its places at once.
    queue: SyncSender<Box<Order>>,
    shared: Arc<Shared>,
    reader: Reader,
    ended: Receiver<()>,
}

impl Store {
    /// Opens or creates the store in `dir`, keeping `records_max` alerts (at least 1), and says what
    /// was kept from earlier runs. Answers to everything asked later go into `inbox`.
    ///
    /// Never fails: what is wrong stands in [`Recovered::trouble`]. With a store that cannot be used,
    /// `more` is true, so that the backlog is asked for; that is answered when the store works again.
    /// Waits for the disk, at most [`OPEN_WAIT_MS`].
    pub fn open(dir: &Path, records_max: u32, inbox: Inbox) -> (Store, Recovered) {
        Store::open_with(
            dir,
            records_max,
            inbox,
            Duration::from_millis(REOPEN_WAIT_MS),
        )
    }

    /// As [`Store::open`], with another wait than [`REOPEN_WAIT_MS`] between tries to reopen.
    pub fn open_with(
        dir: &Path,
        records_max: u32,
        inbox: Inbox,
        reopen_wait: Duration,
    ) -> (Store, Recovered) {
        let (queue, orders) = mpsc::sync_channel(QUEUE_BATCHES_MAX);
        let (started, start) = mpsc::sync_channel(1);
        let (end, ended) = mpsc::sync_channel(1);
        let (rows, newest) = watch::channel(0);
        let gate = Arc::new(RwLock::new(()));
        let shared = Arc::new(Shared {
            waiting: AtomicUsize::new(0),
            records_max: AtomicU32::new(records_max),
            load: Mutex::new(None),
        });
        let reader = Reader::new(dir, Arc::clone(&gate), newest);
        let opener = Opener::new(dir.to_owned(), gate);
        let mut worker = Worker::new(
            opener,
            orders,
            inbox,
            Arc::clone(&shared),
            rows,
            reopen_wait,
        );
        let work = move || {
            // Nobody listens any more where opening took too long.
            let _ = started.send(worker.start());
            worker.run();
            let _ = end.send(());
        };
        let thread = thread::Builder::new()
            .name("store".into())
            .stack_size(STACK_BYTES)
            .spawn(work);
        let recovered = match thread {
            Err(error) => unusable(format!("no thread for the store: {error}")),
            Ok(_) => start
                .recv_timeout(Duration::from_millis(OPEN_WAIT_MS))
                .unwrap_or_else(|_| {
                    unusable(format!("{}: the disk does not answer", dir.display()))
                }),
        };
        (
            Store {
                queue,
                shared,
                reader,
                ended,
            },
            recovered,
        )
    }

    /// Hands over a batch to be written in one synced transaction, its items in order; answered by
    /// [`Event::Recorded`] in the inbox. Never blocks. When the queue is full the answer comes back
    /// at once instead, and nothing of the batch is written.
    ///
    /// A batch that was answered as not written may be on disk all the same, or come to be when the
    /// disk is back: every item is an upsert, and a final notice stays final.
    #[must_use = "the answer is an event to be dealt with"]
    pub fn record(&self, batch: u64, items: Vec<Item>) -> Option<Event> {
        let count = items.len();
        let before = self.shared.waiting.fetch_add(count, Ordering::AcqRel);
        let room = before == 0 || before + count <= QUEUE_ITEMS_MAX;
        let order = Order::Record(Batch {
            to: Whom::Node(batch),
            items,
        });
        if room && self.queue.try_send(Box::new(order)).is_ok() {
            return None;
        }
        self.shared.waiting.fetch_sub(count, Ordering::AcqRel);
        let result = Err("the disk does not keep up: the store's queue is full".into());
        Some(Event::Recorded { batch, result })
    }

    /// Hands over alerts that were fetched from another server, to be written like a batch; whether they,
    /// and all that was handed over before, are on disk is said through `done`. What cannot be written is not remembered: it is fetched again. Never
    /// blocks; with a full queue nothing is written.
    pub fn take_fetched(&self, items: Vec<Item>, done: oneshot::Sender<bool>) {
        let order = Order::Record(Batch {
            to: Whom::Fetch(done),
            items,
        });
        // The sender of the answer goes with a refused order, which says no.
        let _ = self.queue.try_send(Box::new(order));
    }

    /// Notes that everything in the log of `server` up to `place` stands here. Lost with a full queue: those
    /// names are gone through again.
    pub fn note_place(&self, server: String, place: LogPlace) {
        let _ = self.queue.try_send(Box::new(Order::Place(server, place)));
    }

    /// Asks for a page of unfinished notices; answered by
    /// [`Event::Loaded`], when the store can be read again if it cannot now. One at a time: a second
    /// one before the answer replaces the first. Never blocks.
    pub fn load(&self, page: Page) {
        let mut load = self
            .shared
            .load
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *load = Some(page);
        drop(load);
        // With a full queue the thread is awake and looks after the next transaction.
        let _ = self.queue.try_send(Box::new(Order::Look));
    }

    /// Keeps `records_max` alerts from the next transaction on.
    pub fn keep(&self, records_max: u32) {
        self.shared
            .records_max
            .store(records_max, Ordering::Relaxed);
    }

    /// A handle that reads the alert view.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Lets the thread write what waits and end; false when that took longer than
    /// [`SHUT_WAIT_MS`]. Nothing acknowledged depends on it. The inbox must be drained or dropped
    /// meanwhile, or the thread waits for room in it.
    pub fn shut(self) -> bool {
        drop(self.queue);
        self.ended
            .recv_timeout(Duration::from_millis(SHUT_WAIT_MS))
            .is_ok()
    }
}

fn unusable(why: String) -> Recovered {
    Recovered {
        licences: None,
        more: true,
        trouble: Some(StoreTrouble::Unusable(why)),
        ..Recovered::default()
    }
}
