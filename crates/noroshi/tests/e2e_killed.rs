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
    assert!(mail.subject.starts_with("Rig "), "{}", mail.subject);
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

/// Rule: M3 M16 N1
#[test]
fn a_server_that_stops_cleanly_puts_its_lamp_out_and_wakes_nobody() {
    let mut cluster = plan().start().unwrap();
    let ended = cluster.terminate(1).unwrap();
    assert!(ended.success(), "{ended}");
    cluster.wait_lamp(1, Look::OUT, SOON).unwrap();
    cluster.wait_message(0, "nm", 1002, SOON).unwrap();
    cluster.wait_sees(2, 1, ServerState::Left, SOON).unwrap();
    assert_silence(&cluster, 0);
    assert_eq!(messages(&cluster, 0, "nm", 2), 0);
    assert_eq!(cluster.look(0).unwrap(), Look::GREEN);
    cluster.start(1).unwrap();
    cluster.wait_lamp(1, Look::GREEN, SOON).unwrap();
    cluster.wait_all_up(SOON).unwrap();
    assert_silence(&cluster, 0);
}

/// Rule: N11 M18 M30
#[test]
fn a_server_that_comes_back_is_told_in_the_same_thread_and_its_red_stays() {
    let mut cluster = plan().start().unwrap();
    cluster.kill(2).unwrap();
    let first = cluster
        .wait_mail(SOON, |mail| mail.body.contains("is down"))
        .unwrap();
    cluster.wait_lamp(2, Look::RED_BLINK, SOON).unwrap();
    let started = Instant::now();
    cluster.start(2).unwrap();
    let second = cluster
        .wait_mail(SOON, |mail| mail.body.contains("is back"))
        .unwrap();
    latency("started again: mail", second.arrived - started);
    let thread = first.header("Message-ID").unwrap();
    assert_eq!(second.header("In-Reply-To").unwrap(), thread);
    assert_eq!(second.header("References").unwrap(), thread);
    assert_ne!(second.header("Message-ID").unwrap(), thread);
    cluster.wait_lamp(2, RED_AND_GREEN, SOON).unwrap();
    // The return itself, seen later by this one, would light the green again.
    cluster.wait_sees(0, 2, ServerState::Up, SOON).unwrap();
    flush(&cluster, 1);
    assert_eq!(cluster.look(2).unwrap(), RED_AND_GREEN);
    cluster.command(0, &["clpdn1000s", "-h", "sv3"]).unwrap();
    cluster.wait_lamp(2, Look::OUT, SOON).unwrap();
    flush(&cluster, 0);
    assert_eq!(mails(&cluster).len(), 2, "{}", letters(&cluster));
}

/// When the command on the server that tells the light says that it has succeeded, the light is out.
///
/// Rule: M18 M30
#[test]
fn the_light_of_a_fallen_server_is_out_when_the_command_says_so() {
    let mut cluster = plan().start().unwrap();
    cluster.kill(2).unwrap();
    cluster.wait_lamp(2, Look::RED_BLINK, SOON).unwrap();
    wait_told(&cluster, 0, "sv3 is down");
    let begun = Instant::now();
    cluster.command(0, &["clpdn1000s", "-h", "sv3"]).unwrap();
    latency("clpdn1000s: out and said so", begun.elapsed());
    assert_eq!(cluster.look(2).unwrap(), Look::OUT);
}

/// Every kind of lamp that needs no privileges takes part.
///
/// Rule: M17 N9 N12
#[test]
fn while_one_server_lives_every_fallen_servers_lamp_comes_to_blink_red() {
    let kinds = vec![
        Kind::IsaTcp {
            password: Some("secret".into()),
        },
        Kind::PatlitePns(noroshi_wire::lamp::pns::Unit::Nh),
        Kind::PatlitePhn,
        Kind::PatliteSnmp {
            read: "public".into(),
            write: "private".into(),
        },
        Kind::PatliteHttp,
    ];
    let mut cluster = plan()
        .servers(5)
        .lamps(Lamps::Mixed(kinds))
        .start()
        .unwrap();
    for fallen in 0..4 {
        let at = cluster.kill(fallen).unwrap();
        let about = format!("Server concerned: sv{}", fallen + 1);
        let mail = cluster
            .wait_mail(SOON, |mail| mail.body.contains(&about))
            .unwrap();
        let red = cluster.wait_lamp(fallen, Look::RED_BLINK, SOON).unwrap();
        latency("killed, one of five: mail", mail.arrived - at);
        latency("killed, one of five: lamp", red - at);
        // The next to be killed is the one that sent this. It may be so before anybody else knows
        // that it has, and then the mail is repeated, as it should be.
        wait_told(&cluster, 4, &format!("sv{} is down", fallen + 1));
    }
    flush(&cluster, 4);
    assert_eq!(mails(&cluster).len(), 4, "{}", letters(&cluster));
    assert_eq!(cluster.look(4).unwrap(), Look::GREEN);
}

/// Rule: M18 M16
#[test]
fn cluster_shutdown_puts_all_lamps_out_and_ends_all_daemons() {
    let mut cluster = plan().start().unwrap();
    cluster.kill(2).unwrap();
    cluster.wait_lamp(2, Look::RED_BLINK, SOON).unwrap();
    cluster
        .wait_mail(SOON, |mail| mail.body.contains("is down"))
        .unwrap();
    cluster.command(1, &["clpstdn"]).unwrap();
    for server in 0..2 {
        let ended = cluster.daemon(server).wait_end(LATER).unwrap();
        assert!(ended.success(), "{ended}\n{}", cluster.logs());
    }
    for server in 0..3 {
        cluster.wait_lamp(server, Look::OUT, SOON).unwrap();
    }
    assert_eq!(mails(&cluster).len(), 1);
}

/// Rule: M20 M18
#[test]
fn a_shared_lamp_shows_the_worst_of_its_servers() {
    let mut cluster = plan()
        .lamps(Lamps::Shared(Kind::PatliteHttp))
        .start()
        .unwrap();
    cluster.kill(1).unwrap();
    cluster.wait_lamp(0, RED_AND_GREEN, SOON).unwrap();
    assert!(cluster.terminate(0).unwrap().success());
    flush(&cluster, 2);
    assert_eq!(cluster.look(0).unwrap(), RED_AND_GREEN);
    // Its own verdict on sv2 would light the red again: it may come a moment after that of sv1.
    cluster.wait_sees(2, 1, ServerState::Down, SOON).unwrap();
    cluster.command(2, &["clpdn1000s", "-h", "sv2"]).unwrap();
    cluster.wait_lamp(0, Look::GREEN, SOON).unwrap();
    assert!(cluster.terminate(2).unwrap().success());
    cluster.wait_lamp(0, Look::OUT, SOON).unwrap();
}
