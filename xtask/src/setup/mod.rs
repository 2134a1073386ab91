//! `cargo xtask setup`: what the tests use, installed once.
//!
//! On Debian and Ubuntu, as root, it installs the packages of [`packages`], unpacks a second rsh
//! server ([`netkit`]), fetches axe-core ([`axe`]) and builds cargo-deny; [`schemathesis`] gets an environment of
//! its own. No service is started ([`policy`]). When everything
//! is there it looks at a dozen paths and is done. Where it cannot install, it says what is missing
//! and which tests that skips, and changes nothing.

mod apt;
mod axe;
mod netkit;
mod packages;
mod policy;
mod schemathesis;

use crate::tool;
use packages::PACKAGES;
use std::process::ExitCode;

/// Sets up; with `lenient` something missing is said and is no failure.
pub(crate) fn run(lenient: bool) -> ExitCode {
    match complete() {
        Ok(()) => {
            println!("setup: everything is there");
            ExitCode::SUCCESS
        }
        Err(missing) if lenient => {
            println!("setup: {missing}; going on without");
            ExitCode::SUCCESS
        }
        Err(missing) => {
            eprintln!("setup: {missing}");
            ExitCode::FAILURE
        }
    }
}

/// Installs what is missing. `Err` names what is missing still, in one line; what that means for
/// the tests, and the command that mends it, were printed.
pub(crate) fn complete() -> Result<(), String> {
    let mut missing = components();
    if tool::is_root() {
        policy::remove_leftover();
    }
    missing.extend(system());
    if !tool::cargo_knows("deny") {
        println!("setup: building cargo-deny; this takes some minutes, once");
        let words = ["install", "cargo-deny", "--locked", "--version", "^0.20"];
        if let Err(reason) = tool::run(&mut tool::cargo(&words)) {
            eprintln!("setup: {reason}");
            missing.push("cargo-deny".to_owned());
        }
    }
    if let Err(reason) = schemathesis::install() {
        let (name, tests) = (schemathesis::NAME, schemathesis::REASON);
        eprintln!("setup: {reason}");
        eprintln!("setup: without {name} these tests are skipped: {tests}");
        missing.push(name.to_owned());
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("missing: {}", missing.join(", ")))
    }
}

/// The parts of the toolchain; rustup installs them by `rust-toolchain.toml`, others may not.
fn components() -> Vec<String> {
    let missing: Vec<String> = ["fmt", "clippy"]
        .into_iter()
        .filter(|name| !tool::cargo_knows(name))
        .map(|name| format!("cargo {name}"))
        .collect();
    if !missing.is_empty() {
        eprintln!("setup: install the rest of the toolchain: rustup component add rustfmt clippy");
    }
    missing
}

/// The system's packages; gives the names of those that are missing still.
fn system() -> Vec<String> {
    let absent = packages::absent();
    if absent.is_empty() && netkit::is_there() && axe::is_there() {
        return Vec::new();
    }
    let names: Vec<&str> = absent.iter().map(|package| package.name).collect();
    if tool::is_root() && tool::program("apt-get").is_some() {
        if let Err(reason) = apt::install(&names) {
            eprintln!("setup: {reason}");
        }
        if let Err(reason) = netkit::unpack() {
            eprintln!("setup: {reason}");
        }
    } else {
        let all: Vec<&str> = PACKAGES.iter().map(|package| package.name).collect();
        eprintln!("setup: root of a Debian or Ubuntu host can install what is missing here:");
        eprintln!(
            "setup:   apt-get install --no-install-recommends {}",
            all.join(" ")
        );
    }
    // A file below target/ needs no root.
    if tool::program("npm").is_some()
        && let Err(reason) = axe::fetch()
    {
        eprintln!("setup: {reason}");
    }
    still_missing()
}

fn still_missing() -> Vec<String> {
    let mut missing = Vec::new();
    for package in packages::absent() {
        eprintln!(
            "setup: without {} these tests are skipped: {}",
            package.name, package.reason
        );
        missing.push(package.name.to_owned());
    }
    for (there, name, reason) in [
        (netkit::is_there(), netkit::NAME, netkit::REASON),
        (axe::is_there(), axe::NAME, axe::REASON),
    ] {
        if !there {
            eprintln!("setup: without {name} these tests are skipped: {reason}");
            missing.push(name.to_owned());
        }
    }
    missing
}
