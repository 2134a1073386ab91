//! A group that is held: under which name it is told is known to all.

use super::*;

/// Rule: N3 N9 N11
#[test]
fn the_others_hear_under_which_name_a_held_group_is_told_and_end_that() {
    let held = || {
        let mut held = picture("sv1", Sort::Other);
        held.decider = Some("sv2".into());
        held.fencing = true;
        (held.nodes[0].online, held.nodes[0].unclean) = (false, true);
        held
    };
    let (mut node, now) = watching(Language::En, Sort::Other);
    let mut out = Vec::new();
    node.step(later(now, 1_000), looked(held()), &mut out);
    node.step(later(now, 7_000), looked(held()), &mut out);
    let told = out.iter().find_map(|action| match action {
        Action::Tell(ServerId(0), message) => match &**message {
            PeerMessage::Alert { alert, .. } if alert.text.contains("stays down") => {
                Some(alert.id.clone())
            }
            _ => None,
        },
        _ => None,
    });
    let word = out.iter().find_map(|action| match action {
        Action::Tell(ServerId(0), message) => match &**message {
            PeerMessage::Groups { groups } if !groups.is_empty() => Some(groups.clone()),
            _ => None,
        },
        _ => None,
    });
    let (told, word) = (told.expect("it is told"), word.expect("and its name"));
    let away = word[0].away.as_ref().expect("it is away");
    assert_eq!(away.told_as.as_ref(), Some(&told));
    assert_eq!(word[0].thread.as_ref(), Some(&told));
    // It outlives a restart of the service.
    let kept = kept(&out).pop().expect("it is remembered");
    assert_eq!(kept.away.and_then(|away| away.told_as), Some(told.clone()));

    // Another server, which left it to this one and remembers an earlier trouble of the group.
    let (mut other, now) = watching(Language::En, Sort::Other);
    let mut their = held();
    their.decider = Some("sv3".into());
    other.begin_thread("web".into(), Some(AlertId("fact.0".into())));
    let mut out = Vec::new();
    other.step(later(now, 1_000), looked(their.clone()), &mut out);
    other.step(later(now, 7_000), looked(their), &mut out);
    let word = PeerMessage::Groups { groups: word };
    other.step(
        later(now, 7_100),
        Event::Peer(ServerId(2), Box::new(word)),
        &mut out,
    );
    other.step(later(now, 20_000), Event::Tick, &mut out);
    let held = |(text, _): &(String, bool)| text.contains("stays down");
    assert!(!alerts(&out).iter().any(held), "{out:?}");
    assert_eq!(other.thread_of("web"), Some(told));
}
