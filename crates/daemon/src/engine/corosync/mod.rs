//! The Corosync engine: membership from the Corosync of this host, in place of heartbeats and probes.
//!
//! ```text
//! thread: all calls of the libraries ──► teller (a task): what they mean ──► Event::Ring, Event::Heard
//!    ▲                                        │
//!    └────────── frames to be said ◄──────────┴── beat
//! ```
//!
//! *Use.* [`Corosync::start`] when the settings say so: then, and not before, libraries are loaded and the
//! thread begins. [`Corosync::beat`] says in the group which run this is and what it does: at once when that
//! is news, else every second or less often ([`speaker`]). [`Corosync::stop`] leaves the group.
//!
//! *Failure.* Calls of these libraries wait for as long as Corosync hangs, so only the thread makes any. When
//! it has not come round for [`HANG_MIN`] this server is blind, and says so; a stop leaves it behind after its
//! deadline. A Corosync that ends is connected to anew, every [`thread::RETRY_MAX`] at the latest.

mod nodes;
mod speaker;
mod teller;
mod thread;
mod view;

use super::Wires;
use crate::log;
use noroshi_core::config::ServerId;
use noroshi_core::event::Phase;
use noroshi_core::membership::ring::Blindness;
use noroshi_core::time::{Moment, Span};
use noroshi_corosync::{Link, Node, Notice};
use speaker::Speaker;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

/// The thread asks Corosync something every half second; without an answer for this long it hangs.
const HANG_MIN: Span = Span::from_secs(3);
/// Frames that wait for the thread; further ones are lost, as they would be with a ring that is down.
const FRAMES_MAX: usize = 256;
/// What the thread has told and the task has not taken; the thread waits for room.
const TOLD_MAX: usize = 64;
/// The group that all alert services of a cluster join.
const GROUP: &str = "noroshi";

/// The engine at work. Dropping it ends it without a word in the group.
pub(super) struct Corosync {
    shared: Arc<Shared>,
    frames: SyncSender<Vec<u8>>,
    wake: UnixStream,
    ended: Option<oneshot::Receiver<()>>,
    teller: JoinHandle<()>,
}

/// What thread, task and engine share.
#[derive(Default)]
struct Shared {
    /// When the thread last came round, in microseconds of the monotonic clock.
    round_us: AtomicU64,
    stop: AtomicBool,
    /// It was told that Corosync hangs.
    hangs: AtomicBool,
    /// The task is to look whether it still does.
    look: Notify,
    speaker: Mutex<Speaker>,
}

/// What the thread tells the task.
enum Told {
    /// A connection stands: this node's number and Corosync's configuration.
    Connected {
        own: u32,
        nodes: Vec<Node>,
        detects_in: Duration,
    },
    /// What Corosync says.
    Notices(Vec<Notice>),
    /// The links have changed.
    Links(Vec<Link>),
    /// The ring takes another time to miss a node.
    DetectsIn(Duration),
    /// Corosync's nodes have changed.
    Nodes(Vec<Node>),
    /// There is no connection (any more): why, and more about it for the log.
    Lost(Blindness, String),
}

impl Shared {
    fn speaker(&self) -> MutexGuard<'_, Speaker> {
        self.speaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn round(&self, now: Moment) {
        self.round_us.store(now.0, Ordering::Relaxed);
    }

    /// Whether Corosync hangs and that is news.
    fn hangs_anew(&self, now: Moment) -> bool {
        let silence = now.since(Moment(self.round_us.load(Ordering::Relaxed)));
        let hangs = silence >= HANG_MIN;
        let before = self.hangs.swap(hangs, Ordering::Relaxed);
        if before && !hangs {
            self.look.notify_one();
        }
        hangs && !before
    }
}

impl Corosync {
    /// Begins to load, connect and tell. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When the system gives no thread or socket pair.
    pub(super) fn start(wires: Weak<Wires>, now: Moment) -> io::Result<Corosync> {
        let shared = Arc::new(Shared::default());
        shared.round(now);
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (frames, said) = std::sync::mpsc::sync_channel(FRAMES_MAX);
        let (tell, told) = mpsc::channel(TOLD_MAX);
        let (done, ended) = oneshot::channel();
        let thread = thread::Thread {
            shared: Arc::clone(&shared),
            woken,
            said,
            tell,
        };
        std::thread::Builder::new()
            .name("corosync".into())
            .spawn(move || {
                thread.run();
                // Nobody waits for it when the settings have changed.
                let _ = done.send(());
            })?;
        let teller = tokio::spawn(teller::run(wires, Arc::clone(&shared), told));
        Ok(Corosync {
            shared,
            frames,
            wake,
            ended: Some(ended),
            teller,
        })
    }

    /// To whom something is to be said now: this server speaks in this phase. Answers also whether
    /// Corosync has just been found to hang.
    pub(super) fn beat(
        &self,
        now: Moment,
        phase: Phase,
        servers: usize,
    ) -> (Vec<ServerId>, Option<Blindness>) {
        let hangs = self.shared.hangs_anew(now);
        let whom = self.shared.speaker().due(now, phase, servers);
        (whom, hangs.then_some(Blindness::Hangs))
    }

    /// That Corosync hangs could not be told: it is news at the next beat.
    pub(super) fn hang_is_untold(&self) {
        self.shared.hangs.store(false, Ordering::Relaxed);
    }

    /// Says a frame in the group.
    pub(super) fn say(&self, frame: Vec<u8>) {
        if let Err(TrySendError::Full(_)) = self.frames.try_send(frame) {
            // The thread waits for Corosync; by then it would be old.
            return;
        }
        // A full pipe wakes as well.
        let _ = (&self.wake).write(&[0]);
    }

    /// Says what is still to be said and leaves the group, within `deadline`; a thread that waits for a
    /// Corosync that hangs is left behind.
    pub(super) async fn stop(mut self, deadline: Duration) {
        let ended = self.ended.take();
        self.end();
        if let Some(ended) = ended {
            let _ = tokio::time::timeout(deadline, ended).await;
        }
    }

    fn end(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = (&self.wake).write(&[0]);
    }
}

impl Drop for Corosync {
    fn drop(&mut self) {
        self.end();
        self.teller.abort();
    }
}

fn note(level: log::Level, line: String) {
    log::line_of(log::Part::Engine, level, line);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N3
    #[tokio::test]
    async fn a_hang_is_told_once_or_again_until_there_is_room_for_it() {
        let shared = Shared::default();
        let at = |ms| Moment(0) + Span::from_ms(ms);
        shared.round(at(100));
        let found = [3_000, 3_100, 3_200].map(|ms| shared.hangs_anew(at(ms)));
        assert_eq!(found, [false, true, false]);
        shared.hangs.store(false, Ordering::Relaxed);
        assert!(shared.hangs_anew(at(3_300)));
        tokio::select! {
            biased;
            () = shared.look.notified() => panic!("it still hangs"),
            () = std::future::ready(()) => {}
        }
        shared.round(at(3_400));
        assert!(!shared.hangs_anew(at(3_400)));
        shared.look.notified().await;
    }
}
