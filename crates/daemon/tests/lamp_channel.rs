//! The lamp channel by itself: turns, bounds, secrets, reserved ports.

mod lamp_support;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use lamp_support::{
    Bench, LOOPBACK, done, isa_rsh, lamp, number, quick, reserved_ports, root, skip, snmp, text,
    users,
};
use noroshi_core::config::{LampId, LampKind, Secret};
use noroshi_core::lamp::{LampOrder, Look, OrderNumber};
use noroshi_daemon::channel::lamp::{
    Deadlines, LampChannel, ORDERS_MAX, SOURCE_PORTS, SOURCE_PORTS_SKIPPED,
};
use noroshi_sim::lamp::{Fault, Faults, Kind, RshDoor, SimLamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

async fn http_lamp(faults: Faults) -> SimLamp {
    SimLamp::start(Kind::PatliteHttp, LOOPBACK.parse().unwrap(), faults)
        .await
        .unwrap()
}

/// Rule: N14
#[tokio::test]
async fn orders_for_one_lamp_wait_their_turn_and_too_many_are_told() {
    let sim = http_lamp(Faults::NONE).await;
    let mut bench = Bench::new(LampKind::PatliteHttp, sim.address(), Deadlines::default());
    let looks = [
        Look::GREEN,
        Look::RED_BLINK,
        Look::OUT,
        Look::GREEN,
        Look::OUT,
        Look::OUT,
    ];
    assert!(looks.len() > ORDERS_MAX);
    for look in looks {
        bench.order(LampId(0), LampOrder::Show(look));
    }
    let mut results = Vec::new();
    for _ in looks {
        results.push(number(&bench.next().await.2));
    }
    let busy = results.iter().filter(|result| **result == (7, 30)).count();
    assert_eq!(busy, looks.len() - ORDERS_MAX, "{results:?}");
    assert_eq!(sim.received().len(), ORDERS_MAX);
    assert_eq!(
        sim.look(),
        looks[ORDERS_MAX - 1],
        "in the order in which they were given"
    );
}

/// Rule: N14
#[tokio::test]
async fn one_command_is_in_flight_also_across_new_settings() {
    let listener = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut bench = Bench::new(LampKind::PatliteHttp, at, Deadlines::default());
    bench.order(LampId(0), LampOrder::Show(Look::GREEN));
    let (mut first, _) = listener.accept().await.unwrap();
    bench
        .channel
        .replace(vec![lamp(LampKind::PatliteHttp, at)], vec![]);
    bench.order(LampId(0), LampOrder::Show(Look::OUT));
    let early = timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(
        early.is_err(),
        "a second connection while the first was not answered"
    );
    first.write_all(b"Success.").await.unwrap();
    drop(first);
    let (mut second, _) = listener.accept().await.unwrap();
    second.write_all(b"Success.").await.unwrap();
    drop(second);
    assert_eq!(number(&bench.next().await.2), (0, 0));
    assert_eq!(number(&bench.next().await.2), (0, 0));
}

/// Rule: M1 N14
#[tokio::test]
async fn a_dead_lamp_delays_no_other() {
    let dead = http_lamp(Faults::only(Fault::Hang)).await;
    let well = http_lamp(Faults::NONE).await;
    let lamps = [dead.address(), well.address()].map(|at| lamp(LampKind::PatliteHttp, at));
    let mut bench = Bench::with_lamps(lamps.to_vec(), Deadlines::default());
    bench.order(LampId(0), LampOrder::Show(Look::GREEN));
    bench.order(LampId(1), LampOrder::Show(Look::GREEN));
    let (first, _, result) = bench.next().await;
    assert_eq!((first, result), (LampId(1), done(None)));
    dead.set_faults(Faults::only(Fault::Refuse)).await.unwrap();
    assert_eq!(bench.next().await.0, LampId(0));
}

/// Rule: N14 M13
#[tokio::test]
async fn an_unknown_lamp_is_answered_too() {
    let mut bench = Bench::with_lamps(vec![], Deadlines::default());
    assert_eq!(number(&bench.show(Look::GREEN).await), (7, 28));
}

/// Rule: N14
#[tokio::test]
async fn orders_outlive_a_driver_that_is_gone() {
    let sim = http_lamp(Faults::NONE).await;
    let (inbox, events) = mpsc::channel(1);
    let channel = LampChannel::start(
        vec![lamp(LampKind::PatliteHttp, sim.address())],
        vec![],
        inbox,
    );
    drop(events);
    let mut shows = sim.watch();
    channel.order(LampId(0), OrderNumber(1), LampOrder::Show(Look::GREEN));
    drop(channel);
    let lit = timeout(Duration::from_secs(5), shows.changed()).await;
    lit.expect("an order that was given is carried out")
        .unwrap();
    assert_eq!(sim.look(), Look::GREEN);
}

/// Rule: M13
#[tokio::test]
async fn settings_that_a_protocol_cannot_carry_are_told_and_secrets_are_not() {
    let at: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let secret = "se cret";
    for kind in [
        LampKind::IsaTcp {
            password: Some(Secret::new(secret.into())),
        },
        LampKind::IsaRsh {
            users: users("root", "root"),
            password: Some(Secret::new(secret.into())),
        },
        LampKind::PatliteRsh {
            users: users("root", "seventeen-letters"),
        },
        LampKind::PatliteRsh {
            users: users("ro\not", "root"),
        },
        snmp("public", &"p".repeat(65)),
    ] {
        let mut bench = Bench::new(kind, at, Deadlines::default());
        let result = bench.show(Look::GREEN).await;
        assert_eq!(number(&result), (7, 28), "{result:?}");
        assert!(!text(&result).contains(secret) && !text(&result).contains("ppp"));
    }
}

/// Rule: N13
#[tokio::test]
async fn rsh_comes_from_a_reserved_port_and_lets_the_lamp_close_first() {
    if !reserved_ports() {
        return;
    }
    for at in [LOOPBACK, "[::1]:0"] {
        let listener = tokio::net::TcpListener::bind(at).await.unwrap();
        let at = listener.local_addr().unwrap();
        let mut bench = Bench::new(isa_rsh(), at, Deadlines::default());
        for _ in 0..5 {
            bench.order(LampId(0), LampOrder::Show(Look::GREEN));
            let (mut stream, peer) = listener.accept().await.unwrap();
            assert!(SOURCE_PORTS.contains(&peer.port()), "{peer}");
            assert!(!SOURCE_PORTS_SKIPPED.contains(&peer.port()), "{peer}");
            let mut request = [0; 26];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(&request, b"0\0root\0root\0ACOP 001xxxxx\0");
            stream.write_all(b"\0").await.unwrap();
            stream.shutdown().await.unwrap();
            assert_eq!(
                stream.read(&mut request).await.unwrap(),
                0,
                "then the client closes"
            );
            assert_eq!(number(&bench.next().await.2), (0, 0));
        }
        // 06 is TIME_WAIT.
        let waiting = reserved_ports_to(at.port(), |state| state == "06");
        assert_eq!(waiting, 0, "no port is left waiting");
    }
}

/// A lamp that never closes must not cost a reserved port for a minute at each try.
///
/// Rule: N13 N14
#[tokio::test]
async fn rsh_to_a_lamp_that_hangs_gives_its_port_back() {
    if !reserved_ports() {
        return;
    }
    let door = RshDoor {
        reserved_ports_only: true,
        ..RshDoor::default()
    };
    let at = LOOPBACK.parse().unwrap();
    let faults = Faults::only(Fault::Hang);
    let sim = SimLamp::start(Kind::IsaRsh(door), at, faults)
        .await
        .unwrap();
    let mut bench = Bench::new(isa_rsh(), sim.address(), quick());
    assert_eq!(number(&bench.show(Look::GREEN).await), (7, 23));
    assert_eq!(reserved_ports_to(sim.address().port(), |_| true), 0);
}

/// A lamp that repeats what it was told, as a shell or a debug mode might.
///
/// Rule: M13 N12
#[tokio::test]
async fn a_password_that_the_lamp_repeats_is_not_told() {
    let listener = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
    let kind = LampKind::IsaTcp {
        password: Some(Secret::new("DN1500".into())),
    };
    let at = listener.local_addr().unwrap();
    let mut bench = Bench::new(kind, at, Deadlines::default());
    let echo = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut line = [0; 64];
            let count = stream.read(&mut line).await.unwrap();
            assert!(String::from_utf8_lossy(&line[..count]).contains("DN1500"));
            stream.write_all(&line[..count]).await.unwrap();
        }
    };
    let result = tokio::select! {
        result = bench.show(Look::GREEN) => result,
        () = echo => unreachable!("it accepts for ever"),
    };
    assert_eq!(number(&result), (6, 2), "{result:?}");
    assert!(!text(&result).contains("DN1500"), "{result:?}");
}

