//! A real terminal (tmux) for tests, driven by its keys.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a test waits for words on the screen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether there is tmux; says so where not, and fails where nothing may be skipped.
pub(crate) fn has_tmux() -> bool {
    let found = Command::new("tmux").arg("-V").output().is_ok();
    if !found {
        noroshi_sim::skipped("tmux is not installed");
    }
    found
}

/// A terminal of its own; ended when dropped.
pub(crate) struct Terminal<'t> {
    tmp: &'t Path,
}

impl<'t> Terminal<'t> {
    /// A shell in a terminal of this many columns and rows; `tmp` is a directory for its socket.
    pub(crate) fn open(tmp: &'t Path, columns: &str, rows: &str) -> Terminal<'t> {
        let terminal = Terminal { tmp };
        let shell = ["new-session", "-d", "-x", columns, "-y", rows, "sh"];
        assert!(terminal.tmux(&shell).is_some(), "tmux opens a terminal");
        terminal
    }

    pub(crate) fn tmux(&self, arguments: &[&str]) -> Option<String> {
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

    /// Presses keys, each by its name in tmux, such as `Enter`, or as words to be typed.
    pub(crate) fn keys(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys"], keys].concat()).is_some());
    }

    /// Types `text` to the letter, then Enter.
    #[allow(dead_code, reason = "each test file uses its part")]
    pub(crate) fn line(&self, text: &str) {
        self.keys(&["-l", text]);
        self.keys(&["Enter"]);
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).unwrap_or_default()
    }

    pub(crate) fn wait_for(&self, words: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.screen().contains(words) {
            assert!(
                Instant::now() < end,
                "{words:?} on the screen:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
