//! axe-core: the judge of the console's pages for people who cannot see or point well (WCAG 2.2).
//!
//! One file of one version, fetched by `npm pack`, which runs nothing of it, held against a checksum
//! and kept below `target/`. It is run inside the tests' browser and is no part of the product.

use crate::tool;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Its name, as the tests say it.
pub(super) const NAME: &str = "axe-core";
/// The tests that need it.
pub(super) const REASON: &str = "the console's pages in a browser, judged by WCAG 2.2";

/// The version that [`SHA256`] belongs to.
const PACKAGE: &str = "axe-core@4.14.1";
/// Of the archive.
const SHA256: &str = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745";
/// Where the tests look for it.
const PROGRAM: &str = "target/axe-core/axe.min.js";

/// Whether it was fetched.
pub(super) fn is_there() -> bool {
    tool::root().join(PROGRAM).is_file()
}

/// Fetches and unpacks it; nothing when it is there. A half-done try, or another file than the one
/// that is meant, leaves nothing behind that [`is_there`] would take for the whole.
pub(super) fn fetch() -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    println!("setup: fetching {PACKAGE} below target/axe-core");
    let (new, place) = (folder("axe-core.new"), folder("axe-core"));
    let told = |error: std::io::Error| format!("{}: {error}", new.display());
    let _ = fs::remove_dir_all(&new);
    fs::create_dir_all(&new).map_err(told)?;
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent", "--ignore-scripts", PACKAGE])
        .stdout(Stdio::null())
        .current_dir(&new);
    tool::run(&mut pack)?;
    let archive = format!("{}.tgz", PACKAGE.replace('@', "-"));
    check(&new.join(&archive))?;
    let mut unpack = Command::new("tar");
    unpack
        .args(["-xzf", &archive, "--strip-components=1"])
        .args(["package/axe.min.js", "package/LICENSE"])
        .current_dir(&new);
    tool::run(&mut unpack)?;
    let _ = fs::remove_dir_all(&place);
    fs::rename(&new, &place).map_err(told)
}

/// Whether a file is the one that is meant.
fn check(file: &std::path::Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("sha256sum: {error}");
    let mut command = Command::new("sha256sum");
    command.args(["--check", "--status", "--strict"]);
    let mut child = command.stdin(Stdio::piped()).spawn().map_err(told)?;
    let line = format!("{SHA256}  {}\n", file.display());
    if let Some(mut input) = child.stdin.take() {
        input.write_all(line.as_bytes()).map_err(told)?;
    }
    match child.wait().map_err(told)?.success() {
        true => Ok(()),
        false => Err(format!(
            "{} is not the file that was expected",
            file.display()
        )),
    }
}

fn folder(name: &str) -> PathBuf {
    tool::root().join("target").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_than_the_one_meant_is_not_taken() {
        let file = std::env::temp_dir().join(format!("xtask-axe-{}", std::process::id()));
        fs::write(&file, "something else").unwrap();
        assert!(check(&file).unwrap_err().contains("not the file"));
        fs::remove_file(file).unwrap();
    }
}
