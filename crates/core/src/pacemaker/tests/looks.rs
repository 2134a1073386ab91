//! When the watch wants to look, and what it says when it cannot.

use super::*;

/// Story: the picture right after a loss still showed the node, and the next look came half a minute later.
///
/// Rule: N3
#[test]
fn a_lost_node_is_looked_for_until_the_picture_shows_it() {
    let mut play = Play::new("n2");
    let lost = Kind::Node {
        node: "n1".into(),
        member: false,
    };
    let lost = Report {
        at_us: now(1_000).wall.0 * 1_000,
        sequence: 1,
        kind: lost,
    };
    play.report(1_000, lost);
    play.see(1_150, picture(Some("n1"), 0));
    assert!(!play.watch.wants_look(now(3_000).at));
    assert!(play.watch.wants_look(now(3_200).at));
    play.see(3_250, without_n1(picture(Some("n2"), 2_000)));
    assert!(!play.watch.wants_look(now(9_000).at));
}

/// Rule: N3
#[test]
fn looks_follow_reports_within_bounds() {
    let mut watch = Watch::new(Moment(0), "n1");
    let mut news = Vec::new();
    assert!(watch.wants_look(Moment(0)) && !watch.wants_look(Moment(0)));
    watch.looked(now(50), Ok(picture(Some("n1"), 0)), &mut news);
    let mut looks = 0;
    // A thousand reports in ten seconds.
    for n in 0..1_000 {
        let ms = 1_000 + n * 10;
        watch.report(now(ms), operation(ms, "n1", "monitor", 0), &mut news);
        if watch.wants_look(now(ms).at) {
            looks += 1;
            watch.looked(now(ms + 5), Ok(picture(Some("n1"), 0)), &mut news);
        }
    }
    assert!((10..=21).contains(&looks), "{looks}");
    let decided = watch.decided().len();
    assert!(decided >= 900, "{decided}: the rest is being gathered");
    // Then it is quiet again.
    let at = now(11_300);
    watch.tick(at, &mut news);
    assert!(watch.wants_look(at.at));
    watch.looked(at, Ok(picture(Some("n1"), 0)), &mut news);
    assert_eq!(decided + watch.decided().len(), 1_000);
    assert_eq!(watch.next_deadline(), at.at + LOOK_EVERY);
    assert_eq!(news, []);
}

/// Rule: N3
#[test]
fn a_pacemaker_that_cannot_be_read_is_told_once() {
    let mut play = Play::new("n1");
    let fail = |play: &mut Play, ms| {
        play.watch
            .looked(now(ms), Err("not connected".to_string()), &mut play.news);
    };
    for ms in [1_000, 30_000, 59_000] {
        fail(&mut play, ms);
        assert_eq!(play.tick(ms), []);
    }
    fail(&mut play, 62_000);
    fail(&mut play, 90_000);
    let news = play.tick(90_000);
    assert!(
        matches!(
            &news[..],
            [News {
                what: What::Blind { .. },
                ..
            }]
        ),
        "{news:?}"
    );
    play.see(95_000, picture(Some("n1"), 0));
    let news = play.tick(95_000);
    assert!(
        matches!(
            &news[..],
            [News {
                what: What::Sees,
                ..
            }]
        ),
        "{news:?}"
    );
}

/// Looks cost the nodes more the busier these are.
///
/// Rule: N3
#[test]
fn looks_that_take_long_leave_time_between_them_unless_something_is_wrong() {
    let lost = Report {
        kind: Kind::Node {
            node: "n3".into(),
            member: false,
        },
        ..operation(0, "n1", "start", 0)
    };
    let fine = operation(10_900, "n1", "start", 0);
    let failed = operation(10_900, "n1", "monitor", 7);
    for (took_ms, report, gap_ms) in [
        (20, &fine, 500),
        (200, &fine, 1_000),
        (900, &fine, 2_000),
        (900, &failed, 500),
        (900, &lost, 500),
    ] {
        let mut play = Play::new("n1");
        play.report(10_000, operation(9_990, "n1", "start", 0));
        assert!(play.watch.wants_look(now(10_100).at));
        let ended = 10_100 + took_ms;
        play.see(ended, picture(Some("n1"), 0));
        play.report(ended + 1, report.clone());
        let wants = |play: &mut Play, ms| play.watch.wants_look(now(ms).at);
        assert!(
            !wants(&mut play, ended + gap_ms - 1),
            "{took_ms} {report:?}"
        );
        assert!(wants(&mut play, ended + gap_ms), "{took_ms} {report:?}");
    }
}
