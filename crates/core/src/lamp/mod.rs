//! Warning lights: what each should show (rules M3 M15–M20), and how it is brought to show it (N14).

mod look;
mod policy;
mod stamp;
mod worker;

pub use look::{Glow, Look};
pub use policy::{Latches, merge, teller};
pub use stamp::{Stamp, StampClock};
pub use worker::{IdleReading, LampNews, LampWorker, TEST_STEP};

use alloc::string::String;

/// Names one order to one lamp, and its answer: rises over all lamps of a run. After a reload the same
/// words may be an answer of another device (rule N17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderNumber(pub u64);

/// What a lamp is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LampOrder {
    /// Show this.
    Show(Look),
    /// Say what you show; lamps that cannot are shown the wanted look again.
    ReadBack(Look),
    /// Say what you show; lamps that cannot are left as they are: another side of a partition may
    /// have told them something else, and rightly.
    Read(Look),
}

impl LampOrder {
    /// The look that is wanted with it.
    pub fn look(self) -> Look {
        let (LampOrder::Show(look) | LampOrder::ReadBack(look) | LampOrder::Read(look)) = self;
        look
    }
}

/// What became of one lamp command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LampResult {
    /// The lamp took it.
    Done {
        /// What it says that it shows, where the protocol can tell.
        shown: Option<Look>,
    },
    /// The lamp answered, but not as it should (message 6).
    Abnormal {
        /// The documented code `nn`.
        code: u8,
        /// In words.
        text: String,
    },
    /// The lamp could not be asked (message 7).
    Failed {
        /// The documented code `nn`.
        code: u8,
        /// In words.
        text: String,
    },
    /// The order was taken back before a byte of it had left; the lamp knows nothing of it.
    Cancelled,
}
