//! What one server does about licences, given by hand.

use super::*;
use crate::event::{Licences, LicencesRead};
use crate::licence::{
    Date, Kind, Licence, Product, Proof, Registered, Registration, Serial, State,
};
use crate::notice::Outcome;
use crate::request::Request;

const DAY_MS: i64 = 86_400_000;

fn trial(end_ms: i64) -> Registration {
    Registration {
        licence: Licence {
            product: Product::AlertService,
            kind: Kind::Trial,
            serial: Serial::FIRST,
            servers: 3,
            issued: Date::new(2025, 12, 1).unwrap(),
            from: None,
            until: Date::new(2026, 12, 31),
        },
        sheet: false,
        by: alloc::vec![String::from("sv1")],
        proof: Proof::Sound,
        issued: WallTime(0),
        from: None,
        end: Some(WallTime(end_ms)),
    }
}

fn read(registered: Registered, register: &str, cause: LicencesRead) -> Event {
    Event::Licences(Box::new(Licences {
        registered,
        memory: None,
        register: register.into(),
        cause,
    }))
}

/// The messages with these modules that a step raised.
fn raised(out: &[Action], module: &str) -> Vec<u32> {
    let items = out.iter().filter_map(|action| match action {
        Action::Record { items, .. } => Some(items),
        _ => None,
    });
    let alerts = items.flatten().filter_map(|item| match item {
        Item::Alert { alert, .. } if alert.message.module == module => Some(alert.message.event),
        _ => None,
    });
    alerts.collect()
}

/// The mails that a step sends.
fn sent(out: &[Action]) -> Vec<NoticeKey> {
    let mails = out.iter().filter_map(|action| match action {
        Action::Send(sending) if sending.key.channel == Channel::Mail => Some(sending.key.clone()),
        _ => None,
    });
    mails.collect()
}

fn mails(out: &[Action]) -> usize {
    sent(out).len()
}

fn dropped(out: &[Action], channel: Channel) -> Vec<String> {
    let items = out.iter().filter_map(|action| match action {
        Action::Record { items, .. } => Some(items),
        _ => None,
    });
    let notices = items.flatten().filter_map(|item| match item {
        Item::Notice(notice)
            if notice.key.channel == channel && notice.state == NoticeState::Dropped =>
        {
            Some(notice.reason.clone())
        }
        _ => None,
    });
    notices.collect()
}

/// Gives an event, and answers what the store would.
fn step(node: &mut Node, now: Now, event: Event) -> Vec<Action> {
    let mut out = Vec::new();
    node.step(now, event, &mut out);
    let batches: Vec<u64> = out
        .iter()
        .filter_map(|action| match action {
            Action::Record { batch, .. } => Some(*batch),
            _ => None,
        })
        .collect();
    for batch in batches {
        let result = Ok(());
        node.step(now, Event::Recorded { batch, result }, &mut out);
    }
    out
}

fn alone() -> (Node, Now) {
    let now = Now {
        at: Moment(1_000_000),
        wall: WallTime(1_000),
    };
    let mut config = config(1);
    config.servers.truncate(1);
    let mut node = Node::new(now, ServerId(0), SessionId([1; 12]), config);
    step(&mut node, now, Event::Start(Box::default()));
    (node, now)
}

/// Time passes, without a pause of the process.
fn later(node: &mut Node, now: Now, ms: i64) -> Now {
    node.promised = None;
    Now {
        at: now.at + Span::from_ms(ms.unsigned_abs()),
        wall: WallTime(now.wall.0 + ms),
    }
}

fn test_mail() -> Event {
    Event::Request(RequestId(1), Request::MailTest)
}

fn raise() -> Event {
    let message = crate::alert::MessageId {
        module: "logcmd".into(),
        event: 1,
    };
    let request = Request::Raise {
        message,
        severity: crate::alert::Severity::Error,
        text: "x".into(),
        destinations: Some(crate::alert::Destinations {
            alert: true,
            syslog: true,
            mail: true,
            ..Default::default()
        }),
    };
    Event::Request(RequestId(2), request)
}

