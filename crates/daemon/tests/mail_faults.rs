//! The mail channel against a server that misbehaves at every verb.

mod mail_support;

use mail_support::fake::{Act, Fake, Seen, normal, say};
use mail_support::{Office, STEP_MAX, context, context_with, plain, sending};
use noroshi_core::alert::AlertId;
use noroshi_core::config::{AuthMechanism, MailTransport, Secret, SmtpAuth, SmtpServer, SmtpTls};
use noroshi_core::notice::Outcome;
use noroshi_core::time::Span;
use noroshi_daemon::channel::mail::MailContext;
use std::time::Duration;
use tokio::time::{Instant, timeout};

const WAIT_MS: u64 = 300;

fn impatient(servers: Vec<SmtpServer>) -> MailContext {
    context_with(MailTransport::Smtp {
        servers,
        timeout: Span::from_ms(WAIT_MS),
    })
}

const VERBS: [&str; 6] = ["", "EHLO", "MAIL", "RCPT", "DATA", "."];

/// What a server that takes commands one by one answers to EHLO, and one that takes several at once (RFC 2920).
const OFFERS: [&str; 2] = [
    "250-fake\r\n250 8BITMIME\r\n",
    "250-fake\r\n250 PIPELINING\r\n",
];

/// A server that does `act` at `verb` and else behaves.
async fn failing(verb: &'static str, act: Act) -> Fake {
    failing_offering(OFFERS[0], verb, act).await
}

async fn failing_offering(offer: &'static str, verb: &'static str, act: Act) -> Fake {
    Fake::start(
        move |line| match line.split([' ', ':']).next().unwrap_or_default() {
            at if at == verb => act.clone(),
            "EHLO" => say(offer),
            _ => normal(line),
        },
    )
    .await
}

fn faults() -> Vec<(&'static str, Act)> {
    vec![
        ("silent", Act::Silent),
        ("close", Act::Close),
        ("drip", Act::Drip(b"250-x\r\n")),
        ("flood of lines", Act::Flood(b"250-and so on\r\n")),
        ("one endless line", Act::Flood(b"250-and so on ")),
        ("garbage", say("HTTP/1.1 400 Bad Request\r\n")),
        ("binary", Act::Say(vec![0, 255, 27, 13, 13, 10, 128])),
        ("wrong codes", say("250-a\r\n354-b\r\n250 c\r\n")),
        ("soft", say("451 4.3.0 later\r\n")),
        ("hard", say("554 5.0.0 never\r\n")),
        (
            "closing",
            Act::SayAndClose(b"421 4.3.2 going down\r\n".to_vec()),
        ),
    ]
}

/// Each fault at each verb, alone and with a second server behind it.
/// Rule: N8 N10
#[tokio::test]
async fn every_fault_at_every_verb_is_bounded_and_judged() {
    let mut cases = tokio::task::JoinSet::new();
    let all = OFFERS
        .iter()
        .flat_map(|offer| VERBS.map(|verb| (*offer, verb)));
    for (offer, verb) in all {
        for (name, act) in faults() {
            cases.spawn(async move {
                let bad = failing_offering(offer, verb, act).await;
                let good = Fake::start(normal).await;
                let begun = Instant::now();
                let alone = Office::open(impatient(vec![plain(bad.address)]))
                    .send(mail("alone"))
                    .await;
                let servers = vec![plain(bad.address), plain(good.address)];
                let both = Office::open(impatient(servers)).send(mail("both")).await;
                // Two attempts of at most four waits, and room for a busy machine.
                assert!(begun.elapsed() < Duration::from_secs(12), "{verb} {name}");
                judge(verb, name, &alone, &both);
            });
        }
    }
    while let Some(case) = timeout(STEP_MAX, cases.join_next()).await.unwrap() {
        case.unwrap();
    }
}

