//! A server falls, one after the other, on real processes.

mod e2e;

use e2e::*;

/// Rule: M1 M2 M3 M5 M15 M17 N1 N9
#[test]
fn a_killed_server_is_told_by_one_mail_and_its_lamp() {
    let mut cluster = plan().start().unwrap();
    let at = cluster.kill(2).unwrap();
    let mail = cluster
        .wait_mail(SOON, |mail| mail.subject.contains("down"))
        .unwrap();
    let red = cluster.wait_lamp(2, Look::RED_BLINK, SOON).unwrap();
    latency("killed: mail", mail.arrived - at);
    latency("killed: lamp", red - at);
    assert!(mail.subject.starts_with("[Rig] "), "{}", mail.subject);
    assert!(mail.subject.contains("sv3"), "{}", mail.subject);
    assert_eq!(mail.to, ["ops@example.com"]);
    assert_eq!(mail.header("Auto-Submitted").unwrap(), "auto-generated");
    assert_eq!(mail.header("X-Noroshi-Server").unwrap(), "sv3");
    assert!(mail.header("Date").is_some() && mail.header("Message-ID").is_some());
    for part in [
        "Message: Server sv3 is down",
        "Type: NM",
        "ID: 2",
        "Host: sv1",
        "Where to look",
    ] {
        assert!(mail.body.contains(part), "{part} in\n{}", mail.body);
    }
    assert!(mail.body.contains("Server concerned: sv3"), "{}", mail.body);
    cluster.wait_message(1, "nm", 2, SOON).unwrap();
    assert_told_once(&cluster, 0);
    assert_eq!(cluster.look(0).unwrap(), Look::GREEN);
    assert_eq!(cluster.look(1).unwrap(), Look::GREEN);
}
