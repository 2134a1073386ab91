//! One open database file: how it is opened, written, synced and kept small.
//!
//! A [`Database`] is used until its first fault that is not `Busy` or `Refused`, then dropped:
//! after a failed sync the kernel may have thrown the data away and call the next sync a success,
//! so nothing may be built on that connection again. Dropping it writes nothing
//! (`NO_CKPT_ON_CLOSE`). Each opening starts by copying the log into the database, synced, and
//! emptying it; so a log that was perhaps never synced whole has nothing acknowledged after it.

use super::fault::Fault;
use super::log::{self, LogPlace};
use super::schema;
use super::write::{self, TrimMarks};
use noroshi_core::action::Item;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The store's file in its directory.
pub const STORE_FILE: &str = "alerts.db";

/// SQLite's page cache in KiB for whoever reads.
const READ_CACHE_KIB: i64 = 64;
/// The same for the connection that writes: it holds the pages at the growing ends of all tables and indexes, so that a
/// transaction of many alerts reads and writes each once. With 64 the statements of 32 alerts in one transaction took twice
/// the processor time.
const WRITE_CACHE_KIB: i64 = 112;
/// Prepared statements kept; there are 14 that recur in writing.
const STATEMENTS_MAX: usize = 14;
/// How long a commit waits for an operator's `sqlite3` that holds the file, ms.
const BUSY_WAIT_MS: u64 = 1_000;
/// The log is copied into the database after this many commits…
const CHECKPOINT_COMMITS: u32 = 64;
/// …or this many items: about 1 MB of log, copied again at most once after a crash.
const CHECKPOINT_ITEMS: usize = 1_024;
/// The log file is cut to this size in bytes when it starts anew, should a reader have held it up.
const LOG_BYTES_MAX: i64 = 4 << 20;
/// How much of the log's file is laid out when the store is opened: what is written until it is copied for the first
/// time. A commit into room that the file system need not make first takes half as long.
const LOG_BYTES_LAID: usize = 1 << 20;
/// A disk with less room than this many times as much keeps it.
const LOG_ROOM: u64 = 64;
/// No database is smaller: the smallest page that SQLite knows.
pub(super) const FILE_BYTES_MIN: u64 = 512;
/// No row number gets here (a million alerts a second for 285 years): past it, it is damaged.
const ROW_MAX: i64 = 1 << 53;

/// Row numbers of alert and notice, each the last that was handed out.
pub(super) type LastRows = (i64, i64);

/// An open database file.
pub(super) struct Database {
    /// Its connection; the only one that writes.
    pub(super) conn: Connection,
    file: PathBuf,
    identity: [Identity; 2],
    marks: TrimMarks,
    commits: u32,
    items: usize,
    last: LastRows,
}

/// Which file on which device a path leads to.
type Identity = (u64, u64);

impl Database {
    /// Opens or creates the file in `dir`. `after_fault`: an earlier connection failed, so an
    /// outside reader that keeps the log from being emptied is a fault too. Row numbers go on after
    /// `floor`.
    pub(super) fn open(dir: &Path, after_fault: bool, floor: LastRows) -> Result<Database, Fault> {
        let file = dir.join(STORE_FILE);
        prepare_files(dir, &file)?;
        let fault = |error: rusqlite::Error| Fault::opening(&file, &error);
        let mut conn = connect(&file).map_err(fault)?;
        if conn.is_readonly("main").map_err(fault)? {
            // It was just opened for writing, so it is the file's header that says so.
            return Err(Fault::Damaged(format!(
                "{}: has a strange header",
                file.display()
            )));
        }
        set_modes(&conn).map_err(fault)?;
        schema::bring_forward(&mut conn, &file)?;
        let busy: bool = conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(fault)?;
        if busy && after_fault {
            return Err(Fault::Lost(format!(
                "{}: another program reads it and keeps it from being mended",
                file.display()
            )));
        }
        if !busy {
            lay_out_log(&file);
        }
        check_length(&conn, &file)?;
        raise_rows(&conn, floor).map_err(fault)?;
        let last = last_rows(&conn, &file)?;
        let identity = identities(&file).map_err(|error| Fault::io(&file, &error))?;
        sync_dir(dir)?;
        let marks = TrimMarks::default();
        Ok(Database {
            conn,
            file,
            identity,
            marks,
            commits: 0,
            items: 0,
            last,
        })
    }

