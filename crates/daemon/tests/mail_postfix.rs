//! The mail channel against a real Postfix, with Python's mail parser as the reader.

mod mail_support;

use mail_support::postfix::{Postfix, SIGN_IN, make_certificates, make_user, new_dir};
use mail_support::{Office, await_that, context, context_with, plain, program, sending, with_text};
use noroshi_core::config::{
    AuthMechanism, MailCharset, MailForm, MailTransport, Secret, SmtpAuth, SmtpServer, SmtpTls,
};
use noroshi_core::notice::Outcome;
use noroshi_core::text::Language;
use noroshi_daemon::channel::mail::MailContext;
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Prints subject, header names, charset, encoding, body and the longest raw line as JSON.
const READER: &str = r#"
import sys, json, email, email.policy
raw = open(sys.argv[1], 'rb').read()
m = email.message_from_bytes(raw, policy=email.policy.default)
print(json.dumps({
    'subject': m['Subject'], 'id': m['Message-ID'], 'from': m['From'], 'to': m['To'],
    'names': m.keys(), 'auto': m['Auto-Submitted'], 'repeat': m['X-Noroshi-Possible-Repeat'],
    'references': m['References'], 'date': m['Date'].datetime.isoformat(),
    'charset': m.get_content_charset(), 'encoding': m['Content-Transfer-Encoding'],
    'body': m.get_content(), 'defects': [str(d) for d in m.defects],
    'ascii': all(b < 128 for b in raw), 'longest': max(len(l) for l in raw.splitlines()),
}))
"#;

