//! kill −9 of a process that records: what it was told is on disk must be there.

mod store_common;

use noroshi_core::action::Item;
use noroshi_core::alert::AlertId;
use noroshi_core::event::Event;
use noroshi_core::notice::NoticeState;
use noroshi_daemon::store::AlertQuery;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use store_common::{Bench, id, notice, samples};
use tempfile::tempdir;

/// How often the child is killed.
const KILLS: u32 = 60;
/// Which store the child records in; it does nothing without.
const CHILD_DIR: &str = "NOROSHI_TEST_STORE_DIR";
/// The first alert of the child's.
const CHILD_FIRST: &str = "NOROSHI_TEST_STORE_FIRST";
/// Batches that the child has under way at a time, so that they share transactions.
const UNDER_WAY: u64 = 4;

/// The steps of one notice, in the order that the child records them.
const STEPS: [NoticeState; 3] = [
    NoticeState::Waiting,
    NoticeState::Begun,
    NoticeState::Delivered,
];

/// Rule: N8
#[test]
fn what_was_acknowledged_survives_kill_nine() {
    let dir = tempdir().unwrap();
    let mut acknowledged: BTreeMap<u64, NoticeState> = BTreeMap::new();
    let mut first = 1;
    for kill in 0..KILLS {
        let random = RandomState::new().hash_one(kill);
        let (seen, last) = run_and_kill(dir.path(), first, random);
        acknowledged.extend(seen);
        first = last + UNDER_WAY + 1;
        check(dir.path(), &acknowledged, kill);
    }
    assert!(
        acknowledged.len() > KILLS as usize,
        "the child did get to record"
    );
    assert!(
        acknowledged
            .values()
            .any(|state| *state == NoticeState::Delivered)
    );
}

/// Starts the child, kills it at a random moment; answers how far each notice was acknowledged, and
/// the last number seen.
fn run_and_kill(dir: &Path, first: u64, random: u64) -> (BTreeMap<u64, NoticeState>, u64) {
    let mut child = start_child(dir, first);
    let output = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(output).lines();
    let lines_before = random % 150;
    let spin = Duration::from_micros(random / 150 % 3_000);
    let mut seen = BTreeMap::new();
    let mut last = first;
    let mut count = 0;
    let mut killed = false;
    // After the kill the pipe still holds what was printed before it.
    while let Some(Ok(line)) = lines.next() {
        if let Some((number, step)) = acknowledgement(&line) {
            seen.insert(number, STEPS[step]);
            last = last.max(number);
            count += 1;
        }
        if count > lines_before && !killed {
            let begin = Instant::now();
            while begin.elapsed() < spin {
                std::hint::spin_loop();
            }
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended before it was killed");
    (seen, last)
}

fn start_child(dir: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_records", "--ignored", "--nocapture"])
        .env(CHILD_DIR, dir)
        .env(CHILD_FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn acknowledgement(line: &str) -> Option<(u64, usize)> {
    let (number, step) = line.strip_prefix("ack ")?.split_once(' ')?;
    Some((number.parse().ok()?, step.parse().ok()?))
}

/// Every acknowledged alert is there, and each notice at least as far as acknowledged.
fn check(dir: &Path, acknowledged: &BTreeMap<u64, NoticeState>, kill: u32) {
    let (bench, recovered) = Bench::open(dir, 1_000_000);
    assert_eq!(recovered.trouble, None, "after kill {kill}");
    let reader = bench.store.reader();
    let mut states: BTreeMap<AlertId, NoticeState> = BTreeMap::new();
    let mut after = 0;
    loop {
        let query = AlertQuery {
            after_row: Some(after),
            ..AlertQuery::default()
        };
        let rows = reader.alerts_blocking(&query).unwrap();
        let Some(last) = rows.last() else { break };
        after = last.row;
        states.extend(
            rows.iter()
                .map(|row| (row.alert.id.clone(), row.notices[0].state)),
        );
    }
    let rank = |state| STEPS.iter().position(|step| *step == state);
    for (number, state) in acknowledged {
        let found = states.get(&id(*number)).copied();
        let far_enough = found.is_some_and(|found| rank(found) >= rank(*state));
        assert!(
            far_enough,
            "kill {kill}: alert {number} was {state:?}, is {found:?}"
        );
    }
    bench.shut();
}

/// The child of the test above: records each notice's steps, several notices at a time, and prints
/// what was acknowledged.
#[test]
// tidy: allow ignored-test: run by its parent test as a process of its own
#[ignore = "is started, and killed, by what_was_acknowledged_survives_kill_nine"]
fn child_that_records() {
    let dir = std::env::var(CHILD_DIR).expect("the parent names the directory");
    let first: u64 = std::env::var(CHILD_FIRST).unwrap().parse().unwrap();
    let (mut bench, recovered) = Bench::open(Path::new(&dir), 1_000_000);
    assert_eq!(recovered.trouble, None);
    let mut out = std::io::stdout();
    writeln!(out).unwrap();
    for from in (first..).step_by(UNDER_WAY as usize) {
        for (step, state) in STEPS.iter().enumerate() {
            for number in from..from + UNDER_WAY {
                let items = match step {
                    0 => samples(number..number + 1),
                    _ => vec![Item::Notice(notice(number, *state))],
                };
                assert_eq!(bench.store.record(number, items), None);
            }
            for _ in 0..UNDER_WAY {
                match bench.event() {
                    Event::Recorded {
                        batch,
                        result: Ok(()),
                    } => {
                        writeln!(out, "ack {batch} {step}").unwrap();
                        out.flush().unwrap();
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }
        }
    }
}
