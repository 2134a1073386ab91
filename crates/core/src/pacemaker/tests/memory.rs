//! A restart of the service in the middle of things: what is remembered, and what is never made up.

use super::*;

fn lost(ms: u64) -> Report {
    let kind = Kind::Node {
        node: "n1".into(),
        member: false,
    };
    Report {
        at_us: now(ms).wall.0 * 1_000,
        sequence: 1,
        kind,
    }
}

fn moves(news: &[News]) -> Vec<&Move> {
    let moves = news.iter().filter_map(|one| match &one.what {
        What::Moved(moved) => Some(moved),
        _ => None,
    });
    moves.collect()
}

impl Play {
    /// The service ends and starts again: reports that it was done with are gone.
    fn restart(&mut self, ms: u64, own: &str) {
        let memories = self.watch.memories();
        self.watch = Watch::new(now(ms).at, own);
        self.watch.learn(now(ms).at, memories);
        self.news.clear();
    }
}

/// Rule: N3 N9
#[test]
fn a_failover_during_which_all_services_restart_is_told_once_with_its_length() {
    let mut facts = Vec::new();
    for own in ["n2", "n3"] {
        let mut play = Play::new(own);
        play.report(1_005, lost(1_000));
        play.see(1_200, without_n1(picture(None, 0)));
        play.restart(2_500, own);
        play.see(2_600, without_n1(picture(None, 0)));
        assert_eq!(play.tick(2_600), []);
        play.see(4_600, without_n1(picture(Some("n2"), 4_000)));
        let mut news = play.tick(4_600);
        news.extend(play.tick(14_600));
        let [moved] = moves(&news)[..] else {
            panic!("{own}: {news:?}")
        };
        assert_eq!((&*moved.from, &*moved.to), ("n1", "n2"));
        assert_eq!(moved.why, Why::Lost { fenced: false });
        // It was noticed 200 ms after the report that nobody remembers.
        assert_eq!(moved.away, absence(2_800), "{own}");
        facts.extend(news.iter().map(|one| one.fact.clone()));
    }
    assert_eq!(facts.len(), 2);
    assert_eq!(facts[0], facts[1]);
}

/// A whole failover while no service was at work.
///
/// Rule: N3
#[test]
fn a_failover_that_nobody_watched_is_told_for_what_is_known_of_it() {
    // The agent's reports waited on disk.
    let mut play = Play::new("n2");
    play.restart(9_000, "n2");
    play.report(9_010, lost(2_000));
    play.report(9_011, operation(4_100, "n2", "start", 0));
    play.see(9_100, without_n1(picture(Some("n2"), 4_000)));
    let news = play.tick(9_400);
    let [moved] = moves(&news)[..] else {
        panic!("{news:?}")
    };
    assert_eq!(moved.why, Why::Lost { fenced: false });
    assert_eq!(moved.away, absence(2_100));
    assert!(news.iter().all(|one| one.late));

    // Nothing waited: where from and where to is known, why and for how long is not.
    for back in [false, true] {
        let mut play = Play::new("n2");
        play.restart(9_000, "n2");
        let mut after = picture(Some("n2"), 4_000);
        after.nodes[0].online = back;
        play.see(9_100, after);
        let news = play.tick(9_400);
        let [moved] = moves(&news)[..] else {
            panic!("{news:?}")
        };
        assert_eq!((&moved.why, moved.away), (&Why::Unseen, None), "{back}");
    }

    // It is still away: at least since we look again.
    let mut play = Play::new("n2");
    play.restart(9_000, "n2");
    play.see(9_100, without_n1(picture(None, 0)));
    play.see(11_100, without_n1(picture(Some("n2"), 11_000)));
    let news = play.tick(11_100);
    let [moved] = moves(&news)[..] else {
        panic!("{news:?}")
    };
    let away = moved.away.unwrap();
    assert!(
        away.at_least && away.span == Span::from_ms(1_900),
        "{away:?}"
    );
}

/// Rule: N3
#[test]
fn a_group_that_stayed_where_it_was_is_no_news_after_a_restart() {
    for started in [0, 5_000] {
        let mut play = Play::new("n2");
        play.restart(9_000, "n2");
        for ms in [9_100, 11_100, 40_000, 80_000] {
            play.see(ms, picture(Some("n1"), started));
        }
        assert_eq!(play.tick(99_000), [], "{started}");
    }
}

