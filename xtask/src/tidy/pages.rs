//! Pages in two languages: each page below `docs/en` has its twin below `docs/ja`, and their tables
//! say the same numbers, row by row. So a figure that was measured anew cannot stay old in one of them.

use std::fs;
use std::path::Path;

/// What is wrong with the pages below `root`.
pub(super) fn faults(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("docs/en");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .map_while(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.sort();
    let mut faults = Vec::new();
    for name in names {
        let page =
            |language: &str| fs::read_to_string(root.join("docs").join(language).join(&name));
        match (page("en"), page("ja")) {
            (Ok(en), Ok(ja)) => faults.extend(differing(&name, &en, &ja)),
            _ => faults.push(format!(
                "docs/ja/{name}:1: pages: there is no Japanese page"
            )),
        }
    }
    Ok(faults)
}

/// The first row of each table in which the numbers differ.
fn differing(name: &str, en: &str, ja: &str) -> Option<String> {
    let (en, ja) = (rows(en), rows(ja));
    let fault = |line: usize, what: String| Some(format!("docs/ja/{name}:{line}: pages: {what}"));
    for ((at, ours), (line, theirs)) in en.iter().zip(&ja) {
        if ours != theirs {
            return fault(
                *line,
                format!(
                    "this row has the numbers {}, but docs/en/{name}:{at} has {}",
                    theirs.join(" "),
                    ours.join(" ")
                ),
            );
        }
    }
    if en.len() != ja.len() {
        let what = format!(
            "{} table rows, but docs/en/{name} has {}",
            ja.len(),
            en.len()
        );
        return fault(1, what);
    }
    None
}

/// The rows of all tables, each with its line and its numbers in order of size: languages say them in
/// another order.
fn rows(page: &str) -> Vec<(usize, Vec<String>)> {
    let rows = page
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with('|'));
    rows.map(|(at, line)| (at + 1, numbers(line))).collect()
}

/// The numbers of a row as they are written: `1,024`, `0.183`.
fn numbers(row: &str) -> Vec<String> {
    let inner = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
    let mut found: Vec<String> = row
        .split(|c| !inner(c))
        .map(|word| word.trim_matches(['.', ',']).to_owned())
        .filter(|word| !word.is_empty())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_differs_is_told_with_both_places() {
        let en = "# A\n| runs | p99 |\n|---|---|\n| 200, of 7 | 1,024 kB |\n";
        let ja = "# あ\n\n| 回数 | p99 |\n|---|---|\n| 7 のうち 200 | 1,024 kB |\n";
        assert_eq!(differing("x.md", en, ja), None);
        let old = ja.replace("1,024", "1,025");
        let fault = differing("x.md", en, &old).unwrap();
        assert_eq!(
            fault,
            "docs/ja/x.md:5: pages: this row has the numbers 1,025 200 7, but docs/en/x.md:4 has 1,024 200 7"
        );
        let short = ja.lines().take(4).collect::<Vec<_>>().join("\n");
        let fault = differing("x.md", en, &short).unwrap();
        assert!(
            fault.contains("2 table rows, but docs/en/x.md has 3"),
            "{fault}"
        );
    }
}
