//! Keys that a person types from a sheet (rule M22), and their digests (rule N16).
//!
//! A key has 32 characters of an alphabet of 56: digits and letters of both cases without those
//! that look alike (`0 O o`, `1 l I`). 30 of them are drawn at random, which makes 30 · log2 56 =
//! 174 bits; the other two are a check over these, so that a slip of the finger is told apart from
//! a key that was never issued (3,135 slips of 3,136 are noticed).
//!
//! The list of issued keys shows SHA-256 digests, without salt and made for speed. For passwords
//! that would be wrong; for a secret of 174 random bits it is enough: a trillion guesses a second
//! would find one key of a list of 10,000 after some 10^28 years.

use super::lines::{hex, hex_text};
use ring::digest::{SHA256, digest};
use std::fmt;

const ALPHABET: &[u8; 56] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz";
/// Characters that are drawn at random.
const RANDOM_CHARS: usize = 30;
/// Characters of a key.
const CHARS: usize = 32;
/// Characters of a group on the sheet.
const GROUP_CHARS: usize = 8;

/// A key. Secret: whoever has it can register the licence.
#[derive(Clone, PartialEq, Eq)]
pub struct SheetKey([u8; CHARS]);

/// Why something is no key. Holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Not four groups of eight characters.
    Groups,
    /// A character that keys do not have.
    Alphabet,
    /// The check characters do not fit: mistyped.
    Check,
}

/// Digest of a key, by which it is found in the list of issued keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest([u8; 32]);

impl SheetKey {
    /// The key that 32 bytes from the system's random source make. It takes 174 of the 256 bits,
    /// as a number written to the base of 56; how far this is from even is below 2^-80.
    pub fn from_random(mut random: [u8; 32]) -> SheetKey {
        let mut chars = [0; CHARS];
        for place in &mut chars[..RANDOM_CHARS] {
            let mut rest = 0u16;
            for byte in &mut random {
                let value = rest << 8 | u16::from(*byte);
                // The quotient fits a byte: the rest is below 56.
                *byte = (value / 56) as u8;
                rest = value % 56;
            }
            *place = ALPHABET[usize::from(rest)];
        }
        let check = check(&chars[..RANDOM_CHARS]);
        chars[RANDOM_CHARS..].copy_from_slice(&check);
        SheetKey(chars)
    }

    /// Reads a key as it was typed or pasted. Letter case matters. Blanks are taken anywhere, as
    /// the sheet prints one after each hyphen; each kind of dash is taken for a hyphen, as programs
    /// that show sheets exchange them.
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong, without the key.
    pub fn parse(text: &str) -> Result<SheetKey, KeyError> {
        let typed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let is_dash = |c: char| {
            matches!(
                c,
                '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}' | '\u{fe63}'
            )
        };
        let groups: Vec<&str> = typed.split(is_dash).collect();
        let good = groups.len() == CHARS / GROUP_CHARS
            && groups
                .iter()
                .all(|group| group.chars().count() == GROUP_CHARS);
        if !good {
            return Err(KeyError::Groups);
        }
        let joined = groups.concat();
        let chars = <[u8; CHARS]>::try_from(joined.as_bytes()).map_err(|_| KeyError::Alphabet)?;
        if !chars.iter().all(|c| ALPHABET.contains(c)) {
            return Err(KeyError::Alphabet);
        }
        if chars[RANDOM_CHARS..] != check(&chars[..RANDOM_CHARS]) {
            return Err(KeyError::Check);
        }
        Ok(SheetKey(chars))
    }

    /// As the sheet prints it: groups with a hyphen and a blank between them, as the question of
    /// `clplcnsc` shows it. Secret.
    pub fn to_text(&self) -> String {
        let group = |group: &[u8]| String::from_utf8_lossy(group).into_owned();
        let groups: Vec<String> = self.0.chunks(GROUP_CHARS).map(group).collect();
        groups.join("- ")
    }

    /// Its digest.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest(sha256(b"noroshi licence key 1\n", &self.0))
    }
}

impl fmt::Debug for SheetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SheetKey(secret)")
    }
}

impl KeyDigest {
    pub(super) fn parse(text: &str) -> Option<KeyDigest> {
        hex(text).map(KeyDigest)
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_text(&self.0))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn check(chars: &[u8]) -> [u8; CHARS - RANDOM_CHARS] {
    let sum = sha256(b"noroshi licence key check 1\n", chars);
    [sum[0], sum[1]].map(|byte| ALPHABET[usize::from(byte) % ALPHABET.len()])
}

fn sha256(purpose: &[u8], bytes: &[u8]) -> [u8; 32] {
    let sum = digest(&SHA256, &[purpose, bytes].concat());
    let mut value = [0; 32];
    value.copy_from_slice(sum.as_ref());
    value
}
