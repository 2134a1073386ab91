//! The one thread that calls Corosync's libraries, and waits for as long as they do.
//!
//! It understands nothing: what it is told goes to the task ([`super::teller`]), which has the settings. Its
//! round takes [`ROUND`] at most while Corosync answers, and it asks a question every half second, since a
//! Corosync that hangs does not show otherwise.
//!
//! *Failure.* Any error ends the connection; the next is tried after [`RETRY_MIN`], doubled up to
//! [`RETRY_MAX`]. Frames that find the ring busy wait, [`super::FRAMES_MAX`] of them; the oldest go first.

use super::{FRAMES_MAX, GROUP, Shared, Told};
use crate::clock;
use noroshi_core::membership::ring::Blindness;
use noroshi_corosync::{Error, Libraries, Link, Node, Notice, Ring};
use std::collections::VecDeque;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// One round at most, while Corosync answers.
const ROUND: Duration = Duration::from_millis(250);
/// How often links are looked at, and with it whether Corosync answers.
const ASK_EVERY: Duration = Duration::from_millis(500);
const RETRY_MIN: Duration = Duration::from_millis(100);
pub(super) const RETRY_MAX: Duration = Duration::from_secs(2);

pub(super) struct Thread {
    pub(super) shared: Arc<Shared>,
    pub(super) woken: UnixStream,
    pub(super) said: Receiver<Vec<u8>>,
    pub(super) tell: mpsc::Sender<Told>,
}

/// Nobody listens any more, or the engine stops.
struct Stop;

impl Thread {
    pub(super) fn run(mut self) {
        // Each way out is a stop.
        let _ = self.live();
    }

    fn live(&mut self) -> Result<(), Stop> {
        let mut wait = RETRY_MIN;
        // Loaded once: they are not made to be taken out of a process again and again.
        let mut loaded = None;
        loop {
            let libraries = loaded.take().map_or_else(Libraries::load, Ok);
            let (why, more) = match libraries {
                Ok(libraries) => {
                    let error = self.connected(&libraries, &mut wait)?;
                    loaded = Some(libraries);
                    (blindness(&error), error.to_string())
                }
                Err(why) => (Blindness::NoLibraries, why),
            };
            self.tell(Told::Lost(why, more))?;
            self.pause(wait)?;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    /// One connection, from its beginning to the error that ends it.
    fn connected(&mut self, libraries: &Libraries, wait: &mut Duration) -> Result<Error, Stop> {
        let begun = Ring::connect(libraries, GROUP).and_then(|ring| {
            let own = ring.own_node()?;
            Ok((own, ring.nodes()?, ring.detects_in()?, ring))
        });
        let (own, nodes, detects_in, ring) = match begun {
            Ok(begun) => begun,
            Err(error) => return Ok(error),
        };
        *wait = RETRY_MIN;
        // What was to be said to another group of listeners.
        while self.said.try_recv().is_ok() {}
        self.tell(Told::Connected {
            own,
            nodes: nodes.clone(),
            detects_in,
        })?;
        let mut asked = Asked {
            at: None,
            detects_in,
            nodes,
            links: Vec::new(),
        };
        let mut frames = VecDeque::new();
        loop {
            match self.round(&ring, &mut asked, &mut frames) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Ok(error),
                Err(Stop) => {
                    // Said what was to be said; the others see that it was meant.
                    let _ = ring.leave(GROUP);
                    return Err(Stop);
                }
            }
        }
    }

    fn round(
        &mut self,
        ring: &Ring,
        asked: &mut Asked,
        frames: &mut VecDeque<Vec<u8>>,
    ) -> Result<Result<(), Error>, Stop> {
        self.shared.round(clock::moment());
        // Before the frames: whoever asks for a stop has queued the last of them.
        let stops = self.shared.stop.load(Ordering::Relaxed);
        frames.extend(self.said.try_iter());
        while frames.len() > FRAMES_MAX {
            frames.pop_front();
        }
        while let Some(frame) = frames.front() {
            match ring.send(frame) {
                Ok(()) => drop(frames.pop_front()),
                Err(Error::Busy) => break,
                Err(error) => return Ok(Err(error)),
            }
        }
        if stops {
            return Err(Stop);
        }
        let mut notices = Vec::new();
        let result = ring.dispatch(&mut notices);
        let ring_changed = notices
            .iter()
            .any(|one| matches!(one, Notice::Nodes { .. }));
        if !notices.is_empty() {
            self.tell(Told::Notices(notices))?;
        }
        match result.and_then(|()| ask(ring, asked, ring_changed)) {
            Ok(Some(told)) => self.tell(told)?,
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
        ring.wait(self.woken.as_fd(), ROUND);
        self.drain();
        Ok(Ok(()))
    }

    /// Waits for the next attempt, in rounds, unless the engine stops.
    fn pause(&mut self, wait: Duration) -> Result<(), Stop> {
        let until = clock::thread_instant() + wait;
        loop {
            self.shared.round(clock::moment());
            if self.shared.stop.load(Ordering::Relaxed) || self.tell.is_closed() {
                return Err(Stop);
            }
            // Nobody is there to hear it.
            while self.said.try_recv().is_ok() {}
            let left = until.saturating_duration_since(clock::thread_instant());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(ROUND));
            self.drain();
        }
    }

    fn drain(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.woken.read(&mut bytes), Ok(read) if read == bytes.len()) {}
    }

    /// Waits for room: what is told is a whole, and nothing of it may be lost.
    fn tell(&self, told: Told) -> Result<(), Stop> {
        self.tell.blocking_send(told).map_err(|_| Stop)
    }
}

/// What was asked last, and what was answered.
struct Asked {
    at: Option<Instant>,
    detects_in: Duration,
    nodes: Vec<Node>,
    links: Vec<Link>,
}

/// Asks how the links are, how long the ring takes, and after a change of it who the nodes are: one piece of news
/// at a time.
fn ask(ring: &Ring, asked: &mut Asked, ring_changed: bool) -> Result<Option<Told>, Error> {
    let now = clock::thread_instant();
    if ring_changed {
        let nodes = ring.nodes()?;
        if nodes != asked.nodes {
            asked.nodes.clone_from(&nodes);
            return Ok(Some(Told::Nodes(nodes)));
        }
    }
    if asked
        .at
        .is_some_and(|at| now.duration_since(at) < ASK_EVERY)
    {
        return Ok(None);
    }
    asked.at = Some(now);
    let detects_in = ring.detects_in()?;
    if detects_in != asked.detects_in {
        asked.detects_in = detects_in;
        return Ok(Some(Told::DetectsIn(detects_in)));
    }
    let links = ring.links(&asked.nodes)?;
    if links == asked.links {
        return Ok(None);
    }
    asked.links.clone_from(&links);
    Ok(Some(Told::Links(links)))
}

fn blindness(error: &Error) -> Blindness {
    match error {
        Error::NotRunning => Blindness::NotRunning,
        Error::Refused => Blindness::Refused,
        Error::Busy | Error::Faulty | Error::Code { .. } => Blindness::Failing,
    }
}
