//! What the registered licences come to at one moment.

use super::{Date, Kind, Proof, Registered, Registration, Serial};
use crate::time::WallTime;

/// Whether notices may be sent, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// This build needs no licence.
    NotNeeded,
    /// All servers are covered.
    Valid,
    /// Message 1.
    NotRegistered,
    /// Message 2.
    TrialExpired {
        /// The last day of the trial that ended last.
        until: Date,
    },
    /// Message 3.
    Invalid(Invalid),
    /// Message 4.
    Unknown(Unknown),
}

/// Why a licence does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Its text is not what was signed.
    Signature {
        /// Which licence.
        serial: Serial,
    },
    /// A licence for a term has ended.
    Ended {
        /// Which licence.
        serial: Serial,
        /// Its last day.
        until: Date,
    },
    /// Its first day is yet to come.
    NotYet {
        /// Which licence.
        serial: Serial,
        /// Its first day.
        from: Date,
    },
    /// All that count are together for fewer servers than the cluster has.
    TooFew {
        /// For how many they are.
        covered: u32,
        /// How many there are.
        servers: u16,
    },
}

/// Why a licence could not be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The registrations of this server cannot be read.
    Unreadable,
    /// It was signed by somebody whose public key is not here.
    Signer {
        /// Which licence.
        serial: Serial,
    },
}

impl State {
    /// Whether mails and lamps go out (rule M25). Everything else goes on in any state.
    pub const fn sends_notices(self) -> bool {
        matches!(self, State::NotNeeded | State::Valid)
    }

    /// The number of the message that tells it (rule M13).
    pub const fn message(self) -> Option<u32> {
        match self {
            State::NotNeeded | State::Valid => None,
            State::NotRegistered => Some(1),
            State::TrialExpired { .. } => Some(2),
            State::Invalid(_) => Some(3),
            State::Unknown(_) => Some(4),
        }
    }
}

/// What one licence comes to by itself.
enum Standing {
    Counts,
    TrialOver(Date),
    Bad(Invalid),
    Unclear(Unknown),
}

/// What is registered, judged for a cluster of `servers` at the time `believed` for ends and
/// `wall` for beginnings, whichever of the two is later: a clock that was behind when a licence
/// was made lets it begin as soon as the clock is set right.
///
/// Licences that count add up, each once however many servers registered it. When they do not
/// suffice, what is told is what most likely was meant to suffice: something that does not count
/// comes before a trial that is over.
pub fn judge(registered: &Registered, servers: u16, believed: WallTime, wall: WallTime) -> State {
    let licences = match registered {
        Registered::NotNeeded => return State::NotNeeded,
        Registered::Unreadable => return State::Unknown(Unknown::Unreadable),
        Registered::Licences(licences) => licences,
    };
    let (mut covered, mut bad, mut unclear, mut over) = (0u32, None, None, None);
    for registration in licences {
        match standing(registration, believed, wall) {
            Standing::Counts => covered += u32::from(registration.licence.servers),
            Standing::TrialOver(until) => over = over.max(Some(until)),
            Standing::Bad(why) => bad = bad.or(Some(why)),
            Standing::Unclear(why) => unclear = unclear.or(Some(why)),
        }
    }
    if covered >= u32::from(servers.max(1)) {
        return State::Valid;
    }
    match (bad, unclear, over) {
        (Some(why), _, _) => State::Invalid(why),
        (None, Some(why), _) => State::Unknown(why),
        (None, None, _) if covered > 0 => State::Invalid(Invalid::TooFew { covered, servers }),
        (None, None, Some(until)) => State::TrialExpired { until },
        (None, None, None) => State::NotRegistered,
    }
}

fn standing(registration: &Registration, believed: WallTime, wall: WallTime) -> Standing {
    let licence = &registration.licence;
    let serial = licence.serial;
    match registration.proof {
        Proof::Sound => {}
        Proof::Broken(why) => return Standing::Bad(why),
        Proof::Unchecked(why) => return Standing::Unclear(why),
    }
    if let (Some(until), Some(end)) = (licence.until, registration.end)
        && believed >= end
    {
        return match licence.kind {
            Kind::Trial => Standing::TrialOver(until),
            Kind::Term | Kind::Product => Standing::Bad(Invalid::Ended { serial, until }),
        };
    }
    match (licence.from, registration.from) {
        (Some(from), Some(start)) if believed.max(wall) < start => {
            Standing::Bad(Invalid::NotYet { serial, from })
        }
        _ => Standing::Counts,
    }
}
