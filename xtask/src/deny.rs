//! What may come into the build (`deny.toml`): bans, licences and sources always; known faults when
//! their database can be fetched, because a check must also work without the network.

use crate::step::Verdict;
use crate::tool;
use std::process::{Command, Stdio};

/// Longest time for fetching the database, in seconds; past it the step goes on without.
const FETCH_SECONDS_MAX: &str = "60";

/// Runs cargo-deny; the versions that a dependency has twice are no fault and are not shown.
pub(crate) fn run() -> Verdict {
    if !tool::cargo_knows("deny") {
        return Verdict::Failed("cargo-deny is missing: run `cargo xtask setup`".into());
    }
    let checked = check(&["bans", "licenses", "sources"]);
    if let Err(reason) = checked {
        return Verdict::Failed(reason);
    }
    if fetched() {
        check(&["advisories"]).into()
    } else {
        println!("advisories: not checked, their database cannot be fetched from here");
        Verdict::Passed
    }
}

fn check(what: &[&str]) -> Result<(), String> {
    tool::run(tool::cargo(&["deny", "--log-level", "error", "check"]).args(what))
}

fn fetched() -> bool {
    let mut command = Command::new("timeout");
    command
        .arg(FETCH_SECONDS_MAX)
        .arg("cargo")
        .args(["deny", "fetch", "db"]);
    command
        .current_dir(tool::root())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
