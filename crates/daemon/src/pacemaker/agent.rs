//! The alert agent's side: hands one report over and is gone.
//!
//! Pacemaker starts the agent for each event, as its own user, and does not wait for it; but it kills one that
//! lasts. So everything here ends within [`HAND_OVER_MAX`], whatever disk and daemon do. The report goes to
//! disk first: then it is safe, and the daemon is only poked. If the disk does not take it, the daemon is handed
//! the report itself.

use super::{SOCKET, spool};
use noroshi_core::pacemaker::Report;
use std::fmt;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// All that one call may take.
pub const HAND_OVER_MAX: Duration = Duration::from_secs(1);
/// How much of it the disk has.
const DISK_WAIT: Duration = Duration::from_millis(800);

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// It is on disk; the daemon takes it now, or at its start.
    OnDisk,
    /// The disk did not take it, the daemon did.
    ToDaemon,
}

/// Why a report is lost.
#[derive(Debug)]
pub struct Lost {
    disk: String,
    daemon: io::Error,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lost { disk, daemon } = self;
        write!(f, "not kept ({disk}) and not handed over ({daemon})")
    }
}

/// Hands a report over to the daemon of the home whose directory for Pacemaker is `dir`.
///
/// # Errors
/// When neither disk nor daemon took it; it is counted as lost if the directory can be written at all.
pub fn hand_over(dir: &Path, report: &Report) -> Result<Handed, Lost> {
    let (done, written) = mpsc::sync_channel(1);
    let (to, what) = (dir.to_path_buf(), report.clone());
    // A disk that hangs keeps its thread; the process ends without it.
    std::thread::spawn(move || done.send(spool::write(&to, &what)));
    let disk = match written.recv_timeout(DISK_WAIT) {
        Ok(Ok(())) => {
            // Nobody there: it waits.
            let _ = send(dir, b"");
            return Ok(Handed::OnDisk);
        }
        Ok(Err(spool::Refused::Full)) => format!("{} wait already", spool::FILES_MAX),
        Ok(Err(spool::Refused::Io(error))) => error.to_string(),
        Err(_) => format!("no answer within {} ms", DISK_WAIT.as_millis()),
    };
    let bytes = serde_json::to_vec(report).unwrap_or_default();
    send(dir, &bytes)
        .map(|()| Handed::ToDaemon)
        .map_err(|daemon| {
            let to = dir.to_path_buf();
            let (done, counted) = mpsc::sync_channel(1);
            std::thread::spawn(move || done.send(spool::count_lost(&to)));
            let _ = counted.recv_timeout(HAND_OVER_MAX - DISK_WAIT - Duration::from_millis(100));
            Lost { disk, daemon }
        })
}

/// Never waits: a daemon whose queue is full has been poked.
fn send(dir: &Path, bytes: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to(bytes, dir.join(SOCKET)).map(|_| ())
}
