//! The disk of one server of two is ill, on the real executable: its own calls are made to fail or to wait.
//!
//! `NOROSHI_STALL_S` is how long a sync stands still at least; 30 in a nightly run.

mod e2e;

use e2e::*;
use nix::errno::Errno;
use noroshi_crash::tracer::{Effect, Fault, Orders, Traced};
use noroshi_crash::{available, trace};
use std::fs;
use std::path::Path;

/// Longer than any test lasts: what stands still goes on when the disk is healed.
const STALL: Duration = Duration::from_secs(300);
/// Calls that write.
const WRITES: &[&str] = &[
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "ftruncate",
    "fallocate",
];
/// Calls that write, sync, make or rename: all that a disk refuses that can only be read.
const CHANGES: &[&str] = &[
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "create",
    "rename",
    "mkdir",
    "unlink",
    "fchmod",
    "link",
];
const SYNCS: &[&str] = &["fsync", "fdatasync"];

/// A cluster of two whose first server is traced.
struct Ill {
    traced: Traced,
    cluster: Cluster,
}

impl Ill {
    fn start() -> Option<Ill> {
        if let Err(why) = available() {
            noroshi_sim::skipped(&why);
            return None;
        }
        let mut cluster = plan().servers(2).prepare().unwrap();
        cluster.spawn(1).unwrap();
        let traced = trace(&cluster, 0, None).unwrap();
        cluster.wait_all_up(LATER).unwrap();
        cluster.wait_lamps_green(LATER).unwrap();
        Some(Ill { traced, cluster })
    }

    fn order(&self, calls: &'static [&'static str], effect: Effect) {
        let fault = Fault {
            calls,
            target: "var/",
            effect,
        };
        self.traced.order(Orders {
            kill_at: None,
            faults: vec![fault],
        });
    }

    fn heal(&self) {
        self.traced.order(Orders::default());
    }

    /// Both have seen both all the time.
    fn assert_nobody_was_missed(&self) {
        for server in 0..2 {
            assert_eq!(
                messages(&self.cluster, server, "nm", 2),
                0,
                "{}",
                self.log()
            );
        }
    }

    fn log(&self) -> String {
        let log = self.cluster.launch(0).home.join("daemon.log");
        let own = fs::read_to_string(log).unwrap_or_default();
        format!("{}\n-- traced\n{own}", letters(&self.cluster))
    }

    /// A mail that says this, in time.
    fn mail(&self, words: &str) -> std::sync::Arc<Mail> {
        let mail = self
            .cluster
            .wait_mail(LATER, |mail| mail.body.contains(words));
        mail.unwrap_or_else(|error| panic!("{words}: {error}\n{}", self.log()))
    }
}

/// An alert that a disk refuses is told all the same, the fault with it, once; later the alert is in the store.
fn refused(calls: &'static [&'static str], errno: Errno) {
    let Some(ill) = Ill::start() else { return };
    ill.order(calls, Effect::Fail(errno));
    let raise = ["clplogcmd", "-m", "the backup failed", "--mail", "--alert"];
    ill.cluster.command(0, &raise).unwrap();
    ill.mail("the backup failed");
    let said = ill.mail("store of server sv1 failed");
    assert!(said.body.contains("Sent by server: sv1"), "{}", said.body);
    ill.heal();
    ill.cluster.wait_message(0, "store", 1002, LATER).unwrap();
    wait_told(&ill.cluster, 0, "the backup failed");
    flush(&ill.cluster, 0);
    for words in ["the backup failed", "store of server sv1 failed"] {
        let count = mails_saying(&ill.cluster, words);
        assert_eq!(count, 1, "{words}\n{}", ill.log());
    }
    ill.assert_nobody_was_missed();
}

/// Rule: N8
#[test]
fn with_a_full_disk_an_alert_is_told_and_the_fault_with_it() {
    refused(WRITES, Errno::ENOSPC);
}

