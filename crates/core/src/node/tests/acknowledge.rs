//! An alert is acknowledged here, and told there.

use super::*;
use crate::request::Request;

fn wish(alert: &str, remark: &str) -> Event {
    let request = Request::Acknowledge {
        alert: AlertId(alert.into()),
        by: "sato".into(),
        remark: remark.into(),
    };
    Event::Request(RequestId(9), request)
}

/// What was told to `server`.
fn told(out: &[Action], server: ServerId) -> Vec<Acknowledgement> {
    let each = out.iter().filter_map(|action| match action {
        Action::Tell(to, message) if *to == server => match &**message {
            PeerMessage::Acknowledged { acknowledgements } => Some(acknowledgements.clone()),
            _ => None,
        },
        _ => None,
    });
    each.flatten().collect()
}

/// What goes to disk.
fn kept(out: &[Action]) -> Vec<Acknowledgement> {
    let batches = out.iter().filter_map(|action| match action {
        Action::Record { items, .. } => Some(items),
        _ => None,
    });
    let items = batches.flatten().filter_map(|item| match item {
        Item::Acknowledgement(one) => Some(one.clone()),
        _ => None,
    });
    items.collect()
}

/// Rule: N24
#[test]
fn an_acknowledgement_is_answered_when_it_is_on_disk_and_the_others_are_told() {
    let (mut node, now) = one_of_three(1);
    let mut out = Vec::new();
    node.step(now, wish("a-1", "on\nmy way\u{202e}"), &mut out);
    let ours = kept(&out);
    assert_eq!((&*ours[0].by, &*ours[0].remark), ("sato", "on my way"));
    assert_eq!(told(&out, ServerId(0)), ours);
    assert_eq!(told(&out, ServerId(2)), ours);
    let is_reply = |action: &Action| matches!(action, Action::Reply(..));
    assert!(!out.iter().any(is_reply), "not before it is on disk");
    let batch = out.iter().find_map(|action| match action {
        Action::Record { batch, .. } => Some(*batch),
        _ => None,
    });
    let batch = batch.expect("it is recorded");
    for (result, refused) in [(Ok(()), false), (Err("disk full".into()), true)] {
        let (mut node, mut out) = (node.clone(), Vec::new());
        node.step(now, Event::Recorded { batch, result }, &mut out);
        let reply = out.into_iter().find_map(|action| match action {
            Action::Reply(RequestId(9), reply) => Some(reply),
            _ => None,
        });
        match reply.expect("it is answered") {
            Reply::Done => assert!(!refused),
            Reply::Refused { why } => assert!(refused && why.contains("disk full"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

/// A server that was away is told when it comes into reach, and what it knows is not written again.
///
/// Rule: N24
#[test]
fn the_last_word_holds_on_every_server() {
    let (mut first, now) = one_of_three(0);
    let (mut second, _) = one_of_three(1);
    let mut out = Vec::new();
    first.step(now, wish("a-1", "looking"), &mut out);
    out.clear();
    // The wall clock has not moved, and still the later word is the later.
    first.step(now, wish("a-1", "disk replaced"), &mut out);
    out.clear();
    first.step(now, Event::LinkUp(ServerId(1)), &mut out);
    let repeated = told(&out, ServerId(1));
    assert_eq!(repeated.len(), 1);
    assert_eq!(repeated[0].remark, "disk replaced");
    let older = Acknowledgement {
        at: now.wall,
        remark: "looking".into(),
        ..repeated[0].clone()
    };
    for (message, news) in [(&repeated[0], true), (&repeated[0], false), (&older, false)] {
        let acknowledgements = alloc::vec![message.clone()];
        let message = Box::new(PeerMessage::Acknowledged { acknowledgements });
        let mut out = Vec::new();
        second.step(now, Event::Peer(ServerId(0), message), &mut out);
        assert_eq!(!kept(&out).is_empty(), news);
        assert!(
            told(&out, ServerId(2)).is_empty(),
            "who was told tells nobody"
        );
    }
}

/// Rule: N24
#[test]
fn a_restart_forgets_no_acknowledgement_and_the_memory_is_bounded() {
    let (_, now) = one_of_three(0);
    let acknowledgements = (0..100).map(|n| Acknowledgement {
        alert: AlertId(alloc::format!("a-{n}")),
        by: "sato".into(),
        remark: String::new(),
        at: WallTime(n),
    });
    let recovered = crate::event::Recovered {
        acknowledgements: acknowledgements.collect(),
        ..Default::default()
    };
    let mut node = Node::new(now, ServerId(0), SessionId([0; 12]), config(3));
    let mut out = Vec::new();
    node.step(now, Event::Start(Box::new(recovered)), &mut out);
    node.step(now, Event::LinkUp(ServerId(1)), &mut out);
    let repeated = told(&out, ServerId(1));
    assert_eq!(repeated.len(), ACKNOWLEDGEMENTS_MAX);
    assert_eq!(repeated[ACKNOWLEDGEMENTS_MAX - 1].alert.0, "a-99");
}
