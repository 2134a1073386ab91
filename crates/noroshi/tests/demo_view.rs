//! The live view in a real terminal (tmux), driven by its keys.

mod demo_support;

use demo_support::{wait, wait_for_nothing_left};
use std::path::Path;
use std::process::{Command, Stdio};

/// A terminal of its own; ended when dropped.
struct Terminal<'t> {
    tmp: &'t Path,
}

impl<'t> Terminal<'t> {
    /// A shell in a terminal of this size.
    fn open(tmp: &'t Path, width: &str, height: &str) -> Terminal<'t> {
        let terminal = Terminal { tmp };
        let shell = ["new-session", "-d", "-x", width, "-y", height, "sh"];
        assert!(terminal.tmux(&shell).is_some(), "tmux opens a terminal");
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("tmux")
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(self.tmp.join("tmux"))
            .args(arguments)
            .env_remove("TMUX")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    fn keys(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys"], keys].concat()).is_some());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).unwrap_or_default()
    }

    fn wait_for(&self, words: &str) {
        let what = format!("{words:?} on the screen");
        let end = std::time::Instant::now() + demo_support::LIMIT;
        while !self.screen().contains(words) {
            assert!(
                std::time::Instant::now() < end,
                "{what}:\n{}",
                self.screen()
            );
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

fn has_tmux() -> bool {
    if Command::new("tmux").arg("-V").output().is_ok() {
        return true;
    }
    assert!(
        std::env::var_os("NOROSHI_REQUIRE_ALL").is_none(),
        "tmux is not installed"
    );
    eprintln!("skipped: tmux is not installed");
    false
}

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
