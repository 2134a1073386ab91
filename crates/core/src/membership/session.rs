//! Which run of a server's daemon may be believed: proof that a heartbeat was made just now.
//!
//! A run is named by a random session. A frame of the session in force is guarded by its replay
//! window. A frame of any other session may be an old recording, so it is believed only once it
//! echoes a counter of *ours* that we used after first seeing that session: nobody without the
//! cluster key can make such a frame, and no recording holds one. No clock takes part, so a server
//! that reboots with its clock in the past is heard all the same.

use crate::alert::SessionId;

/// Sessions of one server that wait for proof. More come only from replayed recordings; the oldest
/// makes room.
pub const CANDIDATES_MAX: usize = 4;

/// What we know about the sessions of one other server.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    in_force: Option<SessionId>,
    candidates: [Option<Candidate>; CANDIDATES_MAX],
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    session: SessionId,
    /// A counter of ours that we had not used yet when the session was first seen.
    proof: u64,
}

/// Whether a frame may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    /// It belongs to the session in force.
    InForce,
    /// Its session has just proven itself and is in force from now on.
    Proven,
    /// Not yet: answer with a heartbeat of our own and wait for its echo.
    Unproven,
}

impl Sessions {
    /// The session in force.
    pub fn in_force(&self) -> Option<SessionId> {
        self.in_force
    }

    /// Judges an authentic frame of `session`. `echo` is what it says to have heard of our own
    /// present session (the counter); `own_next` is the next counter that we shall use.
    pub fn judge(&mut self, session: SessionId, echo: Option<u64>, own_next: u64) -> Belief {
        if self.in_force == Some(session) {
            return Belief::InForce;
        }
        let known = self
            .candidates
            .iter()
            .flatten()
            .find(|one| one.session == session);
        match (known, echo) {
            (Some(candidate), Some(counter)) if counter >= candidate.proof => {
                self.in_force = Some(session);
                self.candidates = [None; CANDIDATES_MAX];
                Belief::Proven
            }
            (Some(_), _) => Belief::Unproven,
            (None, _) => {
                self.candidates[self.next] = Some(Candidate {
                    session,
                    proof: own_next,
                });
                self.next = (self.next + 1) % CANDIDATES_MAX;
                Belief::Unproven
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(n: u8) -> SessionId {
        SessionId([n; 12])
    }

    /// Rule: N2
    #[test]
    fn a_session_is_believed_once_it_echoes_a_counter_used_after_it_was_first_seen() {
        let mut sessions = Sessions::default();
        assert_eq!(sessions.judge(session(1), None, 10), Belief::Unproven);
        assert_eq!(sessions.judge(session(1), Some(9), 12), Belief::Unproven);
        assert_eq!(sessions.judge(session(1), Some(10), 12), Belief::Proven);
        assert_eq!(sessions.judge(session(1), None, 12), Belief::InForce);
    }

    /// Rule: N2
    #[test]
    fn a_recording_of_an_earlier_run_never_comes_into_force_again() {
        let mut sessions = Sessions::default();
        sessions.judge(session(1), None, 10);
        sessions.judge(session(1), Some(10), 11);
        sessions.judge(session(2), None, 500);
        assert_eq!(sessions.judge(session(2), Some(500), 501), Belief::Proven);
        // The recording holds every echo of its own time, up to 499.
        for echo in 0..500 {
            assert_eq!(
                sessions.judge(session(1), Some(echo), 600 + echo),
                Belief::Unproven
            );
        }
        assert_eq!(sessions.in_force(), Some(session(2)));
    }

    /// Rule: N2
    #[test]
    fn a_flood_of_old_sessions_does_not_oust_the_one_in_force() {
        let mut sessions = Sessions::default();
        sessions.judge(session(1), None, 1);
        sessions.judge(session(1), Some(1), 2);
        for n in 2..200 {
            assert_eq!(sessions.judge(session(n), Some(0), 2), Belief::Unproven);
        }
        assert_eq!(sessions.judge(session(1), None, 3), Belief::InForce);
    }
}
