//! API tokens: what a script shows instead of a password.
//!
//! A token is 256 random bits after [`PREFIX`], so that a search for leaked secrets knows one. It is shown once;
//! clp.conf has its SHA-256, beside the role of the user whom it belongs to. Nothing slower is needed than one
//! digest: there is nothing to guess. A token is found by comparing digests; how long that takes tells at most
//! how a digest begins, and nobody can make a token for a digest.

use super::account::Accounts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use noroshi_core::config::ConsoleUser;
use noroshi_daemon::entropy;
use ring::digest::{SHA256, digest};
use std::io;

/// What every token begins with.
const PREFIX: &str = "noroshi_";
const TOKEN_BYTES: usize = 32;

/// A new token.
pub(crate) struct Token {
    /// For its user, once.
    pub(crate) text: String,
    /// For clp.conf.
    pub(crate) digest: String,
}

/// Makes one.
///
/// # Errors
/// When the system gives no random bytes.
pub(crate) fn new() -> io::Result<Token> {
    let random = BASE64_URL_SAFE_NO_PAD.encode(entropy::bytes::<TOKEN_BYTES>()?);
    let text = format!("{PREFIX}{random}");
    let digest = digest(&SHA256, text.as_bytes());
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    Ok(Token {
        digest: digits.collect(),
        text,
    })
}

/// What a request shows instead of a session.
pub(super) enum Shown {
    /// Nothing.
    Nothing,
    /// The token of this user.
    Of(ConsoleUser),
    /// Something that is nobody's token.
    Wrong,
}

/// Whose token the head of a request has (RFC 6750 section 2.1).
pub(super) fn shown(accounts: &Accounts, headers: &HeaderMap) -> Shown {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let value = match (all.next(), all.next()) {
        (None, _) => return Shown::Nothing,
        (Some(value), None) => value.to_str().ok(),
        // Two that differ would be a riddle.
        (Some(_), Some(_)) => None,
    };
    let user = value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .and_then(|(_, token)| {
            accounts.of_token(digest(&SHA256, token.trim().as_bytes()).as_ref())
        });
    user.map_or(Shown::Wrong, Shown::Of)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N21
    #[test]
    fn a_token_has_256_random_bits_and_its_digest_is_what_sha256_says() {
        let (one, other) = (new().unwrap(), new().unwrap());
        assert_ne!(one.text, other.text);
        // 32 bytes are 43 characters of Base64.
        assert_eq!(one.text.len(), PREFIX.len() + 43);
        let digest = digest(&SHA256, one.text.as_bytes());
        let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        assert_eq!(one.digest, digits.collect::<String>());
    }
}
