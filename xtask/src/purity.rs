//! Proves that `core` and `wire` use nothing of an operating system, by building them for a target
//! that has none. Where no such target is installed the tidy rule `std-in-pure-crate` stands alone.

use crate::step::Verdict;
use crate::tool;
use std::path::PathBuf;
use std::process::Command;

/// Targets without a standard library; the first one that is installed is taken.
const BARE_TARGETS: [&str; 3] = [
    "x86_64-unknown-none",
    "aarch64-unknown-none",
    "thumbv7em-none-eabihf",
];

/// Builds the pure crates for a bare target.
pub(crate) fn run() -> Verdict {
    let libraries = match sysroot() {
        Ok(sysroot) => sysroot.join("lib/rustlib"),
        Err(reason) => return Verdict::Failed(reason),
    };
    match BARE_TARGETS
        .iter()
        .find(|target| libraries.join(target).is_dir())
    {
        Some(target) => tool::run(
            tool::cargo(&[
                "build",
                "--locked",
                "-p",
                "noroshi-core",
                "-p",
                "noroshi-wire",
            ])
            .args(["--target", target]),
        )
        .into(),
        None => Verdict::Skipped(format!(
            "no bare target installed (rustup target add {})",
            BARE_TARGETS[0]
        )),
    }
}

fn sysroot() -> Result<PathBuf, String> {
    let mut command = Command::new("rustc");
    command
        .args(["--print", "sysroot"])
        .current_dir(tool::root());
    let output = command
        .output()
        .map_err(|error| format!("{}: {error}", tool::name(&command)))?;
    Ok(PathBuf::from(
        String::from_utf8_lossy(&output.stdout).trim(),
    ))
}
