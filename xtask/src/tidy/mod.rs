//! Style as a test: what neither rustfmt nor clippy can see.
//!
//! Calls that belong into one place only, files that hold more than one noun, words that speak of
//! one developer's machine. Each fault is a line `file:line: rule: what to do instead`. An
//! exception is written beside the code, with its reason: `// tidy: allow RULE: why`.

mod bans;
mod code;
mod pages;
mod security;

use crate::tool;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Most lines of a source file: one noun a file.
const FILE_LINES_MAX: usize = 600;

/// Folders that hold nothing of ours; nor do hidden ones, except [`HIDDEN_OURS`].
const NOT_OURS: [&str; 4] = ["target", "vendor", "corpus", "artifacts"];
const HIDDEN_OURS: [&str; 3] = [".cargo", ".ci", ".config"];
/// What cargo keeps in `.cargo` where that is its home.
const CARGO_HOME: [&str; 3] = ["registry", "git", "advisory-dbs"];

/// Paths below somebody's home directory. Split here, so that this file does not hold them.
const PRIVATE_PATHS: [&str; 2] = [concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Prints every fault.
pub(crate) fn run() -> ExitCode {
    match check() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prints every fault; `Err` has their number.
pub(crate) fn check() -> Result<(), String> {
    let mut faults = Vec::new();
    for path in files(tool::root())? {
        let bytes = fs::read(tool::root().join(&path)).map_err(|e| format!("{path:?}: {e}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            faults.extend(faults_in(&path, &text));
        }
    }
    faults.extend(pages::faults(tool::root())?);
    faults.extend(security::faults(tool::root())?);
    for fault in &faults {
        eprintln!("{fault}");
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{} faults", faults.len()))
    }
}

/// Every file of the tree, relative to `root`, in order.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for entry in entries.map_while(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && is_ours(&entry.path()) => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && entry.file_name() != ".git" => {
                    files.push(entry.path())
                }
                _ => {}
            }
        }
    }
    let mut files: Vec<PathBuf> = files
        .iter()
        .filter_map(|path| Some(path.strip_prefix(root).ok()?.to_owned()))
        .collect();
    files.sort();
    Ok(files)
}

/// Whether a folder can hold files of ours.
fn is_ours(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or_default();
    let of_cargo = folder.parent().is_some_and(|up| up.ends_with(".cargo"));
    let hidden = name.starts_with('.') && !HIDDEN_OURS.contains(&name);
    let foreign = hidden || NOT_OURS.contains(&name) || (of_cargo && CARGO_HOME.contains(&name));
    !foreign
}

/// What is wrong with one file.
fn faults_in(path: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |line: usize, rule: &str, instead: &str| {
        faults.push(format!("{}:{line}: {rule}: {instead}", path.display()));
    };
    if path != Path::new("Cargo.lock") {
        for (at, line) in text.lines().enumerate() {
            if PRIVATE_PATHS
                .iter()
                .any(|private| holds_path(line, private))
            {
                fault(
                    at + 1,
                    "private-path",
                    "this path exists on one machine only",
                );
            }
        }
    }
    if path.extension().is_some_and(|extension| extension == "rs") {
        if text.lines().count() > FILE_LINES_MAX {
            fault(FILE_LINES_MAX + 1, "long-file", "one noun a file: split it");
        }
        for (line, ban) in bans::broken(path, text) {
            fault(line, ban.name, ban.instead);
        }
    }
    faults
}

/// Whether `line` holds `path` from its start on, not as the end of a longer path.
fn holds_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "./_-}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_path_is_found_and_a_path_that_ends_alike_is_not() {
        let private = PRIVATE_PATHS[0];
        let path = Path::new("README.md");
        assert_eq!(
            faults_in(path, &format!("fine\ncd {private}main\n")).len(),
            1
        );
        assert!(faults_in(path, &format!("cd /srv/me{private}main\n")).is_empty());
    }

    #[test]
    fn a_file_of_more_than_the_most_lines_is_a_fault() {
        let path = Path::new("crates/core/src/a.rs");
        assert!(faults_in(path, &"//\n".repeat(FILE_LINES_MAX)).is_empty());
        let faults = faults_in(path, &"//\n".repeat(FILE_LINES_MAX + 1));
        assert!(faults[0].contains("long-file"), "{faults:?}");
    }

    #[test]
    fn the_walk_finds_this_file_and_leaves_build_results_out() {
        let files = files(tool::root()).unwrap();
        assert!(files.contains(&PathBuf::from("xtask/src/tidy/mod.rs")));
        assert!(
            !files
                .iter()
                .any(|path| path.starts_with("target") || path.starts_with(".git"))
        );
        assert!(files.contains(&PathBuf::from(".ci/run")));
    }

    #[test]
    fn a_cache_inside_the_tree_is_not_ours() {
        for folder in [
            "/a/.cargo/registry",
            "/a/.cache",
            "/a/fuzz/target",
            "/a/.git",
        ] {
            assert!(!is_ours(Path::new(folder)), "{folder}");
        }
        assert!(is_ours(Path::new("/a/.cargo")) && is_ours(Path::new("/a/crates/x/src/git")));
    }
}