/// Rule: N3
#[test]
fn what_was_told_before_a_restart_is_not_told_again_and_its_end_is() {
    let unclean = || {
        let mut picture = without_n1(picture(Some("n1"), 0));
        (picture.fencing, picture.nodes[0].unclean) = (true, true);
        picture
    };
    for held in [true, false] {
        let down = || match held {
            true => unclean(),
            false => picture(None, 0),
        };
        let mut play = Play::new("n2");
        play.see(1_000, down());
        play.see(7_000, down());
        assert_eq!(play.tick(7_000).len(), 1);
        play.restart(8_000, "n2");
        for ms in [8_100, 14_100, 70_000] {
            play.see(ms, down());
        }
        assert_eq!(play.tick(99_000), [], "{held}");
        play.see(101_000, without_n1(picture(Some("n2"), 100_000)));
        let news = play.tick(101_000);
        let [moved] = moves(&news)[..] else {
            panic!("{news:?}")
        };
        assert!(moved.was_down);
        assert_eq!(moved.away, absence(99_000));
    }
}

/// The hosts were switched off and on: a group that comes up elsewhere has not failed over.
///
/// Rule: N3
#[test]
fn a_cluster_that_began_anew_makes_no_failover_of_what_was_before() {
    let joins = |play: &mut Play, by_report: bool| match by_report {
        true => {
            let kind = Kind::Node {
                node: "n2".into(),
                member: true,
            };
            let report = Report {
                at_us: now(900_000).wall.0 * 1_000,
                sequence: 1,
                kind,
            };
            play.report(900_100, report);
        }
        false => {
            let mut joining = picture(None, 0);
            joining.nodes[1].online = false;
            play.see(900_100, joining);
        }
    };
    for by_report in [true, false] {
        let mut play = Play::new("n2");
        play.restart(900_000, "n2");
        joins(&mut play, by_report);
        play.see(901_000, without_n1(picture(None, 0)));
        play.report(904_100, operation(904_000, "n2", "start", 0));
        play.see(904_500, without_n1(picture(Some("n2"), 904_000)));
        let news = play.tick(905_000);
        assert!(
            matches!(
                &news[..],
                [News {
                    what: What::Started { after: None, .. },
                    ..
                }]
            ),
            "{by_report}: {news:?}"
        );
    }
}

/// Rule: N3 N9
#[test]
fn a_server_that_has_not_watched_learns_from_one_that_has() {
    let mut play = Play::new("n2");
    play.see(1_000, picture(None, 0));
    play.see(7_000, picture(None, 0));
    assert_eq!(play.tick(7_000).len(), 1);
    let memories = play.watch.memories();
    let mut late = Play {
        watch: Watch::new(now(8_000).at, "n3"),
        news: Vec::new(),
    };
    late.see(8_100, picture(None, 0));
    late.watch.learn(now(8_200).at, memories);
    for ms in [15_000, 75_000] {
        late.see(ms, picture(None, 0));
    }
    assert_eq!(late.tick(99_000), []);
    assert_eq!(late.watch.last_place("g1"), Some("n1"));
}

/// What the others told before this node took part again no longer counts, and is asked for anew.
///
/// Rule: N3 N9
#[test]
fn a_group_that_comes_here_just_after_the_node_returned_is_told_with_where_it_was() {
    for taught in [true, false] {
        let mut play = Play::new("n2");
        let memories = play.watch.memories();
        let mut joining = picture(Some("n1"), 0);
        joining.nodes[1].online = false;
        play.see(900_000, joining);
        assert!(!play.watch.asks());
        let here = || {
            let mut here = picture(Some("n2"), 901_000);
            here.operations.push(Past {
                node: "n1".into(),
                resource: "d1".into(),
                task: "stop".into(),
                done: true,
                at: at(900_000),
                ..Past::default()
            });
            here
        };
        play.report(901_500, operation(901_400, "n2", "start", 0));
        play.see(901_600, here());
        assert!(play.watch.asks());
        assert_eq!(play.tick(901_600), []);
        if taught {
            play.watch.learn(now(901_650).at, memories);
            assert!(play.watch.next_deadline() <= now(902_100).at);
            let kind = Kind::Node {
                node: "n2".into(),
                member: true,
            };
            let at_us = now(900_500).wall.0 * 1_000;
            let late = Report {
                at_us,
                kind,
                ..lost(0)
            };
            play.report(901_700, late);
        }
        assert!(play.watch.next_deadline() <= now(902_600).at);
        play.see(902_600, here());
        let news = play.tick(902_600);
        let [one] = &news[..] else {
            panic!("{taught}: {news:?}")
        };
        match &one.what {
            What::Moved(moved) => {
                assert!(taught && moved.from == "n1" && moved.why == Why::Preferred);
            }
            what => assert!(!taught && matches!(what, What::Started { after: None, .. })),
        }
        assert!(!one.late && !play.watch.asks());
    }
}

