//! The table of SECURITY.md: each sort of attack has tests, and those exist.
//!
//! Names stand in the last column, in backticks: `a_test`, or `fuzz/TARGET` for a search. One that was renamed or
//! removed is a fault, so that no row promises what nothing proves.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = "SECURITY.md";
/// How the name of a search begins.
const SEARCH: &str = "fuzz/";

/// What is wrong with the table.
pub(super) fn faults(root: &Path) -> Result<Vec<String>, String> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{path:?}: {error}"));
    let mut tests = BTreeSet::new();
    for path in super::files(root)? {
        if path.extension().is_some_and(|extension| extension == "rs") {
            tests.extend(tests_in(&read(&root.join(&path))?));
        }
    }
    let exists = |name: &str| match name.strip_prefix(SEARCH) {
        Some(target) => root.join("crates/fuzz/corpus").join(target).is_dir(),
        None => tests.contains(name),
    };
    Ok(faults_in(&read(&root.join(PAGE))?, exists))
}

fn faults_in(page: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = (1..).zip(page.lines());
    let rows = lines.filter(|(_, line)| line.starts_with('|') && !line.starts_with("|---"));
    for (at, row) in rows.skip(1) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let named: Vec<&str> = cells
            .last()
            .map_or("", |cell| cell)
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        if named.is_empty() {
            faults.push(format!("{PAGE}:{at}: no test is named"));
        }
        let missing = named.into_iter().filter(|name| !exists(name));
        faults.extend(missing.map(|name| format!("{PAGE}:{at}: there is no test {name}")));
    }
    faults
}

/// The names of the functions that an attribute makes a test.
fn tests_in(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_mark = |line: &&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    let mut names = Vec::new();
    for at in (0..lines.len()).filter(|at| is_mark(&lines[*at])) {
        let function = lines[at..]
            .iter()
            .take(8)
            .find_map(|line| line.split_once("fn "));
        let name = function.and_then(|(_, rest)| rest.split('(').next());
        names.extend(name.map(str::to_owned));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_tests_that_exist() {
        let page = "| attack | holds | proof |\n|---|---|---|\n| a | b | `one`, `fuzz/x` |\n| c | `not a test` | words |\n";
        let found = faults_in(page, |name| name == "one");
        assert_eq!(
            found,
            [
                "SECURITY.md:3: there is no test fuzz/x",
                "SECURITY.md:4: no test is named"
            ]
        );
    }

    #[test]
    fn tests_are_found_by_their_attribute() {
        let text = "#[test]\nfn one() {}\nfn two() {}\n    #[tokio::test(start_paused = true)]\n    #[other]\n    async fn three() {}\n";
        assert_eq!(tests_in(text), ["one", "three"]);
    }
}
