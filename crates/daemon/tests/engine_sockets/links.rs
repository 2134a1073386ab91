//! Links come up, carry messages, break at once and come back; nobody else gets one.

use crate::cluster::{Node, address, config, key, message, port};
use crate::process::{Process, skip};
use crate::relay::StreamRelay;
use noroshi_core::alert::{
    ALERT_TEXT_BYTES_MAX, Alert, AlertId, Destinations, MessageId, Severity,
};
use noroshi_core::config::{MailForm, ServerId};
use noroshi_core::event::Event;
use noroshi_core::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
use noroshi_core::peer::PeerMessage;
use noroshi_core::time::WallTime;
use noroshi_daemon::clock;
use noroshi_daemon::engine::link::{QUEUE_LINES_MAX, REPEATS_MAX};
use noroshi_daemon::engine::{Engine, EngineSetup, Gate};
use noroshi_wire::key::ClusterKey;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

fn told(text: &str) -> impl FnMut(&Event) -> Option<()> {
    let wanted = message(text);
    move |event| matches!(event, Event::Peer(_, told) if **told == wanted).then_some(())
}

/// Rule: N2
#[tokio::test]
async fn messages_go_both_ways_in_order_and_unknown_kinds_are_passed_over() {
    let config = config(10, 2, 2);
    let (mut one, mut other) = (Node::start(&config, 0), Node::start(&config, 1));
    one.wait_link(1, true).await;
    other.wait_link(0, true).await;
    let long = message("x".repeat(300_000));
    for n in 0..200 {
        one.engine.tell(ServerId(1), &message(format!("there {n}")));
        one.engine.tell(ServerId(1), &PeerMessage::Unknown);
        other
            .engine
            .tell(ServerId(0), &message(format!("back {n}")));
    }
    one.engine.tell(ServerId(1), &long);
    one.engine.tell(ServerId(1), &message("after the long one"));
    for n in 0..200 {
        let next = |event: &Event| match event {
            Event::Peer(from, message) => Some((from.0, (**message).clone())),
            _ => None,
        };
        assert_eq!(
            other.wait("a message", next).await,
            (0, message(format!("there {n}")))
        );
        assert_eq!(
            one.wait("a message", next).await,
            (1, message(format!("back {n}")))
        );
    }
    other
        .wait("after the long one", told("after the long one"))
        .await;
}

/// Rule: N2 N4
#[tokio::test]
async fn a_killed_process_is_noticed_at_once_and_dialled_again() {
    for (net, own) in [(11, 0), (12, 1)] {
        let mut node = Node::start(&config(net, 2, 2), own);
        let process = Process::start(net, 1 - own);
        node.wait_link(1 - own, true).await;
        node.wait_heard(1 - own, 0).await;
        let begun = clock::moment();
        process.signal("KILL");
        node.wait_link(1 - own, false).await;
        let took = clock::moment().since(begun);
        // Starting `kill` takes most of it.
        eprintln!("killed process noticed after {} us", took.0);
        assert!(took.as_ms() < 200, "{took}");
        drop(process);
        let _again = Process::start(net, 1 - own);
        node.wait_link(1 - own, true).await;
    }
}

/// Rule: N2
#[tokio::test]
async fn links_go_up_and_down_in_turns_and_a_dropped_one_comes_back() {
    let config = config(13, 2, 1);
    let (mut one, mut other) = (Node::start(&config, 0), Node::start(&config, 1));
    one.wait_link(1, true).await;
    other.wait_link(0, true).await;
    for round in 0..6 {
        let dropper = if round % 2 == 0 { &one } else { &other };
        dropper.engine.drop_link(ServerId(1 - round % 2));
        for (node, server) in [(&mut one, 1), (&mut other, 0)] {
            for expected in [
                Event::LinkDown(ServerId(server)),
                Event::LinkUp(ServerId(server)),
            ] {
                let told = node.wait("link", |event| match event {
                    Event::LinkUp(_) | Event::LinkDown(_) => Some(event.clone()),
                    _ => None,
                });
                assert_eq!(told.await, expected);
            }
        }
    }
}

