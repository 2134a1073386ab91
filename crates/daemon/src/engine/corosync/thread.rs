//! The one thread that calls Corosync's libraries, and waits for as long as they do.
//!
//! It understands nothing: what it is told goes to the task ([`super::teller`]), which has the settings. Its
//! round takes [`ROUND`] at most while Corosync answers, and it asks a question every half second, since a
//! Corosync that hangs does not show otherwise.
//!
//! *Failure.* Any error ends the connection; the next is tried after [`RETRY_MIN`], doubled up to
//! [`RETRY_MAX`]. That Corosync is busy is none: it is asked again in the next round. Frames that find the ring
//! busy wait, [`super::FRAMES_MAX`] of them; the oldest go first. A stop waits for it for [`LEAVE_MAX`].

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
/// How long after a piece of news about ring or group nothing is asked.
const QUIET: Duration = Duration::from_millis(200);
/// How much later than it is due something is asked even so.
const QUIET_MAX: Duration = Duration::from_millis(500);
/// How long Corosync may answer that it is busy, which it does while the ring forms anew. After that it is taken for one
/// that does not work: the connection ends, and that nothing is seen is told.
const BUSY_MAX: Duration = Duration::from_secs(10);
const RETRY_MIN: Duration = Duration::from_millis(100);
pub(super) const RETRY_MAX: Duration = Duration::from_secs(2);
/// How long a stop tries to say its last words and to leave, while the ring forms anew: a little less than the stop
/// waits for this thread ([`crate::engine::STOP_DEADLINE`]).
const LEAVE_MAX: Duration = Duration::from_millis(450);
const LEAVE_EVERY: Duration = Duration::from_millis(10);

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
            due: clock::thread_instant(),
            quiet_from: None,
            ring_changed: false,
            busy_since: None,
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
                    leave(&ring, &mut frames);
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
        match say(ring, frames) {
            _ if stops => return Err(Stop),
            Ok(()) | Err(Error::Busy) => {}
            Err(error) => return Ok(Err(error)),
        }
        let mut notices = Vec::new();
        let result = ring.dispatch(&mut notices);
        asked.hear(clock::thread_instant(), &notices);
        if !notices.is_empty() {
            self.tell(Told::Notices(notices))?;
        }
        match result.and_then(|()| ask(ring, asked)) {
            Ok(Some(told)) => self.tell(told)?,
            Ok(None) => {}
            Err(Error::Busy) if asked.may_be_busy(clock::thread_instant()) => {}
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

/// What a ring is told and asked here.
trait Answers {
    fn nodes(&self) -> Result<Vec<Node>, Error>;
    fn detects_in(&self) -> Result<Duration, Error>;
    fn links(&self, nodes: &[Node]) -> Result<Vec<Link>, Error>;
    fn send(&self, frame: &[u8]) -> Result<(), Error>;
    fn leave(&self) -> Result<(), Error>;
}

impl Answers for Ring {
    fn nodes(&self) -> Result<Vec<Node>, Error> {
        Ring::nodes(self)
    }

    fn detects_in(&self) -> Result<Duration, Error> {
        Ring::detects_in(self)
    }

    fn links(&self, nodes: &[Node]) -> Result<Vec<Link>, Error> {
        Ring::links(self, nodes)
    }

    fn send(&self, frame: &[u8]) -> Result<(), Error> {
        Ring::send(self, frame)
    }

    fn leave(&self) -> Result<(), Error> {
        Ring::leave(self, GROUP)
    }
}

/// Says what waits, until the ring is busy.
fn say(ring: &impl Answers, frames: &mut VecDeque<Vec<u8>>) -> Result<(), Error> {
    while let Some(frame) = frames.front() {
        ring.send(frame)?;
        frames.pop_front();
    }
    Ok(())
}

/// Says the last words and leaves, so that the others see that it was meant. Both find a ring busy that forms anew:
/// that another server fell at this moment is no reason to look as if this one had.
fn leave(ring: &impl Answers, frames: &mut VecDeque<Vec<u8>>) {
    let until = clock::thread_instant() + LEAVE_MAX;
    while say(ring, frames).and_then(|()| ring.leave()) == Err(Error::Busy)
        && clock::thread_instant() < until
    {
        std::thread::sleep(LEAVE_EVERY);
    }
}

/// What was asked last, and what was answered.
struct Asked {
    /// When links are to be looked at again.
    due: Instant,
    /// When the last piece of a change of ring or group will have been told for long enough, if that is still to come.
    quiet_from: Option<Instant>,
    /// The nodes are to be asked for.
    ring_changed: bool,
    /// Since when it has answered that it is busy, if that is its last answer.
    busy_since: Option<Instant>,
    detects_in: Duration,
    nodes: Vec<Node>,
    links: Vec<Link>,
}

impl Asked {
    /// It has answered that it is busy: whether that may go on.
    fn may_be_busy(&mut self, now: Instant) -> bool {
        now < *self.busy_since.get_or_insert(now) + BUSY_MAX
    }

    /// Corosync has told something.
    fn hear(&mut self, now: Instant, notices: &[Notice]) {
        let is_piece = |one: &Notice| !matches!(one, Notice::Message { .. });
        if notices.iter().any(is_piece) {
            self.quiet_from = Some(now + QUIET);
        }
        let nodes = |one: &Notice| matches!(one, Notice::Nodes { .. });
        self.ring_changed |= notices.iter().any(nodes);
    }

    /// Whether something may be asked: not between the pieces of a change, or the rest of them would wait here for the
    /// answers of a Corosync that has its hands full. One that changes without end is asked all the same.
    fn may(&mut self, now: Instant) -> bool {
        let quiet = self.quiet_from.is_none_or(|at| now >= at);
        if quiet {
            self.quiet_from = None;
        }
        quiet || now >= self.due + QUIET_MAX
    }
}

/// Asks how the links are, how long the ring takes, and after a change of it who the nodes are: one piece of news
/// at a time.
fn ask(ring: &impl Answers, asked: &mut Asked) -> Result<Option<Told>, Error> {
    let now = clock::thread_instant();
    if !asked.may(now) {
        return Ok(None);
    }
    if asked.ring_changed {
        let nodes = ring.nodes()?;
        (asked.ring_changed, asked.busy_since) = (false, None);
        if nodes != asked.nodes {
            asked.nodes.clone_from(&nodes);
            return Ok(Some(Told::Nodes(nodes)));
        }
    }
    if now < asked.due {
        return Ok(None);
    }
    asked.due = now + ASK_EVERY;
    let detects_in = ring.detects_in()?;
    asked.busy_since = None;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    /// Quorum is told after the nodes: what is asked in between holds up the verdict.
    ///
    /// Rule: N3 N5
    #[test]
    fn nothing_is_asked_between_the_pieces_of_a_change_unless_it_changes_without_end() {
        let begun = clock::thread_instant();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut asked = Asked {
            due: begun,
            quiet_from: None,
            ring_changed: false,
            busy_since: None,
            detects_in: Duration::ZERO,
            nodes: Vec::new(),
            links: Vec::new(),
        };
        assert!(asked.may(at(0)));
        let ring = noroshi_corosync::RingId::default();
        let nodes = Notice::Nodes {
            ring,
            members: vec![1],
            joined: Vec::new(),
            left: vec![2],
        };
        asked.hear(at(0), &[nodes]);
        assert!(!asked.may(at(2)));
        let quorate = true;
        asked.hear(at(3), &[Notice::Quorum { quorate, ring }]);
        assert!(!asked.may(at(202)));
        assert!(asked.may(at(203)) && asked.ring_changed);
        let message = Notice::Message {
            from: noroshi_corosync::Member { node: 1, pid: 1 },
            bytes: Vec::new(),
        };
        asked.hear(at(204), &[message]);
        assert!(asked.may(at(204)), "words change nothing");
        let overdue = (205..=600).step_by(5).find(|ms| {
            asked.hear(at(*ms), &[Notice::Ring(ring)]);
            asked.may(at(*ms))
        });
        assert_eq!(overdue, Some(500));
    }

    /// A ring that is busy for so many calls.
    struct Busy {
        calls: Cell<usize>,
        said: RefCell<Vec<Vec<u8>>>,
        left: Cell<bool>,
    }

    impl Busy {
        fn new(calls: usize) -> Busy {
            Busy {
                calls: Cell::new(calls),
                said: RefCell::default(),
                left: Cell::new(false),
            }
        }

        fn answer<T>(&self, answer: T) -> Result<T, Error> {
            match self.calls.get().checked_sub(1) {
                Some(left) => {
                    self.calls.set(left);
                    Err(Error::Busy)
                }
                None => Ok(answer),
            }
        }
    }

    impl Answers for Busy {
        fn nodes(&self) -> Result<Vec<Node>, Error> {
            self.answer(vec![Node::default()])
        }

        fn detects_in(&self) -> Result<Duration, Error> {
            self.answer(Duration::from_secs(2))
        }

        fn links(&self, _: &[Node]) -> Result<Vec<Link>, Error> {
            self.answer(Vec::new())
        }

        fn send(&self, frame: &[u8]) -> Result<(), Error> {
            self.answer(())?;
            self.said.borrow_mut().push(frame.to_vec());
            Ok(())
        }

        fn leave(&self) -> Result<(), Error> {
            self.answer(())?;
            self.left.set(true);
            Ok(())
        }
    }

    /// Rule: N3 M16
    #[test]
    fn a_stop_while_the_ring_forms_anew_says_its_last_words_and_leaves() {
        for busy in [0, 1, 5] {
            let ring = Busy::new(busy);
            let mut frames = VecDeque::from([b"leaving 1".to_vec(), b"leaving 2".to_vec()]);
            leave(&ring, &mut frames);
            let said = ring.said.into_inner();
            assert_eq!(said, [b"leaving 1", b"leaving 2"], "{busy}");
            assert!(ring.left.get());
        }
    }

    /// Rule: N3
    #[test]
    fn a_busy_corosync_is_asked_again_for_what_a_change_of_the_ring_wants() {
        let ring = Busy::new(2);
        let mut asked = Asked {
            due: clock::thread_instant(),
            quiet_from: None,
            ring_changed: true,
            busy_since: None,
            detects_in: Duration::from_secs(2),
            nodes: Vec::new(),
            links: Vec::new(),
        };
        assert!(matches!(ask(&ring, &mut asked), Err(Error::Busy)));
        assert!(matches!(ask(&ring, &mut asked), Err(Error::Busy)));
        let told = ask(&ring, &mut asked);
        assert!(matches!(told, Ok(Some(Told::Nodes(_)))));
        assert!(matches!(ask(&ring, &mut asked), Ok(None)));
    }

    /// Rule: N3 N5
    #[test]
    fn a_corosync_that_is_busy_without_end_is_taken_for_one_that_does_not_work() {
        let begun = clock::thread_instant();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut asked = Asked {
            due: begun,
            quiet_from: None,
            ring_changed: true,
            busy_since: None,
            detects_in: Duration::from_secs(2),
            nodes: Vec::new(),
            links: Vec::new(),
        };
        assert!(asked.may_be_busy(at(0)) && asked.may_be_busy(at(9)));
        assert!(!asked.may_be_busy(at(10)));
        // One answer in between is enough.
        assert!(matches!(
            ask(&Busy::new(0), &mut asked),
            Ok(Some(Told::Nodes(_)))
        ));
        assert!(asked.may_be_busy(at(10)) && asked.may_be_busy(at(19)));
    }
}
