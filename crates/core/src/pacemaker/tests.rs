//! What the tests of this module share, and the watch on virtual time.

mod clones;
mod cluster;
mod held;
mod looks;
mod memory;
mod nowhere;

use super::*;
use crate::time::{Moment, Now, Span, WallTime};
use alloc::string::ToString;
use alloc::vec;

/// A call of the agent, as a shell prints its variables: `NAME=value`, blanks escaped by `\`.
pub(super) fn read(line: &str) -> Report {
    let mut variables = Vec::new();
    let mut word = String::new();
    let mut letters = line.chars();
    loop {
        match letters.next() {
            Some('\\') => word.extend(letters.next()),
            Some(c) if !c.is_whitespace() => word.push(c),
            end => {
                if let Some((name, value)) = word.split_once('=') {
                    variables.push((name.to_string(), value.to_string()));
                }
                word.clear();
                if end.is_none() {
                    break;
                }
            }
        }
    }
    Report::read(|key| {
        let found = variables.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    })
}

/// Milliseconds of a day on which the tests play.
const DAY_MS: i64 = 1_795_376_000_000;

fn now(ms: u64) -> Now {
    Now {
        at: Moment(0) + Span::from_ms(ms),
        wall: WallTime(DAY_MS + i64::try_from(ms).unwrap()),
    }
}

fn at(ms: u64) -> Option<WallTime> {
    Some(now(ms).wall)
}

fn operation(ms: u64, node: &str, task: &str, rc: i32) -> Report {
    Report {
        at_us: now(ms).wall.0 * 1_000,
        sequence: ms as u32,
        kind: Kind::Operation(Operation {
            node: node.into(),
            resource: "d1".into(),
            task: task.into(),
            interval_ms: if task == "monitor" { 2_000 } else { 0 },
            rc,
            description: if rc == 0 { "ok" } else { "not running" }.into(),
            ..Operation::default()
        }),
    }
}

fn fencing(ms: u64, rc: i32, words: &str) -> Report {
    Report {
        at_us: now(ms).wall.0 * 1_000,
        sequence: ms as u32,
        kind: Kind::Fencing {
            node: "n1".into(),
            rc,
            description: words.into(),
        },
    }
}

/// Three nodes; the group g1 with d1 runs on `on`, started there at `started` ms.
fn picture(on: Option<&str>, started: u64) -> Picture {
    let node = |name: &str| PacemakerNode {
        name: name.into(),
        online: true,
        ..PacemakerNode::default()
    };
    let member = Member {
        name: "d1".into(),
        role: on.map_or("Stopped", |_| "Started").into(),
        active: on.is_some(),
        nodes: on.map(String::from).into_iter().collect(),
        ..Member::default()
    };
    let started = on.map(|on| Past {
        node: on.into(),
        resource: "d1".into(),
        task: "start".into(),
        call: 7,
        done: true,
        at: at(started),
    });
    Picture {
        decider: Some("n2".into()),
        quorum: true,
        nodes: vec![node("n1"), node("n2"), node("n3")],
        groups: vec![Group {
            name: "g1".into(),
            managed: true,
            members: vec![member],
            ..Group::default()
        }],
        operations: started.into_iter().collect(),
        ..Picture::default()
    }
}

fn without_n1(mut picture: Picture) -> Picture {
    picture.nodes[0].online = false;
    picture
}

/// What is otherwise in a picture.
type Edit<'a> = &'a dyn Fn(&mut Picture);

fn absence(ms: u64) -> Option<Absence> {
    let span = Span::from_ms(ms);
    Some(Absence {
        span,
        at_least: false,
    })
}

struct Play {
    watch: Watch,
    news: Vec<News>,
}

impl Play {
    /// The watch of `own`, which has seen g1 on n1.
    fn new(own: &str) -> Play {
        let mut play = Play {
            watch: Watch::new(Moment(0), own),
            news: Vec::new(),
        };
        play.see(0, picture(Some("n1"), 0));
        assert_eq!(play.news, []);
        play
    }

    fn report(&mut self, ms: u64, report: Report) {
        self.watch.report(now(ms), report, &mut self.news);
    }

    fn see(&mut self, ms: u64, picture: Picture) {
        self.watch.looked(now(ms), Ok(picture), &mut self.news);
    }

    fn tick(&mut self, ms: u64) -> Vec<News> {
        self.watch.tick(now(ms), &mut self.news);
        core::mem::take(&mut self.news)
    }
}

