//! The store on a healthy disk.

mod store_common;

use noroshi_core::action::Item;
use noroshi_core::alert::{AlertId, SessionId, Severity};
use noroshi_core::event::{Event, Latch, StoreTrouble, View};
use noroshi_core::lamp::{Glow, Stamp};
use noroshi_core::notice::NoticeState;
use noroshi_core::pacemaker::{AwayMemory, GroupMemory};
use noroshi_core::time::WallTime;
use noroshi_daemon::store::{
    ALERTS_PAGE_MAX, AlertQuery, QUEUE_ITEMS_MAX, RECOVER_NOTICES_MAX, STORE_FILE, sample_items,
};
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use store_common::{Bench, id, ids, notice, samples};
use tempfile::tempdir;

/// Everything that is recorded is there after a restart, field by field.
///
/// Rule: N8 N7
#[test]
fn everything_comes_back() {
    let dir = tempdir().unwrap();
    let latch = Latch {
        server: "server2".into(),
        red: Glow::Blink,
        red_changed: Stamp(-5),
        green: Glow::Off,
        green_changed: Stamp(7),
    };
    let view = View {
        server: "server2".into(),
        session: SessionId([7; 12]),
        returns: 3,
        up: false,
        fault: Some(id(1)),
    };
    let (mut bench, recovered) = Bench::open(dir.path(), 100);
    assert_eq!(recovered, Default::default());
    let mut items = samples(1..3);
    items.push(Item::Latch(Latch {
        red: Glow::Off,
        ..latch.clone()
    }));
    items.push(Item::View(view.clone()));
    items.push(Item::Latch(latch.clone()));
    bench.record(items).unwrap();
    bench.shut();

    let (bench, recovered) = Bench::open(dir.path(), 100);
    assert_eq!(recovered.latches, [latch]);
    assert_eq!(recovered.views, [view]);
    assert_eq!((recovered.more, recovered.trouble), (false, None));
    for (stored, number) in recovered.notices.iter().zip(1..) {
        let [Item::Alert { alert, .. }, Item::Notice(notice)] = sample_items(number) else {
            unreachable!()
        };
        assert_eq!(
            (stored.row, &stored.alert, &stored.notice),
            (number, &alert, &notice)
        );
    }
    assert_eq!(recovered.notices.len(), 2);
    bench.shut();
}

/// Which facts were told is known over a restart, so that none is told twice.
///
/// Rule: N8 N9
#[test]
fn alerts_that_are_named_after_facts_are_known_after_a_restart() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    let mut items = samples(1..4);
    let fact = AlertId("fact.00c0ffee00c0ffee".into());
    if let Some(Item::Alert { alert, .. }) = items.first_mut() {
        Arc::make_mut(alert).id = fact.clone();
    }
    bench.record(items).unwrap();
    bench.shut();
    let (bench, recovered) = Bench::open(dir.path(), 100);
    assert_eq!(recovered.facts, [fact]);
    bench.shut();
}

/// Rule: N3 N8
#[test]
fn a_server_that_could_not_be_fenced_is_known_until_its_end_is_told() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    let told = [(1, 431), (2, 431), (3, 412), (2, 412), (1, 2)];
    for (number, (server, event)) in (1..).zip(told) {
        let mut items = samples(number..number + 1);
        if let Some(Item::Alert { alert, .. }) = items.first_mut() {
            let alert = Arc::make_mut(alert);
            alert.about = Some(format!("sv{server}"));
            alert.message.module = if event > 400 { "rc" } else { "nm" }.into();
            (alert.message.event, alert.time) = (event, WallTime(7));
        }
        bench.record(items).unwrap();
    }
    bench.shut();
    let (bench, recovered) = Bench::open(dir.path(), 100);
    assert_eq!(recovered.unfenced, [("sv1".to_owned(), WallTime(7))]);
    bench.shut();
}

