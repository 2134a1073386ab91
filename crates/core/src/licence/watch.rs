//! The state of the licences over time: what is told when, and when to look again (rules M24 M25).
//!
//! *Use.* [`Watch::look`] at start, when the registrations, the cluster's size or the lists
//! change, and when [`Outlook::again`] has come. What it wants remembered goes to disk.

use super::{LicenceClock, Registered, Serial, State, judge};
use crate::time::{Moment, Now, Span, WallTime};
use alloc::string::String;
use alloc::vec::Vec;

/// How many days ahead the end of the licences is told, once each (rule M25).
pub const WARNING_DAYS: [u8; 3] = [14, 7, 1];
/// Longest time between two looks, so that a clock that was set is seen, and the latest time is
/// kept on disk.
pub const RECHECK: Span = Span::from_secs(3_600);

const DAY_MS: i64 = 86_400_000;
const RECHECK_MS: i64 = 3_600_000;

/// What survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The latest time that was believed.
    pub latest: WallTime,
    /// The warning last given: of which end, and which of [`WARNING_DAYS`].
    pub warned: Option<(WallTime, u8)>,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raise {
    /// Messages 1 to 4: [`State::message`].
    State(State),
    /// The licences suffice again.
    ValidAgain,
    /// They will not suffice from this time on.
    Ends {
        /// When.
        end: WallTime,
        /// In how many days, begun ones counted.
        days: u8,
    },
    /// One key was registered on several servers (rule M24). It counts once.
    KeyTwice {
        /// Which licence.
        serial: Serial,
        /// The servers.
        servers: Vec<String>,
    },
}

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The state.
    pub state: State,
    /// What is to be told, in this order.
    pub raise: Vec<Raise>,
    /// When to look again at the latest.
    pub again: Moment,
    /// What is to be put on disk, when it changed.
    pub remember: Option<Memory>,
}

/// Follows the licences of one cluster on one server.
#[derive(Clone, Debug)]
pub struct Watch {
    clock: Option<LicenceClock>,
    warned: Option<(WallTime, u8)>,
    /// What is on disk.
    kept: Option<Memory>,
    told: Option<State>,
    twice: Vec<Serial>,
}

impl Watch {
    /// Begins with what an earlier run remembered. The first look tells the state, if it is bad.
    pub fn new(memory: Option<Memory>, at: Moment) -> Watch {
        Watch {
            clock: memory.map(|memory| LicenceClock::from(memory.latest, at)),
            warned: memory.and_then(|memory| memory.warned),
            kept: memory,
            told: None,
            twice: Vec::new(),
        }
    }

    /// Takes what an earlier run remembered, if it could not be read before.
    pub fn recall(&mut self, memory: Option<Memory>, at: Moment) {
        if self.kept.is_none()
            && let Some(memory) = memory
        {
            let clock = LicenceClock::from(memory.latest, at);
            self.clock.get_or_insert(clock).at_least(memory.latest);
            (self.warned, self.kept) = (self.warned.or(memory.warned), Some(memory));
        }
    }

    /// Looks at what is registered in a cluster of `servers`.
    pub fn look(&mut self, now: Now, registered: &Registered, servers: u16) -> Outlook {
        let believed = self.believed(now, registered);
        let state = judge(registered, servers, believed, now.wall);
        let mut raise = self.change(state);
        raise.extend(self.keys_twice(registered));
        let lapse = match state {
            State::Valid => lapse(registered, servers, believed, now.wall),
            _ => None,
        };
        raise.extend(lapse.and_then(|end| self.warning(end, believed)));
        Outlook {
            state,
            raise,
            again: self.again(now, registered, believed, lapse),
            remember: self.remember(believed, registered),
        }
    }

