//! The benches beside Corosync and Pacemaker run to their ends, with few runs and without their bounds (root).
//!
//! What they measure on a busy machine says nothing; that they still find what they measure does.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Three rings at once would miss each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs a bench, unless what it takes is missing here.
fn smoke(words: &[&str]) {
    let bench = Path::new(env!("CARGO_BIN_EXE_noroshi-bench"));
    let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
    if !bench.with_file_name("noroshi").is_file() {
        assert!(
            !required,
            "NOROSHI_REQUIRE_ALL is set, but noroshi is not built"
        );
        eprintln!("skipped: noroshi is not built");
        return;
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(bench)
        .args(words)
        .arg("--smoke")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lacks = said.contains("is missing") || said.contains("need root");
    if lacks && !required {
        eprintln!("skipped: {said}");
        return;
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
}

#[test]
fn calls_of_the_agent_are_measured() {
    smoke(&["agent", "events", "--runs", "20"]);
}

#[test]
fn a_verdict_of_a_real_ring_is_measured_beside_the_other_notices() {
    smoke(&["ring", "--runs", "1"]);
}

#[test]
fn the_memory_beside_a_real_corosync_is_measured() {
    smoke(&["memory-ring"]);
}
