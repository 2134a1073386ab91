//! A push as the server that was asked for it lives it, and the settings that it brings.

use super::*;
use crate::config::Config;
use crate::request::{Reply, Request, RequestId};
use crate::set::SetLabel;
use crate::text::Language;

const DIGEST: &str = "d1";
const PUSH: RequestId = RequestId(7);

fn agree(node: &mut Node, now: Now, server: u8) -> Vec<Action> {
    let mut out = Vec::new();
    let vote = PeerMessage::SetVote {
        digest: DIGEST.into(),
        refusal: None,
    };
    node.step(now, Event::Peer(ServerId(server), Box::new(vote)), &mut out);
    out
}

/// The first of three, whose push both others have agreed to: what it is to put in force.
fn committed() -> (Node, Now, SetLabel) {
    let (mut node, now) = one_of_three(0);
    let request = Request::Push {
        base: None,
        digest: DIGEST.into(),
        by: "root".into(),
    };
    node.step(now, Event::Request(PUSH, request), &mut Vec::new());
    agree(&mut node, now, 1);
    let label = adopted(&agree(&mut node, now, 2));
    (node, now, label)
}

fn adopted(out: &[Action]) -> SetLabel {
    let label = out.iter().find_map(|action| match action {
        Action::AdoptSet(label) => Some(label.clone()),
        _ => None,
    });
    label.expect("the push is committed")
}

fn take(node: &mut Node, now: Now, label: SetLabel, config: Config) -> Vec<Action> {
    let mut out = Vec::new();
    let config = Ok(Box::new(config));
    node.step(now, Event::Adopted { label, config }, &mut out);
    out
}

fn reply(out: &[Action]) -> Option<&Reply> {
    out.iter().find_map(|action| match action {
        Action::Reply(PUSH, reply) => Some(reply),
        _ => None,
    })
}

/// A disk that fills up between vote and commit: that server is up, and is not "back" some day.
///
/// Rule: N17
#[test]
fn a_living_server_that_agreed_and_does_not_take_it_is_told_apart_from_one_that_is_away() {
    let (mut node, mut now, label) = committed();
    let mut out = take(&mut node, now, label.clone(), config(3));
    let message = PeerMessage::SetInForce { label };
    node.step(now, Event::Peer(ServerId(1), Box::new(message)), &mut out);
    // sv3 goes on beating.
    for _ in 0..40 {
        now.at = now.at + Span::from_ms(100);
        for from in [1, 2] {
            let heard = Heard {
                from: ServerId(from),
                path: crate::config::InterconnectId(0),
                session: SessionId([from; 12]),
                phase: Phase::Running,
                missed: 0,
                config_digest: 0,
            };
            node.step(now, Event::Heard(heard), &mut out);
        }
    }
    let expected = Reply::Pushed {
        number: 1,
        servers: alloc::vec!["sv1".into(), "sv2".into()],
        later: Vec::new(),
        silent: alloc::vec!["sv3".into()],
    };
    assert_eq!(reply(&out), Some(&expected));
}

/// The first status after a push said that all others had other settings, until their next heartbeat.
///
/// Rule: N17
#[test]
fn new_settings_are_in_a_heartbeat_at_once() {
    let (mut node, now, label) = committed();
    let out = take(&mut node, now, label, config(3));
    let at = |wanted: fn(&Action) -> bool| out.iter().position(wanted);
    let taken = at(|action| matches!(action, Action::Reconfigure(_)));
    let beat = at(|action| matches!(action, Action::Beat(_)));
    assert!(taken.is_some() && beat > taken, "{out:#?}");
}

/// A set that changes the language: its alert mixed both.
///
/// Rule: N17
#[test]
fn that_a_set_was_taken_is_told_in_one_language() {
    let (mut node, now, label) = committed();
    let mut config = config(3);
    config.language = Language::Ja;
    let out = take(&mut node, now, label, config);
    let text = out.iter().find_map(|action| match action {
        Action::Tell(_, message) => match &**message {
            PeerMessage::Alert { alert, .. } => Some(alert.text.clone()),
            _ => None,
        },
        _ => None,
    });
    let text = text.expect("it is told");
    assert!(text.contains("配布") && !text.contains("pushed"), "{text}");
}