/// Rule: M25
#[test]
fn without_a_licence_mails_end_with_the_reason_and_the_rest_goes_on() {
    let (mut node, now) = alone();
    let none = || Registered::Licences(Vec::new());
    let out = step(&mut node, now, read(none(), "", LicencesRead::AtWork));
    assert_eq!(raised(&out, "mail"), [1]);
    let again = step(&mut node, now, read(none(), "", LicencesRead::AtWork));
    assert_eq!(raised(&again, "mail"), [0; 0], "once per change");
    let out = step(&mut node, now, raise());
    assert_eq!(raised(&out, "logcmd"), [1]);
    assert_eq!(mails(&out), 0);
    let why = dropped(&out, Channel::Mail);
    assert_eq!(why.len(), 1);
    assert!(why[0].contains("The license is not registered."), "{why:?}");
    let syslog = out.iter().any(
        |action| matches!(action, Action::Send(sending) if sending.key.channel == Channel::Syslog),
    );
    assert!(syslog, "syslog goes on");
    let refused = step(&mut node, now, test_mail());
    assert!(refused.iter().any(|action| matches!(
        action,
        Action::Reply(_, crate::request::Reply::Refused { why })
            if why.contains("not registered")
    )));
    let status = node.status(now).licence.unwrap();
    assert_eq!(
        (status.notices, status.message, status.withheld),
        (false, Some(1), 1)
    );
}

/// Rule: M25
#[test]
fn a_build_that_needs_no_licence_has_nothing_to_do_with_any_of_it() {
    let (mut node, now) = alone();
    let before = alloc::format!("{node:?}");
    let out = step(
        &mut node,
        now,
        read(Registered::NotNeeded, "", LicencesRead::AtWork),
    );
    assert_eq!(raised(&out, "mail"), [0; 0]);
    assert_eq!(alloc::format!("{node:?}"), before);
    assert_eq!(node.status(now).licence, None);
}

/// A mail that is tried again and again when the trial ends at its midnight; then a licence.
///
/// Rule: M25 M9
#[test]
fn a_trial_ends_at_its_moment_and_what_waits_then_ends_with_it() {
    let (mut node, mut now) = alone();
    let end = now.wall.0 + 20 * DAY_MS;
    let licences = Registered::Licences(alloc::vec![trial(end)]);
    step(&mut node, now, read(licences, "one", LicencesRead::AtWork));
    let retry = Outcome::Retry {
        cause: "450".into(),
        maybe_taken: false,
    };
    let mut warned = Vec::new();
    while now.wall.0 < end - 1_000 {
        let passed_ms = (end - 1_000 - now.wall.0).min(3_600_000);
        now = later(&mut node, now, passed_ms);
        let out = step(&mut node, now, Event::Tick);
        warned.extend(raised(&out, "lcns"));
        for key in sent(&out) {
            let reply = String::from("250");
            let outcome = Outcome::Delivered { reply };
            step(&mut node, now, Event::Outcome(key, outcome));
        }
    }
    assert_eq!(warned, [1002, 1002, 1002], "14, 7 and 1 days ahead");
    let out = step(&mut node, now, raise());
    assert_eq!(mails(&out), 1);
    let key = sent(&out).remove(0);
    step(&mut node, now, Event::Outcome(key, retry));
    assert!(node.sends_notices());
    let due = node.licences_due().unwrap();
    assert!(due <= now.at + Span::from_ms(1_000));
    now = later(&mut node, now, 1_000);
    let out = step(&mut node, now, Event::Tick);
    assert_eq!(raised(&out, "mail"), [2]);
    assert!(!node.sends_notices());
    let why = dropped(&out, Channel::Mail);
    assert!(why.iter().any(|why| why.contains("26/12/31")), "{why:?}");
    let licences = Registered::Licences(alloc::vec![trial(end), {
        let mut product = trial(end);
        product.licence.kind = Kind::Product;
        product.licence.until = None;
        product.end = None;
        product
    }]);
    let out = step(&mut node, now, read(licences, "two", LicencesRead::AtWork));
    assert_eq!(raised(&out, "lcns"), [1001]);
    assert_eq!(mails(&out), 1, "one, which says how many were not sent");
    assert_eq!(node.licences.as_ref().unwrap().state(), State::Valid);
}

