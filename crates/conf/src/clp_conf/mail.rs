//! Mail: `/root/cluster/mail` as the real product's generator writes it, ours below
//! `/root/noroshi/mail` (rules M4 M7 M12).

use super::smtp;
use crate::finding::Findings;
use crate::names::MailAddress;
use crate::problem::Problem;
use crate::tree::Node;
use noroshi_core::config::{MailCharset, MailForm, MailSettings, MailTransport, Recipient};
use noroshi_core::time::Span;

/// Most recipients of a cluster.
const RECIPIENTS_MAX: usize = 100;
/// Longest start of a subject.
const SUBJECT_CHARS_MAX: usize = 255;
/// What the real product's screen offers.
const SUBJECT_DEFAULT: &str = "CLUSTERPRO";
const SENDER_DEFAULT: &str = "root@localhost";
const SENDMAIL_DEFAULT: &str = "/usr/sbin/sendmail";
const TIMEOUT_DEFAULT_S: u64 = 30;

/// The `sendtype` element.
#[derive(Clone, Copy, PartialEq)]
enum SendType {
    Mail,
    Smtp,
}

pub(super) fn mail(root: Node<'_>, findings: &mut Findings) -> MailSettings {
    let cluster = findings.at(root, "cluster/mail");
    let own = findings.at(root, "noroshi/mail");
    let sender = own
        .and_then(|own| findings.setting(own, "sender"))
        .and_then(|node| one_address(node, node.value(), findings))
        .unwrap_or_else(|| SENDER_DEFAULT.to_string());
    let subject = cluster.and_then(|mail| findings.line(mail, "subject", SUBJECT_CHARS_MAX));
    MailSettings {
        recipients: recipients(cluster, own, findings),
        subject: subject.unwrap_or(SUBJECT_DEFAULT).to_string(),
        transport: transport(cluster, own, &sender, findings),
        charset: charset(cluster, findings),
        sender,
    }
}

/// Several addresses in one text, separated by commas, semicolons or white space. Which one the
/// real product uses is not public.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', ' ', '\t', '\r', '\n'])
        .filter(|part| !part.is_empty())
}

pub(super) fn one_address(node: Node<'_>, part: &str, findings: &mut Findings) -> Option<String> {
    let address = MailAddress::parse(part).map(MailAddress::into_string);
    if address.is_none() {
        findings.error_in(node, part, Problem::NotMailAddress);
    }
    address
}

fn recipients(
    cluster: Option<Node<'_>>,
    own: Option<Node<'_>>,
    findings: &mut Findings,
) -> Vec<Recipient> {
    let mut recipients: Vec<Recipient> = Vec::new();
    if let Some(node) = cluster.and_then(|mail| findings.setting(mail, "address")) {
        for part in split(node.value()) {
            if recipients.len() == RECIPIENTS_MAX {
                findings.error_in(
                    node,
                    part,
                    Problem::TooMany {
                        max: RECIPIENTS_MAX,
                    },
                );
                break;
            }
            let Some(address) = one_address(node, part, findings) else {
                continue;
            };
            if recipients
                .iter()
                .any(|other| other.address.eq_ignore_ascii_case(&address))
            {
                findings.warn_in(node, part, Problem::RecipientRepeated);
                continue;
            }
            recipients.push(Recipient {
                address,
                form: MailForm::Long,
            });
        }
    }
    if let Some(node) = own.and_then(|own| findings.setting(own, "short")) {
        for part in split(node.value()) {
            match recipients
                .iter_mut()
                .find(|to| to.address.eq_ignore_ascii_case(part))
            {
                Some(recipient) => recipient.form = MailForm::Short,
                None => findings.error_in(node, part, Problem::ShortNotRecipient),
            }
        }
    }
    recipients
}

fn transport(
    cluster: Option<Node<'_>>,
    own: Option<Node<'_>>,
    sender: &str,
    findings: &mut Findings,
) -> MailTransport {
    let choices = [("MAIL", SendType::Mail), ("SMTP", SendType::Smtp)];
    let send_type = cluster.and_then(|mail| findings.choice(mail, "sendtype", &choices));
    let program = own
        .and_then(|own| findings.path(own, "sendmail"))
        .unwrap_or_else(|| SENDMAIL_DEFAULT.to_string());
    let Some(mail) = cluster.filter(|_| send_type == Some(SendType::Smtp)) else {
        return MailTransport::Sendmail { program };
    };
    let servers = smtp::servers(mail, own, sender, findings);
    let timeout_s = findings.number(mail, "smtp/timeout", 1..=600, "s");
    let timeout = Span::from_secs(timeout_s.unwrap_or(TIMEOUT_DEFAULT_S));
    MailTransport::Smtp { servers, timeout }
}

/// ISO-2022-JP where it is asked for. UTF-8 says everything that the other character sets of
/// the real product could.
fn charset(cluster: Option<Node<'_>>, findings: &mut Findings) -> MailCharset {
    match cluster.and_then(|mail| findings.setting(mail, "smtp/charset")) {
        Some(node) if node.value().eq_ignore_ascii_case("ISO-2022-JP") => MailCharset::Iso2022Jp,
        _ => MailCharset::Utf8,
    }
}
