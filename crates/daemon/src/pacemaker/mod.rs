//! The way from Pacemaker on this host to the node, and back: reports from the agent, looks, done reports.
//!
//! *Use.* [`Pacemaker::start`]; it answers nothing unless the directory for Pacemaker is there, which
//! `noroshi engine setup corosync` makes. Then reports are taken from its disk and its socket, the driver asks
//! for looks ([`Pacemaker::look`]) and says which reports are done with ([`Pacemaker::forget`]).
//!
//! *Failure.* A socket that cannot be opened costs speed: the directory is read every half minute all the same. A
//! cluster that cannot be read is an event. A report that was handed over stays on disk until it is done with.

pub mod agent;
mod look;
pub mod registered;
pub mod spool;

use crate::home::Home;
use crate::inbox::{Inbox, room_for_peers};
use crate::log;
use noroshi_core::event::{Event, FromPacemaker};
use noroshi_core::pacemaker::Report;
use rustix::fs::Mode;
use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UnixDatagram;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// The socket in the directory for Pacemaker.
pub const SOCKET: &str = "events.sock";
/// The program that shows the cluster.
const PROGRAM: &str = "crm_mon";
/// How often the directory is read without having been poked.
const READ_EVERY: Duration = Duration::from_secs(30);
/// Datagrams that are taken at once; the rest follows in the next round.
const DRAINED_MAX: usize = 64;
/// Reports done with that wait for the disk; further ones stay there, and are known by their keys at the next
/// start.
const FORGOTTEN_MAX: usize = 2 * spool::FILES_MAX;

/// What is handed over and what is done with.
#[derive(Default)]
struct Books {
    handed: BTreeSet<String>,
    forgotten: Vec<String>,
}

/// The part of the daemon that speaks with Pacemaker.
pub(crate) struct Pacemaker {
    inbox: Inbox,
    books: Arc<Mutex<Books>>,
    wake: Arc<Notify>,
    task: JoinHandle<()>,
    registered: JoinHandle<()>,
}

impl Pacemaker {
    /// Starts it if its directory is there.
    pub(crate) fn start(home: &Home, inbox: Inbox) -> Option<Pacemaker> {
        let dir = home.pacemaker();
        if !dir.is_dir() {
            return None;
        }
        open_passage(&home.var());
        let socket = match open(&home.var(), &dir) {
            Ok(socket) => Some(socket),
            Err(error) => {
                let place = dir.join(SOCKET);
                let place = place.display();
                log::line(log::language().pick(
                    format!(
                        "cannot open {place}: {error}; Pacemaker's reports come half a minute late"
                    ),
                    format!(
                        "{place} を開けません: {error}。Pacemaker からの報告が 30 秒ほど遅れます"
                    ),
                ));
                None
            }
        };
        let books = Arc::new(Mutex::new(Books::default()));
        let wake = Arc::new(Notify::new());
        let registered = tokio::spawn(registered::watch(dir.clone(), inbox.clone()));
        let task = Task {
            dir,
            inbox: inbox.clone(),
            books: Arc::clone(&books),
            wake: Arc::clone(&wake),
            foreign_said: AtomicBool::new(false),
        };
        Some(Pacemaker {
            inbox,
            books,
            wake,
            task: tokio::spawn(task.run(socket)),
            registered,
        })
    }

    /// Looks at the cluster; the answer is an event.
    pub(crate) fn look(&self) {
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let seen = look::look(PROGRAM).await.map(Box::new);
            let _ = inbox.send(event(FromPacemaker::Looked(seen))).await;
        });
    }

    /// These reports are done with.
    pub(crate) fn forget(&self, keys: Vec<String>) {
        if let Ok(mut books) = self.books.lock() {
            let room = FORGOTTEN_MAX.saturating_sub(books.forgotten.len());
            books.forgotten.extend(keys.into_iter().take(room));
        }
        self.wake.notify_one();
    }
}

impl Drop for Pacemaker {
    fn drop(&mut self) {
        self.task.abort();
        self.registered.abort();
    }
}

