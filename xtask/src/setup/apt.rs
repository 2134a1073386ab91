//! Installs packages without a question and without starting what they bring.

use super::policy::NoStart;
use crate::tool;
use std::process::Command;

/// Longest wait for another apt on this host, in seconds.
const LOCK_WAIT: &str = "DPkg::Lock::Timeout=300";

/// Installs `names`; nothing at all for none.
///
/// # Errors
/// When apt fails or the start of services cannot be forbidden; in the latter case nothing was
/// installed.
pub(super) fn install(names: &[&str]) -> Result<(), String> {
    if names.is_empty() {
        return Ok(());
    }
    println!("setup: installing {}", names.join(" "));
    let _no_start = NoStart::forbid()?;
    update()?;
    tool::run(apt(&["install", "-qq", "--yes", "--no-install-recommends"]).args(names))
}

/// Fetches the lists of packages.
pub(super) fn update() -> Result<(), String> {
    tool::run(&mut apt(&["update", "-qq"]))
}

fn apt(words: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["-o", LOCK_WAIT])
        .args(words)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}
