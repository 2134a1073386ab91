//! What a real cluster has shown.

use super::*;

/// `crm_mon` shows a node that is joining with `standby="true" pending="true"`.
///
/// Rule: N3
#[test]
fn a_node_that_is_joining_is_not_in_standby() {
    for own in ["n1", "n2", "n3"] {
        let mut play = Play::new(own);
        play.see(1_000, without_n1(picture(Some("n2"), 0)));
        play.tick(2_000);
        let mut joining = picture(Some("n2"), 0);
        (joining.nodes[0].pending, joining.nodes[0].standby) = (true, true);
        joining.change = Some(Change {
            user: "root".into(),
            client: "cibadmin".into(),
            origin: "n1".into(),
            at: at(0),
        });
        play.see(3_000, joining);
        play.see(4_000, picture(Some("n2"), 0));
        let told = play.tick(20_000);
        let standby = |one: &News| matches!(one.what, What::Standby { .. });
        assert!(!told.iter().any(standby), "{own}: {told:?}");
    }
}

/// A Pacemaker that has just started is alone with what it knew: `have-quorum="0"` until it has joined.
///
/// Rule: N3
#[test]
fn a_pacemaker_that_has_just_started_has_lost_no_quorum() {
    let mut play = Play::new("n1");
    let mut joining = picture(Some("n2"), 0);
    (joining.nodes[0].pending, joining.nodes[0].standby) = (true, true);
    joining.quorum = false;
    play.see(3_000, joining);
    assert_eq!(play.tick(5_000), []);
    play.see(6_000, picture(Some("n2"), 0));
    let told = play.tick(20_000);
    let quorum = |one: &News| matches!(one.what, What::QuorumLost | What::QuorumBack { .. });
    assert!(!told.iter().any(quorum), "{told:?}");
}

/// Pacemaker has ended on the node, Corosync not yet: `online="true" pending="true" standby="true"`.
///
/// Rule: N3
#[test]
fn a_node_whose_corosync_runs_on_was_stopped_and_not_put_into_standby() {
    let mut play = Play::new("n2");
    let mut after = picture(Some("n2"), 10_000);
    (after.nodes[0].pending, after.nodes[0].standby) = (true, true);
    play.see(10_500, after);
    let told = play.tick(10_500);
    let left = |one: &News| matches!(&one.what, What::Moved(moved) if moved.why == Why::Left);
    assert!(told.iter().any(left), "{told:?}");
}

/// Rule: N3
#[test]
fn a_failure_waits_for_the_picture_that_has_its_reason() {
    let reason = |why: &str| {
        let mut after = picture(Some("n1"), 0);
        after.failures.push(Failure {
            node: "n1".into(),
            resource: "d1".into(),
            task: "monitor".into(),
            at: at(1_000),
            why: why.into(),
        });
        after
    };
    let why = |news: &[News]| match &news[0].what {
        What::Failed(fault) => fault.why.clone(),
        other => panic!("{other:?}"),
    };
    let mut play = Play::new("n1");
    play.report(1_010, operation(1_000, "n1", "monitor", 7));
    // A look was under way when it came.
    assert!(play.watch.wants_look(now(1_110).at));
    assert_eq!(play.tick(1_400), []);
    play.see(1_500, reason("not running: the disk is full"));
    assert_eq!(why(&play.tick(1_500)), "not running: the disk is full");
    // No picture comes: it is told all the same.
    let mut play = Play::new("n1");
    play.report(1_010, operation(1_000, "n1", "monitor", 7));
    assert!(play.watch.wants_look(now(1_110).at));
    assert_eq!(play.tick(1_900), []);
    assert_eq!(why(&play.tick(2_010)), "not running");
}

/// A group of several resources is long under way, or its old node has no history of a stop.
///
/// Rule: N3
#[test]
fn a_move_that_a_person_began_is_one_however_long_it_takes() {
    let past = |node: &str, resource: &str, task: &str, ms: Option<WallTime>| Past {
        node: node.into(),
        resource: resource.into(),
        task: task.into(),
        done: true,
        at: ms,
        ..Past::default()
    };
    let long_ago = at(0).map(|at| WallTime(at.0 - 3_600_000));
    for (stop, person) in [
        (past("n1", "d1", "stop", at(101_000)), true),
        (past("n2", "d1", "start", at(103_000)), true),
        (past("n2", "d1", "start", at(120_000)), false),
    ] {
        let mut play = Play::new("n2");
        let mut after = picture(Some("n2"), 130_000);
        let mut second = after.groups[0].members[0].clone();
        second.name = "d2".into();
        after.groups[0].members.push(second);
        after.operations.push(past("n1", "d2", "stop", long_ago));
        after.operations.push(stop);
        after.change = Some(Change {
            at: at(100_000),
            user: "root".into(),
            client: "cibadmin".into(),
            origin: "n3".into(),
        });
        play.see(131_000, after);
        let news = play.tick(131_000);
        let [
            News {
                what: What::Moved(moved),
                ..
            },
        ] = &news[..]
        else {
            panic!("{news:?}")
        };
        let by_person = matches!(moved.why, Why::Person { .. });
        assert_eq!(by_person, person, "{moved:?}");
    }
}

/// Its device refuses, and it comes back by itself while a try is under way.
///
/// Rule: N3 N9
#[test]
fn a_node_that_is_back_unfenced_is_not_told_of_again() {
    let mut play = Play::new("n2");
    let asked = |news: Vec<News>| {
        let asked = news.into_iter();
        asked
            .filter(|one| matches!(one.what, What::FencingAsked { .. }))
            .count()
    };
    let member = |ms, member| Report {
        at_us: now(ms).wall.0 * 1_000,
        sequence: 1,
        kind: Kind::Node {
            node: "n1".into(),
            member,
        },
    };
    let being_fenced = |online: bool| {
        let mut picture = picture(None, 0);
        picture.being_fenced.push("n1".into());
        (picture.nodes[0].online, picture.nodes[0].unclean) = (online, !online);
        picture
    };
    play.report(1_000, member(1_000, false));
    play.see(1_200, being_fenced(false));
    assert_eq!(asked(play.tick(1_200)), 1);
    play.report(9_000, member(9_000, true));
    for ms in [9_200, 10_000] {
        play.see(ms, being_fenced(true));
        assert_eq!(asked(play.tick(ms)), 0);
    }
    // The next time is told again.
    play.see(20_000, picture(Some("n1"), 15_000));
    play.report(30_000, member(30_000, false));
    play.see(30_200, being_fenced(false));
    assert_eq!(asked(play.tick(30_200)), 1);

    // The node itself hears of a try that failed: the others have told of the first.
    let mut play = Play::new("n1");
    let words = "Operation reboot of n1 by n3 for x@n2: Error (ref=9)";
    play.watch
        .observed(now(1_000), "n2", &fencing(990, -61, words), &mut play.news);
    play.report(1_100, fencing(991, -61, words));
    assert_eq!(play.tick(5_000), []);
}