/// Rule: N3 N9
#[test]
fn a_failover_is_told_where_the_group_runs_and_by_others_only_when_nobody_has() {
    for (own, told) in [("n2", 1), ("N2", 1), ("n3", 0)] {
        let mut play = Play::new(own);
        let lost = Kind::Node {
            node: "n1".into(),
            member: false,
        };
        let lost = Report {
            at_us: now(1_000).wall.0 * 1_000,
            sequence: 1,
            kind: lost,
        };
        play.report(1_005, lost);
        play.see(1_200, without_n1(picture(None, 0)));
        if told == 1 {
            play.report(2_105, operation(2_100, "n2", "start", 0));
        }
        play.see(3_000, without_n1(picture(Some("n2"), 2_000)));
        let first = play.tick(3_000);
        assert_eq!(first.len(), told, "{own}: {first:?}");
        let late = play.tick(13_000);
        assert_eq!(late.len(), 1 - told, "{own}: {late:?}");
        let one = first.into_iter().chain(late).next().unwrap();
        assert_eq!(one.late, told == 0);
        // The name is the same on every server.
        let run = at(2_000).unwrap().0;
        assert_eq!(
            one.fact.as_deref(),
            Some(&*alloc::format!("runs g1 n2 7 {run}"))
        );
        let What::Moved(moved) = one.what else {
            panic!("{one:?}")
        };
        assert_eq!((moved.from.as_str(), moved.to.as_str()), ("n1", "n2"));
        assert_eq!(moved.why, Why::Lost { fenced: false });
        let away = if told == 1 { 1_100 } else { 1_000 };
        assert_eq!(moved.away, absence(away));
    }
}