/// Rule: M21
#[test]
fn whoever_registers_hears_which_servers_have_it() {
    let (mut node, mut now) = one_of_three(0);
    step(&mut node, now, Event::LinkUp(ServerId(1)));
    let licences = || Registered::Licences(alloc::vec![trial(DAY_MS)]);
    let out = step(
        &mut node,
        now,
        Event::Request(RequestId(7), Request::LicencesChanged),
    );
    assert!(out.contains(&Action::ReadLicences(RequestId(7))));
    let asked = LicencesRead::Asked(RequestId(7));
    let out = step(&mut node, now, read(licences(), "text", asked));
    let number = out.iter().find_map(|action| match action {
        Action::Tell(ServerId(1), message) => match &**message {
            PeerMessage::Licences { register, number } if register == "text" => Some(*number),
            _ => None,
        },
        _ => None,
    });
    let replied = |out: &[Action]| {
        out.iter().find_map(|action| match action {
            Action::Reply(RequestId(7), crate::request::Reply::LicencesTold { reached, later }) => {
                Some((reached.join(" "), later.join(" ")))
            }
            _ => None,
        })
    };
    assert_eq!(replied(&out), None);
    let taken = PeerMessage::LicencesTaken {
        number: number.unwrap(),
    };
    let out = step(&mut node, now, Event::Peer(ServerId(1), Box::new(taken)));
    assert_eq!(replied(&out), Some(("sv2".into(), "sv3".into())));
    // One that does not answer is waited for no longer than three seconds.
    let out = step(&mut node, now, read(licences(), "text", asked));
    assert_eq!(replied(&out), None);
    now.at = now.at + crate::node::licences::LICENCES_ANSWER_WAIT;
    let out = step(&mut node, now, Event::Tick);
    assert_eq!(replied(&out), Some((String::new(), "sv2 sv3".into())));
}

/// Rule: M21
#[test]
fn a_server_that_returns_is_told_and_what_it_says_is_joined_and_answered() {
    let (mut node, now) = one_of_three(0);
    let licences = Registered::Licences(alloc::vec![trial(DAY_MS)]);
    step(
        &mut node,
        now,
        read(licences.clone(), "text", LicencesRead::AtWork),
    );
    let told = |out: &[Action], to: u8, what: &dyn Fn(&PeerMessage) -> bool| {
        out.iter().any(|action| {
            matches!(action, Action::Tell(server, message)
                if server.0 == to && what(message))
        })
    };
    let register = |message: &PeerMessage| matches!(message, PeerMessage::Licences { register, .. } if register == "text");
    let out = step(&mut node, now, Event::LinkUp(ServerId(2)));
    assert!(told(&out, 2, &register));
    let theirs = PeerMessage::Licences {
        register: "theirs".into(),
        number: 5,
    };
    let out = step(&mut node, now, Event::Peer(ServerId(2), Box::new(theirs)));
    let join = Action::JoinLicences {
        from: ServerId(2),
        number: 5,
        register: "theirs".into(),
    };
    assert!(out.contains(&join));
    let joined = LicencesRead::Joined {
        from: ServerId(2),
        number: 5,
    };
    let out = step(&mut node, now, read(licences.clone(), "both", joined));
    assert!(told(&out, 2, &|message| *message
        == PeerMessage::LicencesTaken { number: 5 }));
    assert!(told(&out, 1, &|message| {
        matches!(message, PeerMessage::Licences { register, .. } if register == "both")
    }));
    // What is no news is not told on: it would never end.
    let out = step(&mut node, now, read(licences, "both", joined));
    assert!(!told(&out, 1, &|message| matches!(
        message,
        PeerMessage::Licences { .. }
    )));
}

