//! Crashes between accepting and delivering, and who sends then, on real processes.

mod e2e;

use e2e::*;

/// Raises an alert that is mailed; the command's success says that it is accepted.
fn raise(cluster: &Cluster, server: usize, text: &str) {
    cluster
        .command(server, &["clplogcmd", "-m", text, "--mail", "--alert"])
        .unwrap();
}

/// Rule: N8 N9
#[test]
fn when_the_server_on_duty_is_killed_the_next_sends_what_it_had_not() {
    let mut cluster = plan().start().unwrap();
    let deferral = inbox::Fault::Answer {
        at: Verb::Mail,
        code: 451,
    };
    cluster
        .set_mail_faults(inbox::Faults::only(deferral))
        .unwrap();
    cluster.kill(2).unwrap();
    cluster.wait_message(0, "mail", 5, SOON).unwrap();
    cluster.wait_message(1, "nm", 2, SOON).unwrap();
    let at = cluster.kill(0).unwrap();
    cluster.wait_lamp(0, Look::RED_BLINK, SOON).unwrap();
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    for about in ["Server concerned: sv3", "Server concerned: sv1"] {
        let mail = cluster
            .wait_mail(LATER, |mail| mail.body.contains(about))
            .unwrap();
        assert!(mail.body.contains("Sent by server: sv2"), "{}", mail.body);
        latency("taken over: mail", mail.arrived - at);
    }
    flush(&cluster, 1);
    assert_eq!(mails_saying(&cluster, "Server concerned: sv3"), 1);
    assert_eq!(mails_saying(&cluster, "Server concerned: sv1"), 1);
}

/// Rule: N8
#[test]
fn what_a_killed_sender_had_accepted_is_sent_after_its_start() {
    let mut cluster = plan().servers(1).start().unwrap();
    cluster
        .set_mail_faults(inbox::Faults::only(inbox::Fault::Hang(Verb::Mail)))
        .unwrap();
    raise(&cluster, 0, "disk is full");
    cluster.kill(0).unwrap();
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    cluster.start(0).unwrap();
    cluster
        .wait_mail(SOON, |mail| mail.body.contains("disk is full"))
        .unwrap();
    flush(&cluster, 0);
    assert_eq!(mails_saying(&cluster, "disk is full"), 1);
}

/// The mail server has the mail and dies before it says so: nobody can know.
///
/// Rule: N8 N9
#[test]
fn a_mail_that_may_have_arrived_is_sent_again_as_a_possible_repeat() {
    let mut cluster = plan().servers(1).start().unwrap();
    cluster
        .set_mail_faults(inbox::Faults::only(inbox::Fault::Hang(Verb::Dot)))
        .unwrap();
    raise(&cluster, 0, "disk is full");
    let first = cluster
        .wait_mail(SOON, |mail| mail.body.contains("disk is full"))
        .unwrap();
    cluster.kill(0).unwrap();
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    cluster.start(0).unwrap();
    let repeat = |mail: &Mail| mail.number > first.number && mail.body.contains("disk is full");
    let second = cluster.wait_mail(SOON, repeat).unwrap();
    assert_eq!(second.header("Message-ID"), first.header("Message-ID"));
    assert_eq!(first.header("X-Noroshi-Possible-Repeat"), None);
    assert_eq!(second.header("X-Noroshi-Possible-Repeat").unwrap(), "yes");
    flush(&cluster, 0);
    assert_eq!(mails_saying(&cluster, "disk is full"), 2);
}

/// Rule: N9 N7
#[test]
fn an_alert_known_to_another_server_is_told_if_its_own_never_returns() {
    let mut cluster = plan().start().unwrap();
    cluster
        .set_mail_faults(inbox::Faults::only(inbox::Fault::Refuse))
        .unwrap();
    raise(&cluster, 1, "backup failed");
    cluster
        .wait_alert(2, SOON, |line| line.text.contains("backup failed"))
        .unwrap();
    cluster
        .wait_alert(0, SOON, |line| line.text.contains("backup failed"))
        .unwrap();
    cluster.kill(1).unwrap();
    cluster.wait_lamp(1, Look::RED_BLINK, SOON).unwrap();
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    cluster
        .wait_mail(LATER, |mail| mail.body.contains("backup failed"))
        .unwrap();
    cluster
        .wait_mail(LATER, |mail| mail.body.contains("Server concerned: sv2"))
        .unwrap();
    flush(&cluster, 0);
    assert_eq!(mails_saying(&cluster, "backup failed"), 1);
}

