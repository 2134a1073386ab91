//! Test mails with their conversations: against a real Postfix, and against servers that fail, echo
//! secrets or say what no server should.

mod mail_support;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mail_support::fake::{Act, Fake, normal, say};
use mail_support::postfix::{Postfix, SIGN_IN, make_certificates, make_user, new_dir};
use mail_support::{Office, STEP_MAX, context, context_with, free_port, plain, program, sending};
use noroshi_core::config::{
    AuthMechanism, MailForm, MailTransport, Recipient, Secret, SmtpAuth, SmtpServer, SmtpTls,
};
use noroshi_core::notice::Outcome;
use noroshi_core::text::Language;
use noroshi_core::time::Span;
use noroshi_daemon::channel::mail::{
    Conversation, Ending, MailContext, NotTested, STEPS_MAX, TEXT_BYTES_MAX, What,
};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use tokio::time::timeout;

const OPS: &str = "ops@example.test";

/// Settings with these servers and recipients, and little patience.
fn settings(servers: Vec<SmtpServer>, recipients: &[&str]) -> MailContext {
    let transport = MailTransport::Smtp {
        servers,
        timeout: Span::from_secs(10),
    };
    to(context_with(transport), recipients)
}

fn to(mut context: MailContext, recipients: &[&str]) -> MailContext {
    let recipient = |address: &&str| Recipient {
        address: (*address).to_owned(),
        form: MailForm::Long,
    };
    context.settings.recipients = recipients.iter().map(recipient).collect();
    context
}

async fn tested(context: MailContext) -> Vec<Conversation> {
    let office = Office::open(context);
    let mut talks = office.channel.test_mails().send(None).unwrap();
    let all = async {
        let mut all = Vec::new();
        while let Some(talk) = talks.recv().await {
            all.push(talk);
        }
        all
    };
    timeout(STEP_MAX, all).await.unwrap()
}

