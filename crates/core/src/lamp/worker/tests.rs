//! One lamp, driven by hand.

use super::*;
use crate::lamp::Glow;
use alloc::format;

/// Who tells orders apart by their number is the node.
const N: OrderNumber = OrderNumber(1);
const DONE: LampResult = LampResult::Done { shown: None };

fn failed() -> LampResult {
    LampResult::Failed {
        code: 22,
        text: String::from("not connected in time"),
    }
}

fn ended(worker: &mut LampWorker, now: Moment, result: LampResult) -> Vec<LampNews> {
    let mut news = Vec::new();
    assert!(worker.awaits().is_some(), "a command is in flight");
    worker.ended(now, &result, &mut news);
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
        assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::GREEN)));
        tries += 1;
        messages += ended(&mut worker, now, failed()).len();
        assert_eq!(messages, usize::from(tries >= 3), "after try {tries}");
    }
    now = now + LAMP_REASSERT;
    worker.poll(now, N);
    assert_eq!(
        ended(&mut worker, now, DONE),
        [LampNews::Done],
        "it answers again"
    );
    assert_eq!(worker.trouble(), None);
}

/// While a side that we do not hear may tell the lamp as well.
///
/// Rule: M18 N5
#[test]
fn a_lamp_that_is_taken_over_is_read_before_it_is_lit() {
    let taken_over = |shown: Option<Look>| {
        let (mut worker, now) = active();
        worker.guard(now, true);
        worker.read_first();
        assert_eq!(worker.poll(now, N), Some(LampOrder::Read(Look::GREEN)));
        let news = ended(&mut worker, now, LampResult::Done { shown });
        (worker.poll(now, N), news)
    };
    let show = Some(LampOrder::Show(Look::GREEN));
    assert_eq!(taken_over(Some(Look::RED_BLINK)), (None, Vec::new()));
    assert_eq!(taken_over(Some(Look::OUT)), (show, Vec::new()));
    assert_eq!(taken_over(None), (show, Vec::new()));
    let (next, news) = taken_over(Some(Look::GREEN));
    assert_eq!((next, news), (None, [LampNews::Done].to_vec()));
    // A red alone is told at once, and everything when nobody is out of sight.
    let (mut worker, now) = active();
    worker.read_first();
    assert_eq!(worker.poll(now, N), show);
    let (mut worker, now) = active();
    worker.guard(now, true);
    worker.read_first();
    worker.want(now, Look::RED_BLINK, None, None);
    assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::RED_BLINK)));
}

/// Rule: N14
#[test]
fn one_command_is_in_flight_and_the_newest_look_follows() {
    let (mut worker, now) = active();
    assert!(worker.poll(now, N).is_some());
    worker.want(now, Look::RED_BLINK, None, None);
    assert_eq!(worker.poll(now, N), None);
    assert_eq!(ended(&mut worker, now, DONE), []);
    assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::RED_BLINK)));
    assert_eq!(
        ended(&mut worker, now, DONE),
        [LampNews::Red, LampNews::Done]
    );
}

/// Rule: N14
#[test]
fn a_lamp_that_shows_something_else_is_set_right_and_that_is_told() {
    let (mut worker, now) = active();
    worker.poll(now, N);
    ended(&mut worker, now, DONE);
    let later = now + LAMP_REASSERT;
    assert_eq!(
        worker.poll(later, N),
        Some(LampOrder::ReadBack(Look::GREEN))
    );
    let dark = LampResult::Done {
        shown: Some(Look::OUT),
    };
    assert_eq!(ended(&mut worker, later, dark), [LampNews::Strayed]);
    assert_eq!(worker.poll(later, N), Some(LampOrder::Show(Look::GREEN)));
    assert_eq!(ended(&mut worker, later, DONE), [], "set right, quietly");
}

