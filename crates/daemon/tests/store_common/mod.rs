//! What the store's tests share.
#![allow(dead_code, reason = "each test file uses its part")]

use noroshi_core::action::Item;
use noroshi_core::alert::AlertId;
use noroshi_core::event::{Event, Recovered, StoredNotice};
use noroshi_core::notice::outbox::Page;
use noroshi_core::notice::{NoticeRecord, NoticeState};
use noroshi_daemon::store::{Store, sample_items};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::timeout;

/// How long any answer may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A store and the other end of its inbox.
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) events: Receiver<Event>,
    runtime: tokio::runtime::Runtime,
    next: u64,
}

impl Bench {
    /// Opens a store that is tried again at once after a fault.
    pub(crate) fn open(dir: &Path, records_max: u32) -> (Bench, Recovered) {
        let (inbox, events) = channel(16);
        let (store, recovered) =
            Store::open_with(dir, records_max, inbox, Duration::from_millis(20));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        (
            Bench {
                store,
                events,
                runtime,
                next: 1,
            },
            recovered,
        )
    }

    /// The next event of the store's.
    pub(crate) fn event(&mut self) -> Event {
        let Bench {
            runtime, events, ..
        } = self;
        runtime
            .block_on(async { timeout(DEADLINE, events.recv()).await })
            .unwrap()
            .unwrap()
    }

    /// Records a batch and waits for its answer.
    pub(crate) fn record(&mut self, items: Vec<Item>) -> Result<(), String> {
        let number = self.next;
        self.next += 1;
        let answer = self
            .store
            .record(number, items)
            .unwrap_or_else(|| self.event());
        match answer {
            Event::Recorded { batch, result } if batch == number => result,
            other => panic!("expected the answer to batch {number}, got {other:?}"),
        }
    }

    /// Loads unfinished notices and waits for them.
    pub(crate) fn load(&mut self, after: u64, limit: u32) -> (Vec<StoredNotice>, bool) {
        self.store.load(Page {
            after,
            limit,
            skip: Vec::new(),
        });
        match self.event() {
            Event::Loaded { notices, more } => (notices, more),
            other => panic!("expected notices, got {other:?}"),
        }
    }

    /// Ends the store as at the daemon's end.
    pub(crate) fn shut(self) {
        drop(self.events);
        assert!(
            self.store.shut(),
            "the store's thread ends when it is told to"
        );
    }
}

/// The sample notice of number `number`, in another state.
pub(crate) fn notice(number: u64, state: NoticeState) -> NoticeRecord {
    let [_, Item::Notice(notice)] = sample_items(number) else {
        unreachable!("the second sample item is the notice")
    };
    NoticeRecord { state, ..notice }
}

/// The id of sample alert `number`.
pub(crate) fn id(number: u64) -> AlertId {
    notice(number, NoticeState::Waiting).key.alert
}

/// Sample alerts and notices of a range of numbers.
pub(crate) fn samples(numbers: std::ops::Range<u64>) -> Vec<Item> {
    numbers.flat_map(sample_items).collect()
}

/// The ids of recovered notices.
pub(crate) fn ids(notices: &[StoredNotice]) -> Vec<AlertId> {
    notices
        .iter()
        .map(|stored| stored.notice.key.alert.clone())
        .collect()
}

/// Skips a test that cannot run here, or fails it where everything must run.
pub(crate) fn skip(why: &str) {
    assert!(
        std::env::var("NOROSHI_REQUIRE_ALL").as_deref() != Ok("1"),
        "everything is required, but: {why}"
    );
    eprintln!("skipped: {why}");
}
