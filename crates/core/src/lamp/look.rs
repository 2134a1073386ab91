//! What a warning light shows.

use serde::{Deserialize, Serialize};

/// One light of a lamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Glow {
    /// Dark.
    #[default]
    Off,
    /// Steady.
    On,
    /// Blinking.
    Blink,
}

/// What a whole lamp shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Look {
    /// Red.
    pub red: Glow,
    /// Amber; only a lamp test uses it.
    pub amber: Glow,
    /// Green.
    pub green: Glow,
}

impl Look {
    /// All dark.
    pub const OUT: Look = Look {
        red: Glow::Off,
        amber: Glow::Off,
        green: Glow::Off,
    };
    /// A server that runs (rule M15).
    pub const GREEN: Look = Look {
        green: Glow::On,
        ..Look::OUT
    };
    /// A server that is down (rule M17).
    pub const RED_BLINK: Look = Look {
        red: Glow::Blink,
        ..Look::OUT
    };

    /// Of two looks that servers out of each other's sight may want for one lamp, the one that holds:
    /// red alone before red and green before the rest (rules N5 M20). A lamp that is dark, or shows
    /// what no server wants, is worse than nothing.
    pub fn is_worse_than(&self, other: &Look) -> bool {
        let rank = |look: &Look| match (look.red, look.amber, look.green) {
            (Glow::Blink, Glow::Off, Glow::Off) => 2,
            (Glow::Blink, Glow::Off, Glow::On) => 1,
            _ => 0,
        };
        rank(self) > rank(other)
    }

    /// The looks of a lamp test, in order (rule N15).
    pub const TEST: [Look; 3] = [
        Look {
            red: Glow::On,
            ..Look::OUT
        },
        Look {
            amber: Glow::On,
            ..Look::OUT
        },
        Look {
            green: Glow::On,
            ..Look::OUT
        },
    ];
}
