//! The store's thread: the only one that writes, and the only one that ever waits for a sync.
//!
//! It takes what waits in its queue, up to [`GROUP_ITEMS_MAX`] items, writes it in one synced
//! transaction and answers each batch. It may wait for room in the inbox: the driver empties the
//! inbox whatever the store does and never waits for the store (`Store::record` does not block), so
//! there is no circle to lock up in.
//!
//! When the file fails, each batch is answered with the cause, the connection is dropped, and a new
//! one is tried at once, then every [`REOPEN_WAIT_MS`]. What could not be written is remembered, up
//! to [`CATCH_UP_ITEMS_MAX`] items, and written first when the store works again: the alert view
//! has no hole then, and later news of those notices finds its alert.

use super::database::{Database, LastRows};
use super::fault::Fault;
use super::{opening, recover};
use crate::inbox::Inbox;
use noroshi_core::action::Item;
use noroshi_core::event::{Event, Recovered, StoreTrouble};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Most items in one transaction; a single batch may be greater.
pub const GROUP_ITEMS_MAX: usize = 512;
/// How long a store that failed is left alone before it is tried again, ms.
pub const REOPEN_WAIT_MS: u64 = 5_000;
/// Most items remembered while the file fails; the oldest are forgotten, their batches having been
/// answered as not written.
pub const CATCH_UP_ITEMS_MAX: usize = 512;

/// What the thread can be asked.
pub(super) enum Order {
    /// Write a batch.
    Record(Batch),
    /// Look at [`Shared::load`].
    Look,
}

/// Items that are answered together.
pub(super) struct Batch {
    /// What the answer names.
    pub(super) number: u64,
    /// In the order to be applied.
    pub(super) items: Vec<Item>,
}

/// What the thread shares with the store's handles.
pub(super) struct Shared {
    /// Items in the queue.
    pub(super) waiting: AtomicUsize,
    /// How many alerts are kept.
    pub(super) records_max: AtomicU32,
    /// After which row how many notices are to be loaded, until that is answered.
    pub(super) load: Mutex<Option<(u64, u32)>>,
}

/// The thread's state.
pub(super) struct Worker {
    pub(super) dir: PathBuf,
    pub(super) queue: Receiver<Order>,
    pub(super) inbox: Inbox,
    pub(super) shared: Arc<Shared>,
    pub(super) gate: Arc<RwLock<()>>,
    pub(super) rows: watch::Sender<u64>,
    pub(super) reopen_wait: Duration,
    database: Option<Database>,
    /// Why there is no database.
    trouble: String,
    tried: Option<Instant>,
    /// A connection failed since the last opening.
    failed: bool,
    floor: LastRows,
    catch_up: VecDeque<Item>,
    /// A fault that no answer has told yet.
    untold: Option<String>,
}

impl Worker {
    pub(super) fn new(
        dir: PathBuf,
        queue: Receiver<Order>,
        inbox: Inbox,
        shared: Arc<Shared>,
        gate: Arc<RwLock<()>>,
        rows: watch::Sender<u64>,
        reopen_wait: Duration,
    ) -> Worker {
        Worker {
            dir,
            queue,
            inbox,
            shared,
            gate,
            rows,
            reopen_wait,
            database: None,
            trouble: String::new(),
            tried: None,
            failed: false,
            floor: (0, 0),
            catch_up: VecDeque::new(),
            untold: None,
        }
    }

    /// Opens the store and says what was kept.
    pub(super) fn start(&mut self) -> Recovered {
        match self.open() {
            Ok(recovered) => recovered,
            Err(fault) => opening::unusable(&self.dir, &fault),
        }
    }

