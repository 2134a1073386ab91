//! What the Corosync engine says where it is let in nowhere: real rings in namespaces (root).
//!
//! In each story one server sees nothing, for another reason, and two see each other.

mod e2e;

use e2e::*;
use noroshi_sim::rig::Corosync;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A deadline for what a ring on a busy machine may need two rounds for.
const RING: Duration = Duration::from_secs(60);
/// A user that no host has.
const STRANGER: u32 = 61_234;
/// The server that sees nothing.
const BLIND: usize = 1;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Ring {
    cluster: Cluster,
    _turn: MutexGuard<'static, ()>,
}

/// Three servers of which nothing runs, or `None` where there is no Corosync.
fn ring() -> Option<Ring> {
    if let Err(why) = Corosync::available() {
        let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!required, "NOROSHI_REQUIRE_ALL is set, but {why}");
        eprintln!("skipped: {why}");
        return None;
    }
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = plan().corosync().prepare().unwrap();
    Some(Ring {
        cluster,
        _turn: turn,
    })
}

fn start_corosyncs(cluster: &mut Cluster, servers: &[usize]) {
    for server in servers {
        cluster.corosync(*server).spawn().unwrap();
    }
    for server in servers {
        cluster.corosync(*server).wait_answer().unwrap();
    }
}

fn start_daemons(cluster: &mut Cluster) {
    for server in 0..cluster.len() {
        cluster.start(server).unwrap();
    }
    for (server, other) in [(0, 2), (2, 0)] {
        let seen = cluster.wait_sees(server, other, ServerState::Up, RING);
        seen.unwrap_or_else(|error| panic!("{error}\n{}", cluster.logs()));
    }
}

/// The blind server says why and what helps: once in its log, in its status, and as one mail.
fn assert_says(cluster: &mut Cluster, why: &str, remedies: &[&str]) {
    let told = cluster.wait_message(BLIND, "nm", 1061, RING).unwrap();
    let mail = cluster.wait_mail(RING, |mail| mail.body.contains(why));
    let mail = mail.unwrap_or_else(|error| panic!("{why}: {error}\n{}", letters(cluster)));
    let status = cluster.status(BLIND).unwrap().blind.unwrap_or_default();
    let printed = cluster.command(BLIND, &["status"]).unwrap();
    let log = cluster.daemon(BLIND).log();
    for words in remedies.iter().chain([&why]) {
        for text in [&told.text, &mail.body, &status, &printed, &log] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
    let lines = log
        .lines()
        .filter(|line| line.contains("no connection to Corosync"));
    assert_eq!(lines.count(), 1, "{log}");
}

/// It has begun to see, without having been started again, and nobody was called down.
fn assert_sees(cluster: &Cluster, mails: usize) {
    let seen = cluster.wait_all_up(RING);
    seen.unwrap_or_else(|error| panic!("{error}\n{}", letters(cluster)));
    for server in 0..cluster.len() {
        flush(cluster, server);
        assert_eq!(
            messages(cluster, server, "nm", 2),
            0,
            "{}",
            letters(cluster)
        );
        assert_eq!(
            messages(cluster, server, "nm", 1030),
            0,
            "{}",
            letters(cluster)
        );
        cluster.wait_lamp(server, Look::GREEN, SOON).unwrap();
    }
    assert_eq!(self::mails(cluster).len(), mails, "{}", letters(cluster));
}

/// Rule: N3
#[test]
fn a_corosync_that_refuses_the_services_user_is_said_and_let_in_later_without_a_restart() {
    let Some(Ring { mut cluster, _turn }) = ring() else {
        return;
    };
    start_corosyncs(&mut cluster, &[0, 1, 2]);
    cluster.run_as(BLIND, STRANGER).unwrap();
    start_daemons(&mut cluster);
    let remedies = [
        "noroshi engine setup corosync",
        "uidgid",
        "corosync-cfgtool -R",
    ];
    let why = "Corosync does not let the alert service's user in";
    assert_says(&mut cluster, why, &remedies);
    cluster.corosync(BLIND).permit(STRANGER).unwrap();
    cluster
        .wait_mail(RING, |mail| mail.body.contains("sees the cluster again"))
        .unwrap();
    assert_sees(&cluster, 2);
}

/// Rule: N3
#[test]
fn missing_libraries_are_said_with_their_packages_and_used_when_they_are_there() {
    let Some(Ring { mut cluster, _turn }) = ring() else {
        return;
    };
    start_corosyncs(&mut cluster, &[0, 1, 2]);
    cluster.corosync(BLIND).hide_libraries().unwrap();
    start_daemons(&mut cluster);
    let remedies = ["libcpg.so.4", "libcpg4", "corosynclib"];
    assert_says(&mut cluster, "Corosync's libraries", &remedies);
    cluster.corosync(BLIND).show_libraries().unwrap();
    cluster
        .wait_mail(RING, |mail| mail.body.contains("sees the cluster again"))
        .unwrap();
    assert_sees(&cluster, 2);
}

/// After a boot the alert service may be there first: that is no news.
///
/// Rule: N3
#[test]
fn a_corosync_that_starts_after_the_service_is_waited_for_in_silence() {
    let Some(Ring { mut cluster, _turn }) = ring() else {
        return;
    };
    start_corosyncs(&mut cluster, &[0, 2]);
    start_daemons(&mut cluster);
    let shown = until(SOON, "the status says why nothing is seen", || {
        let status = cluster.status(BLIND).map_err(|error| error.0)?;
        status.blind.ok_or_else(|| "it says nothing".to_owned())
    });
    assert!(shown.unwrap().contains("Corosync does not run"));
    start_corosyncs(&mut cluster, &[BLIND]);
    assert_sees(&cluster, 0);
}