/// Rule: N3
#[test]
fn why_a_group_moved_is_told_apart() {
    let failed = Failure {
        node: "n1".into(),
        resource: "d1".into(),
        task: "monitor".into(),
        at: at(9_000),
        why: "not running".into(),
    };
    let person = |client: &str, ms| Change {
        at: at(ms),
        user: "root".into(),
        client: client.into(),
        origin: "n1".into(),
    };
    let cases: [(&str, Edit<'_>, Why); 9] = [
        ("clean stop", &|p| p.nodes[0].leaving = true, Why::Left),
        (
            "loss",
            &|p| p.nodes[0].online = false,
            Why::Lost { fenced: false },
        ),
        ("standby", &|p| p.nodes[0].standby = true, Why::Standby),
        (
            "failure",
            &|p| p.failures.push(failed.clone()),
            Why::Failed {
                resource: "d1".into(),
                why: "not running".into(),
            },
        ),
        (
            "failure of long ago",
            &|p| {
                let mut old = failed.clone();
                old.at = at(0).map(|at| WallTime(at.0 - 3_600_000));
                p.failures.push(old);
            },
            Why::Preferred,
        ),
        (
            "failure that was mended in place before a person moved it",
            &|p| {
                p.failures.push(failed.clone());
                p.operations.push(Past {
                    node: "n1".into(),
                    call: 3,
                    at: at(9_500),
                    ..p.operations[0].clone()
                });
                p.change = Some(person("crm_resource", 9_800));
            },
            Why::Person {
                by: "root, crm_resource, n1".into(),
            },
        ),
        (
            "person",
            &|p| p.change = Some(person("crm_resource", 9_000)),
            Why::Person {
                by: "root, crm_resource, n1".into(),
            },
        ),
        (
            "the cluster itself",
            &|p| p.change = Some(person("pacemaker-controld", 9_000)),
            Why::Preferred,
        ),
        ("nothing", &|_| {}, Why::Preferred),
    ];
    for (name, change, why) in cases {
        let mut play = Play::new("n2");
        let mut after = picture(Some("n2"), 10_000);
        change(&mut after);
        play.see(10_500, after);
        let news = play.tick(10_500);
        let moved = news.iter().find_map(|one| match &one.what {
            What::Moved(moved) => Some(moved),
            _ => None,
        });
        assert_eq!(moved.unwrap().why, why, "{name}");
    }
}

/// A fenced node looks as if it had left, where the agent that would say more cannot be called.
///
/// Rule: N3
#[test]
fn a_node_that_the_ring_has_lost_did_not_leave_whatever_pacemaker_shows() {
    for by_ring in [true, false] {
        let mut play = Play::new("n2");
        if by_ring {
            play.watch.lost_by_ring(now(9_000), "n1");
        }
        let mut after = without_n1(picture(Some("n2"), 10_000));
        after.nodes[0].leaving = true;
        play.see(10_500, after);
        let news = play.tick(10_500);
        let lost = news.iter().any(|one| match &one.what {
            What::Moved(moved) => moved.why == Why::Lost { fenced: false },
            _ => false,
        });
        assert_eq!(lost, by_ring, "{news:?}");
    }
}

/// Rule: N3
#[test]
fn a_group_that_is_restarted_in_place_tells_its_fault_and_its_end() {
    let mut play = Play::new("n1");
    // They come in any order; their times tell which was first.
    play.report(5_000, operation(4_960, "n1", "start", 0));
    play.report(5_001, operation(4_900, "n1", "monitor", 7));
    play.report(5_002, operation(4_950, "n1", "stop", 0));
    play.see(5_200, picture(Some("n1"), 4_000));
    assert_eq!(play.tick(5_300), []);
    let news = play.tick(6_001);
    let [
        News {
            what: What::Failed(fault),
            ..
        },
    ] = &news[..]
    else {
        panic!("{news:?}")
    };
    assert_eq!(
        (fault.resource.as_str(), fault.group.as_deref()),
        ("d1", Some("g1"))
    );
    // It fails again before it has worked for long: the same fault.
    play.report(9_000, operation(8_990, "n1", "monitor", 7));
    play.report(9_100, operation(9_050, "n1", "start", 0));
    assert_eq!(play.tick(10_000), []);
    assert_eq!(play.tick(19_900), []);
    let news = play.tick(20_000);
    let [
        News {
            what: What::Recovered { fault, after },
            ..
        },
    ] = &news[..]
    else {
        panic!("{news:?}")
    };
    assert_eq!((fault.times, *after), (2, Span::from_ms(4_150)));
    assert_eq!(play.tick(60_000), []);
}

/// Rule: N3 N9
#[test]
fn one_fencing_that_several_report_is_one_fact_with_its_observers() {
    let words = "Operation reboot of n1 by n3 for pacemaker-controld.7@n2: OK (ref=1-2)";
    let mut facts = Vec::new();
    for (own, other) in [("n2", "n3"), ("n3", "n2")] {
        let mut play = Play::new(own);
        play.report(1_000, fencing(990, 0, words));
        play.watch
            .observed(now(1_100), other, &fencing(991, 0, words), &mut play.news);
        assert_eq!(play.tick(1_100), []);
        let news = play.tick(1_300);
        let [
            News {
                fact,
                what: What::Fenced(one),
                ..
            },
        ] = &news[..]
        else {
            panic!("{news:?}")
        };
        assert!(one.done);
        assert_eq!(one.observers, ["n2", "n3"]);
        facts.push(fact.clone());
        // A copy that comes late is the same fact.
        play.report(2_000, fencing(995, 0, words));
        assert_eq!(play.tick(9_000), []);
        // It is back and lost again. A fencing that fails is tried every few seconds; that is told once.
        for (ms, member) in [(9_300, true), (9_600, false)] {
            let node = Kind::Node {
                node: "n1".into(),
                member,
            };
            let report = Report {
                kind: node,
                ..fencing(ms, 0, words)
            };
            play.report(ms, report);
        }
        let failed =
            |n: u64| alloc::format!("Operation reboot of n1 by n3 for x@n2: Error (ref={n})");
        let mut told = 0;
        for n in 0..4 {
            play.report(
                10_000 + n * 6_000,
                fencing(10_000 + n * 6_000, -61, &failed(n)),
            );
            told += play.tick(11_000 + n * 6_000).len();
        }
        assert_eq!(told, 1);
    }
    assert_eq!(facts[0], facts[1]);
}

/// Rule: N3
#[test]
fn a_group_that_stays_down_for_want_of_fencing_is_told_once() {
    let unclean = |devices: bool| {
        let mut picture = without_n1(picture(Some("n1"), 0));
        (picture.fencing, picture.nodes[0].unclean) = (true, true);
        if devices {
            let device = Member {
                sort: Sort::FenceDevice,
                active: true,
                ..Member::default()
            };
            let group = Group {
                name: "fence".into(),
                members: vec![device],
                ..Group::default()
            };
            picture.groups.push(group);
        }
        picture
    };
    let held = |play: &mut Play, ms| {
        let news = play.tick(ms);
        let held = news.into_iter().filter_map(|one| match one.what {
            What::Held { why, .. } => Some(why),
            _ => None,
        });
        held.collect::<Vec<_>>()
    };
    let mut play = Play::new("n2");
    play.see(1_000, unclean(false));
    play.see(4_000, unclean(false));
    assert_eq!(held(&mut play, 4_000), []);
    play.see(6_000, unclean(false));
    assert_eq!(held(&mut play, 6_000), [Unfenced::NoDevice]);
    play.see(8_000, unclean(false));
    assert_eq!(held(&mut play, 100_000), []);
    // It runs again once somebody has seen to it: how long it was away is told.
    play.see(101_000, without_n1(picture(Some("n2"), 100_000)));
    let news = play.tick(101_000);
    assert!(
        matches!(&news[0].what, What::Moved(Move { was_down: true, .. })),
        "{news:?}"
    );

    let mut play = Play::new("n2");
    play.see(1_000, unclean(true));
    play.report(
        3_000,
        fencing(
            2_900,
            1,
            "Operation reboot of n1 by n3 for x@n2: No route to host (ref=7)",
        ),
    );
    play.see(7_000, unclean(true));
    assert_eq!(held(&mut play, 7_000), []);
    play.see(9_000, unclean(true));
    let why = held(&mut play, 9_000);
    assert!(
        matches!(&why[..], [Unfenced::Failed(words)] if words == "No route to host"),
        "{why:?}"
    );

    let mut play = Play::new("n2");
    play.see(1_000, unclean(true));
    play.see(50_000, unclean(true));
    assert_eq!(held(&mut play, 50_000), []);
    play.see(61_000, unclean(true));
    assert_eq!(
        held(&mut play, 61_000),
        [Unfenced::TooLong(Span::from_secs(60))]
    );
}

/// Rule: N3
#[test]
fn a_group_that_runs_nowhere_is_down_unless_somebody_wants_it() {
    let cases: [(&str, Edit<'_>, usize); 5] = [
        ("down", &|_| {}, 1),
        ("stopped by a person", &|p| p.groups[0].disabled = true, 1),
        ("left alone", &|p| p.maintenance = true, 0),
        ("on its way", &|p| p.groups[0].members[0].busy = true, 0),
        ("no quorum", &|p| p.quorum = false, 0),
    ];
    for (name, change, told) in cases {
        let mut play = Play::new("n2");
        let mut none = picture(None, 0);
        change(&mut none);
        for ms in [1_000, 3_000, 7_000, 9_000] {
            play.see(ms, none.clone());
        }
        let news = play.tick(9_000);
        let groups = news
            .iter()
            .filter(|one| matches!(one.what, What::Down { .. } | What::Stopped { .. }));
        assert_eq!(groups.count(), told, "{name}: {news:?}");
        let stopped = news
            .iter()
            .any(|one| matches!(one.what, What::Stopped { .. }));
        assert_eq!(stopped, name == "stopped by a person");
    }
}

/// Rule: N3
#[test]
fn standby_maintenance_and_quorum_are_told_by_one_server() {
    let tell = |own: &str, change: &dyn Fn(&mut Picture)| {
        let mut play = Play::new(own);
        let mut after = picture(Some("n1"), 0);
        change(&mut after);
        play.see(1_000, after);
        let on = play.tick(3_000).len();
        play.see(5_000, picture(Some("n1"), 0));
        (on, play.tick(20_000).len())
    };
    let each = |change: &dyn Fn(&mut Picture)| ["n1", "n2", "n3"].map(|own| tell(own, change));
    assert_eq!(
        each(&|p| p.nodes[2].standby = true),
        [(0, 0), (0, 0), (1, 1)]
    );
    assert_eq!(
        each(&|p| p.nodes[0].maintenance = true),
        [(1, 1), (0, 0), (0, 0)]
    );
    assert_eq!(each(&|p| p.maintenance = true), [(0, 0), (1, 1), (0, 0)]);
    // Who is cut off says so for himself.
    assert_eq!(tell("n1", &|p| p.quorum = false), (1, 1));
}

/// Rule: N3 N9
#[test]
fn a_report_handed_over_twice_counts_once_and_is_said_to_be_decided() {
    let mut play = Play::new("n1");
    let failed = operation(1_000, "n1", "monitor", 7);
    play.report(1_010, failed.clone());
    play.report(1_020, failed.clone());
    assert_eq!(play.watch.decided(), [""; 0]);
    // It waits for a look that may have its reason.
    assert_eq!(play.tick(2_010).len(), 1);
    assert_eq!(play.watch.decided(), [""; 0]);
    assert!(play.watch.wants_look(now(2_010).at));
    play.see(2_100, picture(Some("n1"), 0));
    assert_eq!(play.watch.decided(), [failed.key()]);
    play.report(2_500, failed.clone());
    assert_eq!(play.tick(3_500), []);
    assert_eq!(play.watch.decided(), [failed.key()]);
}

/// Rule: N3
#[test]
fn a_start_that_waited_on_disk_is_told_with_where_the_group_came_from() {
    let mut play = Play {
        watch: Watch::new(Moment(0), "n2"),
        news: Vec::new(),
    };
    let lost = Kind::Node {
        node: "n1".into(),
        member: false,
    };
    let lost = Report {
        at_us: now(0).wall.0 * 1_000,
        sequence: 1,
        kind: lost,
    };
    play.report(9_000, lost);
    play.report(9_001, operation(1_500, "n2", "start", 0));
    assert_eq!(play.tick(9_400), []);
    play.see(9_500, without_n1(picture(Some("n2"), 1_000)));
    let news = play.tick(9_500);
    let [
        News {
            what: What::Moved(moved),
            ..
        },
    ] = &news[..]
    else {
        panic!("{news:?}")
    };
    assert_eq!((moved.from.as_str(), moved.away), ("n1", absence(1_500)));
}