/// Rule: N2
#[tokio::test]
async fn the_last_words_of_an_orderly_stop_arrive() {
    let config = config(14, 2, 1);
    for stopping in [0u8, 1] {
        let (one, other) = (
            Node::start(&config, stopping),
            Node::start(&config, 1 - stopping),
        );
        let (mut one, mut other) = (one, other);
        one.wait_link(1 - stopping, true).await;
        other.wait_link(stopping, true).await;
        for n in 0..500 {
            one.engine
                .tell(ServerId(1 - stopping), &message(format!("{n}")));
        }
        let begun = clock::moment();
        one.stop().await;
        assert!(
            clock::moment().since(begun).as_ms() < 450,
            "well before the deadline"
        );
        other.wait("the last words", told("499")).await;
        other.wait_link(stopping, false).await;
        other.stop().await;
    }
}

/// Rule: N2
#[tokio::test]
async fn a_new_link_of_a_server_that_lost_power_takes_the_place_of_the_old() {
    let relay = StreamRelay::start(15, port()).await;
    let mut accepting = Node::start(&relay.config_of(1), 1);
    let first_run = Node::start(&relay.config_of(0), 0);
    accepting.wait_link(0, true).await;
    first_run.stop().await;
    let events = accepting.listen(Duration::from_millis(300)).await;
    assert_eq!(events, [], "the relay keeps the end open");
    let mut second_run = Node::start(&relay.config_of(0), 0);
    accepting.wait_link(0, false).await;
    accepting.wait_link(0, true).await;
    second_run.wait_link(1, true).await;
    second_run.engine.tell(ServerId(1), &message("new"));
    accepting.wait("over the new link", told("new")).await;
}

/// Rule: N2
#[tokio::test]
async fn whoever_connects_and_dawdles_hinders_nobody() {
    let config = config(16, 3, 1);
    let mut accepting = Node::start(&config, 2);
    let to = (address(16, 0, 2), port()).into();
    let mut dawdlers: Vec<TcpStream> = Vec::new();
    for from in [address(16, 0, 0), address(16, 0, 1), address(16, 0, 99)] {
        for n in 0..40 {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.bind((from, 0).into()).expect("bind");
            let mut stream = socket.connect(to).await.expect("the kernel accepts");
            if n % 2 == 0 {
                // The first half of a TLS record; whom it closes on at once cannot take it.
                let _ = stream.write_all(&[0x16, 3, 1, 2, 0, 1]).await;
            }
            dawdlers.push(stream);
        }
    }
    let begun = clock::moment();
    let _dialling = [Node::start(&config, 0), Node::start(&config, 1)];
    let mut missing = vec![0, 1];
    while !missing.is_empty() {
        let up = |event: &Event| match event {
            Event::LinkUp(server) => Some(server.0),
            _ => None,
        };
        let server = accepting.wait("links in spite of dawdlers", up).await;
        missing.retain(|it| *it != server);
    }
    let took = clock::moment().since(begun);
    assert!(
        took.as_ms() < 1_500,
        "before the dawdlers' own deadline: {took}"
    );
    drop(dawdlers);
}

/// Rule: N2
#[tokio::test]
async fn a_queue_that_overflows_drops_the_link_and_it_comes_back() {
    let config = config(17, 2, 1);
    let gate = Gate::movable();
    let mut one = Node::start_with(&config, 0, &key(), gate.clone());
    let _other = Node::start(&config, 1);
    one.wait_link(1, true).await;
    gate.cut_all();
    for n in 0..QUEUE_LINES_MAX + 10 {
        one.engine.tell(ServerId(1), &message(format!("{n}")));
    }
    one.wait_link(1, false).await;
    assert_eq!(one.counts().queue_overflows, 1);
    gate.heal();
    one.wait_link(1, true).await;
    let big = "x".repeat(60_000);
    gate.cut_all();
    for _ in 0..20 {
        one.engine.tell(ServerId(1), &message(big.clone()));
    }
    one.wait_link(1, false).await;
    gate.heal();
    one.wait_link(1, true).await;
}

