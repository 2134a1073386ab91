//! The store's thread: the only one that writes, and the only one that ever waits for a sync.
//!
//! It takes what waits in its queue, up to [`GROUP_ITEMS_MAX`] items, writes it in one synced
//! transaction and answers each batch. It may wait for room in the inbox: the driver empties the
//! inbox whatever the store does and never waits for the store (`Store::record` does not block), so
//! there is no circle to lock up in.
//!
//! When the file fails, each batch is answered with the cause, the connection is dropped, and a new
//! one is tried at once, then every [`REOPEN_WAIT_MS`]. What could not be written is remembered, up
//! to [`CATCH_UP_ITEMS_MAX`](super::CATCH_UP_ITEMS_MAX) items, and written first when the store works again: the alert view
//! has no hole then, and later news of those notices finds its alert.

use super::catch_up::CatchUp;
use super::database::{Database, STORE_FILE};
use super::fault::Fault;
use super::log::LogPlace;
use super::opening::Opener;
use super::recover;
use crate::clock;
use crate::inbox::Inbox;
use noroshi_core::action::Item;
use noroshi_core::event::{Event, Recovered, StoreTrouble};
use noroshi_core::notice::outbox::Page;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// Most items in one transaction; a single batch may be greater.
pub const GROUP_ITEMS_MAX: usize = 512;
/// How long a store that failed is left alone before it is tried again, ms.
pub const REOPEN_WAIT_MS: u64 = 5_000;
/// How long a batch that says only how notices have ended waits for one that somebody waits for. Under load both
/// cost one sync then; after a crash in that time a notice may go out a second time, as a possible repeat, which it may
/// as well while a sync is under way.
pub const MARK_WAIT_MS: u64 = 5;
/// What the thread can be asked.
pub(super) enum Order {
    /// Write a batch.
    Record(Batch),
    /// Note up to where a server's log is known here.
    Place(String, LogPlace),
    /// Look at [`Shared::load`].
    Look,
}

/// Items that are answered together.
pub(super) struct Batch {
    /// Who wants the answer.
    pub(super) to: Whom,
    /// In the order to be applied.
    pub(super) items: Vec<Item>,
}

/// Who wants to know whether a batch is on disk.
pub(super) enum Whom {
    /// The node, which named it so.
    Node(u64),
    /// Whoever fetched it from another server.
    Fetch(oneshot::Sender<bool>),
}

impl Batch {
    /// How much of the queue's bound it takes. Of fetched ones there is one at a time.
    fn weight(&self) -> usize {
        match self.to {
            Whom::Node(_) => self.items.len(),
            Whom::Fetch(_) => 0,
        }
    }

    /// Nobody waits for it: it says only how notices have ended.
    fn is_patient(&self) -> bool {
        let ended = |item: &Item| matches!(item, Item::Notice(notice) if notice.state.is_final());
        matches!(self.to, Whom::Node(_)) && self.items.iter().all(ended)
    }
}

/// What the thread shares with the store's handles.
pub(super) struct Shared {
    /// Items in the queue.
    pub(super) waiting: AtomicUsize,
    /// How many alerts are kept.
    pub(super) records_max: AtomicU32,
    /// Which notices are to be loaded, until that is answered.
    pub(super) load: Mutex<Option<Page>>,
}

/// The thread's state.
pub(super) struct Worker {
    queue: Receiver<Box<Order>>,
    inbox: Inbox,
    shared: Arc<Shared>,
    rows: watch::Sender<u64>,
    reopen_wait: Duration,
    mark_wait: Duration,
    opener: Opener,
    database: Option<Database>,
    /// Why there is no database.
    trouble: String,
    /// The last opening after a fault.
    tried: Option<Instant>,
    catch_up: CatchUp,
    /// A fault that no answer has told yet.
    untold: Option<String>,
}

impl Worker {
    pub(super) fn new(
        opener: Opener,
        queue: Receiver<Box<Order>>,
        inbox: Inbox,
        shared: Arc<Shared>,
        rows: watch::Sender<u64>,
        reopen_wait: Duration,
    ) -> Worker {
        Worker {
            queue,
            inbox,
            shared,
            rows,
            reopen_wait,
            mark_wait: Duration::from_millis(MARK_WAIT_MS),
            opener,
            database: None,
            trouble: String::new(),
            tried: None,
            catch_up: CatchUp::default(),
            untold: None,
        }
    }

    /// Opens the store and says what was kept.
    pub(super) fn start(&mut self) -> Recovered {
        let opened = self.open();
        if opened.is_ok() {
            // A first fault is followed by a new try at once.
            self.tried = None;
        }
        opened.unwrap_or_else(|fault| self.opener.unusable(&fault))
    }

