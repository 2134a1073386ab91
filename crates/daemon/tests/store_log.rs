//! The alert log as servers read it of each other.

mod store_common;

use noroshi_core::action::Item;
use noroshi_core::alert::AlertId;
use noroshi_core::notice::Channel;
use noroshi_core::time::WallTime;
use noroshi_daemon::store::{
    LOG_ALERTS_MAX, LOG_NAMES_MAX, LOG_PAGE_BYTES_MAX, LogNames, LogPlace, STORE_FILE, sample_items,
};
use rusqlite::Connection;
use store_common::{Bench, samples};
use tempfile::tempdir;

fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

fn place(log: &str, row: u64) -> LogPlace {
    LogPlace {
        log: log.into(),
        row,
    }
}

fn names(bench: &Bench, place: LogPlace) -> LogNames {
    wait(bench.store.reader().log_names(place)).unwrap()
}

fn id(number: u64) -> AlertId {
    let [Item::Alert { alert, .. }, _] = sample_items(number) else {
        unreachable!()
    };
    alert.id.clone()
}

/// Rule: N7
#[test]
fn a_log_is_listed_page_by_page_from_where_it_is_known() {
    let dir = tempdir().unwrap();
    let all = LOG_NAMES_MAX as u64 + 10;
    let (mut bench, _) = Bench::open(dir.path(), 10_000);
    bench.record(samples(0..all)).unwrap();
    let first = names(&bench, LogPlace::default());
    assert_eq!((first.alerts.len(), first.more), (LOG_NAMES_MAX, true));
    let second = names(&bench, place(&first.log, first.next));
    assert_eq!((second.alerts.len(), second.more), (10, false));
    let listed = first.alerts.iter().chain(&second.alerts);
    let listed: Vec<_> = listed.map(|(id, _)| id.clone()).collect();
    assert_eq!(listed, (0..all).map(id).collect::<Vec<_>>());
    // At its end there is nothing, and it stays where it is.
    let end = names(&bench, place(&first.log, second.next));
    assert_eq!(
        (end.alerts, end.next, end.more),
        (vec![], second.next, false)
    );
    // A row of another log, or one that this log never had, is no place here.
    for strange in [
        place("another", second.next),
        place(&first.log, second.next + 1),
    ] {
        assert_eq!(names(&bench, strange), first);
    }
    // The same log after a restart, and another one when the file is lost.
    bench.shut();
    let (bench, _) = Bench::open(dir.path(), 10_000);
    assert_eq!(names(&bench, LogPlace::default()), first);
    bench.shut();
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.path().join(format!("{STORE_FILE}{end}")));
    }
    let (bench, _) = Bench::open(dir.path(), 10_000);
    assert_ne!(names(&bench, LogPlace::default()).log, first.log);
}

/// Rule: N7
#[test]
fn what_is_lacking_is_told_by_name_but_nothing_that_would_be_dropped_at_once() {
    let dir = tempdir().unwrap();
    let asked = |range: std::ops::Range<u64>| -> Vec<(AlertId, WallTime)> {
        let time = |number| WallTime(1_790_000_000_000 + number as i64);
        range.map(|number| (id(number), time(number))).collect()
    };
    let (mut bench, _) = Bench::open(dir.path(), 20);
    bench.record(samples(10..20)).unwrap();
    let reader = bench.store.reader();
    let lacks = |range, max| wait(reader.log_lacks(asked(range), max)).unwrap();
    let lacking: Vec<_> = (0..10).chain(20..25).map(id).collect();
    assert_eq!(lacks(0..25, 20), lacking);
    // Full: what is older than all that is kept is left alone.
    assert_eq!(lacks(0..25, 10), (20..25).map(id).collect::<Vec<_>>());
}

/// Rule: N7
#[test]
fn a_page_holds_what_concerns_the_cluster_and_is_bounded() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 10_000);
    let mut items = samples(0..200);
    let [_, Item::Notice(mail)] = sample_items(0) else {
        unreachable!()
    };
    for channel in [Channel::Syslog, Channel::Lamp] {
        let mut notice = mail.clone();
        (notice.key.channel, notice.key.recipient) = (channel, "server1".into());
        items.push(Item::Notice(notice));
    }
    bench.record(items).unwrap();
    let reader = bench.store.reader();
    let wanted: Vec<_> = (0..200).map(id).collect();
    let (dealt, alerts) = wait(reader.log_alerts(wanted.clone())).unwrap();
    assert!((1..=LOG_ALERTS_MAX).contains(&alerts.len()));
    assert_eq!(alerts.len(), dealt as usize);
    let bytes = |one| serde_json::to_vec(one).unwrap().len();
    assert!(alerts.iter().map(bytes).sum::<usize>() <= LOG_PAGE_BYTES_MAX);
    assert_eq!(
        alerts[0].notices,
        [mail],
        "each server has its own lines, and its own light"
    );
    // What is gone is dealt with.
    let gone = [vec![AlertId("gone".into())], wanted[..2].to_vec()].concat();
    let (dealt, alerts) = wait(reader.log_alerts(gone)).unwrap();
    assert_eq!((dealt, alerts.len()), (3, 2));
}

/// What was fetched is written behind what was handed over before; a place is kept over a restart.
///
/// Rule: N7 N8
#[test]
fn what_was_fetched_is_on_disk_when_that_is_said_and_the_place_is_kept() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 10_000);
    bench.record(samples(0..2)).unwrap();
    assert!(bench.store.record(77, samples(2..4)).is_none());
    let (done, written) = tokio::sync::oneshot::channel();
    bench.store.take_fetched(samples(4..6), done);
    bench.event();
    assert!(wait(written).unwrap());
    let all = names(&bench, LogPlace::default());
    assert_eq!(all.alerts.len(), 6);
    bench
        .store
        .note_place("server2".into(), place("theirs", 41));
    bench
        .store
        .note_place("server2".into(), place("theirs", 42));
    bench.record(samples(6..7)).unwrap();
    bench.shut();
    let (bench, _) = Bench::open(dir.path(), 10_000);
    let known = |server: &str| wait(bench.store.reader().log_place(server.into())).unwrap();
    assert_eq!(known("server2"), place("theirs", 42));
    assert_eq!(known("server3"), LogPlace::default());
}

/// One that the store cannot take is left out, or it would be fetched for ever; what a disk in trouble could not
/// take is not said to be written.
///
/// Rule: N7 N8
#[test]
fn what_cannot_be_stored_of_a_page_is_left_out_and_the_rest_is_taken() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    let other = Connection::open(dir.path().join(STORE_FILE)).unwrap();
    let bad = id(2).0;
    let trigger = format!(
        "CREATE TRIGGER no BEFORE INSERT ON alert WHEN NEW.id = '{bad}'
         BEGIN SELECT RAISE(ABORT, 'this one cannot be stored'); END;"
    );
    other.execute_batch(&trigger).unwrap();
    let fetched = |bench: &Bench, numbers| {
        let (done, written) = tokio::sync::oneshot::channel();
        bench.store.take_fetched(samples(numbers), done);
        wait(written).unwrap_or(false)
    };
    assert!(fetched(&bench, 1..4));
    let there = |bench: &Bench| {
        let names = names(bench, LogPlace::default()).alerts;
        names.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(there(&bench), [id(1), id(3)]);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(!fetched(&bench, 4..6), "the file is held by somebody else");
    other.execute_batch("COMMIT").unwrap();
    // Nothing of it was remembered for later.
    bench.record(samples(6..7)).unwrap();
    assert_eq!(there(&bench), [id(1), id(3), id(6)]);
    assert!(fetched(&bench, 4..6));
    bench.shut();
}
