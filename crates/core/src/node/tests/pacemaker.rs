//! What a server does with Pacemaker's reports and pictures: alerts, their words, their place on disk.

mod held;

use super::*;
use crate::event::FromPacemaker;
use crate::pacemaker::{Group, Kind, Member, Operation, PacemakerNode, Picture, Report, Sort};
use crate::text::Language;
use alloc::string::ToString;
use alloc::vec;

fn picture(on: &str, sort: Sort) -> Picture {
    let node = |name: &str| PacemakerNode {
        name: name.into(),
        online: true,
        ..PacemakerNode::default()
    };
    let member = Member {
        name: "vip".into(),
        sort,
        active: true,
        role: "Started".into(),
        nodes: vec![on.into()],
        ..Member::default()
    };
    Picture {
        decider: Some("sv1".into()),
        quorum: true,
        nodes: vec![node("sv1"), node("sv2"), node("sv3")],
        groups: vec![Group {
            name: "web".into(),
            managed: true,
            members: vec![member],
            ..Group::default()
        }],
        ..Picture::default()
    }
}

fn looked(picture: Picture) -> Event {
    Event::Pacemaker(Box::new(FromPacemaker::Looked(Ok(Box::new(picture)))))
}

fn report(now: Now, task: &str, rc: i32) -> Report {
    Report {
        at_us: now.wall.0 * 1_000,
        sequence: rc.unsigned_abs(),
        kind: Kind::Operation(Operation {
            node: "sv2".into(),
            resource: "vip".into(),
            task: task.into(),
            interval_ms: 2_000,
            rc,
            description: "not running".into(),
            ..Operation::default()
        }),
    }
}

/// The texts of alerts that these actions put on disk, with whether they are mailed.
fn alerts(out: &[Action]) -> Vec<(String, bool)> {
    let items = out.iter().filter_map(|action| match action {
        Action::Record { items, .. } => Some(items),
        _ => None,
    });
    let alerts = items.flatten().filter_map(|item| match item {
        Item::Alert { alert, .. } => Some((alert.text.clone(), alert.destinations.mail)),
        _ => None,
    });
    // Nobody answers for the disk here.
    alerts
        .filter(|(text, _)| !text.starts_with("The alert store"))
        .collect()
}

fn later(now: Now, ms: u64) -> Now {
    Now {
        at: now.at + Span::from_ms(ms),
        wall: WallTime(now.wall.0 + i64::try_from(ms).unwrap()),
    }
}

/// Server sv2 of three, which knows that the group runs on sv1.
fn watching(language: Language, sort: Sort) -> (Node, Now) {
    let (mut node, now) = one_of_three(1);
    node.config.language = language;
    let mut out = Vec::new();
    for batch in 0..4 {
        let result = Ok(());
        node.step(now, Event::Recorded { batch, result }, &mut out);
    }
    let begins = Event::Pacemaker(Box::new(FromPacemaker::Begins));
    node.step(now, begins, &mut out);
    assert!(out.contains(&Action::LookAtPacemaker), "{out:?}");
    node.step(now, looked(picture("sv1", sort)), &mut out);
    (node, now)
}

/// Rule: N3 M10
#[test]
fn a_failover_is_mailed_in_the_settings_language_with_its_thread() {
    for (language, words) in [
        (
            Language::En,
            "Group web has failed over from server sv1 to server sv2: server sv1 is lost. It was away for less than 1 s.",
        ),
        (
            Language::Ja,
            "グループ web がサーバ sv1 からサーバ sv2 へフェイルオーバしました: サーバ sv1 が失われました。停止していた時間は 1 秒未満 です。",
        ),
    ] {
        let (mut node, now) = watching(language, Sort::Other);
        let fault = AlertId("fact.1".to_string());
        node.faults[0] = Some(fault.clone());
        let mut after = picture("sv2", Sort::Other);
        after.nodes[0].online = false;
        let mut out = Vec::new();
        node.step(later(now, 100), looked(after.clone()), &mut out);
        assert_eq!(alerts(&out), [(words.to_string(), true)]);
        let alert = out.iter().find_map(|action| match action {
            Action::Tell(_, message) => match &**message {
                PeerMessage::Alert { alert, .. } => Some(alert.clone()),
                _ => None,
            },
            _ => None,
        });
        let alert = alert.expect("the others are told");
        assert_eq!(alert.thread, Some(fault));
        assert_eq!(alert.about.as_deref(), Some("sv1"));
        // Another server that sees it later knows it by its name.
        let (mut other, now) = watching(language, Sort::Other);
        let told = PeerMessage::Alert {
            alert,
            notices: Vec::new(),
            repeated: false,
            confirm: false,
        };
        let mut out = Vec::new();
        other.step(now, Event::Peer(ServerId(0), Box::new(told)), &mut out);
        out.clear();
        other.step(later(now, 100), looked(after), &mut out);
        assert_eq!(alerts(&out), []);
    }
}