fn judge(verb: &str, name: &str, alone: &Outcome, both: &Outcome) {
    let case = format!("{name} at {verb:?}: {alone:?}, then {both:?}");
    match (verb, name) {
        // EHLO refused as unknown would be HELO; these are refusals of the server itself.
        ("RCPT" | "DATA" | ".", "hard") => {
            assert!(matches!(alone, Outcome::Refused { .. }), "{case}");
            assert_eq!(
                std::mem::discriminant(both),
                std::mem::discriminant(alone),
                "{case}"
            );
        }
        ("MAIL", "hard") => {
            assert!(matches!(alone, Outcome::Refused { .. }), "{case}");
            assert!(matches!(both, Outcome::Delivered { .. }), "{case}");
        }
        ("RCPT", "soft") => {
            assert!(
                matches!(
                    alone,
                    Outcome::Retry {
                        maybe_taken: false,
                        ..
                    }
                ),
                "{case}"
            );
            assert!(
                matches!(
                    both,
                    Outcome::Retry {
                        maybe_taken: false,
                        ..
                    }
                ),
                "{case}"
            );
        }
        (".", "soft" | "closing") => {
            assert!(
                matches!(
                    alone,
                    Outcome::Retry {
                        maybe_taken: false,
                        ..
                    }
                ),
                "{case}"
            );
            assert!(matches!(both, Outcome::Delivered { .. }), "{case}");
        }
        // The answer to the whole message is missing: no second copy by ourselves.
        (".", _) => {
            assert!(
                matches!(
                    alone,
                    Outcome::Retry {
                        maybe_taken: true,
                        ..
                    }
                ),
                "{case}"
            );
            assert!(
                matches!(
                    both,
                    Outcome::Retry {
                        maybe_taken: true,
                        ..
                    }
                ),
                "{case}"
            );
        }
        _ => {
            assert!(
                matches!(
                    alone,
                    Outcome::Retry {
                        maybe_taken: false,
                        ..
                    }
                ),
                "{case}"
            );
            assert!(matches!(both, Outcome::Delivered { .. }), "{case}");
        }
    }
    if let Outcome::Retry { cause, .. } | Outcome::Refused { cause } = alone {
        assert!(
            cause.contains("127.0.0.1:") && cause.contains("attempt 1"),
            "{case}"
        );
        assert!(
            cause.chars().count() <= 300 && !cause.contains(char::is_control),
            "{case}"
        );
    }
}

fn mail(id: &str) -> noroshi_core::notice::Sending {
    sending("ops@example.test", id)
}

/// A mail to a recipient whom the server refuses, and one to another.
async fn one_refused_and_one_taken(server: &Fake) -> Seen {
    let mut office = Office::open(impatient(vec![plain(server.address)]));
    let refused = office.send(sending("away@example.test", "a")).await;
    assert!(matches!(refused, Outcome::Refused { .. }), "{refused:?}");
    let taken = office.send(mail("b")).await;
    assert!(matches!(taken, Outcome::Delivered { .. }), "{taken:?}");
    server.seen()
}

/// Commands that were said at once have their answers read at once, also when the first says no: what follows on that
/// connection is a mail of its own, and a server that asks for the message of a refused one gets an empty one.
/// Rule: N8 N10
#[tokio::test]
async fn after_a_refusal_among_commands_said_at_once_the_next_mail_goes_whole() {
    let server = Fake::start(|line| match line {
        line if line.starts_with("EHLO") => say(OFFERS[1]),
        line if line.contains("<away@") => say("550 5.1.1 no such user\r\n"),
        line => normal(line),
    })
    .await;
    let seen = one_refused_and_one_taken(&server).await;
    assert_eq!(seen.connections, 1, "{:?}", seen.lines);
    let empty: Vec<bool> = seen.mails.iter().map(Vec::is_empty).collect();
    assert_eq!(empty, [true, false]);
}

