//! Heartbeats are heard on every interconnect, once, and only with the cluster's key.

use crate::cluster::{Node, address, config, heard, key, port, with_addresses};
use crate::process;
use crate::relay::DatagramRelay;
use noroshi_core::event::{Event, Phase};
use noroshi_daemon::engine::Gate;
use noroshi_wire::heartbeat::{Beat, Header, Sealer, State};
use noroshi_wire::key::ClusterKey;
use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

/// Rule: N2 N6
#[tokio::test]
async fn three_servers_hear_each_other_over_two_interconnects() {
    let config = config(1, 3, 2);
    let mut nodes: Vec<_> = (0..3).map(|own| Node::start(&config, own)).collect();
    let sessions: Vec<_> = nodes.iter().map(|node| node.session).collect();
    for (own, node) in nodes.iter_mut().enumerate() {
        for from in (0..3u8).filter(|from| usize::from(*from) != own) {
            for path in 0..2 {
                let heard = node.wait_heard(from, path).await;
                assert_eq!(heard.session, sessions[usize::from(from)]);
                assert_eq!(heard.config_digest, 0xfeed);
                assert_eq!(heard.phase, Phase::Running);
            }
        }
    }
    nodes[0].engine.beat(Phase::Shutdown);
    let phase = nodes[1]
        .wait("the last words", |event| match event {
            Event::Heard(heard) if heard.from.0 == 0 && heard.phase != Phase::Running => {
                Some(heard.phase)
            }
            _ => None,
        })
        .await;
    assert_eq!(phase, Phase::Shutdown);
}

/// Rule: N2
#[tokio::test]
async fn two_servers_hear_each_other_within_an_interval_or_two_of_the_later_start() {
    let config = config(2, 2, 2);
    let mut one = Node::start(&config, 0);
    let _ = one.listen(Duration::from_millis(120)).await;
    let mut other = Node::start(&config, 1);
    let begun = noroshi_daemon::clock::moment();
    other.wait_heard(0, 0).await;
    one.wait_heard(1, 0).await;
    let took = noroshi_daemon::clock::moment().since(begun);
    // Two intervals, and ten more for a busy machine.
    assert!(took.as_ms() < 600, "{took}");
}

/// Rule: N6
#[test]
fn servers_hear_each_other_over_ipv6() {
    process::in_namespace(
        &[
            "ip addr add fd00:1::1 dev lo",
            "ip addr add fd00:1::2 dev lo",
        ],
        "ipv6",
    );
}

/// Part of the test above, inside the namespace.
pub(crate) async fn ipv6() {
    let config = with_addresses(2, 1, |server, _| {
        IpAddr::from([0xfd00, 1, 0, 0, 0, 0, 0, u16::from(server) + 1])
    });
    let (mut one, mut other) = (Node::start(&config, 0), Node::start(&config, 1));
    one.wait_heard(1, 0).await;
    other.wait_heard(0, 0).await;
    one.wait_link(1, true).await;
    let stranger = UdpSocket::bind("[::1]:0").expect("a socket");
    let before = other.counts();
    for _ in 0..100 {
        stranger
            .send_to(&[0; 77], "[fd00:1::2]:29003")
            .expect("sent");
    }
    let _ = other.listen(Duration::from_millis(100)).await;
    assert_eq!(
        other.counts().malformed,
        before.malformed,
        "the kernel's filter knows IPv6"
    );
}

/// Rule: N2
#[tokio::test]
async fn a_server_with_another_key_is_neither_heard_nor_linked() {
    let config = config(3, 3, 1);
    let mut right = Node::start(&config, 0);
    let mut also_right = Node::start(&config, 1);
    let mut wrong = Node::start_with(&config, 2, &ClusterKey::new([43; 32]), Gate::open());
    right.wait_link(1, true).await;
    also_right.wait_link(0, true).await;
    for node in [&mut right, &mut also_right] {
        let events = node.listen(Duration::from_millis(700)).await;
        assert_eq!(
            heard(&events).iter().filter(|(from, _)| *from == 2).count(),
            0
        );
        assert!(!heard(&events).is_empty());
        assert!(
            !events.iter().any(|event| matches!(event, Event::LinkUp(_))),
            "{events:?}"
        );
        assert!(node.counts().forged > 0);
    }
    let told = std::iter::from_fn(|| wrong.inbox.try_recv().ok());
    let refused =
        |event: &Event| matches!(event, Event::Refused { why, .. } if why.contains("key"));
    let told: Vec<Event> = told.collect();
    assert!(!told.is_empty() && told.iter().all(refused), "{told:?}");
}

