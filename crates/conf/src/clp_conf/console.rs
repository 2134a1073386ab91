//! The console: `/root/noroshi/console` (rule N21). Where it listens, its certificate, its users.

use super::noroshi::PORT_DEFAULT;
use super::servers::ServerRow;
use crate::finding::Findings;
use crate::problem::Problem;
use crate::sealed::UNOPENED;
use crate::tree::Node;
use noroshi_core::config::{CertificateFiles, ConsoleSettings, ConsoleUser, Role, Secret};
use std::net::IpAddr;

/// Most users.
const USERS_MAX: usize = 64;
/// Most addresses that one server listens on.
const ADDRESSES_MAX: usize = 8;
/// How every hash of a password begins: the PHC form of argon2id.
const HASH_PREFIX: &str = "$argon2id$v=19$";
/// Longest hash of a password in bytes.
const HASH_BYTES_MAX: usize = 255;

pub(super) fn console(
    root: Node<'_>,
    rows: &[ServerRow<'_>],
    findings: &mut Findings,
) -> ConsoleSettings {
    let default = ConsoleSettings {
        addresses: vec![Vec::new(); rows.len()],
        ..ConsoleSettings::default()
    };
    let Some(own) = findings.at(root, "noroshi/console") else {
        return default;
    };
    ConsoleSettings {
        used: findings.flag(own, "use").unwrap_or(default.used),
        port: port(root, own, findings).unwrap_or(default.port),
        addresses: addresses(own, rows, findings),
        certificate: certificate(own, findings),
        users: users(own, findings),
    }
}

/// The links between the servers have a TCP port too, on the same host.
fn port(root: Node<'_>, own: Node<'_>, findings: &mut Findings) -> Option<u16> {
    let port = findings.number(own, "port", 1..=65_535, "")? as u16;
    let node = findings.at(own, "port")?;
    let of_links = findings.setting(root, "noroshi/port");
    let of_links = of_links.map_or(PORT_DEFAULT.to_string(), |node| node.value().into());
    if of_links == node.value() {
        findings.error(node, Problem::PortTaken);
    }
    Some(port)
}

fn addresses(own: Node<'_>, rows: &[ServerRow<'_>], findings: &mut Findings) -> Vec<Vec<IpAddr>> {
    let mut of_servers = vec![Vec::new(); rows.len()];
    for (name, node) in findings.keyed(own, "server") {
        let Some(at) = rows
            .iter()
            .position(|row| row.name.eq_ignore_ascii_case(name))
        else {
            let names = rows.iter().map(|row| row.name);
            let nearest = crate::names::nearest(name, names).map(str::to_string);
            findings.error_in(node, name, Problem::ServerUnknown { nearest });
            continue;
        };
        let Some(setting) = findings.setting(node, "address") else {
            continue;
        };
        for part in setting
            .value()
            .split([',', ' '])
            .filter(|part| !part.is_empty())
        {
            match part.parse::<IpAddr>() {
                Ok(_) if of_servers[at].len() == ADDRESSES_MAX => {
                    let problem = Problem::TooMany { max: ADDRESSES_MAX };
                    findings.error_in(setting, part, problem);
                    break;
                }
                Ok(address) => of_servers[at].push(address),
                Err(_) => findings.error_in(setting, part, Problem::NotIpAddress),
            }
        }
    }
    of_servers
}

fn certificate(own: Node<'_>, findings: &mut Findings) -> Option<CertificateFiles> {
    let chain = findings.path(own, "certificate");
    let key = findings.path(own, "certificatekey");
    match (chain, key) {
        (Some(chain), Some(key)) => Some(CertificateFiles { chain, key }),
        (Some(_), None) => {
            findings.required(own, "certificatekey");
            None
        }
        (None, Some(_)) => {
            findings.required(own, "certificate");
            None
        }
        (None, None) => None,
    }
}

fn users(own: Node<'_>, findings: &mut Findings) -> Vec<ConsoleUser> {
    let roles = [
        ("view", Role::View),
        ("operate", Role::Operate),
        ("administer", Role::Administer),
    ];
    let mut users = Vec::new();
    for (name, node) in findings.keyed(own, "user") {
        if users.len() == USERS_MAX {
            findings.error_in(node, name, Problem::TooMany { max: USERS_MAX });
            break;
        }
        findings.check_name(node, name);
        findings.required(node, "role");
        let role = findings.choice(node, "role", &roles);
        let hash = findings.required(node, "password");
        if let (Some(role), Some(hash)) = (role, hash) {
            if !is_hash(hash.value()) {
                findings.error_silent(hash, Problem::PasswordNotHashed);
            }
            users.push(ConsoleUser {
                name: name.to_string(),
                role,
                password: Secret::new(hash.value().to_string()),
                token: token(node, findings),
            });
        }
    }
    users
}

/// The digest of a user's API token.
fn token(user: Node<'_>, findings: &mut Findings) -> Option<[u8; 32]> {
    let node = findings.setting(user, "token")?;
    let digest = digest(node.value());
    if digest.is_none() {
        findings.error_silent(node, Problem::TokenNotDigest);
    }
    digest
}

/// Of exactly 64 hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != digest.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(value(*high)? * 16 + value(*low)?).ok()?;
    }
    Some(digest)
}

fn is_hash(text: &str) -> bool {
    let of_argon2 = text.starts_with(HASH_PREFIX) && text.len() <= HASH_BYTES_MAX;
    text == UNOPENED || (of_argon2 && text.bytes().all(|byte| byte.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interface between releases: do not edit.
    #[test]
    fn a_token_stands_as_64_hexadecimal_digits() {
        let digits = "00ff".repeat(16);
        let digest_of = digest(&digits).unwrap();
        assert_eq!(digest_of[..4], [0x00, 0xff, 0x00, 0xff]);
        assert_eq!(digest(&digits.to_uppercase()), Some(digest_of));
        for bad in [
            "",
            "00",
            &digits[1..],
            &format!("{digits}0"),
            &digits.replace("ff", "+f"),
        ] {
            assert_eq!(digest(bad), None, "{bad}");
        }
    }

    fn users_of(token: &str) -> Result<Vec<ConsoleUser>, String> {
        let conf = format!(
            "<root><cluster><name>c</name></cluster><server name=\"a\"><priority>0</priority>\
             <device id=\"0\"><type>lan</type><info>10.0.0.1</info></device></server>\
             <noroshi><console><user name=\"sato\"><role>view</role>\
             <password>{HASH_PREFIX}m=19456,t=2,p=1$c29t$Hx2y</password>{token}</user></console></noroshi></root>"
        );
        match crate::read(conf.as_bytes()) {
            Ok(parsed) => Ok(parsed.config.console.users),
            Err(findings) => Err(format!("{findings:?}")),
        }
    }

    /// A set of an earlier release has no tokens.
    ///
    /// Rule: N21 N17
    #[test]
    fn a_user_may_have_a_token_and_a_false_one_is_an_error_that_does_not_show_it() {
        assert_eq!(users_of("").unwrap()[0].token, None);
        let digits = "1f".repeat(32);
        let with = users_of(&format!("<token>{digits}</token>")).unwrap();
        assert_eq!(with[0].token, Some([0x1f; 32]));
        let error = users_of("<token>noroshi_plain</token>").unwrap_err();
        assert!(error.contains("TokenNotDigest"), "{error}");
        assert!(!error.contains("noroshi_plain"), "{error}");
    }
}
