//! One mail as bytes: headers, character sets, encodings.
//!
//! Nothing from outside reaches a header except through [`MailAddress`], [`message_id`] or the
//! one-line texts of [`letter`](super::letter), so a name with a line break in it can add neither
//! a header nor an SMTP command. The bytes are pure ASCII with CRLF line ends.

use super::letter::{self, Letter};
use super::{MailContext, jis};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::{Timestamp, fmt::rfc2822};
use lettre::message::header::{
    ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0,
};
use lettre::message::{Body, Mailbox, MessageBuilder};
use lettre::{Address, Message};
use noroshi_core::alert::{Alert, AlertId, Severity};
use noroshi_core::config::{MailCharset, MailForm};
use noroshi_core::notice::Sending;
use std::fmt;

/// Longest mail address in octets (RFC 5321 section 4.5.3.1.3, without the brackets).
const ADDRESS_OCTETS_MAX: usize = 254;
/// Octets of text in one encoded word: 62 characters with its frame, so that the first still
/// stands on a 76-character line behind `Subject: ` (RFC 2047 section 2).
const WORD_OCTETS_MAX: usize = 33;
/// Most characters of a name in a Message-ID.
const SLUG_CHARS_MAX: usize = 80;

/// A mail address that is safe in a header, in an SMTP command and in argv.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MailAddress(Address);

impl MailAddress {
    /// Reads `user@domain`. `None` for anything else, for quoted local parts, spaces, control
    /// characters, brackets, commas, or a leading `-`.
    pub(super) fn parse(text: &str) -> Option<MailAddress> {
        let is_bad = |c: char| c.is_control() || c.is_whitespace() || "<>()[]\\,;:\"".contains(c);
        if text.len() > ADDRESS_OCTETS_MAX || text.starts_with('-') || text.contains(is_bad) {
            return None;
        }
        text.parse().ok().map(MailAddress)
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    pub(super) fn is_ascii(&self) -> bool {
        self.as_str().is_ascii()
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// From whom to whom.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) sender: MailAddress,
    pub(super) recipient: MailAddress,
}

/// Builds the mail for one notice as of `now`, or says why it cannot be built.
pub(super) fn build(
    context: &MailContext,
    sending: &Sending,
    envelope: &Envelope,
    now: Timestamp,
) -> Result<Vec<u8>, String> {
    let letter = letter::write(context, sending);
    let alert = &*sending.alert;
    let mailbox = |address: &MailAddress| Mailbox::new(None, address.0.clone());
    let id = |alert: &AlertId| message_id(alert, sending.form, &context.cluster);
    let date = header("Date", date(context, now));
    let mut builder = Message::builder()
        .raw_header(date.clone())
        .from(mailbox(&envelope.sender))
        .to(mailbox(&envelope.recipient))
        .raw_header(subject(&letter.subject, context.settings.charset))
        .message_id(Some(id(&alert.id)))
        .header(MIME_VERSION_1_0);
    // RFC 3834 section 5: keeps vacation programs from answering.
    builder = builder
        .raw_header(header("Auto-Submitted", "auto-generated".into()))
        .raw_header(header("X-Noroshi-Alert", slug(&alert.id.0)))
        .raw_header(header("X-Noroshi-Severity", severity(alert).into()))
        .raw_header(header("X-Noroshi-Server", slug(letter::place(alert))));
    if let Some(thread) = alert.thread.as_ref().filter(|thread| **thread != alert.id) {
        builder = builder.in_reply_to(id(thread)).references(id(thread));
    }
    if sending.possible_repeat {
        builder = builder.raw_header(header("X-Noroshi-Possible-Repeat", "yes".into()));
    }
    let mut message = with_body(builder, &letter, context.settings.charset)
        .map_err(|error| format!("the mail could not be built: {error}"))?;
    // lettre knows dates in UTC only and has put its own in place of ours.
    message.headers_mut().insert_raw(date);
    Ok(message.formatted())
}

fn with_body(
    builder: MessageBuilder,
    letter: &Letter,
    charset: MailCharset,
) -> Result<Message, lettre::error::Error> {
    match charset {
        MailCharset::Utf8 => {
            let text = letter.lines.join("\r\n") + "\r\n";
            builder.header(ContentType::TEXT_PLAIN).body(text)
        }
        MailCharset::Iso2022Jp => {
            let mut octets = Vec::new();
            for line in &letter.lines {
                for piece in jis::wrap(line, jis::LINE_OCTETS_MAX) {
                    octets.extend_from_slice(&jis::encode(&piece));
                    octets.extend_from_slice(b"\r\n");
                }
            }
            let encoding = ContentTransferEncoding::SevenBit;
            let kind = ContentType::parse("text/plain; charset=ISO-2022-JP")
                .unwrap_or(ContentType::TEXT_PLAIN);
            builder
                .header(kind)
                .body(Body::dangerous_pre_encoded(octets, encoding))
        }
    }
}

/// The same for every copy of a notice, whichever server sends it (rule N9).
pub(super) fn message_id(alert: &AlertId, form: MailForm, cluster: &str) -> String {
    let form = match form {
        MailForm::Long => "",
        MailForm::Short => ".short",
    };
    format!("<{}{form}@{}.noroshi>", slug(&alert.0), slug(cluster))
}

/// `text` in `[a-z0-9.-]`, dots only between letters or digits (a dot-atom, RFC 5322 section
/// 3.2.3). What had to be changed or cut gets a digest behind it, so that different names stay
/// different.
fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let mut slug = String::new();
    for c in lower.chars() {
        let is_plain = matches!(c, 'a'..='z' | '0'..='9');
        let after_plain = slug.ends_with(|last: char| last.is_ascii_alphanumeric());
        match c {
            c if is_plain => slug.push(c),
            '.' if after_plain => slug.push('.'),
            _ if after_plain => slug.push('-'),
            _ => {}
        }
    }
    let end = slug.trim_end_matches(['.', '-']).len().min(SLUG_CHARS_MAX);
    slug.truncate(end);
    if slug.is_empty() || slug != lower {
        let digest = fnv(text.as_bytes());
        let trimmed = slug.trim_end_matches(['.', '-']);
        slug = if trimmed.is_empty() {
            "x".into()
        } else {
            trimmed.to_owned()
        };
        slug.push_str(&format!("-{digest:08x}"));
    }
    slug
}

/// FNV-1a, folded to 32 bits: tells names apart, guards nothing.
fn fnv(bytes: &[u8]) -> u32 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) as u32
}

