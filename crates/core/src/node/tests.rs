//! Two servers' words to one node, given by hand.

mod acknowledge;
mod advice;
mod copies;
mod lamps;
mod licences;
mod pacemaker;
mod report;
mod ring;
mod sets;
mod takeover;
mod trouble;
mod turns;

use super::*;
use crate::config::tests::config;
use crate::event::Heard;
use crate::lamp::{Glow, Stamp};
use crate::notice::{NoticeKey, NoticeState};
use crate::time::WallTime;

/// One of three servers, at work, having heard the two others.
fn one_of_three(own: u8) -> (Node, Now) {
    let mut now = Now {
        at: Moment(1_000_000),
        wall: WallTime(1_000),
    };
    let mut node = Node::new(now, ServerId(own), SessionId([own; 12]), config(3));
    let mut out = Vec::new();
    node.step(now, Event::Start(Box::default()), &mut out);
    now.at = now.at + Span::from_ms(50);
    for from in (0..3).filter(|from| *from != own) {
        node.step(now, Event::Heard(heard(from)), &mut out);
    }
    (node, now)
}

/// A heartbeat of this server's first run.
fn heard(from: u8) -> Heard {
    Heard {
        from: ServerId(from),
        path: crate::config::InterconnectId(0),
        session: SessionId([from; 12]),
        phase: Phase::Running,
        missed: 0,
        config_digest: 0,
    }
}

/// Rule: N9
#[test]
fn a_down_that_another_server_found_first_is_told_at_once_and_is_no_repeat() {
    // What sv3 says when it has found sv1 down before we did: the turn is ours.
    let (mut third, now) = one_of_three(2);
    let mut out = Vec::new();
    let news = crate::membership::News::Down {
        server: ServerId(0),
        cause: crate::membership::Cause::Killed,
        seen: 2,
        of: 3,
    };
    third.take(now, alloc::vec![news], &mut out);
    let told = out.into_iter().find_map(|action| match action {
        Action::Tell(_, message) if matches!(*message, PeerMessage::Alert { .. }) => Some(message),
        _ => None,
    });
    let told = told.expect("the others are told");

    let (mut node, now) = one_of_three(1);
    let mut out = Vec::new();
    node.step(now, Event::Peer(ServerId(2), told), &mut out);
    let begun = out.iter().any(|action| match action {
        Action::Record { items, .. } => items.iter().any(|item| match item {
            Item::Notice(notice) => {
                notice.key.channel == Channel::Mail
                    && notice.state == NoticeState::Begun
                    && !notice.possible_repeat
            }
            _ => false,
        }),
        _ => false,
    });
    assert!(begun, "{out:#?}");
}

/// Rule: N9 N5
#[test]
fn a_return_that_another_server_counted_first_is_named_alike() {
    let told_of = |returns_first: bool| {
        let (mut node, mut now) = one_of_three(2);
        let mut out = Vec::new();
        // sv1 falls silent, sv2 goes on.
        for _ in 0..20 {
            now.at = now.at + Span::from_ms(100);
            node.step(now, Event::Heard(heard(1)), &mut out);
            node.next_deadline(now.at);
        }
        if returns_first {
            let returns = alloc::vec![(String::from("sv1"), SessionId([0; 12]), 1)];
            let message = PeerMessage::Returns { returns };
            node.step(now, Event::Peer(ServerId(1), Box::new(message)), &mut out);
        }
        out.clear();
        node.step(now, Event::Heard(heard(0)), &mut out);
        let back = out.into_iter().find_map(|action| match action {
            Action::Tell(_, message) => match *message {
                PeerMessage::Alert { alert, .. } if alert.message.event == 1031 => Some(alert.id),
                _ => None,
            },
            _ => None,
        });
        back.expect("that sv1 is seen again is told")
    };
    assert_eq!(told_of(true), told_of(false));
}

/// Rule: N9 N6
#[test]
fn a_fact_is_told_once_however_much_happens_on_32_servers() {
    let (mut node, _) = one_of_three(0);
    let fact = |n: u32| Node::fact_id(&alloc::format!("down sv{n}"));
    assert!(node.is_new_fact(&fact(0)));
    for n in 1..1_000 {
        assert!(node.is_new_fact(&fact(n)));
    }
    assert!(!node.is_new_fact(&fact(0)));
}

