//! A file that only the service's user reads, in a directory of the service, put in place whole.
//!
//! Root may be the one who writes it, for a service that is another user: the file gets the owner of its
//! directory, or the service could not read it. It is made under another name, through no link.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

/// Puts `text` in place of what `file` held.
///
/// # Errors
/// When it cannot be written; the former text holds then.
pub(super) fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)?;
    let folder = fs::metadata(file.parent().unwrap_or(Path::new("/")))?;
    let own = to.metadata()?;
    if (own.uid(), own.gid()) != (folder.uid(), folder.gid()) && own.uid() == 0 {
        fchown(&to, Some(folder.uid()), Some(folder.gid()))?;
    }
    to.write_all(text.as_bytes())?;
    to.sync_all()?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown};

    /// Story: `noroshi user link` as root wrote a code that a service of another user could not read.
    ///
    /// Rule: N21
    #[test]
    fn what_root_writes_is_the_services() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("console.setup");
        if rustix::process::geteuid().is_root() {
            chown(dir.path(), Some(65_534), Some(65_534)).unwrap();
        } else {
            println!("skipped in part: only root writes for another user");
        }
        let folder = fs::metadata(dir.path()).unwrap();
        for text in ["one", "two"] {
            replace(&file, text).unwrap();
            let written = fs::metadata(&file).unwrap();
            assert_eq!(written.uid(), folder.uid());
            assert_eq!(written.permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
}
