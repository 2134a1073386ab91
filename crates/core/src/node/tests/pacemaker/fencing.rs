//! A fencing that fails: in words that help, and once, whatever restarts.

use super::*;

/// Pacemaker's word for a failed fencing is one like `Error`: who is woken by it is told what it means and where the
/// rest stands.
///
/// Rule: N3 N21
#[test]
fn a_fencing_that_fails_says_what_pacemakers_word_means() {
    for (language, result, says) in [
        (Language::En, "Error", "the fence agent failed (Error)"),
        (
            Language::Ja,
            "Error",
            "フェンスエージェントが失敗しました（Error）",
        ),
        (
            Language::En,
            "Timed out",
            "did not answer in time (Timed out)",
        ),
        (
            Language::Ja,
            "Timer expired",
            "応答しませんでした（Timer expired）",
        ),
        (
            Language::En,
            "No such device",
            "no fence device is set up for this server (No such device)",
        ),
        (
            Language::Ja,
            "No such device",
            "このサーバ用のフェンスデバイスがありません（No such device）",
        ),
        (
            Language::En,
            "No route to host",
            "no server could reach the fence device",
        ),
        (
            Language::En,
            "out of coffee",
            "could not be fenced: out of coffee. ",
        ),
        (Language::En, "", "Pacemaker gives no reason"),
    ] {
        let (mut node, now) = watching(language, Sort::Other);
        let failed = Report {
            at_us: now.wall.0 * 1_000,
            sequence: 1,
            kind: Kind::Fencing {
                node: "sv1".into(),
                rc: 1,
                description: alloc::format!(
                    "Operation reboot of sv1 by sv3 for x@sv2: {result} (ref=1)"
                ),
            },
        };
        let mut out = Vec::new();
        let event = FromPacemaker::Report(failed);
        node.step(now, Event::Pacemaker(Box::new(event)), &mut out);
        node.step(later(now, 1_000), Event::Tick, &mut out);
        let texts = alerts(&out);
        let told = texts.iter().any(|(text, mailed)| {
            *mailed && text.contains(says) && text.contains("stonith_admin --history sv1")
        });
        assert!(told, "{says}: {texts:?}");
    }
}

/// What the store has of a failed fencing is known to the watch, for a day.
///
/// Rule: N3 N8 N9
#[test]
fn a_failed_fencing_that_is_on_disk_is_not_mailed_again() {
    for (hours, times) in [(1, 0), (25, 1)] {
        let now = Now {
            at: Moment(1_000_000),
            wall: WallTime(200_000_000),
        };
        let told = WallTime(now.wall.0 - hours * 3_600_000);
        let mut node = Node::new(now, ServerId(1), SessionId([1; 12]), config(3));
        let recovered = crate::event::Recovered {
            unfenced: vec![("sv1".into(), told)],
            ..crate::event::Recovered::default()
        };
        let mut out = Vec::new();
        node.step(now, Event::Start(Box::new(recovered)), &mut out);
        let mut lost = picture("sv2", Sort::Other);
        (lost.nodes[0].online, lost.nodes[0].unclean) = (false, true);
        let failed = Report {
            at_us: now.wall.0 * 1_000,
            sequence: 1,
            kind: Kind::Fencing {
                node: "sv1".into(),
                rc: 1,
                description: "Operation reboot of sv1 by sv3 for x@sv2: Error (ref=9)".into(),
            },
        };
        for event in [
            Event::Pacemaker(Box::new(FromPacemaker::Begins)),
            looked(lost),
            Event::Pacemaker(Box::new(FromPacemaker::Report(failed))),
        ] {
            node.step(now, event, &mut out);
        }
        node.step(later(now, 1_000), Event::Tick, &mut out);
        let texts = alerts(&out);
        let of = |(text, _): &&(String, bool)| text.contains("could not be fenced");
        assert_eq!(texts.iter().filter(of).count(), times, "{hours}: {texts:?}");
    }
}
