//! Corosync stopped by a person: one fact for the whole cluster, and no mail; anything else is mailed as before.

use super::*;
use crate::alert::{Alert, Message, row};
use crate::config::Engine;
use crate::event::FromPacemaker;
use crate::membership::ring::{Blindness, Ring, View};
use alloc::vec;

fn later(now: Now, ms: u64) -> Now {
    Now {
        at: now.at + Span::from_ms(ms),
        wall: WallTime(now.wall.0 + i64::try_from(ms).unwrap()),
    }
}

fn set(of: &[u8]) -> Servers {
    let ids = of.iter().map(|id| ServerId(*id));
    ids.fold(Servers::default(), Servers::with)
}

fn view(ring: u64, of: &[u8], ended: &[u8]) -> Event {
    let group: Vec<u8> = of
        .iter()
        .copied()
        .filter(|id| !ended.contains(id))
        .collect();
    Event::Ring(Ring::View(View {
        ring,
        quorate: true,
        nodes: set(of),
        group: set(&group),
        ended: set(ended),
        detects_in: Span::from_ms(2_200),
        ..View::default()
    }))
}

/// One of three servers in a ring that has settled, all of them heard.
fn in_ring(own: u8) -> (Node, Now) {
    let now = Now {
        at: Moment(1_000_000),
        wall: WallTime(1_000),
    };
    let mut settings = config(3);
    settings.engine = Engine::Corosync;
    let session = SessionId([own; 12]);
    let mut node = Node::new(now, ServerId(own), session, settings);
    let mut out = Vec::new();
    node.step(now, Event::Start(Box::default()), &mut out);
    node.step(now, view(1, &[0, 1, 2], &[]), &mut out);
    let others = || (0..3).filter(|id| *id != own);
    for from in others() {
        node.step(now, heard(from), &mut out);
        node.step(now, Event::LinkUp(ServerId(from)), &mut out);
    }
    let now = later(now, 20_000);
    for from in others() {
        node.step(now, heard(from), &mut out);
    }
    for batch in 0..8 {
        let result = Ok(());
        node.step(now, Event::Recorded { batch, result }, &mut out);
    }
    (node, now)
}

fn heard(from: u8) -> Event {
    Event::Heard(Heard {
        from: ServerId(from),
        path: crate::config::InterconnectId(0),
        session: SessionId([from; 12]),
        phase: Phase::Running,
        missed: 0,
        config_digest: 0,
    })
}

fn alerts(out: &[Action]) -> Vec<Alert> {
    let items = out.iter().filter_map(|action| match action {
        Action::Record { items, .. } => Some(items),
        _ => None,
    });
    let alerts = items.flatten().filter_map(|item| match item {
        Item::Alert { alert, .. } => Some((**alert).clone()),
        _ => None,
    });
    let of_ring = |alert: &Alert| {
        let ids = [
            Message::RingLeft,
            Message::RingRejoined,
            Message::RingBlind,
            Message::RingSees,
        ];
        ids.iter()
            .any(|message| row(*message).id() == alert.message)
    };
    alerts.filter(of_ring).collect()
}

/// What is put on disk when these events come, a moment after each other.
fn told(node: &mut Node, now: Now, events: Vec<Event>) -> Vec<Alert> {
    let mut out = Vec::new();
    for (at, event) in events.into_iter().enumerate() {
        node.step(later(now, at as u64 * 10), event, &mut out);
    }
    node.step(later(now, 3_500), Event::Tick, &mut out);
    for batch in 8..40 {
        let result = Ok(());
        node.step(
            later(now, 3_500),
            Event::Recorded { batch, result },
            &mut out,
        );
    }
    alerts(&out)
}

