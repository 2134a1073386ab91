//! The daemon's own log (rules M5 M33): one line an event, to standard error and to a file.
//!
//! *Use.* [`line`] from anywhere, [`line_of`] for what a part of the service says, as far as its level
//! takes it ([`levels`]); neither ever waits. [`keep`] once the home is known, [`finish`] before
//! the process ends.
//!
//! *Failure.* Each sink has a thread and a bounded queue of its own: a reader of standard error that
//! stands still, or a disk that does, holds up that thread and nothing else. Lines that find no room
//! are lost, and how many is said before the next one that gets through. A file that cannot be
//! written is said once on standard error and tried again with each line. Nothing is synced: the log
//! explains what the alert store has kept, and does not replace it. Nobody may hand over a secret: no
//! text of a core value, finding or error of this crate holds one.

pub mod audit;
mod file;
pub mod levels;
mod queue;

pub use file::{CURRENT, LOG_BYTES_MAX, LogFile, PREVIOUS, escaped};
pub use levels::{Level, Part};
pub use queue::LOG_LINES_MAX;

use jiff::tz::TimeZone;
use noroshi_core::text::Language;
use queue::Queue;
use std::io::{Write, stderr};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Lines that a detached daemon writes to standard error, which is then a file without a bound.
const DETACHED_LINES_MAX: u32 = 200;
/// How long an ending process waits for the last lines of each sink.
const FINISH_WAIT: Duration = Duration::from_millis(300);

static STDERR: OnceLock<Queue> = OnceLock::new();
static FILE: OnceLock<Queue> = OnceLock::new();
static JAPANESE: AtomicBool = AtomicBool::new(false);
static DETACHED: AtomicBool = AtomicBool::new(false);
static SAID: AtomicU32 = AtomicU32::new(0);

/// Writes a line to standard error, and to the file if one is kept. Never waits, never fails.
pub fn line(text: impl Into<String>) {
    let text = text.into();
    keep_line(text.clone());
    say(text);
}

/// As [`line`], if the part's level takes it.
pub fn line_of(part: Part, level: Level, text: impl Into<String>) {
    if levels::takes(part, level) {
        line(text);
    }
}

/// Writes a line to the file, if one is kept, and says nothing.
pub fn keep_line(text: impl Into<String>) {
    if let Some(file) = FILE.get() {
        file.line(text.into());
    }
}

/// Keeps all further lines in `dir` too, with times in `zone`; a process has one log.
pub fn keep(dir: &Path, zone: TimeZone) {
    let mut log = LogFile::new(dir, zone);
    let dir = dir.display().to_string();
    let mut trouble = false;
    FILE.get_or_init(|| {
        Queue::start("log file", move |line: &str| {
            let written = log.write_line(line);
            if let Err(error) = &written
                && !std::mem::replace(&mut trouble, true)
            {
                say(language().pick(
                    format!("cannot write the log in {dir}: {error}"),
                    format!("{dir} にログを書き込めません: {error}"),
                ));
            }
            trouble &= written.is_err();
            written
        })
    });
}

/// Standard error is a file that nobody rotates: only the first lines go there.
pub fn detached() {
    DETACHED.store(true, Ordering::Relaxed);
}

/// Sets the language of what the daemon says where no settings are at hand.
pub fn speak(language: Language) {
    JAPANESE.store(language == Language::Ja, Ordering::Relaxed);
}

/// The language that was last [spoken](speak); English before.
pub fn language() -> Language {
    match JAPANESE.load(Ordering::Relaxed) {
        true => Language::Ja,
        false => Language::En,
    }
}

/// Waits a moment until all lines so far are written; called at the end of the process.
pub fn finish() {
    for sink in [&FILE, &STDERR] {
        if let Some(queue) = sink.get() {
            queue.flush(FINISH_WAIT);
        }
    }
}

fn say(text: String) {
    let too_many = SAID.fetch_add(1, Ordering::Relaxed) >= DETACHED_LINES_MAX;
    if too_many && DETACHED.load(Ordering::Relaxed) {
        return;
    }
    let to_stderr = |line: &str| {
        let line = format!("noroshi: {}\n", escaped(line));
        let mut stderr = stderr().lock();
        stderr.write_all(line.as_bytes())
    };
    STDERR
        .get_or_init(|| Queue::start("log", to_stderr))
        .line(text);
}
