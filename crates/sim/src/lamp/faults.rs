//! What can be wrong with a simulated lamp.

use std::time::Duration;

/// What is wrong with a lamp just now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The fault; `None` is a lamp in good health.
    pub fault: Option<Fault>,
    /// How long it thinks before each answer.
    pub delay: Duration,
}

impl Faults {
    /// Nothing is wrong.
    pub const NONE: Self = Self {
        fault: None,
        delay: Duration::ZERO,
    };

    /// This fault, without delay.
    pub const fn only(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            delay: Duration::ZERO,
        }
    }
}

/// One fault of a lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its port is closed: connections are refused.
    Refuse,
    /// The network swallows what is sent to it: no connection comes about.
    BlackHole,
    /// It accepts connections and says nothing.
    Hang,
    /// It closes each connection at once.
    Drop,
    /// It does what it is told and answers what its protocol does not know.
    WrongReply,
    /// It does what it is told and breaks off in the middle of its answer.
    HalfReply,
    /// It refuses every command, in its protocol's way: refused user, `ER04`, `Error.`, NAK, noAccess.
    Refusal,
    /// It answers well and does nothing.
    Stuck,
    /// It loses power for a moment: goes dark once, then works as ever.
    Forget,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 9] = [
        Self::Refuse,
        Self::BlackHole,
        Self::Hang,
        Self::Drop,
        Self::WrongReply,
        Self::HalfReply,
        Self::Refusal,
        Self::Stuck,
        Self::Forget,
    ];
}
