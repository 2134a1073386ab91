//! The file with what is registered: `var/licences`, mode 0600, replaced whole.
//!
//! *Use.* [`read`] to look, [`update`] to change. A lock beside the file keeps two commands, or a
//! command and the daemon, from overwriting each other's change.
//!
//! *Failure.* The old file stays until the new one is on disk. A file that cannot be read is not
//! replaced: what was paid for stands in it.

use super::LicenceError;
use crate::home::Home;
use crate::home::beside::beside;
use noroshi_conf::licence::{STORE_BYTES_MAX, Store};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// Attempts at the lock, which others hold for some milliseconds.
const LOCK_ATTEMPTS: u32 = 250;
/// Pause between two attempts at the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Reads what is registered; nothing is, when there is no file.
///
/// # Errors
/// When the file cannot be read, or is not what we wrote.
pub fn read(home: &Home) -> Result<Store, LicenceError> {
    let path = home.licences();
    match super::read(&path, STORE_BYTES_MAX as u64) {
        Ok(bytes) => Store::parse(&bytes).map_err(|fault| LicenceError::Fault(path, fault)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Store::default()),
        Err(error) => Err(LicenceError::Io(path, error)),
    }
}

/// Changes what is registered. When `change` fails, nothing is changed. May wait for another
/// command up to five seconds: not for the daemon's one thread.
///
/// # Errors
/// When the file cannot be read or written, or with what `change` says.
pub fn update<T, E: From<LicenceError>>(
    home: &Home,
    change: impl FnOnce(&mut Store) -> Result<T, E>,
) -> Result<T, E> {
    let path = home.licences();
    let io = |error| LicenceError::Io(path.clone(), error);
    home.prepare().map_err(io)?;
    let _lock = lock(&path.with_extension("lock")).map_err(io)?;
    let mut store = read(home)?;
    let before = store.clone();
    let answer = change(&mut store)?;
    if store != before {
        write_whole(&path, store.to_text().as_bytes(), 0o600, true).map_err(io)?;
    }
    Ok(answer)
}

/// Replaces a file whole: written beside it, synced, renamed, and its folder synced.
///
/// # Errors
/// When any of this fails; the old file is untouched then.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    write_whole(path, bytes, mode, false)
}

/// As [`replace`]; with `give` the file gets the owner of its folder, so that a daemon that runs
/// as another user can read what root wrote.
fn write_whole(path: &Path, bytes: &[u8], mode: u32, give: bool) -> io::Result<()> {
    let folder = folder_of(path);
    let new = beside(path);
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&new)?;
        if give {
            hand_over(&file, folder)?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // Nothing more can be done about a leftover than to try.
        let _ = std::fs::remove_file(&new);
    }
    written
}

/// Holds `path` until what it gives back is dropped.
///
/// # Errors
/// When it cannot be opened, is a link, or somebody else does not let go of it.
pub fn lock(path: &Path) -> io::Result<File> {
    // Root does this in a folder of the service's user. A link there, of either kind, must not have root
    // give away what it leads to.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.nlink() != 1 {
        return Err(io::Error::other("not a plain file of one name; remove it"));
    }
    hand_over(&file, folder_of(path))?;
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "another command holds it",
    ))
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Gives a file that root made to the owner of its folder. What anybody else makes stays theirs.
fn hand_over(file: &File, folder: &Path) -> io::Result<()> {
    let owner = folder.metadata()?;
    if rustix::process::geteuid().is_root() && owner.uid() != file.metadata()?.uid() {
        std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}
