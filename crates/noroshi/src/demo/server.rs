//! One server of the demonstration: the real daemon with a gate that the parent moves.
//!
//! *Use.* `noroshi demo-server --home DIR --server NAME`. Each line on standard input is a whole
//! state of the gate: `open`, `cut all` or `cut ADDRESS…`; each is answered by a line `ok` on
//! standard output once it is in force.
//!
//! *Failure.* The end of standard input means that the demonstration is gone, however that came
//! about: the directory of the whole demonstration is removed and the process ends at once. A
//! process that stands still is woken for it by a signal that the kernel sends.

use noroshi_daemon::app::Options;
use noroshi_daemon::engine::Gate;
use noroshi_daemon::home::Home;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::io::{BufRead, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Attempts at removing the directory: other servers may still write into it.
const SWEEPS_MAX: u32 = 40;
const SWEEP_PAUSE: Duration = Duration::from_millis(25);
/// What the directory of a demonstration is called, before its number.
pub(super) const STAGE_PREFIX: &str = "noroshi-demo-";

/// Runs the daemon until it is stopped, killed, or alone.
pub(crate) fn run(home: PathBuf, server: String) -> ExitCode {
    // SIGCONT does nothing to a process that runs, and lets one that stands still see the end of
    // its input. Where it cannot be had, such a process stays until somebody wakes it.
    let _ = set_parent_process_death_signal(Some(Signal::CONT));
    let gate = Gate::movable();
    let stage = home.parent().map(Path::to_path_buf).unwrap_or_default();
    let moved = gate.clone();
    std::thread::spawn(move || {
        obey(&moved);
        sweep(&stage);
        std::process::exit(1);
    });
    let options = Options {
        home: Home::at(home),
        server: Some(server),
        gate,
        console: true,
    };
    match noroshi_daemon::app::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("noroshi demo-server: not started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Moves the gate as the parent says, until the parent is gone.
fn obey(gate: &Gate) {
    for line in stdin().lock().lines() {
        let Ok(line) = line else { return };
        let mut words = line.split_whitespace();
        match words.next() {
            Some("cut") => {
                gate.heal();
                for word in words {
                    match word.parse() {
                        Ok(address) => gate.cut(address),
                        Err(_) => gate.cut_all(),
                    }
                }
            }
            _ => gate.heal(),
        }
        // A parent that does not listen any more ends the loop by itself.
        let _ = stdout().write_all(b"ok\n");
    }
}

/// Removes the demonstration's directory, and nothing else.
pub(super) fn sweep(stage: &Path) {
    let name = stage.file_name().and_then(|name| name.to_str());
    if !name.is_some_and(|name| name.starts_with(STAGE_PREFIX)) {
        return;
    }
    for _ in 0..SWEEPS_MAX {
        let _ = std::fs::remove_dir_all(stage);
        if !stage.exists() {
            return;
        }
        std::thread::sleep(SWEEP_PAUSE);
    }
}
