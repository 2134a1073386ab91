//! What a name, a host, a line of text and a mail address may be.
//!
//! Each of these ends up in a mail header, a command's argument, a device's command or a log
//! line. What could break out of one of those is refused here, once, so that nobody needs to
//! escape later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest name of a server, interconnect or module, in characters (RFC 1035, section 2.3.4: a
/// label has 63 octets).
pub(crate) const NAME_CHARS_MAX: usize = 63;

/// Longest mail address in bytes (RFC 5321, section 4.5.3.1.3: a path has 256 with its brackets).
pub(crate) const ADDRESS_BYTES_MAX: usize = 254;

/// A mail address that can be a header's or a program's argument as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(String);

impl MailAddress {
    /// Takes `user@domain` in ASCII: a dot-atom (RFC 5322, section 3.2.3) that does not begin
    /// with `-`, and a domain or an address literal (RFC 5321, section 4.1.2). Quoted local
    /// parts are not taken: they may hold spaces and controls.
    pub fn parse(text: &str) -> Option<MailAddress> {
        let (local, domain) = text.rsplit_once('@')?;
        let fits = text.len() <= ADDRESS_BYTES_MAX && local.len() <= 64;
        let local_ok = !local.starts_with('-')
            && local
                .split('.')
                .all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_byte));
        let domain_ok = match domain.strip_prefix('[').and_then(|d| d.strip_suffix(']')) {
            Some(literal) => match literal.strip_prefix("IPv6:") {
                Some(literal) => literal.parse::<Ipv6Addr>().is_ok(),
                None => literal.parse::<Ipv4Addr>().is_ok(),
            },
            None => is_domain(domain),
        };
        (fits && local_ok && domain_ok).then(|| MailAddress(text.to_string()))
    }

    /// The address as text.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// RFC 5322, section 3.2.3.
fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Labels of letters, digits and inner hyphens (RFC 1123, section 2.1).
fn is_domain(domain: &str) -> bool {
    domain.len() <= 253
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

/// A host that a connection can be made to: an IP address, or a name. Underscores are let
/// through, since inner networks have them.
pub(crate) fn is_host(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok() || is_domain(&host.replace('_', "x"))
}

/// A name of a server or interconnect: it stands in paths, arguments and file names.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.chars().count())
        && !name.starts_with(['-', '.'])
        && !name
            .chars()
            .any(|c| c == '/' || c.is_whitespace() || is_invisible(c))
}

/// One line without control characters, of at most `chars_max` characters.
pub(crate) fn is_one_line(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max && !text.chars().any(is_invisible)
}

/// 1 to `bytes_max` printable ASCII characters without spaces.
pub(crate) fn is_graphic(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Characters that steer a terminal, end a line or turn the order of writing.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The entry of `known` that `word` is most likely a slip of; `None` when none is near.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(steps, _)| *steps <= allowed)
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// Characters to insert, delete, change or swap with their neighbour (optimal string alignment),
/// without regard to case. Words beyond any name's length are infinitely far: the work is bounded.
fn distance(one: &str, other: &str) -> usize {
    let letters = |word: &str| word.to_lowercase().chars().take(65).collect::<Vec<_>>();
    let (one, other) = (letters(one), letters(other));
    if one.len() > 64 || other.len() > 64 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let changed = row[j] + usize::from(a != b);
            let mut least = changed.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: M12 N17
    #[test]
    fn only_what_cannot_break_out_is_a_mail_address() {
        for good in [
            "user1@mail.domain.com",
            "root@localhost",
            "a.b+c=d@x-y.example",
            "ops@[192.0.2.1]",
            "ops@[IPv6:2001:db8::1]",
            "o'neil@example.com",
        ] {
            assert!(MailAddress::parse(good).is_some(), "{good}");
        }
        let long = format!("a@{}", "b".repeat(300));
        for bad in [
            "",
            "@",
            "user",
            "user@",
            "@domain",
            "-oQ/tmp@x",
            "a b@c",
            "a@b c",
            "a\r\nBcc: x@y",
            "a@b\nBcc:c",
            "a\0@b",
            "a@b@c",
            "あ@example.com",
            "a@例え.jp",
            "a..b@c",
            ".a@b",
            "a@b.",
            "a@-b",
            "\"a b\"@c",
            "<a@b>",
            "a@b;c",
            "a@[1.2.3]",
            "a@[x\r\n]",
            long.as_str(),
        ] {
            assert!(MailAddress::parse(bad).is_none(), "{bad:?}");
        }
    }

    /// Rule: N6
    #[test]
    fn server_names_cannot_be_options_paths_or_lines() {
        let longest = "x".repeat(63);
        for good in [
            "sv1",
            "alma9-21",
            "SSFYHA01",
            "サーバ1",
            "a_b.c",
            longest.as_str(),
        ] {
            assert!(is_name(good), "{good}");
        }
        let long = "x".repeat(64);
        for bad in [
            "",
            "-h",
            ".",
            "..",
            "a b",
            "a\u{3000}b",
            "a\nb",
            "a/b",
            "a\u{202e}",
            &long,
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    /// Rule: N17
    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let known = ["heartbeat", "mail", "lamp", "port"];
        assert_eq!(nearest("hearbeat", known), Some("heartbeat"));
        assert_eq!(nearest("Mail", known), Some("mail"));
        assert_eq!(nearest("lmap", known), Some("lamp"));
        assert_eq!(nearest("lpma", known), None);
        assert_eq!(nearest("licence", known), None);
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }
}
