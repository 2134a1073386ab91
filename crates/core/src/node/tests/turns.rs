//! Whose turn notices are, given by hand.

use super::licences::{dropped, later, mails, raise, raised, read, sent, step, trial};
use super::*;
use crate::event::LicencesRead;
use crate::licence::{Kind, Registered};

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
