//! `noroshi demo --plain`: stories on real processes, and nothing left behind however they end.

mod demo_support;

use demo_support::{demo, left, servers, wait, wait_for_nothing_left};
use std::path::Path;
use std::process::{Child, Stdio};

/// A busy machine is not what is tested here.
const PATIENT: &str = "5000";

/// The built-in story: a crash, a return, a clean stop, a cut network.
///
/// Rule: M3 M15 M16 M17 M18 N5 N11 N20
#[test]
fn the_built_in_story_comes_out_as_told_and_leaves_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let output = demo(tmp.path(), &["--plain", "--patience", PATIENT])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}\n{said}");
    assert_eq!(said, "");
    for words in [
        "all up",
        "sv3 is killed",
        "lamp of sv3: RED BLINK",
        "ops@example.com",
        "  console: http://127.",
        ":29003/set-up#",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(text.ends_with("as expected, 0 not\n"), "{text}");
    assert_eq!(left(tmp.path()), [""; 0]);
    assert_eq!(servers(tmp.path()), [0; 0]);
}

/// A story of the simulated world, on real processes.
///
/// Rule: M17 N2 N9
#[test]
fn a_written_story_passes_on_real_processes() {
    let tmp = tempfile::tempdir().unwrap();
    let story =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/server_loses_power.scn");
    let arguments = ["--script", story.to_str().unwrap(), "--patience", PATIENT];
    let output = demo(tmp.path(), &arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(left(tmp.path()), [""; 0]);
}

#[test]
fn a_story_that_does_not_come_true_fails_with_its_line() {
    let tmp = tempfile::tempdir().unwrap();
    let story = tmp.path().join("story");
    let text = "servers 1\nexpect lamp sv1 is green by 9s\nexpect lamp sv1 blinks red at 1s";
    std::fs::write(&story, text).unwrap();
    let output = demo(tmp.path(), &["--script", story.to_str().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("line 3: expect lamp sv1 blinks red at 1s: it shows green"),
        "{text}"
    );
    assert_eq!(left(tmp.path()), ["story"]);
}

#[test]
fn a_story_that_cannot_be_played_is_refused_before_the_start() {
    let tmp = tempfile::tempdir().unwrap();
    let story = tmp.path().join("story");
    for (text, words) in [
        (
            "title x\nat 3s sv2 explodes",
            "story: line 2: \"at 3s sv2 explodes\" is not understood",
        ),
        (
            "title x\nat 3s 20% loss on lan1\nat 4s disk sv1 fails",
            "story: line 2: \"at 3s 20% loss on lan1\": real processes",
        ),
        (
            "title x\nat 3s 20% loss on lan1\nat 4s disk sv1 fails",
            "story: line 3: \"at 4s disk sv1 fails\": real processes",
        ),
        ("clock sv1 5m ahead", "story: the demo's servers share"),
        ("servers 32", "1 to 9 servers"),
    ] {
        std::fs::write(&story, text).unwrap();
        let output = demo(tmp.path(), &["--script", story.to_str().unwrap()])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty());
        assert!(
            said.starts_with("noroshi demo: ") && said.contains(words),
            "{said}"
        );
    }
    let output = demo(tmp.path(), &["--script", "/nonexistent/story"]).output();
    assert_eq!(output.unwrap().status.code(), Some(5));
    assert_eq!(left(tmp.path()), ["story"]);
}

/// A demo in the middle of its story, with all its servers.
fn begun(tmp: &Path) -> Child {
    let mut command = demo(tmp, &["--plain"]);
    let child = command
        .stdout(Stdio::null())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    // They listen: before that they have not yet asked to be told when the demo is gone.
    wait("three servers", || {
        let pids = servers(tmp);
        pids.len() == 3 && sockets(tmp) == 3
    });
    child
}

/// How many servers listen for commands.
fn sockets(tmp: &Path) -> usize {
    let stage = std::fs::read_dir(tmp).unwrap().flatten();
    let homes = stage.flat_map(|stage| std::fs::read_dir(stage.path()).into_iter().flatten());
    let listens = |home: &std::fs::DirEntry| home.path().join("run/noroshi.sock").exists();
    homes.flatten().filter(listens).count()
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[test]
fn signals_end_it_in_order() {
    use rustix::process::Signal;
    for end in [Signal::TERM, Signal::INT, Signal::HUP] {
        let tmp = tempfile::tempdir().unwrap();
        let mut child = begun(tmp.path());
        signal(child.id(), end);
        assert_eq!(child.wait().unwrap().code(), Some(1));
        assert_eq!(left(tmp.path()), [""; 0], "{end:?}");
        assert_eq!(servers(tmp.path()), [0; 0], "{end:?}");
    }
}

/// Nobody is left to clean up but the servers, one of which stands still.
#[test]
fn killed_the_hard_way_it_still_leaves_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let mut child = begun(tmp.path());
    signal(servers(tmp.path())[0], rustix::process::Signal::STOP);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for_nothing_left(tmp.path());
}
