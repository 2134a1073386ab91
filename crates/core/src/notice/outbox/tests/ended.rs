//! How one notice's end calls others, and what another server's word does to one that is under way.

use super::*;

const TO: &str = "ops@example.com";

fn delivered() -> Outcome {
    Outcome::Delivered {
        reply: String::new(),
    }
}

fn names(sendings: &[Box<Sending>]) -> Vec<&str> {
    let all = sendings.iter();
    all.map(|one| one.key.alert.0.as_str()).collect()
}

/// A desk with ten mails to each of `recipients`, all of which have failed for so long that they wait for
/// minutes; the mail server is back now.
fn waiting(recipients: &[&str]) -> Desk {
    let mut desk = Desk::new();
    let mut left = Vec::new();
    for n in 0..10 {
        for to in recipients {
            left.extend(desk.mail(&format!("a{n}"), to));
        }
        desk.later(Span::from_ms(10));
    }
    for _ in 0..12 {
        while !left.is_empty() {
            for sending in left {
                desk.answer(&sending, retry(false));
            }
            left = desk.begin();
        }
        desk.later(Span::from_secs(300));
        left = desk.begin();
    }
    while !left.is_empty() {
        for sending in left {
            desk.answer(&sending, retry(false));
        }
        left = desk.begin();
    }
    desk
}

/// Seen by hand: the mail server was back at 14 s, a newer mail went at 15.2 s, the older one, which had been
/// taken over, at 20.2 s.
///
/// Rule: N9 N10
#[test]
fn a_mail_that_gets_through_calls_those_that_wait_for_its_recipient_oldest_first() {
    let mut desk = waiting(&[TO]);
    let mut left = desk.mail("new", TO);
    assert_eq!(names(&left), ["new"]);
    let (mut told, mut at_once) = (Vec::new(), 0);
    while !left.is_empty() {
        at_once = at_once.max(left.len());
        told.extend(left.iter().map(|one| one.key.alert.0.clone()));
        let mut next = Vec::new();
        for sending in &left {
            desk.answer(sending, delivered());
            next.extend(desk.begin());
        }
        left = next;
    }
    let expected: Vec<String> = (0..10).map(|n| format!("a{n}")).collect();
    assert_eq!(told[0], "new");
    assert_eq!(told[1..], expected, "in the same moment");
    assert!(at_once <= IN_FLIGHT_RECIPIENT_MAX, "{at_once} at a time");
}

/// Rule: N10
#[test]
fn the_first_failure_ends_the_chain_of_calls() {
    let mut desk = waiting(&[TO]);
    let left = desk.mail("new", TO);
    desk.answer(&left[0], delivered());
    let (mut left, mut tried) = (desk.begin(), 0);
    assert_eq!(left.len(), CALLED_MAX);
    while !left.is_empty() {
        tried += left.len();
        for sending in left {
            desk.answer(&sending, retry(false));
        }
        left = desk.begin();
    }
    assert_eq!(tried, CALLED_MAX, "the others keep their waits");
}

/// Rule: N10
#[test]
fn the_end_of_one_recipients_trouble_calls_one_mail_of_each_other() {
    let mut desk = waiting(&["a@example.com", "b@example.com", "c@example.com"]);
    let left = desk.mail("new", "a@example.com");
    desk.answer(&left[0], delivered());
    let left = desk.begin();
    let to = |who: &str| left.iter().filter(|one| one.key.recipient == who).count();
    let called = ["a@example.com", "b@example.com", "c@example.com"].map(to);
    assert_eq!(called, [CALLED_MAX, 1, 1]);
    // One whose own trouble lasts is tried once, however much gets through to the others.
    for sending in left {
        let well = sending.key.recipient == "a@example.com";
        let outcome = if well { delivered() } else { retry(false) };
        desk.answer(&sending, outcome);
    }
    let left = desk.begin();
    assert!(left.iter().all(|one| one.key.recipient == "a@example.com"));
}

