//! What hinders the service without being any server's fault: named with what helps, and gone when it is over.

use super::*;
use crate::event::FromPacemaker;
use crate::pacemaker::{AgentTrouble, Kind, PacemakerNode, Past, Picture, Report};
use crate::text::Language;
use alloc::string::ToString;

fn later(now: Now, ms: i64) -> Now {
    Now {
        at: now.at + Span::from_ms(ms.unsigned_abs()),
        wall: WallTime(now.wall.0 + ms),
    }
}

fn pacemaker(node: &mut Node, now: Now, event: FromPacemaker) -> Vec<Action> {
    let mut out = Vec::new();
    node.step(now, Event::Pacemaker(Box::new(event)), &mut out);
    out
}

fn picture(names: &[&str]) -> FromPacemaker {
    let node = |name: &&str| PacemakerNode {
        name: name.to_string(),
        online: true,
        ..PacemakerNode::default()
    };
    let picture = Picture {
        quorum: true,
        nodes: names.iter().map(node).collect(),
        ..Picture::default()
    };
    FromPacemaker::Looked(Ok(Box::new(picture)))
}

fn logged(out: &[Action]) -> Vec<&str> {
    let lines = out.iter().filter_map(|action| match action {
        Action::Log(line) => Some(line.as_str()),
        _ => None,
    });
    lines.collect()
}

/// A firewall lets Corosync's packets pass and not the link: the server is up, and nothing is heard of its alerts.
///
/// Rule: N3 N9 N21
#[test]
fn a_server_that_is_up_and_cannot_be_reached_is_named_with_its_port() {
    let (mut node, now) = one_of_three(0);
    let mut out = Vec::new();
    for server in [1, 2] {
        node.step(now, Event::LinkUp(ServerId(server)), &mut out);
    }
    let at_work = later(now, 14_000);
    assert_eq!(node.status(later(now, 60_000)).advice, [""; 0]);
    node.step(now, Event::LinkDown(ServerId(2)), &mut out);
    assert_eq!(node.status(at_work).advice, [""; 0], "it is dialled anew");
    let long = later(now, 60_000);
    let port = node.config.port.to_string();
    for (language, words) in [(Language::En, "at work"), (Language::Ja, "稼働して")] {
        node.config.language = language;
        let advice = node.status(long).advice;
        assert_eq!(advice.len(), 1, "{advice:?}");
        let parts = ["sv3", words, &port, "firewall-cmd"];
        let says = parts.iter().all(|part| advice[0].contains(part));
        assert!(says && !advice[0].contains("sv2"), "{advice:?}");
    }
    node.step(long, Event::LinkUp(ServerId(2)), &mut out);
    assert_eq!(node.status(long).advice, [""; 0]);
}

/// Rule: N3 N21
#[test]
fn a_node_of_another_name_than_its_server_is_said_with_both_names() {
    let (mut node, now) = one_of_three(0);
    pacemaker(&mut node, now, FromPacemaker::Begins);
    let out = pacemaker(&mut node, now, picture(&["sv1", "SV2", "db3.example.com"]));
    let lines = logged(&out);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in ["db3.example.com", "sv3", "crm_node -l"] {
        assert!(lines[0].contains(part), "{part}: {lines:?}");
    }
    assert_eq!(node.status(now).advice, lines);
    // Once in the log, however often it is seen.
    let out = pacemaker(&mut node, now, picture(&["sv1", "SV2", "db3.example.com"]));
    assert_eq!(logged(&out), [""; 0]);
    pacemaker(&mut node, now, picture(&["sv1", "sv2", "sv3"]));
    assert_eq!(node.status(now).advice, [""; 0]);
    // What runs resources without Corosync is no server.
    let FromPacemaker::Looked(Ok(mut remote)) = picture(&["sv1", "sv2", "sv3", "far"]) else {
        unreachable!("it is a look");
    };
    remote.nodes[3].remote = true;
    pacemaker(&mut node, now, FromPacemaker::Looked(Ok(remote)));
    assert_eq!(node.status(now).advice, [""; 0]);
}

/// Rule: N3 N21
#[test]
fn an_agent_that_is_not_called_is_said_until_it_is() {
    let (mut node, now) = one_of_three(0);
    pacemaker(&mut node, now, FromPacemaker::Begins);
    pacemaker(&mut node, now, picture(&["sv1", "sv2", "sv3"]));
    let trouble = || FromPacemaker::Agent(Some(AgentTrouble::NotRegistered));
    let out = pacemaker(&mut node, now, trouble());
    assert_eq!(logged(&out).len(), 1);
    assert_eq!(logged(&pacemaker(&mut node, now, trouble())), [""; 0]);
    let advice = node.status(now).advice;
    for part in [
        "CIB",
        "noroshi engine setup corosync",
        "since this service started",
    ] {
        assert!(advice[0].contains(part), "{part}: {advice:?}");
    }
    let out = pacemaker(&mut node, now, FromPacemaker::Agent(None));
    assert_eq!(logged(&out).len(), 1);
    assert_eq!(node.status(now).advice, [""; 0]);
}

/// The configuration looks well, and yet no call arrives: SELinux, a script in between, a filter.
///
/// Rule: N3 N21
#[test]
fn an_operation_here_that_nothing_is_reported_of_says_that_calls_do_not_arrive() {
    let (mut node, now) = one_of_three(0);
    pacemaker(&mut node, now, FromPacemaker::Begins);
    let operated = |now: Now, by: &str| {
        let FromPacemaker::Looked(Ok(mut seen)) = picture(&["sv1", "sv2", "sv3"]) else {
            unreachable!("it is a look");
        };
        seen.operations.push(Past {
            node: by.into(),
            resource: "vip".into(),
            task: "start".into(),
            call: 7,
            done: true,
            at: Some(now.wall),
        });
        FromPacemaker::Looked(Ok(seen))
    };
    let began = later(now, 10_000);
    // Before this service watched, and on another server.
    pacemaker(&mut node, began, operated(now, "sv1"));
    assert_eq!(node.status(later(began, 120_000)).advice, [""; 0]);
    pacemaker(&mut node, began, operated(began, "sv2"));
    assert_eq!(node.status(later(began, 120_000)).advice, [""; 0]);
    pacemaker(&mut node, began, operated(began, "sv1"));
    assert_eq!(
        node.status(later(began, 30_000)).advice,
        [""; 0],
        "too soon"
    );
    let advice = node.status(later(began, 120_000)).advice;
    assert!(advice[0].contains("vip") && advice[0].contains("do not arrive"));
    let report = Report {
        at_us: (began.wall.0 + 400) * 1_000,
        sequence: 1,
        kind: Kind::Node {
            node: "sv2".into(),
            member: true,
        },
    };
    pacemaker(&mut node, began, FromPacemaker::Report(report));
    assert_eq!(node.status(later(began, 120_000)).advice, [""; 0]);
    let mut words = Vec::new();
    for trouble in [
        AgentTrouble::NotRegistered,
        AgentTrouble::NoProgram {
            path: "/a".into(),
            why: "x".into(),
        },
        AgentTrouble::Elsewhere {
            named: "/b".into(),
            read: "/c".into(),
        },
        AgentTrouble::Closed { path: "/d".into() },
    ] {
        words.extend([Language::En, Language::Ja].map(|language| trouble.words(language)));
    }
    let helps = |words: &String| words.contains("noroshi engine setup corosync");
    assert!(words.iter().all(helps), "{words:?}");
}
