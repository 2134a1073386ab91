//! The live view in a real terminal (tmux), driven by its keys.

mod demo_support;
mod terminal;

use demo_support::{wait, wait_for_nothing_left};
use terminal::{Terminal, has_tmux};

fn watch(width: &str, height: &str) {
    if !has_tmux() {
        return;
    }
    let (sockets, tmp) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let terminal = Terminal::open(sockets.path(), width, height);
    let command = format!(
        "TMPDIR={} {} --lang en demo; echo ended:$?",
        tmp.path().display(),
        env!("CARGO_BIN_EXE_noroshi")
    );
    terminal.keys(&[&command, "Enter"]);
    terminal.wait_for("all up");
    terminal.keys(&["3", "k"]);
    terminal.wait_for("RED BLINK");
    terminal.wait_for("DOWN  (killed)");
    terminal.wait_for("demo Server sv3 is down");
    terminal.keys(&["Enter"]);
    terminal.wait_for("Server concerned: sv3");
    terminal.keys(&["Escape"]);
    wait("the mail is closed", || {
        !terminal.screen().contains("Server concerned: sv3")
    });
    terminal.keys(&["b"]);
    terminal.wait_for("sv3 is back");
    // The red stays until somebody puts it out.
    terminal.wait_for("RED BLINK");
    terminal.keys(&["o"]);
    terminal.wait_for(" OUT");
    terminal.keys(&["l"]);
    terminal.wait_for("q 終了");
    terminal.keys(&["q"]);
    terminal.wait_for("ended:0");
    assert!(!terminal.screen().contains("終了"), "{}", terminal.screen());
    // Typed text is echoed again, on the ordinary screen.
    terminal.keys(&["stty -a | grep -c ' echo '", "Enter"]);
    terminal.wait_for("stty -a");
    wait_for_nothing_left(tmp.path());
    wait("the cursor is back", || {
        terminal
            .tmux(&["display-message", "-p", "#{cursor_flag}#{alternate_on}"])
            .is_some_and(|flags| flags.trim() == "10")
    });
}

/// Rule: N20
#[test]
fn keys_break_and_mend_a_cluster_at_80_by_24() {
    watch("80", "24");
}

#[test]
fn keys_break_and_mend_a_cluster_at_120_by_40() {
    watch("120", "40");
}