/// Rule: N9 N10
#[test]
fn another_servers_success_calls_one_a_second() {
    let mut desk = waiting(&[TO]);
    let other = Some(ServerId(1));
    let mut tried = 0;
    for n in 0..100 {
        let mut theirs = record(&AlertId(format!("theirs{n}")), Channel::Mail, TO);
        theirs.state = NoticeState::Delivered;
        desk.outbox.marked(desk.now.at, &theirs, other);
        for sending in desk.begin() {
            // From here the mail server is not reached.
            desk.answer(&sending, retry(false));
            tried += 1;
        }
        desk.later(Span::from_ms(30));
    }
    assert_eq!(tried, 3, "in three seconds");
}

/// What made room for others and is read back when its recipient is out of trouble.
///
/// Rule: N10
#[test]
fn what_waited_on_disk_is_called_as_well() {
    let mut desk = waiting(&[TO]);
    let mut left = desk.mail("new", TO);
    while !left.is_empty() {
        for sending in left {
            desk.answer(&sending, delivered());
        }
        left = desk.begin();
    }
    assert!(desk.outbox.is_empty());
    let stored = (0..5).map(|n| {
        let alert = Arc::new(alert_named(&format!("old{n}")));
        let mut notice = record(&alert.id, Channel::Mail, TO);
        (notice.attempts, notice.changed) = (9, desk.now.wall);
        notice.reason = "451".to_string();
        StoredNotice {
            row: n + 1,
            alert,
            notice,
        }
    });
    let stored = stored.collect();
    let none = |_: &Alert| None;
    desk.outbox.restore(desk.now, stored, false, none, |_| true);
    let (mut left, mut told) = (desk.begin(), 0);
    while !left.is_empty() {
        told += left.len();
        for sending in left {
            desk.answer(&sending, delivered());
        }
        left = desk.begin();
    }
    assert_eq!(told, 5, "not five minutes later");
}

/// Rule: N10 M14
#[test]
fn a_line_that_syslog_takes_calls_the_lines_that_wait() {
    let mut desk = Desk::new();
    for n in 0..3 {
        for sending in desk.add(&format!("a{n}"), Channel::Syslog, "sv1", true) {
            desk.answer(&sending, retry(false));
        }
    }
    let left = desk.add("new", Channel::Syslog, "sv1", true);
    desk.answer(&left[0], delivered());
    assert_eq!(names(&desk.begin()), ["a0", "a1"]);
}

/// The server on duty is slow; meanwhile another one, which does not see it, tells all of it.
///
/// Rule: N9 N10
#[test]
fn what_another_server_has_told_keeps_its_place_until_the_channel_answers() {
    let mut desk = Desk::new();
    let mut under_way = Vec::new();
    for n in 0..8 {
        under_way.extend(desk.mail(&format!("a{n}"), TO));
    }
    assert_eq!(under_way.len(), IN_FLIGHT_RECIPIENT_MAX);
    for sending in &under_way {
        let mut theirs = record(&sending.key.alert, Channel::Mail, TO);
        theirs.state = NoticeState::Delivered;
        assert!(desk.outbox.marked(desk.now.at, &theirs, Some(ServerId(1))));
    }
    assert!(desk.begin().is_empty(), "four are under way");
    assert_eq!(
        desk.outbox.next_deadline(desk.now.at),
        None,
        "nothing to be done before one of them ends"
    );
    let ended = desk.answer(&under_way[0], delivered());
    assert_eq!(ended, None, "how it ended was said before");
    assert_eq!(desk.begin().len(), 1);
}

/// Rule: N9
#[test]
fn a_notice_is_with_its_channel_once_even_if_it_comes_again() {
    let mut desk = Desk::new();
    let left = desk.mail("a", TO);
    let mut theirs = record(&left[0].key.alert, Channel::Mail, TO);
    theirs.state = NoticeState::Delivered;
    desk.outbox.marked(desk.now.at, &theirs, Some(ServerId(1)));
    assert!(desk.mail("a", TO).is_empty());
    assert_eq!(desk.outbox.next_deadline(desk.now.at), None);
    desk.answer(&left[0], retry(false));
    assert_eq!(desk.begin().len(), 1);
}
