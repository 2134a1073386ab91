//! The store on disks that refuse.

mod store_common;

use noroshi_core::event::StoreTrouble;
use noroshi_core::notice::outbox::Page;
use noroshi_daemon::store::{AlertQuery, STORE_FILE};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use store_common::{Bench, DEADLINE, id, ids, samples, skip};
use tempfile::{TempDir, tempdir};

/// Something mounted, until the test is over.
struct Mount {
    at: PathBuf,
    _dir: TempDir,
}

impl Mount {
    fn new(arguments: &[&str]) -> Option<Mount> {
        let dir = tempdir().unwrap();
        let at = dir.path().to_owned();
        if mount(arguments, &at) {
            return Some(Mount { at, _dir: dir });
        }
        skip("mounting needs root and its capabilities");
        None
    }

    fn again(&self, options: &str) {
        assert!(mount(&["-o", options], &self.at), "remount with {options}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let command = Command::new("mount")
        .args(arguments)
        .arg(at)
        .stderr(Stdio::null())
        .status();
    command.is_ok_and(|status| status.success())
}

/// Fills the disk to the last byte.
fn fill(dir: &Path) -> PathBuf {
    let filler = dir.join("filler");
    let _ = fs::write(&filler, vec![1; 64 << 20]).expect_err("the disk is small");
    filler
}

/// Records an alert until it is taken.
fn until_taken(bench: &mut Bench, number: u64) {
    let begin = Instant::now();
    while let Err(error) = bench.record(samples(number..number + 1)) {
        assert!(
            begin.elapsed() < DEADLINE,
            "the store does not come back: {error}"
        );
    }
}

/// Full in the middle of the work: told, nothing acknowledged lost, and back when there is room.
///
/// Rule: N8
#[test]
fn a_full_disk_is_survived() {
    let Some(disk) = Mount::new(&["-t", "tmpfs", "-o", "size=2m", "tmpfs"]) else {
        return;
    };
    let store_dir = disk.at.join("store");
    let (mut bench, recovered) = Bench::open(&store_dir, 100_000);
    assert_eq!(recovered.trouble, None);
    let mut taken = vec![];
    for number in 0..10 {
        bench.record(samples(number..number + 1)).unwrap();
        taken.push(number);
    }
    let filler = fill(&disk.at);
    let mut number = 10;
    let error = loop {
        match bench.record(samples(number..number + 1)) {
            Ok(()) => taken.push(number),
            Err(error) => break error,
        }
        number += 1;
        assert!(number < 100_000, "the disk does not get full");
    };
    assert!(error.contains("full") || error.contains("I/O"), "{error}");
    // Readers still read what is there.
    let rows = bench
        .store
        .reader()
        .alerts_blocking(&AlertQuery::default())
        .unwrap();
    // The store begins its log anew after the fault, which may make room for what was refused before we look.
    let newest = [id(*taken.last().unwrap()), id(number)];
    assert!(newest.contains(&rows[0].alert.id), "{:?}", rows[0].alert.id);

    fs::remove_file(filler).unwrap();
    let first_after = number + 1;
    until_taken(&mut bench, first_after);
    taken.push(first_after);
    bench.shut();

    let (bench, recovered) = Bench::open(&store_dir, 100_000);
    assert_eq!(recovered.trouble, None);
    let mut found = vec![];
    let reader = bench.store.reader();
    let mut after = 0;
    loop {
        let query = AlertQuery {
            after_row: Some(after),
            ..AlertQuery::default()
        };
        let rows = reader.alerts_blocking(&query).unwrap();
        let Some(last) = rows.last() else { break };
        after = last.row;
        found.extend(rows.into_iter().map(|row| row.alert.id));
    }
    // Also what could not be written at the time: the history has no hole.
    let expected: Vec<_> = (0..=first_after).map(id).collect();
    assert_eq!(found, expected);
    assert!(taken.len() > 10);
    bench.shut();
}

/// Full from the start: the daemon starts without a store and gets it later.
///
/// Rule: N8
#[test]
fn a_disk_full_at_the_start_is_used_when_there_is_room() {
    let Some(disk) = Mount::new(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"]) else {
        return;
    };
    let store_dir = disk.at.join("store");
    fs::create_dir(&store_dir).unwrap();
    let filler = fill(&disk.at);
    let (mut bench, recovered) = Bench::open(&store_dir, 100);
    assert!(
        matches!(recovered.trouble, Some(StoreTrouble::Unusable(_))),
        "{recovered:?}"
    );
    bench.record(samples(1..2)).unwrap_err();
    fs::remove_file(filler).unwrap();
    until_taken(&mut bench, 2);
    assert_eq!(ids(&bench.load(0, 1).0), [id(1)]);
    bench.shut();
}

/// A read-only disk: what is unfinished is handed over all the same; the rest comes when it can be
/// written again.
///
/// Rule: N8
#[test]
fn a_read_only_disk_is_still_read() {
    let Some(disk) = Mount::new(&["-t", "tmpfs", "-o", "size=8m", "tmpfs"]) else {
        return;
    };
    let (mut bench, _) = Bench::open(&disk.at, 1_000);
    bench.record(samples(0..300)).unwrap();
    bench.shut();
    for log_index_kept in [true, false] {
        disk.again("remount,rw");
        if !log_index_kept {
            // As after a clean restart of the host: no log, no index of it.
            let (bench, _) = Bench::open(&disk.at, 1_000);
            bench.shut();
            for suffix in ["-wal", "-shm"] {
                fs::remove_file(disk.at.join(format!("{STORE_FILE}{suffix}"))).unwrap();
            }
        }
        disk.again("remount,ro");
        let (mut bench, recovered) = Bench::open(&disk.at, 1_000);
        assert!(
            matches!(recovered.trouble, Some(StoreTrouble::Unusable(_))),
            "{recovered:?}"
        );
        assert_eq!(recovered.notices.len(), 256);
        assert!(recovered.more);
        let row = recovered.notices.last().unwrap().row;
        bench.record(samples(300..301)).unwrap_err();
        assert_eq!(
            bench
                .store
                .reader()
                .alerts_blocking(&AlertQuery::default())
                .unwrap()
                .len(),
            200
        );
        // Asked now, answered when the disk can be written.
        bench.store.load(Page {
            after: row,
            limit: 20,
            skip: Vec::new(),
        });
        disk.again("remount,rw");
        let event = bench.event();
        let noroshi_core::event::Event::Loaded {
            notices,
            more: true,
        } = event
        else {
            panic!("expected the rest of the backlog, got {event:?}");
        };
        assert_eq!(ids(&notices), (256..276).map(id).collect::<Vec<_>>());
        bench.shut();
    }
}

/// Somebody removes the files while the store works: that is noticed before anything more is
/// acknowledged.
///
/// Rule: N8
#[test]
fn removed_files_are_noticed() {
    let dir = tempdir().unwrap();
    let (mut bench, _) = Bench::open(dir.path(), 100);
    bench.record(samples(0..5)).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(dir.path().join(format!("{STORE_FILE}{suffix}"))).unwrap();
    }
    let error = bench.record(samples(5..6)).unwrap_err();
    assert!(error.contains("removed"), "{error}");
    until_taken(&mut bench, 6);
    bench.shut();
    let (bench, recovered) = Bench::open(dir.path(), 100);
    assert_eq!(ids(&recovered.notices)[..2], [id(5), id(6)]);
    assert!(recovered.notices[0].row > 5, "row numbers go on");
    bench.shut();
}

/// A directory that cannot be made.
#[test]
fn an_impossible_directory_is_said() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let (mut bench, recovered) = Bench::open(&dir.path().join("file/store"), 100);
    assert!(
        matches!(recovered.trouble, Some(StoreTrouble::Unusable(_))),
        "{recovered:?}"
    );
    bench.record(samples(1..2)).unwrap_err();
    bench.shut();
}

