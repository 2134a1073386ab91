//! The outbox, driven by hand: each answer of store, channel and clock is given by the test.
#![expect(clippy::vec_box, reason = "the box is what the outbox hands out")]

mod asking;
mod ended;
mod window;

use super::*;
use crate::alert::{AlertId, Destinations, MessageId, Severity};
use crate::config::MailForm;
use crate::event::StoredNotice;
use crate::notice::Outcome;
use crate::time::WallTime;
use alloc::format;
use alloc::string::ToString;

const ALL: Asking = Asking {
    hold: false,
    possible: false,
    of_all: true,
};

/// An outbox whose answers a test gives by hand.
pub(super) struct Desk {
    pub(super) outbox: Outbox,
    pub(super) now: Now,
    batch: u64,
}

impl Desk {
    pub(super) fn new() -> Desk {
        let now = Now {
            at: Moment(1_000_000),
            wall: WallTime(0),
        };
        Desk {
            outbox: Outbox::default(),
            now,
            batch: 0,
        }
    }

    /// Adds a mail that is ours; answers what left at once when it is recorded.
    pub(super) fn mail(&mut self, alert: &str, to: &str) -> Vec<Box<Sending>> {
        self.add(alert, Channel::Mail, to, true)
    }

    pub(super) fn add(
        &mut self,
        alert: &str,
        channel: Channel,
        to: &str,
        ours: bool,
    ) -> Vec<Box<Sending>> {
        let alert = Arc::new(alert_named(alert));
        let record = record(&alert.id, channel, to);
        self.outbox
            .add(self.now, &alert, record, turn(ours), self.batch);
        self.record()
    }

    fn record(&mut self) -> Vec<Box<Sending>> {
        let mut left = Vec::new();
        self.outbox.recorded(self.batch, true, &mut left);
        self.batch += 1;
        left
    }

    /// What other servers are asked about.
    fn ask(&mut self, whom: Servers) -> Vec<NoticeKey> {
        self.outbox.to_ask(self.now, 64, ServerId(0), whom).of_all
    }

    /// Begins what is due; answers what left.
    fn begin(&mut self) -> Vec<Box<Sending>> {
        self.outbox.begin(self.now, "sv1", self.batch, ALL);
        self.record()
    }

    pub(super) fn answer(&mut self, sending: &Sending, outcome: Outcome) -> Option<Ended> {
        self.outbox.outcome(self.now, &sending.key, &outcome)
    }

    fn later(&mut self, span: Span) {
        self.now.at = self.now.at + span;
    }
}

fn turn(ours: bool) -> Turn {
    Turn {
        origin: None,
        ours,
        fresh: true,
        news: true,
        from: Moment(0),
    }
}

fn alert_named(id: &str) -> Alert {
    Alert {
        id: AlertId(id.to_string()),
        message: MessageId {
            module: "nm".to_string(),
            event: 2,
        },
        severity: Severity::Info,
        time: WallTime(0),
        server: "sv1".to_string(),
        about: None,
        text: "text".to_string(),
        thread: None,
        destinations: Destinations::default(),
    }
}

fn record(alert: &AlertId, channel: Channel, to: &str) -> NoticeRecord {
    NoticeRecord {
        key: NoticeKey {
            alert: alert.clone(),
            channel,
            recipient: to.to_string(),
        },
        form: MailForm::Long,
        state: NoticeState::Waiting,
        attempts: 0,
        possible_repeat: false,
        sender: "sv1".to_string(),
        reason: String::new(),
        changed: WallTime(0),
    }
}

fn retry(maybe_taken: bool) -> Outcome {
    Outcome::Retry {
        cause: "451".to_string(),
        maybe_taken,
    }
}

/// Rule: N8
#[test]
fn nothing_leaves_before_its_record_is_on_disk() {
    let mut desk = Desk::new();
    let alert = Arc::new(alert_named("a"));
    let record = record(&alert.id, Channel::Mail, "ops@example.com");
    let on_disk = desk.outbox.add(desk.now, &alert, record, turn(true), 0);
    assert_eq!(
        on_disk.state,
        NoticeState::Begun,
        "a crash from here on may be a repeat"
    );
    assert!(
        desk.begin().len() == 1,
        "it leaves with the confirmation of its batch"
    );
}

/// Rule: N8
#[test]
fn a_store_that_is_silent_is_not_waited_for() {
    let mut desk = Desk::new();
    let alert = Arc::new(alert_named("a"));
    desk.outbox.add(
        desk.now,
        &alert,
        record(&alert.id, Channel::Mail, "a@b.c"),
        turn(true),
        0,
    );
    let mut left = Vec::new();
    assert!(!desk.outbox.lose_patience(desk.now.at, &mut left));
    desk.later(STORE_PATIENCE);
    assert!(desk.outbox.lose_patience(desk.now.at, &mut left));
    assert!(left[0].unrecorded);
}

/// Rule: N10
#[test]
fn a_soft_refusal_is_tried_again_and_a_hard_one_is_not() {
    let mut desk = Desk::new();
    let left = desk.mail("a", "ops@example.com");
    desk.answer(&left[0], retry(false));
    assert!(desk.begin().is_empty(), "not before its time");
    desk.later(Span::from_secs(2));
    let left = desk.begin();
    assert_eq!(
        (left.len(), left[0].attempt, left[0].possible_repeat),
        (1, 2, false)
    );
    let refused = Outcome::Refused {
        cause: "550".to_string(),
    };
    let ended = desk.answer(&left[0], refused).expect("it was under way");
    assert_eq!(ended.record.state, NoticeState::Refused);
    desk.later(Span::from_secs(100_000));
    assert!(desk.begin().is_empty());
}