    /// Works until every handle is gone and the queue is empty.
    pub(super) fn run(mut self) {
        loop {
            match self.next() {
                Ok(Order::Record(first)) => self.record(first),
                Ok(Order::Look) => self.revive(),
                Err(RecvTimeoutError::Timeout) => {
                    self.revive();
                    self.catch_up();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.serve_load();
            self.checkpoint();
        }
    }

    /// The next order. While something is left undone the wait is bounded; else there is none, and
    /// the thread costs nothing.
    fn next(&self) -> Result<Order, RecvTimeoutError> {
        let load = self
            .shared
            .load
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some();
        if load || self.database.is_none() || !self.catch_up.is_empty() {
            self.queue.recv_timeout(self.reopen_wait)
        } else {
            self.queue
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected)
        }
    }

    fn record(&mut self, first: Batch) {
        let group = self.gather(first);
        self.revive();
        match self.write(&group) {
            Ok(()) => self.confirm(&group),
            Err(Fault::Refused(_)) if group.len() > 1 || !self.catch_up.is_empty() => {
                self.write_apart(group);
            }
            Err(fault) => self.fail(group, fault),
        }
    }

    /// Answers a group that is on disk. If the store failed unseen since the last answer, the first
    /// batch carries that, for there is no other way to say so; a batch is then told twice rather
    /// than a fault never.
    fn confirm(&mut self, group: &[Batch]) {
        for batch in group {
            let result = self.untold.take().map_or(Ok(()), Err);
            self.answer(batch.number, result);
        }
    }

    /// `first` and what waits behind it, up to the bound.
    fn gather(&mut self, first: Batch) -> Vec<Batch> {
        let mut items = first.items.len();
        let mut group = vec![first];
        while items < GROUP_ITEMS_MAX {
            match self.queue.try_recv() {
                Ok(Order::Record(batch)) => {
                    items += batch.items.len();
                    group.push(batch);
                }
                // The load is seen to after this transaction anyway.
                Ok(Order::Look) => {}
                Err(_) => break,
            }
        }
        self.shared.waiting.fetch_sub(items, Ordering::AcqRel);
        group
    }

    /// What is remembered and `group`, in one transaction.
    fn write(&mut self, group: &[Batch]) -> Result<(), Fault> {
        let Some(database) = &mut self.database else {
            return Err(Fault::Lost(self.trouble.clone()));
        };
        let records_max = self.shared.records_max.load(Ordering::Relaxed).max(1);
        let items = self
            .catch_up
            .iter()
            .chain(group.iter().flat_map(|batch| &batch.items));
        database.commit(items, records_max)?;
        self.catch_up.clear();
        self.floor = database.last();
        self.tell_rows();
        Ok(())
    }

    /// One transaction for each, so that items that cannot be stored fail alone.
    fn write_apart(&mut self, group: Vec<Batch>) {
        if let Err(Fault::Refused(_)) = self.write(&[]) {
            self.catch_up.clear();
        }
        for batch in group {
            match self.write(std::slice::from_ref(&batch)) {
                Ok(()) => self.confirm(std::slice::from_ref(&batch)),
                Err(fault) => self.fail(vec![batch], fault),
            }
        }
    }

    /// Answers a group that was not written, and gets the store going again if that can be.
    fn fail(&mut self, group: Vec<Batch>, fault: Fault) {
        let remember = !matches!(fault, Fault::Refused(_));
        if self.database.is_some() {
            self.mend(&fault);
        }
        let text = self
            .untold
            .take()
            .unwrap_or_else(|| fault.text().to_owned());
        for batch in group {
            if remember {
                self.catch_up.extend(batch.items);
            }
            self.answer(batch.number, Err(text.clone()));
        }
        let surplus = self.catch_up.len().saturating_sub(CATCH_UP_ITEMS_MAX);
        self.catch_up.drain(..surplus);
    }

    /// Drops a connection that is of no more use and tries a new one if the last try is long ago.
    fn mend(&mut self, fault: &Fault) {
        if matches!(fault, Fault::Busy(_) | Fault::Refused(_)) {
            return;
        }
        self.trouble = fault.text().to_owned();
        self.untold = Some(self.trouble.clone());
        self.failed = true;
        self.database = None;
        self.revive();
    }

    /// Opens the file again if there is none open and the last try is long enough ago.
    fn revive(&mut self) {
        let due = self
            .tried
            .is_none_or(|tried| tried.elapsed() >= self.reopen_wait);
        if self.database.is_some() || !due {
            return;
        }
        if let Ok(Recovered {
            trouble: Some(StoreTrouble::SetAside(aside)),
            ..
        }) = self.open()
        {
            let found = self
                .untold
                .take()
                .unwrap_or_else(|| "the store was damaged".into());
            self.untold = Some(format!(
                "{found}; it is kept as {aside}, and a new one is begun"
            ));
        }
    }

    fn open(&mut self) -> Result<Recovered, Fault> {
        self.tried = Some(Instant::now());
        match opening::open(&self.dir, self.failed, self.floor, &self.gate) {
            Ok((database, mut recovered, aside)) => {
                let aside = aside.map(|aside| aside.display().to_string());
                recovered.trouble = aside.map(StoreTrouble::SetAside);
                let last = database.last();
                self.floor = (self.floor.0.max(last.0), self.floor.1.max(last.1));
                self.database = Some(database);
                self.failed = false;
                self.tell_rows();
                Ok(recovered)
            }
            Err(fault) => {
                self.trouble = fault.text().to_owned();
                Err(fault)
            }
        }
    }

    /// Writes what is remembered without waiting for a next batch.
    fn catch_up(&mut self) {
        if self.database.is_none() || self.catch_up.is_empty() {
            return;
        }
        match self.write(&[]) {
            Ok(()) => {}
            Err(Fault::Refused(_)) => self.catch_up.clear(),
            Err(fault) => self.mend(&fault),
        }
    }

    /// Answers a load; one that the store cannot answer now waits until it can.
    fn serve_load(&mut self) {
        let Some(database) = &self.database else {
            return;
        };
        let asked = self
            .shared
            .load
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some((after, limit)) = asked else { return };
        match recover::unfinished(&database.conn, after, limit) {
            Ok((notices, more)) => self.tell(Event::Loaded { notices, more }),
            Err(error) => {
                let mut load = self
                    .shared
                    .load
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                load.get_or_insert((after, limit));
                drop(load);
                self.mend(&Fault::of(&self.dir, &error));
            }
        }
    }

    fn checkpoint(&mut self) {
        let Some(database) = &mut self.database else {
            return;
        };
        if let Err(fault) = database.checkpoint() {
            self.mend(&fault);
        }
    }

    fn tell_rows(&self) {
        let last = self.floor.0.unsigned_abs();
        self.rows
            .send_if_modified(|row| std::mem::replace(row, last) != last);
    }

    fn answer(&self, batch: u64, result: Result<(), String>) {
        self.tell(Event::Recorded { batch, result });
    }

    /// A driver that is gone needs no answer; what it has handed over is written all the same.
    fn tell(&self, event: Event) {
        let _ = self.inbox.blocking_send(event);
    }
}