/// Where Pacemaker's groups were is kept over a restart; one of which nothing is known any more is forgotten.
///
/// Rule: N3 N8
#[test]
fn where_groups_were_is_kept_until_they_are_gone() {
    let dir = tempdir().unwrap();
    let (mut bench, recovered) = Bench::open(dir.path(), 100);
    assert_eq!(recovered.groups, []);
    let memory = |group: &str, on: &str| GroupMemory {
        group: group.into(),
        on: Some(on.into()),
        run: format!("{on} 7 1795376000000"),
        past: Some(id(2)),
        changed: WallTime(1_795_376_000_001),
        away: Some(AwayMemory {
            lost: true,
            told_as: Some(id(1)),
            ..AwayMemory::default()
        }),
        thread: Some(id(1)),
    };
    let gone = GroupMemory {
        group: "db".into(),
        ..GroupMemory::default()
    };
    let items = [
        memory("web", "n1"),
        memory("db", "n2"),
        memory("web", "n3"),
        gone,
    ];
    bench.record(items.map(Item::Group).to_vec()).unwrap();
    bench.shut();
    let (bench, recovered) = Bench::open(dir.path(), 100);
    assert_eq!(recovered.groups, [memory("web", "n3")]);
    bench.shut();
}

/// A second alert of one id changes nothing; a final notice stays final; other news is taken.
///
/// Rule: N8
#[test]
fn items_are_upserts_and_final_is_final() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    bench.record(samples(1..2)).unwrap();
    let [Item::Alert { alert, received }, _] = sample_items(1) else {
        unreachable!()
    };
    let other = noroshi_core::alert::Alert {
        text: "another".into(),
        ..(*alert).clone()
    };
    bench
        .record(vec![Item::Alert {
            alert: Arc::new(other),
            received,
        }])
        .unwrap();
    let mut news = notice(1, NoticeState::Delivered);
    news.reason = "250 ok".into();
    bench.record(vec![Item::Notice(news.clone())]).unwrap();
    bench
        .record(vec![Item::Notice(notice(1, NoticeState::Waiting))])
        .unwrap();
    bench
        .record(vec![Item::Notice(notice(1, NoticeState::Begun))])
        .unwrap();

    let rows = bench
        .store
        .reader()
        .alerts_blocking(&AlertQuery::default())
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].alert, *alert);
    assert_eq!(rows[0].notices, [news]);
    assert_eq!(bench.load(0, 10), (vec![], false));
    bench.shut();
}

/// The crash between the receiver's yes and our record: what was begun may have arrived.
///
/// Rule: N8 N9
#[test]
fn a_begun_notice_comes_back_as_a_possible_repeat() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    let mut repeat = notice(3, NoticeState::Waiting);
    repeat.possible_repeat = true;
    let mut items = samples(1..4);
    items.push(Item::Notice(notice(2, NoticeState::Begun)));
    items.push(Item::Notice(repeat));
    bench.record(items).unwrap();
    bench.shut();

    let (bench, recovered) = Bench::open(dir.path(), 100);
    let flags: Vec<_> = recovered
        .notices
        .iter()
        .map(|stored| (stored.notice.state, stored.notice.possible_repeat))
        .collect();
    let waiting = NoticeState::Waiting;
    assert_eq!(flags, [(waiting, false), (waiting, true), (waiting, true)]);
    bench.shut();
}

/// The window holds the oldest; the rest is loaded row by row, none twice, none left out.
///
/// Rule: N8
#[test]
fn a_long_backlog_is_loaded_in_order() {
    let dir = tempdir().unwrap();
    let total = u64::from(RECOVER_NOTICES_MAX) + 100;
    let (mut bench, _) = Bench::open(dir.path(), 10);
    bench.record(samples(1..total + 1)).unwrap();
    bench.shut();

    let (mut bench, recovered) = Bench::open(dir.path(), 10);
    let mut found = ids(&recovered.notices);
    let (mut after, mut more) = (recovered.notices.last().unwrap().row, recovered.more);
    assert_eq!(found.len(), RECOVER_NOTICES_MAX as usize);
    while more {
        let (notices, further) = bench.load(after, 30);
        after = notices.last().unwrap().row;
        found.extend(ids(&notices));
        more = further;
    }
    assert_eq!(found, (1..total + 1).map(id).collect::<Vec<_>>());
    bench.shut();
}

