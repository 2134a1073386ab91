//! An archive on its way: a file without a name until it is whole, so that nothing stays of it however
//! its writer ends. Where a file system has no such files it is a hidden one beside its place.
//!
//! *Use.* [`Part::new`], write, [`Part::keep`]. *Failure.* Dropped before that, it is gone. Nothing that is
//! there is ever overwritten. Only the owner may read it.

use super::contents::ARCHIVE_END;
use rustix::fs::{AtFlags, CWD, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Archives of one server and second.
const SAME_NAME_MAX: u32 = 100;
/// By which a file without a name gets one.
const OPEN_FILES: &str = "/proc/self/fd";

pub(super) struct Part {
    file: File,
    /// Where it is hidden meanwhile; none while it has no name.
    hidden: Option<PathBuf>,
    dir: PathBuf,
    name: String,
    bytes: u64,
}

impl Part {
    /// Begins the archive `NAME-log.tar.gz` in `dir`; `name` is a plain one.
    ///
    /// # Errors
    /// When it cannot be made there.
    pub(super) fn new(dir: &Path, name: &str) -> io::Result<Part> {
        let unnamed = OpenOptions::new()
            .write(true)
            .mode(0o600)
            .custom_flags(OFlags::TMPFILE.bits().cast_signed())
            .open(dir);
        match unnamed {
            Ok(file) if Path::new(OPEN_FILES).exists() => Ok(Part {
                file,
                hidden: None,
                dir: dir.to_owned(),
                name: name.to_owned(),
                bytes: 0,
            }),
            _ => Part::hidden(dir, name),
        }
    }

    /// As [`Part::new`] where every file needs a name: NFS, FAT.
    fn hidden(dir: &Path, name: &str) -> io::Result<Part> {
        let path = dir.join(format!(".{name}.{}.part", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Part {
            file,
            hidden: Some(path),
            dir: dir.to_owned(),
            name: name.to_owned(),
            bytes: 0,
        })
    }

    /// Puts the whole archive in its place; tells where, and how many bytes it has.
    ///
    /// # Errors
    /// When it cannot be; it is removed then.
    pub(super) fn keep(mut self) -> io::Result<(PathBuf, u64)> {
        self.file.sync_all()?;
        for number in 1..=SAME_NAME_MAX {
            let again = match number {
                1 => String::new(),
                number => format!("-{number}"),
            };
            let place = self.dir.join(format!("{}{again}{ARCHIVE_END}", self.name));
            match self.put(&place) {
                Ok(()) => {
                    self.hidden = None;
                    return Ok((place, self.bytes));
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn put(&self, place: &Path) -> rustix::io::Result<()> {
        let Some(hidden) = &self.hidden else {
            let open = format!("{OPEN_FILES}/{}", self.file.as_raw_fd());
            return rustix::fs::linkat(CWD, open, CWD, place, AtFlags::SYMLINK_FOLLOW);
        };
        match rustix::fs::renameat_with(CWD, hidden, CWD, place, RenameFlags::NOREPLACE) {
            // NFS cannot promise that nothing is replaced; a second name for the file can.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => linked(hidden, place),
            renamed => renamed,
        }
    }
}

/// Gives the file `hidden` the name `place` instead, if nothing has it.
fn linked(hidden: &Path, place: &Path) -> rustix::io::Result<()> {
    rustix::fs::linkat(CWD, hidden, CWD, place, AtFlags::empty())?;
    // A second name is only in the way of people.
    let _ = rustix::fs::unlink(hidden);
    Ok(())
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            // What cannot be removed is only in the way of people.
            let _ = std::fs::remove_file(hidden);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Rule: M30
    #[test]
    fn an_archive_has_its_name_when_it_is_whole_and_replaces_nothing() {
        type Begin = fn(&Path, &str) -> io::Result<Part>;
        for begin in [Part::new as Begin, Part::hidden] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("sv1-log.tar.gz"), "older").unwrap();
            let mut part = begin(dir.path(), "sv1").unwrap();
            part.write_all(b"half").unwrap();
            let visible = |name: &String| !name.starts_with('.');
            assert_eq!(names(dir.path()).into_iter().filter(visible).count(), 1);
            let (place, bytes) = part.keep().unwrap();
            assert_eq!((fs::read(&place).unwrap(), bytes), (b"half".to_vec(), 4));
            let mode = fs::metadata(&place).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(names(dir.path()), ["sv1-2-log.tar.gz", "sv1-log.tar.gz"]);
            assert_eq!(
                fs::read(dir.path().join("sv1-log.tar.gz")).unwrap(),
                b"older"
            );
            let mut part = begin(dir.path(), "sv2").unwrap();
            part.write_all(b"half").unwrap();
            drop(part);
            assert_eq!(names(dir.path()).len(), 2);
        }
    }

    /// Story: into a directory on NFS all was collected, and then thrown away with "Invalid argument".
    ///
    /// Rule: M30
    #[test]
    fn where_a_rename_may_replace_a_link_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let [hidden, place] = [".part", "place"].map(|name| dir.path().join(name));
        fs::write(&hidden, "new").unwrap();
        fs::write(&place, "older").unwrap();
        assert_eq!(linked(&hidden, &place), Err(Errno::EXIST));
        fs::remove_file(&place).unwrap();
        linked(&hidden, &place).unwrap();
        assert_eq!(names(dir.path()), ["place"]);
    }
}