/// Rule: N9
#[test]
fn a_server_says_when_it_has_said_all_that_it_knows_of_a_notice() {
    let (mut node, now) = one_of_three(0);
    let key = NoticeKey {
        alert: AlertId("fact.1".into()),
        channel: Channel::Mail,
        recipient: "ops@example.com".into(),
    };
    let mut out = Vec::new();
    let asked = alloc::vec![key.clone()];
    let ask = PeerMessage::Ask {
        notices: asked.clone(),
    };
    node.step(now, Event::Peer(ServerId(2), Box::new(ask)), &mut out);
    assert!(out.contains(&Action::Find(ServerId(2), asked.clone())));
    out.clear();
    let found = |asked| Event::Found {
        server: ServerId(2),
        asked,
        notices: Vec::new(),
    };
    let answered = Box::new(PeerMessage::Answered {
        notices: asked.clone(),
    });
    node.step(now, found(asked.clone()), &mut out);
    assert!(out.contains(&Action::Tell(ServerId(2), answered.clone())));
    // With a disk that has not taken everything a "no" is worth nothing.
    node.store_trouble = Some("full".into());
    out.clear();
    node.step(now, found(asked), &mut out);
    assert!(!out.contains(&Action::Tell(ServerId(2), answered)));
}

/// The story of seed 121: an earlier run had begun the mail and then ended it, for want of a licence. The
/// server whose turn it was came back with its own copy, repeated the alert and asked about it.
///
/// Rule: N8
#[test]
fn a_notice_that_another_server_brought_is_looked_for_on_disk_before_nothing_is_known_of_it() {
    let (mut node, now) = one_of_three(1);
    let mut out = Vec::new();
    let (mut sv1, _) = one_of_three(0);
    let test = crate::request::Request::MailTest;
    sv1.step(now, Event::Request(RequestId(1), test), &mut out);
    let brought = out.iter().find_map(|action| match action {
        Action::Tell(_, message) => match &**message {
            PeerMessage::Alert { alert, notices, .. } => Some((alert.clone(), notices.clone())),
            _ => None,
        },
        _ => None,
    });
    let (alert, mut notices) = brought.expect("the others hear of it");
    notices[0].state = NoticeState::Waiting;
    let asked = alloc::vec![notices[0].key.clone()];
    let repeated = PeerMessage::Alert {
        alert,
        notices,
        repeated: true,
        confirm: false,
    };
    node.step(now, Event::Peer(ServerId(0), Box::new(repeated)), &mut out);
    out.clear();
    let ask = PeerMessage::Ask {
        notices: asked.clone(),
    };
    node.step(now, Event::Peer(ServerId(0), Box::new(ask)), &mut out);
    assert!(out.contains(&Action::Find(ServerId(0), asked)), "{out:?}");
}

/// What the daemon does with outcomes that come while it is taken down.
///
/// Rule: N9 N8
#[test]
fn how_a_mail_ended_after_the_exit_is_still_recorded_and_said() {
    let (mut node, mut now) = one_of_three(0);
    let mut out = Vec::new();
    let test = crate::request::Request::MailTest;
    node.step(now, Event::Request(RequestId(1), test), &mut out);
    let begun = out.iter().find_map(|action| match action {
        Action::Record { items, .. } => items.iter().find_map(|item| match item {
            Item::Notice(notice) if notice.state == NoticeState::Begun => {
                (notice.key.channel == Channel::Mail).then(|| notice.key.clone())
            }
            _ => None,
        }),
        _ => None,
    });
    let key = begun.expect("the mail is begun");
    node.leave(now, false, None, &mut out);
    now.at = now.at + LEAVE_WAIT_MAX;
    out.clear();
    node.step(now, Event::Tick, &mut out);
    assert!(out.contains(&Action::Exit), "it has waited long enough");
    out.clear();
    let reply = String::from("250 2.0.0 Ok");
    let outcome = crate::notice::Outcome::Delivered { reply };
    node.step(now, Event::Outcome(key.clone(), outcome), &mut out);
    let is_end = |notice: &crate::notice::NoticeRecord| {
        notice.key == key && notice.state == NoticeState::Delivered
    };
    let told = out.iter().filter(|action| match action {
        Action::Tell(_, message) => {
            matches!(&**message, PeerMessage::Mark { notice } if is_end(notice))
        }
        _ => false,
    });
    assert_eq!(told.count(), 2);
    assert!(out.iter().any(|action| {
        match action {
            Action::Record { items, .. } => items
                .iter()
                .any(|item| matches!(item, Item::Notice(notice) if is_end(notice))),
            _ => false,
        }
    }));
}

