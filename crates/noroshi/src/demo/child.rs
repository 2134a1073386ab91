//! One server's process: started, told about cuts, stopped, killed, and ended with us.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// How long a server may take to say that its gate is moved; it takes microseconds.
const MOVE_WAIT: Duration = Duration::from_millis(250);
/// Answers that nobody took yet; one comes for each line that was sent.
const ANSWERS_MAX: usize = 8;

/// The process of one server. Dropped, it is killed and reaped.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Child,
    orders: ChildStdin,
    answers: Receiver<()>,
    /// It stands still.
    pub(super) suspended: bool,
}

impl ServerProcess {
    /// Starts the server `name` in `home`; what it says on standard error goes into its log
    /// directory.
    ///
    /// # Errors
    /// When it cannot be started; nothing runs then.
    pub(super) fn start(home: &Path, name: &str) -> io::Result<ServerProcess> {
        let said = File::create(home.join("log").join("stderr"))?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["demo-server", "--home"])
            .arg(home)
            .args(["--server", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said)
            // Ctrl-C is for the demonstration, which ends its servers in order.
            .process_group(0)
            .spawn()?;
        let (Some(orders), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a child without its pipes"));
        };
        let (told, answers) = sync_channel(ANSWERS_MAX);
        std::thread::spawn(move || {
            for _ in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = told.try_send(());
            }
        });
        Ok(ServerProcess {
            child,
            orders,
            answers,
            suspended: false,
        })
    }

    /// Moves its gate, and returns when that is in force; a process that stands still obeys when
    /// it goes on.
    pub(super) fn move_gate(&mut self, state: &str) {
        while self.answers.try_recv().is_ok() {}
        // A process that has just ended needs no gate.
        let sent = self.orders.write_all(format!("{state}\n").as_bytes());
        if sent.is_ok() && !self.suspended {
            let _ = self.answers.recv_timeout(MOVE_WAIT);
        }
    }

    /// Lets it stand still, or go on.
    pub(super) fn suspend(&mut self, still: bool) {
        self.suspended = still;
        self.signal(if still { Signal::STOP } else { Signal::CONT });
    }

    /// Asks it to stop cleanly.
    pub(super) fn stop(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Kills it and waits until it is gone.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// How it ended, once it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    fn signal(&mut self, signal: Signal) {
        // Not reaped yet, so the number is still its own.
        if self.ended().is_none()
            && let Some(pid) = Pid::from_raw(self.child.id() as i32)
        {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