    /// Writes `items` and trims, in one synced transaction.
    pub(super) fn commit<'a>(
        &mut self,
        items: impl Iterator<Item = &'a Item>,
        records_max: u32,
    ) -> Result<(), Fault> {
        let (marks, last, added) = self
            .transact(items, records_max)
            .map_err(|error| Fault::of(&self.file, &error))?;
        // Somebody may have moved or removed the files under our feet; SQLite would write on into
        // files without a name, and all of it would be gone at the next start.
        match identities(&self.file) {
            Ok(found) if found == self.identity => {}
            _ => {
                let file = self.file.display();
                return Err(Fault::Lost(format!("{file}: was removed or replaced")));
            }
        }
        self.marks = marks;
        self.last = last;
        self.commits += 1;
        self.items += added;
        Ok(())
    }

    fn transact<'a>(
        &mut self,
        items: impl Iterator<Item = &'a Item>,
        records_max: u32,
    ) -> rusqlite::Result<(TrimMarks, LastRows, usize)> {
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut added = 0;
        for item in items {
            write::apply(&tx, item)?;
            added += 1;
        }
        let last = write::last_rows(&tx)?;
        let marks = write::trim(&tx, records_max, added, last, self.marks)?;
        tx.commit()?;
        Ok((marks, last, added))
    }

    /// Notes up to where a server's log is known here, in a synced transaction of its own.
    pub(super) fn put_place(&mut self, server: &str, place: &LogPlace) -> Result<(), Fault> {
        self.commits += 1;
        log::put_place(&self.conn, server, place).map_err(|error| Fault::of(&self.file, &error))
    }

    /// Copies the log into the database when it has grown. Apart from [`Database::commit`] so that
    /// nobody waits for it, and by hand because SQLite's own way hides a failed sync.
    pub(super) fn checkpoint(&mut self) -> Result<(), Fault> {
        if self.commits < CHECKPOINT_COMMITS && self.items < CHECKPOINT_ITEMS {
            return Ok(());
        }
        (self.commits, self.items) = (0, 0);
        self.conn
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(|error| Fault::of(&self.file, &error))
    }

    /// The last row numbers handed out.
    pub(super) fn last(&self) -> LastRows {
        self.last
    }
}

/// Fills the emptied log with zeros, synced. Zeros are no log: SQLite reads one up to the first frame with page number
/// 0 or another checksum (file format 4.1 and 4.2), so a crash at any moment changes nothing. Without this room the
/// store is slower, nothing else, so what fails is not said.
fn lay_out_log(file: &Path) {
    let log = log_of(file);
    let room = file.parent().and_then(|dir| rustix::fs::statvfs(dir).ok());
    let room = room.map_or(0, |of| of.f_bavail.saturating_mul(of.f_frsize));
    if room < LOG_ROOM * LOG_BYTES_LAID as u64 || length_of(&log) > 0 {
        return;
    }
    let Ok(mut handle) = fs::OpenOptions::new().write(true).open(&log) else {
        return;
    };
    let piece = [0; 16 << 10];
    let laid = (0..LOG_BYTES_LAID / piece.len()).try_for_each(|_| handle.write_all(&piece));
    if laid.and_then(|()| handle.sync_all()).is_err() {
        let _ = handle.set_len(0);
    }
}

/// The log beside a database file.
pub(super) fn log_of(file: &Path) -> PathBuf {
    beside(file, "-wal")
}