/// sv1's daemon has ended without a word.
fn sv1_is_down() -> Vec<crate::membership::News> {
    alloc::vec![crate::membership::News::Down {
        server: ServerId(0),
        cause: crate::membership::Cause::Killed,
        seen: 2,
        of: 3,
    }]
}

/// What of `out` goes to a server, given to it.
fn carry(out: Vec<Action>, from: u8, to: &mut Node, now: Now) -> Vec<Action> {
    let own = to.own();
    let mut answers = Vec::new();
    for action in out {
        if let Action::Tell(server, message) = action
            && server == own
        {
            to.step(now, Event::Peer(ServerId(from), message), &mut answers);
        }
    }
    answers
}

fn put_out_sv1() -> Event {
    let server = String::from("sv1");
    Event::Request(RequestId(1), crate::request::Request::LampOff { server })
}

/// Rule: M18 N8
#[test]
fn a_lamp_that_is_put_out_is_answered_when_that_is_on_disk() {
    for works in [true, false] {
        let (mut node, now) = one_of_three(1);
        let mut out = Vec::new();
        node.step(now, put_out_sv1(), &mut out);
        let is_reply = |action: &Action| matches!(action, Action::Reply(..));
        assert!(!out.iter().any(is_reply), "{out:#?}");
        let batch = out.iter().find_map(|action| match action {
            Action::Record { batch, items } => {
                let latch = |item: &Item| matches!(item, Item::Latch(one) if one.server == "sv1");
                items.iter().any(latch).then_some(*batch)
            }
            _ => None,
        });
        let batch = batch.expect("the latch is to be recorded");
        let result = match works {
            true => Ok(()),
            false => Err(String::from("disk full")),
        };
        out.clear();
        node.step(now, Event::Recorded { batch, result }, &mut out);
        let reply = out.iter().find(|action| is_reply(action));
        match reply.expect("it is answered") {
            Action::Reply(_, Reply::Done) => assert!(works),
            Action::Reply(_, Reply::Refused { why }) => {
                assert!(!works && why.contains("disk full"), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Rule: M18
#[test]
fn a_lamp_that_was_put_out_is_not_lit_by_who_finds_the_same_fault_later() {
    let (mut second, now) = one_of_three(1);
    let (mut third, _) = one_of_three(2);
    let mut out = Vec::new();
    second.take(now, sv1_is_down(), &mut out);
    second.step(now, put_out_sv1(), &mut out);
    carry(out, 1, &mut third, now);
    let later = Now {
        at: now.at,
        wall: WallTime(now.wall.0 + 5),
    };
    third.take(later, sv1_is_down(), &mut Vec::new());
    assert_eq!(third.latches.of(ServerId(0)).red, Glow::Off);
    // Another run of it that falls is another fault.
    let heard = Heard {
        from: ServerId(0),
        path: crate::config::InterconnectId(0),
        session: SessionId([9; 12]),
        phase: Phase::Running,
        missed: 0,
        config_digest: 0,
    };
    third.step(later, Event::Heard(heard), &mut Vec::new());
    third.take(later, sv1_is_down(), &mut Vec::new());
    assert_eq!(third.latches.of(ServerId(0)).red, Glow::Blink);
}

/// Rule: M18
#[test]
fn a_lamp_that_was_put_out_is_not_lit_by_its_server_for_late_news_of_that_fault() {
    let (mut second, now) = one_of_three(1);
    let (mut first, _) = one_of_three(0);
    let mut told = Vec::new();
    second.take(now, sv1_is_down(), &mut told);
    let later = |ms: i64| Now {
        at: now.at,
        wall: WallTime(now.wall.0 + ms),
    };
    let mut out = Vec::new();
    second.step(later(10), put_out_sv1(), &mut out);
    // It had been running all the time, hears of the red, and lights itself once more.
    carry(told, 1, &mut first, later(20));
    let own = first.latches.of(ServerId(0));
    assert_eq!((own.red, own.green), (Glow::Blink, Glow::On));
    // That word, and the person's, cross each other.
    let answers = carry(out, 1, &mut first, later(30));
    let own = first.latches.of(ServerId(0));
    assert_eq!((own.red, own.green), (Glow::Off, Glow::Off));
    carry(answers, 0, &mut second, later(40));
    let theirs = second.latches.of(ServerId(0));
    assert_eq!((theirs.red, theirs.green), (Glow::Off, Glow::Off));
    assert!(!first.put_out.is_empty() && first.put_out.len() <= 32);
}

/// Rule: M18 N5
#[test]
fn a_fall_that_is_only_believed_is_neither_told_nor_kept() {
    let (mut node, now) = one_of_three(1);
    let before = node.latches.of(ServerId(2)).clone();
    let fallen = || {
        alloc::vec![crate::membership::News::Partition {
            unseen: alloc::vec![ServerId(0), ServerId(2)],
            seen: 1,
            of: 3,
        }]
    };
    let mut out = Vec::new();
    node.take(now, fallen(), &mut out);
    node.step(now, Event::LinkUp(ServerId(2)), &mut out);
    assert_eq!(node.latches.of(ServerId(2)).red, Glow::Blink);
    let red = |latch: &Latch| latch.red == Glow::Blink;
    let trace = |out: &[Action]| {
        out.iter().any(|action| match action {
            Action::Record { items, .. } => items
                .iter()
                .any(|item| matches!(item, Item::Latch(latch) if red(latch))),
            Action::Tell(_, message) => match &**message {
                PeerMessage::Latches { latches, .. } => latches.iter().any(red),
                _ => false,
            },
            _ => false,
        })
    };
    assert!(!trace(&out), "{out:#?}");
    let mut restored = node.clone();
    restored.disbelieve(now, ServerId(2), &mut Vec::new());
    assert_eq!(*restored.latches.of(ServerId(2)), before);
    // A lamp shows it: from here on it is a fact.
    let mut out = Vec::new();
    node.lamp_news(now, LampId(2), crate::lamp::LampNews::Red, &mut out);
    node.settle(now, &mut out);
    assert!(trace(&out), "{out:#?}");
    node.disbelieve(now, ServerId(2), &mut Vec::new());
    assert_eq!(node.latches.of(ServerId(2)).red, Glow::Blink);
}

/// Rule: N4 M18
#[test]
fn a_start_that_stood_still_waits_for_the_others_all_the_same() {
    let begin = Now {
        at: Moment(1_000_000),
        wall: WallTime(1_000),
    };
    let mut node = Node::new(begin, ServerId(0), SessionId([1; 12]), config(3));
    let mut out = Vec::new();
    node.step(begin, Event::Start(Box::default()), &mut out);
    let first = node.next_deadline(begin.at);
    let woken = Now {
        at: first + Span::from_secs(30),
        wall: WallTime(31_000),
    };
    out.clear();
    node.step(woken, Event::Tick, &mut out);
    let lamps = out.iter().filter(|one| matches!(one, Action::Lamp { .. }));
    assert_eq!(lamps.count(), 0, "{out:#?}");
    assert_eq!(node.settled_at, Some(woken.at + START_SETTLE));
}

/// The clock of a server that only believed in a fall is ahead of the others'.
///
/// Rule: M18
#[test]
fn a_belief_that_others_proved_does_not_outlive_the_person_who_put_the_lamp_out() {
    let (mut node, mut now) = one_of_three(2);
    now.wall = WallTime(3_600_000);
    let mut out = Vec::new();
    let heard = |from: u8| Heard {
        from: ServerId(from),
        path: crate::config::InterconnectId(0),
        session: SessionId([from; 12]),
        phase: Phase::Running,
        missed: 0,
        config_digest: 0,
    };
    // sv1 falls silent, sv2 goes on and tells its lamp: the look is red, by the clock of sv2.
    for _ in 0..20 {
        now.at = now.at + Span::from_ms(100);
        node.step(now, Event::Heard(heard(1)), &mut out);
        node.next_deadline(now.at);
    }
    assert!(node.before_fall[0].is_some(), "believed");
    let latch = |red: Glow, at: i64| Latch {
        server: "sv1".into(),
        red,
        red_changed: Stamp(at),
        green: Glow::Off,
        green_changed: Stamp(at),
    };
    let tell = |latch: Latch, put_out: Vec<PutOut>| {
        let latches = alloc::vec![latch];
        Event::Peer(
            ServerId(1),
            Box::new(PeerMessage::Latches {
                latches,
                put_out,
                clock: Stamp::NEVER,
            }),
        )
    };
    node.step(now, tell(latch(Glow::Blink, 2_000), Vec::new()), &mut out);
    assert!(node.before_fall[0].is_none(), "a lamp has shown it");
    // A minute later somebody puts it out, at sv2.
    let put_out = PutOut {
        server: "sv1".into(),
        fault: node.faults[0].clone(),
        run: Some(SessionId([0; 12])),
        at: Stamp(62_000),
    };
    node.step(
        now,
        tell(latch(Glow::Off, 62_000), alloc::vec![put_out]),
        &mut out,
    );
    assert_eq!(node.latches.of(ServerId(0)).red, Glow::Off);
    out.clear();
    node.step(now, Event::LinkUp(ServerId(1)), &mut out);
    let relit = out.iter().any(|action| match action {
        Action::Tell(_, message) => match &**message {
            PeerMessage::Latches { latches, .. } => latches[0].red == Glow::Blink,
            _ => false,
        },
        _ => false,
    });
    assert!(!relit, "{out:#?}");
}

fn records(out: &[Action]) -> usize {
    out.iter()
        .filter(|one| matches!(one, Action::Record { .. }))
        .count()
}

/// Rule: N6 N8
#[test]
fn what_others_repeat_and_is_known_is_not_written_again() {
    let (mut node, now) = one_of_three(1);
    let mut out = Vec::new();
    let returns = alloc::vec![(String::from("sv1"), SessionId([0; 12]), 0)];
    let message = PeerMessage::Returns { returns };
    node.step(now, Event::Peer(ServerId(2), Box::new(message)), &mut out);
    assert_eq!(records(&out), 0, "{out:#?}");
}

/// Rule: N6 N8
#[test]
fn a_known_alert_that_is_repeated_is_not_written_again() {
    let (mut node, now) = one_of_three(1);
    let (mut first, at) = one_of_three(0);
    let mut out = Vec::new();
    let raise = crate::request::Request::MailTest;
    first.step(at, Event::Request(RequestId(1), raise), &mut out);
    out.clear();
    first.step(at, Event::LinkUp(ServerId(1)), &mut out);
    let told = out.into_iter().find_map(|action| match action {
        Action::Tell(_, message) => match *message {
            PeerMessage::Alert { ref alert, .. } if !is_fact_id(&alert.id) => Some(message),
            _ => None,
        },
        _ => None,
    });
    let told = told.expect("a repeated alert");
    let mut out = Vec::new();
    node.step(now, Event::Peer(ServerId(0), told.clone()), &mut out);
    assert_eq!(records(&out), 1);
    // Said twice, "begun" may mean that the receiver has it: that much is news.
    node.step(now, Event::Peer(ServerId(0), told.clone()), &mut out);
    out.clear();
    node.step(now, Event::Peer(ServerId(0), told), &mut out);
    assert_eq!(records(&out), 0, "{out:#?}");
}

fn is_fact_id(id: &AlertId) -> bool {
    super::raise::is_fact(id)
}

/// What was said of a push while the link was down is said again when it is back.
///
/// Rule: N17
#[test]
fn a_server_whose_link_broke_in_a_push_is_asked_again() {
    let (mut node, now) = one_of_three(0);
    let mut out = Vec::new();
    for other in [1, 2] {
        node.step(now, Event::LinkUp(ServerId(other)), &mut out);
    }
    let push = crate::request::Request::Push {
        base: None,
        digest: "d".into(),
        by: "root".into(),
    };
    node.step(now, Event::Request(RequestId(1), push), &mut out);
    let vote = |from: u8| {
        let vote = PeerMessage::SetVote {
            digest: "d".into(),
            refusal: None,
        };
        Event::Peer(ServerId(from), Box::new(vote))
    };
    let mut again = |events: Vec<Event>| {
        let mut out = Vec::new();
        for event in events {
            node.step(now, event, &mut out);
        }
        let told = out.iter().filter_map(|action| match action {
            Action::Tell(server, message) if server.0 == 1 => match &**message {
                PeerMessage::SetOffer { .. } => Some("offer"),
                PeerMessage::SetCommit { .. } => Some("commit"),
                _ => None,
            },
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    let broke = || Vec::from([Event::LinkDown(ServerId(1)), Event::LinkUp(ServerId(1))]);
    assert_eq!(again(broke()), ["offer"]);
    assert_eq!(again(Vec::from([vote(1), vote(2)])), ["commit"]);
    assert_eq!(again(broke()), ["commit"]);
}
