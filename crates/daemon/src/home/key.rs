//! The cluster key: 32 random bytes that every server of a cluster holds.
//!
//! Whoever holds it is heard by the cluster, so the file is closed to others and the bytes are
//! never printed. Text form, so that it survives any way of copying:
//!
//! ```text
//! noroshi cluster key 1
//! <64 hexadecimal digits>
//! ```

use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{CWD, RenameFlags};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// First line of a key file; the number is the form's version.
const HEAD: &str = "noroshi cluster key 1";
/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Most bytes of a key file that are read; a real one has 87.
const FILE_BYTES_MAX: u64 = 256;

/// The cluster key. Neither printed nor compared by accident.
#[derive(Clone)]
pub struct ClusterKey([u8; KEY_BYTES]);

/// Why there is no key.
#[derive(Debug)]
pub enum KeyError {
    /// The file cannot be read or written.
    Io(io::Error),
    /// The file is no key file, and what is wrong with it.
    Form(&'static str),
    /// Users outside its owner and group can read or write it; its mode.
    Open(u32),
    /// The operating system gave no random bytes.
    NoRandomness,
}

impl ClusterKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] when the operating system refuses.
    pub fn generate() -> Result<ClusterKey, KeyError> {
        let mut bytes = [0; KEY_BYTES];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| KeyError::NoRandomness)?;
        Ok(ClusterKey(bytes))
    }

    /// The bytes, for the ciphers.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// Every [`KeyError`] but `NoRandomness`. A file that others than owner and group can read, or
    /// that anyone but the owner can write, is refused: whoever can read it can join the cluster.
    pub fn read(path: &Path) -> Result<ClusterKey, KeyError> {
        let file = File::open(path).map_err(KeyError::Io)?;
        let mode = file.metadata().map_err(KeyError::Io)?.mode() & 0o777;
        if mode & 0o027 != 0 {
            return Err(KeyError::Open(mode));
        }
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut text)
            .map_err(KeyError::Io)?;
        let text = std::str::from_utf8(&text).map_err(|_| KeyError::Form("it is not text"))?;
        ClusterKey::parse(text)
    }

    /// Writes the key file, whole or not at all: a temporary file beside it, synced, then renamed.
    ///
    /// # Errors
    /// [`KeyError::Io`]; of kind `AlreadyExists` when there is a file and `overwrite` is false. The
    /// old file, if any, is untouched then.
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<(), KeyError> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new("."));
        let new = path.with_extension(format!("new{}", std::process::id()));
        let written = self.write_new(&new, path, overwrite);
        if written.is_err() {
            // Nothing more can be done about a leftover than to try.
            let _ = std::fs::remove_file(&new);
        }
        written
            .and_then(|()| File::open(dir)?.sync_all())
            .map_err(KeyError::Io)
    }

    fn write_new(&self, new: &Path, path: &Path, overwrite: bool) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(new)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()?;
        let flags = if overwrite {
            RenameFlags::empty()
        } else {
            RenameFlags::NOREPLACE
        };
        Ok(rustix::fs::renameat_with(CWD, new, CWD, path, flags)?)
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(HEAD.len() + 2 * KEY_BYTES + 2);
        text.push_str(HEAD);
        text.push('\n');
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        text.push('\n');
        text
    }

    fn parse(text: &str) -> Result<ClusterKey, KeyError> {
        let mut lines = text.lines();
        if lines.next().map(str::trim_end) != Some(HEAD) {
            return Err(KeyError::Form(
                "its first line is not \"noroshi cluster key 1\"",
            ));
        }
        let digits = lines.next().unwrap_or("").trim_end().as_bytes();
        if digits.len() != 2 * KEY_BYTES || lines.any(|line| !line.trim().is_empty()) {
            return Err(KeyError::Form(
                "its second and last line is not 64 digits long",
            ));
        }
        let mut bytes = [0; KEY_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            let (Some(high), Some(low)) = (digit(0), digit(1)) else {
                return Err(KeyError::Form(
                    "its second line has others than hexadecimal digits",
                ));
            };
            *byte = (high << 4 | low) as u8;
        }
        Ok(ClusterKey(bytes))
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey(secret)")
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Io(error) => write!(f, "{error}"),
            KeyError::Form(what) => write!(f, "this is no cluster key: {what}"),
            KeyError::Open(mode) => {
                write!(
                    f,
                    "others can reach it (mode {mode:04o}); make it 0600 or 0640"
                )
            }
            KeyError::NoRandomness => f.write_str("the operating system gave no random bytes"),
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_comes_back_from_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.key");
        let key = ClusterKey::generate().unwrap();
        key.write(&path, false).unwrap();
        assert_eq!(ClusterKey::read(&path).unwrap().bytes(), key.bytes());
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(&dir).unwrap().count(),
            1,
            "nothing is left over"
        );
    }

    #[test]
    fn a_key_is_not_overwritten_unless_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.key");
        let (old, new) = (
            ClusterKey::generate().unwrap(),
            ClusterKey::generate().unwrap(),
        );
        old.write(&path, false).unwrap();
        match new.write(&path, false) {
            Err(KeyError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::AlreadyExists),
            other => panic!("{other:?}"),
        }
        assert_eq!(ClusterKey::read(&path).unwrap().bytes(), old.bytes());
        new.write(&path, true).unwrap();
        assert_eq!(ClusterKey::read(&path).unwrap().bytes(), new.bytes());
        assert_eq!(
            std::fs::read_dir(&dir).unwrap().count(),
            1,
            "nothing is left over"
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let digits = "0f".repeat(32);
        for text in [
            String::new(),
            format!("{digits}\n"),
            format!("{HEAD}\n"),
            format!("{HEAD}\n{}\n", &digits[1..]),
            format!("{HEAD}\n{digits}\n{digits}\n"),
            format!("{HEAD}\n{}g0\n", &digits[2..]),
            format!("{HEAD}\n{}é\n", &digits[2..]),
        ] {
            assert!(
                matches!(ClusterKey::parse(&text), Err(KeyError::Form(_))),
                "{text:?}"
            );
        }
        assert_eq!(
            ClusterKey::parse(&format!("{HEAD}\r\n{digits}\r\n"))
                .unwrap()
                .0,
            [0x0f; 32]
        );
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.key");
        ClusterKey::generate().unwrap().write(&path, false).unwrap();
        for (mode, taken) in [(0o640, true), (0o644, false), (0o660, false), (0o400, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(ClusterKey::read(&path).is_ok(), taken, "{mode:o}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let key = ClusterKey([0xab; KEY_BYTES]);
        assert_eq!(format!("{key:?}"), "ClusterKey(secret)");
    }
}
