//! Runs all tests: with cargo-nextest where it is installed (a process and a time limit for each
//! test), else with `cargo test`. The runner's output passes through; its summary is kept, to be
//! the last line of the whole check.

use crate::tool;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

/// What the test runner said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// All tests passed.
    pub(crate) result: Result<(), String>,
    /// The runner's own summary, one line.
    pub(crate) summary: String,
}

/// Runs the workspace's tests. With `require_all` a test that would skip itself fails instead.
pub(crate) fn run(require_all: bool) -> Ran {
    let nextest = tool::cargo_knows("nextest");
    let mut command = if nextest {
        tool::cargo(&[
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--status-level",
            "slow",
        ])
    } else {
        tool::cargo(&[
            "test",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--all-targets",
        ])
    };
    let (result, lines) = watch(demand(&mut command, require_all));
    let summary = if nextest {
        nextest_summary(&lines)
    } else {
        cargo_summary(&lines)
    };
    Ran { result, summary }
}

/// Runs the examples in the documentation.
pub(crate) fn run_doc_tests() -> Result<(), String> {
    tool::run(&mut tool::cargo(&[
        "test",
        "--workspace",
        "--locked",
        "--doc",
        "--quiet",
    ]))
}

fn demand(command: &mut Command, require_all: bool) -> &mut Command {
    if require_all {
        command.env("NOROSHI_REQUIRE_ALL", "1")
    } else {
        command
    }
}

/// Runs a command, passes both its streams through, and keeps the lines that may be a summary.
fn watch(command: &mut Command) -> (Result<(), String>, Vec<String>) {
    let name = tool::name(command);
    let spawned = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return (Err(format!("{name}: {error}")), Vec::new()),
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let errors = thread::spawn(move || pass_through(err, &mut std::io::stderr()));
    let mut lines = pass_through(out, &mut std::io::stdout());
    lines.extend(errors.join().unwrap_or_default());
    let result = match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    };
    (result, lines)
}

fn pass_through(from: Option<impl Read>, to: &mut impl Write) -> Vec<String> {
    let mut kept = Vec::new();
    let Some(from) = from else { return kept };
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        // A reader that went away (`| head`) is no reason to end the tests.
        let _ = writeln!(to, "{line}");
        if line.trim_start().starts_with("Summary [") || line.starts_with("test result:") {
            kept.push(line);
        }
    }
    kept
}

fn nextest_summary(lines: &[String]) -> String {
    let last = lines
        .iter()
        .rev()
        .find(|line| line.trim_start().starts_with("Summary ["));
    last.map_or_else(no_summary, |line| line.trim().to_owned())
}

/// Adds up the `test result:` lines of all test binaries, in the same form.
fn cargo_summary(lines: &[String]) -> String {
    let results: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("test result:"))
        .collect();
    if results.is_empty() {
        return no_summary();
    }
    let sum = |word: &str| {
        results
            .iter()
            .map(|line| count_before(line, word))
            .sum::<u64>()
    };
    let (passed, failed, ignored) = (sum("passed"), sum("failed"), sum("ignored"));
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    format!("test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored")
}

/// The number before `word` in a `test result:` line; 0 when there is none.
fn count_before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line
        .split([' ', ';'])
        .filter(|word| !word.is_empty())
        .collect();
    let at = words.iter().position(|one| *one == word);
    at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok())
        .unwrap_or(0)
}

fn no_summary() -> String {
    "no test was run".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn results_of_several_binaries_are_added_up() {
        let told = lines(
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s",
        );
        assert_eq!(
            cargo_summary(&told),
            "test result: FAILED. 8 passed; 2 failed; 1 ignored"
        );
    }

    #[test]
    fn the_last_summary_of_nextest_is_taken_as_it_is() {
        let told = lines("     Summary [   0.012s] 5 tests run: 5 passed, 0 skipped");
        assert_eq!(
            nextest_summary(&told),
            "Summary [   0.012s] 5 tests run: 5 passed, 0 skipped"
        );
    }

    #[test]
    fn a_runner_that_said_nothing_is_not_called_a_success() {
        assert_eq!(cargo_summary(&[]), "no test was run");
        assert_eq!(nextest_summary(&[]), "no test was run");
    }

    #[test]
    fn what_passes_through_is_whole_and_summaries_are_kept() {
        let told = "one\ntest result: ok. 1 passed;\n     Summary [ 1s] 2\nlast";
        let mut shown = Vec::new();
        let kept = pass_through(Some(told.as_bytes()), &mut shown);
        assert_eq!(String::from_utf8(shown).unwrap(), format!("{told}\n"));
        assert_eq!(kept, ["test result: ok. 1 passed;", "     Summary [ 1s] 2"]);
    }

    #[test]
    fn a_failed_runner_is_a_failure_whatever_it_printed() {
        let (result, kept) = watch(Command::new("sh").args(["-c", "exit 4"]));
        assert!(result.unwrap_err().contains('4') && kept.is_empty());
    }
}
