//! Lines on their way to one sink, written by a thread of its own.

use super::file::LINE_BYTES_MAX;
use noroshi_core::text::Language;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

/// Most lines that wait for one sink, more than a clp.conf may have warnings; one more is lost and
/// counted.
pub const LOG_LINES_MAX: usize = 512;
/// Stack of the thread in bytes.
const STACK_BYTES: usize = 128 << 10;

pub(super) struct Queue {
    /// Without a bound of its own, as one with a bound holds the memory for all its places from the
    /// start: `waiting` bounds it.
    orders: Sender<Order>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

enum Order {
    Line(String),
    /// Dropping it says that all before it is written.
    Flush(SyncSender<()>),
}

impl Queue {
    /// Starts the thread `name` that gives each line to `sink`. Without a thread (the system refuses
    /// one) every line is lost.
    pub(super) fn start(
        name: &str,
        sink: impl FnMut(&str) -> io::Result<()> + Send + 'static,
    ) -> Queue {
        #[expect(clippy::disallowed_methods, reason = "`waiting` is its bound")]
        let (orders, given) = channel();
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name(name.into())
            .stack_size(STACK_BYTES);
        drop(thread.spawn(move || write_all(&writer, &given, sink)));
        Queue { orders, shared }
    }

    /// Hands over a line. Never waits.
    pub(super) fn line(&self, mut text: String) {
        text.truncate(text.floor_char_boundary(LINE_BYTES_MAX));
        text.shrink_to_fit();
        if !self.give(Order::Line(text)) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all lines so far are written, at most for `wait`.
    pub(super) fn flush(&self, wait: Duration) {
        let (written, all) = sync_channel(0);
        // A full queue is one that nobody empties.
        if self.give(Order::Flush(written)) {
            let _ = all.recv_timeout(wait);
        }
    }

    /// Whether there was a place for it, and somebody to take it.
    fn give(&self, order: Order) -> bool {
        let waiting = &self.shared.waiting;
        if waiting.fetch_add(1, Ordering::Relaxed) >= LOG_LINES_MAX {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.orders.send(order).is_ok()
    }
}

fn write_all(
    shared: &Shared,
    orders: &Receiver<Order>,
    mut sink: impl FnMut(&str) -> io::Result<()>,
) {
    let lost = &shared.lost;
    for order in orders {
        shared.waiting.fetch_sub(1, Ordering::Relaxed);
        let text = match order {
            Order::Line(text) => text,
            Order::Flush(written) => {
                drop(written);
                continue;
            }
        };
        let missing = lost.swap(0, Ordering::Relaxed);
        let mut written = Ok(());
        if missing > 0 {
            written = sink(&lost_text(missing, super::language()));
        }
        if written.is_err() {
            lost.fetch_add(missing + 1, Ordering::Relaxed);
        } else if sink(&text).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn lost_text(lost: u64, language: Language) -> String {
    language.pick(
        format!("{lost} lines of this log were lost: it was not read or written in time"),
        format!("ログの読み出しまたは書き込みが滞ったため {lost} 行が失われました"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read, Write};

    /// A patience far beyond what a busy machine needs.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn into(mut to: impl Write + Send + 'static) -> Queue {
        Queue::start("log", move |line| {
            to.write_all(format!("{line}\n").as_bytes())
        })
    }

    /// Rule: N4
    #[test]
    fn a_pipe_that_nobody_reads_costs_lines_and_they_are_counted() {
        let (read, write) = io::pipe().unwrap();
        let log = into(write);
        let big = "x".repeat(2 * LINE_BYTES_MAX);
        // A pipe holds 64 KiB, the queue 512 lines: of these most are lost, and nobody waits.
        let all = 4 * LOG_LINES_MAX as u64;
        for _ in 0..all {
            log.line(big.clone());
        }
        let mut lines = BufReader::new(read).lines();
        let (mut written, mut counted) = (0, 0);
        while written + counted < all {
            let line = lines.next().unwrap().unwrap();
            match line.split_once(" lines of this log were lost") {
                Some((number, _)) => counted += number.parse::<u64>().unwrap(),
                None => {
                    assert_eq!(line.len(), LINE_BYTES_MAX);
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
        let log = into(write);
        log.line("nobody".into());
        log.line("there".into());
        log.flush(PATIENCE);
        assert_eq!(log.shared.lost.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn an_end_waits_for_the_last_lines() {
        let (mut read, write) = io::pipe().unwrap();
        let log = into(write);
        log.line("last words".into());
        log.flush(PATIENCE);
        drop(log);
        let mut all = String::new();
        read.read_to_string(&mut all).unwrap();
        assert_eq!(all, "last words\n");
    }
}
