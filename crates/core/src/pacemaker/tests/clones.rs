//! Instances of clones: lost on a node that is up, and what is no loss.

use super::*;

/// g1 on n1, and the clone `locks` with an instance on each of these.
fn with_clone(nodes: &[&str]) -> Picture {
    let mut all = picture(Some("n1"), 0);
    let members = ["n1", "n2", "n3"].iter().enumerate().map(|(at, name)| {
        let here = nodes.get(at);
        Member {
            name: "dlm".into(),
            active: here.is_some(),
            instance: at + 1,
            nodes: here.map(|node| (*node).into()).into_iter().collect(),
            role: name.to_string(),
            ..Member::default()
        }
    });
    all.groups.push(Group {
        name: "locks".into(),
        kind: GroupKind::Clone,
        managed: true,
        members: members.collect(),
        ..Group::default()
    });
    all
}

fn play(own: &str) -> Play {
    let mut play = Play {
        watch: Watch::new(Moment(0), own),
        news: Vec::new(),
    };
    play.see(0, with_clone(&["n1", "n2", "n3"]));
    play
}

fn see_long(play: &mut Play, from: u64, picture: &Picture) {
    for ms in [0, 2_000, 4_000, 6_000] {
        play.see(from + ms, picture.clone());
    }
}

/// Rule: N3 N9
#[test]
fn an_instance_lost_on_a_server_that_is_up_is_told_by_that_server_and_so_is_its_return() {
    for (own, ours) in [("n2", 1), ("n3", 0)] {
        let mut play = play(own);
        see_long(&mut play, 1_000, &with_clone(&["n1", "n3"]));
        let mut news = play.tick(7_000);
        assert_eq!(news.len(), ours, "{own}: {news:?}");
        news.extend(play.tick(17_000));
        let [
            News {
                what: What::InstanceLost { node, on, .. },
                late,
                ..
            },
        ] = &news[..]
        else {
            panic!("{news:?}")
        };
        assert_eq!((&**node, on.len(), *late), ("n2", 2, ours == 0));
        see_long(&mut play, 30_000, &with_clone(&["n1", "n3"]));
        assert_eq!(play.tick(50_000), []);
        play.see(60_000, with_clone(&["n1", "n2", "n3"]));
        let mut news = play.tick(60_000);
        news.extend(play.tick(70_000));
        let [
            News {
                what: What::Started { group, after, .. },
                ..
            },
        ] = &news[..]
        else {
            panic!("{news:?}")
        };
        assert_eq!((&**group, *after), ("locks", absence(59_000)));
    }
}

/// Rule: N3
#[test]
fn an_instance_that_goes_with_its_server_or_by_wish_is_no_news() {
    let cases: [(&str, Edit<'_>); 9] = [
        ("down", &|p| p.nodes[1].online = false),
        ("standby", &|p| p.nodes[1].standby = true),
        ("leaving", &|p| p.nodes[1].leaving = true),
        ("joining", &|p| p.nodes[1].pending = true),
        ("maintenance", &|p| p.nodes[1].maintenance = true),
        ("left alone", &|p| p.groups[1].managed = false),
        ("disabled", &|p| p.groups[1].disabled = true),
        ("no quorum", &|p| p.quorum = false),
        ("on its way", &|p| p.groups[1].members[2].busy = true),
    ];
    for (name, change) in cases {
        let mut play = play("n3");
        let mut after = with_clone(&["n1", "n3"]);
        change(&mut after);
        see_long(&mut play, 1_000, &after);
        let is_lost = |one: &News| matches!(one.what, What::InstanceLost { .. });
        assert!(!play.tick(7_000).iter().any(is_lost), "{name}");
        assert!(!play.tick(27_000).iter().any(is_lost), "{name}");
    }
    // Fewer instances than nodes: one goes to another node.
    let mut play = Play {
        watch: Watch::new(Moment(0), "n3"),
        news: Vec::new(),
    };
    play.see(0, with_clone(&["n1", "n2"]));
    play.see(1_000, with_clone(&["n1"]));
    see_long(&mut play, 2_000, &with_clone(&["n1", "n3"]));
    assert_eq!(play.tick(30_000), []);
}

/// Rule: N3 N9
#[test]
fn a_clone_that_runs_nowhere_is_told_once_for_all_servers() {
    let mut facts = Vec::new();
    for own in ["n1", "n2", "n3"] {
        let mut play = play(own);
        see_long(&mut play, 1_000, &with_clone(&[]));
        let mut news = play.tick(7_000);
        assert_eq!(news.len(), usize::from(own == "n2"), "{own}: {news:?}");
        news.extend(play.tick(17_000));
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
        facts.extend(news.into_iter().map(|one| one.fact));
    }
    facts.dedup();
    assert_eq!(facts.len(), 1);
}