struct Task {
    dir: PathBuf,
    inbox: Inbox,
    books: Arc<Mutex<Books>>,
    wake: Arc<Notify>,
    /// That others have put something there stands in the log.
    foreign_said: AtomicBool,
}

impl Task {
    async fn run(self, socket: Option<UnixDatagram>) {
        let _ = self.inbox.send(event(FromPacemaker::Begins)).await;
        let mut due = interval(READ_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bytes = vec![0; spool::FILE_BYTES_MAX + 1];
        // Before anything else: an earlier run may have told of what is there.
        self.read(FromPacemaker::Waited).await;
        loop {
            tokio::select! {
                received = receive(socket.as_ref(), &mut bytes) => match received {
                    // More pokes may wait: one reading is enough for all of them.
                    Ok(0) => {
                        let rest = drain(&mut bytes, |bytes| socket.as_ref()?.try_recv(bytes).ok());
                        self.read(FromPacemaker::Report).await;
                        for report in rest {
                            self.hand(FromPacemaker::Report(report)).await;
                        }
                    }
                    Ok(length) => if let Some(report) = spool::parse(&bytes[..length]) {
                        self.hand(FromPacemaker::Report(report)).await;
                    },
                    Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                },
                () = self.wake.notified() => self.remove().await,
                _ = due.tick() => {
                    self.tidy().await;
                    self.read(FromPacemaker::Report).await;
                }
            }
        }
    }

    /// Removes what agents left that were killed, or whose disk was too slow: it takes the places of reports.
    async fn tidy(&self) {
        let dir = self.dir.clone();
        let _ = tokio::task::spawn_blocking(move || spool::tidy(&dir)).await;
    }

    /// Takes what is new in the directory, as `what`.
    async fn read(&self, what: fn(Report) -> FromPacemaker) {
        let (dir, books) = (self.dir.clone(), Arc::clone(&self.books));
        let read = tokio::task::spawn_blocking(move || {
            let known = |key: &str| books.lock().is_ok_and(|books| books.handed.contains(key));
            (spool::read_all(&dir, known), spool::take_lost(&dir))
        });
        let Ok((waiting, lost)) = read.await else {
            return;
        };
        if lost > 0 {
            let _ = self.inbox.send(event(FromPacemaker::Lost(lost))).await;
        }
        match waiting {
            Err(error) => {
                let dir = self.dir.display();
                log::keep_line(format!("{dir}: {error}"));
            }
            Ok(waiting) => {
                for fault in waiting.faults {
                    log::line(format!("{}: {fault}", self.dir.display()));
                }
                if waiting.foreign > 0 && !self.foreign_said.swap(true, Ordering::Relaxed) {
                    log::line(foreign_words(&self.dir, waiting.foreign));
                }
                if let Ok(mut books) = self.books.lock() {
                    books.handed.extend(waiting.stuck);
                }
                for report in waiting.reports {
                    if let Ok(mut books) = self.books.lock() {
                        books.handed.insert(report.key());
                    }
                    self.hand(what(report)).await;
                }
            }
        }
    }

    /// A storm of reports takes no places of heartbeats.
    async fn hand(&self, report: FromPacemaker) {
        room_for_peers(&self.inbox).await;
        let _ = self.inbox.send(event(report)).await;
    }

    async fn remove(&self) {
        let keys = self
            .books
            .lock()
            .map(|mut books| std::mem::take(&mut books.forgotten))
            .unwrap_or_default();
        let (dir, done) = (self.dir.clone(), keys.clone());
        let removed = tokio::task::spawn_blocking(move || {
            done.iter().for_each(|key| spool::remove(&dir, key));
        });
        let _ = removed.await;
        if let Ok(mut books) = self.books.lock() {
            keys.iter().for_each(|key| {
                books.handed.remove(key);
            });
        }
    }
}

fn foreign_words(dir: &Path, count: usize) -> String {
    let dir = dir.display();
    log::language().pick(
        format!("{dir}: files that are none of Pacemaker's reports: {count}; they are left alone, and may be removed"),
        format!("{dir}: Pacemaker の報告ではないファイルが {count} 個あります。使用しないため、削除して構いません"),
    )
}

fn event(what: FromPacemaker) -> Event {
    Event::Pacemaker(Box::new(what))
}

async fn receive(socket: Option<&UnixDatagram>, bytes: &mut [u8]) -> io::Result<usize> {
    match socket {
        Some(socket) => socket.recv(bytes).await,
        None => std::future::pending().await,
    }
}

/// What else waits at the socket, [`DRAINED_MAX`] at most: pokes are dropped, reports kept. Whoever pokes without end
/// must not keep the daemon's one thread.
fn drain(bytes: &mut [u8], receive: impl Fn(&mut [u8]) -> Option<usize>) -> Vec<Report> {
    let mut reports = Vec::new();
    for _ in 0..DRAINED_MAX {
        let Some(length) = receive(bytes) else {
            break;
        };
        reports.extend(spool::parse(&bytes[..length]));
    }
    reports
}

/// Lets Pacemaker's user through the directory of our data to its own. systemd closes that again at each start where
/// the unit says so (StateDirectoryMode).
fn open_passage(var: &Path) {
    let opened = var.metadata().and_then(|found| {
        let mode = found.permissions().mode() & 0o7777;
        if mode & 0o001 != 0 {
            return Ok(());
        }
        Ok(rustix::fs::chmod(var, Mode::from_raw_mode(mode | 0o001))?)
    });
    if let Err(error) = opened {
        let place = var.display();
        log::line(log::language().pick(
            format!("{place} is closed to Pacemaker's user ({error}), so none of its events arrives: chmod o+x {place}"),
            format!("{place} を Pacemaker のユーザが通過できないため、イベントが届きません（{error}）。chmod o+x {place} を実行してください"),
        ));
    }
}

/// Opens the socket, in place of a dead daemon's one. Its directory is closed to all but Pacemaker's user and our
/// group, so the socket itself is open. It is made in `var`, where nobody but us can put something else in its
/// place before its mode is set.
fn open(var: &Path, dir: &Path) -> io::Result<UnixDatagram> {
    let new = var.join(format!(".{SOCKET}.new"));
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let opened = UnixDatagram::bind(&new)?;
    rustix::fs::chmod(&new, Mode::from_raw_mode(0o666))?;
    std::fs::rename(&new, dir.join(SOCKET)).inspect_err(|_| {
        // Nothing more can be done about a leftover than to try.
        let _ = std::fs::remove_file(&new);
    })?;
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net;

    /// Rule: N3
    #[tokio::test]
    async fn what_others_put_beside_the_socket_does_not_hinder_it() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("pacemaker");
        std::fs::create_dir_all(dir.join(format!(".{SOCKET}.new"))).unwrap();
        let victim = home.path().join("key");
        std::fs::write(&victim, "").unwrap();
        std::fs::set_permissions(&victim, PermissionsExt::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&victim, dir.join(SOCKET)).unwrap();
        let socket = open(home.path(), &dir).unwrap();
        let poke = net::UnixDatagram::unbound().unwrap();
        poke.send_to(b"", dir.join(SOCKET)).unwrap();
        assert_eq!(socket.recv(&mut [0; 8]).await.unwrap(), 0);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&victim), mode(&dir.join(SOCKET))), (0o600, 0o666));
    }

    /// Rule: N3
    #[test]
    fn pokes_without_end_are_taken_in_portions() {
        let report = br#"{"at_us":1,"sequence":2,"kind":"remote"}"#;
        let calls = std::cell::Cell::new(0);
        let endless = |bytes: &mut [u8]| {
            calls.set(calls.get() + 1);
            assert!(calls.get() <= 10 * DRAINED_MAX, "it does not end");
            bytes[..report.len()].copy_from_slice(report);
            Some(report.len())
        };
        assert_eq!(drain(&mut [0; 64], endless).len(), DRAINED_MAX);
        assert_eq!(drain(&mut [0; 64], |_| None), []);
    }
}
