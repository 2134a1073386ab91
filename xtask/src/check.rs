//! `cargo xtask check`: what CI does, and the only thing CI does.
//!
//! Every step runs even if an earlier one failed, so that one run tells everything. The last lines
//! are the time and verdict of each step and then the test runner's own summary.

use crate::step::{Steps, Verdict};
use crate::{deny, fuzz, notices, purity, rules, runner, setup, tidy, tool};
use std::process::ExitCode;

/// Does it all. As root or in CI nothing may be missing and no test may skip itself; elsewhere, or
/// with `lenient`, what is missing is said. `quick` leaves the tests out.
pub(crate) fn run(lenient: bool, quick: bool) -> ExitCode {
    let lenient = lenient || !(tool::is_root() || tool::is_ci());
    let mut steps = Steps::default();
    let mut whole = false;
    steps.step("setup", || match setup::complete() {
        Ok(()) => {
            whole = true;
            Verdict::Passed
        }
        Err(reason) if lenient => Verdict::Skipped(reason),
        Err(reason) => Verdict::Failed(reason),
    });
    steps.step("format", || {
        tool::run(&mut tool::cargo(&["fmt", "--all", "--check"])).into()
    });
    steps.step("tidy", || tidy::check().into());
    steps.step("rules", || rules::check().into());
    steps.step("deny", deny::run);
    steps.step("notices", || notices::check().into());
    steps.step("clippy", clippy);
    steps.step("purity", purity::run);
    let mut summary = "no test was run".to_owned();
    if !quick {
        let require_all = whole && !lenient;
        steps.step("tests", || {
            let ran = runner::run(require_all);
            summary = ran.summary;
            ran.result.into()
        });
        steps.step("doc tests", || runner::run_doc_tests().into());
        steps.step("fuzz", || fuzz::minute(lenient));
    }
    println!("\n{steps}\n{summary}");
    if steps.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn clippy() -> Verdict {
    let words = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    tool::run(&mut tool::cargo(&words)).into()
}

#[cfg(test)]
mod tests {
    use crate::tool;

    #[test]
    fn ci_runs_the_test_command_of_the_readme() {
        let read = |name| std::fs::read_to_string(tool::root().join(name)).unwrap();
        assert!(read("README.md").contains("\ncargo xtask check "));
        assert_eq!(
            read(".ci/run").lines().last(),
            Some("exec cargo xtask check")
        );
    }
}