/// A server is stopped while a mail of its takes two seconds.
///
/// Rule: N9 M16
#[test]
fn a_clean_stop_ends_the_mail_that_is_under_way_and_nobody_sends_it_again() {
    let mut cluster = plan().start().unwrap();
    let slow = inbox::Faults {
        delay: Duration::from_millis(300),
        ..inbox::Faults::none()
    };
    cluster.set_mail_faults(slow).unwrap();
    let (stop, begun) = (0, Instant::now());
    raise(&cluster, stop, "backup failed");
    let ended = cluster.terminate(stop).unwrap();
    assert!(ended.success(), "{ended}");
    latency("stopped with a mail under way", begun.elapsed());
    let mail = cluster
        .wait_mail(SOON, |mail| mail.body.contains("backup failed"))
        .unwrap();
    assert_eq!(mail.header("X-Noroshi-Possible-Repeat"), None);
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    wait_told(&cluster, 1, "backup failed");
    cluster.start(stop).unwrap();
    cluster.wait_all_up(SOON).unwrap();
    for server in 0..3 {
        flush(&cluster, server);
    }
    assert_eq!(
        mails_saying(&cluster, "backup failed"),
        1,
        "{}",
        letters(&cluster)
    );
}

/// Started and killed again and again with a mail that nobody takes, then told: by which run ever, once.
///
/// Rule: N8 N9
#[test]
fn a_mail_that_waits_over_several_restarts_is_told_once() {
    let mut cluster = plan().start().unwrap();
    let deferral = inbox::Fault::Answer {
        at: Verb::Mail,
        code: 451,
    };
    cluster
        .set_mail_faults(inbox::Faults::only(deferral))
        .unwrap();
    raise(&cluster, 0, "backup failed");
    for run in 0..4 {
        cluster.kill(run % 3).unwrap();
        cluster.start(run % 3).unwrap();
        cluster.wait_all_up(LATER).unwrap();
    }
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    cluster
        .wait_mail(LATER, |mail| mail.body.contains("backup failed"))
        .unwrap();
    for server in 0..3 {
        wait_told(&cluster, server, "backup failed");
    }
    for run in 0..3 {
        cluster.kill(run).unwrap();
        cluster.start(run).unwrap();
        cluster.wait_all_up(LATER).unwrap();
    }
    for server in 0..3 {
        flush(&cluster, server);
    }
    assert_eq!(
        mails_saying(&cluster, "backup failed"),
        1,
        "{}",
        letters(&cluster)
    );
}

/// Seen by hand: the mail server was back at 14.0 s, a newer mail went at 15.2 s, the one that had been taken over
/// at 20.2 s, by its own back-off.
///
/// Rule: N9 N10
#[test]
fn when_the_mail_server_is_back_the_first_mail_through_calls_the_one_that_was_taken_over() {
    let mut cluster = plan().start().unwrap();
    cluster
        .set_mail_faults(inbox::Faults::only(inbox::Fault::Refuse))
        .unwrap();
    raise(&cluster, 1, "backup failed");
    let tried = |cluster: &Cluster, least: u32| {
        let failed = cluster.wait_alert(0, LATER, |line| {
            let mut mails = line.notices.iter();
            line.text.contains("backup failed")
                && mails.any(|one| {
                    one.channel == Channel::Mail
                        && one.state == NoticeState::Waiting
                        && one.attempts >= least
                })
        });
        failed.unwrap();
    };
    tried(&cluster, 3);
    cluster.kill(1).unwrap();
    // From here it waits for eight seconds, if not sixteen.
    tried(&cluster, 4);
    cluster.set_mail_faults(inbox::Faults::none()).unwrap();
    raise(&cluster, 0, "disk is full");
    let told = |words: &str| {
        let mail = cluster.wait_mail(LATER, |mail| mail.body.contains(words));
        mail.unwrap()
    };
    let (newer, older) = (told("disk is full"), told("backup failed"));
    let after = older.arrived.saturating_duration_since(newer.arrived);
    latency("after the first mail through: the one taken over", after);
    assert!(
        after < Duration::from_secs(4),
        "{after:?}\n{}",
        letters(&cluster)
    );
    assert!(older.body.contains("Sent by server: sv1"), "{}", older.body);
    flush(&cluster, 0);
    assert_eq!(mails_saying(&cluster, "backup failed"), 1);
}
