//! Where one server's noroshi keeps its things.
//!
//! Every command finds the daemon by its [`Home`]: a directory given by `--home` or
//! `NOROSHI_HOME`, or else the default places of a host. One server has one home. A second daemon
//! in the same home would send every notice twice and write into the first one's store, so the
//! daemon holds a lock in `run/` while it lives ([`Home::lock`]); the kernel drops it with the
//! process, however that ends, so no stale lock can keep a daemon from starting.

pub mod beside;
pub mod key;
pub mod secret;

use noroshi_core::text::Language;
use rustix::fs::Mode;
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Environment variable that names a home, as `--home` does.
pub const HOME_VARIABLE: &str = "NOROSHI_HOME";

/// Attempts at the lock: [`Home::is_locked`] of a command holds it shared for some microseconds,
/// which must not be taken for another daemon.
const LOCK_ATTEMPTS: u32 = 5;
/// Pause between two attempts at the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Where one server's noroshi keeps its things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: Option<PathBuf>,
}

impl Home {
    /// A home with everything below `root`: `etc/`, `var/`, `log/`, `run/`.
    pub fn at(root: impl Into<PathBuf>) -> Home {
        Home {
            root: Some(root.into()),
        }
    }

    /// The default places of a host: `/etc/noroshi`, `/var/lib/noroshi`, `/var/log/noroshi`,
    /// `/run/noroshi`.
    pub fn of_host() -> Home {
        Home { root: None }
    }

    /// The home that `--home` names, else `NOROSHI_HOME`, else the default places. An empty name
    /// counts as none.
    pub fn choose(option: Option<PathBuf>) -> Home {
        let root = option
            .or_else(|| std::env::var_os(HOME_VARIABLE).map(PathBuf::from))
            .filter(|root| !root.as_os_str().is_empty());
        Home { root }
    }

    /// The directory that everything is below, unless these are the default places.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Directory of the settings.
    pub fn etc(&self) -> PathBuf {
        self.place("etc", "/etc/noroshi")
    }

    /// The settings.
    pub fn conf(&self) -> PathBuf {
        self.etc().join("clp.conf")
    }

    /// The cluster key.
    pub fn key(&self) -> PathBuf {
        self.etc().join("cluster.key")
    }

    /// Directory of what must survive a restart: the alert store.
    pub fn var(&self) -> PathBuf {
        self.place("var", "/var/lib/noroshi")
    }

    /// Directory for Pacemaker's reports; only where the service is set up beside Pacemaker.
    pub fn pacemaker(&self) -> PathBuf {
        self.var().join("pacemaker")
    }

    /// Directory of the logs.
    pub fn log(&self) -> PathBuf {
        self.place("log", "/var/log/noroshi")
    }

    /// How much each part writes into the log.
    pub fn log_levels(&self) -> PathBuf {
        self.var().join("log.levels")
    }

    /// Directory of what lives as long as the daemon: socket and lock.
    pub fn run(&self) -> PathBuf {
        self.place("run", "/run/noroshi")
    }

    /// The daemon's command socket.
    pub fn socket(&self) -> PathBuf {
        self.run().join("noroshi.sock")
    }

    /// The lock file; holds the process id of the daemon.
    pub fn lock_file(&self) -> PathBuf {
        self.run().join("noroshi.lock")
    }

