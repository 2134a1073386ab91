//! The alert view's filters, cursors, acknowledgements and figures over a store on disk.

mod store_common;

use noroshi_core::action::Item;
use noroshi_core::alert::{Acknowledgement, Alert, Severity};
use noroshi_core::notice::{Channel, Delivery, NoticeKey, NoticeRecord, NoticeState};
use noroshi_core::time::WallTime;
use noroshi_daemon::store::{
    AlertPage, AlertQuery, FIGURES_TOLD_MAX, FiguresQuery, LOOK_MAX, STORE_FILE, sample_items,
};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use store_common::{Bench, id, notice, samples};
use tempfile::tempdir;

/// An alert of its own words, and a notice in each of `states`.
fn told(number: u64, change: impl Fn(&mut Alert), states: &[NoticeState]) -> Vec<Item> {
    let [Item::Alert { alert, received }, Item::Notice(sample)] = sample_items(number) else {
        unreachable!("an alert and its notice")
    };
    let mut alert = (*alert).clone();
    change(&mut alert);
    let notices = states.iter().enumerate().map(|(at, state)| {
        Item::Notice(NoticeRecord {
            key: NoticeKey {
                recipient: format!("ops{at}@example.com"),
                ..sample.key.clone()
            },
            state: *state,
            ..sample.clone()
        })
    });
    let alert = Item::Alert {
        alert: Arc::new(alert),
        received,
    };
    std::iter::once(alert).chain(notices).collect()
}

fn rows(page: &AlertPage) -> Vec<u64> {
    page.rows.iter().map(|row| row.row).collect()
}

/// Rule: N7 N21
#[test]
fn filters_take_text_as_data_and_times_and_deliveries_as_they_are() {
    use NoticeState::{Begun, Delivered, Dropped, GivenUp, Refused, Waiting};
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 1_000);
    let texts = [
        "Disk FULL on /var",
        "100% _done_ it's \"so\"",
        "サーバ ÄÖÜ ダウン",
        "plain",
        "plain",
    ];
    let states: [&[NoticeState]; 5] = [
        &[Delivered, Waiting],
        &[Delivered, Dropped],
        &[Begun],
        &[Refused, Delivered, GivenUp],
        &[],
    ];
    for (number, (text, states)) in (1..).zip(texts.iter().zip(states)) {
        let change = |alert: &mut Alert| {
            alert.text = (*text).into();
            // The clock of the third one's server is behind.
            alert.time = WallTime([10, 20, 5, 40, 50][number as usize - 1]);
        };
        bench.record(told(number, change, states)).unwrap();
    }
    let reader = bench.store.reader();
    let read = |query: AlertQuery| rows(&reader.page_blocking(&query).unwrap());
    let text = |text: &str| {
        read(AlertQuery {
            text: Some(text.into()),
            ..AlertQuery::default()
        })
    };
    assert_eq!(text("disk full"), [1]);
    assert_eq!(text("äö"), [3]);
    assert_eq!(text("% _DONE_ IT'S \"SO\""), [2]);
    for pattern in ["%", "_done_"] {
        assert_eq!(text(pattern), [2], "{pattern}");
    }
    for none in ["*", "p.ain", "pl_in", "' OR 1=1 --", "\0", "dısk"] {
        assert_eq!(text(none), [] as [u64; 0], "{none:?}");
    }
    assert_eq!(text(""), [5, 4, 3, 2, 1]);
    let times = |since: Option<i64>, until: Option<i64>| {
        read(AlertQuery {
            since: since.map(WallTime),
            until: until.map(WallTime),
            ..AlertQuery::default()
        })
    };
    assert_eq!(times(Some(10), Some(40)), [2, 1]);
    assert_eq!(times(Some(11), None), [5, 4, 2]);
    assert_eq!(times(None, Some(6)), [3]);
    assert_eq!(times(Some(51), None), [] as [u64; 0]);
    for (delivery, expected) in [
        (Delivery::Waiting, &[3, 1][..]),
        (Delivery::Undelivered, &[4, 3, 1]),
        (Delivery::Delivered, &[2]),
    ] {
        let query = AlertQuery {
            delivery: Some(delivery),
            ..AlertQuery::default()
        };
        assert_eq!(read(query), expected, "{delivery:?}");
        let of_core: Vec<u64> = (1..6)
            .rev()
            .filter(|number| delivery.holds(states[*number as usize - 1].iter().copied()))
            .collect();
        assert_eq!(of_core, expected, "{delivery:?}");
    }
    let query = AlertQuery {
        id: Some(id(4)),
        ..AlertQuery::default()
    };
    assert_eq!(read(query), [4]);
    bench.shut();
}