/// Its group was told to stay down, and starts there again.
///
/// Rule: N3 N9 N11
#[test]
fn a_node_that_returns_with_its_group_ends_the_trouble_that_others_have_told() {
    let mut others = Play::new("n2");
    others.see(1_000, picture(None, 0));
    others.see(7_000, picture(None, 0));
    assert_eq!(others.tick(7_000).len(), 1);
    let mut play = Play::new("n1");
    let mut joining = picture(None, 0);
    joining.nodes[0].online = false;
    play.see(10_000, joining);
    play.see(11_000, picture(None, 0));
    if play.watch.asks() {
        play.watch.learn(now(11_050).at, others.watch.memories());
    }
    play.report(12_500, operation(12_400, "n1", "start", 0));
    let mut facts = Vec::new();
    for mut play in [play, others] {
        play.see(12_600, picture(Some("n1"), 12_000));
        facts.extend(play.tick(30_000));
    }
    let [own, other] = &facts[..] else {
        panic!("{facts:?}")
    };
    assert_eq!(own.fact, other.fact);
    assert!(!own.late && other.late);
    assert!(matches!(own.what, What::Started { after: Some(_), .. }));
}

/// Fencing is tried again every few seconds, so a service that is restarted meanwhile is told of the next failure at
/// once. It is no other one than the one that an earlier run has told, as long as the picture shows the node unfenced.
///
/// Rule: N3 N8 N9
#[test]
fn a_fencing_that_keeps_failing_over_a_restart_is_not_told_again() {
    let failed = |ms: u64, reference: u64| {
        fencing(
            ms,
            1,
            &alloc::format!("Operation reboot of n1 by n2 for x: Error (ref={reference})"),
        )
    };
    let unclean = |unclean: bool| {
        let mut picture = without_n1(picture(Some("n2"), 0));
        (picture.fencing, picture.nodes[0].unclean) = (true, unclean);
        picture
    };
    for (told, lasts, times) in [(true, true, 0), (true, false, 1), (false, true, 1)] {
        let mut play = Play {
            watch: Watch::new(Moment(0), "n2"),
            news: Vec::new(),
        };
        if told {
            play.watch.told_unfenced(Moment(0), ["n1"].into_iter());
        }
        play.see(100, unclean(lasts));
        play.report(2_000, failed(2_000, 8));
        play.report(4_000, failed(4_000, 9));
        let news: Vec<News> = [2_500, 4_500, 9_000]
            .into_iter()
            .flat_map(|ms| play.tick(ms))
            .collect();
        let of = |one: &&News| matches!(&one.what, What::Fenced(fencing) if !fencing.done);
        assert_eq!(
            news.iter().filter(of).count(),
            times,
            "{told} {lasts}: {news:?}"
        );
        // Its end is, and so is the next one.
        play.report(
            10_000,
            fencing(10_000, 0, "Operation reboot of n1 by n2 for x: OK (ref=10)"),
        );
        let news = play.tick(10_500);
        assert!(
            news.iter()
                .any(|one| matches!(&one.what, What::Fenced(fencing) if fencing.done)),
            "{news:?}"
        );
    }
}

/// As recorded of nodes that came back after a power cut: a configuration without anything, or all nodes unclean and
/// nobody who decides. Taken for the cluster, the first has all groups forgotten that others tell of.
///
/// Rule: N3 N9 N11
#[test]
fn a_node_whose_pacemaker_has_just_started_is_not_believed_whatever_it_shows() {
    let empty = Picture {
        quorum: true,
        ..Picture::default()
    };
    let mut stale = picture(None, 0);
    stale.decider = None;
    stale.nodes.iter_mut().for_each(|node| node.unclean = true);
    for early in [empty, stale] {
        let mut others = Play::new("n2");
        others.see(1_000, picture(None, 0));
        others.see(7_000, picture(None, 0));
        assert_eq!(others.tick(7_000).len(), 1);
        let mut play = Play::new("n1");
        play.restart(8_000, "n1");
        play.watch.learn(now(8_500).at, others.watch.memories());
        play.see(10_000, early.clone());
        assert!(play.watch.picture().is_none() && !play.watch.asks());
        play.see(11_000, picture(None, 0));
        assert!(play.watch.asks());
        play.watch.learn(now(11_050).at, others.watch.memories());
        play.report(12_500, operation(12_400, "n1", "start", 0));
        play.see(12_600, picture(Some("n1"), 12_000));
        let news = play.tick(30_000);
        let ends = |one: &News| matches!(one.what, What::Started { after: Some(_), .. });
        assert!(
            matches!(&news[..], [one] if ends(one)),
            "{early:?}: {news:?}"
        );
    }
}

/// A server of another name than its node hears late what happens, but hears it: also when the node that decides is the
/// one that dies, and for a moment nobody decides.
///
/// Rule: N3 N8
#[test]
fn a_server_of_another_name_than_its_node_tells_a_failover_while_nobody_decides() {
    let mut play = Play::new("db2.example.com");
    let mut elects = without_n1(picture(None, 0));
    elects.decider = None;
    play.see(1_200, elects);
    play.see(3_000, without_n1(picture(Some("n2"), 2_000)));
    let news = play.tick(20_000);
    assert_eq!(moves(&news).len(), 1, "{news:?}");
}