/// Pacemaker's word may come before membership's.
///
/// Rule: N3
#[test]
fn a_group_was_away_from_when_its_server_was_last_heard_whoever_judges_first() {
    for (heard_ms, words) in [(4_000, "4.0 s"), (600_000, "less than 1 s")] {
        let (mut node, now) = watching(Language::En, Sort::Other);
        let heard = Heard {
            from: ServerId(0),
            path: crate::config::InterconnectId(0),
            session: SessionId([1; 12]),
            phase: Phase::Running,
            missed: 0,
            config_digest: 0,
        };
        node.step(now, Event::Heard(heard), &mut Vec::new());
        let mut after = picture("sv2", Sort::Other);
        after.nodes[0].online = false;
        let mut out = Vec::new();
        node.step(later(now, heard_ms), looked(after), &mut out);
        let over = alerts(&out).into_iter().map(|(text, _)| text);
        let over = over.filter(|text| text.contains("failed over"));
        let over: Vec<String> = over.collect();
        assert!(
            over.len() == 1 && over[0].ends_with(&alloc::format!("It was away for {words}.")),
            "{over:?}"
        );
    }
}

/// Rule: N3 N8
#[test]
fn a_report_is_forgotten_when_what_follows_from_it_is_on_disk() {
    for durable in [true, false] {
        let (mut node, now) = watching(Language::En, Sort::FloatingIp);
        let failed = report(now, "monitor", 7);
        let (key, mut out) = (failed.key(), Vec::new());
        let event = Event::Pacemaker(Box::new(FromPacemaker::Report(failed)));
        node.step(now, event, &mut out);
        assert_eq!(alerts(&out), []);
        out.clear();
        node.step(later(now, 600), Event::Tick, &mut out);
        let told = alerts(&out);
        let words = "Monitoring found a fault of floating IP address vip of group web on server sv2: not running.";
        assert_eq!(told, [(words.to_string(), true)]);
        let forgets = |out: &[Action]| {
            out.iter()
                .any(|action| *action == Action::ForgetReports(vec![key.clone()]))
        };
        assert!(!forgets(&out));
        let batch = out.iter().find_map(|action| match action {
            Action::Record { batch, .. } => Some(*batch),
            _ => None,
        });
        let result = match durable {
            true => Ok(()),
            false => Err("disk full".to_string()),
        };
        out.clear();
        // What else follows from it the picture shows.
        let shown = looked(picture("sv1", Sort::FloatingIp));
        node.step(later(now, 650), shown, &mut out);
        assert!(!forgets(&out));
        let recorded = Event::Recorded {
            batch: batch.unwrap(),
            result,
        };
        node.step(later(now, 660), recorded, &mut out);
        assert_eq!(forgets(&out), durable);
    }
}

/// Rule: N3
#[test]
fn a_report_that_is_no_news_is_forgotten_when_the_cluster_was_looked_at() {
    let (mut node, now) = watching(Language::En, Sort::Other);
    let fine = report(now, "start", 0);
    let (key, mut out) = (fine.key(), Vec::new());
    node.step(
        now,
        Event::Pacemaker(Box::new(FromPacemaker::Report(fine))),
        &mut out,
    );
    node.step(later(now, 600), Event::Tick, &mut out);
    let forgotten = Action::ForgetReports(vec![key]);
    assert!(!out.contains(&forgotten) && out.contains(&Action::LookAtPacemaker));
    let shown = looked(picture("sv1", Sort::Other));
    node.step(later(now, 650), shown, &mut out);
    assert!(out.contains(&forgotten), "{out:?}");
    assert_eq!(alerts(&out), []);
}

