//! Groups that stay down because their node is lost and not fenced: told once, whatever each server has seen before.

use super::nowhere::first;
use super::*;
use crate::alert::AlertId;

/// The group's node n1 is lost and not fenced.
fn unclean() -> Picture {
    let mut picture = without_n1(picture(Some("n1"), 0));
    (picture.fencing, picture.nodes[0].unclean) = (true, true);
    // The history of a lost node is not shown.
    picture.operations.clear();
    picture
}

fn is_held(one: &News) -> bool {
    matches!(one.what, What::Held { .. })
}

impl Play {
    /// Sees the group held from `ms` on, for as long as it takes to tell it; then looks on.
    fn held(&mut self, ms: u64) -> Vec<News> {
        self.see(ms, unclean());
        self.see(ms + 6_000, unclean());
        self.tick(ms + 6_000)
    }
}

/// As recorded of a real cluster: a node that came back had its copy of the group's address still, so Pacemaker
/// started the group anew where it was; the server that decides had not looked at that yet when the node died.
///
/// Rule: N3 N9 N11
#[test]
fn a_group_that_was_started_in_place_unseen_is_told_once_when_it_is_held() {
    for heard_at in [29_000, 36_500] {
        let (mut decides, mut other) = (Play::new("n2"), Play::new("n3"));
        other.see(20_000, picture(Some("n1"), 19_000));
        other.see(28_000, picture(Some("n1"), 19_000));
        let told = decides.held(22_000);
        let [one] = &told[..] else { panic!("{told:?}") };
        assert!(is_held(one) && !one.late);
        let id = AlertId("fact.1".into());
        let word = decides.watch.told_as("g1", &id).expect("it was told");
        if heard_at < 30_000 {
            // Its pictures come late.
            assert!(
                other
                    .watch
                    .learn(now(heard_at).at, vec![word.clone()])
                    .is_empty()
            );
        }
        assert_eq!(other.held(30_000), []);
        if heard_at > 30_000 {
            assert_eq!(other.watch.learn(now(heard_at).at, vec![word]), ["g1"]);
        }
        assert_eq!(other.tick(60_000), [], "{heard_at}");
        // Both name its end alike, though nothing is shown of the new run.
        let mut facts = Vec::new();
        for mut play in [decides, other] {
            let mut back = picture(Some("n1"), 0);
            back.operations.clear();
            play.see(70_000, back.clone());
            play.see(76_000, back);
            let news = play.tick(90_000);
            assert!(matches!(&news[..], [one] if one.what.ends_trouble_of() == Some("g1")));
            facts.extend(news.into_iter().map(|one| one.fact));
        }
        assert_eq!(facts[0], facts[1]);
    }
}

/// Only who has told it silences others: two who both leave it to each other would tell nothing.
///
/// Rule: N3 N8
#[test]
fn a_held_group_is_told_by_others_when_nobody_has() {
    for own in ["n3", "n4"] {
        let mut play = first(own);
        assert_eq!(play.held(1_000), []);
        let mut other = Play::new("n3");
        assert_eq!(other.held(1_000), []);
        let waits = other.watch.memories();
        assert!(play.watch.learn(now(8_000).at, waits).is_empty());
        let news = play.tick(20_000);
        assert!(
            matches!(&news[..], [one] if is_held(one) && one.late),
            "{news:?}"
        );
    }
}

/// A server that has just started hears of it by its first link, and names it as the others do from then on.
///
/// Rule: N3 N9
#[test]
fn a_server_that_starts_while_a_group_is_held_does_not_tell_it_again() {
    let mut decides = Play::new("n2");
    assert_eq!(decides.held(1_000).len(), 1);
    let id = AlertId("fact.1".into());
    decides.watch.told_as("g1", &id).expect("it was told");
    for own in ["n2", "n3"] {
        for links_at in [9_000, 10_500] {
            let mut play = first(own);
            if links_at == 9_000 {
                play.watch.learn(now(links_at).at, decides.watch.memories());
            }
            play.see(10_000, unclean());
            if links_at > 10_000 {
                play.watch.learn(now(links_at).at, decides.watch.memories());
            }
            for ms in [16_000, 30_000, 60_000] {
                play.see(ms, unclean());
            }
            assert_eq!(play.tick(80_000), [], "{own} {links_at}");
        }
    }
}

