//! A program in a node that ends with the node, or with us.

use noroshi_sim::rig::{Error, Fallible};
use std::process::{Child, ChildStdout, Command, Stdio};

/// What was started to enter the node; killed when dropped. The program itself ends with its node.
pub(super) struct Beside(Child);

impl Beside {
    /// Starts it; what it prints can be read from [`Beside::said`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(mut command: Command) -> Fallible<Beside> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => Ok(Beside(child)),
            Err(error) => Err(Error::doing(format!("{command:?}"), error)),
        }
    }

    /// What it prints, once.
    pub(super) fn said(&mut self) -> Option<ChildStdout> {
        self.0.stdout.take()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