/// What is lit stays as it is, and what should have been told says why it was not; then it is.
///
/// Rule: M25 M9
#[test]
fn lamps_are_left_alone_without_a_licence_and_told_what_holds_by_then_with_one() {
    let now = Now {
        at: Moment(1_000_000),
        wall: WallTime(1_000),
    };
    let mut config = config(1);
    config.servers.truncate(1);
    let mut node = Node::new(now, ServerId(0), SessionId([1; 12]), config);
    let none = Licences {
        registered: Registered::Licences(Vec::new()),
        memory: None,
        register: "".into(),
        cause: LicencesRead::AtWork,
    };
    let recovered = crate::event::Recovered {
        licences: Some(Box::new(none)),
        ..Default::default()
    };
    let lamps = |out: &[Action]| {
        let lamp = |action: &&Action| matches!(action, Action::Lamp { .. });
        out.iter().filter(lamp).count()
    };
    let out = step(&mut node, now, Event::Start(Box::new(recovered)));
    assert_eq!((raised(&out, "mail"), lamps(&out)), (Vec::from([1]), 0));
    let why = dropped(&out, Channel::Lamp);
    assert!(
        why.len() == 1 && why[0].contains("not registered"),
        "{why:?}"
    );
    let lamp_off = Request::LampOff {
        server: "sv1".into(),
    };
    let out = step(&mut node, now, Event::Request(RequestId(3), lamp_off));
    assert!(matches!(
        out.as_slice(),
        [Action::Reply(_, crate::request::Reply::Refused { why })] if why.contains("not registered")
    ));
    let mut product = trial(0);
    product.licence.kind = Kind::Product;
    (product.licence.until, product.end) = (None, None);
    let licences = Registered::Licences(alloc::vec![product]);
    let out = step(&mut node, now, read(licences, "one", LicencesRead::AtWork));
    assert_eq!(lamps(&out), 1);
    // Lit already, and left so.
    let none = Registered::Licences(Vec::new());
    let out = step(&mut node, now, read(none, "", LicencesRead::AtWork));
    assert_eq!((raised(&out, "mail"), lamps(&out)), (Vec::from([1]), 0));
}

fn barred(out: &[Action], to: u8) -> Option<(bool, u32)> {
    out.iter().find_map(|action| match action {
        Action::Tell(server, message) if server.0 == to => match &**message {
            PeerMessage::Barred { barred, unsent } => Some((*barred, *unsent)),
            _ => None,
        },
        _ => None,
    })
}

/// The first of three, with the third as badly off, and a register that cannot be read.
fn first_of_two_unreadable() -> (Node, Now) {
    let (mut node, mut now) = one_of_three(0);
    step(&mut node, now, Event::LinkUp(ServerId(1)));
    step(&mut node, now, Event::LinkUp(ServerId(2)));
    let message = PeerMessage::Barred {
        barred: true,
        unsent: 0,
    };
    step(&mut node, now, Event::Peer(ServerId(2), Box::new(message)));
    node.settled_at = None;
    now = later(&mut node, now, 1);
    let out = step(
        &mut node,
        now,
        read(Registered::Unreadable, "", LicencesRead::AtWork),
    );
    assert_eq!(raised(&out, "mail"), [4], "what is wrong here is said here");
    assert_eq!(barred(&out, 1), Some((true, 0)), "and to the others");
    (node, now)
}