/// Rule: N2
#[tokio::test]
async fn recorded_heartbeats_are_never_heard_again_not_even_after_a_restart() {
    let relay = DatagramRelay::start(4, port());
    let mut receiver = Node::start(&relay.config_of(1), 1);
    let mut first_run = Node::start(&relay.config_of(0), 0);
    let first_session = first_run.session;
    receiver.wait_heard(0, 0).await;
    first_run.wait_heard(1, 0).await;
    let _ = receiver.listen(Duration::from_millis(500)).await;
    first_run.end().await;
    let _ = receiver.listen(Duration::from_millis(200)).await;

    let before = receiver.counts();
    relay.replay();
    let events = receiver.listen(Duration::from_millis(200)).await;
    assert_eq!(heard(&events), BTreeSet::new(), "in the same session");
    assert!(receiver.counts().replayed > before.replayed);

    // Our own restart forgets every session; the recording is of a run that nobody can prove.
    receiver.end().await;
    let mut receiver = Node::start(&relay.config_of(1), 1);
    relay.replay();
    let events = receiver.listen(Duration::from_millis(300)).await;
    assert_eq!(heard(&events), BTreeSet::new(), "after our restart");
    assert!(receiver.counts().unproven > 0, "{:?}", receiver.counts());

    let second_run = Node::start(&relay.config_of(0), 0);
    receiver.wait_heard(0, 0).await;
    for _ in 0..3 {
        relay.replay_of(first_session);
        for event in receiver.listen(Duration::from_millis(200)).await {
            if let Event::Heard(heard) = event {
                assert_eq!(heard.session, second_run.session);
            }
        }
    }
    assert!(!heard(&receiver.listen(Duration::from_millis(300)).await).is_empty());
}

/// Rule: N2
#[tokio::test]
async fn garbage_from_a_servers_address_changes_nothing() {
    let config = config(5, 2, 1);
    let mut node = Node::start(&config, 0);
    let _other = Node::start(&config, 1);
    node.wait_heard(1, 0).await;
    let liar = UdpSocket::bind((address(5, 0, 1), 0)).expect("another port of the same address");
    let header = Header {
        sender: 1,
        to: 0,
        interconnect: 0,
        session: [9; 12],
        counter: 1,
    };
    let beat = Beat {
        echo: None,
        state: State::Leaving,
        config_digest: 0,
        sent_ms: 0,
        loss_permille: 0,
    };
    let sealer = Sealer::new(&key());
    let mut garbage = vec![vec![], vec![0; 77], b"NRSI".to_vec(), vec![0xff; 1_400]];
    for change in [
        Header { to: 1, ..header },
        Header {
            sender: 0,
            ..header
        },
        Header {
            sender: 31,
            ..header
        },
        Header {
            interconnect: 1,
            ..header
        },
    ] {
        garbage.push(sealer.seal(&change, &beat));
    }
    let good = sealer.seal(&header, &beat);
    garbage.extend((0..good.len()).map(|at| {
        let mut bent = good.clone();
        bent[at] ^= 1;
        bent
    }));
    garbage.extend((0..good.len()).map(|at| good[..at].to_vec()));
    for datagram in &garbage {
        liar.send_to(datagram, (address(5, 0, 0), port()))
            .expect("sent");
    }
    let events = node.listen(Duration::from_millis(300)).await;
    assert!(events.iter().all(|event| match event {
        Event::Heard(heard) => heard.phase == Phase::Running && heard.session != Default::default(),
        _ => true,
    }));
    assert!(!heard(&events).is_empty());
    let counts = node.counts();
    assert!(
        counts.malformed > 80 && counts.forged > 0 && counts.strangers > 0,
        "{counts:?}"
    );
}

/// What is lost on one interconnect is told there and nowhere else.
///
/// Rule: N4
#[tokio::test]
async fn loss_is_told_for_the_interconnect_on_which_it_happens() {
    let config = config(6, 2, 2);
    let gate = Gate::movable();
    let mut node = Node::start(&config, 0);
    let other = Node::start_with(&config, 1, &key(), gate.clone());
    node.wait_heard(1, 1).await;
    node.wait_heard(1, 0).await;
    gate.cut(address(6, 0, 0));
    let _ = node.listen(Duration::from_millis(300)).await;
    gate.heal();
    let missed = |told: &Event, path: u8| match told {
        Event::Heard(heard) if heard.path.0 == path && heard.missed > 0 => Some(heard.missed),
        _ => None,
    };
    let mut elsewhere = 0;
    let lost = node
        .wait("the gap", |event| {
            elsewhere += missed(event, 1).unwrap_or(0);
            missed(event, 0)
        })
        .await;
    assert!(
        (2..=8).contains(&lost) && elsewhere == 0,
        "{lost} {elsewhere}"
    );
    drop(other);
}
