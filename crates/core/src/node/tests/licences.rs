//! What one server does about licences, given by hand.

use super::*;
use crate::event::{Licences, LicencesRead};
use crate::licence::{
    Date, Kind, Licence, Product, Proof, Registered, Registration, Serial, State,
};
use crate::notice::Outcome;
use crate::request::Request;

const DAY_MS: i64 = 86_400_000;

pub(super) fn trial(end_ms: i64) -> Registration {
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

pub(super) fn read(registered: Registered, register: &str, cause: LicencesRead) -> Event {
    Event::Licences(Box::new(Licences {
        registered,
        memory: None,
        register: register.into(),
        cause,
    }))
}

/// The messages with these modules that a step raised.
pub(super) fn raised(out: &[Action], module: &str) -> Vec<u32> {
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
pub(super) fn sent(out: &[Action]) -> Vec<NoticeKey> {
    let mails = out.iter().filter_map(|action| match action {
        Action::Send(sending) if sending.key.channel == Channel::Mail => Some(sending.key.clone()),
        _ => None,
    });
    mails.collect()
}

pub(super) fn mails(out: &[Action]) -> usize {
    sent(out).len()
}

pub(super) fn dropped(out: &[Action], channel: Channel) -> Vec<String> {
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
pub(super) fn step(node: &mut Node, now: Now, event: Event) -> Vec<Action> {
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
pub(super) fn later(node: &mut Node, now: Now, ms: i64) -> Now {
    node.promised = None;
    Now {
        at: now.at + Span::from_ms(ms.unsigned_abs()),
        wall: WallTime(now.wall.0 + ms),
    }
}

fn test_mail() -> Event {
    Event::Request(RequestId(1), Request::MailTest)
}

pub(super) fn raise() -> Event {
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
