//! The log's two files (rule M33): `noroshi.log.cur`, and the one before it.
//!
//! *Use.* [`LogFile::write_line`]. *Failure.* The line is lost, and the next one tries again.

use crate::clock;
use jiff::tz::TimeZone;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file that is written.
pub const CURRENT: &str = "noroshi.log.cur";
/// The file before it; the one before that is gone.
pub const PREVIOUS: &str = "noroshi.log.pre";
/// Bytes of one file; the line that would exceed it begins the next. Both together hold twice that.
pub const LOG_BYTES_MAX: u64 = 1 << 20;
/// Bytes of one line without its time; a longer one ends with `…`.
pub(super) const LINE_BYTES_MAX: usize = 4_096;

/// Writes lines into a directory, and begins a new file when one is full.
#[derive(Debug)]
pub struct LogFile {
    dir: PathBuf,
    zone: TimeZone,
    open: Option<Open>,
    bytes_max: u64,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

impl LogFile {
    /// A log in `dir`, with times in `zone`. Nothing is opened yet.
    pub fn new(dir: &Path, zone: TimeZone) -> LogFile {
        LogFile {
            dir: dir.to_owned(),
            zone,
            open: None,
            bytes_max: LOG_BYTES_MAX,
        }
    }

    /// Writes one line with the time before it: `2026-11-22 03:04:05.678 +09:00 text`. What could
    /// steer a terminal or break the line is escaped.
    ///
    /// # Errors
    /// When the file cannot be opened or written; the line is lost, and the next one tries again.
    pub fn write_line(&mut self, line: &str) -> io::Result<()> {
        let time = clock::timestamp().to_zoned(self.zone.clone());
        let time = time.strftime("%Y-%m-%d %H:%M:%S.%3f %:z");
        let line = format!("{time} {}\n", cut(escaped(line)));
        let written = self
            .room_for(line.len() as u64)
            .and_then(|open| open.write(&line));
        if written.is_err() {
            self.open = None;
        }
        written
    }

    /// The open file, with room for `bytes` more.
    fn room_for(&mut self, bytes: u64) -> io::Result<&mut Open> {
        let current = self.dir.join(CURRENT);
        let open = match self.open.take() {
            Some(open) => open,
            None => Open::append_to(&current)?,
        };
        let full = open.bytes > 0 && open.bytes + bytes > self.bytes_max;
        let open = if full {
            drop(open);
            std::fs::rename(&current, self.dir.join(PREVIOUS))?;
            Open::append_to(&current)?
        } else {
            open
        };
        Ok(self.open.insert(open))
    }
}

impl Open {
    fn append_to(path: &Path) -> io::Result<Open> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Open { file, bytes })
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        self.file.write_all(line.as_bytes())?;
        self.bytes += line.len() as u64;
        Ok(())
    }
}

/// `text` on one line, with what could steer a terminal or reorder the line made visible.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let steers = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if steers {
            // Writing to a string cannot fail.
            let _ = write!(safe, "{}", c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

fn cut(mut line: String) -> String {
    if line.len() > LINE_BYTES_MAX {
        line.truncate(line.floor_char_boundary(LINE_BYTES_MAX - '…'.len_utf8()));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (tempfile::TempDir, LogFile) {
        let dir = tempfile::tempdir().unwrap();
        let log = LogFile::new(dir.path(), TimeZone::posix("JST-9").unwrap());
        (dir, log)
    }

    fn read(dir: &tempfile::TempDir, name: &str) -> String {
        std::fs::read_to_string(dir.path().join(name)).unwrap()
    }

    /// Rule: M33
    #[test]
    fn a_line_has_its_time_with_the_zone_and_steers_nothing() {
        let (dir, mut log) = log();
        log.write_line("mail: 550 no\r\nsuch \u{1b}[2Juser")
            .unwrap();
        let text = read(&dir, CURRENT);
        let (time, line) = text.split_at("2026-11-22 03:04:05.678 +09:00".len());
        assert!(time.ends_with(" +09:00"), "{text}");
        assert_eq!(line, " mail: 550 no\\r\\nsuch \\u{1b}[2Juser\n");
    }

    /// Rule: M33
    #[test]
    fn two_files_of_bounded_size_are_kept() {
        let (dir, mut log) = log();
        log.bytes_max = 1_000;
        for number in 0..100 {
            log.write_line(&format!("line {number}")).unwrap();
        }
        let (current, previous) = (read(&dir, CURRENT), read(&dir, PREVIOUS));
        assert!(current.len() <= 1_000 && previous.len() <= 1_000);
        assert!(current.ends_with("line 99\n"), "{current}");
        let last = previous.lines().last().unwrap();
        let first = current.lines().next().unwrap();
        let number = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap();
        assert_eq!(number(last) + 1, number(first), "nothing is lost between");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    /// Rule: M33
    #[test]
    fn a_new_daemon_goes_on_in_the_file_and_a_line_is_never_too_long() {
        let (dir, mut first) = log();
        first.write_line("first").unwrap();
        let mut second = LogFile::new(dir.path(), TimeZone::UTC);
        second.write_line(&"狼".repeat(LINE_BYTES_MAX)).unwrap();
        let text = read(&dir, CURRENT);
        assert_eq!(text.lines().count(), 2);
        let line = text.lines().last().unwrap();
        assert!(line.ends_with('…') && line.len() <= LINE_BYTES_MAX + 31);
    }

    /// Rule: M33
    #[test]
    fn a_directory_that_comes_back_is_written_again() {
        let (dir, mut log) = log();
        let away = dir.path().join("away");
        log.dir = away.clone();
        log.write_line("lost").unwrap_err();
        std::fs::create_dir(&away).unwrap();
        log.write_line("kept").unwrap();
        let text = std::fs::read_to_string(away.join(CURRENT)).unwrap();
        assert!(text.ends_with(" kept\n") && text.lines().count() == 1);
    }
}