/// Rule: N2 N9
#[tokio::test]
async fn a_large_backlog_repeated_at_once_keeps_the_link_and_arrives_whole() {
    let config = config(23, 2, 1);
    let (mut one, mut other) = (Node::start(&config, 0), Node::start(&config, 1));
    one.wait_link(1, true).await;
    other.wait_link(0, true).await;
    // Each as large as can be: every character of the text is escaped in JSON.
    let record = |id: &AlertId, number: usize| NoticeRecord {
        key: NoticeKey {
            alert: id.clone(),
            channel: Channel::Mail,
            recipient: format!("ops{number}@example.com"),
        },
        form: MailForm::Long,
        state: NoticeState::Waiting,
        attempts: 3,
        possible_repeat: false,
        sender: "sv1".into(),
        reason: "応".repeat(300),
        changed: WallTime(0),
    };
    let backlog = |number: usize, recipients: usize| {
        let id = AlertId(format!("a{number}"));
        let alert = Alert {
            id: id.clone(),
            message: MessageId {
                module: "logcmd".into(),
                event: 1,
            },
            severity: Severity::Error,
            time: WallTime(0),
            server: "sv1".into(),
            about: None,
            text: "\"".repeat(ALERT_TEXT_BYTES_MAX),
            thread: None,
            destinations: Destinations::default(),
        };
        PeerMessage::Alert {
            alert,
            notices: (0..recipients).map(|at| record(&id, at)).collect(),
            repeated: true,
            confirm: false,
        }
    };
    for number in 0..REPEATS_MAX - 1 {
        one.engine.tell(ServerId(1), &backlog(number, 1));
    }
    // More recipients than any other has.
    one.engine.tell(ServerId(1), &backlog(REPEATS_MAX - 1, 100));
    one.engine.tell(ServerId(1), &message("fresh"));
    assert_eq!(one.counts().queue_overflows, 0);
    let mut missing = REPEATS_MAX;
    let mut fresh = false;
    let arrived = |event: &Event| match event {
        Event::Peer(_, message) => Some((**message).clone()),
        Event::LinkDown(_) => panic!("the link fell"),
        _ => None,
    };
    while missing > 0 || !fresh {
        match other.wait("the backlog", arrived).await {
            PeerMessage::Alert { alert, notices, .. } => {
                let number = REPEATS_MAX - missing;
                assert_eq!(alert.id.0, format!("a{number}"), "in order");
                assert_eq!(notices.len(), if missing == 1 { 100 } else { 1 });
                missing -= 1;
            }
            _ => {
                assert!(missing > REPEATS_MAX / 2, "fresh ones go first");
                fresh = true;
            }
        }
    }
}

/// The addresses of two servers mixed up: each would talk to the wrong one.
///
/// Rule: N2
#[tokio::test]
async fn a_server_other_than_the_expected_one_gets_no_link() {
    let right = config(18, 3, 1);
    let mut mixed_up = right.clone();
    let [.., two, three] = mixed_up.servers.as_mut_slice() else {
        unreachable!("three servers")
    };
    std::mem::swap(&mut two.addresses, &mut three.addresses);
    let mut mixed_up = Node::start(&mixed_up, 0);
    let (mut two, mut three) = (Node::start(&right, 1), Node::start(&right, 2));
    two.wait_link(2, true).await;
    three.wait_link(1, true).await;
    for node in [&mut two, &mut three, &mut mixed_up] {
        let events = node.listen(Duration::from_millis(400)).await;
        assert!(
            !events.iter().any(|event| matches!(event, Event::LinkUp(_))),
            "{events:?}"
        );
    }
}

