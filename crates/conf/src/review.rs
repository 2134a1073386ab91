//! What a change to a clp.conf would bring with it (rule N17).
//!
//! An edited file is read whole, like any other. What was wrong with it before is no reason to
//! refuse a change: otherwise a faulty file could not be mended step by step.

use crate::finding::Finding;
use crate::problem::Problem;
use crate::read;

/// The findings of `new` that `old` did not have, in the order of the file. Lines do not count: a
/// change moves them.
pub fn new_findings(old: &[u8], new: &[u8]) -> Vec<Finding> {
    let mut before = findings(old);
    let mut added = findings(new);
    added.retain(
        |finding| match before.iter().position(|other| alike(other, finding)) {
            Some(known) => {
                before.swap_remove(known);
                false
            }
            None => true,
        },
    );
    added
}

/// All findings of a file, warnings included.
fn findings(bytes: &[u8]) -> Vec<Finding> {
    match read(bytes) {
        Ok(parsed) => parsed.warnings,
        Err(findings) => findings,
    }
}

fn alike(one: &Finding, other: &Finding) -> bool {
    let same_problem = match (&one.problem, &other.problem) {
        (Problem::Repeated { .. }, Problem::Repeated { .. }) => true,
        (problem, other) => problem == other,
    };
    same_problem
        && (one.severity, &one.path, &one.value) == (other.severity, &other.path, &other.value)
}