/// Batches that wait while the disk is busy share a transaction: each is answered, in order.
#[test]
fn a_flood_of_batches_is_answered_one_by_one() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 10_000);
    let mut expected = Vec::new();
    for number in 0..400 {
        match bench.store.record(number, samples(number..number + 1)) {
            None => expected.push(number),
            Some(Event::Recorded {
                batch,
                result: Err(_),
            }) => assert_eq!(batch, number),
            Some(other) => panic!("unexpected {other:?}"),
        }
    }
    for number in &expected {
        assert_eq!(
            bench.event(),
            Event::Recorded {
                batch: *number,
                result: Ok(())
            }
        );
    }
    assert!(!expected.is_empty());
    bench.shut();
    let stored: u64 = Connection::open(dir.path().join(STORE_FILE))
        .unwrap()
        .query_row("SELECT count(*) FROM alert", [], |row| row.get::<_, i64>(0))
        .unwrap() as u64;
    assert_eq!(stored, expected.len() as u64);
}

/// A caller is never blocked: past the bound the answer comes back at once.
#[test]
fn a_full_queue_answers_at_once() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 10_000);
    // An outside writer holds the file, so the thread is busy with the first batch.
    let other = Connection::open(dir.path().join(STORE_FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch_items = QUEUE_ITEMS_MAX as u64 / 4;
    let mut refused = None;
    for number in 0..8 {
        let items = samples(number * batch_items..(number + 1) * batch_items);
        if let Some(answer) = bench.store.record(number, items) {
            refused = Some(answer);
            break;
        }
    }
    assert!(
        matches!(refused, Some(Event::Recorded { result: Err(_), .. })),
        "{refused:?}"
    );
    // Held too long, the batch fails with words; afterwards everything is taken again.
    assert!(matches!(
        bench.event(),
        Event::Recorded {
            batch: 0,
            result: Err(_)
        }
    ));
    other.execute_batch("ROLLBACK").unwrap();
    let mut taken = false;
    while !taken {
        taken = matches!(bench.event(), Event::Recorded { result: Ok(()), .. });
    }
    bench.shut();
}

/// Pages forwards and backwards, filters, and the news of new rows.
///
/// Rule: N7
#[test]
fn the_alert_view_is_read_in_pages() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 10_000);
    let reader = bench.store.reader();
    let rows = reader.rows();
    assert_eq!(*rows.borrow(), 0);
    bench.record(samples(1..501)).unwrap();
    assert_eq!(*rows.borrow(), 500);

    let read = |query: AlertQuery| -> Vec<u64> {
        reader
            .alerts_blocking(&query)
            .unwrap()
            .iter()
            .map(|row| row.row)
            .collect()
    };
    let newest = read(AlertQuery {
        limit: 9_999,
        ..AlertQuery::default()
    });
    let lowest = 500 - u64::from(ALERTS_PAGE_MAX);
    assert_eq!(newest, (lowest + 1..=500).rev().collect::<Vec<_>>());
    let query = AlertQuery {
        limit: 3,
        before_row: Some(newest[1]),
        ..AlertQuery::default()
    };
    assert_eq!(read(query), [498, 497, 496]);
    let query = AlertQuery {
        limit: 3,
        after_row: Some(10),
        ..AlertQuery::default()
    };
    assert_eq!(read(query), [11, 12, 13]);
    let about = |server: &str| AlertQuery {
        limit: 1,
        severity_min: Some(Severity::Warning),
        server: Some(server.into()),
        module: Some("nm".into()),
        text: Some("heartbeat".into()),
        ..AlertQuery::default()
    };
    assert_eq!(read(about("server2")), [500]);
    assert_eq!(read(about("server3")), [] as [u64; 0]);
    let query = AlertQuery {
        text: Some("%".into()),
        ..AlertQuery::default()
    };
    assert_eq!(read(query), [] as [u64; 0]);
    bench.shut();
}

