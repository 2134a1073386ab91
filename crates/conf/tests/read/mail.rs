//! Mail settings.

use crate::helpers::{accepted, bad, good, lines, parsed};
use noroshi_conf::{Parsed, Problem};
use noroshi_core::config::{
    AuthMechanism, MailCharset, MailForm, MailTransport, SmtpAuth, SmtpServer, SmtpTls,
};
use noroshi_core::time::Span;

fn smtp_of(config: &noroshi_core::config::Config) -> (&[SmtpServer], Span) {
    match &config.mail.transport {
        MailTransport::Smtp { servers, timeout } => (servers, *timeout),
        MailTransport::Sendmail { .. } => panic!("sent by SMTP"),
    }
}

/// Rule: M12 M4
#[test]
fn recipients_subject_and_short_forms_are_read() {
    let mail = accepted(include_bytes!("../files/three_servers.conf"))
        .config
        .mail;
    let recipients: Vec<_> = mail
        .recipients
        .iter()
        .map(|to| (to.address.as_str(), to.form))
        .collect();
    assert_eq!(
        recipients,
        [
            ("ops@example.com", MailForm::Long),
            ("boss@example.com", MailForm::Long),
            ("phone@docomo.example", MailForm::Short),
            ("night@example.com", MailForm::Long),
        ]
    );
    assert_eq!(mail.subject, "【本番】クラスタ A & B");
    assert_eq!(mail.charset, MailCharset::Iso2022Jp);
    assert_eq!(mail.sender, "noroshi@example.com");
}

/// Rule: M12 M7
#[test]
fn without_settings_there_is_no_mail_and_with_an_address_the_hosts_sendmail_sends() {
    let mail = good("", "").mail;
    assert!(mail.recipients.is_empty());
    let own = "<noroshi><mail><sendmail>/opt/mta/sendmail</sendmail></mail></noroshi>";
    for (own, expected) in [("", "/usr/sbin/sendmail"), (own, "/opt/mta/sendmail")] {
        let mail = good("<mail><address>ops@example.com</address></mail>", own).mail;
        assert_eq!(
            mail.transport,
            MailTransport::Sendmail {
                program: expected.into()
            }
        );
        assert_eq!(
            (mail.subject.as_str(), mail.sender.as_str()),
            ("CLUSTERPRO", "root@localhost")
        );
        assert_eq!(mail.charset, MailCharset::Utf8);
    }
}

/// Rule: N10
#[test]
fn smtp_servers_stand_in_the_order_of_their_priorities_with_all_they_need() {
    let Parsed {
        config, warnings, ..
    } = accepted(include_bytes!("../files/three_servers.conf"));
    let (servers, timeout) = smtp_of(&config);
    assert_eq!(timeout, Span::from_secs(20));
    assert_eq!(servers.len(), 2);
    let first = &servers[0];
    assert_eq!((first.host.as_str(), first.port), ("mail.example.com", 587));
    assert_eq!(first.sender, "cluster@example.com");
    assert_eq!((first.tls, first.verify), (SmtpTls::StartTls, true));
    assert_eq!(first.ca_file.as_deref(), Some("/etc/ssl/own.pem"));
    let Some(SmtpAuth {
        mechanism,
        username,
        password,
    }) = &first.auth
    else {
        panic!("signs in")
    };
    assert_eq!(
        (*mechanism, username.as_str()),
        (Some(AuthMechanism::CramMd5), "狼煙")
    );
    assert_eq!(password.reveal(), " hunter2 ");
    let second = &servers[1];
    assert_eq!((second.host.as_str(), second.port), ("192.0.2.25", 25));
    assert_eq!(
        (second.sender.as_str(), second.tls),
        ("noroshi@example.com", SmtpTls::Plain)
    );
    assert!(second.auth.is_none() && second.ca_file.is_none());
    assert!(
        !lines(&warnings).contains("passwd"),
        "our own password stands in its place"
    );
}

fn smtp(server: &str, own: &str) -> (String, String) {
    (
        format!(
            "<mail><address>a@b.example</address><sendtype>SMTP</sendtype><smtp>\
             <smtpsrv id='0'><priority>0</priority><srvname>mail</srvname>{server}</smtpsrv>\
             </smtp></mail>"
        ),
        format!("<noroshi><mail><smtpsrv id='0'>{own}</smtpsrv></mail></noroshi>"),
    )
}

/// Rule: N10 N18
#[test]
fn the_real_products_password_is_left_alone_with_a_remedy_and_never_shown() {
    let (cluster, own) = smtp(
        "<auth>1</auth><username>me</username><passwd>0a1b2c3d</passwd>",
        "",
    );
    let Parsed {
        config, warnings, ..
    } = parsed(&cluster, &own);
    assert!(smtp_of(&config).0[0].auth.is_none());
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].problem, Problem::PasswordSealed);
    let line = warnings[0].to_string();
    assert!(
        line.contains("/root/noroshi/mail/smtpsrv@N/password"),
        "{line}"
    );
    assert!(!line.contains("0a1b2c3d"));

    let (cluster, own) = smtp("<auth>1</auth><username>me</username>", "");
    let findings = bad(&cluster, &own);
    let expected = "clp.conf:1: /root/noroshi/mail/smtpsrv@0/password: it must be given.";
    assert!(findings.starts_with(expected), "{findings}");
}