/// `file` with `suffix` after its name.
pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes sure that the names in `dir` survive a power cut.
pub(super) fn sync_dir(dir: &Path) -> Result<(), Fault> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| Fault::io(dir, &error))
}

/// Directory 0700 and file 0600, before SQLite gives its other files the same mode. An existing
/// directory keeps its mode: it is the administrator's.
fn prepare_files(dir: &Path, file: &Path) -> Result<(), Fault> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Fault::io(dir, &error))?;
    let length = length_of(file);
    if length > 0 && length < FILE_BYTES_MIN || length == 0 && length_of(&log_of(file)) > 0 {
        // SQLite would take it for a new file and delete the log without a word.
        return Err(Fault::Damaged(format!("{}: is cut off", file.display())));
    }
    let open = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file);
    let handle = open.map_err(|error| Fault::io(file, &error))?;
    let meta = handle.metadata().map_err(|error| Fault::io(file, &error))?;
    if meta.permissions().mode() & 0o077 != 0 {
        handle
            .set_permissions(Permissions::from_mode(0o600))
            .map_err(|error| Fault::io(file, &error))?;
    }
    Ok(())
}

/// Length of a file in bytes; 0 when there is none.
pub(super) fn length_of(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |meta| meta.len())
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags)?;
    conn.busy_timeout(Duration::from_millis(BUSY_WAIT_MS))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    tame(&conn)?;
    conn.pragma_update(None, "cache_size", -WRITE_CACHE_KIB)?;
    Ok(conn)
}

/// What every connection of ours has set, reading or writing: little memory, no trust in the file,
/// and nothing written or deleted when it is closed.
pub(super) fn tame(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.pragma_update(None, "cache_size", -READ_CACHE_KIB)?;
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)
}

fn set_modes(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)
}

/// Finds a file that was cut off; a whole check of 100,000 alerts would take too long to be able to
/// send again in time, and other damage is found when the page is read.
fn check_length(conn: &Connection, file: &Path) -> Result<(), Fault> {
    let fault = |error: rusqlite::Error| Fault::opening(file, &error);
    let pages: u64 = conn
        .query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0))
        .map_err(fault)? as u64;
    let page_bytes: u64 = conn
        .query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))
        .map_err(fault)? as u64;
    let length = fs::metadata(file)
        .map_err(|error| Fault::io(file, &error))?
        .len();
    if length < pages * page_bytes {
        return Err(Fault::Damaged(format!("{}: is cut off", file.display())));
    }
    Ok(())
}

/// Lets row numbers go on after `floor` in a file that was begun anew.
fn raise_rows(conn: &Connection, floor: LastRows) -> rusqlite::Result<()> {
    for (table, last) in [("alert", floor.0), ("notice", floor.1)] {
        if last > 0 {
            conn.execute(
                "DELETE FROM sqlite_sequence WHERE name = ?1 AND seq < ?2",
                rusqlite::params![table, last],
            )?;
            conn.execute(
                "INSERT INTO sqlite_sequence(name, seq) SELECT ?1, ?2
                 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)",
                rusqlite::params![table, last],
            )?;
        }
    }
    Ok(())
}

fn last_rows(conn: &Connection, file: &Path) -> Result<LastRows, Fault> {
    let fault = |error: rusqlite::Error| Fault::opening(file, &error);
    let last = write::last_rows(conn).map_err(fault)?;
    let handed_out: i64 = conn
        .query_row(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence",
            [],
            |row| row.get(0),
        )
        .map_err(fault)?;
    if last.0.max(last.1).max(handed_out) > ROW_MAX || last.0.min(last.1) < 0 {
        return Err(Fault::Damaged(format!(
            "{}: has impossible row numbers",
            file.display()
        )));
    }
    Ok(last)
}

fn identities(file: &Path) -> io::Result<[Identity; 2]> {
    let identity = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
    Ok([identity(file)?, identity(&log_of(file))?])
}
