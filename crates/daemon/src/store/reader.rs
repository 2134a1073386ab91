//! Reading the alert view: page by page, beside the writing.
//!
//! Each page is read over a connection of its own that lives for that page: SQLite's log lets it
//! see the last commit without holding up the next, and memory is used only while somebody reads.
//! On failure the caller gets words; the writing side is not touched.

use super::database::{self, STORE_FILE, length_of, log_of};
use super::figures::{self, AlertFigures, FiguresQuery};
use super::log::LOG_READS_MAX;
use super::row::{self, notice_columns};
use super::schema;
use super::search;
use noroshi_core::alert::{Acknowledgement, Alert, AlertId, Severity};
use noroshi_core::notice::{Delivery, NoticeKey, NoticeRecord};
use noroshi_core::time::WallTime;
use rusqlite::{Connection, OpenFlags};
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
    /// Only alerts whose text holds this, in any case of letters; it is no pattern.
    pub text: Option<String>,
    /// Only what happened at this time or later.
    pub since: Option<WallTime>,
    /// Only what happened before this time.
    pub until: Option<WallTime>,
    /// Only alerts whose notices stand so.
    pub delivery: Option<Delivery>,
    /// Only the alert of this name.
    pub id: Option<AlertId>,
}

/// What one look at the alert view found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertPage {
    /// The alerts, in the query's order.
    pub rows: Vec<AlertRow>,
    /// The row to go on from, as `before_row` or `after_row`; `None` when nothing is left. With fewer
    /// alerts than asked for the work was bounded ([`LOOK_MAX`](super::LOOK_MAX)), and there may be more.
    pub next: Option<u64>,
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
    /// Who sees to it.
    pub acknowledgement: Option<Acknowledgement>,
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
    pub(super) dir: Arc<Path>,
    pub(super) gate: Arc<RwLock<()>>,
    places: Arc<Semaphore>,
    /// One at a time is looked up: each opens the file anew.
    lookups: Arc<Semaphore>,
    /// [`super::LOG_READS_MAX`] for other servers.
    pub(super) log_reads: Arc<Semaphore>,
    rows: watch::Receiver<u64>,
}

impl Reader {
    pub(super) fn new(dir: &Path, gate: Arc<RwLock<()>>, rows: watch::Receiver<u64>) -> Reader {
        Reader {
            dir: Arc::from(dir),
            gate,
            places: Arc::new(Semaphore::new(READERS_MAX)),
            lookups: Arc::new(Semaphore::new(1)),
            log_reads: Arc::new(Semaphore::new(LOG_READS_MAX)),
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
    pub async fn page(&self, query: AlertQuery) -> Result<AlertPage, ReadError> {
        self.beside(move |reader| reader.page_blocking(&query))
            .await
    }

    /// Counts what the pictures of the alert view show, on a thread for blocking work.
    ///
    /// # Errors
    /// When there is no readable store, or it is damaged.
    pub async fn figures(&self, query: FiguresQuery) -> Result<AlertFigures, ReadError> {
        self.beside(move |reader| reader.read(|conn| figures::count(conn, &query)))
            .await
    }

    /// Runs `read` on a thread for blocking work when there is a place.
    async fn beside<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let places = Arc::clone(&self.places);
        // Neither can fail in practice: the semaphore is never closed, the thread does not panic.
        let place = places
            .acquire_owned()
            .await
            .map_err(|error| ReadError(error.to_string()))?;
        let reader = self.clone();
        let read = move || {
            let _place = place;
            read(&reader)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| ReadError(error.to_string()))?
    }

    /// Reads a page on the calling thread, which must be one that may wait for a disk.
    ///
    /// # Errors
    /// When there is no readable store, or the page is damaged.
    pub fn page_blocking(&self, query: &AlertQuery) -> Result<AlertPage, ReadError> {
        self.read(|conn| search::page(conn, query))
    }

    /// As many alerts as are asked for, however long the search for them takes, on the calling thread.
    ///
    /// # Errors
    /// As [`Reader::page_blocking`].
    pub fn alerts_blocking(&self, query: &AlertQuery) -> Result<Vec<AlertRow>, ReadError> {
        let mut query = query.clone();
        query.limit = search::limit(query.limit);
        let mut found = Vec::new();
        loop {
            let page = self.page_blocking(&query)?;
            query.limit = query.limit.saturating_sub(page.rows.len() as u32);
            found.extend(page.rows);
            let Some(next) = page.next.filter(|_| query.limit > 0) else {
                return Ok(found);
            };
            match &mut query.after_row {
                Some(after) => *after = next,
                None => query.before_row = Some(next),
            }
        }
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let words = |error: rusqlite::Error| {
            ReadError(format!("{}: {error}", self.dir.join(STORE_FILE).display()))
        };
        read(&connect(&self.dir).map_err(words)?).map_err(words)
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
