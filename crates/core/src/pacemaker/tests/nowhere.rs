//! Groups that run nowhere, only in part, or never did; failures on every node as one trouble.

use super::*;

pub(super) fn first(own: &str) -> Play {
    Play {
        watch: Watch::new(Moment(0), own),
        news: Vec::new(),
    }
}

fn failure(node: &str, ms: u64) -> Failure {
    Failure {
        node: node.into(),
        resource: "d1".into(),
        task: "start".into(),
        at: at(ms),
        why: "not configured".into(),
    }
}

fn start_failed(ms: u64, node: &str) -> Report {
    operation(ms, node, "start", 1)
}

/// Rule: N3
#[test]
fn a_group_that_never_ran_is_told_when_nothing_brings_it_up() {
    let failed: Edit<'_> = &|p| p.failures.push(failure("n1", 500));
    let nothing: Edit<'_> = &|_| {};
    for (name, change, wait) in [("failed", failed, 5_000), ("no failure", nothing, 60_000)] {
        let mut none = picture(None, 0);
        change(&mut none);
        let mut facts = Vec::new();
        for own in ["n2", "n3"] {
            let mut play = first(own);
            for ms in [1_000, 3_000, wait + 900] {
                play.see(ms, none.clone());
            }
            assert_eq!(play.tick(wait + 900), [], "{name}");
            play.see(wait + 1_000, none.clone());
            let mut news = play.tick(wait + 1_000);
            assert_eq!(news.len(), usize::from(own == "n2"), "{name}");
            news.extend(play.tick(wait + 11_000));
            assert!(
                matches!(
                    &news[..],
                    [News {
                        what: What::Down { node: None, .. },
                        ..
                    }]
                ),
                "{news:?}"
            );
            facts.extend(news.into_iter().map(|one| one.fact));
            // Once; and its end.
            play.see(wait + 60_000, none.clone());
            assert_eq!(play.tick(wait + 90_000), []);
            play.see(wait + 100_000, picture(Some("n2"), wait + 99_000));
            let mut news = play.tick(wait + 100_000);
            news.extend(play.tick(wait + 110_000));
            assert!(
                matches!(
                    &news[..],
                    [News {
                        what: What::Started { after: Some(_), .. },
                        ..
                    }]
                ),
                "{news:?}"
            );
        }
        assert_eq!(facts[0], facts[1]);
    }
}