/// What such a server answers too late would be taken for the answer to the next mail's commands.
/// Rule: N8 N10
#[tokio::test]
async fn a_connection_that_lacks_an_answer_takes_no_other_mail() {
    let late = std::sync::atomic::AtomicBool::new(true);
    let server = Fake::start(move |line| match line {
        line if line.starts_with("EHLO") => say(OFFERS[1]),
        line if line.contains("<away@") => say("550 5.1.1 no such user\r\n"),
        "." if late.swap(false, std::sync::atomic::Ordering::Relaxed) => Act::Silent,
        line => normal(line),
    })
    .await;
    let seen = one_refused_and_one_taken(&server).await;
    assert_eq!(seen.connections, 2, "{:?}", seen.lines);
    assert!(
        !seen.lines.iter().any(|line| line == "RSET"),
        "{:?}",
        seen.lines
    );
}

/// A server may answer with the code alone, or in its own character set; a mail that it took must
/// not be sent again for that.
/// Rule: N8 N10
#[tokio::test]
async fn an_odd_yes_is_a_yes() {
    let replies: [&[u8]; 5] = [
        b"250\r\n",
        b"250 \x8e\xf3\x95\x74\r\n",
        b"250 ok\n",
        b"250-a\r\n250-b\r\n250 c\r\n",
        b"251 forwarded\r\n",
    ];
    for reply in replies {
        let server = failing(".", Act::Say(reply.to_vec())).await;
        let outcome = Office::open(impatient(vec![plain(server.address)]))
            .send(mail("a"))
            .await;
        assert!(
            matches!(outcome, Outcome::Delivered { .. }),
            "{reply:?}: {outcome:?}"
        );
    }
}