fn subject(text: &str, charset: MailCharset) -> HeaderValue {
    const SUBJECT: HeaderName = HeaderName::new_from_ascii_str("Subject");
    if charset == MailCharset::Utf8 || text.is_ascii() {
        return HeaderValue::new(SUBJECT, text.to_owned());
    }
    let words: Vec<String> = jis::split(text, WORD_OCTETS_MAX)
        .iter()
        .map(|piece| {
            format!(
                "=?ISO-2022-JP?B?{}?=",
                BASE64_STANDARD.encode(jis::encode(piece))
            )
        })
        .collect();
    HeaderValue::dangerous_new_pre_encoded(SUBJECT, text.to_owned(), words.join("\r\n "))
}

/// The time that this copy was made, in the local zone (RFC 5322 section 3.6.1).
fn date(context: &MailContext, now: Timestamp) -> String {
    let zoned = now.to_zoned(context.zone.clone());
    rfc2822::to_string(&zoned).unwrap_or_else(|_| "Thu, 01 Jan 1970 00:00:00 +0000".into())
}

fn severity(alert: &Alert) -> &'static str {
    match alert.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{context, sending};
    use super::*;
    use noroshi_core::text::Language;

    pub(in super::super) fn envelope() -> Envelope {
        Envelope {
            sender: MailAddress::parse("noroshi@example.com").unwrap(),
            recipient: MailAddress::parse("ops@example.com").unwrap(),
        }
    }

    fn built(context: &MailContext, sending: &Sending) -> String {
        let bytes = build(context, sending, &envelope(), Timestamp::UNIX_EPOCH).unwrap();
        assert!(bytes.is_ascii());
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            !text.replace("\r\n", "").contains(['\r', '\n', '\0']),
            "{text:?}"
        );
        assert!(text.split("\r\n").all(|line| line.len() <= 998));
        text
    }

    fn headers(text: &str) -> Vec<&str> {
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        head.split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .collect()
    }

    /// Rule: N10 N11
    #[test]
    fn the_headers_are_these() {
        let mut sending = sending(MailForm::Long);
        sending.possible_repeat = true;
        let mut alert = (*sending.alert).clone();
        alert.thread = Some(AlertId("down-sv2-4".into()));
        sending.alert = alert.into();
        let text = built(&context(Language::En), &sending);
        assert_eq!(
            headers(&text),
            [
                "Date: Thu, 1 Jan 1970 09:00:00 +0900",
                "From: noroshi@example.com",
                "To: ops@example.com",
                "Subject: clusterA Server sv2 is down: all interconnects are silent",
                "Message-ID: <down-sv2-5@clustera.noroshi>",
                "MIME-Version: 1.0",
                "Auto-Submitted: auto-generated",
                "X-Noroshi-Alert: down-sv2-5",
                "X-Noroshi-Severity: info",
                "X-Noroshi-Server: sv2",
                "In-Reply-To: <down-sv2-4@clustera.noroshi>",
                "References: <down-sv2-4@clustera.noroshi>",
                "X-Noroshi-Possible-Repeat: yes",
                "Content-Type: text/plain; charset=utf-8",
                "Content-Transfer-Encoding: 7bit",
            ]
        );
    }

    /// Rule: N9
    #[test]
    fn copies_of_one_notice_share_their_id_whoever_sends_them() {
        let of = |server: &str, repeat| {
            let mut context = context(Language::En);
            context.server = server.into();
            let mut sending = sending(MailForm::Short);
            sending.possible_repeat = repeat;
            let text = built(&context, &sending);
            let id = headers(&text)
                .into_iter()
                .find(|line| line.starts_with("Message-ID"));
            id.unwrap().to_owned()
        };
        assert_eq!(of("sv1", false), of("sv3", true));
        assert_eq!(
            of("sv1", false),
            "Message-ID: <down-sv2-5.short@clustera.noroshi>"
        );
    }

    /// Rule: N10
    #[test]
    fn slugs_are_dot_atoms_and_keep_names_apart() {
        assert_eq!(slug("down-sv2.5"), "down-sv2.5");
        assert_ne!(slug("営業"), slug("経理"));
        assert_ne!(slug("a\r\nb"), slug("a\nb"));
        for name in [
            "",
            ".",
            "..",
            "-a-",
            "a..b",
            "a\r\nBcc: x@y",
            "é",
            &"n".repeat(500),
        ] {
            let slug = slug(name);
            assert!(
                !slug.is_empty() && slug.len() <= SLUG_CHARS_MAX + 9,
                "{slug}"
            );
            assert!(slug.split('.').all(|atom| !atom.is_empty()
                && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')));
        }
    }

    /// Rule: N10
    #[test]
    fn no_text_can_add_a_header() {
        let evil =
            "x\r\nBcc: thief@example.net\r\n\r\n.\r\nRCPT TO:<thief@example.net>\r\n\0\u{85}";
        for charset in [MailCharset::Utf8, MailCharset::Iso2022Jp] {
            for form in [MailForm::Long, MailForm::Short] {
                let plain = built(&context(Language::Ja), &sending(form));
                let mut context = context(Language::Ja);
                context.settings.charset = charset;
                context.settings.subject = evil.into();
                context.cluster = evil.into();
                context.server = evil.into();
                context.log_directory = evil.into();
                context.console_hint = Some(evil.into());
                let mut sending = sending(form);
                let mut alert = (*sending.alert).clone();
                alert.id = AlertId(evil.into());
                alert.message.module = evil.into();
                alert.server = evil.into();
                alert.about = Some(evil.into());
                alert.text = evil.into();
                sending.alert = alert.into();
                let text = built(&context, &sending);
                let names = |text| -> Vec<String> {
                    headers(text)
                        .iter()
                        .map(|h| h.split(':').next().unwrap().into())
                        .collect()
                };
                assert_eq!(names(&text), names(&plain));
                assert!(!text.contains("\r\n.\r\n"), "{text}");
            }
        }
    }

    /// Rule: N10
    #[test]
    fn addresses_that_could_be_more_than_an_address_are_none() {
        for good in [
            "ops@example.com",
            "o.p+s@sub.example.com",
            "root@localhost",
            "用户@例え.jp",
        ] {
            assert!(MailAddress::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "ops",
            "@x",
            "a@",
            "a b@x.com",
            "a@x.com\r\nRCPT TO:<b@x.com>",
            "a@x.com\n",
            "a\0@x.com",
            "-oQ/tmp@x.com",
            "<a@x.com>",
            "a@x.com>",
            "a@x.com,b@x.com",
            "\"a b\"@x.com",
            "a@x.com;b",
            "a@@x.com",
            "a@x.com b@y.com",
            "a\u{85}@x.com",
        ] {
            assert!(MailAddress::parse(bad).is_none(), "{bad:?}");
        }
        assert!(MailAddress::parse(&format!("{}@x.com", "a".repeat(300))).is_none());
    }

    /// Rule: N10
    #[test]
    fn a_japanese_subject_in_iso_2022_jp_keeps_the_line_length() {
        let text = "[営業] サーバ sv2 がダウンしました: すべてのインタコネクトが途絶えました";
        let value = subject(text, MailCharset::Iso2022Jp);
        let mut headers = lettre::message::header::Headers::new();
        headers.insert_raw(value);
        let shown = headers.to_string();
        for line in shown.split("\r\n") {
            assert!(line.len() <= 76, "{line}");
        }
        assert!(shown.starts_with("Subject: =?ISO-2022-JP?B?"), "{shown}");
    }
}