/// Rule: N15
#[test]
fn a_test_shows_every_colour_and_returns_to_the_wanted_look() {
    let (mut worker, mut now) = active();
    worker.poll(now, N);
    ended(&mut worker, now, DONE);
    worker
        .test(now, RequestId(7))
        .expect("no other test is under way");
    let mut shown = Vec::new();
    let mut end = Vec::new();
    while end.is_empty() {
        now = now + TEST_STEP;
        if let Some(LampOrder::Show(look)) = worker.poll(now, N) {
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
    worker.poll(now, N);
    ended(&mut worker, now, DONE);
    worker
        .test(now, RequestId(7))
        .expect("no other test is under way");
    worker.poll(now, N);
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
    assert_eq!(worker.poll(now, N), None);
    worker.lose_patience(now + STORE_PATIENCE);
    assert!(worker.poll(now + STORE_PATIENCE, N).is_some());
}

/// Shows `look` and says that the lamp took it.
fn shown(worker: &mut LampWorker, now: Moment) -> Look {
    let order = worker.poll(now, N).expect("an order is due");
    ended(worker, now, DONE);
    order.look()
}

fn reads(look: Look) -> LampResult {
    LampResult::Done { shown: Some(look) }
}

const BOTH: Look = Look {
    red: Glow::Blink,
    ..Look::GREEN
};

/// Rule: N5 M18
#[test]
fn while_a_server_is_out_of_sight_a_red_that_we_do_not_want_is_left() {
    let (mut worker, now) = active();
    shown(&mut worker, now);
    worker.guard(now + LAMP_REASSERT, true);
    let now = now + LAMP_REASSERT;
    assert_eq!(worker.poll(now, N), Some(LampOrder::Read(Look::GREEN)));
    assert_eq!(ended(&mut worker, now, reads(Look::RED_BLINK)), []);
    assert_eq!(worker.next_deadline(), Some(now + LAMP_REASSERT), "left");
    // A lamp that is dark is no other side's doing.
    let now = now + LAMP_REASSERT;
    worker.guard(now, true);
    worker.poll(now, N);
    worker.conceded = false;
    assert_eq!(
        ended(&mut worker, now, reads(Look::OUT)),
        [LampNews::Strayed]
    );
    // Everybody is seen again, and nobody has shown that red rightly: set right, quietly.
    shown(&mut worker, now);
    let now = now + LAMP_REASSERT;
    worker.guard(now, true);
    worker.poll(now, N);
    ended(&mut worker, now, reads(BOTH));
    let now = now + LAMP_REASSERT;
    assert_eq!(worker.poll(now, N), Some(LampOrder::ReadBack(Look::GREEN)));
    assert_eq!(ended(&mut worker, now, reads(BOTH)), []);
    assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::GREEN)));
}

/// Rule: N5 M18 M20
#[test]
fn while_a_server_is_out_of_sight_the_worse_look_holds_quietly() {
    let (mut worker, now) = active();
    worker.want(now, Look::RED_BLINK, None, None);
    shown(&mut worker, now);
    worker.guard(now + LAMP_REASSERT, true);
    let now = now + LAMP_REASSERT;
    let again = worker.poll(now, N);
    assert_eq!(again, Some(LampOrder::ReadBack(Look::RED_BLINK)));
    assert_eq!(ended(&mut worker, now, reads(Look::GREEN)), []);
    assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::RED_BLINK)));
}

/// Rule: M18 N14
#[test]
fn an_order_whose_look_is_not_wanted_any_more_is_taken_back_once_and_is_no_message() {
    let (mut worker, now) = active();
    worker.want(now, Look::RED_BLINK, None, None);
    assert!(worker.poll(now, N).is_some());
    assert_eq!(worker.cancel(), None, "it is wanted");
    worker.want(now, Look::GREEN, None, None);
    assert_eq!(worker.cancel(), Some(N));
    assert_eq!(worker.cancel(), None, "said once");
    assert_eq!(ended(&mut worker, now, LampResult::Cancelled), []);
    assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::GREEN)));
    // One that could not be taken back and fails counts as no try.
    worker.want(now, Look::OUT, None, None);
    assert!(worker.cancel().is_some());
    assert_eq!(ended(&mut worker, now, failed()), []);
    assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::OUT)));
    worker.set_active(now, false);
    assert!(worker.cancel().is_some(), "another server tells it now");
}

