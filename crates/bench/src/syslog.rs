//! A syslog socket of the bench's own: takes every line and throws it away.

use noroshi_sim::rig::Fallible;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) struct Syslog {
    path: PathBuf,
    dir: tempfile::TempDir,
    lines: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Syslog {
    /// Opens the socket in a directory of its own.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn open() -> Fallible<Syslog> {
        let dir = tempfile::Builder::new().prefix("noroshi-").tempdir()?;
        let path = dir.path().join("log");
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let (lines, ended) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (count, stop) = (lines.clone(), ended.clone());
        let thread = std::thread::spawn(move || {
            let mut line = [0; 8192];
            while !stop.load(Ordering::Relaxed) {
                if socket.recv(&mut line).is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Ok(Syslog {
            path,
            dir,
            lines,
            ended,
            thread: Some(thread),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A directory for other small things of the same life.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Lines that came so far.
    pub(crate) fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
