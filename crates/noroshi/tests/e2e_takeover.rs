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