/// Rule: N8
#[test]
fn with_a_disk_that_became_read_only_an_alert_is_told_and_the_fault_with_it() {
    refused(CHANGES, Errno::EROFS);
}

/// Rule: N8
#[test]
fn with_failing_writes_an_alert_is_told_and_the_fault_with_it() {
    refused(WRITES, Errno::EIO);
}

/// After one failed sync nothing more is written through the same descriptors: the file is opened anew first.
///
/// Rule: N8
#[test]
fn a_failed_sync_is_told_and_is_the_last_through_its_file() {
    let Some(ill) = Ill::start() else { return };
    let before = ill.traced.passed().len();
    ill.order(SYNCS, Effect::Fail(Errno::EIO));
    let raise = ["clplogcmd", "-m", "the backup failed", "--mail", "--alert"];
    ill.cluster.command(0, &raise).unwrap();
    ill.mail("store of server sv1 failed");
    ill.heal();
    ill.cluster.wait_message(0, "store", 1002, LATER).unwrap();
    let passed = ill.traced.passed();
    let of_store = |call: &str| call.contains("var/alerts.db");
    let calls = passed[before..].iter().map(|point| point.call.as_str());
    let calls: Vec<&str> = calls.filter(|call| of_store(call)).collect();
    let failed = calls.iter().position(|call| call.contains("sync "));
    let failed = failed.unwrap_or_else(|| panic!("no sync: {calls:#?}"));
    let next = calls[failed + 1];
    assert!(next.starts_with("create "), "{calls:#?}");
    wait_told(&ill.cluster, 0, "the backup failed");
    flush(&ill.cluster, 0);
    assert_eq!(
        mails_saying(&ill.cluster, "the backup failed"),
        1,
        "{}",
        ill.log()
    );
    ill.assert_nobody_was_missed();
}

/// A sync that stands still holds up neither heartbeats nor mails nor lamps.
///
/// Rule: N4 N8
#[test]
fn a_sync_that_stands_still_holds_up_nothing_and_is_said() {
    let Some(mut ill) = Ill::start() else { return };
    ill.order(SYNCS, Effect::Hold(STALL));
    let begun = Instant::now();
    let raise = ["clplogcmd", "-m", "the backup failed", "--mail", "--alert"];
    let mut asked = ill.cluster.launch(0).command(&raise);
    let mut asked = asked.spawn().unwrap();
    let mail = ill.mail("the backup failed");
    latency("disk stands still: mail", mail.arrived - begun);
    assert!(
        mail.body.contains("could not be written to disk"),
        "{}",
        mail.body
    );
    let at = ill.cluster.kill(1).unwrap();
    let mail = ill.mail("sv2 is down");
    let red = ill.cluster.wait_lamp(1, Look::RED_BLINK, LATER).unwrap();
    latency("disk stands still: mail of a fall", mail.arrived - at);
    latency("disk stands still: lamp of a fall", red - at);
    let spoken = ill.mail("store of server sv1 failed");
    latency("disk stands still: said", spoken.arrived - begun);
    ill.cluster.start(1).unwrap();
    ill.cluster.wait_all_up(LATER).unwrap();
    let longer = std::env::var("NOROSHI_STALL_S").ok();
    let longer = longer.and_then(|text| text.parse().ok());
    let longer = longer.map_or(Duration::ZERO, Duration::from_secs);
    hold(longer.saturating_sub(begun.elapsed()));
    // The command has not waited for the disk.
    assert!(asked.wait().unwrap().success());
    ill.heal();
    ill.cluster.wait_message(0, "store", 1002, LATER).unwrap();
    for words in ["the backup failed", "sv2 is down"] {
        wait_told(&ill.cluster, 0, words);
        assert_eq!(
            mails_saying(&ill.cluster, words),
            1,
            "{words}\n{}",
            ill.log()
        );
    }
    for server in 0..2 {
        let lost = ill.cluster.alerts(server).unwrap();
        let lost = lost.iter().filter(|line| line.text.contains("sv1 is down"));
        assert_eq!(lost.count(), 0, "its heartbeats went on");
    }
}