/// The oldest alerts go first, with their notices, but none that is still to be told.
///
/// Rule: N7 N8
#[test]
fn trimming_keeps_what_is_unfinished() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    bench.record(samples(1..6)).unwrap();
    for number in 6..1_001 {
        let mut items = samples(number..number + 1);
        items.push(Item::Notice(notice(number, NoticeState::Delivered)));
        bench.record(items).unwrap();
    }
    let file = dir.path().join(STORE_FILE);
    let kept = |sql: &str| -> Vec<String> {
        let conn = Connection::open(&file).unwrap();
        let mut statement = conn.prepare(sql).unwrap();
        statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    let expected: Vec<String> = (1..6)
        .chain(901..1_001)
        .map(|number| id(number).0)
        .collect();
    assert_eq!(kept("SELECT id FROM alert ORDER BY row"), expected);
    assert_eq!(kept("SELECT alert FROM notice ORDER BY row"), expected);

    // Once told they go too.
    bench
        .record(vec![Item::Notice(notice(3, NoticeState::GivenUp))])
        .unwrap();
    bench
        .record(vec![Item::Notice(notice(4, NoticeState::Begun))])
        .unwrap();
    assert_eq!(
        kept("SELECT id FROM alert ORDER BY row LIMIT 4")[..3],
        [id(1), id(2), id(4)].map(|id| id.0)
    );
    bench.shut();
}

/// A peer's mark may come before its alert; it counts when the alert comes.
///
/// Rule: N9
#[test]
fn a_mark_without_its_alert_is_kept_for_it() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    bench
        .record(vec![Item::Notice(notice(1, NoticeState::Delivered))])
        .unwrap();
    bench.record(samples(1..2)).unwrap();
    assert_eq!(bench.load(0, 10), (vec![], false));
    bench.shut();
}

/// A newer release's file is left alone, and that is said.
#[test]
fn a_newer_file_is_left_alone() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    bench.record(samples(1..2)).unwrap();
    bench.shut();
    let file = dir.path().join(STORE_FILE);
    let raise = |by: i64| {
        let conn = Connection::open(&file).unwrap();
        for name in ["user_version", "application_id"] {
            let now: i64 = conn
                .pragma_query_value(None, name, |row| row.get(0))
                .unwrap();
            conn.pragma_update(None, name, now + by).unwrap();
        }
    };
    raise(1);

    let (mut bench, recovered) = Bench::open(dir.path(), 100);
    let Some(StoreTrouble::Unusable(text)) = recovered.trouble else {
        panic!("expected an unusable store, got {recovered:?}");
    };
    assert!(text.contains("newer noroshi"), "{text}");
    assert!(
        bench
            .record(samples(2..3))
            .unwrap_err()
            .contains("newer noroshi")
    );
    bench.shut();
    raise(-1);
    let (bench, recovered) = Bench::open(dir.path(), 100);
    assert_eq!(ids(&recovered.notices), [id(1)]);
    bench.shut();
}

/// Nobody else on the host reads the alerts.
#[test]
fn files_are_private() {
    let dir = tempdir().unwrap();
    let inner = dir.path().join("a/store");
    let (mut bench, _) = Bench::open(&inner, 100);
    bench.record(samples(1..2)).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for name in std::fs::read_dir(&inner).unwrap() {
        let path = name.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    bench.shut();
}

/// Odd texts come back as they were.
#[test]
fn odd_texts_are_kept() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    let [Item::Alert { alert, received }, _] = sample_items(1) else {
        unreachable!()
    };
    let mut odd = (*alert).clone();
    odd.id = AlertId("'; DROP TABLE alert; --".into());
    odd.text = format!("狼煙 \u{0}\r\n' \" {}", "x".repeat(4_000));
    odd.about = None;
    odd.thread = None;
    bench
        .record(vec![Item::Alert {
            alert: Arc::new(odd.clone()),
            received,
        }])
        .unwrap();
    let rows = bench
        .store
        .reader()
        .alerts_blocking(&AlertQuery::default())
        .unwrap();
    assert_eq!(rows[0].alert, odd);
    bench.shut();
}

