//! A secret setting, sealed under the cluster key, as one word of text (rule N18).
//!
//! ```text
//! sealed:1:  nonce 24  secret n  tag 16     the three in hex, without spaces
//! ```
//! XChaCha20-Poly1305 under `ClusterKey::derive("setting v1")`; the path of the setting, such as
//! `/root/noroshi/mail/smtpsrv@0/password`, is authenticated with it.
//!
//! *Use.* [`seal`] with a nonce which the caller drew from the system's random source, [`open`] with
//! the same key and path. The text may stand in a file that others read: without the key it tells
//! only the secret's length. Bound to its path, it cannot be moved to a place where it would be sent
//! to somebody else.
//!
//! *Failure.* [`SealError`] says what is wrong and shows nothing of the secret. A nonce is never to
//! be used twice; 24 random bytes do not repeat.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use crate::key::{ClusterKey, hex_digit, hex_value};

/// What a sealed text begins with. The number rises when its form changes.
pub const PREFIX: &str = "sealed:1:";
/// Length of the nonce, in bytes.
pub const NONCE_BYTES: usize = 24;
/// Longest secret, in bytes.
pub const SECRET_BYTES_MAX: usize = 4_096;

const TAG_BYTES: usize = 16;

/// Why a sealed text was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
    /// It is not of the form above, or was cut.
    Form,
    /// Another key or another path, or changed on the way.
    Forged,
    /// The secret is longer than [`SECRET_BYTES_MAX`].
    TooLong,
}

/// Whether `text` is meant to be a sealed secret of any version.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with("sealed:")
}

/// `secret` as text for the setting at `path`.
///
/// # Errors
/// [`SealError::TooLong`].
pub fn seal(
    key: &ClusterKey,
    path: &str,
    nonce: [u8; NONCE_BYTES],
    secret: &str,
) -> Result<String, SealError> {
    if secret.len() > SECRET_BYTES_MAX {
        return Err(SealError::TooLong);
    }
    let mut body = secret.as_bytes().to_vec();
    let tag = cipher(key)
        .encrypt_inout_detached(
            &XNonce::from(nonce),
            path.as_bytes(),
            body.as_mut_slice().into(),
        )
        .expect("the cipher refuses only texts over 256 GiB, ours is bounded");
    let mut text = String::from(PREFIX);
    for byte in nonce.iter().chain(&body).chain(&tag) {
        text.push(hex_digit(byte >> 4));
        text.push(hex_digit(byte & 15));
    }
    Ok(text)
}

/// The secret in `text`, which stands at `path`.
///
/// # Errors
/// See [`SealError`].
pub fn open(key: &ClusterKey, path: &str, text: &str) -> Result<String, SealError> {
    let digits = text.strip_prefix(PREFIX).ok_or(SealError::Form)?.as_bytes();
    let bytes_max = NONCE_BYTES + SECRET_BYTES_MAX + TAG_BYTES;
    if digits.len() % 2 != 0 || digits.len() > 2 * bytes_max {
        return Err(SealError::Form);
    }
    let pairs = digits.chunks_exact(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| Some(hex_value(pair[0]).ok()? << 4 | hex_value(pair[1]).ok()?))
        .collect();
    let bytes = bytes.ok_or(SealError::Form)?;
    let (nonce, sealed) = bytes
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(SealError::Form)?;
    if sealed.len() < TAG_BYTES {
        return Err(SealError::Form);
    }
    let mut body = sealed.to_vec();
    cipher(key)
        .decrypt_in_place(&XNonce::from(*nonce), path.as_bytes(), &mut body)
        .map_err(|_| SealError::Forged)?;
    String::from_utf8(body).map_err(|_| SealError::Forged)
}

fn cipher(key: &ClusterKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(key.derive("setting v1")))
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not a sealed secret of this release, or cut",
            Self::Forged => "sealed under another key or for another path, or changed",
            Self::TooLong => "longer than 4096 bytes",
        })
    }
}

impl core::error::Error for SealError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const PATH: &str = "/root/noroshi/mail/smtpsrv@0/password";

    fn key(first: u8) -> ClusterKey {
        ClusterKey::new(core::array::from_fn(|i| first + i as u8))
    }

    /// Rule: N18
    #[test]
    fn a_secret_comes_back_only_with_its_key_and_path() {
        for secret in ["", "hunter2", " 狼煙 <&> "] {
            let text = seal(&key(0), PATH, [7; 24], secret).unwrap();
            assert!(is_sealed(&text) && text.bytes().all(|byte| byte.is_ascii_graphic()));
            assert_eq!(open(&key(0), PATH, &text).as_deref(), Ok(secret));
            assert_eq!(open(&key(1), PATH, &text), Err(SealError::Forged));
            assert_eq!(
                open(&key(0), "/root/noroshi/lamp@sv1/password", &text),
                Err(SealError::Forged)
            );
        }
    }

    /// Rule: N18
    #[test]
    fn what_was_changed_or_cut_is_not_opened() {
        let text = seal(&key(0), PATH, [7; 24], "hunter2").unwrap();
        assert!(!text.contains("hunter2"));
        for at in PREFIX.len()..text.len() {
            let mut changed: Vec<u8> = text.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(
                open(&key(0), PATH, &changed),
                Err(SealError::Forged),
                "{at}"
            );
        }
        for bad in [
            &text[..text.len() - 1],
            &text[..40],
            "sealed:2:00",
            "sealed:1:",
            "",
            "sealed:1:é",
        ] {
            assert_eq!(open(&key(0), PATH, bad), Err(SealError::Form), "{bad}");
        }
        let long = "x".repeat(SECRET_BYTES_MAX + 1);
        assert_eq!(seal(&key(0), PATH, [7; 24], &long), Err(SealError::TooLong));
    }

    /// Files sealed by an earlier release must open: do not edit. Computed with an independent
    /// implementation.
    ///
    /// Rule: N18
    #[test]
    fn the_sealed_form_is_pinned() {
        let text = seal(&key(0), PATH, core::array::from_fn(|i| i as u8), "hunter2").unwrap();
        let pinned = concat!(
            "sealed:1:000102030405060708090a0b0c0d0e0f1011121314151617",
            "8e578358becd02987fa8c131e0f67598b25e83362d4ac7"
        );
        assert_eq!(text, pinned);
        let error = open(&key(1), PATH, &text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
