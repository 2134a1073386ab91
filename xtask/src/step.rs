//! The steps of a check: each is timed, none is skipped because an earlier one failed, and the end
//! says of each what became of it.

use std::fmt;
use std::time::{Duration, Instant};

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well.
    Passed,
    /// It could not be done here, and why; no fault of the tree.
    Skipped(String),
    /// Something is wrong, in one line; the details were printed before.
    Failed(String),
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Verdict {
        result.map_or_else(Verdict::Failed, |()| Verdict::Passed)
    }
}

/// One finished step.
struct Step {
    name: &'static str,
    took: Duration,
    verdict: Verdict,
}

/// All finished steps.
#[derive(Default)]
pub(crate) struct Steps(Vec<Step>);

impl Steps {
    /// Does one step, announces it before and says how long it took after.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Verdict) {
        println!("==> {name}");
        let start = Instant::now();
        let verdict = work();
        let step = Step {
            name,
            took: start.elapsed(),
            verdict,
        };
        println!("{step}");
        self.0.push(step);
    }

    /// Whether no step failed.
    pub(crate) fn passed(&self) -> bool {
        !self
            .0
            .iter()
            .any(|step| matches!(step.verdict, Verdict::Failed(_)))
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            writeln!(f, "{step}")?;
        }
        let took: Duration = self.0.iter().map(|step| step.took).sum();
        write!(f, "    {:>7.1} s  in all", took.as_secs_f64())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, reason) = match &self.verdict {
            Verdict::Passed => ("ok", None),
            Verdict::Skipped(reason) => ("skipped", Some(reason)),
            Verdict::Failed(reason) => ("FAILED", Some(reason)),
        };
        write!(
            f,
            "    {:>7.1} s  {:<10} {word}",
            self.took.as_secs_f64(),
            self.name
        )?;
        reason.map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_check_and_later_steps_still_run() {
        let mut steps = Steps::default();
        let mut later = false;
        steps.step("one", || Verdict::Failed("a reason".into()));
        steps.step("two", || {
            later = true;
            Verdict::Passed
        });
        assert!(later && !steps.passed());
        assert!(steps.to_string().contains("FAILED: a reason"));
    }

    #[test]
    fn a_skipped_step_fails_nothing_and_says_why() {
        let mut steps = Steps::default();
        steps.step("one", || Verdict::Skipped("no such thing here".into()));
        assert!(steps.passed());
        assert!(steps.to_string().contains("skipped: no such thing here"));
    }
}
