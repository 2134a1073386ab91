//! Processes that stand still, on real processes: slow is not dead.

mod e2e;

use e2e::*;

/// The server on duty stands still, so that it would be the one to judge wrongly afterwards.
///
/// Rule: N4
#[test]
fn a_daemon_that_stands_still_for_two_seconds_is_not_down_and_judges_nobody() {
    let mut cluster = plan().start().unwrap();
    cluster.daemon(0).suspend().unwrap();
    let pause = Duration::from_secs(2);
    hold(pause);
    cluster.daemon(0).resume().unwrap();
    cluster.wait_message(1, "nm", 1003, SOON).unwrap();
    cluster.wait_message(1, "nm", 1004, SOON).unwrap();
    cluster.wait_message(0, "nm", 1006, SOON).unwrap();
    cluster.wait_all_up(SOON).unwrap();
    assert_silence(&cluster, 0);
    for server in 0..3 {
        assert_eq!(messages(&cluster, server, "nm", 2), 0, "{}", cluster.logs());
        assert_eq!(cluster.look(server).unwrap(), Look::GREEN);
    }
}

/// Rule: N2 N4 N11
#[test]
fn a_daemon_that_stands_still_for_eight_seconds_is_told_and_then_told_back() {
    let mut cluster = plan().start().unwrap();
    let at = cluster.daemon(2).suspend().unwrap();
    cluster.wait_sees(0, 2, ServerState::Stalled, SOON).unwrap();
    let down = cluster
        .wait_mail(SOON, |mail| mail.body.contains("host answers"))
        .unwrap();
    assert!(
        down.arrived - at > Duration::from_secs(4),
        "{:?}",
        down.arrived - at
    );
    latency("stands still: mail", down.arrived - at);
    cluster.wait_lamp(2, Look::RED_BLINK, SOON).unwrap();
    hold(Duration::from_secs(8).saturating_sub(at.elapsed()));
    cluster.daemon(2).resume().unwrap();
    let back = cluster.wait_mail(SOON, |mail| {
        mail.header("In-Reply-To").is_some()
            && mail.header("In-Reply-To") == down.header("Message-ID")
    });
    let back = back.unwrap();
    assert!(back.body.contains("Server concerned: sv3"), "{}", back.body);
    cluster.wait_lamp(2, RED_AND_GREEN, SOON).unwrap();
    cluster.wait_all_up(SOON).unwrap();
    flush(&cluster, 0);
    assert_eq!(mails(&cluster).len(), 2, "{}", letters(&cluster));
    assert_eq!(messages(&cluster, 2, "nm", 1006), 1);
}

/// Rule: N1 N2
#[test]
fn a_daemon_that_is_back_within_the_grace_is_told_as_a_restart() {
    // Longer than a start takes on a busy machine.
    let long_grace = |conf: &mut Conf| conf.restart_grace_ms = Some(8_000);
    let mut cluster = plan().tune(long_grace).start().unwrap();
    cluster.kill(1).unwrap();
    cluster.start(1).unwrap();
    cluster.wait_message(0, "nm", 1005, SOON).unwrap();
    cluster.wait_all_up(SOON).unwrap();
    assert_silence(&cluster, 0);
    assert_eq!(messages(&cluster, 0, "nm", 2), 0);
    cluster.wait_lamp(1, Look::GREEN, SOON).unwrap();
}
