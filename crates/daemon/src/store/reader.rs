//! Reading the alert view: page by page, beside the writing.
//!
//! Each page is read over a connection of its own that lives for that page: SQLite's log lets it
//! see the last commit without holding up the next, and memory is used only while somebody reads.
//! On failure the caller gets words; the writing side is not touched.

use super::database::{self, STORE_FILE, length_of, log_of};
use super::row::{self, ALERT_COLUMNS, alert_columns, notice_columns};
use super::schema;
use noroshi_core::alert::{Alert, Severity};
use noroshi_core::notice::{NoticeKey, NoticeRecord};
use noroshi_core::time::WallTime;
use rusqlite::{Connection, OpenFlags, named_params};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Semaphore, watch};

/// Most alerts in one page; a greater limit is cut to it, and the caller asks for the next page.
pub const ALERTS_PAGE_MAX: u32 = 200;
/// Most pages read at a time; further readers wait their turn.
pub const READERS_MAX: usize = 2;

/// Which alerts are wanted. Without `after_row` the newest come first, with it the oldest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// How many at most; 0 and all beyond [`ALERTS_PAGE_MAX`] mean that.
    pub limit: u32,
    /// Only rows below this one: the next page backwards.
    pub before_row: Option<u64>,
    /// Only rows above this one, oldest first: to follow.
    pub after_row: Option<u64>,
    /// Only these severities and worse.
    pub severity_min: Option<Severity>,
    /// Only alerts that this server raised or that are about it.
    pub server: Option<String>,
    /// Only alerts of this module.
    pub module: Option<String>,
    /// Only alerts whose text holds this.
    pub text: Option<String>,
}

/// One line of the alert view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Its row in the store; rises, never used twice.
    pub row: u64,
    /// The alert.
    pub alert: Alert,
    /// When this server came to know it.
    pub received: WallTime,
    /// Its notices, each with how far it has come.
    pub notices: Vec<NoticeRecord>,
}

/// Why the alert view cannot be read at the moment, for people. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError(pub String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ReadError {}

/// Reads the alert view; cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    dir: Arc<Path>,
    gate: Arc<RwLock<()>>,
    places: Arc<Semaphore>,
    /// One at a time is looked up: each opens the file anew.
    lookups: Arc<Semaphore>,
    rows: watch::Receiver<u64>,
}

impl Reader {
    pub(super) fn new(dir: &Path, gate: Arc<RwLock<()>>, rows: watch::Receiver<u64>) -> Reader {
        Reader {
            dir: Arc::from(dir),
            gate,
            places: Arc::new(Semaphore::new(READERS_MAX)),
            lookups: Arc::new(Semaphore::new(1)),
            rows,
        }
    }

    /// Reads the store in `dir` while no daemon writes it.
    pub fn of_no_daemon(dir: &Path) -> Reader {
        let (_, rows) = watch::channel(0);
        Reader::new(dir, Arc::default(), rows)
    }

    /// Tells the row of the newest alert whenever there is a new one; 0 before the first.
    pub fn rows(&self) -> watch::Receiver<u64> {
        self.rows.clone()
    }

    /// Reads a page on a thread for blocking work.
    ///
    /// # Errors
    /// When there is no readable store, or the page is damaged.
    pub async fn alerts(&self, query: AlertQuery) -> Result<Vec<AlertRow>, ReadError> {
        let places = Arc::clone(&self.places);
        // Neither can fail in practice: the semaphore is never closed, the thread does not panic.
        let place = places
            .acquire_owned()
            .await
            .map_err(|error| ReadError(error.to_string()))?;
        let reader = self.clone();
        let read = move || {
            let _place = place;
            reader.alerts_blocking(&query)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| ReadError(error.to_string()))?
    }

    /// Reads a page on the calling thread, which must be one that may wait for a disk.
    ///
    /// # Errors
    /// When there is no readable store, or the page is damaged.
    pub fn alerts_blocking(&self, query: &AlertQuery) -> Result<Vec<AlertRow>, ReadError> {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let words = |error: rusqlite::Error| {
            ReadError(format!("{}: {error}", self.dir.join(STORE_FILE).display()))
        };
        page(&connect(&self.dir).map_err(words)?, query).map_err(words)
    }
}

impl Reader {
    /// How these notices stand, as far as they are kept; on a thread for blocking work.
    ///
    /// # Errors
    /// When there is no readable store, or it is damaged.
    pub async fn notices(&self, keys: Vec<NoticeKey>) -> Result<Vec<NoticeRecord>, ReadError> {
        let lookups = Arc::clone(&self.lookups);
        // As in `alerts`: never closed.
        let place = lookups
            .acquire_owned()
            .await
            .map_err(|error| ReadError(error.to_string()))?;
        let reader = self.clone();
        let read = move || {
            let _place = place;
            let _open = reader.gate.read().unwrap_or_else(PoisonError::into_inner);
            let read = |conn: Connection| {
                let ended = keys.iter().map(|key| notice_of(&conn, key));
                ended.filter_map(Result::transpose).collect()
            };
            connect(&reader.dir).and_then(read)
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(|error| ReadError(error.to_string()))?
            .map_err(|error| ReadError(error.to_string()))
    }
}

/// Opens the file in `dir` for reading only; on a read-only disk too, as far as the log allows.
pub(super) fn connect(dir: &Path) -> rusqlite::Result<Connection> {
    let file = dir.join(STORE_FILE);
    match try_connect(&file, OpenFlags::SQLITE_OPEN_READ_ONLY) {
        Ok(conn) => Ok(conn),
        // "Immutable" passes over the log, so it is right only where there is none.
        Err(_) if length_of(&log_of(&file)) == 0 => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            try_connect(&immutable_uri(&file), flags)
        }
        Err(error) => Err(error),
    }
}