fn label(number: u64, digest: &str) -> SetLabel {
    SetLabel {
        number,
        digest: digest.into(),
        ..SetLabel::default()
    }
}

/// Story: a server heard of another side's set while it put its own in force, and nobody ever spoke of
/// the difference.
///
/// Rule: N17
#[test]
fn a_difference_that_is_heard_of_while_a_set_is_taken_is_told_afterwards() {
    let (mut node, now) = one_of_three(0);
    let mut out = Vec::new();
    let in_force = |number, digest| PeerMessage::SetInForce {
        label: label(number, digest),
    };
    let heard = |from, message| Event::Peer(ServerId(from), Box::new(message));
    node.step(now, heard(1, in_force(1, "a")), &mut out);
    let fetched = Event::Staged {
        label: label(1, "a"),
        result: Ok(()),
    };
    node.step(now, fetched, &mut out);
    node.step(now, heard(2, in_force(3, "b")), &mut out);
    out.clear();
    let adopted = Event::Adopted {
        label: label(1, "a"),
        config: Ok(Box::new(config(3))),
    };
    node.step(now, adopted, &mut out);
    let differ = |action: &Action| match action {
        Action::Tell(_, message) => match &**message {
            PeerMessage::Alert { alert, .. } => {
                (alert.message.module.as_str(), alert.message.event) == ("cfmgr", 1001)
            }
            _ => false,
        },
        _ => false,
    };
    assert!(out.iter().any(differ), "{out:#?}");
}

/// What sv1 answers at once to a push that was made from `base`; `None` when it offers the set to the others.
fn push_from(node: &mut Node, now: Now, base: Option<&str>) -> Option<Reply> {
    let request = Request::Push {
        digest: "mine".into(),
        by: "second".into(),
        base: base.map(Into::into),
    };
    let mut out = Vec::new();
    node.step(now, Event::Request(PUSH, request), &mut out);
    reply(&out).cloned()
}

/// Story: two administrators on two servers; the one whose push came a moment later took the other's change
/// back unseen.
///
/// Rule: N17 M32
#[test]
fn a_push_made_from_another_set_than_the_one_in_force_is_not_begun() {
    let (mut node, now, taken) = committed();
    take(&mut node, now, taken.clone(), config(3));
    for other in [1, 2] {
        let label = taken.clone();
        let message = Box::new(PeerMessage::SetInForce { label });
        let event = Event::Peer(ServerId(other), message);
        node.step(now, event, &mut Vec::new());
    }
    for base in ["", "older"] {
        match push_from(&mut node, now, Some(base)) {
            Some(Reply::Overtaken { number: 1, why }) => assert!(why.contains("root"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    // Made from it, or by hand.
    for base in [Some(DIGEST), None] {
        assert_eq!(push_from(&mut node.clone(), now, base), None);
    }
}

/// A later set that cannot be taken here is in force all the same: what was made without it waits.
///
/// Rule: N17 M32
#[test]
fn a_later_set_of_a_living_server_is_not_replaced_unseen_and_a_split_can_be_ended() {
    let (mut node, now) = one_of_three(0);
    let said = |node: &mut Node, label: SetLabel| {
        let message = Box::new(PeerMessage::SetInForce { label });
        let event = Event::Peer(ServerId(1), message);
        node.step(now, event, &mut Vec::new());
    };
    let mut later = node.clone();
    said(&mut later, label(1, "later"));
    let trouble = crate::set::SetTrouble::NotFetched;
    let event = Event::Staged {
        label: label(1, "later"),
        result: Err(trouble),
    };
    later.step(now, event, &mut Vec::new());
    match push_from(&mut later, now, Some("")) {
        Some(Reply::Refused { why }) => assert!(why.contains("sv2 has set 1"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(push_from(&mut later, now, None), None);
    // The other side of a cut has pushed, too.
    node.sets.in_force = label(1, "ours");
    said(&mut node, label(1, "theirs"));
    assert_eq!(push_from(&mut node, now, Some("ours")), None);
}
