//! That a person has seen an alert and sees to it (rule N24).

use super::{AlertId, tidy_within};
use crate::time::WallTime;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// Longest name of who acknowledged, in bytes; a longer one is cut at a character, with `…`.
pub const ACKNOWLEDGED_BY_BYTES_MAX: usize = 128;
/// Longest remark in bytes, likewise.
pub const REMARK_BYTES_MAX: usize = 1_024;

/// An alert is acknowledged: by whom, and what that person says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Which alert.
    pub alert: AlertId,
    /// Who.
    pub by: String,
    /// In that person's words; may be empty.
    pub remark: String,
    /// When, by the clock of the server that was told.
    pub at: WallTime,
}

impl Acknowledgement {
    /// Whether this one holds against another of the same alert: the later does, and of two at one
    /// moment the same one on every server.
    pub fn outdoes(&self, other: &Acknowledgement) -> bool {
        (self.at, &self.by, &self.remark) > (other.at, &other.by, &other.remark)
    }

    /// With words that can go anywhere: one line each, without control characters, cut at their bounds.
    pub fn tidied(self) -> Acknowledgement {
        Acknowledgement {
            by: tidy_within(&self.by, ACKNOWLEDGED_BY_BYTES_MAX),
            remark: tidy_within(&self.remark, REMARK_BYTES_MAX),
            ..self
        }
    }
}