/// Rule: N3
#[test]
fn a_group_that_nobody_can_or_wants_to_start_yet_is_not_down() {
    let cases: [(&str, Edit<'_>); 7] = [
        ("no quorum", &|p| p.quorum = false),
        ("nobody decides yet", &|p| p.decider = None),
        ("a node is joining", &|p| p.nodes[2].pending = true),
        ("target-role Stopped", &|p| p.groups[0].disabled = true),
        ("unmanaged", &|p| p.groups[0].managed = false),
        ("maintenance", &|p| p.maintenance = true),
        ("on its way", &|p| p.groups[0].members[0].busy = true),
    ];
    for (name, change) in cases {
        let mut play = first("n2");
        let mut none = picture(None, 0);
        none.failures.push(failure("n1", 500));
        change(&mut none);
        for ms in (1_000..300_000).step_by(2_000) {
            play.see(ms, none.clone());
        }
        assert_eq!(play.tick(300_000), [], "{name}");
        // From when that is over it counts.
        let mut over = picture(None, 0);
        over.failures.push(failure("n1", 500));
        play.see(301_000, over.clone());
        play.see(304_000, over.clone());
        let is_down = |one: &News| matches!(one.what, What::Down { .. });
        assert!(!play.tick(304_000).iter().any(is_down), "{name}");
        play.see(306_500, over);
        assert_eq!(play.tick(306_500).len(), 1, "{name}");
    }
}

/// A person stops a group, mends something, and starts it again, but it does not come up: whoever stopped it may have
/// gone home.
///
/// Rule: N3 N5 N9
#[test]
fn a_group_that_a_person_wants_back_and_that_does_not_come_is_told() {
    let mut stopped = picture(None, 0);
    stopped.groups[0].disabled = true;
    let mut broken = picture(None, 0);
    broken.failures.push(failure("n1", 31_000));
    let mut facts = Vec::new();
    for own in ["n2", "n3"] {
        let mut play = Play::new(own);
        play.see(1_000, picture(Some("n1"), 500));
        play.see(10_000, stopped.clone());
        play.see(30_000, stopped.clone());
        play.tick(30_000);
        play.see(31_000, broken.clone());
        play.see(35_000, broken.clone());
        assert_eq!(play.tick(35_000), [], "{own}");
        play.see(36_500, broken.clone());
        let mut news = play.tick(36_500);
        assert_eq!(news.len(), usize::from(own == "n2"), "{news:?}");
        news.extend(play.tick(47_000));
        let [down] = &news[..] else {
            panic!("{news:?}")
        };
        assert!(matches!(&down.what, What::Down { node: Some(node), .. } if node == "n1"));
        facts.push(down.fact.clone());
        // Once, and its end; the time that was meant does not count.
        play.see(60_000, broken.clone());
        assert_eq!(play.tick(80_000), []);
        play.see(91_500, picture(Some("n1"), 91_000));
        let mut news = play.tick(91_500);
        news.extend(play.tick(102_000));
        let after = |one: &News| match &one.what {
            What::Started { after, .. } => after.as_ref().map(|after| after.span),
            _ => None,
        };
        let spans: Vec<_> = news.iter().filter_map(after).collect();
        assert!(
            matches!(&spans[..], [span] if *span < Span::from_secs(70)),
            "{news:?}"
        );
    }
    assert_eq!(facts[0], facts[1]);
}

/// Rule: N3
#[test]
fn a_group_that_fails_on_every_node_is_mailed_first_and_summed_up() {
    let reports = [(1_000, "n3"), (1_200, "n1"), (1_400, "n2")];
    let mut quiet = Vec::new();
    for own in ["n1", "n2", "n3"] {
        let mut play = Play::new(own);
        play.see(900, picture(None, 0));
        for (ms, node) in reports {
            match node == own {
                true => play.report(ms + 5, start_failed(ms, node)),
                false => {
                    let report = start_failed(ms, node);
                    let at = now(ms + 20);
                    play.watch.observed(at, node, &report, &mut play.news);
                }
            }
        }
        let news = play.tick(2_420);
        let [
            News {
                what: What::Failed(fault),
                ..
            },
        ] = &news[..]
        else {
            panic!("{news:?}")
        };
        quiet.push((own, fault.quiet));
        let mut none = picture(None, 0);
        none.failures = reports.map(|(ms, node)| failure(node, ms)).to_vec();
        play.see(2_500, none.clone());
        play.see(7_600, none);
        let mut news = play.tick(7_600);
        news.extend(play.tick(17_700));
        let [
            News {
                what: What::Down { failures, .. },
                ..
            },
        ] = &news[..]
        else {
            panic!("{news:?}")
        };
        let expected =
            ["n3", "n1", "n2"].map(|node| alloc::format!("d1 start ({node}): not configured"));
        assert_eq!(*failures, expected);
    }
    assert_eq!(quiet, [("n1", true), ("n2", true), ("n3", false)]);
}

/// Rule: N3
#[test]
fn a_failure_after_the_group_has_run_is_a_trouble_of_its_own() {
    for ran in [true, false] {
        let mut play = Play::new("n1");
        let elsewhere = start_failed(10_000, "n3");
        let at = now(10_020);
        play.watch.observed(at, "n3", &elsewhere, &mut play.news);
        if ran {
            play.see(20_000, picture(Some("n2"), 12_000));
        }
        play.tick(40_000);
        play.report(60_000, start_failed(60_000, "n1"));
        let news = play.tick(61_000);
        let [
            News {
                what: What::Failed(fault),
                ..
            },
        ] = &news[..]
        else {
            panic!("{news:?}")
        };
        assert_eq!(fault.quiet, !ran);
    }
}

/// What still ran of it was stopped on the way: that it works again is told and mailed.
///
/// Rule: N3 N11
#[test]
fn a_group_that_ran_in_part_and_starts_elsewhere_ends_its_trouble() {
    let mut play = Play::new("n2");
    let mut part = picture(Some("n1"), 0);
    part.groups[0].members.push(Member {
        name: "d2".into(),
        role: "Stopped".into(),
        ..Member::default()
    });
    for ms in [1_000, 3_000, 8_000] {
        play.see(ms, part.clone());
    }
    let told = play.tick(8_000);
    assert!(
        matches!(&told[..], [one] if matches!(one.what, What::Partial { .. })),
        "{told:?}"
    );
    play.see(60_000, picture(None, 0));
    play.see(60_500, picture(Some("n2"), 60_300));
    let news = play.tick(60_500);
    let ends = news.iter().filter(|one| {
        let what = &one.what;
        matches!(what, What::Started { after: Some(_), .. })
    });
    assert_eq!((ends.count(), news.len()), (1, 1), "{news:?}");
}

/// Rule: N3
#[test]
fn a_group_of_which_a_resource_cannot_run_is_told_as_running_in_part() {
    let mut play = Play::new("n2");
    let part = |busy: bool, disabled: bool| {
        let mut part = picture(Some("n1"), 0);
        let idle = Member {
            name: "d2".into(),
            role: "Stopped".into(),
            busy,
            disabled,
            ..Member::default()
        };
        part.groups[0].members.push(idle);
        part.failures.push(Failure {
            resource: "d2".into(),
            ..failure("n1", 900)
        });
        part
    };
    for ms in [1_000, 3_000, 20_000] {
        play.see(ms, part(true, false));
        play.see(ms + 600, part(false, true));
    }
    assert_eq!(play.tick(20_600), []);
    for ms in [21_000, 23_000, 26_500, 28_000] {
        play.see(ms, part(false, false));
    }
    let news = play.tick(28_000);
    let [
        News {
            what: What::Partial { node, idle, .. },
            ..
        },
    ] = &news[..]
    else {
        panic!("{news:?}")
    };
    assert_eq!((&**node, &idle[..]), ("n1", &["d2".to_string()][..]));
    // What runs stops as well: that is worse.
    play.see(30_000, picture(None, 0));
    play.see(36_000, picture(None, 0));
    let news = play.tick(36_000);
    assert!(
        matches!(
            &news[..],
            [News {
                what: What::Down { .. },
                ..
            }]
        ),
        "{news:?}"
    );
}

/// Rule: N3 M18
#[test]
fn a_cluster_shutdown_is_one_thing_and_its_start_too() {
    let leaving = |on: Option<&str>| {
        let mut all = picture(on, 0);
        all.nodes.iter_mut().for_each(|node| node.leaving = true);
        all
    };
    for own in ["n1", "n2", "n3"] {
        let mut play = Play::new(own);
        play.watch.hints();
        play.see(1_000, leaving(Some("n1")));
        assert!(
            play.watch.hints(),
            "the others are to look while there is something to see"
        );
        let news = play.tick(1_000);
        let [
            News {
                what: What::ClusterStops { tells, nodes },
                ..
            },
        ] = &news[..]
        else {
            panic!("{news:?}")
        };
        assert_eq!((*tells, nodes.len()), (own == "n2", 3));
        for ms in [2_000, 8_000, 14_000] {
            play.see(ms, leaving(None));
        }
        for ms in [20_000, 90_000, 200_000] {
            let gone = Err("not connected".to_string());
            play.watch.looked(now(ms), gone, &mut play.news);
        }
        assert_eq!(play.tick(300_000), [], "{own}");
        let mut joining = picture(None, 0);
        joining.nodes[usize::from(own.as_bytes()[1] - b'1')].online = false;
        play.see(400_000, joining);
        play.see(401_000, picture(None, 0));
        play.see(404_000, picture(Some("n2"), 403_000));
        let mut news = play.tick(404_000);
        news.extend(play.tick(420_000));
        let runs = |one: &News| one.what == What::ClusterRuns;
        assert_eq!(news.iter().filter(|one| runs(one)).count(), 1, "{own}");
        news.retain(|one| !runs(one) && !matches!(one.what, What::Started { after: None, .. }));
        assert_eq!(news, [], "{own}");
    }
    // One server after the other, and a side that is cut off: no shutdown.
    let cases: [Edit<'_>; 2] = [&|p| p.nodes[1].leaving = true, &|p| {
        p.quorum = false;
        p.nodes[0].online = false;
        p.nodes[2].online = false;
        p.nodes[1].leaving = true;
    }];
    for change in cases {
        let mut play = Play::new("n2");
        let mut one = picture(Some("n1"), 0);
        change(&mut one);
        play.see(1_000, one);
        let stops = |one: &News| matches!(one.what, What::ClusterStops { .. });
        assert!(!play.tick(1_000).iter().any(stops));
    }
}
