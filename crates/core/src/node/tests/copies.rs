//! Who raised an alert hears that it is on two disks, or that it is not.

use super::*;
use crate::alert::{Destinations, MessageId, Severity};
use crate::node::copies::{OWN_WAIT, SECOND_WAIT};
use crate::request::Request;

const ASKED: RequestId = RequestId(7);

fn raise(text: &str) -> Event {
    let request = Request::Raise {
        message: MessageId {
            module: "logcmd".into(),
            event: 1,
        },
        severity: Severity::Error,
        text: text.into(),
        destinations: Some(Destinations {
            mail: true,
            ..Destinations::default()
        }),
    };
    Event::Request(ASKED, request)
}

fn recorded(out: &[Action]) -> Event {
    let batch = out.iter().find_map(|action| match action {
        Action::Record { batch, .. } => Some(*batch),
        _ => None,
    });
    Event::Recorded {
        batch: batch.expect("it is recorded"),
        result: Ok(()),
    }
}

/// What was told to `server` of a new alert: it, and whether its word is wanted.
fn told(out: &[Action], server: ServerId) -> Option<(PeerMessage, bool)> {
    out.iter().find_map(|action| match action {
        Action::Tell(to, message) if *to == server => match &**message {
            PeerMessage::Alert { confirm, .. } => Some(((**message).clone(), *confirm)),
            _ => None,
        },
        _ => None,
    })
}

/// Whether it was accepted, and as known to another server.
fn answer(out: &[Action]) -> Option<bool> {
    out.iter().find_map(|action| match action {
        Action::Reply(
            ASKED,
            Reply::Accepted {
                durable,
                replicated,
                ..
            },
        ) => {
            assert!(durable);
            Some(*replicated)
        }
        _ => None,
    })
}

fn sends(out: &[Action]) -> bool {
    let is_send = |action: &Action| matches!(action, Action::Send(_));
    out.iter().any(is_send)
}

/// sv1 of three, both links standing, has an alert raised; its own disk has it, and the mail has left.
fn raised(links: &[u8]) -> (Node, Now, Vec<Action>) {
    let (mut node, mut now) = one_of_three(0);
    let mut out = Vec::new();
    for server in links {
        node.step(now, Event::LinkUp(ServerId(*server)), &mut out);
    }
    // Past the start, in which it settles.
    now.at = now.at + Span::from_ms(1);
    out.clear();
    node.step(now, raise("disk is full"), &mut out);
    let on_disk = recorded(&out);
    let mut later = Vec::new();
    node.step(now, on_disk, &mut later);
    assert!(sends(&later), "the notice waits for nobody: {later:?}");
    out.extend(later);
    (node, now, out)
}

/// Rule: N7 N8
#[test]
fn the_answer_waits_for_a_second_disk_and_the_notice_does_not() {
    let (mut node, now, mut out) = raised(&[1, 2]);
    assert_eq!(answer(&out), None, "nobody else has it yet");
    // The other end: its word comes when its own disk has the alert.
    let (mut other, other_now) = one_of_three(1);
    let (message, wanted) = told(&out, ServerId(1)).expect("told at once");
    assert!(wanted);
    let mut theirs = Vec::new();
    let heard = Event::Peer(ServerId(0), Box::new(message));
    other.step(other_now, heard, &mut theirs);
    let word = |out: &[Action]| {
        out.iter().find_map(|action| match action {
            Action::Tell(ServerId(0), message) => match &**message {
                PeerMessage::Kept { .. } => Some(message.clone()),
                _ => None,
            },
            _ => None,
        })
    };
    assert_eq!(word(&theirs), None, "not before it is on its disk");
    let mut broken = other.clone();
    let Event::Recorded { batch, .. } = recorded(&theirs) else {
        unreachable!()
    };
    let result = Err("full".into());
    let mut none = Vec::new();
    broken.step(other_now, Event::Recorded { batch, result }, &mut none);
    assert_eq!(word(&none), None, "its disk has not taken it");
    other.step(other_now, recorded(&theirs), &mut theirs);
    let word = word(&theirs).expect("its word");
    out.clear();
    node.step(now, Event::Peer(ServerId(1), word), &mut out);
    assert_eq!(answer(&out), Some(true));
}

/// Rule: N7 N8
#[test]
fn without_a_second_servers_word_the_answer_says_so_in_time() {
    // Nobody to ask.
    let (_, _, out) = raised(&[]);
    assert_eq!(answer(&out), Some(false));
    // Nobody answers.
    let (mut node, mut now, mut out) = raised(&[1, 2]);
    assert_eq!(answer(&out), None);
    now.at = now.at + SECOND_WAIT;
    assert!(node.next_deadline(now.at) <= now.at);
    out.clear();
    node.step(now, Event::Tick, &mut out);
    assert_eq!(answer(&out), Some(false));
    // All who were asked are gone.
    let (mut node, now, mut out) = raised(&[2]);
    assert_eq!(answer(&out), None);
    out.clear();
    node.step(now, Event::LinkDown(ServerId(2)), &mut out);
    assert_eq!(answer(&out), Some(false));
}

/// Story: with a disk that stood still a script heard "does not answer" after eight seconds, of an alert that had
/// been mailed in the first; it would have raised it again.
///
/// Rule: N8
#[test]
fn a_disk_that_hangs_holds_up_no_answer_and_is_answered_once() {
    let (mut node, mut now) = one_of_three(0);
    let mut out = Vec::new();
    now.at = now.at + Span::from_ms(1);
    node.step(now, raise("the backup failed"), &mut out);
    let recorded = recorded(&out);
    let replies = |out: &[Action]| {
        let of_it = |action: &&Action| matches!(action, Action::Reply(ASKED, _));
        out.iter().filter(of_it).cloned().collect::<Vec<_>>()
    };
    assert_eq!(replies(&out), []);
    now.at = now.at + OWN_WAIT;
    out.clear();
    node.step(now, Event::Tick, &mut out);
    match &replies(&out)[..] {
        [Action::Reply(_, Reply::Accepted { durable, .. })] => assert!(!durable),
        other => panic!("{other:?}"),
    }
    out.clear();
    node.step(now, recorded, &mut out);
    assert_eq!(replies(&out), []);
}