/// What a power cut leaves of pages that were under way.
fn tear(file: &Path, how: usize) {
    let mut bytes = fs::read(file).unwrap_or_default();
    let length = bytes.len();
    let last = length.saturating_sub(4_096);
    match how {
        0 => bytes[last..].fill(0),
        1 => bytes[last..].iter_mut().for_each(|byte| *byte ^= 0x5a),
        2 => bytes.truncate(length - length.min(2_000)),
        _ => bytes[..length.min(2_048)].fill(0xff),
    }
    fs::write(file, bytes).unwrap();
}

/// Killed with a notice that waits, then pages of its files are torn: it starts, says what it set aside and
/// keeps that, the notice that waits is told by somebody, and what falls next is told first.
///
/// Rule: N7 N8 N9
#[test]
fn torn_pages_are_set_aside_and_said_and_nothing_that_waits_is_lost() {
    for (file, how) in [
        ("alerts.db-wal", 0),
        ("alerts.db-wal", 1),
        ("alerts.db-wal", 2),
        ("alerts.db", 0),
        ("alerts.db", 1),
        ("alerts.db", 2),
        ("alerts.db", 3),
    ] {
        let mut cluster = plan().start().unwrap();
        let refusing = inbox::Faults::only(inbox::Fault::Refuse);
        cluster.set_mail_faults(refusing).unwrap();
        let raise = ["clplogcmd", "-m", "the backup failed", "--mail", "--alert"];
        cluster.command(0, &raise).unwrap();
        for server in 0..3 {
            let known =
                |line: &noroshi_daemon::control::AlertLine| line.text == "the backup failed";
            cluster.wait_alert(server, SOON, known).unwrap();
        }
        cluster.kill(0).unwrap();
        if file == "alerts.db" {
            // The start copies the log into it: its pages count then.
            cluster.start(0).unwrap();
            cluster.wait_all_up(LATER).unwrap();
            cluster.kill(0).unwrap();
        }
        tear(&cluster.home(0).var().join(file), how);
        cluster.start(0).unwrap();
        cluster.wait_all_up(LATER).unwrap();
        cluster.set_mail_faults(inbox::Faults::none()).unwrap();
        let told = cluster.wait_mail(LATER, |mail| mail.body.contains("the backup failed"));
        told.unwrap_or_else(|error| panic!("{file} {how}: {error}\n{}", letters(&cluster)));
        let at = cluster.kill(2).unwrap();
        let words = "Server concerned: sv3";
        let mail = cluster.wait_mail(LATER, |mail| mail.arrived > at && mail.body.contains(words));
        let mail = mail.unwrap_or_else(|error| panic!("{file} {how}: {error}"));
        latency("torn page, then a fall: mail", mail.arrived - at);
        cluster.wait_lamp(2, Look::RED_BLINK, LATER).unwrap();
        flush(&cluster, 0);
        // Damage is found when a page is read, so it may be later than the start; then both come.
        let aside = until(LATER, "what is set aside is said", || {
            let entries = fs::read_dir(cluster.home(0).var()).map_err(|error| error.to_string())?;
            let names = entries.flatten().map(|entry| entry.file_name());
            let names = names.map(|name| name.to_string_lossy().into_owned());
            let aside: Vec<String> = names.filter(|name| name.contains(".damaged-")).collect();
            let said = messages(&cluster, 0, "store", 1003);
            let fits = (said > 0) != aside.is_empty();
            fits.then_some(aside)
                .ok_or_else(|| format!("said {said} times"))
        });
        println!("torn: {file} {how}: set aside {:?}", aside.unwrap());
        let copies = mails_saying(&cluster, "the backup failed");
        assert!((1..=2).contains(&copies), "{file} {how}: {copies}");
    }
}
