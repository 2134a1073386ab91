//! One lamp, driven by hand.

use super::*;
use crate::lamp::Glow;
use alloc::format;

const DONE: LampResult = LampResult::Done { shown: None };

fn failed() -> LampResult {
    LampResult::Failed {
        code: 22,
        text: String::from("not connected in time"),
    }
}

fn ended(worker: &mut LampWorker, now: Moment, result: LampResult) -> Vec<LampNews> {
    let mut news = Vec::new();
    let order = worker.in_flight.expect("a command is in flight");
    worker.ended(now, order, &result, &mut news);
    news
}

fn active() -> (LampWorker, Moment) {
    let now = Moment(1_000_000);
    let mut worker = LampWorker::default();
    worker.set_active(now, true);
    worker.want(now, Look::GREEN, None, None);
    (worker, now)
}

/// Rule: N14
#[test]
fn two_retries_then_one_message_and_quiet_tries_for_ever() {
    let (mut worker, mut now) = active();
    let mut messages = 0;
    let mut tries = 0;
    for _ in 0..100 {
        now = worker.next_deadline().unwrap_or(now).max(now);
        assert_eq!(worker.poll(now), Some(LampOrder::Show(Look::GREEN)));
        tries += 1;
        messages += ended(&mut worker, now, failed()).len();
        assert_eq!(messages, usize::from(tries >= 3), "after try {tries}");
    }
    now = now + LAMP_REASSERT;
    worker.poll(now);
    assert_eq!(
        ended(&mut worker, now, DONE),
        [LampNews::Done],
        "it answers again"
    );
    assert_eq!(worker.trouble(), None);
}

/// Rule: N14
#[test]
fn one_command_is_in_flight_and_the_newest_look_follows() {
    let (mut worker, now) = active();
    assert!(worker.poll(now).is_some());
    worker.want(now, Look::RED_BLINK, None, None);
    assert_eq!(worker.poll(now), None);
    assert_eq!(ended(&mut worker, now, DONE), []);
    assert_eq!(worker.poll(now), Some(LampOrder::Show(Look::RED_BLINK)));
    assert_eq!(ended(&mut worker, now, DONE), [LampNews::Done]);
}

/// Rule: N14
#[test]
fn a_lamp_that_shows_something_else_is_set_right_and_that_is_told() {
    let (mut worker, now) = active();
    worker.poll(now);
    ended(&mut worker, now, DONE);
    let later = now + LAMP_REASSERT;
    assert_eq!(worker.poll(later), Some(LampOrder::ReadBack(Look::GREEN)));
    let dark = LampResult::Done {
        shown: Some(Look::OUT),
    };
    assert_eq!(ended(&mut worker, later, dark), [LampNews::Strayed]);
    assert_eq!(worker.poll(later), Some(LampOrder::Show(Look::GREEN)));
    assert_eq!(ended(&mut worker, later, DONE), [], "set right, quietly");
}

/// Rule: N15
#[test]
fn a_test_shows_every_colour_and_returns_to_the_wanted_look() {
    let (mut worker, mut now) = active();
    worker.poll(now);
    ended(&mut worker, now, DONE);
    worker
        .test(now, RequestId(7))
        .expect("no other test is under way");
    let mut shown = Vec::new();
    let mut end = Vec::new();
    while end.is_empty() {
        now = now + TEST_STEP;
        if let Some(LampOrder::Show(look)) = worker.poll(now) {
            shown.push(look);
            end = ended(&mut worker, now, DONE);
        }
    }
    assert_eq!(end, [LampNews::Tested(RequestId(7), Ok(()))]);
    for light in [
        |look: &Look| look.red,
        |look: &Look| look.amber,
        |look: &Look| look.green,
    ] {
        assert!(
            shown.iter().any(|look| light(look) == Glow::On),
            "{shown:?}"
        );
    }
    assert_eq!(shown.last(), Some(&Look::GREEN));
}

/// Rule: N15 N14
#[test]
fn a_test_of_a_dead_lamp_says_why() {
    let (mut worker, now) = active();
    worker.poll(now);
    ended(&mut worker, now, DONE);
    worker
        .test(now, RequestId(7))
        .expect("no other test is under way");
    worker.poll(now);
    let news = ended(&mut worker, now, failed());
    assert!(
        format!("{news:?}").contains("not connected in time"),
        "{news:?}"
    );
}

/// Rule: N8 N14
#[test]
fn a_lamp_waits_for_the_record_but_not_for_a_silent_store() {
    let (mut worker, now) = active();
    worker.want(now, Look::RED_BLINK, None, Some(4));
    assert_eq!(worker.poll(now), None);
    worker.lose_patience(now + STORE_PATIENCE);
    assert!(worker.poll(now + STORE_PATIENCE).is_some());
}