/// Rule: N3 N5
#[test]
fn a_lost_quorum_is_mailed_unless_membership_has_told_of_the_cut() {
    for mailed in [true, false] {
        let (mut node, now) = watching(Language::En, Sort::Other);
        if !mailed {
            let news = crate::membership::News::Partition {
                unseen: vec![ServerId(0), ServerId(2)],
                seen: 1,
                of: 3,
            };
            node.take(now, vec![news], &mut Vec::new());
        }
        let mut cut = picture("sv1", Sort::Other);
        cut.quorum = false;
        let mut out = Vec::new();
        node.step(later(now, 100), looked(cut), &mut out);
        for from in [0, 2] {
            let heard = Heard {
                from: ServerId(from),
                path: crate::config::InterconnectId(0),
                session: SessionId([from; 12]),
                phase: Phase::Running,
                missed: 0,
                config_digest: 0,
            };
            node.step(later(now, 800), Event::Heard(heard), &mut out);
        }
        node.step(later(now, 1_200), Event::Tick, &mut out);
        let quorum: Vec<_> = alerts(&out)
            .into_iter()
            .filter(|(text, _)| text.contains("without quorum"))
            .collect();
        assert!(
            matches!(&quorum[..], [(_, mail)] if *mail == mailed),
            "{quorum:?}"
        );
    }
}

/// Rule: N3
#[test]
fn nothing_of_pacemaker_is_watched_until_it_begins() {
    let (node, now) = one_of_three(1);
    assert!(node.pacemaker_due().is_none());
    assert!(node.status(now).pacemaker.is_none());
    let (node, now) = watching(Language::En, Sort::MirrorDisk);
    let status = node.status(now).pacemaker.unwrap();
    assert_eq!(status.groups[0].current, ["sv1"]);
    assert_eq!(status.groups[0].resources[0].sort, Sort::MirrorDisk);
}

fn nowhere(on: &str) -> Picture {
    let mut picture = picture(on, Sort::Other);
    let member = &mut picture.groups[0].members[0];
    (member.active, member.role) = (false, "Stopped".into());
    member.nodes.clear();
    picture
}

fn kept(out: &[Action]) -> Vec<crate::pacemaker::GroupMemory> {
    let items = out.iter().filter_map(|action| match action {
        Action::Record { items, .. } => Some(items),
        _ => None,
    });
    let groups = items.flatten().filter_map(|item| match item {
        Item::Group(memory) => Some(memory.clone()),
        _ => None,
    });
    groups.collect()
}

/// Rule: N3 N8 N9
#[test]
fn where_groups_are_is_on_disk_and_a_failover_over_a_restart_is_mailed_once() {
    let (mut node, now) = watching(Language::En, Sort::Other);
    let mut out = Vec::new();
    let mut gone = nowhere("sv1");
    gone.nodes[0].online = false;
    node.step(later(now, 1_000), looked(gone), &mut out);
    let groups = kept(&out);
    assert_eq!(groups[0].on.as_deref(), Some("sv1"));
    assert!(groups[0].away.as_ref().is_some_and(|away| away.lost));
    // Nothing new, nothing written.
    out.clear();
    node.step(later(now, 1_500), Event::Tick, &mut out);
    assert_eq!(kept(&out), []);

    let mut again = Node::new(
        later(now, 2_000),
        node.own,
        SessionId([9; 12]),
        node.config.clone(),
    );
    let recovered = crate::event::Recovered {
        groups,
        ..crate::event::Recovered::default()
    };
    again.step(
        later(now, 2_000),
        Event::Start(Box::new(recovered)),
        &mut out,
    );
    let begins = Event::Pacemaker(Box::new(FromPacemaker::Begins));
    again.step(later(now, 2_100), begins, &mut out);
    let mut after = picture("sv2", Sort::Other);
    after.nodes[0].online = false;
    out.clear();
    again.step(later(now, 4_000), looked(after.clone()), &mut out);
    again.step(later(now, 6_000), looked(after), &mut out);
    let words = "Group web has failed over from server sv1 to server sv2: server sv1 is lost. It was away for 3.0 s.";
    assert_eq!(alerts(&out), [(words.to_string(), true)]);
}

