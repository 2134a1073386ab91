//! The file with the cluster key; its text is `noroshi_wire::key`'s.
//!
//! Whoever holds the key is heard by the cluster, so the file is closed to others and its content
//! never printed.

use super::Home;
use super::beside::beside;
use noroshi_wire::key::{ClusterKey, KEY_BYTES, KeyError};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{CWD, RenameFlags};
use std::fmt;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

/// Most bytes of a key file that are read; a real one has 87.
const FILE_BYTES_MAX: u64 = 256;

/// Why there is no key.
#[derive(Debug)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    Io(io::Error),
    /// The file is no text.
    NoText,
    /// The file is no key file.
    Form(KeyError),
    /// Users outside its owner and group can reach it, or the group can write it; its mode.
    Open(u32),
    /// The operating system gave no random bytes.
    NoRandomness,
}

/// A new random key.
///
/// # Errors
/// [`KeyFileError::NoRandomness`] when the operating system refuses.
pub fn random_key() -> Result<ClusterKey, KeyFileError> {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| KeyFileError::NoRandomness)?;
    Ok(ClusterKey::new(bytes))
}

impl Home {
    /// Reads the cluster key.
    ///
    /// # Errors
    /// Every [`KeyFileError`] but `NoRandomness`. A file that others than owner and group can reach,
    /// or that anyone but the owner can write, is refused: whoever has it can join the cluster.
    pub fn read_key(&self) -> Result<ClusterKey, KeyFileError> {
        let file = File::open(self.key()).map_err(KeyFileError::Io)?;
        let mode = file.metadata().map_err(KeyFileError::Io)?.mode() & 0o777;
        if mode & 0o027 != 0 {
            return Err(KeyFileError::Open(mode));
        }
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut text)
            .map_err(KeyFileError::Io)?;
        let text = std::str::from_utf8(&text).map_err(|_| KeyFileError::NoText)?;
        ClusterKey::parse(text).map_err(KeyFileError::Form)
    }

    /// Writes the key file, whole or not at all: a temporary file beside it, synced, then renamed. When root writes it
    /// into a directory of another group, that of a service which is another user, the group may read it.
    ///
    /// # Errors
    /// [`KeyFileError::Io`]; of kind `AlreadyExists` when there is a file and `overwrite` is false.
    /// The old file, if any, is untouched then.
    pub fn write_key(&self, key: &ClusterKey, overwrite: bool) -> Result<(), KeyFileError> {
        let path = self.key();
        let new = beside(&path);
        let written = write_new(key, &new, &path, overwrite);
        if written.is_err() {
            // Nothing more can be done about a leftover than to try.
            let _ = std::fs::remove_file(&new);
        }
        written
            .and_then(|()| File::open(self.etc())?.sync_all())
            .map_err(KeyFileError::Io)
    }
}

fn write_new(key: &ClusterKey, new: &Path, path: &Path, overwrite: bool) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)?;
    let folder = std::fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    let own = file.metadata()?;
    if own.uid() == 0 && own.gid() != folder.gid() {
        fchown(&file, None, Some(folder.gid()))?;
        file.set_permissions(Permissions::from_mode(0o640))?;
    }
    file.write_all(key.to_text().as_bytes())?;
    file.sync_all()?;
    let flags = if overwrite {
        RenameFlags::empty()
    } else {
        RenameFlags::NOREPLACE
    };
    Ok(rustix::fs::renameat_with(CWD, new, CWD, path, flags)?)
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFileError::Io(error) => write!(f, "{error}"),
            KeyFileError::NoText => f.write_str("it is not text, so no cluster key"),
            KeyFileError::Form(error) => write!(f, "{error}"),
            KeyFileError::Open(mode) => {
                write!(
                    f,
                    "others can reach it (mode {mode:04o}); make it 0600 or 0640"
                )
            }
            KeyFileError::NoRandomness => f.write_str("the operating system gave no random bytes"),
        }
    }
}

impl std::error::Error for KeyFileError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        std::fs::create_dir(home.etc()).unwrap();
        (dir, home)
    }

    #[test]
    fn a_key_comes_back_from_its_file() {
        let (_dir, home) = home();
        let key = random_key().unwrap();
        home.write_key(&key, false).unwrap();
        assert!(home.read_key().unwrap() == key);
        assert_eq!(std::fs::metadata(home.key()).unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(home.etc()).unwrap().count(),
            1,
            "nothing is left over"
        );
    }

    /// Story: the key that root made beside the settings of user noroshi kept the service from starting.
    ///
    /// Rule: N3
    #[test]
    fn a_key_that_root_writes_is_read_by_the_group_of_the_settings() {
        let (_dir, home) = home();
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root writes for another user");
            return;
        }
        std::os::unix::fs::chown(home.etc(), None, Some(65_534)).unwrap();
        home.write_key(&random_key().unwrap(), false).unwrap();
        let written = std::fs::metadata(home.key()).unwrap();
        assert_eq!(
            (written.uid(), written.gid(), written.mode() & 0o777),
            (0, 65_534, 0o640)
        );
        home.read_key().unwrap();
    }

    #[test]
    fn a_key_is_not_overwritten_unless_asked() {
        let (_dir, home) = home();
        let (old, new) = (random_key().unwrap(), random_key().unwrap());
        home.write_key(&old, false).unwrap();
        match home.write_key(&new, false) {
            Err(KeyFileError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::AlreadyExists),
            other => panic!("{other:?}"),
        }
        assert!(home.read_key().unwrap() == old);
        home.write_key(&new, true).unwrap();
        assert!(home.read_key().unwrap() == new);
        assert_eq!(
            std::fs::read_dir(home.etc()).unwrap().count(),
            1,
            "nothing is left over"
        );
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let (_dir, home) = home();
        let text = "noroshi cluster key 1\nabcdef\n";
        for text in [text.as_bytes(), b"", b"\xff", &[b'a'; 4096]] {
            std::fs::write(home.key(), text).unwrap();
            std::fs::set_permissions(home.key(), PermissionsExt::from_mode(0o600)).unwrap();
            let error = home.read_key().unwrap_err();
            assert!(
                matches!(error, KeyFileError::Form(_) | KeyFileError::NoText),
                "{error:?}"
            );
            assert!(!format!("{error} {error:?}").contains("abcdef"));
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let (_dir, home) = home();
        home.write_key(&random_key().unwrap(), false).unwrap();
        for (mode, taken) in [(0o640, true), (0o644, false), (0o660, false), (0o400, true)] {
            std::fs::set_permissions(home.key(), PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(home.read_key().is_ok(), taken, "{mode:o}");
        }
    }
}
