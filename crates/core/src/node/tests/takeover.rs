//! The server that sends a mail dies in the midst of it: the next one's way to its own mail, step by step. It has
//! itself just started: what it waits for then, until all have been heard, must not come back when one falls.

use super::*;
use crate::event::HostAnswer;
use crate::status::ServerState;

/// Of `servers`, this one at work, with links to all others, when a mail of the first one's is under way.
fn heir(own: u8, servers: u8) -> (Node, Now) {
    let now = Now {
        at: Moment(1_000_000),
        wall: WallTime(1_000),
    };
    let mut nodes: Vec<Node> = [0, own]
        .into_iter()
        .map(|own| at_work(now, own, servers))
        .collect();
    let mut out = Vec::new();
    let test = crate::request::Request::MailTest;
    nodes[0].step(now, Event::Request(RequestId(1), test), &mut out);
    let mut node = nodes.remove(1);
    carry(out, 0, &mut node, now);
    (node, now)
}

fn at_work(now: Now, own: u8, servers: u8) -> Node {
    let mut node = Node::new(now, ServerId(own), SessionId([own; 12]), config(servers));
    let mut out = Vec::new();
    node.step(now, Event::Start(Box::default()), &mut out);
    for from in (0..servers).filter(|from| *from != own) {
        node.step(now, Event::Heard(heard(from)), &mut out);
        node.step(now, Event::LinkUp(ServerId(from)), &mut out);
    }
    node
}

/// The processes of `dead` are killed; answers what the step does in which the first one is judged down.
fn killed(node: &mut Node, now: &mut Now, dead: &[u8], living: &[u8]) -> Vec<Action> {
    let mut out = Vec::new();
    for server in dead {
        node.step(*now, Event::LinkDown(ServerId(*server)), &mut out);
    }
    for n in 0..100 {
        assert_eq!(begun(&out), None, "not before the verdict");
        now.at = now.at + Span::from_ms(10);
        let probes = core::mem::take(&mut out);
        for action in probes {
            if let Action::Probe { server, path } = action {
                let answer = HostAnswer::Refused;
                let probed = Event::Probed {
                    server,
                    path,
                    answer,
                };
                node.step(*now, probed, &mut out);
            }
        }
        for from in living.iter().filter(|_| n % 10 == 0) {
            node.step(*now, Event::Heard(heard(*from)), &mut out);
        }
        node.step(*now, Event::Tick, &mut out);
        if node.state_of(ServerId(dead[0])) == ServerState::Down {
            return out;
        }
    }
    panic!("it is not found to be down");
}

/// Whether the mail that is taken over is begun, and then whether it is marked as a possible repeat.
fn begun(out: &[Action]) -> Option<bool> {
    let items = out.iter().filter_map(|action| match action {
        Action::Record { items, .. } => Some(items),
        _ => None,
    });
    items.flatten().find_map(|item| match item {
        Item::Notice(notice) if notice.key.alert.0.starts_with("sv1.") => {
            let mail = notice.key.channel == Channel::Mail;
            (mail && notice.state == NoticeState::Begun).then_some(notice.possible_repeat)
        }
        _ => None,
    })
}

/// Rule: N9
#[test]
fn of_two_servers_the_other_one_sends_in_the_moment_of_the_verdict() {
    let (mut node, mut now) = heir(1, 2);
    let out = killed(&mut node, &mut now, &[0], &[]);
    assert_eq!(begun(&out), Some(true), "{out:#?}");
}

/// Rule: N9
#[test]
fn a_takeover_waits_for_one_word_of_each_living_server_and_for_no_disk() {
    let (mut node, mut now) = heir(1, 3);
    let (mut third, _) = heir(2, 3);
    let out = killed(&mut node, &mut now, &[0], &[2]);
    assert_eq!(begun(&out), None, "the third server may know more");
    let disk = |action: &Action| matches!(action, Action::Find(..));
    assert!(
        !out.iter().any(disk),
        "all that can be known stands in memory"
    );
    let answers = carry(out, 1, &mut third, now);
    assert!(
        !answers.iter().any(disk),
        "nor is it the other one's to look"
    );
    let out = carry(answers, 2, &mut node, now);
    assert_eq!(begun(&out), Some(true), "at the same moment");
}

/// Rule: N9
#[test]
fn a_takeover_waits_for_no_server_that_falls_beside_the_first() {
    let (mut node, mut now) = heir(2, 4);
    let mut out = killed(&mut node, &mut now, &[0, 1], &[3]);
    let (mut fourth, _) = heir(3, 4);
    let answers = carry(out.clone(), 2, &mut fourth, now);
    out.extend(carry(answers, 3, &mut node, now));
    for _ in 0..3 {
        if node.state_of(ServerId(1)) == ServerState::Down {
            break;
        }
        assert_eq!(begun(&out), None);
        now.at = now.at + Span::from_ms(10);
        out = killed(&mut node, &mut now, &[1], &[3]);
    }
    assert_eq!(begun(&out), Some(true), "{out:#?}");
}

/// Rule: N9
#[test]
fn a_takeover_waits_for_no_server_that_stands_still() {
    let (mut node, mut now) = heir(1, 3);
    let mut out = Vec::new();
    // The third one is stopped; its host answers.
    for n in 0..9 {
        now.at = now.at + Span::from_ms(100);
        let path = crate::config::InterconnectId(0);
        let probed = Event::Probed {
            server: ServerId(2),
            path,
            answer: HostAnswer::Accepted,
        };
        node.step(now, Event::Heard(heard(0)), &mut out);
        node.step(now, probed, &mut out);
        assert_eq!(begun(&out), None, "{n}");
    }
    assert_eq!(node.state_of(ServerId(2)), ServerState::Stalled);
    let out = killed(&mut node, &mut now, &[0], &[]);
    assert_eq!(begun(&out), Some(true), "{out:#?}");
}