/// After a crash its report is handed over again, and the cluster may be looked at before.
///
/// Rule: N3 N8 N9
#[test]
fn what_an_earlier_run_has_put_on_disk_is_not_told_again_from_its_report() {
    for on_disk in [true, false] {
        let (mut node, now) = watching(Language::En, Sort::FloatingIp);
        let failed = report(now, "monitor", 7);
        let mut out = Vec::new();
        let event = Event::Pacemaker(Box::new(FromPacemaker::Report(failed.clone())));
        node.step(now, event, &mut out);
        node.step(later(now, 1_600), Event::Tick, &mut out);
        let items = out.iter().filter_map(|action| match action {
            Action::Record { items, .. } => Some(items),
            _ => None,
        });
        let facts = items.flatten().filter_map(|item| match item {
            Item::Alert { alert, .. } if alert.text.starts_with("Monitoring") => {
                Some(alert.id.clone())
            }
            _ => None,
        });
        let facts: Vec<AlertId> = facts.filter(|_| on_disk).collect();
        assert_eq!(facts.len(), usize::from(on_disk));

        let at = later(now, 9_000);
        let mut again = Node::new(at, node.own, SessionId([9; 12]), node.config.clone());
        let recovered = crate::event::Recovered {
            facts,
            ..crate::event::Recovered::default()
        };
        again.step(at, Event::Start(Box::new(recovered)), &mut out);
        for event in [
            FromPacemaker::Begins,
            FromPacemaker::Looked(Ok(Box::new(picture("sv1", Sort::FloatingIp)))),
            FromPacemaker::Waited(failed),
        ] {
            out.clear();
            again.step(
                later(at, 20_000),
                Event::Pacemaker(Box::new(event)),
                &mut out,
            );
        }
        again.step(later(at, 22_000), Event::Tick, &mut out);
        // Nobody knows it: the other servers may have told it, so they are asked first.
        let told = alerts(&out).len();
        assert_eq!(told, usize::from(!on_disk), "{out:?}");
        let repeated = out.iter().any(|action| match action {
            Action::Tell(_, message) => {
                matches!(&**message, PeerMessage::Alert { repeated: true, .. })
            }
            _ => false,
        });
        assert_eq!(repeated, !on_disk, "{out:?}");
    }
}

/// Rule: N3 N9
#[test]
fn who_takes_part_again_asks_the_others_what_they_have_watched() {
    let (mut node, now) = watching(Language::En, Sort::Other);
    let mut out = Vec::new();
    let mut joining = picture("sv1", Sort::Other);
    joining.nodes[1].online = false;
    node.step(later(now, 1_000), looked(joining), &mut out);
    let asks = |out: &[Action]| {
        let groups = out.iter().filter_map(|action| match action {
            Action::Tell(server, message) => match &**message {
                PeerMessage::Groups { groups } => Some((*server, groups.len())),
                _ => None,
            },
            _ => None,
        });
        groups.collect::<Vec<_>>()
    };
    let asking = || {
        let groups = Vec::new();
        Event::Peer(ServerId(0), Box::new(PeerMessage::Groups { groups }))
    };
    // What it knows is of before.
    node.step(later(now, 1_500), asking(), &mut out);
    assert_eq!(asks(&out), []);
    node.step(
        later(now, 3_000),
        looked(picture("sv1", Sort::Other)),
        &mut out,
    );
    assert_eq!(asks(&out), [(ServerId(0), 0), (ServerId(2), 0)]);
    out.clear();
    node.step(
        later(now, 4_500),
        looked(picture("sv1", Sort::Other)),
        &mut out,
    );
    node.step(later(now, 4_600), asking(), &mut out);
    assert_eq!(asks(&out), [(ServerId(0), 1)]);
}

