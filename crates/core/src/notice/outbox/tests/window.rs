//! The backlog on disk, recipients in trouble, and what counts over a restart.

use super::*;
use crate::event::StoredNotice;

const DAY_MS: i64 = 24 * 3_600_000;

/// A notice as an earlier run left it: an alert of `ago_ms` before now, failed `attempts` times.
fn stored(desk: &Desk, row: u64, to: &str, attempts: u32, ago_ms: i64) -> StoredNotice {
    let mut alert = alert_named(&format!("old{row}"));
    alert.time = WallTime(desk.now.wall.0 - ago_ms);
    let mut notice = record(&alert.id, Channel::Mail, to);
    notice.attempts = attempts;
    notice.changed = desk.now.wall;
    if attempts > 0 {
        notice.reason = "451".to_string();
    }
    StoredNotice {
        row,
        alert: Arc::new(alert),
        notice,
    }
}

fn restore(desk: &mut Desk, stored: Vec<StoredNotice>, more: bool) {
    desk.outbox
        .restore(desk.now, stored, more, |_| None, |_| true);
}

/// Rule: N10 M1
#[test]
fn a_window_full_of_dead_recipients_lets_a_live_one_through() {
    let mut desk = Desk::new();
    let dead = |row: u64| format!("dead{}@example.com", row % 60);
    let first = (0..128)
        .map(|row| stored(&desk, row + 1, &dead(row), 9, 0))
        .collect();
    restore(&mut desk, first, true);
    let page = desk
        .outbox
        .wants_load(desk.now.at)
        .expect("others wait on disk");
    assert!(
        (0..60).all(|row| page.skip.contains(&dead(row))),
        "{page:?}"
    );
    let live = stored(&desk, 900, "ops@example.com", 0, 0);
    restore(&mut desk, alloc::vec![live], false);
    assert!(desk.outbox.len() <= WINDOW_NOTICES_MAX);
    assert_eq!(desk.begin().len(), 1, "the live one leaves at once");
    assert_eq!(
        desk.outbox.wants_load(desk.now.at),
        None,
        "no turning in a circle"
    );
    desk.later(RESCAN_EVERY);
    assert!(
        desk.outbox.wants_load(desk.now.at).is_some(),
        "what made room is looked for"
    );
}

/// Another server's alerts, more than fit, each of which made room for the next: when that server dies the ones
/// on disk are told behind those in memory, not a minute later.
///
/// Rule: N9
#[test]
fn what_made_room_while_it_was_anothers_is_read_back_as_soon_as_the_turn_is_ours() {
    let mut desk = Desk::new();
    for n in 0..500 {
        desk.add(&format!("a{n}"), Channel::Mail, "ops@example.com", false);
    }
    assert!(desk.outbox.len() <= WINDOW_NOTICES_MAX);
    assert_eq!(
        desk.outbox.wants_load(desk.now.at),
        None,
        "not ours to tell"
    );
    desk.outbox.assign(desk.now, |_| true);
    let mut left = desk.begin();
    while desk.outbox.load_room() < LOAD_ROOM_MIN {
        assert!(!left.is_empty(), "it goes on");
        for sending in left {
            let reply = String::new();
            desk.answer(&sending, Outcome::Delivered { reply });
        }
        left = desk.begin();
    }
    let page = desk.outbox.wants_load(desk.now.at);
    assert_eq!(page.expect("in the same moment").after, 0);
}

/// Rule: N10
#[test]
fn forty_recipients_that_hang_delay_nobodys_first_try() {
    let mut desk = Desk::new();
    let mut left = Vec::new();
    for n in 0..40 {
        for alert in ["a", "b", "c", "d"] {
            left.extend(desk.mail(alert, &format!("hangs{n}@example.com")));
        }
    }
    assert!(left.len() >= 40);
    assert_eq!(desk.mail("new", "ops@example.com").len(), 1);
    for sending in left {
        desk.answer(&sending, retry(false));
    }
    desk.later(Span::from_secs(2));
    assert!(
        desk.begin().len() <= 41,
        "one at a time for each that is in trouble"
    );
}

/// Rule: N10
#[test]
fn a_restart_forgets_neither_the_wait_nor_the_age() {
    let mut desk = Desk::new();
    desk.now.wall = WallTime(100 * DAY_MS);
    let mut old = stored(&desk, 1, "ops@example.com", 5, 5 * DAY_MS - 5 * DAY_MS / 24);
    old.notice.changed = WallTime(desk.now.wall.0 - 10_000);
    restore(&mut desk, alloc::vec![old], false);
    assert!(
        desk.begin().is_empty(),
        "16 s after the fifth try, not before"
    );
    desk.later(Span::from_secs(6));
    let left = desk.begin();
    assert_eq!(left.len(), 1);
    desk.later(Span::from_secs(5 * 3_600));
    let ended = desk
        .answer(&left[0], retry(false))
        .expect("it was under way");
    assert_eq!(
        ended.record.state,
        NoticeState::GivenUp,
        "five days are over"
    );
}

/// Rule: N10
#[test]
fn a_clock_that_was_set_gives_nothing_up_early_and_keeps_nothing_for_ever() {
    let after_failure = |attempts: u32, ago_ms: i64| {
        let mut desk = Desk::new();
        desk.now.wall = WallTime(10_000 * DAY_MS);
        let old = stored(&desk, 1, "ops@example.com", attempts, ago_ms);
        restore(&mut desk, alloc::vec![old], false);
        desk.later(Span::from_secs(300));
        let left = desk.begin();
        let ended = desk
            .answer(&left[0], retry(false))
            .expect("it was under way");
        ended.record.state
    };
    assert_eq!(
        after_failure(1, 3_650 * DAY_MS),
        NoticeState::Waiting,
        "set forward"
    );
    assert_eq!(
        after_failure(1, -3_650 * DAY_MS),
        NoticeState::Waiting,
        "set back"
    );
    assert_eq!(
        after_failure(1_500, -3_650 * DAY_MS),
        NoticeState::GivenUp,
        "tried for five days, whatever the clock says"
    );
}

/// Rule: N8
#[test]
fn an_attempt_that_a_crash_cut_short_is_made_again_at_once() {
    let mut desk = Desk::new();
    let mut old = stored(&desk, 1, "ops@example.com", 1, 0);
    old.notice.reason.clear();
    restore(&mut desk, alloc::vec![old], false);
    assert_eq!(desk.begin().len(), 1);
}