/// A store of `count` alerts, made inside SQLite; the text of the second one holds a needle.
fn fill(dir: &Path, count: usize) {
    let (bench, _) = Bench::open(dir, u32::MAX);
    bench.shut();
    let conn = Connection::open(dir.join(STORE_FILE)).unwrap();
    conn.execute_batch(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO alert(id, received_ms, time_ms, module, event, severity, server, text,
         destinations) SELECT 'a-' || i, i, i, 'nm', 2, 'info', 'sv' || (i % 3),
         CASE i WHEN 2 THEN 'Needle' ELSE 'Server server2 is down: no heartbeat on any path ' || i END,
         'alert,mail' FROM n;
         INSERT INTO notice(alert, channel, recipient, form, state, attempts, possible_repeat, sender,
         reason, changed_ms) SELECT id, 'mail', 'ops@example.com', 'long', 'delivered', 1, 0, 'sv1',
         '250 ok', time_ms + 900 FROM alert;"
    ))
    .unwrap();
}

/// A text that occurs nowhere costs bounded work, and the search goes on from where it stopped.
///
/// Rule: N21
#[test]
fn a_long_search_is_cut_into_bounded_looks_that_leave_nothing_out() {
    let dir = tempdir().unwrap();
    fill(dir.path(), LOOK_MAX * 2 + 500);
    let (mut bench, _) = Bench::open(dir.path(), u32::MAX);
    let needle = |alert: &mut Alert| alert.text = "a needle too".into();
    bench.record(told(u64::MAX >> 12, needle, &[])).unwrap();
    let reader = bench.store.reader();
    let last = *reader.rows().borrow();
    for text in ["needle", "nowhere"] {
        let mut query = AlertQuery {
            text: Some(text.into()),
            limit: 50,
            ..AlertQuery::default()
        };
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let page = reader.page_blocking(&query).unwrap();
            found.extend(rows(&page));
            pages += 1;
            let Some(next) = page.next else { break };
            assert!(query.before_row.is_none_or(|before| next < before));
            query.before_row = Some(next);
        }
        assert_eq!(pages, 3, "{text}");
        let expected = if text == "needle" {
            vec![last, 2]
        } else {
            Vec::new()
        };
        assert_eq!(found, expected);
        query.before_row = None;
        assert_eq!(
            reader.alerts_blocking(&query).unwrap().len(),
            expected.len(),
            "and who wants them all gets them all"
        );
    }
    bench.shut();
}

/// Rule: N7
#[test]
fn pages_meet_without_gap_or_overlap() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 1_000);
    bench.record(samples(1..121)).unwrap();
    let reader = bench.store.reader();
    let mut query = AlertQuery {
        limit: 50,
        ..AlertQuery::default()
    };
    let mut found = Vec::new();
    for expected in [50, 50, 20] {
        let page = reader.page_blocking(&query).unwrap();
        assert_eq!(page.rows.len(), expected);
        assert_eq!(page.next.is_some(), expected == 50);
        query.before_row = page.next;
        found.extend(rows(&page));
    }
    assert_eq!(found, (1..=120).rev().collect::<Vec<u64>>());
    // A page that ends with the last row does not promise another.
    query.before_row = Some(51);
    assert_eq!(reader.page_blocking(&query).unwrap().next, None);
    bench.shut();
}

/// Rule: N24 N8
#[test]
fn acknowledgements_are_kept_and_the_last_word_holds() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    let word = |number: u64, at: i64, remark: &str| {
        Item::Acknowledgement(Acknowledgement {
            alert: id(number),
            by: "sato".into(),
            remark: remark.into(),
            at: WallTime(at),
        })
    };
    // Another server's word may come before its alert.
    bench.record(vec![word(1, 7, "first")]).unwrap();
    bench.record(samples(1..3)).unwrap();
    bench.record(vec![word(1, 9, "later")]).unwrap();
    bench.record(vec![word(1, 8, "late to come")]).unwrap();
    bench.shut();
    let (mut bench, recovered) = Bench::open(dir.path(), 100);
    assert_eq!(recovered.acknowledgements.len(), 1);
    assert_eq!(recovered.acknowledgements[0].remark, "later");
    let page = bench.store.reader().page_blocking(&AlertQuery::default());
    let page = page.unwrap();
    assert_eq!(page.rows[0].acknowledgement, None);
    assert_eq!(
        page.rows[1].acknowledgement.as_ref(),
        recovered.acknowledgements.first()
    );
    // They go with their alerts, and those without one at the bound.
    bench
        .record(vec![Item::Notice(notice(1, NoticeState::Delivered))])
        .unwrap();
    bench
        .record((500..700).map(|n| word(n, 1, "")).collect())
        .unwrap();
    for from in (10..400).step_by(10) {
        let told = (from..from + 10).flat_map(|n| told(n, |_| (), &[]));
        bench.record(told.collect()).unwrap();
    }
    bench.shut();
    let conn = Connection::open(dir.path().join(STORE_FILE)).unwrap();
    let left: i64 = conn
        .query_row("SELECT count(*) FROM acknowledgement", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 100);
}