/// Rule: N2
#[tokio::test]
async fn another_cluster_with_the_same_key_gets_no_link() {
    let ours = config(19, 2, 1);
    let mut theirs = ours.clone();
    theirs.cluster = "another".into();
    let (mut one, mut other) = (Node::start(&ours, 0), Node::start(&theirs, 1));
    one.wait_heard(1, 0).await;
    for node in [&mut one, &mut other] {
        let events = node.listen(Duration::from_millis(400)).await;
        assert!(
            !events.iter().any(|event| matches!(event, Event::LinkUp(_))),
            "{events:?}"
        );
    }
}

/// A real TLS client without a certificate, and with one of its own making.
///
/// Rule: N2
#[tokio::test]
async fn openssl_gets_in_neither_without_a_certificate_nor_with_its_own() {
    if Command::new("openssl").arg("version").output().is_err() {
        return skip("a real TLS client: the package openssl is needed");
    }
    let mut node = Node::start(&config(20, 2, 1), 1);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (own_key, own_certificate) = (file("key"), file("certificate"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ed25519",
            "-nodes",
            "-subj",
            "/CN=noroshi",
        ])
        .args(["-keyout", &own_key, "-out", &own_certificate])
        .output();
    assert!(made.expect("openssl ran before").status.success());
    let certificate = ["-cert", &own_certificate, "-key", &own_key];
    for credentials in [&[][..], &certificate[..]] {
        let said = s_client(credentials).await;
        assert!(
            said.contains("Server certificate"),
            "the handshake began: {said}"
        );
        assert!(said.contains("alert"), "and ended in an alert: {said}");
        assert!(!said.contains("\"cluster\""), "no greeting: {said}");
    }
    assert_eq!(node.listen(Duration::from_millis(100)).await, []);
}

async fn s_client(credentials: &[&str]) -> String {
    let to = format!("{}:{}", address(20, 0, 1), port());
    let from = format!("{}:0", address(20, 0, 0));
    let said = tokio::process::Command::new("openssl")
        .args([
            "s_client", "-connect", &to, "-bind", &from, "-tls1_3", "-ign_eof",
        ])
        .args(credentials)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("openssl ran before");
    [said.stdout, said.stderr]
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .concat()
}

/// Rule: N2
#[tokio::test]
async fn a_dialler_with_another_key_is_refused_on_both_ends() {
    let config = config(21, 2, 1);
    let mut right = Node::start(&config, 1);
    let wrong = ClusterKey::new([1; 32]);
    let mut wrong = Node::start_with(&config, 0, &wrong, Gate::open());
    for node in [&mut right, &mut wrong] {
        let refused = node.wait("the refusal", |event| match event {
            Event::Refused { why, .. } => Some(why.clone()),
            _ => None,
        });
        assert!(refused.await.contains("key"));
        assert_eq!(node.listen(Duration::from_millis(300)).await, [], "once");
    }
}

/// Rule: N2
#[tokio::test]
async fn a_taken_port_is_an_error_and_leaves_nothing_behind() {
    let config = config(22, 2, 2);
    let taken = std::net::UdpSocket::bind((address(22, 1, 0), port())).expect("free");
    let start = || {
        let (inbox, _) = tokio::sync::mpsc::channel(1);
        let (key, session) = (key(), Default::default());
        let own = ServerId(0);
        Engine::start(
            EngineSetup {
                config: &config,
                own,
                key: &key,
                session,
                gate: Gate::open(),
            },
            inbox,
        )
    };
    let error = start().err().expect("the port is taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(
        error
            .to_string()
            .contains(&format!("127.22.1.1:{}", port())),
        "{error}"
    );
    drop(taken);
    // Sockets of the first attempt close when their tasks are next looked at.
    tokio::task::yield_now().await;
    start().expect("everything is free again");
}