    /// The time for licences. Without memory it begins with the day the newest genuine one was
    /// made, and not with a wall clock that may be wrong.
    fn believed(&mut self, now: Now, registered: &Registered) -> WallTime {
        let genuine = registered.licences().iter();
        let genuine = genuine.filter(|registration| registration.proof == super::Proof::Sound);
        let Some(floor) = genuine.map(|registration| registration.issued).max() else {
            return self
                .clock
                .as_mut()
                .map_or(now.wall, |clock| clock.look(now));
        };
        let clock = self
            .clock
            .get_or_insert_with(|| LicenceClock::from(floor, now.at));
        clock.at_least(floor);
        clock.look(now)
    }

    fn change(&mut self, state: State) -> Vec<Raise> {
        let before = self.told.replace(state);
        let was_bad = before.is_some_and(|before| !before.sends_notices());
        let told = match state {
            _ if before == Some(state) => None,
            _ if !state.sends_notices() => Some(Raise::State(state)),
            _ if was_bad => Some(Raise::ValidAgain),
            _ => None,
        };
        told.into_iter().collect()
    }

    fn keys_twice(&mut self, registered: &Registered) -> Vec<Raise> {
        let before = core::mem::take(&mut self.twice);
        let mut raise = Vec::new();
        for registration in registered.licences() {
            if registration.sheet && registration.by.len() > 1 {
                let serial = registration.licence.serial;
                self.twice.push(serial);
                if !before.contains(&serial) {
                    let servers = registration.by.clone();
                    raise.push(Raise::KeyTwice { serial, servers });
                }
            }
        }
        raise
    }

    fn warning(&mut self, end: WallTime, believed: WallTime) -> Option<Raise> {
        let left_ms = end.0.saturating_sub(believed.0);
        let due = |days: &&u8| left_ms <= i64::from(**days) * DAY_MS;
        let due = *WARNING_DAYS.iter().rev().find(due)?;
        let given = self.warned.filter(|warned| warned.0 == end);
        if given.is_some_and(|(_, days)| days <= due) {
            return None;
        }
        self.warned = Some((end, due));
        let days = left_ms.saturating_add(DAY_MS - 1) / DAY_MS;
        let days = u8::try_from(days).unwrap_or(due);
        Some(Raise::Ends { end, days })
    }

    fn again(
        &self,
        now: Now,
        registered: &Registered,
        believed: WallTime,
        lapse: Option<WallTime>,
    ) -> Moment {
        let begun = believed.max(now.wall);
        let ends = registered.licences().iter().filter_map(|one| one.end);
        let starts = registered.licences().iter().filter_map(|one| one.from);
        let warnings = lapse.into_iter().flat_map(|end| {
            WARNING_DAYS.map(|days| WallTime(end.0.saturating_sub(i64::from(days) * DAY_MS)))
        });
        let ends = ends
            .chain(warnings)
            .map(|time| time.0.saturating_sub(believed.0));
        let starts = starts.map(|time| time.0.saturating_sub(begun.0));
        let moments = ends
            .chain(starts)
            .filter(|ahead_ms| *ahead_ms > 0)
            .map(|ahead_ms| now.at + Span::from_ms(ahead_ms.unsigned_abs()));
        let belief = self.clock.and_then(|clock| clock.believed_at());
        moments.chain(belief).fold(now.at + RECHECK, core::cmp::min)
    }

    /// Wants the memory on disk when a warning was given, and once in [`RECHECK`] of its time.
    fn remember(&mut self, believed: WallTime, registered: &Registered) -> Option<Memory> {
        if registered.licences().is_empty() {
            return None;
        }
        let memory = Memory {
            latest: believed,
            warned: self.warned,
        };
        let fresh = self.kept.is_some_and(|kept| {
            kept.warned == memory.warned && believed.0.saturating_sub(kept.latest.0) < RECHECK_MS
        });
        if fresh {
            return None;
        }
        self.kept = Some(memory);
        Some(memory)
    }
}

/// The first end of a licence from which on they no longer suffice.
fn lapse(
    registered: &Registered,
    servers: u16,
    believed: WallTime,
    wall: WallTime,
) -> Option<WallTime> {
    let ends = registered.licences().iter().filter_map(|one| one.end);
    ends.filter(|end| *end > believed)
        .filter(|end| !judge(registered, servers, *end, wall).sends_notices())
        .min()
}
