//! Sets of which neither follows the other.

use super::*;
use crate::set::SetLabel;

fn label(number: u64, digest: &str) -> SetLabel {
    SetLabel {
        number,
        digest: digest.into(),
        ..SetLabel::default()
    }
}

/// Story: a server heard of another side's set while it put its own in force, and nobody ever spoke of
/// the difference.
///
/// Rule: N17
#[test]
fn a_difference_that_is_heard_of_while_a_set_is_taken_is_told_afterwards() {
    let (mut node, now) = one_of_three(0);
    let mut out = Vec::new();
    let in_force = |number, digest| PeerMessage::SetInForce {
        label: label(number, digest),
    };
    let heard = |from, message| Event::Peer(ServerId(from), Box::new(message));
    node.step(now, heard(1, in_force(1, "a")), &mut out);
    let fetched = Event::Staged {
        label: label(1, "a"),
        result: Ok(()),
    };
    node.step(now, fetched, &mut out);
    node.step(now, heard(2, in_force(3, "b")), &mut out);
    out.clear();
    let adopted = Event::Adopted {
        label: label(1, "a"),
        config: Ok(Box::new(config(3))),
    };
    node.step(now, adopted, &mut out);
    let differ = |action: &Action| match action {
        Action::Tell(_, message) => match &**message {
            PeerMessage::Alert { alert, .. } => {
                (alert.message.module.as_str(), alert.message.event) == ("cfmgr", 1001)
            }
            _ => false,
        },
        _ => false,
    };
    assert!(out.iter().any(differ), "{out:#?}");
}