/// Rule: M25 N9
#[test]
fn a_server_that_may_not_send_leaves_its_turn_to_one_that_may() {
    let (mut node, now) = first_of_two_unreadable();
    let out = step(&mut node, now, raise());
    assert_eq!(mails(&out), 0);
    assert_eq!(
        dropped(&out, Channel::Mail),
        [""; 0],
        "it is the other's to send"
    );
    let status = node.status(now);
    let licence = status.licence.unwrap();
    let sender = status.servers[1].name.clone();
    assert_eq!(
        (licence.notices, licence.sent_by, status.on_duty),
        (false, Some(sender.clone()), Some(sender))
    );
    // The other loses its licence as well: nobody is left, and what waited ends here.
    let word = |barred, unsent| {
        let message = PeerMessage::Barred { barred, unsent };
        Event::Peer(ServerId(1), Box::new(message))
    };
    let mut out = step(&mut node, now, word(true, 0));
    let later_on = later(&mut node, now, 300);
    out.extend(step(&mut node, later_on, Event::Tick));
    let why = dropped(&out, Channel::Mail);
    assert!(why.iter().any(|why| why.contains("is unknown")), "{why:?}");
    let own = node.status(later_on).licence.unwrap().withheld;
    assert!(own > 0);
    // It may send again: our number goes to it, and it is the one that tells.
    let out = step(&mut node, later_on, word(false, 0));
    assert_eq!(barred(&out, 1), Some((true, own)));
    let (mut end, mut told) = (later_on, Vec::new());
    for from in [1, 2].into_iter().cycle().take(8) {
        end = later(&mut node, end, 130);
        let heard = crate::event::Heard {
            from: ServerId(from),
            path: crate::config::InterconnectId(0),
            session: SessionId([from; 12]),
            phase: crate::event::Phase::Running,
            missed: 0,
            config_digest: 0,
        };
        told.extend(step(&mut node, end, Event::Heard(heard)));
    }
    assert_eq!(raised(&told, "lcns"), [0; 0]);
    assert_eq!(node.status(end).licence.unwrap().withheld, 0);
}

/// Rule: M25
#[test]
fn the_server_on_duty_tells_by_one_mail_what_all_have_not_sent() {
    let (mut node, now) = first_of_two_unreadable();
    let word = PeerMessage::Barred {
        barred: true,
        unsent: 2,
    };
    let event = Event::Peer(ServerId(1), Box::new(word));
    step(&mut node, now, event.clone());
    let out = step(&mut node, now, raise());
    assert_eq!(dropped(&out, Channel::Mail).len(), 1);
    let own = node.status(now).licence.unwrap().withheld;
    let mut product = trial(0);
    product.licence.kind = Kind::Product;
    (product.licence.until, product.end) = (None, None);
    let licences = Registered::Licences(alloc::vec![product]);
    let out = step(&mut node, now, read(licences, "one", LicencesRead::AtWork));
    assert_eq!(raised(&out, "lcns"), [0; 0], "the others' numbers may come");
    step(&mut node, now, event);
    let end = later(&mut node, now, 1_000);
    let out = step(&mut node, end, Event::Tick);
    let texts = out.iter().filter_map(|action| match action {
        Action::Send(sending) if sending.key.channel == Channel::Mail => {
            Some(sending.alert.text.as_str())
        }
        _ => None,
    });
    let texts: Vec<&str> = texts.filter(|text| text.contains("suffice")).collect();
    let number = alloc::format!("Mails that were not sent: {};", own + 2);
    assert!(texts.len() == 1 && texts[0].contains(&number), "{texts:?}");
}

/// Rule: M25 M9
#[test]
fn syslog_lines_are_tried_again_without_a_licence() {
    let (mut node, now) = alone();
    let none = Registered::Licences(Vec::new());
    step(&mut node, now, read(none, "", LicencesRead::AtWork));
    let syslog = |out: &[Action]| {
        out.iter().find_map(|action| match action {
            Action::Send(sending) if sending.key.channel == Channel::Syslog => {
                Some(sending.key.clone())
            }
            _ => None,
        })
    };
    let out = step(&mut node, now, raise());
    let key = syslog(&out).expect("syslog goes on");
    let cause = String::from("no such file");
    let retry = Outcome::Retry {
        cause,
        maybe_taken: false,
    };
    step(&mut node, now, Event::Outcome(key.clone(), retry));
    let now = later(&mut node, now, 600_000);
    let out = step(&mut node, now, Event::Tick);
    assert_eq!(syslog(&out), Some(key));
}

