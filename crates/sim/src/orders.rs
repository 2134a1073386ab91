//! Orders to a simulated device that is at work: new faults, and the wait until they are in force.

use std::io;
use tokio::sync::{mpsc, oneshot};

/// New faults, and who waits until they are in force.
pub(crate) type Change<Faults> = (Faults, oneshot::Sender<io::Result<()>>);

/// The way to a device's task.
#[derive(Debug)]
pub(crate) struct Orders<Faults> {
    changes: mpsc::Sender<Change<Faults>>,
    /// What it is, for whoever asks after its end.
    device: &'static str,
}

impl<Faults> Orders<Faults> {
    /// A way for one order at a time, and its end, for the task.
    pub(crate) fn to(device: &'static str) -> (Orders<Faults>, mpsc::Receiver<Change<Faults>>) {
        let (changes, end) = mpsc::channel(1);
        (Orders { changes, device }, end)
    }

    /// Hands new faults over and waits until they are in force.
    ///
    /// # Errors
    /// What the device says of them, or that it has ended.
    pub(crate) async fn give(&self, faults: Faults) -> io::Result<()> {
        let (done, wait) = oneshot::channel();
        let gone = || io::Error::other(format!("{} has ended", self.device));
        self.changes
            .send((faults, done))
            .await
            .map_err(|_| gone())?;
        wait.await.map_err(|_| gone())?
    }
}
