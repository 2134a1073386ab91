//! The log's two files (rule M33): `noroshi.log.cur`, and the one before it.
//!
//! *Use.* [`LogFile::write_line`]. *Failure.* The line is lost, and the next one tries again. What a full
//! disk took of it is taken back, so every line in the file is a whole one. A file that somebody
//! moved away or removed is made anew with the next line, also in a directory put in the place of another.

use crate::clock;
use jiff::tz::TimeZone;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
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
    /// The file that is written, and the one before it.
    names: [&'static str; 2],
    zone: TimeZone,
    open: Option<Open>,
    bytes_max: u64,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    /// Device and number, by which it is known again.
    id: (u64, u64),
}

impl LogFile {
    /// A log in `dir`, with times in `zone`. Nothing is opened yet.
    pub fn new(dir: &Path, zone: TimeZone) -> LogFile {
        LogFile::named([CURRENT, PREVIOUS], dir, zone)
    }

    /// As [`LogFile::new`], with other names of the file and the one before it.
    pub(super) fn named(names: [&'static str; 2], dir: &Path, zone: TimeZone) -> LogFile {
        LogFile {
            dir: dir.to_owned(),
            names,
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
        let [current, previous] = self.names.map(|name| self.dir.join(name));
        let open = match self.open.take() {
            Some(open) if open.is_at(&current) => open,
            _ => Open::append_to(&current)?,
        };
        let full = open.bytes > 0 && open.bytes + bytes > self.bytes_max;
        let open = if full {
            drop(open);
            std::fs::rename(&current, previous)?;
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
            .read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .open(path)?;
        let about = file.metadata()?;
        let mut open = Open {
            file,
            bytes: about.len(),
            id: (about.dev(), about.ino()),
        };
        // A daemon that was killed, or a machine that lost power, may have left half a line.
        let mut last = [b'\n'];
        if open.bytes > 0 {
            open.file.read_exact_at(&mut last, open.bytes - 1)?;
        }
        if last != [b'\n'] {
            open.write("\n")?;
        }
        Ok(open)
    }

    /// Whether `path` still names this file.
    fn is_at(&self, path: &Path) -> bool {
        let there = path.metadata();
        there.is_ok_and(|there| (there.dev(), there.ino()) == self.id)
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            // If that fails too, the next one to open the file ends the half line.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += line.len() as u64;
        Ok(())
    }
}

/// `text` on one line, with what could steer a terminal or reorder the line made visible.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let steers = c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
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

    /// Story: after `mv noroshi.log.cur`, or a directory put in the place of another, lines went on into
    /// a file that nobody could find.
    ///
    /// Rule: M33
    #[test]
    fn a_file_or_directory_that_is_replaced_is_written_at_its_place() {
        let (dir, mut log) = log();
        log.write_line("first").unwrap();
        let current = dir.path().join(CURRENT);
        std::fs::rename(&current, dir.path().join("saved")).unwrap();
        log.write_line("second").unwrap();
        assert!(read(&dir, "saved").ends_with(" first\n"));
        assert!(read(&dir, CURRENT).ends_with(" second\n"));
        std::fs::remove_file(&current).unwrap();
        log.write_line("third").unwrap();
        assert!(read(&dir, CURRENT).ends_with(" third\n"));
        let here = tempfile::tempdir().unwrap();
        let place = here.path().join("log");
        std::fs::create_dir(&place).unwrap();
        log.dir = place.clone();
        log.write_line("in the old one").unwrap();
        std::fs::rename(&place, here.path().join("old")).unwrap();
        std::fs::create_dir(&place).unwrap();
        log.write_line("in the new one").unwrap();
        let text = std::fs::read_to_string(place.join(CURRENT)).unwrap();
        assert!(text.ends_with(" in the new one\n"), "{text}");
    }

    /// Rule: M33
    #[test]
    fn half_a_line_of_a_killed_daemon_does_not_run_into_the_next() {
        let (dir, mut log) = log();
        std::fs::write(dir.path().join(CURRENT), "2026-11-22 03:04 half a l").unwrap();
        log.write_line("whole").unwrap();
        let text = read(&dir, CURRENT);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "2026-11-22 03:04 half a l");
        assert!(lines.len() == 2 && lines[1].ends_with(" whole"), "{text}");
    }

    /// A child whose files may not grow past a bound stands for a disk that is full.
    ///
    /// Rule: M33
    #[test]
    fn a_full_disk_leaves_whole_lines_only_and_the_log_goes_on_in_its_bound() {
        const DIR: &str = "NOROSHI_TEST_FULL_DISK";
        if let Ok(dir) = std::env::var(DIR) {
            let mut log = LogFile::new(Path::new(&dir), TimeZone::UTC);
            let mut refused = 0;
            for number in 0..100 {
                refused += u32::from(log.write_line(&format!("line {number:>40}")).is_err());
            }
            assert!(refused > 50, "{refused}");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let name = "log::file::tests::a_full_disk_leaves_whole_lines_only_and_the_log_goes_on_in_its_bound";
        // Ignored, the signal at the bound becomes an error of the write, as ENOSPC is one.
        let script = "trap '' XFSZ; ulimit -f 2; exec \"$0\" --exact \"$1\"";
        let ended = std::process::Command::new("bash")
            .args(["-c", script])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(DIR, dir.path())
            .stdout(std::process::Stdio::null())
            .status();
        assert!(ended.unwrap().success());
        let text = read(&dir, CURRENT);
        assert!(text.len() <= 2_048 && text.ends_with('\n'), "{text}");
        for line in text.lines() {
            assert!(
                line.starts_with("20") && line.contains(" +00:00 line "),
                "{line}"
            );
        }
        LogFile::new(dir.path(), TimeZone::UTC)
            .write_line("after it")
            .unwrap();
        assert!(read(&dir, CURRENT).ends_with(" after it\n"));
    }
}