/// Rule: N21
#[test]
fn figures_count_alerts_by_step_and_the_time_to_the_first_notice() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 1_000);
    let severities = [
        Severity::Info,
        Severity::Error,
        Severity::Error,
        Severity::Warning,
    ];
    for (number, (severity, time)) in (1..).zip(severities.into_iter().zip([0, 10, 99, 100])) {
        let change = |alert: &mut Alert| {
            alert.severity = severity;
            alert.time = WallTime(time);
        };
        bench.record(told(number, change, &[])).unwrap();
    }
    // Alert 2: a slow mail and a quick lamp; alert 3: only syslog; alert 1: by a clock that is behind.
    for (number, channel, changed) in [
        (2, Channel::Mail, 70_000),
        (2, Channel::Lamp, 1_500),
        (3, Channel::Syslog, 100),
        (1, Channel::Mail, -50),
    ] {
        let mut news = notice(number, NoticeState::Delivered);
        news.key.channel = channel;
        news.changed = WallTime(changed);
        bench.record(vec![Item::Notice(news)]).unwrap();
    }
    bench
        .record(vec![Item::Notice(notice(4, NoticeState::Waiting))])
        .unwrap();
    let reader = bench.store.reader();
    let figures = |since, until, steps| {
        let query = FiguresQuery {
            since: WallTime(since),
            until: WallTime(until),
            steps,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(reader.figures(query)).unwrap()
    };
    let all = figures(0, 100, 2);
    assert_eq!(all.step_ms, 50);
    assert_eq!(all.alerts, [[1, 0, 1], [0, 0, 1]]);
    assert_eq!(all.first_notice, [1, 1, 0, 0, 0, 0, 0, 0]);
    assert!(!all.cut);
    // Impossible questions have answers too.
    assert_eq!(figures(100, 0, 0).alerts, [[0, 0, 0]]);
    assert!(figures(i64::MIN, i64::MAX, u32::MAX).alerts.len() <= 400);
    let many = samples(10..u64::from(FIGURES_TOLD_MAX) / 2 + 10);
    bench.record(many).unwrap();
    let more = samples(10_000..u64::from(FIGURES_TOLD_MAX) + 10_000);
    bench.record(more).unwrap();
    assert!(figures(0, i64::MAX, 2).cut);
    bench.shut();
}

/// A store of an earlier release is read as it is, and brought forward by the first start.
///
/// Rule: N7 N8
#[test]
fn an_older_store_is_read_and_brought_forward() {
    let from_third = "DROP TABLE log; DROP TABLE fetched;";
    let from_second = format!("DROP TABLE pacemaker_group; {from_third}");
    let from_first = format!(
        "DROP TABLE acknowledgement; DROP INDEX alert_time; DROP INDEX notice_undelivered;
         {from_second}"
    );
    for (version, back) in [(1, &*from_first), (2, &*from_second), (3, from_third)] {
        let dir = tempdir().unwrap();
        let (mut bench, _) = Bench::open(dir.path(), 100);
        bench.record(samples(1..4)).unwrap();
        bench.shut();
        let conn = Connection::open(dir.path().join(STORE_FILE)).unwrap();
        conn.execute_batch(back).unwrap();
        conn.pragma_update(None, "user_version", version).unwrap();
        conn.pragma_update(None, "application_id", 0x4e52_5300 + version)
            .unwrap();
        drop(conn);
        let reader = noroshi_daemon::store::Reader::of_no_daemon(dir.path());
        let query = AlertQuery {
            since: Some(WallTime(0)),
            delivery: Some(Delivery::Waiting),
            ..AlertQuery::default()
        };
        assert_eq!(rows(&reader.page_blocking(&query).unwrap()), [3, 2, 1]);
        let (bench, recovered) = Bench::open(dir.path(), 100);
        assert_eq!((recovered.trouble, recovered.notices.len()), (None, 3));
        assert_eq!(
            rows(&bench.store.reader().page_blocking(&query).unwrap()),
            [3, 2, 1]
        );
        bench.shut();
    }
}