    /// Works until every handle is gone and the queue is empty.
    pub(super) fn run(mut self) {
        loop {
            match self.next().map(|order| *order) {
                Ok(Order::Record(first)) => self.record(first),
                Ok(Order::Look) => self.revive(),
                Ok(Order::Place(server, place)) => self.put_place(&server, &place),
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
    fn next(&self) -> Result<Box<Order>, RecvTimeoutError> {
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
            Ok(()) => self.confirm(group),
            Err(Fault::Refused(_)) if group.len() > 1 || !self.catch_up.is_empty() => {
                self.write_apart(group);
            }
            Err(fault) => self.fail(group, fault),
        }
    }

    /// Answers a group that is on disk. If the store failed unseen since the last answer, the first
    /// batch carries that, for there is no other way to say so; a batch is then told twice rather
    /// than a fault never.
    fn confirm(&mut self, group: Vec<Batch>) {
        for batch in group {
            match batch.to {
                Whom::Node(number) => {
                    let result = self.untold.take().map_or(Ok(()), Err);
                    self.answer(number, result);
                }
                // Whoever asked has gone, and asks again when he is back.
                Whom::Fetch(done) => drop(done.send(true)),
            }
        }
    }

    /// `first` and what waits behind it, up to the bound. While nobody waits for any of it, what comes within
    /// [`MARK_WAIT_MS`] is taken along.
    fn gather(&mut self, first: Batch) -> Vec<Batch> {
        let until = clock::thread_instant() + self.mark_wait;
        let (mut items, mut weight) = (first.items.len(), first.weight());
        let mut patient = first.is_patient();
        let mut group = vec![first];
        while items < GROUP_ITEMS_MAX {
            let left = match patient {
                true => until.saturating_duration_since(clock::thread_instant()),
                false => Duration::ZERO,
            };
            match self.queue.recv_timeout(left).map(|order| *order) {
                Ok(Order::Record(batch)) => {
                    items += batch.items.len();
                    weight += batch.weight();
                    patient &= batch.is_patient();
                    group.push(batch);
                }
                // The load is seen to after this transaction anyway.
                Ok(Order::Look) => patient = false,
                Ok(Order::Place(server, place)) => self.put_place(&server, &place),
                Err(_) => break,
            }
        }
        self.shared.waiting.fetch_sub(weight, Ordering::AcqRel);
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
        if let Some(database) = &self.database {
            self.tell_rows(database);
        }
        Ok(())
    }

    /// One transaction for each, so that items that cannot be stored fail alone.
    fn write_apart(&mut self, group: Vec<Batch>) {
        if let Err(Fault::Refused(_)) = self.write(&[]) {
            self.write_catch_up_apart();
        }
        for batch in group {
            match self.write(std::slice::from_ref(&batch)) {
                Ok(()) => self.confirm(vec![batch]),
                Err(fault) => self.fail(vec![batch], fault),
            }
        }
    }

    /// One transaction for each item that is remembered, so that one that cannot be stored is
    /// skipped alone. That is said with the next answer. With any other fault all that is not
    /// written yet stays remembered.
    fn write_catch_up_apart(&mut self) {
        for item in self.catch_up.take() {
            let (Some(database), true) = (&mut self.database, self.catch_up.is_empty()) else {
                self.catch_up.remember(item);
                continue;
            };
            let records_max = self.shared.records_max.load(Ordering::Relaxed).max(1);
            match database.commit(std::iter::once(&item), records_max) {
                Ok(()) => {}
                Err(Fault::Refused(text)) => {
                    self.untold
                        .get_or_insert(format!("{text}: one record of those that waited is lost"));
                }
                Err(fault) => {
                    self.catch_up.remember(item);
                    self.mend(&fault);
                }
            }
        }
        if let Some(database) = &self.database {
            self.tell_rows(database);
        }
    }

    /// Answers a group that was not written, and gets the store going again if that can be.
    fn fail(&mut self, group: Vec<Batch>, fault: Fault) {
        if self.database.is_some() {
            self.mend(&fault);
        }
        let mut numbers = Vec::with_capacity(group.len());
        for batch in group {
            match batch.to {
                Whom::Node(number) => {
                    numbers.push(number);
                    let items = batch.items.into_iter();
                    items.for_each(|item| self.catch_up.remember(item));
                }
                Whom::Fetch(done) => {
                    let refused = matches!(fault, Fault::Refused(_));
                    let _ = done.send(refused && self.write_fetched_apart(batch.items));
                }
            }
        }
        if matches!(fault, Fault::Refused(_)) {
            // What stands beside the item that cannot be stored is stored.
            self.write_catch_up_apart();
        }
        let text = self
            .untold
            .take()
            .unwrap_or_else(|| fault.text().to_owned());
        for number in numbers {
            self.answer(number, Err(text.clone()));
        }
    }

    /// One transaction for each item that was fetched: one that cannot be stored is left out, or it would be
    /// fetched for ever. Whether the others are written.
    fn write_fetched_apart(&mut self, items: Vec<Item>) -> bool {
        let records_max = self.shared.records_max.load(Ordering::Relaxed).max(1);
        items.iter().all(|item| {
            let Some(database) = &mut self.database else {
                return false;
            };
            let written = database.commit(std::iter::once(item), records_max);
            matches!(written, Ok(()) | Err(Fault::Refused(_)))
        })
    }

    fn put_place(&mut self, server: &str, place: &LogPlace) {
        let Some(database) = &mut self.database else {
            return;
        };
        if let Err(fault) = database.put_place(server, place) {
            self.mend(&fault);
        }
    }

    /// Drops a connection that is of no more use and tries a new one if the last try is long ago.
    fn mend(&mut self, fault: &Fault) {
        if matches!(fault, Fault::Busy(_) | Fault::Refused(_)) {
            return;
        }
        self.trouble = fault.text().to_owned();
        self.untold = Some(self.trouble.clone());
        if let Some(database) = self.database.take() {
            self.opener.gave_up(&database, fault);
        }
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
        let trouble = self.open().ok().and_then(|recovered| recovered.trouble);
        if let Some(StoreTrouble::SetAside(aside)) = trouble {
            let found = self.untold.take();
            let found = found.as_deref().unwrap_or("the store was damaged");
            self.untold = Some(format!(
                "{found}; it is kept as {aside}, and a new one is begun"
            ));
        }
    }

    fn open(&mut self) -> Result<Recovered, Fault> {
        self.tried = Some(clock::thread_instant());
        match self.opener.open() {
            Ok((database, recovered)) => {
                self.tell_rows(&database);
                self.database = Some(database);
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
            Err(Fault::Refused(_)) => self.write_catch_up_apart(),
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
        let Some(page) = asked else { return };
        match recover::unfinished(&database.conn, &page) {
            Ok((notices, more)) => self.tell(Event::Loaded { notices, more }),
            Err(error) => {
                let mut load = self
                    .shared
                    .load
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                load.get_or_insert(page);
                drop(load);
                self.mend(&Fault::of(Path::new(STORE_FILE), &error));
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

    fn tell_rows(&self, database: &Database) {
        let last = database.last().0.unsigned_abs();
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

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::alert::AlertId;
    use noroshi_core::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
    use noroshi_core::time::WallTime;
    use std::sync::RwLock;
    use std::sync::mpsc::{SyncSender, sync_channel};
    use tokio::sync::mpsc;

    /// A worker that would wait an hour for company.
    fn worker() -> (SyncSender<Box<Order>>, Worker) {
        let (orders, queue) = sync_channel(4);
        let (inbox, _) = mpsc::channel(4);
        let shared = Arc::new(Shared {
            waiting: AtomicUsize::new(8),
            records_max: AtomicU32::new(1),
            load: Mutex::new(None),
        });
        let opener = Opener::new("/nowhere".into(), Arc::new(RwLock::new(())));
        let (rows, _) = watch::channel(0);
        let hour = Duration::from_secs(3_600);
        let mut worker = Worker::new(opener, queue, inbox, shared, rows, hour);
        worker.mark_wait = hour;
        (orders, worker)
    }

    fn batch(number: u64, state: NoticeState) -> Batch {
        let key = NoticeKey {
            alert: AlertId("a".into()),
            channel: Channel::Mail,
            recipient: "ops@example.com".into(),
        };
        let notice = NoticeRecord {
            key,
            form: noroshi_core::config::MailForm::Long,
            state,
            attempts: 1,
            possible_repeat: false,
            sender: "sv1".into(),
            reason: String::new(),
            changed: WallTime(0),
        };
        Batch {
            to: Whom::Node(number),
            items: vec![Item::Notice(notice)],
        }
    }

    /// Rule: N8
    #[test]
    fn what_nobody_waits_for_shares_the_sync_of_what_somebody_does() {
        let (orders, mut worker) = worker();
        // What somebody waits for is held up by nothing.
        assert_eq!(worker.gather(batch(1, NoticeState::Begun)).len(), 1);
        let sending = std::thread::spawn(move || {
            for (number, state) in [(3, NoticeState::Refused), (4, NoticeState::Begun)] {
                let order = Order::Record(batch(number, state));
                assert!(orders.send(Box::new(order)).is_ok());
            }
            orders
        });
        let group = worker.gather(batch(2, NoticeState::Delivered));
        let numbers = group.iter().map(|batch| match batch.to {
            Whom::Node(number) => number,
            Whom::Fetch(_) => 0,
        });
        assert_eq!(numbers.collect::<Vec<_>>(), [2, 3, 4]);
        // Nor does the store's end wait.
        drop(sending.join());
        assert_eq!(worker.gather(batch(5, NoticeState::Delivered)).len(), 1);
    }
}
