//! What a server tells of the others: when each was last heard, and what it leaves out.

use super::*;
use crate::status::{ServerState, ServerStatus, Status};

fn status_of(status: &Status, name: &str) -> ServerStatus {
    let mut servers = status.servers.iter();
    servers.find(|server| server.name == name).unwrap().clone()
}

/// Both clocks go on.
fn later(now: &mut Now, ms: u64) {
    now.at = now.at + Span::from_ms(ms);
    now.wall = WallTime(now.wall.0 + ms as i64);
}

fn beat(node: &mut Node, now: Now, from: u8) {
    let heard = Heard {
        from: ServerId(from),
        path: crate::config::InterconnectId(0),
        session: SessionId([from; 12]),
        phase: Phase::Running,
        missed: 0,
        config_digest: 0,
    };
    node.step(now, Event::Heard(heard), &mut Vec::new());
    node.next_deadline(now.at);
}

/// Rule: N21 M31
#[test]
fn a_fallen_server_keeps_the_time_of_its_last_word_and_one_never_heard_has_none() {
    let mut now = Now {
        at: Moment(1_000_000),
        wall: WallTime(50_000),
    };
    let mut node = Node::new(now, ServerId(0), SessionId([0; 12]), config(3));
    node.step(now, Event::Start(Box::default()), &mut Vec::new());
    later(&mut now, 100);
    beat(&mut node, now, 1);
    // A message over the link is a word as well.
    later(&mut now, 100);
    let message = PeerMessage::Returns {
        returns: Vec::new(),
    };
    node.step(
        now,
        Event::Peer(ServerId(1), Box::new(message)),
        &mut Vec::new(),
    );
    let last_word = now.wall;
    for _ in 0..100 {
        later(&mut now, 100);
        node.step(now, Event::Tick, &mut Vec::new());
        node.next_deadline(now.at);
    }
    let status = node.status(now);
    let fallen = status_of(&status, "sv2");
    assert_eq!(fallen.state, ServerState::Down);
    assert_eq!(fallen.last_word, Some(last_word));
    assert_eq!(status_of(&status, "sv3").last_word, None);
    assert_eq!(status_of(&status, "sv1").last_word, None);
    // Our clock was wrong and is put right: that moment is told by the clock of now.
    let corrected = Now {
        wall: WallTime(now.wall.0 + 3_600_000),
        ..now
    };
    let told = status_of(&node.status(corrected), "sv2").last_word;
    assert_eq!(told, Some(WallTime(last_word.0 + 3_600_000)));
}

/// Story: a virtual machine stood still for an hour; the others' last heartbeats were said to be of just now.
///
/// Rule: N21 N4
#[test]
fn a_pause_of_our_own_counts_in_what_people_read_and_in_no_verdict() {
    let (mut node, mut now) = one_of_three(0);
    node.next_deadline(now.at);
    let heard = now.wall;
    later(&mut now, 3_600_000);
    node.step(now, Event::Tick, &mut Vec::new());
    let other = status_of(&node.status(now), "sv2");
    assert_eq!(other.state, ServerState::Up);
    assert_eq!(other.paths[0].silent_ms, Some(3_600_000));
    assert_eq!(other.last_word, Some(heard));
}

/// Rule: N20 N21
#[test]
fn where_lights_are_not_used_nobody_says_what_they_should_show() {
    let (mut node, now) = one_of_three(0);
    assert!(status_of(&node.status(now), "sv1").lamp.is_some());
    node.config.lamps_used = false;
    let status = node.status(now);
    assert!(!status.lamps_used);
    assert!(status.servers.iter().all(|server| server.lamp.is_none()));
}

/// Who would tell a loss has a mail connection made ready before it is one.
///
/// Rule: N5 N9
#[test]
fn the_first_server_without_the_silent_one_would_tell_its_loss() {
    let mut now = Now {
        at: Moment(1_000_000),
        wall: WallTime(50_000),
    };
    let mut node = Node::new(now, ServerId(1), SessionId([1; 12]), config(3));
    node.step(now, Event::Start(Box::default()), &mut Vec::new());
    later(&mut now, 100);
    beat(&mut node, now, 0);
    beat(&mut node, now, 2);
    assert!(node.would_tell(ServerId(0)));
    assert!(!node.would_tell(ServerId(2)), "sv1 would");
}
