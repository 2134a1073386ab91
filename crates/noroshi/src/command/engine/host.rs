//! What a setup asks of its host: users and groups, programs, files that are there whole or not at all.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// Longest file or output of a program that is read.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A user as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    /// Its first group.
    pub(super) gid: u32,
}

/// The first user for whom this holds, from the host's own file.
pub(super) fn user(is: impl Fn(&User) -> bool) -> io::Result<Option<User>> {
    let passwd = read(Path::new("/etc/passwd"))?;
    let mut users = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User { name, uid, gid })
    });
    Ok(users.find(is))
}

/// Whether the host's own file has the user as a member of the group.
pub(super) fn is_member(user: &str, group: &str) -> io::Result<bool> {
    let groups = read(Path::new("/etc/group"))?;
    let mut lines = groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.first() == Some(&group));
    let members = found
        .and_then(|fields| fields.get(3).copied())
        .unwrap_or_default();
    Ok(members.split(',').any(|name| name == user))
}

/// The text of a file, bounded.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file whole: it is there with its content, or not at all. It is made as `new`, which is on the same
/// file system. Others than root may write beside it, so what is of that name is never written through.
pub(super) fn write(
    path: &Path,
    new: &Path,
    text: &str,
    mode: u32,
    gid: Option<u32>,
) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)?;
    }
    let written = (|| {
        // What a crash has left.
        remove(new)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(new)?;
        file.write_all(text.as_bytes())?;
        std::os::unix::fs::fchown(&file, None, gid)?;
        file.sync_all()?;
        std::fs::rename(new, path)
    })();
    if written.is_err() {
        // Nothing more can be done about a leftover than to try.
        let _ = std::fs::remove_file(new);
    }
    written
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Runs a program; its output, or what it said on standard error.
pub(super) fn run(program: &str, arguments: &[&str]) -> io::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default().trim();
    let status = output.status;
    Err(io::Error::other(match said {
        "" => format!("{program}: {status}"),
        said => format!("{program}: {said}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    /// The service's group may write beside clp.conf, and root must not be led elsewhere by that.
    ///
    /// Rule: N3
    #[test]
    fn a_link_under_the_name_of_the_new_file_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let [victim, new, path] =
            ["victim", "clp.new", "clp.conf"].map(|name| dir.path().join(name));
        std::fs::write(&victim, "root's").unwrap();
        symlink(&victim, &new).unwrap();
        let gid = dir.path().metadata().unwrap().gid();
        write(&path, &new, "settings", 0o640, Some(gid)).unwrap();
        assert_eq!(read(&victim).unwrap(), "root's");
        assert!(path.symlink_metadata().unwrap().is_file());
        assert_eq!(read(&path).unwrap(), "settings");
        assert!(new.symlink_metadata().is_err());
    }
}