/// Rule: N10
#[tokio::test]
async fn nobody_listens_and_the_next_server_takes_it_at_once() {
    let good = Fake::start(normal).await;
    let nobody = std::net::SocketAddr::from(([127, 0, 0, 1], mail_support::free_port()));
    let begun = Instant::now();
    let mut office = Office::open(context(vec![plain(nobody), plain(good.address)]));
    assert!(matches!(
        office.send(mail("a")).await,
        Outcome::Delivered { .. }
    ));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// Rule: N10
#[tokio::test]
async fn a_dead_first_server_delays_one_mail_and_not_each() {
    let dead = failing("", Act::Silent).await;
    let good = Fake::start(normal).await;
    let mut office = Office::open(impatient(vec![plain(dead.address), plain(good.address)]));
    for at in 0..20 {
        let outcome = office.send(mail(&format!("a{at}"))).await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    }
    assert_eq!(dead.seen().connections, 1);
    assert_eq!((good.seen().connections, good.seen().mails.len()), (1, 20));
}

/// Rule: N10
#[tokio::test]
async fn a_connection_that_ended_while_idle_is_no_failure() {
    let server = failing(".", Act::SayAndClose(b"250 ok\r\n".to_vec())).await;
    let mut office = Office::open(impatient(vec![plain(server.address)]));
    for at in 0..5 {
        let outcome = office.send(mail(&format!("a{at}"))).await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    }
    assert_eq!(server.seen().mails.len(), 5);
}

/// Rule: N10
#[tokio::test]
async fn a_refused_mail_leaves_the_connection_usable() {
    let server = Fake::start(|line| match line {
        "RCPT TO:<bad@example.test>" => say("550 5.1.1 unknown\r\n"),
        line => normal(line),
    })
    .await;
    let mut office = Office::open(impatient(vec![plain(server.address)]));
    let outcome = office.send(sending("bad@example.test", "a")).await;
    let Outcome::Refused { cause } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(cause.contains("RCPT: 550 5.1.1 unknown"), "{cause}");
    assert!(matches!(
        office.send(mail("a")).await,
        Outcome::Delivered { .. }
    ));
    assert_eq!(server.seen().connections, 1);
    assert!(server.seen().lines.iter().any(|line| line == "RSET"));
}

/// Rule: N10 M1
#[tokio::test]
async fn no_recipient_waits_for_another_and_each_keeps_its_order() {
    let server = Fake::start(|line| match line {
        "RCPT TO:<tarpit@example.test>" => Act::Silent,
        line => normal(line),
    })
    .await;
    let mut office = Office::open(context(vec![plain(server.address)]));
    for at in 0..10 {
        for name in ["tarpit", "a", "b"] {
            let sending = sending(&format!("{name}@example.test"), &format!("n{at}"));
            office.channel.send(Box::new(sending));
        }
    }
    let mut told = Vec::new();
    for _ in 0..20 {
        let (key, outcome) = office.answer().await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        told.push((key.recipient, key.alert));
    }
    for name in ["a@example.test", "b@example.test"] {
        let order: Vec<&AlertId> = told
            .iter()
            .filter(|(to, _)| to == name)
            .map(|(_, alert)| alert)
            .collect();
        let wanted: Vec<AlertId> = (0..10).map(|at| AlertId(format!("n{at}"))).collect();
        assert_eq!(order, wanted.iter().collect::<Vec<_>>());
    }
}

/// Rule: N17 N10
#[tokio::test]
async fn new_settings_neither_lose_nor_repeat_what_is_under_way() {
    let go_on = std::sync::Arc::new(tokio::sync::Notify::new());
    let old = Fake::start(normal).await;
    let new = Fake::start(normal).await;
    // The old server answers only when the test says so.
    let gate = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gated = gate.local_addr().unwrap();
    let (open, target, reached) = (
        go_on.clone(),
        old.address,
        std::sync::Arc::new(tokio::sync::Notify::new()),
    );
    let reached_gate = reached.clone();
    tokio::spawn(async move {
        let (mut client, _) = gate.accept().await.unwrap();
        reached_gate.notify_one();
        open.notified().await;
        let mut server = tokio::net::TcpStream::connect(target).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    let mut office = Office::open(context(vec![plain(gated)]));
    office.channel.send(Box::new(mail("first")));
    timeout(STEP_MAX, reached.notified()).await.unwrap();
    office
        .channel
        .reconfigure(context(vec![plain(new.address)]));
    office
        .channel
        .send(Box::new(sending("other@example.test", "second")));
    let (key, outcome) = office.answer().await;
    assert_eq!(key.alert.0, "second");
    assert!(matches!(outcome, Outcome::Delivered { .. }));
    go_on.notify_one();
    let (key, outcome) = office.answer().await;
    assert_eq!(key.alert.0, "first");
    assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    assert_eq!((old.seen().mails.len(), new.seen().mails.len()), (1, 1));
}

/// Rule: N8 N17
#[tokio::test]
async fn a_stopping_channel_ends_what_is_under_way() {
    let server = Fake::start(normal).await;
    let mut office = Office::open(context(vec![plain(server.address)]));
    office.channel.send(Box::new(mail("a")));
    // Let the attempt begin.
    tokio::task::yield_now().await;
    office.channel.stop(STEP_MAX).await;
    match timeout(STEP_MAX, office.events.recv()).await.unwrap() {
        Some(noroshi_core::event::Event::Outcome(_, Outcome::Delivered { .. })) => {
            assert_eq!(server.seen().mails.len(), 1);
        }
        other => panic!("{other:?}"),
    }
}

/// Rule: N10
#[tokio::test]
async fn starttls_never_falls_back_and_takes_nothing_sent_before_it() {
    let offer = "250-fake\r\n250 STARTTLS\r\n";
    type Say = Box<dyn Fn(&str) -> Act + Send + Sync>;
    let without: Say = Box::new(normal);
    let refusing: Say = Box::new(move |line| match line {
        line if line.starts_with("EHLO") => say(offer),
        "STARTTLS" => say("454 4.7.0 not now\r\n"),
        line => normal(line),
    });
    let injected: Say = Box::new(move |line| match line {
        line if line.starts_with("EHLO") => say(offer),
        "STARTTLS" => say("220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n"),
        line => normal(line),
    });
    for (name, act) in [
        ("without", without),
        ("refusing", refusing),
        ("injected", injected),
    ] {
        let fake = Fake::start(act).await;
        let server = SmtpServer {
            tls: SmtpTls::StartTls,
            verify: false,
            auth: Some(auth(None)),
            ..plain(fake.address)
        };
        let outcome = Office::open(impatient(vec![server])).send(mail("a")).await;
        let Outcome::Retry {
            cause,
            maybe_taken: false,
        } = outcome
        else {
            panic!("{name}: {outcome:?}")
        };
        let lines = fake.seen().lines;
        let is_safe = |line: &String| line.starts_with("EHLO") || line == "STARTTLS";
        assert!(lines.iter().all(is_safe), "{name}: {lines:?}");
        if name == "injected" {
            assert!(cause.contains("bytes before the TLS handshake"), "{cause}");
        }
    }
}

fn auth(mechanism: Option<AuthMechanism>) -> SmtpAuth {
    let password = Secret::new("correct horse".into());
    SmtpAuth {
        mechanism,
        username: "noroshi".into(),
        password,
    }
}

/// Rule: N10 N18
#[tokio::test]
async fn a_refused_sign_in_is_soft_and_shows_no_secret() {
    let fake = Fake::start(|line| match line {
        line if line.starts_with("EHLO") => say("250-fake\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n"),
        "AUTH LOGIN" => say("334 VXNlcm5hbWU6\r\n"),
        "AUTH CRAM-MD5" => say("334 PDFAZmFrZT4=\r\n"),
        "" => normal(""),
        line => say(&format!("535 5.7.8 denied: {line} correct horse\r\n")),
    })
    .await;
    use AuthMechanism::{CramMd5, Login, Plain};
    for mechanism in [None, Some(Plain), Some(Login), Some(CramMd5)] {
        let server = SmtpServer {
            auth: Some(auth(mechanism)),
            ..plain(fake.address)
        };
        let outcome = Office::open(impatient(vec![server])).send(mail("a")).await;
        let Outcome::Retry {
            cause,
            maybe_taken: false,
        } = outcome
        else {
            panic!("{outcome:?}")
        };
        assert!(cause.contains("AUTH: 535"), "{cause}");
        let sent = fake.seen().lines;
        let secret = sent.last().unwrap().split(' ').next_back().unwrap();
        assert!(
            !cause.contains("horse") && !cause.contains(secret),
            "{cause}"
        );
    }
}

/// A server that sends back what it was told, without a code.
///
/// Rule: N10
#[tokio::test]
async fn an_answer_to_a_sign_in_that_is_no_reply_shows_no_secret() {
    let fake = Fake::start(|line| match line {
        line if line.starts_with("EHLO") => say("250-fake\r\n250 AUTH PLAIN\r\n"),
        "" => normal(""),
        line => say(&format!("{line} correct horse\r\n")),
    })
    .await;
    let server = SmtpServer {
        auth: Some(auth(None)),
        ..plain(fake.address)
    };
    let outcome = Office::open(impatient(vec![server])).send(mail("a")).await;
    let Outcome::Retry { cause, .. } = outcome else {
        panic!("{outcome:?}")
    };
    let sent = fake.seen().lines;
    let secret = sent.last().unwrap().split(' ').next_back().unwrap();
    assert!(cause.contains("AUTH: answer not understood"), "{cause}");
    assert!(
        !cause.contains("horse") && !cause.contains(secret),
        "{cause}"
    );
}

/// Rule: N10
#[tokio::test]
async fn a_recipient_that_is_more_than_an_address_reaches_no_server() {
    let fake = Fake::start(normal).await;
    let mut office = Office::open(impatient(vec![plain(fake.address)]));
    for bad in [
        "a@x.test>\r\nRCPT TO:<b@x.test",
        "-oQ/tmp@x.test",
        "a b",
        "",
        "a\0@x.test",
    ] {
        let outcome = office.send(sending(bad, "a")).await;
        assert!(
            matches!(outcome, Outcome::Refused { .. }),
            "{bad:?}: {outcome:?}"
        );
    }
    assert_eq!(fake.seen().connections, 0);
}