/// Sockets from a reserved port of ours to this port, whose state in proc(5)'s numbers counts.
fn reserved_ports_to(to: u16, counts: impl Fn(&str) -> bool) -> usize {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let text: String = tables
        .iter()
        .map(|table| std::fs::read_to_string(table).unwrap())
        .collect();
    let port = |word: &str| u16::from_str_radix(word.rsplit(':').next().unwrap(), 16).unwrap_or(0);
    let waiting = text.lines().filter(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        counts(words[3]) && SOURCE_PORTS.contains(&port(words[1])) && port(words[2]) == to
    });
    waiting.count()
}

/// Rule: N13 M13
#[tokio::test]
async fn rsh_without_the_right_to_reserved_ports_names_the_capability() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    if !root() {
        skip("dropping a capability needs root");
        return;
    }
    // Capabilities are each thread's own, and this test runs on one.
    let mut sets = capabilities(None).unwrap();
    sets.effective.remove(CapabilitySet::NET_BIND_SERVICE);
    set_capabilities(None, sets).unwrap();
    let mut bench = Bench::new(
        isa_rsh(),
        "127.0.0.1:9".parse().unwrap(),
        Deadlines::default(),
    );
    let result = bench.show(Look::GREEN).await;
    assert_eq!(number(&result), (7, 25));
    assert!(text(&result).contains("CAP_NET_BIND_SERVICE"), "{result:?}");
}

