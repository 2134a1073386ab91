//! Which version of the configuration a server has: the label of a set (rule N17).
//!
//! The set itself, its files, never comes here. `daemon` keeps and carries it; `core` decides by labels
//! who takes which one, and when.

use crate::time::WallTime;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// How many former sets a label remembers, and how many a server keeps.
pub const FORMER_MAX: usize = 10;

/// Names one version of the configuration in the whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLabel {
    /// Rises with each push; zero: nothing was ever pushed.
    pub number: u64,
    /// SHA-256 of the whole set, in hex.
    pub digest: String,
    /// Who pushed it.
    pub by: String,
    /// On which server.
    pub server: String,
    /// When.
    pub at: WallTime,
    /// Digests of the sets that it takes the place of, newest first, at most [`FORMER_MAX`] and one
    /// for each server.
    #[serde(default)]
    pub former: Vec<String>,
}

impl SetLabel {
    /// Whether it is the same set under the same number.
    pub fn is(&self, other: &SetLabel) -> bool {
        (self.number, &self.digest) == (other.number, &other.digest)
    }

    /// Whether whoever has `own` may take this one without being asked: it came after `own`, and whoever
    /// pushed it knew `own`. A set that the other side of a cut pushed did not.
    pub fn follows(&self, own: &SetLabel) -> bool {
        let newer = self.number > own.number;
        // So many pushes later it is not remembered any more.
        let long_ago = self.number > own.number.saturating_add(FORMER_MAX as u64);
        newer && (own.number == 0 || long_ago || self.former.contains(&own.digest))
    }

    /// What the set after `self`, pushed where the others have `others`, remembers.
    pub fn formers(&self, others: &[&SetLabel]) -> Vec<String> {
        let mut former: Vec<String> = Vec::new();
        let known = self.former.iter().take(FORMER_MAX - 1);
        let all = core::iter::once(&self.digest)
            .chain(others.iter().map(|label| &label.digest))
            .chain(known);
        for digest in all.filter(|digest| !digest.is_empty()) {
            if !former.contains(digest) {
                former.push(digest.to_string());
            }
        }
        former
    }
}

/// Why a set could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetTrouble {
    /// It did not come: the link broke, or the other server has it no more.
    NotFetched,
    /// It came and cannot be taken here, for people.
    Refused(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;

    fn label(number: u64, digest: &str, former: Vec<String>) -> SetLabel {
        SetLabel {
            number,
            digest: digest.into(),
            former,
            ..SetLabel::default()
        }
    }

    /// Rule: N17
    #[test]
    fn only_a_set_that_knew_ours_follows_it() {
        let own = label(4, "d", Vec::new());
        assert!(label(5, "e", vec!["d".into()]).follows(&own));
        assert!(!label(5, "e", vec!["x".into()]).follows(&own));
        assert!(!label(4, "e", vec!["d".into()]).follows(&own));
        assert!(label(15, "e", Vec::new()).follows(&own));
        assert!(!label(14, "e", Vec::new()).follows(&own));
        assert!(label(1, "e", Vec::new()).follows(&SetLabel::default()));
        // A label that a disk has garbled.
        assert!(!own.follows(&label(u64::MAX, "d", Vec::new())));
        assert!(label(u64::MAX, "e", Vec::new()).follows(&own));
    }

    /// Rule: N17
    #[test]
    fn what_a_label_remembers_is_bounded_and_names_each_once() {
        let mut own = label(0, "", Vec::new());
        for number in 1..50 {
            let former = own.formers(&[&own]);
            own = label(number, &format!("{number}"), former);
        }
        assert_eq!(own.former.len(), FORMER_MAX);
        assert_eq!(own.former[0], "48");
        let other = label(49, "other", Vec::new());
        assert!(label(50, "x", own.formers(&[&other])).follows(&other));
    }
}
