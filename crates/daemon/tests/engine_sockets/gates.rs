//! A network cut that is played, and its end.

use crate::cluster::{Node, address, config, heard, key, message};
use noroshi_core::config::{InterconnectId, ServerId};
use noroshi_core::event::{Event, HostAnswer};
use noroshi_daemon::engine::Gate;
use std::collections::BTreeSet;
use std::time::Duration;

/// Rule: N2 N5
#[tokio::test]
async fn a_cut_stops_everything_both_ways_and_nothing_is_lost_on_a_standing_link() {
    let config = config(40, 2, 2);
    let gates = [Gate::movable(), Gate::movable()];
    let mut one = Node::start_with(&config, 0, &key(), gates[0].clone());
    let mut other = Node::start_with(&config, 1, &key(), gates[1].clone());
    for (node, server) in [(&mut one, 1), (&mut other, 0)] {
        node.wait_link(server, true).await;
        node.wait_heard(server, 1).await;
    }
    gates.iter().for_each(Gate::cut_all);
    one.engine.tell(ServerId(1), &message("held"));
    one.engine.probe(ServerId(1), InterconnectId(0));
    let silent = Event::Probed {
        server: ServerId(1),
        path: InterconnectId(0),
        answer: HostAnswer::Silent,
    };
    assert_eq!(one.listen(Duration::from_millis(500)).await, [silent]);
    assert_eq!(
        other.listen(Duration::from_millis(100)).await,
        [],
        "neither message nor end"
    );
    gates.iter().for_each(Gate::heal);
    one.engine.tell(ServerId(1), &message("again"));
    for text in ["held", "again"] {
        let wanted = message(text);
        other
            .wait(text, |event| {
                matches!(event, Event::Peer(_, it) if **it == wanted).then_some(())
            })
            .await;
    }
    other.wait_heard(0, 0).await;
    one.wait_heard(1, 0).await;
}

/// Rule: N2
#[tokio::test]
async fn one_address_can_be_cut_off_while_the_other_interconnect_works() {
    let config = config(41, 2, 2);
    let gate = Gate::movable();
    let mut one = Node::start_with(&config, 0, &key(), gate.clone());
    let _other = Node::start(&config, 1);
    one.wait_heard(1, 0).await;
    gate.cut(address(41, 0, 1));
    assert_eq!(
        heard(&one.listen(Duration::from_millis(300)).await),
        BTreeSet::from([(1, 1)])
    );
    gate.heal();
    one.wait_heard(1, 0).await;
}

/// Links are dialled over the interconnect that works.
///
/// Rule: N2
#[tokio::test]
async fn a_link_comes_about_over_the_second_interconnect_when_the_first_is_dead() {
    let config = config(42, 2, 2);
    let gate = Gate::movable();
    gate.cut(address(42, 0, 1));
    let mut one = Node::start_with(&config, 0, &key(), gate.clone());
    let mut other = Node::start(&config, 1);
    one.wait_link(1, true).await;
    other.wait_link(0, true).await;
}