fn try_connect(file: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    database::tame(&conn)?;
    schema::check_known(&conn)?;
    Ok(conn)
}

fn immutable_uri(file: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    PathBuf::from(uri)
}

fn page(conn: &Connection, query: &AlertQuery) -> rusqlite::Result<Vec<AlertRow>> {
    let limit = match query.limit {
        0 => ALERTS_PAGE_MAX,
        limit => limit.min(ALERTS_PAGE_MAX),
    };
    let number = |row: u64| i64::try_from(row).unwrap_or(i64::MAX);
    let after = query.after_row.map_or(0, number);
    let before = query.before_row.map_or(i64::MAX, number);
    let severities = match query.severity_min {
        None | Some(Severity::Info) => "'info', 'warning', 'error'",
        Some(Severity::Warning) => "'warning', 'error'",
        Some(Severity::Error) => "'error'",
    };
    let direction = if query.after_row.is_some() {
        "ASC"
    } else {
        "DESC"
    };
    let sql = format!(
        "SELECT a.row, {}, a.received_ms FROM alert a
         WHERE a.row > :after AND a.row < :before AND a.severity IN ({severities})
         AND (:server IS NULL OR a.server = :server OR a.about = :server)
         AND (:module IS NULL OR a.module = :module)
         AND (:text IS NULL OR instr(a.text, :text) > 0)
         ORDER BY a.row {direction} LIMIT :limit",
        alert_columns!()
    );
    // One transaction, so that alerts and notices are of one moment.
    let tx = conn.unchecked_transaction()?;
    let mut statement = tx.prepare(&sql)?;
    let mut rows = statement.query(named_params! {
        ":after": after,
        ":before": before,
        ":server": query.server,
        ":module": query.module,
        ":text": query.text,
        ":limit": limit,
    })?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        // A row that cannot be understood is passed over: one damaged alert must not hide the others.
        let (Ok(alert), Ok(received)) = (row::alert(row, 1), row.get(1 + ALERT_COLUMNS)) else {
            continue;
        };
        let number: i64 = row.get(0)?;
        let notices = notices_of(&tx, &alert)?;
        let received = WallTime(received);
        found.push(AlertRow {
            row: number.unsigned_abs(),
            alert,
            received,
            notices,
        });
    }
    Ok(found)
}

fn notice_of(conn: &Connection, key: &NoticeKey) -> rusqlite::Result<Option<NoticeRecord>> {
    let mut statement = conn.prepare_cached(concat!(
        "SELECT ",
        notice_columns!(),
        " FROM notice n WHERE n.alert = ?1 AND n.channel = ?2 AND n.recipient = ?3"
    ))?;
    let words = [&key.alert.0, row::channel_word(key.channel), &key.recipient];
    let mut rows = statement.query(words)?;
    let notice = match rows.next()? {
        Some(row) => row::notice(row, 0).ok(),
        None => None,
    };
    Ok(notice)
}

fn notices_of(conn: &Connection, alert: &Alert) -> rusqlite::Result<Vec<NoticeRecord>> {
    let mut statement = conn.prepare_cached(concat!(
        "SELECT ",
        notice_columns!(),
        " FROM notice n WHERE n.alert = ?1 ORDER BY n.row"
    ))?;
    let mut rows = statement.query([&alert.id.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(row::notice(row, 0));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::alert::AlertId;
    use noroshi_core::notice::Channel;
    use std::time::Duration;

    /// A store that hangs while it is opened again: questions of other servers must leave threads
    /// to the name service and to `sendmail`.
    ///
    /// Rule: M1 N9
    #[test]
    fn questions_to_a_disk_that_hangs_take_only_their_own_threads() {
        let dir = tempfile::tempdir().unwrap();
        let gate = Arc::new(RwLock::new(()));
        let (_rows, newest) = watch::channel(0);
        let reader = Reader::new(dir.path(), Arc::clone(&gate), newest);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(67)
            .build()
            .unwrap();
        let hangs = gate.write().unwrap();
        let free = runtime.block_on(async {
            for n in 0..100 {
                let (reader, alert) = (reader.clone(), AlertId(format!("a{n}")));
                let key = NoticeKey {
                    alert,
                    channel: Channel::Mail,
                    recipient: "ops@example.com".into(),
                };
                tokio::spawn(async move { reader.notices(vec![key]).await });
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            let name_service = tokio::task::spawn_blocking(|| ());
            tokio::time::timeout(Duration::from_secs(2), name_service)
                .await
                .is_ok()
        });
        drop(hangs);
        runtime.shutdown_background();
        assert!(free, "every thread waits for the disk");
    }
}
