//! How much each part of the service writes into the log (rules M30 M33).
//!
//! *Use.* [`takes`] before a line is made, so that one that is not wanted costs a look at one byte;
//! [`take`] puts levels in force at once. They are kept in a small file of one line a part
//! ([`Levels::write`]), which is read at the start.
//!
//! *Failure.* What is not understood in the file is told with its line; all else in it holds.

use crate::home::beside::beside;
use noroshi_core::text::Language;
use rustix::fs::CWD;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

/// First line of the file.
const HEAD: &str = "noroshi log levels 1";
/// Most bytes of the file that are read; a whole one has some 120.
const FILE_BYTES_MAX: u64 = 4_096;
/// The levels that there are, as the real product counts them: the greater, the more is written.
/// From 8 on nothing more comes.
pub const VALUES: [u8; 6] = [1, 2, 4, 8, 16, 32];
/// What holds without a word.
pub const DEFAULT: u8 = 4;

static TAKEN: [AtomicU8; PARTS.len()] = [const { AtomicU8::new(DEFAULT) }; PARTS.len()];

/// A part of the service, named after its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Heartbeats, links and probes between the servers.
    Engine,
    /// The alert store.
    Store,
    /// Mail.
    Mail,
    /// Warning lights.
    Lamp,
    /// Syslog.
    Syslog,
    /// Requests of commands, collection of logs.
    Control,
    /// Settings.
    Reload,
}

/// All parts, in the order in which they are shown.
pub const PARTS: [Part; 7] = [
    Part::Engine,
    Part::Store,
    Part::Mail,
    Part::Lamp,
    Part::Syslog,
    Part::Control,
    Part::Reload,
];

impl Part {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Engine => "engine",
            Part::Store => "store",
            Part::Mail => "mail",
            Part::Lamp => "lamp",
            Part::Syslog => "syslog",
            Part::Control => "control",
            Part::Reload => "reload",
        }
    }

    /// The part of this name.
    pub fn named(name: &str) -> Option<Part> {
        PARTS.into_iter().find(|part| part.name() == name)
    }
}

/// How much a line matters; one is written when its part's level is at least that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something was lost or not done.
    Error = 1,
    /// Something is done later, or in another way.
    Warning = 2,
    /// What a reader should know.
    Info = 4,
    /// What worked, too.
    Detail = 8,
}

/// The levels of all parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels([u8; PARTS.len()]);

impl Default for Levels {
    fn default() -> Levels {
        Levels([DEFAULT; PARTS.len()])
    }
}

impl Levels {
    /// A part's level.
    pub fn of(&self, part: Part) -> u8 {
        self.0[part as usize]
    }

    /// Changes a part's level; false when there is no such one.
    pub fn set(&mut self, part: Part, level: u8) -> bool {
        let known = VALUES.contains(&level);
        if known {
            self.0[part as usize] = level;
        }
        known
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let lines = PARTS.map(|part| format!("{} {}\n", part.name(), self.of(part)));
        format!("{HEAD}\n{}", lines.concat())
    }

    /// The levels of a file's text, and what in it is not understood.
    pub fn parse(text: &str, language: Language) -> (Levels, Vec<String>) {
        let mut levels = Levels::default();
        let mut faults = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let head = number == 0 && line == HEAD;
            if head || line.is_empty() || line.starts_with('#') {
                continue;
            }
            let taken = line.split_once(' ').is_some_and(|(name, level)| {
                let level = level.trim().parse().ok();
                Part::named(name)
                    .zip(level)
                    .is_some_and(|(part, level)| levels.set(part, level))
            });
            if !taken {
                let number = number + 1;
                faults.push(language.pick(
                    format!("line {number}: {line:?} is no part with a level; set it with clplogcf"),
                    format!("{number} 行目: {line:?} は部位とレベルではありません。clplogcf で設定してください"),
                ));
            }
        }
        (levels, faults)
    }

    /// Reads the file; without one all levels are the default.
    ///
    /// # Errors
    /// When it is there and cannot be read, or is no text.
    pub fn read(path: &Path, language: Language) -> io::Result<(Levels, Vec<String>)> {
        let mut text = String::new();
        match File::open(path) {
            Ok(file) => file.take(FILE_BYTES_MAX).read_to_string(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Levels::parse(&text, language))
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written; the former one, if any, is untouched then.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let new = beside(path);
        let written = (|| {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o644)
                .open(&new)?;
            file.write_all(self.text().as_bytes())?;
            file.sync_all()?;
            rustix::fs::renameat(CWD, &new, CWD, path)?;
            File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
        })();
        if written.is_err() {
            // Nothing more can be done about a leftover than to try.
            let _ = std::fs::remove_file(&new);
        }
        written
    }
}

/// Puts levels in force.
pub fn take(levels: &Levels) {
    for (taken, level) in TAKEN.iter().zip(levels.0) {
        taken.store(level, Ordering::Relaxed);
    }
}

/// The levels in force.
pub fn taken() -> Levels {
    Levels(std::array::from_fn(|at| TAKEN[at].load(Ordering::Relaxed)))
}

/// Whether a line of `part` that matters so much is wanted.
pub fn takes(part: Part, level: Level) -> bool {
    TAKEN[part as usize].load(Ordering::Relaxed) >= level as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: M30 M33
    #[test]
    fn levels_come_back_from_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.levels");
        let read = || Levels::read(&path, Language::En).unwrap();
        assert_eq!(read(), (Levels::default(), vec![]));
        let mut levels = Levels::default();
        assert!(levels.set(Part::Mail, 8) && levels.set(Part::Engine, 1));
        assert!(!levels.set(Part::Mail, 3));
        levels.write(&path).unwrap();
        levels.write(&path).unwrap();
        assert_eq!(read(), (levels, vec![]));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(levels.write(&dir.path().join("away/x")).is_err());
    }

    /// Rule: M30
    #[test]
    fn a_faulty_line_is_told_and_the_others_hold() {
        let text = "noroshi log levels 1\nmail 8\nmial 8\nlamp 3\nstore\n\n# me\nsyslog 1\n";
        let (levels, faults) = Levels::parse(text, Language::En);
        assert_eq!((levels.of(Part::Mail), levels.of(Part::Syslog)), (8, 1));
        assert_eq!(levels.of(Part::Lamp), DEFAULT);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with("line 3: \"mial 8\""), "{faults:?}");
    }
}
