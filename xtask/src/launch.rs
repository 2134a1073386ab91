//! Builds and starts the programs that show the product at work.
//!
//! The program takes this process's place, so that terminal, signals and exit code are its own.

use crate::tool;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// `cargo xtask demo`: the embedded engine, simulated lamps, a local inbox and the console.
pub(crate) fn demo(arguments: &[&str]) -> ExitCode {
    let mut command = tool::cargo(&["run", "--release", "--locked", "--package", "noroshi", "--"]);
    become_it(command.arg("demo").args(arguments))
}

/// `cargo xtask bench`: the figures, measured on this machine. The bench starts real daemons, so
/// the product's executable is built first and stands beside the bench's.
pub(crate) fn bench(arguments: &[&str]) -> ExitCode {
    let built = tool::run(&mut tool::cargo(&[
        "build",
        "--release",
        "--locked",
        "-p",
        "noroshi",
    ]));
    if let Err(reason) = built {
        eprintln!("xtask: {reason}");
        return ExitCode::FAILURE;
    }
    let words = ["run", "--release", "--locked", "-p", "noroshi-bench", "--"];
    become_it(tool::cargo(&words).args(arguments))
}

/// `cargo xtask sim`: clusters on virtual time, under seeded faults.
pub(crate) fn sim(arguments: &[&str]) -> ExitCode {
    let words = ["run", "--release", "--locked", "-p", "noroshi-sim", "--"];
    become_it(tool::cargo(&words).args(arguments))
}

fn become_it(command: &mut Command) -> ExitCode {
    let error = command.exec();
    eprintln!("xtask: {}: {error}", tool::name(command));
    ExitCode::FAILURE
}
