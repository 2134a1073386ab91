//! Every fault of a simulated lamp, on every protocol, ends in the result that the table of codes
//! promises, in its time.

mod lamp_support;

use std::time::Duration;

use lamp_support::{
    Bench, LOOPBACK, done, isa_rsh, number, patlite_rsh, quick, reserved_ports, snmp, text,
};
use noroshi_core::config::{LampKind, PnsFamily};
use noroshi_core::lamp::{LampResult, Look};
use noroshi_daemon::channel::lamp::Deadlines;
use noroshi_sim::lamp::{Fault, Faults, Kind, RshDoor, SimLamp};
use noroshi_wire::lamp::Light;
use noroshi_wire::lamp::pns::Unit;

/// A protocol on both sides.
struct Pair {
    name: &'static str,
    sim: Kind,
    lamp: LampKind,
}

const NAMES: [&str; 9] = [
    "isa rsh",
    "patlite rsh",
    "isa tcp",
    "http",
    "pns nh",
    "pns lr5",
    "pns la6",
    "phn",
    "snmp",
];

fn pairs() -> Vec<Pair> {
    let door = RshDoor {
        reserved_ports_only: true,
        ..RshDoor::default()
    };
    let pns = |unit, family| (Kind::PatlitePns(unit), LampKind::PatlitePns { family });
    let community = |name: &str| name.to_string();
    let sides = [
        (Kind::IsaRsh(door.clone()), isa_rsh()),
        (Kind::PatliteRsh(door), patlite_rsh()),
        (
            Kind::IsaTcp { password: None },
            LampKind::IsaTcp { password: None },
        ),
        (Kind::PatliteHttp, LampKind::PatliteHttp),
        pns(Unit::Nh, PnsFamily::Nh),
        pns(Unit::Lr5, PnsFamily::Lr5),
        pns(Unit::La6, PnsFamily::La6),
        (Kind::PatlitePhn, LampKind::PatlitePhn),
        (
            Kind::PatliteSnmp {
                read: community("public"),
                write: community("private"),
            },
            snmp("public", "private"),
        ),
    ];
    let rsh = reserved_ports();
    let pairs = NAMES.into_iter().zip(sides);
    let pairs = pairs.map(|(name, (sim, lamp))| Pair { name, sim, lamp });
    pairs
        .filter(|pair| rsh || !pair.name.ends_with("rsh"))
        .collect()
}

async fn set_up(pair: &Pair, faults: Faults, deadlines: Deadlines) -> (SimLamp, Bench) {
    let sim = SimLamp::start(pair.sim.clone(), LOOPBACK.parse().unwrap(), faults)
        .await
        .unwrap();
    let bench = Bench::new(pair.lamp.clone(), sim.address(), deadlines);
    (sim, bench)
}

/// Message and code that `fault` must give, for a show and for a read-back.
async fn expect(fault: Fault, deadlines: Deadlines, expected: impl Fn(&str) -> [(u8, u8); 2]) {
    for pair in pairs() {
        let (_sim, mut bench) = set_up(&pair, Faults::only(fault), deadlines).await;
        let shown = bench.show(Look::RED_BLINK).await;
        let read = bench.read(Look::RED_BLINK).await;
        let found = [number(&shown), number(&read)];
        assert_eq!(
            found,
            expected(pair.name),
            "{}: {shown:?} {read:?}",
            pair.name
        );
        assert!(!text(&shown).is_empty() && !text(&read).is_empty());
    }
}

/// Rule: M3 M15 M16 M17 N12
#[tokio::test]
async fn every_protocol_shows_every_look_and_leaves_the_buzzer_alone() {
    for pair in pairs() {
        let (sim, mut bench) = set_up(&pair, Faults::NONE, Deadlines::default()).await;
        let looks = [Look::GREEN, Look::RED_BLINK, Look::OUT];
        for look in looks.into_iter().chain(Look::TEST) {
            assert_eq!(number(&bench.show(look).await), (0, 0), "{}", pair.name);
            assert_eq!(sim.look(), look, "{}", pair.name);
            assert_eq!(sim.shows().buzzer, Light::Off);
            let read = bench.read(look).await;
            let told = if pair.name == "http" {
                None
            } else {
                Some(look)
            };
            assert_eq!(read, done(told), "{}", pair.name);
        }
        assert!(!sim.received().is_empty());
    }
}

/// Rule: N14 M13
#[tokio::test]
async fn a_lamp_that_refuses_connections_fails_with_21() {
    expect(Fault::Refuse, Deadlines::default(), |_| [(7, 21); 2]).await;
}

/// Rule: N14 M13
#[tokio::test]
async fn a_black_hole_fails_with_22_or_where_nothing_connects_with_23() {
    expect(Fault::BlackHole, quick(), |name| match name {
        "snmp" => [(7, 23); 2],
        _ => [(7, 22); 2],
    })
    .await;
}

