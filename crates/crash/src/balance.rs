//! What was tried, and what does not balance.

use crate::tracer::Point;
use std::fmt;

/// The outcome of many runs.
#[derive(Debug, Default)]
pub struct Balance {
    /// Runs that were killed, or ran through with a fault.
    pub runs: usize,
    /// Of them those whose point did not come: the program took another way.
    pub missed: usize,
    /// Second copies of a notice under its Message-ID, marked as such.
    pub twins: usize,
    /// What does not balance: where, and what.
    pub faults: Vec<String>,
}

impl Balance {
    /// Adds one run.
    pub fn add(&mut self, story: &str, point: Option<&Point>, faults: Vec<String>) {
        self.runs += 1;
        let place = point.map_or_else(|| story.to_owned(), |point| format!("{story}, {point}"));
        for fault in faults {
            eprintln!("{place}: {fault}");
            self.faults.push(format!("{place}: {fault}"));
        }
    }

    /// Takes over what others have found.
    pub fn join(&mut self, other: Balance) {
        self.runs += other.runs;
        self.missed += other.missed;
        self.twins += other.twins;
        self.faults.extend(other.faults);
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills, {} points not met again, {} marked twins, {} faults",
            self.runs - self.missed,
            self.missed,
            self.twins,
            self.faults.len()
        )
    }
}