/// Rule: N3 N9
#[test]
fn a_start_in_place_has_the_other_servers_look() {
    for (own, looks) in [("n1", true), ("n2", false)] {
        let mut play = Play::new(own);
        play.watch.hints();
        play.see(20_000, picture(Some("n1"), 0));
        assert!(!play.watch.hints());
        play.see(30_000, picture(Some("n1"), 29_000));
        assert_eq!(play.watch.hints(), looks, "{own}");
        assert_eq!(play.tick(60_000), []);
    }
}

/// A node that joins shows for a moment what it ran when it was lost.
///
/// Rule: N3 N9 N11
#[test]
fn a_lost_node_that_shows_its_old_run_for_a_moment_ends_nothing() {
    for own in ["n2", "n3"] {
        let mut play = Play::new(own);
        play.held(1_000);
        play.tick(20_000);
        for ms in [30_000, 31_000, 32_000] {
            play.see(ms, picture(Some("n1"), 0));
        }
        for ms in [33_000, 40_000, 60_000] {
            play.see(ms, unclean());
        }
        assert_eq!(play.tick(80_000), [], "{own}");
        // It has gone on all the while.
        play.see(90_000, picture(Some("n1"), 0));
        assert!(play.watch.next_deadline() <= now(92_500).at);
        play.see(96_000, picture(Some("n1"), 0));
        let news = play.tick(120_000);
        assert!(matches!(&news[..], [one] if one.what.ends_trouble_of() == Some("g1")));
    }
}

/// "Make sure that it is off and confirm that" must not be read when the node is at work again.
///
/// Rule: N3 N9
#[test]
fn what_was_left_to_a_server_that_is_not_at_work_is_not_told_when_it_is_over() {
    let mut play = Play::new("n3");
    assert_eq!(play.held(1_000), []);
    play.see(12_000, picture(Some("n1"), 11_000));
    let news = play.tick(60_000);
    assert!(
        matches!(&news[..], [one] if one.what.ends_trouble_of() == Some("g1")),
        "{news:?}"
    );
}

/// Rule: N3 N8 N11
#[test]
fn a_node_that_goes_on_and_is_lost_again_in_one_run_is_told_each_time() {
    let mut facts = Vec::new();
    let mut play = Play::new("n2");
    for (ms, id) in [(10_000, "fact.1"), (60_000, "fact.2"), (120_000, "fact.3")] {
        let held = play.held(ms);
        let id = AlertId(id.into());
        play.watch.told_as("g1", &id).expect("it was told");
        play.see(ms + 20_000, picture(Some("n1"), 0));
        play.see(ms + 26_000, picture(Some("n1"), 0));
        let over = play.tick(ms + 40_000);
        assert!(matches!(&held[..], [one] if is_held(one)), "{held:?}");
        assert!(
            matches!(&over[..], [one] if one.what.ends_trouble_of() == Some("g1")),
            "{over:?}"
        );
        facts.extend(held.into_iter().chain(over).map(|one| one.fact));
    }
    let all = facts.len();
    facts.sort();
    facts.dedup();
    assert_eq!((facts.len(), all), (6, 6), "{facts:?}");
}

/// A server that has not watched for a while tells by its first link of what was over long ago.
///
/// Rule: N3 N8
#[test]
fn an_old_word_of_a_trouble_does_not_silence_the_next_one() {
    let mut old = Play::new("n3");
    assert_eq!(old.held(1_000), []);
    let id = AlertId("fact.1".into());
    old.watch.told_as("g1", &id).expect("it was told");
    for restarts in [false, true] {
        let mut play = Play::new("n2");
        play.see(100_000, picture(Some("n1"), 90_000));
        if restarts {
            let memories = play.watch.memories();
            play.watch = Watch::new(now(190_000).at, "n2");
            play.watch.learn(now(190_000).at, memories);
        }
        let word = old.watch.memories();
        assert_eq!(play.watch.learn(now(200_000).at, word), [""; 0]);
        if !restarts {
            play.see(200_500, picture(Some("n1"), 90_000));
            play.watch.learn(now(201_000).at, old.watch.memories());
        }
        let news = play.held(202_000);
        assert!(
            matches!(&news[..], [one] if is_held(one)),
            "{restarts}: {news:?}"
        );
    }
}