/// The first server answers heartbeats and has no link: a firewall lets no TCP through, so the licences
/// never reached it. It leaves its turn to us, and we left ours to it.
///
/// Rule: M25 N9 M17
#[test]
fn nobody_leaves_his_turn_to_a_server_that_cannot_say_whether_it_may_send() {
    for needs_licence in [true, false] {
        let (mut node, mut now) = one_of_three(1);
        if needs_licence {
            let mut product = trial(0);
            product.licence.kind = Kind::Product;
            (product.licence.until, product.end) = (None, None);
            let licences = Registered::Licences(alloc::vec![product]);
            step(&mut node, now, read(licences, "one", LicencesRead::AtWork));
        }
        step(&mut node, now, Event::LinkUp(ServerId(2)));
        let mut told = Vec::new();
        for beat in 0..120 {
            now = later(&mut node, now, 100);
            let alive: &[u8] = if beat < 70 { &[0, 2] } else { &[0] };
            for from in alive {
                let heard = crate::event::Heard {
                    from: ServerId(*from),
                    path: crate::config::InterconnectId(0),
                    session: SessionId([*from; 12]),
                    phase: crate::event::Phase::Running,
                    missed: 0,
                    config_digest: 0,
                };
                told.extend(step(&mut node, now, Event::Heard(heard)));
            }
        }
        let mails = sent(&told);
        let down = mails.iter().filter(|key| key.alert.0.starts_with("fact."));
        let lamps: Vec<u8> = told
            .iter()
            .filter_map(|action| match action {
                Action::Lamp { lamp, .. } => Some(lamp.0),
                _ => None,
            })
            .collect();
        // Its own lamp is left to it in both cases.
        let told_lamp = |of: u8| lamps.contains(&of);
        assert_eq!(
            (down.count() > 0, told_lamp(2), told_lamp(0)),
            (needs_licence, needs_licence, false),
            "{mails:?} {lamps:?}"
        );
    }
}

/// A link that comes up carries the word at once: whose turn what follows is depends on it.
///
/// Rule: M25 N9
#[test]
fn whether_a_server_may_send_is_its_first_word_on_a_link() {
    let (mut node, now) = first_of_two_unreadable();
    step(&mut node, now, Event::LinkDown(ServerId(1)));
    let out = step(&mut node, now, Event::LinkUp(ServerId(1)));
    assert_eq!(barred(&out, 1), Some((true, 0)));
    let told = |wanted: &dyn Fn(&PeerMessage) -> bool| {
        out.iter().position(
            |action| matches!(action, Action::Tell(_, message) if wanted(message.as_ref())),
        )
    };
    let word = told(&|message| matches!(message, PeerMessage::Barred { .. }));
    let alert = told(&|message| matches!(message, PeerMessage::Alert { .. }));
    assert!(alert.is_some() && word < alert, "{out:?}");
}

/// Without a licence a starting server ends nothing: those that may send are about to tell it so.
///
/// Rule: M25 N9
#[test]
fn a_starting_server_ends_nothing_before_it_knows_who_may_send() {
    let now = Now {
        at: Moment(1_000_000),
        wall: WallTime(1_000),
    };
    let mut node = Node::new(now, ServerId(0), SessionId([1; 12]), config(3));
    step(&mut node, now, Event::Start(Box::default()));
    let none = Registered::Licences(Vec::new());
    step(&mut node, now, read(none, "", LicencesRead::AtWork));
    let out = step(&mut node, now, raise());
    assert_eq!((mails(&out), dropped(&out, Channel::Mail)), (0, Vec::new()));
    // Alone, it does not wait for long.
    let end = later(&mut node, now, 1_500);
    let out = step(&mut node, end, Event::Tick);
    let why = dropped(&out, Channel::Mail);
    assert!(
        why.iter().any(|why| why.contains("not registered")),
        "{why:?}"
    );
}