/// Rule: N10
#[test]
fn a_mail_is_tried_for_five_days_and_then_given_up() {
    let mut desk = Desk::new();
    let mut left = desk.mail("a", "ops@example.com");
    for _ in 0..10_000 {
        let ended = desk
            .answer(&left[0], retry(false))
            .expect("it was under way");
        if ended.record.state == NoticeState::GivenUp {
            assert!(desk.now.at.since(Moment(1_000_000)) >= MAIL_LIFE);
            return;
        }
        desk.later(Span::from_secs(300));
        left = desk.begin();
    }
    panic!("it is tried for ever");
}

/// Rule: N8
#[test]
fn what_the_receiver_may_have_taken_says_that_it_is_a_repeat() {
    let mut desk = Desk::new();
    let left = desk.mail("a", "ops@example.com");
    desk.answer(&left[0], retry(true));
    desk.later(Span::from_secs(2));
    assert!(desk.begin()[0].possible_repeat);
}

/// Rule: N9
#[test]
fn a_taken_over_notice_asks_first_and_says_that_it_may_be_a_repeat() {
    let mut desk = Desk::new();
    desk.add("a", Channel::Mail, "ops@example.com", false);
    assert!(desk.begin().is_empty(), "another server's turn");
    desk.outbox.assign(desk.now, |_| true);
    assert_eq!(desk.ask(Servers(2)).len(), 1);
    assert!(
        desk.begin().is_empty(),
        "the others have a moment to answer"
    );
    desk.later(ASK_WAIT);
    assert!(desk.begin()[0].possible_repeat);
}

/// Rule: N9
#[test]
fn a_notice_that_another_server_has_told_is_not_told_again() {
    let mut desk = Desk::new();
    desk.add("a", Channel::Mail, "ops@example.com", false);
    let mut told = record(&AlertId("a".to_string()), Channel::Mail, "ops@example.com");
    told.state = NoticeState::Delivered;
    assert!(desk.outbox.marked(desk.now.at, &told, None));
    desk.outbox.assign(desk.now, |_| true);
    desk.later(Span::from_secs(10));
    assert!(desk.begin().is_empty());
    assert_eq!(
        desk.outbox.ending(&told.key),
        Some(&told),
        "and others who ask are told"
    );
}

/// Rule: N10 M1
#[test]
fn a_recipient_that_nobody_reaches_keeps_no_other_from_being_told() {
    let mut desk = Desk::new();
    for n in 0..1_000 {
        for sending in desk.mail(&format!("a{n}"), "full@example.com") {
            desk.answer(&sending, retry(false));
        }
        desk.later(Span::from_ms(10));
    }
    assert!(desk.outbox.len() <= WINDOW_NOTICES_MAX);
    assert!(desk.outbox.has_backlog(), "the rest waits on disk");
    let left = desk.mail("new", "ops@example.com");
    assert_eq!(left.len(), 1, "the new one leaves at once");
}

/// Rule: N10
#[test]
fn a_recipient_that_hangs_does_not_take_the_others_places() {
    let mut desk = Desk::new();
    for n in 0..400 {
        desk.mail(&format!("a{n}"), "hangs@example.com");
    }
    assert_eq!(desk.mail("new", "ops@example.com").len(), 1);
}

/// Rule: M14 M1
#[test]
fn a_syslog_daemon_that_is_away_takes_no_mails_place() {
    let mut desk = Desk::new();
    for n in 0..1_000 {
        for sending in desk.add(&format!("a{n}"), Channel::Syslog, "sv1", true) {
            desk.answer(&sending, retry(false));
        }
    }
    assert!(desk.outbox.len() <= SYSLOG_NOTICES_MAX);
    assert_eq!(desk.mail("new", "ops@example.com").len(), 1);
}

/// Rule: N8
#[test]
fn a_storm_waits_on_disk_and_is_read_back() {
    let mut desk = Desk::new();
    let mut waiting: Vec<StoredNotice> = Vec::new();
    for n in 0..1_000u64 {
        let alert = Arc::new(alert_named(&format!("a{n}")));
        let row = record(&alert.id, Channel::Mail, "ops@example.com");
        desk.outbox
            .add(desk.now, &alert, row.clone(), turn(true), desk.batch);
        waiting.push(StoredNotice {
            row: n + 1,
            alert,
            notice: row,
        });
    }
    let (mut told, mut left) = (Vec::new(), desk.record());
    for _ in 0..10_000 {
        for sending in left {
            desk.answer(
                &sending,
                Outcome::Delivered {
                    reply: String::new(),
                },
            );
            told.push(sending.key);
        }
        if let Some(Page { after, limit, .. }) = desk.outbox.wants_load(desk.now.at) {
            let rest: Vec<_> = waiting
                .iter()
                .filter(|stored| stored.row > after && !told.contains(&stored.notice.key))
                .cloned()
                .collect();
            let more = rest.len() > limit as usize;
            let page = rest.into_iter().take(limit as usize).collect();
            desk.outbox
                .restore(desk.now, page, more, |_| None, |_| true);
        }
        desk.outbox.assign(desk.now, |_| true);
        desk.later(Span::from_ms(1));
        left = desk.begin();
    }
    told.sort();
    let before = told.len();
    told.dedup();
    assert_eq!((before, told.len()), (1_000, 1_000), "each once");
}
