//! SMTP servers: `/root/cluster/mail/smtp/smtpsrv@N`, with ours in `/root/noroshi/mail/smtpsrv@N`
//! (rule N10).
//!
//! The real product stores the password encrypted in a way that is not public. It is left alone,
//! with a warning; ours stands in our own part.

use super::mail::one_address;
use crate::finding::{Findings, shown};
use crate::names::{is_host, is_one_line};
use crate::problem::Problem;
use crate::tree::Node;
use noroshi_core::config::{AuthMechanism, Secret, SmtpAuth, SmtpServer, SmtpTls};

/// Most SMTP servers; each is a fail-over of the one before.
const SMTP_SERVERS_MAX: usize = 16;
const PORT: u16 = 25;
/// TLS from the first byte has a port of its own (RFC 8314, section 3.3).
const PORT_TLS: u16 = 465;
const TEXT_CHARS_MAX: usize = 255;

pub(super) fn servers(
    mail: Node<'_>,
    own: Option<Node<'_>>,
    sender: &str,
    findings: &mut Findings,
) -> Vec<SmtpServer> {
    let smtp = findings.at(mail, "smtp");
    let mut rows = smtp
        .map(|smtp| findings.keyed(smtp, "smtpsrv"))
        .unwrap_or_default();
    if rows.is_empty() {
        findings.error_silent(smtp.unwrap_or(mail), Problem::NoSmtpServer);
    }
    if let Some((id, one_too_many)) = rows.get(SMTP_SERVERS_MAX) {
        findings.error_in(
            *one_too_many,
            id,
            Problem::TooMany {
                max: SMTP_SERVERS_MAX,
            },
        );
        rows.truncate(SMTP_SERVERS_MAX);
    }
    let own_rows = own
        .map(|own| findings.keyed(own, "smtpsrv"))
        .unwrap_or_default();
    for (id, node) in &own_rows {
        if rows.iter().all(|(other, _)| other != id) {
            findings.error_in(*node, id, Problem::SmtpServerUnknown);
        }
    }
    let mut servers = Vec::new();
    for (id, node) in rows {
        let own = own_rows
            .iter()
            .find(|(other, _)| *other == id)
            .map(|(_, node)| *node);
        servers.push((node, server(node, own, sender, findings)));
    }
    findings.by_priority(servers)
}

fn server(
    node: Node<'_>,
    own: Option<Node<'_>>,
    sender: &str,
    findings: &mut Findings,
) -> SmtpServer {
    let host = findings.required(node, "srvname");
    if let Some(host) = host.filter(|host| !is_host(host.value())) {
        findings.error(host, Problem::NotHost);
    }
    let tls = tls(own, findings);
    let port = findings.number(node, "port", 1..=65_535, "");
    let own_sender = findings
        .setting(node, "senderaddress")
        .and_then(|node| one_address(node, node.value(), findings));
    SmtpServer {
        host: host
            .map(|host| host.value().to_string())
            .unwrap_or_default(),
        port: match port {
            // Within the bounds above.
            Some(port) => port as u16,
            None if tls == SmtpTls::Implicit => PORT_TLS,
            None => PORT,
        },
        sender: own_sender.unwrap_or_else(|| sender.to_string()),
        tls,
        ca_file: own.and_then(|own| findings.path(own, "cafile")),
        verify: verify(own, tls, findings),
        auth: auth(node, own, tls, findings),
    }
}

fn tls(own: Option<Node<'_>>, findings: &mut Findings) -> SmtpTls {
    let choices = [
        ("none", SmtpTls::Plain),
        ("starttls", SmtpTls::StartTls),
        ("tls", SmtpTls::Implicit),
    ];
    own.and_then(|own| findings.choice(own, "tls", &choices))
        .unwrap_or(SmtpTls::Plain)
}

fn verify(own: Option<Node<'_>>, tls: SmtpTls, findings: &mut Findings) -> bool {
    let verify = own
        .and_then(|own| findings.flag(own, "verify"))
        .unwrap_or(true);
    if let Some(node) = own.and_then(|own| findings.at(own, "verify"))
        && !verify
        && tls != SmtpTls::Plain
    {
        findings.warn(node, Problem::NotVerified);
    }
    verify
}

fn auth(
    node: Node<'_>,
    own: Option<Node<'_>>,
    tls: SmtpTls,
    findings: &mut Findings,
) -> Option<SmtpAuth> {
    if !findings.flag(node, "auth").unwrap_or(false) {
        return None;
    }
    let mechanisms = [
        ("PLAIN", AuthMechanism::Plain),
        ("LOGIN", AuthMechanism::Login),
        ("CRAM-MD5", AuthMechanism::CramMd5),
    ];
    let mechanism = findings.choice(node, "authmethod", &mechanisms);
    let username = findings.required(node, "username");
    if let Some(name) = username.filter(|name| !is_one_line(name.value(), TEXT_CHARS_MAX)) {
        findings.error(
            name,
            Problem::NotOneLine {
                chars_max: TEXT_CHARS_MAX,
            },
        );
    }
    let password = password(node, own, tls, findings)?;
    Some(SmtpAuth {
        mechanism,
        username: username?.value().to_string(),
        password,
    })
}

fn password(
    node: Node<'_>,
    own: Option<Node<'_>>,
    tls: SmtpTls,
    findings: &mut Findings,
) -> Option<Secret> {
    let ours = own.and_then(|own| findings.setting(own, "password"));
    let sealed = findings.setting(node, "passwd");
    let Some(ours) = ours else {
        match sealed {
            Some(sealed) => findings.warn(sealed, Problem::PasswordSealed),
            None => {
                let id = shown(node.key().unwrap_or_default());
                let path = format!("/root/noroshi/mail/smtpsrv@{id}/password");
                findings.error_at(own.unwrap_or(node).line(), path, Problem::Missing);
            }
        }
        return None;
    };
    // A space at either end may belong to it.
    if !is_one_line(ours.raw(), TEXT_CHARS_MAX) {
        findings.error(
            ours,
            Problem::NotOneLine {
                chars_max: TEXT_CHARS_MAX,
            },
        );
        return None;
    }
    if tls == SmtpTls::Plain {
        findings.warn(ours, Problem::PasswordInClear);
    }
    Some(Secret::new(ours.raw().to_string()))
}
