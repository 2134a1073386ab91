//! The daemon's own log: lines to standard error, written by a thread of their own.
//!
//! *Use.* [`line`] from anywhere; it never waits. [`flush`] before the process ends.
//!
//! *Failure.* A reader that stands still (a full pipe, a log service that is gone) holds up that
//! thread and nothing else. Beyond [`LOG_LINES_MAX`] waiting lines, and when writing fails, lines
//! are lost; how many is said before the next line that gets through.

use noroshi_core::text::Language;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Most lines that wait to be written, more than a clp.conf may have warnings; one more is lost and
/// counted.
pub const LOG_LINES_MAX: usize = 512;
/// Longest line in bytes; the rest of it is left out.
pub const LOG_LINE_BYTES_MAX: usize = 4_096;
/// How long an ending process waits for its last lines to be written.
pub const FLUSH_WAIT: Duration = Duration::from_millis(200);

static LOG: OnceLock<Log> = OnceLock::new();

/// Writes a line to the daemon's log. Never waits.
pub fn line(text: impl Into<String>) {
    log().line(text.into());
}

/// Sets the language of what the daemon says where no settings are at hand.
pub fn speak(language: Language) {
    let japanese = language == Language::Ja;
    log().shared.japanese.store(japanese, Ordering::Relaxed);
}

/// The language that was last [spoken](speak); English before.
pub fn language() -> Language {
    LOG.get().map_or(Language::En, |log| log.shared.language())
}

/// Waits until all lines so far are written, at most for [`FLUSH_WAIT`].
pub fn flush() {
    if let Some(log) = LOG.get() {
        log.flush(FLUSH_WAIT);
    }
}

fn log() -> &'static Log {
    LOG.get_or_init(|| Log::start(io::stderr()))
}

enum Order {
    Line(String),
    /// Dropping it says that all before it is written.
    Flush(SyncSender<()>),
}

struct Log {
    queue: SyncSender<Order>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    lost: AtomicU64,
    japanese: AtomicBool,
}

impl Shared {
    fn language(&self) -> Language {
        match self.japanese.load(Ordering::Relaxed) {
            true => Language::Ja,
            false => Language::En,
        }
    }
}

impl Log {
    /// Without a thread (the system refuses one) every line is lost.
    fn start(to: impl Write + Send + 'static) -> Log {
        let (queue, orders) = sync_channel(LOG_LINES_MAX);
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        let thread = thread::Builder::new().name("log".into());
        drop(thread.spawn(move || write_all(&writer, &orders, to)));
        Log { queue, shared }
    }

    fn line(&self, mut text: String) {
        text.truncate(text.floor_char_boundary(LOG_LINE_BYTES_MAX));
        text.shrink_to_fit();
        if self.queue.try_send(Order::Line(text)).is_err() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self, wait: Duration) {
        let (written, all) = sync_channel(0);
        // A full queue is one that nobody empties.
        if self.queue.try_send(Order::Flush(written)).is_ok() {
            let _ = all.recv_timeout(wait);
        }
    }
}

fn write_all(shared: &Shared, orders: &Receiver<Order>, mut to: impl Write) {
    for order in orders {
        let text = match order {
            Order::Line(text) => text,
            Order::Flush(written) => {
                drop(written);
                continue;
            }
        };
        let lost = shared.lost.swap(0, Ordering::Relaxed);
        let mut lines = String::new();
        if lost > 0 {
            lines = lost_text(lost, shared.language()) + "\n";
        }
        lines.push_str(&text);
        lines.push('\n');
        if to
            .write_all(lines.as_bytes())
            .and_then(|()| to.flush())
            .is_err()
        {
            shared.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

fn lost_text(lost: u64, language: Language) -> String {
    language.pick(
        format!("noroshi: {lost} lines of this log were lost: nobody read it in time"),
        format!("noroshi: ログの読み出しが滞ったため {lost} 行が失われました"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};

    /// A patience far beyond what a busy machine needs.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Rule: N4
    #[test]
    fn a_pipe_that_nobody_reads_costs_lines_and_they_are_counted() {
        let (read, write) = io::pipe().unwrap();
        let log = Log::start(write);
        let big = "x".repeat(2 * LOG_LINE_BYTES_MAX);
        // A pipe holds 64 KiB, the queue 256 lines: of these most are lost, and nobody waits.
        let all = 4 * LOG_LINES_MAX as u64;
        for _ in 0..all {
            log.line(big.clone());
        }
        let mut lines = BufReader::new(read).lines();
        let (mut written, mut counted) = (0, 0);
        while written + counted < all {
            let line = lines.next().unwrap().unwrap();
            match line.strip_prefix("noroshi: ") {
                Some(text) => counted += text.split(' ').next().unwrap().parse::<u64>().unwrap(),
                None => {
                    assert_eq!(line.len(), LOG_LINE_BYTES_MAX);
                    written += 1;
                }
            }
        }
        assert!(counted >= all - 2 * LOG_LINES_MAX as u64, "{counted}");
        log.line("after it".into());
        log.flush(PATIENCE);
        assert_eq!(lines.next().unwrap().unwrap(), "after it");
        assert_eq!(log.shared.lost.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_reader_that_is_gone_ends_nothing() {
        let (read, write) = io::pipe().unwrap();
        drop(read);
        let log = Log::start(write);
        log.line("nobody".into());
        log.line("there".into());
        log.flush(PATIENCE);
        assert_eq!(log.shared.lost.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn an_end_waits_for_the_last_lines() {
        let (mut read, write) = io::pipe().unwrap();
        let log = Log::start(write);
        log.line("last words".into());
        log.flush(PATIENCE);
        drop(log);
        let mut all = String::new();
        read.read_to_string(&mut all).unwrap();
        assert_eq!(all, "last words\n");
    }
}