async fn one(context: MailContext) -> Conversation {
    let mut all = tested(context).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// What happened beside the words.
fn notes(talk: &Conversation) -> String {
    let is_word = |what| matches!(what, What::Sent | What::Received);
    let notes = talk.steps.iter().filter(|step| !is_word(step.what));
    let notes = notes.map(|step| format!("{} {}", step.what.label(Language::En), step.text));
    notes.collect::<Vec<_>>().join("\n")
}

fn said(talk: &Conversation, what: What) -> Vec<&str> {
    let of = talk.steps.iter().filter(|step| step.what == what);
    of.map(|step| step.text.as_str()).collect()
}

fn auth(mechanism: Option<AuthMechanism>) -> SmtpAuth {
    SmtpAuth {
        mechanism,
        username: "noroshi@example.test".into(),
        password: Secret::new("pass word+1".into()),
    }
}

/// All that must not be seen of [`auth`], in lower case.
fn secrets() -> Vec<String> {
    let (user, password) = ("noroshi@example.test", "pass word+1");
    let both = format!("\0{user}\0{password}");
    let encoded = [password, user, &both].map(|it| BASE64_STANDARD.encode(it));
    let all = encoded.iter().map(|it| it.trim_end_matches('='));
    all.chain([password]).map(str::to_lowercase).collect()
}

fn assert_no_secret(talk: &Conversation) {
    let shown = serde_json::to_string(talk).unwrap().to_lowercase();
    for secret in secrets() {
        assert!(!shown.contains(&secret), "{secret}: {shown}");
    }
}

/// With STARTTLS, a sign-in by each mechanism, and a recipient that Postfix does not know.
///
/// Rule: N10 N21 N25
#[tokio::test]
async fn the_conversation_with_a_real_server_is_shown_as_it_was() {
    let (Some(dir), Some(_), Some(_)) = (new_dir(), program("saslpasswd2"), program("openssl"))
    else {
        return;
    };
    make_user(dir.path());
    make_certificates(dir.path());
    let ca = dir.path().join("tls/ca.pem").to_str().unwrap().to_owned();
    let mut options = SIGN_IN.to_vec();
    options.push("smtpd_tls_security_level=encrypt");
    let Some(postfix) = Postfix::start_in(dir, &[&options]) else {
        return;
    };
    let server = |mechanism| SmtpServer {
        host: "localhost".into(),
        tls: SmtpTls::StartTls,
        ca_file: Some(ca.clone()),
        auth: Some(auth(mechanism)),
        ..plain(postfix.ports[0])
    };
    for mechanism in [
        AuthMechanism::Plain,
        AuthMechanism::Login,
        AuthMechanism::CramMd5,
    ] {
        let recipients = [OPS, "nobody@example.test"];
        let mut talks = tested(settings(vec![server(Some(mechanism))], &recipients)).await;
        talks.sort_by_key(|talk| talk.delivered.is_none());
        let [good, bad] = &talks[..] else {
            panic!("{talks:?}")
        };
        assert_no_secret(good);
        assert_eq!(
            (good.recipient.as_str(), good.server.as_str()),
            (OPS, "sv1")
        );
        let delivered = good.delivered.as_deref().unwrap();
        assert!(delivered.contains("250 2.0.0 Ok: queued"), "{delivered}");
        let notes = notes(good);
        for words in [
            "mail server localhost:",
            "connected 127.0.0.1:",
            "certificate CN=mx; SAN=localhost, 127.0.0.1; issuer=ca; notAfter=20",
            "encrypted TLSv1_3, TLS13_",
        ] {
            assert!(notes.contains(words), "{words}: {notes}");
        }
        let sent = said(good, What::Sent).join("\n");
        for words in [
            "EHLO ",
            "STARTTLS",
            "(credentials not shown)",
            "MAIL FROM:<noroshi@example.test>",
            "RCPT TO:<ops@example.test>",
            "DATA",
            "(the message, ",
        ] {
            assert!(sent.contains(words), "{words}: {sent}");
        }
        let received = said(good, What::Received).join("\n");
        for words in ["220 mx.example.test", "-PIPELINING", "235 2.7.0 ", "354 "] {
            assert!(received.contains(words), "{words}: {received}");
        }
        assert!(bad.delivered.is_none(), "{bad:?}");
        assert_eq!(bad.faults[0].ending, Ending::NoSuchUser, "{bad:?}");
        assert!(bad.faults[0].text.contains("RCPT: 550 5.1.1"), "{bad:?}");
    }
    let wrong = SmtpAuth {
        password: Secret::new("another one".into()),
        ..auth(None)
    };
    for (server, ending) in [
        (
            SmtpServer {
                auth: Some(wrong),
                ..server(None)
            },
            Ending::SignInRefused,
        ),
        (
            SmtpServer {
                ca_file: None,
                ..server(None)
            },
            Ending::NotTrusted,
        ),
        (
            SmtpServer {
                host: "127.0.0.2".into(),
                ..server(None)
            },
            Ending::ConnectionRefused,
        ),
    ] {
        let talk = one(settings(vec![server], &[OPS])).await;
        assert_eq!(talk.faults[0].ending, ending, "{talk:?}");
        assert!(!format!("{talk:?}").contains("another one"));
    }
}

/// The name that the certificate is for is what the installer needs.
///
/// Rule: N10
#[tokio::test]
async fn a_certificate_that_does_not_fit_is_shown() {
    let (Some(dir), Some(_)) = (new_dir(), program("openssl")) else {
        return;
    };
    make_certificates(dir.path());
    let tls = dir.path().join("tls");
    let ca = tls.join("ca.pem").to_str().unwrap().to_owned();
    let cases = [
        ("name", Ending::WrongName, "SAN=mail.example.test;"),
        ("old", Ending::Expired, "notAfter=20"),
        ("stranger", Ending::NotTrusted, "issuer=other-ca"),
    ];
    let options = cases.map(|(name, ..)| {
        let file = |end: &str| tls.join(format!("{name}.{end}")).display().to_string();
        [
            "smtpd_tls_wrappermode=yes".to_owned(),
            format!("smtpd_tls_cert_file={}", file("pem")),
            format!("smtpd_tls_key_file={}", file("key")),
        ]
    });
    let options: Vec<Vec<&str>> = options
        .iter()
        .map(|set| set.iter().map(String::as_str).collect())
        .collect();
    let services: Vec<&[&str]> = options.iter().map(Vec::as_slice).collect();
    let Some(postfix) = Postfix::start_in(dir, &services) else {
        return;
    };
    for ((name, ending, words), port) in cases.into_iter().zip(&postfix.ports) {
        let server = SmtpServer {
            host: "localhost".into(),
            tls: SmtpTls::Implicit,
            ca_file: Some(ca.clone()),
            ..plain(*port)
        };
        let talk = one(settings(vec![server], &[OPS])).await;
        assert_eq!(talk.faults[0].ending, ending, "{name}: {talk:?}");
        assert!(notes(&talk).contains(words), "{talk:?}");
    }
}

/// Rule: N10 N25
#[tokio::test]
async fn each_failure_ends_in_words_of_its_own() {
    let fake = Fake::start(|line| match line {
        _ if line.starts_with("RCPT TO:<grey@") => say("451 4.7.1 come again\r\n"),
        _ if line.starts_with("RCPT TO:<gone@") => say("550 5.1.1 no such user\r\n"),
        _ if line.starts_with("RCPT TO:<away@") => say("554 5.7.1 Relay access denied\r\n"),
        _ if line.starts_with("RCPT TO:<cut@") => Act::Close,
        _ => normal(line),
    });
    let fake = fake.await;
    let web = Fake::start(|_| Act::SayAndClose(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await;
    let host = |host: &str| SmtpServer {
        host: host.into(),
        ..plain(fake.address)
    };
    let starttls = SmtpServer {
        tls: SmtpTls::StartTls,
        ..plain(fake.address)
    };
    let sign_in = SmtpServer {
        auth: Some(auth(None)),
        ..plain(fake.address)
    };
    let nobody = plain(SocketAddr::from(([127, 0, 0, 1], free_port())));
    for (server, recipient, ending) in [
        (plain(fake.address), "grey@example.test", Ending::Greylisted),
        (plain(fake.address), "gone@example.test", Ending::NoSuchUser),
        (
            plain(fake.address),
            "away@example.test",
            Ending::RelayDenied,
        ),
        (plain(fake.address), "cut@example.test", Ending::Closed),
        (host("name.invalid"), OPS, Ending::UnknownName),
        (plain(web.address), OPS, Ending::NotSmtp),
        (starttls, OPS, Ending::NoStarttls),
        (sign_in, OPS, Ending::SignInUnfit),
        (nobody, OPS, Ending::ConnectionRefused),
    ] {
        let talk = one(settings(vec![server], &[recipient])).await;
        assert!(talk.delivered.is_none(), "{talk:?}");
        assert_eq!(talk.faults.len(), 1, "{talk:?}");
        assert_eq!(talk.faults[0].ending, ending, "{talk:?}");
    }
    let silent = Fake::start(|_| Act::Silent).await;
    let mut context = context(vec![plain(silent.address)]);
    context.settings.transport = MailTransport::Smtp {
        servers: vec![plain(silent.address)],
        timeout: Span::from_ms(200),
    };
    let talk = one(to(context, &[OPS])).await;
    assert_eq!(talk.faults[0].ending, Ending::NoAnswer, "{talk:?}");
}

/// A first server that is dead is told although the second one takes the mail.
///
/// Rule: N10 N25
#[tokio::test]
async fn a_delivered_mail_does_not_hide_the_server_before() {
    let fake = Fake::start(normal).await;
    let dead = plain(SocketAddr::from(([127, 0, 0, 1], free_port())));
    let talk = one(settings(vec![dead, plain(fake.address)], &[OPS])).await;
    assert!(talk.delivered.is_some(), "{talk:?}");
    assert_eq!(talk.faults[0].ending, Ending::ConnectionRefused);
    assert_eq!(fake.seen().mails.len(), 1);
}

/// Whatever a server makes of what it was told, and by every mechanism.
///
/// Rule: N10 N21
#[tokio::test]
async fn no_credential_is_ever_in_a_conversation() {
    let encoded = secrets().join(" ");
    let plainly = "pass word+1 PASS WORD+1";
    let fake = Fake::start(move |line| match line {
        _ if line.starts_with("EHLO") => say("250-fake\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n"),
        "AUTH LOGIN" | "AUTH CRAM-MD5" => say(&format!("334 {}\r\n", BASE64_STANDARD.encode("?"))),
        "bm9yb3NoaUBleGFtcGxlLnRlc3Q=" => say("334 UGFzc3dvcmQ6\r\n"),
        "DATA" => say("354 go on\r\n"),
        "" => say("220 fake\r\n"),
        // Every later line says all it can, after a sign-in that was taken.
        _ if line.contains(' ') && !line.starts_with("AUTH") => {
            say(&format!("250 {plainly} {encoded}\r\n"))
        }
        "." => say(&format!("554 {plainly} {encoded}\r\n")),
        _ => say(&format!("235 you said {line} or {encoded} {plainly}\r\n")),
    });
    let fake = fake.await;
    for mechanism in [
        AuthMechanism::Plain,
        AuthMechanism::Login,
        AuthMechanism::CramMd5,
    ] {
        let server = SmtpServer {
            auth: Some(auth(Some(mechanism))),
            ..plain(fake.address)
        };
        let talk = one(settings(vec![server], &[OPS])).await;
        assert_eq!(talk.faults[0].ending, Ending::MessageRefused, "{talk:?}");
        assert_no_secret(&talk);
        let shown = format!("{talk:?}");
        // What was sent in fact, whatever it was.
        let all = fake.seen().lines;
        let from = all
            .iter()
            .rposition(|line| line.starts_with("AUTH"))
            .unwrap();
        let until = all
            .iter()
            .rposition(|line| line.starts_with("MAIL"))
            .unwrap();
        for line in &all[from..until] {
            let word = line.rsplit(' ').next().unwrap();
            let is_name = ["PLAIN", "LOGIN", "CRAM-MD5"].contains(&word);
            assert!(
                is_name || !shown.contains(&word[..word.len().min(12)]),
                "{line}"
            );
        }
        assert!(shown.contains("(credentials not shown)") && shown.contains("(hidden)"));
    }
}

/// Rule: N10
#[tokio::test]
async fn hostile_replies_are_data_and_bounded() {
    let long = format!("250-\u{1b}[2J\u{202e}{}\r\n", "x".repeat(1 << 20));
    let flood = Fake::start(|_| Act::Flood(b"220-\x1b[31m<script>\r\n")).await;
    let wide = Fake::start(move |line| match line {
        "" => normal(line),
        _ => say(&long),
    })
    .await;
    let endless = Fake::start(|line| match line {
        _ if line.starts_with("EHLO") => say(&("250-x\r\n".repeat(900) + "250 y\r\n")),
        _ => normal(line),
    })
    .await;
    for (address, is_taken) in [
        (flood.address, false),
        (wide.address, false),
        (endless.address, true),
    ] {
        let talk = one(settings(vec![plain(address)], &[OPS])).await;
        assert_eq!(talk.delivered.is_some(), is_taken);
        assert!(talk.steps.len() <= STEPS_MAX);
        let bytes: usize = talk.steps.iter().map(|step| step.text.len()).sum();
        assert!(bytes <= TEXT_BYTES_MAX, "{bytes}");
        assert_eq!(talk.cut, is_taken);
        let shown = talk.steps.iter().map(|step| &step.text);
        let shown: Vec<_> = shown
            .chain([&talk
                .faults
                .first()
                .map_or(String::new(), |it| it.text.clone())])
            .cloned()
            .collect();
        assert!(
            !shown
                .join("")
                .contains(|c: char| c.is_control() || c == '\u{202e}')
        );
    }
}

/// Nobody's address but those of the settings, one test at a time, and real notices beside it.
///
/// Rule: M1 N10 N21
#[tokio::test]
async fn a_test_goes_where_the_settings_say_and_delays_no_notice() {
    let fake = Fake::start(|line| match line {
        _ if line.starts_with("RCPT TO:<hung@") => Act::Silent,
        _ => normal(line),
    })
    .await;
    let mut office = Office::open(settings(vec![plain(fake.address)], &["hung@example.test"]));
    let tests = office.channel.test_mails();
    let foreign = tests.send(Some("somebody@example.com"));
    assert_eq!(foreign.unwrap_err(), NotTested::Unknown);
    assert_eq!(fake.seen().connections, 0);
    let talks = tests.send(Some("hung@example.test")).unwrap();
    assert_eq!(tests.send(None).unwrap_err(), NotTested::Busy);
    for id in ["a", "b"] {
        let outcome = office.send(sending(OPS, id)).await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    }
    // Nobody waits for it any more: what is under way is called off, and there is room for the next.
    drop(talks);
    timeout(STEP_MAX, async {
        while tests.send(None).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let nobody = Office::open(settings(vec![plain(fake.address)], &[]));
    let none = nobody.channel.test_mails().send(None);
    assert_eq!(none.unwrap_err(), NotTested::NoRecipient);
}

/// Rule: M7 N25
#[tokio::test]
async fn the_hosts_mail_program_is_shown_with_its_exit_and_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sendmail");
    let script = "#!/bin/sh\ncat >/dev/null\necho queued here\necho no such user >&2\nexit 67\n";
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let program = path.to_str().unwrap().to_owned();
    let transport = MailTransport::Sendmail {
        program: program.clone(),
    };
    let talk = one(to(context_with(transport), &[OPS])).await;
    assert_eq!(talk.faults[0].ending, Ending::Program, "{talk:?}");
    assert_eq!(said(&talk, What::Received), ["no such user", "queued here"]);
    let notes = notes(&talk);
    assert!(notes.contains(&format!("{program} -i -f noroshi@example.test -- {OPS}")));
    assert!(notes.contains("exit status: 67"), "{notes}");
}