/// Rule: N15 M17
#[test]
fn a_server_that_falls_during_a_tests_last_step_is_shown() {
    let (mut worker, mut now) = active();
    shown(&mut worker, now);
    worker.test(now, RequestId(7)).expect("no other test");
    for _ in Look::TEST {
        now = now + TEST_STEP;
        shown(&mut worker, now);
    }
    now = now + TEST_STEP;
    assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::GREEN)));
    worker.want(now, Look::RED_BLINK, None, None);
    assert_eq!(ended(&mut worker, now, DONE), [], "not over yet");
    assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::RED_BLINK)));
    let end = ended(&mut worker, now, DONE);
    let tested = LampNews::Tested(RequestId(7), Ok(()));
    assert_eq!(end, [LampNews::Red, LampNews::Done, tested]);
}

/// Rule: N15
#[test]
fn a_test_goes_on_when_another_server_becomes_the_teller() {
    let (mut worker, mut now) = active();
    shown(&mut worker, now);
    worker.test(now, RequestId(7)).expect("no other test");
    shown(&mut worker, now);
    worker.set_active(now, false);
    let mut end = Vec::new();
    for _ in 0..3 {
        now = worker.next_deadline().expect("the test goes on").max(now);
        worker.poll(now, N);
        end = ended(&mut worker, now, DONE);
    }
    assert_eq!(end, [LampNews::Tested(RequestId(7), Ok(()))]);
    assert_eq!(
        worker.poll(now + LAMP_REASSERT, N),
        None,
        "not ours to tell"
    );
}

/// Rule: N15
#[test]
fn a_test_that_breaks_off_on_another_servers_lamp_leaves_no_colour() {
    let (mut worker, now) = active();
    worker.set_active(now, false);
    worker.test(now, RequestId(7)).expect("no other test");
    shown(&mut worker, now);
    let now = now + TEST_STEP;
    worker.poll(now, N);
    let end = ended(&mut worker, now, failed());
    assert!(matches!(end[..], [LampNews::Tested(_, Err(_))]), "{end:?}");
    assert!(!worker.is_settled());
    let now = worker.next_deadline().expect("it is owed the wanted look");
    assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::GREEN)));
    ended(&mut worker, now, DONE);
    assert!(worker.is_settled());
}

/// Rule: N15
#[test]
fn a_test_asked_for_during_a_read_back_shows_every_colour() {
    let (mut worker, now) = active();
    shown(&mut worker, now);
    let now = now + LAMP_REASSERT;
    worker.poll(now, N);
    worker.test(now, RequestId(7)).expect("no other test");
    ended(&mut worker, now, reads(Look::GREEN));
    let now = worker.next_deadline().expect("the test is due").max(now);
    assert_eq!(worker.poll(now, N), Some(LampOrder::Show(Look::TEST[0])));
}

/// Rule: N8
#[test]
fn notices_of_a_look_that_is_overtaken_or_not_ours_any_more_end() {
    let key = |alert: &str| NoticeKey {
        alert: crate::alert::AlertId(String::from(alert)),
        channel: crate::notice::Channel::Lamp,
        recipient: String::from("sv2"),
    };
    let (mut worker, now) = active();
    worker.want(now, Look::RED_BLINK, Some(key("down")), None);
    worker.want(now, BOTH, Some(key("back")), None);
    assert_eq!(worker.take_overtaken(), [key("down")]);
    worker.poll(now, N);
    worker.set_active(now, false);
    assert_eq!(worker.take_overtaken(), [], "it may yet be told");
    ended(&mut worker, now, LampResult::Cancelled);
    assert_eq!(worker.take_overtaken(), [key("back")]);
}

/// Rule: N14
#[test]
fn a_question_that_a_handover_overtook_finds_no_strayed_lamp() {
    let (mut worker, now) = active();
    worker.want(now, Look::OUT, None, None);
    worker.poll(now, N);
    ended(&mut worker, now, DONE);
    let later = now + LAMP_REASSERT;
    assert_eq!(worker.poll(later, N), Some(LampOrder::ReadBack(Look::OUT)));
    // Its own server has started again and tells it from here on.
    worker.set_active(later, false);
    assert!(worker.cancel().is_some());
    let lit = LampResult::Done {
        shown: Some(Look::GREEN),
    };
    assert_eq!(ended(&mut worker, later, lit), []);
}
