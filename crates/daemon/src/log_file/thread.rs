//! The thread that writes the log: the runtime never waits for the disk that the log is on.

use super::{LogFile, escaped};
use jiff::tz::TimeZone;
use std::io::{Write, stderr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lines that wait for a slow disk; further ones are not kept, and their number is.
const LINES_MAX: usize = 128;
/// Lines that a detached daemon writes to standard error, which is then a file without a bound.
const DETACHED_LINES_MAX: u32 = 200;
/// Stack of the thread in bytes.
const STACK_BYTES: usize = 128 << 10;
/// How long an ending daemon waits for the last lines.
const FINISH_WAIT: Duration = Duration::from_millis(500);
const FINISH_PAUSE: Duration = Duration::from_millis(5);

static KEPT: Mutex<Option<Keeper>> = Mutex::new(None);
static DETACHED: AtomicBool = AtomicBool::new(false);
static SAID: AtomicU32 = AtomicU32::new(0);
static MISSED: AtomicU32 = AtomicU32::new(0);

struct Keeper {
    lines: SyncSender<String>,
    thread: JoinHandle<()>,
}

/// Says one line on standard error, and keeps it in the log file if there is one. Never fails.
pub fn tell(line: &str) {
    say(line);
    keep_line(line);
}

/// Keeps one line in the log file, if there is one, and says nothing. Never fails.
pub fn keep_line(line: &str) {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(keeper) = &*kept
        && keeper.lines.try_send(line.to_owned()).is_err()
    {
        MISSED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Keeps all further lines in `dir` too, with times in `zone`; a process has one log.
pub fn keep(dir: &Path, zone: TimeZone) {
    let log = LogFile::new(dir, zone);
    let dir = dir.display().to_string();
    let (lines, written) = sync_channel(LINES_MAX);
    let thread = std::thread::Builder::new()
        .name("log".into())
        .stack_size(STACK_BYTES)
        .spawn(move || write(log, &dir, &written));
    match thread {
        Ok(thread) => {
            let keeper = Keeper { lines, thread };
            *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        }
        Err(error) => say(&format!("no log is kept: {error}")),
    }
}

/// Standard error is a file that nobody rotates: only the first lines go there.
pub fn detached() {
    DETACHED.store(true, Ordering::Relaxed);
}

/// Waits a moment for the last lines; called at the end of the process.
pub fn finish() {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Keeper { lines, thread }) = kept else {
        return;
    };
    drop(lines);
    let mut left = FINISH_WAIT;
    while !thread.is_finished() && !left.is_zero() {
        std::thread::sleep(FINISH_PAUSE);
        left = left.saturating_sub(FINISH_PAUSE);
    }
}

fn say(line: &str) {
    if SAID.fetch_add(1, Ordering::Relaxed) >= DETACHED_LINES_MAX
        && DETACHED.load(Ordering::Relaxed)
    {
        return;
    }
    // A standard error that is closed is nobody's fault.
    let _ = writeln!(stderr(), "noroshi: {}", escaped(line));
}

fn write(mut log: LogFile, dir: &str, lines: &Receiver<String>) {
    let mut trouble = false;
    while let Ok(line) = lines.recv() {
        let missed = MISSED.swap(0, Ordering::Relaxed);
        let mut written = Ok(());
        if missed > 0 {
            written = log.write_line(&format!("{missed} lines are missing here"));
        }
        match written.and_then(|()| log.write_line(&line)) {
            Ok(()) => trouble = false,
            Err(error) if !trouble => {
                trouble = true;
                say(&format!("cannot write the log in {dir}: {error}"));
            }
            Err(_) => {}
        }
    }
}