/// Each of the others sees it, and the server itself is told: one record with who has seen it, and no mail.
///
/// Rule: N3 N9 M10
#[test]
fn a_person_who_stops_corosync_on_one_server_makes_one_record_and_no_mail() {
    let mut seen = Vec::new();
    for own in [0, 1] {
        let (mut node, now) = in_ring(own);
        let stop = vec![view(1, &[0, 1, 2], &[2]), view(2, &[0, 1], &[])];
        let mut left = told(&mut node, now, stop);
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(!left[0].destinations.mail, "{left:?}");
        assert!(left[0].text.contains("Seen by: sv1, sv2."), "{left:?}");
        seen.extend(left.pop());
    }
    assert_eq!(seen[0].id, seen[1].id);
    let word = |repeated| {
        let message = PeerMessage::Alert {
            alert: seen[0].clone(),
            notices: Vec::new(),
            repeated,
            confirm: false,
        };
        Event::Peer(ServerId(0), Box::new(message))
    };
    let blind = |why| Event::Ring(Ring::Blind(why));
    let (mut node, now) = in_ring(2);
    let itself = told(
        &mut node,
        now,
        vec![blind(Blindness::NotRunning), word(false)],
    );
    assert_eq!(itself.len(), 1, "{itself:?}");
    assert_eq!(itself[0].id, seen[0].id);
    assert!(node.status(later(now, 4_000)).blind.is_some());
    // Its return is the others' to tell, too.
    let back = told(&mut node, later(now, 9_000), vec![view(3, &[0, 1, 2], &[])]);
    assert_eq!(back, []);
    // Without their word, with an old one, or for another reason it is a fault.
    for (before, events) in [
        (vec![], vec![blind(Blindness::NotRunning)]),
        (
            vec![word(true)],
            vec![blind(Blindness::NotRunning), word(true)],
        ),
        (vec![], vec![blind(Blindness::Hangs), word(false)]),
    ] {
        let (mut node, now) = in_ring(2);
        told(&mut node, now, before);
        let now = later(now, 20_000);
        let told = told(&mut node, now, events);
        let mailed = told.iter().filter(|alert| alert.destinations.mail);
        assert_eq!(mailed.count(), 1, "{told:?}");
    }
}

/// Two stops of one run are two facts, or the second would not be told.
///
/// Rule: N3 N9
#[test]
fn each_stop_of_corosync_is_a_fact_of_its_own() {
    let (mut node, mut now) = in_ring(0);
    let mut ids = BTreeSet::new();
    for ring in [2, 4] {
        let stop = vec![view(ring - 1, &[0, 1, 2], &[2]), view(ring, &[0, 1], &[])];
        let left = told(&mut node, now, stop);
        assert_eq!(left.len(), 1, "{left:?}");
        now = later(now, 30_000);
        let back = vec![view(ring + 1, &[0, 1, 2], &[]), heard(2)];
        let back = told(&mut node, now, back);
        assert_eq!(back.len(), 1, "{back:?}");
        assert_eq!(back[0].thread.as_ref(), Some(&left[0].id));
        ids.extend([left[0].id.clone(), back[0].id.clone()]);
        now = later(now, 30_000);
    }
    assert_eq!(ids.len(), 4);
}

/// Pacemaker may be gone everywhere before anybody has looked; the last server was still told how the others left.
///
/// Rule: M18 N3 N9
#[test]
fn the_last_server_of_a_cluster_that_a_person_stops_tells_the_shutdown() {
    let begins = || Event::Pacemaker(Box::new(FromPacemaker::Begins));
    let stops = |out: &[Action]| {
        let new = out.iter().filter(|action| match action {
            Action::Record { items, .. } => items.iter().any(|item| match item {
                Item::Alert { alert, .. } => {
                    alert.message == row(Message::ClusterStops).id() && !alert.destinations.mail
                }
                _ => false,
            }),
            _ => false,
        });
        new.count()
    };
    for (gap_ms, others, shutdown) in [(4_000, 2, true), (70_000, 2, false), (4_000, 1, false)] {
        let (mut node, now) = in_ring(2);
        let mut out = Vec::new();
        node.step(now, begins(), &mut out);
        let stop = [
            view(1, &[0, 1, 2], &[0]),
            view(2, &[1, 2], &[]),
            view(2, &[1, 2], &[1]),
            view(3, &[2], &[]),
        ];
        told(&mut node, now, stop[..2 * others].to_vec());
        let now = later(now, gap_ms);
        node.step(
            now,
            Event::Ring(Ring::Blind(Blindness::NotRunning)),
            &mut out,
        );
        node.step(later(now, 3_500), Event::Tick, &mut out);
        node.step(later(now, 3_600), Event::Tick, &mut out);
        assert_eq!(stops(&out), usize::from(shutdown), "{gap_ms} {others}");
        let blind = alerts(&out);
        let mails = blind.iter().filter(|alert| alert.destinations.mail);
        assert_eq!(mails.count() == 0, shutdown, "{gap_ms} {others}: {blind:?}");
    }
}