/// One item that the store refuses takes nothing with it, neither of what waited for the disk nor of
/// its own batch, and is said.
///
/// Rule: N8 N7
#[test]
fn an_item_that_cannot_be_stored_is_skipped_alone() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    let other = Connection::open(dir.path().join(STORE_FILE)).unwrap();
    let bad = id(2).0;
    let trigger = format!(
        "CREATE TRIGGER no BEFORE INSERT ON alert WHEN NEW.id = '{bad}'
         BEGIN SELECT RAISE(ABORT, 'this one cannot be stored'); END; BEGIN IMMEDIATE"
    );
    other.execute_batch(&trigger).unwrap();
    for number in 1..4 {
        let busy = bench.record(samples(number..number + 1));
        assert!(busy.is_err(), "the file is held by somebody else");
    }
    other.execute_batch("COMMIT").unwrap();
    let said = (4..50).find_map(|number| bench.record(samples(number..number + 1)).err());
    assert!(
        said.as_deref()
            .is_some_and(|why| why.contains("cannot be stored")),
        "{said:?}"
    );
    let stored = |number: u64| {
        let sql = "SELECT count(*) FROM alert WHERE id = ?1";
        let count: u32 = other
            .query_row(sql, [&id(number).0], |row| row.get(0))
            .unwrap();
        count == 1
    };
    assert!(stored(1) && !stored(2) && stored(3));
    let mut beside = samples(60..61);
    beside.extend(samples(2..3));
    beside.extend(samples(61..62));
    assert!(bench.record(beside).is_err());
    assert!(
        stored(60) && !stored(2) && stored(61),
        "its neighbours are kept"
    );
}

/// Counted by server, from the last mail on that told how many; another's reason, one that was sent and
/// an untold "valid again" do not count.
///
/// Rule: M25
#[test]
fn mails_that_were_not_sent_are_counted_since_that_was_last_told() {
    use noroshi_core::alert::{Message, row};
    use noroshi_core::notice::UNSENT_WHY;
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    let one = |number: u64, sender: &str, reason: &str, told: Option<bool>| {
        let [alert, notice] = sample_items(number);
        let (Item::Alert { alert, received }, Item::Notice(mut notice)) = (alert, notice) else {
            unreachable!()
        };
        let mut alert = (*alert).clone();
        if let Some(mailed) = told {
            alert.message = row(Message::LicenceValidAgain).id();
            alert.destinations.mail = mailed;
        }
        notice.state = NoticeState::Dropped;
        (notice.sender, notice.reason) = (sender.into(), reason.into());
        let alert = Arc::new(alert);
        [Item::Alert { alert, received }, Item::Notice(notice)]
    };
    let [en, ja] = UNSENT_WHY;
    let items = [
        one(1, "server1", &format!("{en} told long ago"), None),
        one(2, "server1", "", Some(true)),
        one(3, "server1", &format!("{en} x"), None),
        one(4, "server2", &format!("{ja}x"), None),
        one(5, "server1", "overtaken", None),
        one(6, "server2", "", Some(false)),
        one(7, "server1", &format!("{ja}x"), None),
    ];
    bench.record(items.concat()).unwrap();
    bench.shut();
    let (bench, recovered) = Bench::open(dir.path(), 100);
    let counted = [("server1".to_owned(), 2), ("server2".to_owned(), 1)];
    assert_eq!(recovered.unsent_mails, counted);
    bench.shut();
}
