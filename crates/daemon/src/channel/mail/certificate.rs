//! What a server's certificate says of itself, for people: whose it is, by whom, for which names, until
//! when.
//!
//! A reader of just that much of X.509 (RFC 5280 section 4.1) in DER. It judges nothing: trust is
//! rustls's business. Bytes from outside; whatever is wrong with them, the answer is `None`.

use crate::channel::trouble::printable;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most names that are told.
const NAMES_MAX: usize = 8;
/// Most extensions that are looked at.
const EXTENSIONS_MAX: usize = 64;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const EXTENSIONS: u8 = 0xa3;
const VERSION: u8 = 0xa0;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];
/// 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 29, 17];

/// The certificate in the words of its standard: `CN=mx.example.com; SAN=…; issuer=…; notAfter=2027-01-31`.
pub(crate) fn shown(der: &[u8]) -> Option<String> {
    let (body, _) = take(take(der, SEQUENCE)?.0, SEQUENCE)?;
    let rest = match body.first() {
        Some(&VERSION) => take(body, VERSION)?.1,
        _ => body,
    };
    // Serial number and signature algorithm.
    let rest = any(any(rest)?.2)?.2;
    let (issuer, rest) = take(rest, SEQUENCE)?;
    let (validity, rest) = take(rest, SEQUENCE)?;
    let (subject, rest) = take(rest, SEQUENCE)?;
    // The public key.
    let rest = any(rest)?.2;
    let (_, _, after) = any(validity)?;
    let until = until(after)?;
    let mut text = format!("CN={}", name(subject).unwrap_or("?".into()));
    let names = alt_names(rest);
    if !names.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, "; SAN={}", names.join(", "));
    }
    let issuer = name(issuer).unwrap_or("?".into());
    let _ = write!(text, "; issuer={issuer}; notAfter={until}");
    Some(text)
}

/// One value of any kind: its tag, its content and what follows.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = der else {
        return None;
    };
    let (length, rest) = match *first {
        short @ 0..0x80 => (usize::from(short), rest),
        long => {
            // Four bytes of length are more than any certificate that TLS carries.
            let count = usize::from(long & 0x7f);
            let bytes = rest.get(..count).filter(|_| (1..=4).contains(&count))?;
            let length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, &rest[count..])
        }
    };
    (length <= rest.len()).then(|| (*tag, &rest[..length], &rest[length..]))
}

/// The content of one value of this kind and what follows.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    any(der)
        .filter(|(found, ..)| *found == tag)
        .map(|(_, content, rest)| (content, rest))
}

/// The common name of a distinguished name, else its organization.
fn name(mut der: &[u8]) -> Option<String> {
    let mut organization = None;
    while let Some((set, rest)) = take(der, SET) {
        der = rest;
        let (attribute, _) = take(set, SEQUENCE)?;
        let (kind, value) = take(attribute, OID)?;
        let (_, value, _) = any(value)?;
        let value = printable(&String::from_utf8_lossy(value));
        match kind {
            COMMON_NAME => return Some(value),
            ORGANIZATION => organization = Some(value),
            _ => {}
        }
    }
    organization
}

/// The day of a UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5).
fn until(der: &[u8]) -> Option<String> {
    let (tag, time, _) = any(der)?;
    let time = std::str::from_utf8(time)
        .ok()
        .filter(|time| time.is_ascii())?;
    let time = match tag {
        UTC_TIME if time.get(..2)? < "50" => format!("20{time}"),
        UTC_TIME => format!("19{time}"),
        _ => time.to_owned(),
    };
    let day = time.get(..8)?;
    let is_day = day.bytes().all(|digit| digit.is_ascii_digit());
    is_day.then(|| format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]))
}

fn alt_names(mut der: &[u8]) -> Vec<String> {
    // Unique identifiers, which nobody has, may stand before the extensions.
    let extensions = loop {
        match any(der) {
            Some((EXTENSIONS, content, _)) => break take(content, SEQUENCE),
            Some((_, _, rest)) => der = rest,
            None => break None,
        }
    };
    let Some((mut extensions, _)) = extensions else {
        return Vec::new();
    };
    for _ in 0..EXTENSIONS_MAX {
        let Some((extension, rest)) = take(extensions, SEQUENCE) else {
            break;
        };
        extensions = rest;
        if let Some((SUBJECT_ALT_NAME, value)) = take(extension, OID) {
            return names(value).unwrap_or_default();
        }
    }
    Vec::new()
}

/// The names of a SubjectAltName behind its identifier.
fn names(mut der: &[u8]) -> Option<Vec<String>> {
    let octets = loop {
        // `critical` may stand before them.
        let (tag, content, rest) = any(der)?;
        if tag == OCTETS {
            break content;
        }
        der = rest;
    };
    let (mut list, _) = take(octets, SEQUENCE)?;
    let mut names = Vec::new();
    while let Some((tag, content, rest)) = any(list) {
        list = rest;
        let name = match tag {
            DNS_NAME => Some(printable(&String::from_utf8_lossy(content))),
            IP_ADDRESS => address(content),
            _ => None,
        };
        if names.len() == NAMES_MAX {
            names.push("…".into());
            break;
        }
        names.extend(name);
    }
    Some(names)
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|it| Ipv6Addr::from(it).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Vec<u8> {
        let names = ["mx.example.com", "mail.example.com", "192.0.2.7"];
        let mut parameters = rcgen::CertificateParams::new(names.map(str::to_owned)).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        let mut own = |kind, value: &str| parameters.distinguished_name.push(kind, value);
        own(rcgen::DnType::OrganizationName, "Example");
        own(rcgen::DnType::CommonName, "mx.example.com");
        parameters.not_after = rcgen::date_time_ymd(2031, 5, 9);
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    /// Rule: N10
    #[test]
    fn a_certificate_says_whose_it_is() {
        assert_eq!(
            shown(&certificate()).unwrap(),
            "CN=mx.example.com; SAN=mx.example.com, mail.example.com, 192.0.2.7; issuer=mx.example.com; notAfter=2031-05-09"
        );
    }

    /// Found by the search `certificate`: a subject of `mx.examp`, then bytes 3, 2 and 1; then a last day of such.
    ///
    /// Rule: N10
    #[test]
    fn no_name_or_day_of_a_certificate_steers_anything() {
        for (from, to) in [
            ("mx.example.com", "mx\u{3}\u{1b}[2J\n.com"),
            ("310509", "31\u{7}\u{8}09"),
        ] {
            let mut bent = certificate();
            let places: Vec<usize> = (0..bent.len() - from.len())
                .filter(|at| bent[*at..].starts_with(from.as_bytes()))
                .collect();
            assert!(!places.is_empty(), "{from}");
            for at in places {
                bent[at..at + to.len()].copy_from_slice(to.as_bytes());
            }
            let told = shown(&bent);
            assert!(
                !told.iter().any(|told| told.contains(char::is_control)),
                "{told:?}"
            );
        }
    }

    /// Rule: N10
    #[test]
    fn no_bytes_stop_the_reader() {
        let whole = certificate();
        for end in 0..whole.len() {
            let _ = shown(&whole[..end]);
        }
        for at in 0..whole.len() {
            for byte in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
                let mut broken = whole.clone();
                broken[at] = byte;
                let _ = shown(&broken);
            }
        }
        assert_eq!(shown(b""), None);
        assert_eq!(shown(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), None);
    }
}