/// Rule: N10 N18
#[test]
fn weak_settings_are_taken_with_a_warning() {
    let signed_in = "<auth>1</auth><username>me</username>";
    let (cluster, own) = smtp(signed_in, "<password>hunter2</password>");
    let Parsed {
        config, warnings, ..
    } = parsed(&cluster, &own);
    assert!(smtp_of(&config).0[0].auth.is_some());
    assert_eq!(warnings[0].problem, Problem::PasswordInClear);
    assert!(!format!("{config:?} {}", lines(&warnings)).contains("hunter2"));

    let (cluster, own) = smtp(signed_in, "<password>hunter2</password><tls>tls</tls>");
    let Parsed {
        config, warnings, ..
    } = parsed(&cluster, &own);
    assert!(warnings.is_empty(), "{}", lines(&warnings));
    assert_eq!(smtp_of(&config).0[0].tls, SmtpTls::Implicit);
    assert_eq!(smtp_of(&config).0[0].port, 465);

    let (cluster, own) = smtp("", "<tls>starttls</tls><verify>0</verify>");
    let Parsed {
        config, warnings, ..
    } = parsed(&cluster, &own);
    assert!(!smtp_of(&config).0[0].verify);
    assert_eq!(warnings[0].problem, Problem::NotVerified);
}

/// A password with a line break could end the command that carries it.
///
/// Rule: N10 N18
#[test]
fn a_password_of_two_lines_is_refused_and_not_shown() {
    let (cluster, own) = smtp(
        "<auth>1</auth><username>me</username>",
        "<password>hunter2&#10;QUIT</password>",
    );
    let findings = bad(&cluster, &own);
    assert!(
        findings.contains("/smtpsrv@0/password: a control character"),
        "{findings}"
    );
    assert!(
        !findings.contains("hunter2") && !findings.contains("QUIT"),
        "{findings}"
    );
}

/// Rule: M12 N17
#[test]
fn nothing_can_be_injected_by_address_subject_sender_or_host() {
    for (cluster, own, path) in [
        (
            "<mail><address>a@b.example&#0010;Bcc:c</address></mail>",
            "",
            "cluster/mail/address",
        ),
        (
            "<mail><address>-OQueueDirectory=/tmp@x</address></mail>",
            "",
            "cluster/mail/address",
        ),
        (
            "<mail><subject>a&#x0A;Bcc: x@y</subject></mail>",
            "",
            "cluster/mail/subject",
        ),
        (
            "<mail><subject>a&#13;Bcc: x@y</subject></mail>",
            "",
            "cluster/mail/subject",
        ),
        (
            "<mail><subject>a\nBcc: x@y</subject></mail>",
            "",
            "cluster/mail/subject",
        ),
        (
            "<mail><subject>a&#x202e;b</subject></mail>",
            "",
            "cluster/mail/subject",
        ),
        (
            "",
            "<sender>a@b&#13;&#10;DATA</sender>",
            "noroshi/mail/sender",
        ),
        (
            "",
            "<sendmail>/bin/sh&#10;x</sendmail>",
            "noroshi/mail/sendmail",
        ),
        ("", "<sendmail>sendmail</sendmail>", "noroshi/mail/sendmail"),
    ] {
        let own = format!("<noroshi><mail>{own}</mail></noroshi>");
        let findings = bad(cluster, &own);
        assert!(
            findings.contains(&format!("/root/{path} = \"")),
            "{findings}"
        );
        assert!(
            findings.lines().all(|line| line.starts_with("clp.conf:")),
            "{findings}"
        );
    }
    let (cluster, own) = smtp("", "");
    let cluster = cluster.replace(">mail<", ">-mail&#10;QUIT<");
    assert!(bad(&cluster, &own).contains("srvname = \"-mail\\nQUIT\": not a host name"));
}

/// Rule: M12 N10 N17
#[test]
fn faulty_mail_settings_are_refused() {
    let (cluster, own) = smtp("", "");
    for (cluster, own, expected) in [
        (
            "<mail><sendtype>FAX</sendtype></mail>",
            "",
            "sendtype = \"FAX\": not a known value. Give one of: MAIL, SMTP",
        ),
        (
            "<mail><sendtype>SMTP</sendtype></mail>",
            "",
            "there is no SMTP server",
        ),
        (
            "<mail><address>a@b.example</address></mail>",
            "<noroshi><mail><short>c@d.example</short></mail></noroshi>",
            "short = \"c@d.example\": the short form",
        ),
        (
            &cluster.replace("id='0'", "id='1'"),
            &own,
            "/root/noroshi/mail/smtpsrv@0 = \"0\": no SMTP server has this id",
        ),
        (
            &cluster.replace("</smtp>", "<timeout>601</timeout></smtp>"),
            "",
            "timeout = \"601\": not a whole number within bounds. Give a number from 1 to 600 s",
        ),
    ] {
        let findings = bad(cluster, own);
        assert!(findings.contains(expected), "{findings}");
    }
    let twice = parsed(
        "<mail><address>a@b.example A@b.example</address></mail>",
        "",
    );
    assert_eq!(twice.config.mail.recipients.len(), 1);
    assert_eq!(twice.warnings[0].problem, Problem::RecipientRepeated);
}
