//! An archive on its way: a hidden file beside its place until it is whole.
//!
//! *Use.* [`Part::new`], write, [`Part::keep`]. *Failure.* Dropped before that, it is removed. Nothing
//! that is there is ever overwritten. Only the owner may read it.

use super::contents::ARCHIVE_END;
use rustix::fs::{CWD, RenameFlags};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Archives of one server and second.
const SAME_NAME_MAX: u32 = 100;

pub(super) struct Part {
    file: File,
    path: PathBuf,
    dir: PathBuf,
    name: String,
    bytes: u64,
    kept: bool,
}

impl Part {
    /// Begins the archive `NAME-log.tar.gz` in `dir`; `name` is a plain one.
    ///
    /// # Errors
    /// When it cannot be made there.
    pub(super) fn new(dir: &Path, name: &str) -> io::Result<Part> {
        let path = dir.join(format!(".{name}.{}.part", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Part {
            file,
            path,
            dir: dir.to_owned(),
            name: name.to_owned(),
            bytes: 0,
            kept: false,
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
            match rustix::fs::renameat_with(CWD, &self.path, CWD, &place, RenameFlags::NOREPLACE) {
                Ok(()) => {
                    self.kept = true;
                    return Ok((place, self.bytes));
                }
                Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
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
        if !self.kept {
            // What cannot be removed is only in the way of people.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
