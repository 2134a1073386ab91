//! What is remembered of one other server's heartbeats, and what of them is believed.
//!
//! *Use.* [`Hearing::admits`] before the cipher runs, [`Hearing::hear`] with what it opened,
//! [`Hearing::echo`] and [`Hearing::loss_permille`] for our own next beat to that server.
//!
//! Who gets to the cipher: frames of the session in force, and of the session that the server
//! named on its authenticated link, go first and without bound; to make them up, somebody must
//! read them off the wire. Everything else, above all a flood with forged source addresses, shares
//! a bound. So a flood neither burns the processor nor keeps authentic frames out.
//!
//! *Failure.* None; a frame that is not believed changes at most the echo that answers it.

use super::bucket::Bucket;
use noroshi_core::alert::SessionId;
use noroshi_core::membership::session::{Belief, Sessions};
use noroshi_core::time::{Moment, Span};
use noroshi_wire::heartbeat::{Beat, Echo, Header, Session};
use noroshi_wire::replay::{ReplayWindow, WINDOW_FRAMES};

/// Frames of one server outside its session in force that are examined per second, and at once.
/// A starting server with the shortest interval on two interconnects sends no more.
const EXAMINED_PER_S: u64 = 200;
const EXAMINED_AT_ONCE: u64 = 50;

/// Weight of one frame in the smoothed loss: 1/2^8, some ten seconds at the default interval.
const LOSS_SHIFT: u32 = 8;

/// One other server's heartbeats.
#[derive(Debug)]
pub(super) struct Hearing {
    sessions: Sessions,
    /// The session that the server named on its link.
    vouched: Option<Session>,
    /// Frames of the session in force below this were made before it proved itself.
    floor: u64,
    /// Newest counter of the session in force on any interconnect. One counter serves all of them.
    newest: u64,
    paths: Vec<PathHearing>,
    bucket: Bucket,
    answered_at: Option<Moment>,
    /// The counter of our next beat to this server.
    pub(super) next: u64,
}

#[derive(Clone, Debug, Default)]
struct PathHearing {
    window: ReplayWindow,
    /// Newest frame of a session that has not proven itself.
    unproven: Option<Echo>,
    /// Share of frames lost, in 1/65536.
    loss: u32,
}

/// Whether a frame may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may.
    Open,
    /// It was heard before, or is too old.
    Replayed,
    /// The bound for this server is reached.
    Limited,
}

/// What an authentic frame is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// Fresh, and this many of the same interconnect were lost before it.
    Fresh { missed: u32 },
    /// Fresh, and the first of a session that is in force from now on.
    FirstOfSession,
    /// Of a session that has not proven itself: answer, so that it can.
    Unproven,
    /// Heard before, or too old.
    Replayed,
}

impl Hearing {
    /// Nothing heard yet; our own first beat bears the counter `next`.
    pub(super) fn new(paths: usize, next: u64) -> Hearing {
        Hearing {
            sessions: Sessions::default(),
            vouched: None,
            floor: 0,
            newest: 0,
            paths: vec![PathHearing::default(); paths],
            bucket: Bucket::new(EXAMINED_PER_S, EXAMINED_AT_ONCE),
            answered_at: None,
            next,
        }
    }

    /// The settings changed, and with them perhaps the numbers of servers and interconnects: what
    /// was sent before counts as old, and our counter begins at `next`, above all that were used.
    pub(super) fn renumber(&mut self, paths: usize, next: u64) {
        self.paths = vec![PathHearing::default(); paths];
        self.floor = self.newest.saturating_add(1);
        self.next = next;
    }

    /// The server named its session on its link, or the link broke.
    pub(super) fn vouch(&mut self, session: Option<SessionId>) {
        self.vouched = session.map(|session| session.0);
    }

    /// Whether the frame with this header, of which nothing is proved, may be opened.
    pub(super) fn admits(&mut self, now: Moment, path: usize, header: &Header) -> Admission {
        if self.sessions.in_force() == Some(SessionId(header.session)) {
            return match self.is_old(path, header.counter) {
                true => Admission::Replayed,
                false => Admission::Open,
            };
        }
        let known = self.paths[path]
            .unproven
            .filter(|echo| echo.session == header.session);
        let newer = known.is_none_or(|echo| header.counter > echo.counter);
        if newer && self.vouched == Some(header.session) || self.bucket.take(now) {
            Admission::Open
        } else {
            Admission::Limited
        }
    }

