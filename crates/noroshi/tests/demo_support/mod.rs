//! Runs the demo in a temporary directory of its own, and looks for what it left behind.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long anything of a demo may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// `noroshi demo` with these arguments; everything it makes is in `tmp`.
pub(crate) fn demo(tmp: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_noroshi"));
    command
        .arg("demo")
        .args(arguments)
        .env_clear()
        .env("TMPDIR", tmp);
    command
}

/// Waits until `is_so`; panics with `what` when it does not come about.
pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The servers' processes of the demo in `tmp`.
pub(crate) fn servers(tmp: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended meanwhile.
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        if line.contains("demo-server") && line.contains(tmp.to_str().unwrap()) {
            found.push(pid);
        }
    }
    found
}

/// What lies in `tmp`.
pub(crate) fn left(tmp: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(tmp).unwrap().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Waits until no process and no file of the demo is left.
pub(crate) fn wait_for_nothing_left(tmp: &Path) {
    wait("the servers end", || servers(tmp).is_empty());
    wait("the directory is removed", || left(tmp).is_empty());
}
