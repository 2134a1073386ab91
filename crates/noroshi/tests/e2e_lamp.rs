//! Lamps that fail, on real processes.

mod e2e;

use e2e::*;
use noroshi_sim::lamp::{Fault, Faults};

/// What is wrong with the lamp of each server but the first, and the message that says so.
const FAULTS: [(Fault, u32); 5] = [
    (Fault::Refuse, 7),
    (Fault::BlackHole, 7),
    (Fault::Hang, 7),
    (Fault::WrongReply, 6),
    (Fault::Refusal, 6),
];

/// One server survives and has all the ill lamps to tell; none of them waits for another.
///
/// Rule: M1 M13 N14 M17
#[test]
fn an_ill_lamp_is_one_message_delays_no_mail_and_is_told_when_it_answers() {
    let mut cluster = plan().servers(1 + FAULTS.len()).start().unwrap();
    for (at, (fault, _)) in FAULTS.iter().enumerate() {
        cluster
            .set_lamp_faults(1 + at, Faults::only(*fault))
            .unwrap();
    }
    for server in 1..=FAULTS.len() {
        let at = cluster.kill(server).unwrap();
        let about = format!("Server concerned: sv{}", server + 1);
        let mail = cluster
            .wait_mail(SOON, |mail| mail.body.contains(&about))
            .unwrap();
        latency("lamp is ill: mail", mail.arrived - at);
        assert!(
            mail.arrived - at < Duration::from_secs(2),
            "{:?}",
            mail.arrived - at
        );
    }
    let wanted = |event| {
        FAULTS
            .iter()
            .filter(|(_, message)| *message == event)
            .count()
    };
    until(LATER, "each ill lamp is said", || {
        let said = [6, 7].map(|event| messages(&cluster, 0, "lamp", event));
        if said == [wanted(6), wanted(7)] {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    })
    .unwrap();
    for server in 1..=FAULTS.len() {
        cluster.set_lamp_faults(server, Faults::NONE).unwrap();
    }
    for server in 1..=FAULTS.len() {
        cluster.wait_lamp(server, Look::RED_BLINK, LATER).unwrap();
    }
    flush(&cluster, 0);
    for event in [6, 7] {
        assert_eq!(
            messages(&cluster, 0, "lamp", event),
            wanted(event),
            "{}",
            cluster.logs()
        );
    }
    assert_eq!(mails(&cluster).len(), FAULTS.len());
    assert_eq!(cluster.look(0).unwrap(), Look::GREEN);
}

/// Rule: N14
#[test]
fn a_lamp_that_lost_its_memory_is_set_right_and_that_is_told() {
    // A protocol that can be asked what the lamp shows.
    let kind = Kind::PatlitePns(noroshi_wire::lamp::pns::Unit::Nh);
    let cluster = plan().servers(2).lamps(Lamps::Each(kind)).start().unwrap();
    cluster
        .set_lamp_faults(0, Faults::only(Fault::Forget))
        .unwrap();
    cluster.wait_lamp(0, Look::OUT, SOON).unwrap();
    cluster.wait_lamp(0, Look::GREEN, LATER).unwrap();
    cluster.wait_message(0, "lamp", 1001, SOON).unwrap();
    assert_silence(&cluster, 0);
}

/// Rule: N12 N13
#[test]
fn lamps_behind_rsh_are_told_from_a_reserved_port() {
    // Ports below 1024 are root's.
    if !rustix::process::geteuid().is_root() {
        noroshi_sim::skipped("reserved ports need root");
        return;
    }
    let door = lamp::RshDoor {
        reserved_ports_only: true,
        ..lamp::RshDoor::default()
    };
    let kinds = vec![Kind::IsaRsh(door.clone()), Kind::PatliteRsh(door)];
    let mut cluster = plan()
        .servers(2)
        .lamps(Lamps::Mixed(kinds))
        .start()
        .unwrap();
    cluster.kill(1).unwrap();
    cluster.wait_lamp(1, Look::RED_BLINK, SOON).unwrap();
    assert!(cluster.terminate(0).unwrap().success());
    cluster.wait_lamp(0, Look::OUT, SOON).unwrap();
    assert_eq!(cluster.look(1).unwrap(), Look::RED_BLINK);
}
