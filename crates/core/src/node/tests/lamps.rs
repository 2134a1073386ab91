//! Orders to lamps and their answers, given by hand.

use super::*;
use crate::lamp::{LampResult, Look, OrderNumber};

const DONE: LampResult = LampResult::Done { shown: None };

/// The only server, lit, with the order that its lamp has been given, unanswered.
fn alone() -> (Node, Now, OrderNumber) {
    let now = Now {
        at: Moment(1_000_000),
        wall: WallTime(1_000),
    };
    let mut node = Node::new(now, ServerId(0), SessionId([1; 12]), config(1));
    let mut out = Vec::new();
    node.step(now, Event::Start(Box::default()), &mut out);
    let batch = node.batch - 1;
    out.clear();
    let result = Ok(());
    node.step(now, Event::Recorded { batch, result }, &mut out);
    let number = ordered(&out).expect("its lamp is lit");
    (node, now, number)
}

fn ordered(out: &[Action]) -> Option<OrderNumber> {
    out.iter().find_map(|action| match action {
        Action::Lamp { number, .. } => Some(*number),
        _ => None,
    })
}

fn reload(node: &mut Node, now: Now, change: impl FnOnce(&mut Config)) -> Vec<Action> {
    let mut config = node.config().clone();
    change(&mut config);
    let mut out = Vec::new();
    let source = String::from("clp.conf");
    let config = Ok(Box::new(config));
    node.step(now, Event::Configure { source, config }, &mut out);
    out
}

fn ended(node: &mut Node, now: Now, number: OrderNumber) -> Vec<Action> {
    let mut out = Vec::new();
    let end = Event::Lamp {
        lamp: LampId(0),
        number,
        result: DONE,
    };
    node.step(now, end, &mut out);
    out
}

fn shown(node: &Node, now: Now) -> Option<Look> {
    let own = node.status(now).servers.swap_remove(0);
    own.lamp.expect("it has a lamp").shown
}

/// Rule: N17 N14
#[test]
fn a_late_answer_of_a_lamps_former_device_is_not_the_new_ones() {
    let (mut node, now, first) = alone();
    let out = reload(&mut node, now, |config| {
        config.lamps[0].address = [10, 0, 1, 99].into();
    });
    // Said by the settings that know the old device.
    let taken_back = Action::LampCancel {
        lamp: LampId(0),
        number: first,
    };
    let at = |is: &dyn Fn(&Action) -> bool| out.iter().position(is);
    let cancelled = at(&|one| *one == taken_back).expect("the old order is taken back");
    let refit = at(&|one| matches!(one, Action::Reconfigure(_))).expect("new settings");
    assert!(cancelled < refit);
    let second = ordered(&out).expect("the new device is told at once");
    assert_ne!(first, second);
    ended(&mut node, now, first);
    assert_eq!(shown(&node, now), None, "the new device has not answered");
    ended(&mut node, now, second);
    assert_eq!(shown(&node, now), Some(Look::GREEN));
}

/// Rule: N17 N14
#[test]
fn a_lamp_that_new_settings_leave_as_it_was_is_not_told_twice() {
    let (mut node, now, first) = alone();
    let out = reload(&mut node, now, |config| {
        // Another lamp takes its place in the list.
        config.lamps.insert(0, config.lamps[0].clone());
        config.lamps[0].address = [10, 0, 1, 99].into();
        config.lamps[0].servers.clear();
        config.servers[0].lamp = Some(LampId(1));
    });
    assert_eq!(ordered(&out), None, "one order is in flight");
    let out = ended(&mut node, now, first);
    assert_eq!(ordered(&out), None);
    assert_eq!(shown(&node, now), Some(Look::GREEN));
    let out = reload(&mut node, now, |_| ());
    assert_eq!(ordered(&out), None, "it shows what it should");
}