    /// Judges an authentic frame. `own` is our own session.
    pub(super) fn hear(
        &mut self,
        path: usize,
        own: Session,
        header: &Header,
        beat: &Beat,
    ) -> Worth {
        let session = SessionId(header.session);
        let ours = beat
            .echo
            .filter(|echo| echo.session == own)
            .map(|echo| echo.counter);
        match self.sessions.judge(session, ours, self.next) {
            Belief::InForce => self.hear_in_force(path, header.counter),
            Belief::Proven => {
                self.floor = header.counter;
                self.newest = header.counter;
                for path in &mut self.paths {
                    *path = PathHearing {
                        loss: path.loss,
                        ..PathHearing::default()
                    };
                }
                self.paths[path].window.accept(header.counter);
                Worth::FirstOfSession
            }
            Belief::Unproven => {
                self.note_unproven(path, header);
                Worth::Unproven
            }
        }
    }

    fn hear_in_force(&mut self, path: usize, counter: u64) -> Worth {
        if self.is_old(path, counter) {
            return Worth::Replayed;
        }
        self.newest = self.newest.max(counter);
        let path = &mut self.paths[path];
        let before = path.window.newest();
        path.window.accept(counter);
        let gap = if before == 0 {
            0
        } else {
            counter.saturating_sub(before + 1)
        };
        let missed = u32::try_from(gap).unwrap_or(u32::MAX);
        path.count_loss(missed);
        Worth::Fresh { missed }
    }

    /// A frame of the session in force that was heard on this interconnect, was made before the
    /// session proved itself, or is far behind what another interconnect has brought meanwhile.
    fn is_old(&self, path: usize, counter: u64) -> bool {
        counter < self.floor
            || counter.saturating_add(WINDOW_FRAMES) <= self.newest
            || !self.paths[path].window.clone().accept(counter)
    }

    fn note_unproven(&mut self, path: usize, header: &Header) {
        // While the session that the link vouches for waits for its proof, recordings of other
        // sessions must not take the echo away from it.
        let waiting = self
            .vouched
            .filter(|it| self.sessions.in_force() != Some(SessionId(*it)));
        if waiting.is_none_or(|it| it == header.session) {
            let echo = Echo {
                session: header.session,
                counter: header.counter,
            };
            self.paths[path].unproven = Some(echo);
        }
    }

    /// What our next beat on this interconnect says to have heard: the session in force, and in
    /// every other beat a session that waits for its proof.
    pub(super) fn echo(&self, path: usize) -> Option<Echo> {
        let path = &self.paths[path];
        let newest = path.window.newest();
        let in_force = self.sessions.in_force().filter(|_| newest > 0);
        let in_force = in_force.map(|session| Echo {
            session: session.0,
            counter: newest,
        });
        match path.unproven {
            Some(_) if in_force.is_some() && self.next.is_multiple_of(2) => in_force,
            Some(unproven) => Some(unproven),
            None => in_force,
        }
    }

    /// Whether to answer an unproven frame at once: at most one answer in `interval`.
    pub(super) fn may_answer(&mut self, now: Moment, interval: Span) -> bool {
        let may = self.answered_at.is_none_or(|at| now.since(at) >= interval);
        if may {
            self.answered_at = Some(now);
        }
        may
    }

    /// Share of the server's frames lost on this interconnect, smoothed.
    pub(super) fn loss_permille(&self, path: usize) -> u16 {
        (self.paths[path].loss * 1_000 / 65_536) as u16
    }
}