/// Rule: N14 M13
#[tokio::test]
async fn a_lamp_that_accepts_and_is_silent_fails_with_23() {
    expect(Fault::Hang, quick(), |_| [(7, 23); 2]).await;
}

/// Rule: N14 M13
#[tokio::test]
async fn a_lamp_that_closes_at_once_is_abnormal_with_4() {
    let limit = Deadlines {
        exchange: Duration::from_secs(1),
        ..Deadlines::default()
    };
    expect(Fault::Drop, limit, |name| match name {
        // There is nothing to close: it is silent.
        "snmp" => [(7, 23); 2],
        _ => [(6, 4); 2],
    })
    .await;
}

/// Rule: N14 M13
#[tokio::test]
async fn an_unknown_answer_is_abnormal_with_2() {
    expect(Fault::WrongReply, Deadlines::default(), |_| [(6, 2); 2]).await;
}

/// Rule: N14 M13
#[tokio::test]
async fn a_refusal_is_abnormal_with_1() {
    expect(Fault::Refusal, Deadlines::default(), |_| [(6, 1); 2]).await;
}

/// Rule: N14 M13
#[tokio::test]
async fn half_an_answer_is_abnormal_with_3() {
    expect(Fault::HalfReply, Deadlines::default(), |name| match name {
        // The whole answer to a set is one byte: half of it is none.
        "isa rsh" | "pns nh" | "pns lr5" | "pns la6" => [(6, 4), (6, 3)],
        // A datagram cut short is no SNMP.
        "snmp" => [(6, 2); 2],
        _ => [(6, 3); 2],
    })
    .await;
}

/// Rule: N14
#[tokio::test]
async fn a_lamp_that_lies_is_found_out_by_reading_back() {
    for pair in pairs() {
        let (sim, mut bench) = set_up(&pair, Faults::NONE, Deadlines::default()).await;
        bench.show(Look::GREEN).await;
        sim.set_faults(Faults::only(Fault::Stuck)).await.unwrap();
        assert_eq!(
            number(&bench.show(Look::RED_BLINK).await),
            (0, 0),
            "{}",
            pair.name
        );
        assert_eq!(sim.look(), Look::GREEN, "{}", pair.name);
        let told = if pair.name == "http" {
            None
        } else {
            Some(Look::GREEN)
        };
        assert_eq!(
            bench.read(Look::RED_BLINK).await,
            done(told),
            "{}",
            pair.name
        );
    }
}

/// Rule: N14
#[tokio::test]
async fn a_lamp_that_lost_power_is_found_dark_or_lit_again() {
    for pair in pairs() {
        let (sim, mut bench) = set_up(&pair, Faults::NONE, Deadlines::default()).await;
        bench.show(Look::RED_BLINK).await;
        sim.set_faults(Faults::only(Fault::Forget)).await.unwrap();
        assert_eq!(sim.look(), Look::OUT);
        let read = bench.read(Look::RED_BLINK).await;
        if pair.name == "http" {
            assert_eq!(
                (read, sim.look()),
                (done(None), Look::RED_BLINK),
                "shown again"
            );
        } else {
            assert_eq!(read, done(Some(Look::OUT)), "{}", pair.name);
        }
    }
}

/// Rule: N14
#[tokio::test]
async fn a_slow_lamp_is_waited_for_until_the_deadline_and_no_longer() {
    let slow = |delay_ms| Faults {
        fault: None,
        delay: Duration::from_millis(delay_ms),
    };
    for pair in pairs() {
        let (sim, mut bench) = set_up(&pair, slow(50), Deadlines::default()).await;
        assert_eq!(
            number(&bench.show(Look::GREEN).await),
            (0, 0),
            "{}",
            pair.name
        );
        assert_eq!(sim.look(), Look::GREEN, "{}", pair.name);
        let (_sim, mut bench) = set_up(&pair, slow(60_000), quick()).await;
        assert_eq!(
            number(&bench.show(Look::GREEN).await),
            (7, 23),
            "{}",
            pair.name
        );
    }
}

/// Rule: N14
#[tokio::test]
async fn a_lamp_that_is_mended_works_at_the_next_order() {
    for pair in pairs() {
        let (sim, mut bench) = set_up(&pair, Faults::NONE, quick()).await;
        for fault in Fault::ALL {
            sim.set_faults(Faults::only(fault)).await.unwrap();
            bench.show(Look::GREEN).await;
            sim.set_faults(Faults::NONE).await.unwrap();
            // Generous for a busy machine: here nothing may run into a limit.
            let mut patient = Bench::new(pair.lamp.clone(), sim.address(), Deadlines::default());
            let shown = patient.show(Look::RED_BLINK).await;
            assert!(
                matches!(shown, LampResult::Done { .. }),
                "{} {fault:?} {shown:?}",
                pair.name
            );
            assert_eq!(sim.look(), Look::RED_BLINK, "{} {fault:?}", pair.name);
        }
    }
}