fn read(mail: &Path) -> Value {
    let output = Command::new("python3")
        .args(["-c", READER, mail.to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Waits until `mailbox` has `count` mails and returns the one that `known` lacks.
fn next_mail(postfix: &Postfix, mailbox: &str, known: &mut Vec<PathBuf>) -> Value {
    let mut new = None;
    await_that(&format!("a mail in {mailbox}; {}", postfix.log()), || {
        new = postfix
            .mails(mailbox)
            .into_iter()
            .find(|mail| !known.contains(mail));
        new.is_some()
    });
    let new = new.unwrap();
    known.push(new.clone());
    read(&new)
}

fn to(address: SocketAddr, charset: MailCharset, language: Language) -> MailContext {
    let mut context = context(vec![plain(address)]);
    context.settings.charset = charset;
    context.language = language;
    if language == Language::Ja {
        context.settings.subject = "営業系".into();
        context.cluster = "営業クラスタ".into();
    }
    context
}

const JA: &str = "サーバ sv2 がダウンしました: すべてのインタコネクトが途絶えました。ホストも応答しません。\
    電源とネットワークを確認してください。";

/// Rule: M5 M7 M12 N10 N11
#[tokio::test]
async fn mails_arrive_whole_in_both_languages_and_character_sets() {
    if program("python3").is_none() {
        return;
    }
    let Some(postfix) = Postfix::start(&[&[]]) else {
        return;
    };
    let mut known = Vec::new();
    for charset in [MailCharset::Utf8, MailCharset::Iso2022Jp] {
        for language in [Language::En, Language::Ja] {
            for form in [MailForm::Long, MailForm::Short] {
                let mut office = Office::open(to(postfix.ports[0], charset, language));
                let mut notice = sending("ops@example.test", "down-sv2-5");
                if language == Language::Ja {
                    notice = with_text(notice, JA);
                }
                notice.form = form;
                notice.possible_repeat = true;
                let text = notice.alert.text.clone();
                let outcome = office.send(notice).await;
                assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
                let mail = next_mail(&postfix, "ops", &mut known);
                check(&mail, charset, language, form, &text);
            }
        }
    }
}

fn check(mail: &Value, charset: MailCharset, language: Language, form: MailForm, text: &str) {
    let field = |name: &str| mail[name].as_str().unwrap_or_default();
    assert_eq!(mail["defects"], serde_json::json!([]), "{mail}");
    assert_eq!(mail["ascii"], true, "{mail}");
    assert!(mail["longest"].as_u64().unwrap() <= 100, "{mail}");
    assert_eq!(field("auto"), "auto-generated");
    assert_eq!(field("repeat"), "yes");
    assert!(field("date").ends_with("+09:00"), "{mail}");
    let wanted = match charset {
        MailCharset::Utf8 => "utf-8",
        MailCharset::Iso2022Jp => "iso-2022-jp",
    };
    assert_eq!(field("charset"), wanted);
    let body = &field("body").replace("\r\n", "\n");
    match (form, language) {
        (MailForm::Long, _) => {
            let unfolded = body.replace("\n ", "");
            let squeezed = |text: &str| text.replace(' ', "");
            assert!(
                squeezed(&unfolded).starts_with(&squeezed(&format!("Message: {text}"))),
                "{body}"
            );
            let head = "\nType: NM\nID: 2\nHost: sv1\nDate: 2026-11-22 03:04:05.678 +09:00 (JST)\n";
            assert!(body.contains(head), "{charset:?} {language:?}: {body:?}");
            let subject = language.pick(
                "clusterA Server sv2 is down: all interconnects are silent",
                "営業系 サーバ sv2 がダウンしました: すべてのインタコネクトが途絶えました",
            );
            assert_eq!(field("subject"), subject);
        }
        (MailForm::Short, Language::En) => {
            assert_eq!(
                body.trim_end(),
                "sv2 down 11/22 03:04:05 nm2 repeat? (clusterA)"
            );
            assert_eq!(field("subject"), "clusterA sv2 down");
        }
        (MailForm::Short, Language::Ja) => {
            assert_eq!(
                body.trim_end(),
                "sv2 ダウン 11/22 03:04:05 nm2 再送? (営業クラスタ)"
            );
            assert_eq!(field("subject"), "営業系 sv2 ダウン");
        }
    }
}

/// Rule: N10
#[tokio::test]
async fn one_refused_address_never_stops_the_others() {
    let Some(postfix) = Postfix::start(&[&[]]) else {
        return;
    };
    let mut office = Office::open(to(postfix.ports[0], MailCharset::Utf8, Language::En));
    for name in ["ops", "nobody-here", "night"] {
        office
            .channel
            .send(Box::new(sending(&format!("{name}@example.test"), "a")));
    }
    let mut refused = Vec::new();
    for _ in 0..3 {
        let (key, outcome) = office.answer().await;
        match outcome {
            Outcome::Delivered { reply } => assert!(reply.contains("queued as"), "{reply}"),
            Outcome::Refused { cause } => refused.push((key.recipient, cause)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].0, "nobody-here@example.test");
    assert!(refused[0].1.contains("RCPT: 550 5.1.1"), "{}", refused[0].1);
    await_that("both mails", || {
        ["ops", "night"]
            .iter()
            .all(|to| postfix.mails(to).len() == 1)
    });
}

/// Texts with line breaks, lone dots and SMTP commands in every field arrive as one mail with the
/// usual headers.
/// Rule: N10
#[tokio::test]
async fn no_field_can_smuggle_anything_through_a_real_server() {
    if program("python3").is_none() {
        return;
    }
    let Some(postfix) = Postfix::start(&[&[]]) else {
        return;
    };
    let evil = "x\r\n.\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<night@example.test>\r\nDATA\r\n\n.\n\0\r.\rBcc: night@example.test\r\n";
    let mut known = Vec::new();
    for charset in [MailCharset::Utf8, MailCharset::Iso2022Jp] {
        let mut context = to(postfix.ports[0], charset, Language::En);
        context.cluster = evil.into();
        context.server = evil.into();
        context.settings.subject = evil.into();
        context.log_directory = evil.into();
        let mut office = Office::open(context);
        let outcome = office
            .send(with_text(sending("ops@example.test", evil), evil))
            .await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        let mail = next_mail(&postfix, "ops", &mut known);
        let names: Vec<&str> = mail["names"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(!names.contains(&"Bcc"), "{names:?}");
        assert_eq!(names.iter().filter(|name| **name == "Subject").count(), 1);
    }
    assert!(postfix.mails("night").is_empty());
}

/// Rule: M7
#[tokio::test]
async fn postfixes_own_sendmail_takes_it() {
    if program("python3").is_none() {
        return;
    }
    let Some(postfix) = Postfix::start(&[&[]]) else {
        return;
    };
    let wrapper = postfix.path().join("sendmail");
    let script = format!(
        "#!/bin/sh\nexec /usr/sbin/sendmail -C {} \"$@\"\n",
        postfix.conf()
    );
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755)).unwrap();
    let program = wrapper.to_str().unwrap().to_owned();
    let mut context = context_with(MailTransport::Sendmail { program });
    context.settings.charset = MailCharset::Iso2022Jp;
    context.language = Language::Ja;
    let mut office = Office::open(context);
    let outcome = office
        .send(with_text(sending("ops@example.test", "a"), JA))
        .await;
    assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    let mail = next_mail(&postfix, "ops", &mut Vec::new());
    assert_eq!(mail["from"], "noroshi@example.test");
    assert!(
        mail["body"]
            .as_str()
            .unwrap()
            .contains("\nType: NM\nID: 2\n"),
        "{mail}"
    );
    assert!(
        mail["body"]
            .as_str()
            .unwrap()
            .starts_with("Message: サーバ sv2 が"),
        "{mail}"
    );
}

/// Rule: N10
#[tokio::test]
async fn sign_in_by_each_mechanism() {
    let (Some(dir), Some(_)) = (new_dir(), program("saslpasswd2")) else {
        return;
    };
    make_user(dir.path());
    let Some(postfix) = Postfix::start_in(dir, &[SIGN_IN]) else {
        return;
    };
    use AuthMechanism::{CramMd5, Login, Plain};
    for mechanism in [None, Some(Plain), Some(Login), Some(CramMd5)] {
        for (password, is_right) in [("pass word+1", true), ("wrong secret", false)] {
            let auth = SmtpAuth {
                mechanism,
                username: "noroshi@example.test".into(),
                password: Secret::new(password.into()),
            };
            let server = SmtpServer {
                auth: Some(auth),
                ..plain(postfix.ports[0])
            };
            let outcome = Office::open(context(vec![server]))
                .send(sending("ops@example.test", "a"))
                .await;
            match (is_right, outcome) {
                (true, Outcome::Delivered { .. }) => {}
                (
                    false,
                    Outcome::Retry {
                        cause,
                        maybe_taken: false,
                    },
                ) => {
                    assert!(cause.contains("AUTH: 535"), "{cause}");
                    assert!(!cause.contains("wrong secret"), "{cause}");
                }
                (_, other) => panic!("{mechanism:?} {password}: {other:?}; {}", postfix.log()),
            }
        }
    }
    let nobody = Office::open(context(vec![plain(postfix.ports[0])]))
        .send(sending("ops@example.test", "a"))
        .await;
    assert!(!matches!(nobody, Outcome::Delivered { .. }), "{nobody:?}");
}

/// Rule: N10
#[tokio::test]
async fn encryption_is_demanded_and_certificates_are_checked() {
    let (Some(dir), Some(_)) = (new_dir(), program("openssl")) else {
        return;
    };
    make_certificates(dir.path());
    let tls = dir.path().join("tls");
    let ca = tls.join("ca.pem").to_str().unwrap().to_owned();
    let names = ["good", "name", "old", "stranger"];
    let options: Vec<[String; 3]> = names
        .iter()
        .flat_map(|name| {
            let file = |end: &str| {
                tls.join(format!("{name}.{end}"))
                    .to_str()
                    .unwrap()
                    .to_owned()
            };
            [
                "smtpd_tls_security_level=encrypt",
                "smtpd_tls_wrappermode=yes",
            ]
            .map(|mode| {
                [
                    mode.to_owned(),
                    format!("smtpd_tls_cert_file={}", file("pem")),
                    format!("smtpd_tls_key_file={}", file("key")),
                ]
            })
        })
        .collect();
    let options: Vec<Vec<&str>> = options
        .iter()
        .map(|set| set.iter().map(String::as_str).collect())
        .collect();
    let services: Vec<&[&str]> = options.iter().map(Vec::as_slice).collect();
    let Some(postfix) = Postfix::start_in(dir, &services) else {
        return;
    };
    for (at, port) in postfix.ports.iter().enumerate() {
        let name = names[at / 2];
        let mode = if at % 2 == 0 {
            SmtpTls::StartTls
        } else {
            SmtpTls::Implicit
        };
        for (ca_file, verify) in [(Some(ca.clone()), true), (None, true), (None, false)] {
            for host in ["localhost", "127.0.0.1"] {
                let case = format!("{name} {mode:?} {host} {ca_file:?} verify {verify}");
                let wanted = !verify || (name == "good" && ca_file.is_some());
                let server = SmtpServer {
                    host: host.into(),
                    tls: mode,
                    ca_file: ca_file.clone(),
                    verify,
                    ..plain(*port)
                };
                let mut office = Office::open(context(vec![server]));
                match (wanted, office.send(sending("ops@example.test", "a")).await) {
                    (true, Outcome::Delivered { .. }) => {}
                    (
                        false,
                        Outcome::Retry {
                            cause,
                            maybe_taken: false,
                        },
                    ) => {
                        assert!(cause.contains(": TLS: "), "{case}: {cause}");
                        if at < 2 && ca_file.is_some() {
                            panic!("{case}: {cause}");
                        }
                    }
                    (_, other) => panic!("{case}: {other:?}; {}", postfix.log()),
                }
            }
        }
    }
}