/// Rule: N3 M11
#[test]
fn a_start_that_fails_again_elsewhere_is_recorded_and_not_mailed() {
    for first_elsewhere in [true, false] {
        let (mut node, now) = watching(Language::En, Sort::Other);
        let mut out = Vec::new();
        let mut failed = report(later(now, 100), "start", 1);
        if let Kind::Operation(operation) = &mut failed.kind {
            operation.interval_ms = 0;
        }
        let mut other = failed.clone();
        other.at_us -= 50_000;
        if let Kind::Operation(operation) = &mut other.kind {
            operation.node = "sv3".into();
        }
        if first_elsewhere {
            let message = PeerMessage::Pacemaker {
                report: Some(other.clone()),
            };
            node.step(
                later(now, 90),
                Event::Peer(ServerId(2), Box::new(message)),
                &mut out,
            );
        }
        let event = Event::Pacemaker(Box::new(FromPacemaker::Report(failed.clone())));
        node.step(later(now, 110), event, &mut out);
        // The others are told at once: theirs may follow.
        let told = out.iter().any(|action| match action {
            Action::Tell(_, message) => {
                **message
                    == PeerMessage::Pacemaker {
                        report: Some(failed.clone()),
                    }
            }
            _ => false,
        });
        assert!(told);
        node.step(later(now, 1_200), Event::Tick, &mut out);
        let alerts = alerts(&out);
        let mut starts = alerts
            .iter()
            .filter(|(text, _)| text.contains("could not be started on server sv2"));
        assert!(
            matches!((starts.next(), starts.next()), (Some((_, mail)), None) if *mail != first_elsewhere),
            "{alerts:?}"
        );
    }
}

/// Rule: N3 M18
#[test]
fn a_cluster_shutdown_puts_the_lamps_out_and_mails_nothing() {
    use crate::lamp::Glow;
    use crate::membership::ring::{Blindness, Ring};
    for (asked, told) in [(true, false), (false, false), (false, true)] {
        let (mut node, now) = watching(Language::En, Sort::Other);
        node.config.engine = crate::config::Engine::Corosync;
        node.membership = crate::membership::Membership::new(now.at, node.own, &node.config);
        let seen = |node: &mut Node, ms, out: &mut Vec<Action>| {
            let view = crate::membership::ring::View {
                ring: 1,
                quorate: true,
                detects_in: Span::from_secs(1),
                ..Default::default()
            };
            node.step(later(now, ms), Event::Ring(Ring::View(view)), out);
        };
        let mut out = Vec::new();
        seen(&mut node, 100, &mut out);
        let mut stopping = nowhere("sv1");
        stopping.decider = Some("sv2".into());
        if asked {
            stopping
                .nodes
                .iter_mut()
                .for_each(|node| node.leaving = true);
        }
        if told {
            // By another server: its own look comes too late, with what was before.
            let row = crate::alert::row(crate::alert::Message::ClusterStops);
            let alert = crate::alert::Alert {
                id: AlertId("sv1.1.1".into()),
                message: row.id(),
                severity: row.severity,
                time: now.wall,
                server: "sv1".into(),
                about: None,
                text: "the cluster stops".into(),
                thread: None,
                destinations: crate::alert::Destinations::default(),
            };
            let told = PeerMessage::Alert {
                alert,
                notices: Vec::new(),
                repeated: false,
                confirm: false,
            };
            node.step(
                later(now, 150),
                Event::Peer(ServerId(0), Box::new(told)),
                &mut out,
            );
        }
        node.step(later(now, 200), looked(stopping), &mut out);
        let lit = |node: &Node| node.latches.of(node.own).green == Glow::On;
        let quiet = asked || told;
        assert_eq!(lit(&node), !quiet);
        let blind = Event::Ring(Ring::Blind(Blindness::NotRunning));
        node.step(later(now, 5_000), blind, &mut out);
        node.step(later(now, 7_000), Event::Tick, &mut out);
        seen(&mut node, 60_000, &mut out);
        let mails = alerts(&out).into_iter().filter(|(_, mail)| *mail);
        assert_eq!(mails.count() == 0, quiet, "{:?}", alerts(&out));
        let stops = alerts(&out).into_iter();
        let stops = stops.filter(|(text, _)| text.starts_with("Cluster shutdown:"));
        assert_eq!(stops.count(), usize::from(asked));
        node.step(later(now, 80_000), looked(nowhere("sv1")), &mut out);
        assert!(lit(&node));
    }
}
