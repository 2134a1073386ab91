//! What a server does with Pacemaker's reports and pictures: alerts, their words, their place on disk.

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
    alerts.collect()
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
