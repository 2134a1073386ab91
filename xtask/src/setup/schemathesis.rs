//! schemathesis: the judge of the console's API against its OpenAPI description.
//!
//! A Python program, in an environment of its own below `target/`, of exactly the versions that
//! `xtask/schemathesis.txt` names, as built packages: nothing of them runs while they are installed.

use crate::tool;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Its name, as the tests say it.
pub(super) const NAME: &str = "schemathesis";
/// The tests that need it.
pub(super) const REASON: &str = "the console's API against its description";

/// What is installed.
const VERSIONS: &str = include_str!("../../schemathesis.txt");
/// Says which versions are there; written last.
const STAMP: &str = "installed.txt";

/// Whether these very versions were installed.
fn is_there() -> bool {
    fs::read_to_string(folder().join(STAMP)).is_ok_and(|text| text == VERSIONS)
}

/// Installs it; nothing when it is there. A half-done try leaves nothing behind that [`is_there`] would
/// take for the whole. Needs no root: Python 3.11 with its venv, and a network.
pub(super) fn install() -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    println!("setup: installing {NAME} below target/{NAME}");
    let place = folder();
    let told = |error: std::io::Error| format!("{}: {error}", place.display());
    let _ = fs::remove_dir_all(&place);
    tool::run(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
    let mut pip = Command::new(place.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .args(["--only-binary", ":all:", "--requirement"])
        .arg(tool::root().join("xtask/schemathesis.txt"));
    tool::run(&mut pip)?;
    fs::write(place.join(STAMP), VERSIONS).map_err(told)
}

fn folder() -> PathBuf {
    tool::root().join("target").join(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_pinned() {
        let lines = VERSIONS.lines().filter(|line| !line.starts_with('#'));
        let pinned: Vec<_> = lines.filter_map(|line| line.split_once("==")).collect();
        assert_eq!(pinned.len() + 1, VERSIONS.lines().count());
        assert!(pinned.iter().any(|(name, _)| *name == NAME));
    }
}