impl PathHearing {
    fn count_loss(&mut self, missed: u32) {
        for _ in 0..missed.min(4 << LOSS_SHIFT) {
            self.loss += (65_536 - self.loss) >> LOSS_SHIFT;
        }
        self.loss -= self.loss.div_ceil(1 << LOSS_SHIFT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_wire::heartbeat::State;

    const OWN: Session = [1; 12];
    const THEIRS: Session = [2; 12];
    const LATER: Session = [3; 12];

    fn header(session: Session, interconnect: u8, counter: u64) -> Header {
        Header {
            sender: 1,
            to: 0,
            interconnect,
            session,
            counter,
        }
    }

    fn beat(echo: Option<u64>) -> Beat {
        Beat {
            echo: echo.map(|counter| Echo {
                session: OWN,
                counter,
            }),
            state: State::Running,
            config_digest: 0,
            sent_ms: 0,
            loss_permille: 0,
        }
    }

    fn hear(hearing: &mut Hearing, path: u8, session: Session, counter: u64, echo: u64) -> Worth {
        let header = header(session, path, counter);
        hearing.hear(usize::from(path), OWN, &header, &beat(Some(echo)))
    }

    fn in_force() -> Hearing {
        let mut hearing = Hearing::new(2, 1);
        assert_eq!(hear(&mut hearing, 0, THEIRS, 10, 0), Worth::Unproven);
        hearing.next = 2;
        assert_eq!(hear(&mut hearing, 0, THEIRS, 11, 1), Worth::FirstOfSession);
        hearing
    }

    /// Rule: N2
    #[test]
    fn a_frame_counts_once_on_each_interconnect_and_gaps_are_told() {
        let mut hearing = in_force();
        assert_eq!(
            hear(&mut hearing, 1, THEIRS, 11, 1),
            Worth::Fresh { missed: 0 }
        );
        assert_eq!(hear(&mut hearing, 1, THEIRS, 11, 1), Worth::Replayed);
        assert_eq!(
            hear(&mut hearing, 0, THEIRS, 15, 1),
            Worth::Fresh { missed: 3 }
        );
        assert_eq!(
            hear(&mut hearing, 0, THEIRS, 14, 1),
            Worth::Fresh { missed: 0 }
        );
        assert_eq!(
            hear(&mut hearing, 1, THEIRS, 10, 1),
            Worth::Replayed,
            "before the proof"
        );
    }

    /// Rule: N2
    #[test]
    fn a_frame_held_back_on_one_interconnect_is_old_when_another_went_on() {
        let mut hearing = in_force();
        assert_eq!(
            hear(&mut hearing, 0, THEIRS, 100, 1),
            Worth::Fresh { missed: 88 }
        );
        assert_eq!(hear(&mut hearing, 1, THEIRS, 36, 1), Worth::Replayed);
        assert_eq!(
            hear(&mut hearing, 1, THEIRS, 37, 1),
            Worth::Fresh { missed: 0 }
        );
    }

    /// Rule: N2
    #[test]
    fn a_forged_flood_is_bounded_and_keeps_neither_the_session_in_force_nor_a_vouched_one_out() {
        let mut hearing = in_force();
        hearing.vouch(Some(SessionId(LATER)));
        let mut examined = 0;
        for n in 0..100_000u64 {
            let now = Moment(n * 10);
            let guess = header([9; 12], 0, n + 1);
            examined += u32::from(hearing.admits(now, 0, &guess) == Admission::Open);
            let authentic = header(THEIRS, 0, n + 12);
            assert_eq!(hearing.admits(now, 0, &authentic), Admission::Open);
            assert_eq!(
                hearing.admits(now, 0, &header(LATER, 0, n + 1)),
                Admission::Open
            );
        }
        assert!((200..=260).contains(&examined), "{examined}");
        assert_eq!(
            hearing.admits(Moment(0), 0, &header(THEIRS, 0, 11)),
            Admission::Replayed
        );
    }

    /// Rule: N2
    #[test]
    fn a_recording_takes_the_echo_from_no_waiting_session_and_from_the_one_in_force_only_half() {
        let mut hearing = in_force();
        let replay = |hearing: &mut Hearing| hear(hearing, 0, [9; 12], 500, 0);
        assert_eq!(replay(&mut hearing), Worth::Unproven);
        let told = |hearing: &mut Hearing, next| {
            hearing.next = next;
            hearing.echo(0).map(|echo| echo.session)
        };
        assert_eq!(told(&mut hearing, 2), Some(THEIRS));
        assert_eq!(told(&mut hearing, 3), Some([9; 12]));
        hearing.vouch(Some(SessionId(LATER)));
        assert_eq!(hear(&mut hearing, 0, LATER, 1, 0), Worth::Unproven);
        assert_eq!(replay(&mut hearing), Worth::Unproven);
        assert_eq!(told(&mut hearing, 3), Some(LATER));
    }

    /// Rule: N2
    #[test]
    fn new_settings_make_everything_sent_before_old() {
        let mut hearing = in_force();
        hearing.renumber(1, 40);
        assert_eq!(hearing.next, 40);
        assert_eq!(hear(&mut hearing, 0, THEIRS, 11, 1), Worth::Replayed);
        assert_eq!(
            hear(&mut hearing, 0, THEIRS, 12, 1),
            Worth::Fresh { missed: 0 }
        );
    }
}
