//! Directories and the link of a setup.

use super::Former;
use crate::command::engine::host;
use noroshi_daemon::pacemaker::SOCKET;
use noroshi_daemon::pacemaker::spool;
use rustix::fs::{Mode, OFlags};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Owner and mode of a directory; `Nothing` where there is none.
pub(super) fn former(path: &Path) -> io::Result<Former> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Former::Nothing),
        Err(error) => Err(error),
        Ok(found) => Ok(Former::Owned {
            uid: found.uid(),
            gid: found.gid(),
            mode: found.permissions().mode() & 0o7777,
        }),
    }
}

/// Makes a directory, unless it is there, and gives it this owner and mode.
pub(super) fn make(path: &Path, uid: u32, gid: u32, mode: u32) -> io::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.and_then(|()| own(path, uid, gid, mode))
}

/// Gives a directory this owner and mode.
///
/// # Errors
/// When it is none, or a link; nothing is changed then. Whoever owns the directory above could put a link in its
/// place, and it would be root's own that is given away.
pub(super) fn own(path: &Path, uid: u32, gid: u32, mode: u32) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    fchown(&opened, Some(uid), Some(gid))?;
    // After the owner: a change of that takes the set-group bit away.
    Ok(rustix::fs::fchmod(&opened, Mode::from_raw_mode(mode))?)
}

/// Where a directory is that root may have laid a link to.
pub(super) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// Removes the directory for Pacemaker's events with what agent and service put there, nothing else.
pub(super) fn remove_spool(path: &Path) -> io::Result<()> {
    if !path.symlink_metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        let is_ours = name
            .to_str()
            .is_some_and(|name| spool::is_ours(name) || name == SOCKET);
        if is_ours {
            host::remove(&path.join(name))?;
        }
    }
    std::fs::remove_dir(path)
}

/// Where a link leads; `Nothing` where there is none.
///
/// # Errors
/// When something else is there.
pub(super) fn former_link(path: &Path) -> io::Result<Former> {
    match std::fs::read_link(path) {
        Ok(to) => Ok(Former::LinkTo(to)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Former::Nothing),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file of this name that is no link",
        )),
        Err(error) => Err(error),
    }
}

/// Makes a link, in place of another one.
pub(super) fn link(path: &Path, to: &Path) -> io::Result<()> {
    let new = path.with_extension("new");
    host::remove(&new)?;
    std::os::unix::fs::symlink(to, &new)?;
    std::fs::rename(&new, path).inspect_err(|_| {
        // Nothing more can be done about a leftover than to try.
        let _ = std::fs::remove_file(&new);
    })
}