    /// Makes `var/`, `log/` and `run/`, closed to others, where they are missing. `etc/` is the
    /// administrator's and is not made.
    ///
    /// A full or read-only disk is no reason not to start: the store then says what it lacks.
    ///
    /// # Errors
    /// When one of them cannot be made for another reason, or `run/` for any; the text names it.
    /// Those made before it remain.
    pub fn prepare(&self) -> io::Result<()> {
        for place in [self.var(), self.log(), self.run()] {
            let made = DirBuilder::new().recursive(true).mode(0o750).create(&place);
            match made {
                Err(error) if is_disk_trouble(&error) && place != self.run() => {}
                Err(error) => {
                    let text = format!("cannot make {}: {error}", place.display());
                    return Err(io::Error::new(error.kind(), text));
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Takes this home for the calling process: the directory `run/` itself, which needs no room on
    /// any disk, and the lock file in it, which tells commands and people the process. On a full or
    /// read-only disk the latter is done without.
    ///
    /// # Errors
    /// [`LockError::Held`] when another daemon has it, [`LockError::Io`] when directory or file cannot
    /// be opened. Nothing is changed in both cases.
    pub fn lock(&self) -> Result<HomeLock, LockError> {
        let path = self.lock_file();
        let io = |error| LockError::Io {
            path: path.clone(),
            error,
        };
        let dir = File::open(self.run()).map_err(io)?;
        if !taken(&dir).map_err(io)? {
            return Err(self.held());
        }
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .open(&path);
        let file = match opened {
            Ok(mut file) => {
                if !taken(&file).map_err(io)? {
                    return Err(self.held());
                }
                // The number is for people; the lock holds without it.
                let _ = file
                    .set_len(0)
                    .and_then(|()| writeln!(file, "{}", std::process::id()));
                Some(file)
            }
            Err(error) if is_disk_trouble(&error) => None,
            Err(error) => return Err(io(error)),
        };
        Ok(HomeLock {
            _dir: dir,
            _file: file,
        })
    }

    fn held(&self) -> LockError {
        let path = self.lock_file();
        let mut pid = String::new();
        let read = File::open(&path).and_then(|file| file.take(20).read_to_string(&mut pid));
        let pid = read.ok().and_then(|_| pid.trim().parse().ok());
        LockError::Held { path, pid }
    }

    /// Whether a daemon lives in this home. What cannot be opened counts as free.
    pub fn is_locked(&self) -> bool {
        [self.lock_file(), self.run()].iter().any(|path| {
            File::open(path)
                .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
        })
    }

    /// Opens the command socket for owner and group (mode 0660), in place of a dead daemon's one.
    /// The lock proves that no living daemon's socket is replaced.
    ///
    /// # Errors
    /// When the socket cannot be made, such as for a path over 107 bytes; the text names it.
    pub fn listen(&self, _lock: &HomeLock) -> io::Result<UnixListener> {
        let socket = self.socket();
        // Made under another name first: at no moment does the real name lack its mode.
        let new = socket.with_extension("new");
        let made = (|| {
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&new)?;
            rustix::fs::chmod(&new, Mode::from_raw_mode(0o660))?;
            std::fs::rename(&new, &socket)?;
            Ok(listener)
        })();
        made.map_err(|error: io::Error| {
            io::Error::new(
                error.kind(),
                format!(
                    "cannot open the command socket {}: {error}",
                    socket.display()
                ),
            )
        })
    }

    fn place(&self, below: &str, of_host: &str) -> PathBuf {
        match &self.root {
            Some(root) => root.join(below),
            None => PathBuf::from(of_host),
        }
    }
}

/// Holds a home for one daemon; dropped with the process at the latest.
#[derive(Debug)]
pub struct HomeLock {
    _dir: File,
    _file: Option<File>,
}

/// Takes the lock of `file`; false when somebody else keeps it.
fn taken(file: &File) -> io::Result<bool> {
    let mut attempt = 1;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => {
                attempt += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// A disk that is full or can only be read: the service goes on without what it would have written.
pub fn is_disk_trouble(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::QuotaExceeded
    )
}

/// Why a home could not be taken.
#[derive(Debug)]
pub enum LockError {
    /// Another daemon has it.
    Held {
        /// The lock file.
        path: PathBuf,
        /// The other daemon's process, if the file tells it.
        pid: Option<u32>,
    },
    /// The lock file cannot be used.
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl LockError {
    /// Who has it, or what is wrong, for people.
    pub fn text(&self, language: Language) -> String {
        match self {
            LockError::Held { path, pid } => {
                let process = language.pick("process", "プロセス");
                let pid = pid.map_or_else(String::new, |pid| format!(" ({process} {pid})"));
                let path = path.display();
                language.pick(
                    format!("the alert service is already running{pid}: it holds {path}"),
                    format!("アラートサービスは既に動作しています{pid}: {path} を保持しています"),
                )
            }
            LockError::Io { path, error } => {
                let path = path.display();
                language.pick(
                    format!("cannot lock {path}: {error}"),
                    format!("{path} をロックできません: {error}"),
                )
            }
        }
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Language::En))
    }
}

impl std::error::Error for LockError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        home.prepare().unwrap();
        (dir, home)
    }

    #[test]
    fn everything_is_below_the_root_or_in_the_default_places() {
        let home = Home::at("/srv/a");
        assert_eq!(home.conf(), Path::new("/srv/a/etc/clp.conf"));
        assert_eq!(home.key(), Path::new("/srv/a/etc/cluster.key"));
        assert_eq!(home.socket(), Path::new("/srv/a/run/noroshi.sock"));
        assert_eq!(Home::of_host().var(), Path::new("/var/lib/noroshi"));
        assert_eq!(Home::of_host().log(), Path::new("/var/log/noroshi"));
        assert_eq!(
            Home::choose(Some(PathBuf::from("/srv/b"))).run(),
            Path::new("/srv/b/run")
        );
        assert_eq!(Home::choose(Some(PathBuf::new())), Home::of_host());
    }

    #[test]
    fn two_daemons_in_one_home_are_refused() {
        let (_dir, home) = home();
        assert!(!home.is_locked());
        let first = home.lock().unwrap();
        assert!(home.is_locked());
        match home.lock() {
            Err(LockError::Held { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        assert!(!home.is_locked());
        home.lock().unwrap();
    }

    /// Rule: N20
    #[test]
    fn the_directory_is_locked_too_and_a_file_alone_is_enough_to_be_refused() {
        let (_dir, home) = home();
        let first = home.lock().unwrap();
        std::fs::remove_file(home.lock_file()).unwrap();
        assert!(home.is_locked());
        assert!(matches!(
            home.lock(),
            Err(LockError::Held { pid: None, .. })
        ));
        drop(first);
        // A daemon of an earlier release holds the file alone.
        let file = File::create(home.lock_file()).unwrap();
        file.try_lock().unwrap();
        assert!(matches!(home.lock(), Err(LockError::Held { .. })));
        assert!(home.is_locked());
    }

    #[test]
    fn a_dead_daemons_socket_is_replaced_and_closed_to_others() {
        let (_dir, home) = home();
        let lock = home.lock().unwrap();
        drop(home.listen(&lock).unwrap());
        let _listener = home.listen(&lock).unwrap();
        let mode = std::fs::metadata(home.socket())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o660);
        std::os::unix::net::UnixStream::connect(home.socket()).unwrap();
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("x".repeat(120)));
        home.prepare().unwrap();
        let error = home.listen(&home.lock().unwrap()).unwrap_err().to_string();
        assert!(error.contains("noroshi.sock"), "{error}");
    }
}
