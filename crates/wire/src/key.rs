//! The cluster key: the one secret every server of a cluster holds.
//!
//! *Use.* `noroshi key new` draws 32 random bytes, writes [`ClusterKey::to_text`] to the key
//! file and copies it to the other servers; each daemon reads it with [`ClusterKey::parse`].
//! The key itself is never used on the wire: each purpose has its own key from
//! [`ClusterKey::derive`], so that a weakness in one use does not open another.
//!
//! *Failure.* A text that is not exactly a key file is refused whole. Errors and `Debug`
//! never contain key material.

use alloc::string::String;
use core::fmt;

use hkdf::Hkdf;
use sha2::Sha256;

/// Length of the cluster key and of every derived key, in bytes.
pub const KEY_BYTES: usize = 32;

/// First line of a key file. The number rises when the file's meaning changes.
const VERSION_LINE: &str = "noroshi cluster key 1";

/// HKDF salt (RFC 5869 section 3.1): ties the derived keys to this product and key version.
const SALT: &[u8] = VERSION_LINE.as_bytes();

/// The secret shared by all servers of one cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterKey([u8; KEY_BYTES]);

impl ClusterKey {
    /// Makes a key of 32 bytes which the caller drew from the system's random source.
    pub fn new(random: [u8; KEY_BYTES]) -> Self {
        Self(random)
    }

    /// Reads the text of a key file: the version line, then one line of 64 hex digits.
    ///
    /// Blanks at line ends, carriage returns and empty lines at the end are allowed.
    ///
    /// # Errors
    /// [`KeyError`] says which line is wrong. No key exists afterwards.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut lines = text.trim_end().lines().map(str::trim_end);
        if lines.next() != Some(VERSION_LINE) {
            return Err(KeyError::Version);
        }
        let digits = lines.next().ok_or(KeyError::Length(0))?;
        if lines.next().is_some() {
            return Err(KeyError::Surplus);
        }
        if digits.len() != 2 * KEY_BYTES {
            return Err(KeyError::Length(digits.chars().count()));
        }
        let mut key = [0; KEY_BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
        }
        Ok(Self(key))
    }

    /// The text of a key file, as [`ClusterKey::parse`] reads it. Secret: only for the file.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(VERSION_LINE.len() + 2 * KEY_BYTES + 2);
        text.push_str(VERSION_LINE);
        text.push('\n');
        for byte in self.0 {
            text.push(hex_digit(byte >> 4));
            text.push(hex_digit(byte & 15));
        }
        text.push('\n');
        text
    }

    /// The key for one purpose: HKDF-SHA256 (RFC 5869) with `purpose` as the info field.
    ///
    /// Purposes carry a version, as in `"heartbeat v1"`, and are never reused for anything else.
    pub fn derive(&self, purpose: &str) -> [u8; KEY_BYTES] {
        let mut derived = [0; KEY_BYTES];
        Hkdf::<Sha256>::new(Some(SALT), &self.0)
            .expand(purpose.as_bytes(), &mut derived)
            .expect("HKDF-SHA256 yields up to 8160 bytes (RFC 5869 section 2.3), we ask for 32");
        derived
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey(secret)")
    }
}

/// Why a text is not a key file. Nothing was kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// The first line is not `noroshi cluster key 1`.
    Version,
    /// The key line has this many characters instead of 64.
    Length(usize),
    /// The key line holds something else than hexadecimal digits.
    Digit,
    /// There is more text after the key line.
    Surplus,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => write!(
                f,
                "the first line is not \"{VERSION_LINE}\": this is no cluster key file, or one of a newer noroshi"
            ),
            Self::Length(found) => write!(
                f,
                "the key line has {found} characters instead of 64: copy the file again from another server"
            ),
            Self::Digit => f.write_str(
                "the key line holds something else than hexadecimal digits: copy the file again from another server",
            ),
            Self::Surplus => f.write_str(
                "there is text after the key line: a cluster key file has exactly two lines",
            ),
        }
    }
}

impl core::error::Error for KeyError {}

pub(crate) fn hex_value(digit: u8) -> Result<u8, KeyError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(KeyError::Digit),
    }
}

pub(crate) fn hex_digit(value: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(value & 15)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn sample() -> ClusterKey {
        ClusterKey::new(core::array::from_fn(|i| i as u8))
    }

    /// Rule: N2
    #[test]
    fn text_form_reads_back() {
        let text = sample().to_text();
        assert_eq!(
            text,
            "noroshi cluster key 1\n000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
        );
        assert_eq!(ClusterKey::parse(&text), Ok(sample()));
        let from_windows = text
            .to_uppercase()
            .replace("NOROSHI CLUSTER KEY", "noroshi cluster key");
        assert_eq!(
            ClusterKey::parse(&from_windows.replace('\n', " \r\n")),
            Ok(sample())
        );
    }

    /// Rule: N2
    #[test]
    fn anything_but_a_key_file_is_refused() {
        let digits = "00".repeat(32);
        let cases = [
            (String::new(), KeyError::Version),
            (
                format!("noroshi cluster key 2\n{digits}\n"),
                KeyError::Version,
            ),
            ("noroshi cluster key 1\n".into(), KeyError::Length(0)),
            (
                format!("noroshi cluster key 1\n{digits}0\n"),
                KeyError::Length(65),
            ),
            (
                format!("noroshi cluster key 1\n{}é\n", &digits[2..]),
                KeyError::Digit,
            ),
            (
                format!("noroshi cluster key 1\n{digits}\nmore"),
                KeyError::Surplus,
            ),
        ];
        for (text, error) in cases {
            assert_eq!(ClusterKey::parse(&text), Err(error), "{text:?}");
        }
    }

    /// Rule: N2
    #[test]
    fn debug_and_errors_hold_no_key_material() {
        assert_eq!(format!("{:?}", sample()), "ClusterKey(secret)");
        let wrong = "noroshi cluster key 1\nsecretsecret\n";
        let error = ClusterKey::parse(wrong).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secretsecret"));
    }

    /// The expected bytes were computed with an independent HMAC implementation.
    ///
    /// Rule: N2
    #[test]
    fn derived_keys_are_pinned() {
        assert_eq!(
            hex(&sample().derive("heartbeat v1")),
            "1132a2981a25b6ab6982b874b78933e9763add5e4644e04fbaf93b40f38073c9"
        );
        assert_ne!(
            sample().derive("heartbeat v1"),
            sample().derive("heartbeat v2")
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