/// Syncs that fail, by a library put before libc: the batch is refused, the store opened anew.
///
/// Rule: N8
#[test]
fn a_failed_sync_is_final_for_its_connection() {
    let dir = tempdir().unwrap();
    let library = dir.path().join("failing_sync.so");
    let source = dir.path().join("failing_sync.c");
    fs::write(&source, FAILING_SYNC).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .is_ok_and(|status| status.success());
    if !compiled {
        return skip("a C compiler is needed for failing syncs");
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_with_failing_syncs",
            "--ignored",
            "--nocapture",
        ])
        .env("LD_PRELOAD", &library)
        .env("NOROSHI_TEST_SYNC_DIR", dir.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        fs::metadata(dir.path().join("failed")).is_ok(),
        "no sync failed at all"
    );
}

/// fsync and fdatasync answer EIO while a file named `fail` lies in the directory, and leave a file
/// named `failed` there.
const FAILING_SYNC: &str = r#"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int failing(void) {
  const char *dir = getenv("NOROSHI_TEST_SYNC_DIR");
  char path[4096];
  snprintf(path, sizeof path, "%s/fail", dir ? dir : "/nonexistent");
  if (access(path, F_OK) != 0) return 0;
  snprintf(path, sizeof path, "%s/failed", dir);
  close(open(path, O_CREAT | O_WRONLY, 0600));
  errno = EIO;
  return 1;
}
int fsync(int fd) { return failing() ? -1 : syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return failing() ? -1 : syscall(SYS_fdatasync, fd); }
"#;

/// The child of the test above.
#[test]
// tidy: allow ignored-test: run by its parent test as a process of its own
#[ignore = "is started by a_failed_sync_is_final_for_its_connection"]
fn child_with_failing_syncs() {
    let dir = PathBuf::from(std::env::var("NOROSHI_TEST_SYNC_DIR").unwrap());
    let store_dir = dir.join("store");
    let flag = dir.join("fail");
    let (mut bench, _) = Bench::open(&store_dir, 1_000);
    bench.record(samples(0..5)).unwrap();
    fs::write(&flag, "").unwrap();
    let error = bench.record(samples(5..6)).unwrap_err();
    assert!(error.contains("I/O"), "{error}");
    bench.record(samples(6..7)).unwrap_err();
    fs::remove_file(&flag).unwrap();
    let last = 7;
    until_taken(&mut bench, last);
    bench.shut();
    let (bench, recovered) = Bench::open(&store_dir, 1_000);
    assert_eq!(recovered.trouble, None);
    assert_eq!(
        ids(&recovered.notices),
        (0..=last).map(id).collect::<Vec<_>>()
    );
    bench.shut();

    // Syncs that fail from the start.
    fs::write(&flag, "").unwrap();
    let (mut bench, recovered) = Bench::open(&store_dir, 1_000);
    assert!(
        matches!(recovered.trouble, Some(StoreTrouble::Unusable(_))),
        "{recovered:?}"
    );
    assert_eq!(
        recovered.notices.len() as u64,
        last + 1,
        "what can be read is sent"
    );
    fs::remove_file(&flag).unwrap();
    until_taken(&mut bench, last + 1);
    bench.shut();
}