/// In a network namespace of its own, because it takes every reserved port.
///
/// Rule: N13 M13
#[test]
fn rsh_without_a_free_port_says_so() {
    const INSIDE: &str = "NOROSHI_TEST_INSIDE_NAMESPACE";
    if std::env::var_os(INSIDE).is_none() {
        if !root() {
            skip("a network namespace needs root");
            return;
        }
        let output = std::process::Command::new("unshare")
            .arg("--net")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "rsh_without_a_free_port_says_so"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{output:?}"
        );
        return;
    }
    let taken: Vec<TcpListener> = SOURCE_PORTS
        .map(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap())
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let at = "127.0.0.1:9".parse().unwrap();
        let mut bench = Bench::new(isa_rsh(), at, Deadlines::default());
        assert_eq!(number(&bench.show(Look::GREEN).await), (7, 24));
    });
    drop(taken);
}

/// Rule: N12 N13
#[tokio::test]
async fn a_password_is_sent_where_one_is_set() {
    let door = RshDoor {
        password: Some("DN1500".into()),
        ..RshDoor::default()
    };
    let kinds = [
        (
            Kind::IsaTcp {
                password: door.password.clone(),
            },
            false,
        ),
        (Kind::IsaRsh(door), true),
    ];
    for (sim, over_rsh) in kinds {
        if over_rsh && !reserved_ports() {
            continue;
        }
        let at = LOOPBACK.parse().unwrap();
        let sim = SimLamp::start(sim, at, Faults::NONE).await.unwrap();
        for (password, expected) in [
            (Some("DN1500"), (0, 0)),
            (Some("no"), (6, 1)),
            (None, (6, 1)),
        ] {
            let password = password.map(|password| Secret::new(password.into()));
            let kind = match over_rsh {
                true => LampKind::IsaRsh {
                    users: users("root", "root"),
                    password,
                },
                false => LampKind::IsaTcp { password },
            };
            let mut bench = Bench::new(kind, sim.address(), Deadlines::default());
            assert_eq!(number(&bench.show(Look::GREEN).await), expected);
        }
        assert!(
            !sim.received().concat().contains("DN1500"),
            "passwords are not recorded"
        );
    }
}
