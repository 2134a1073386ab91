//! The tables, their version, and how an older version is brought forward.
//!
//! `user_version` is the schema's version. A step forward is one more entry of [`STEPS`]; each
//! runs in the transaction that also raises the version, so a crash leaves the old or the new one.

use super::fault::Fault;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Marks the file as ours: "NRS", then the version a second time, so that a flipped bit in either
/// number is told from a newer release's file.
const APPLICATION_ID: i64 = 0x4e52_5300;

/// What leads from version n to version n + 1, oldest first.
const STEPS: [&str; 4] = [V1, V2, V3, V4];

/// A version beyond this is no newer release, but damage.
const VERSION_MAX: i64 = 255;

/// Text where it costs little, so that an engineer can read the tables with `sqlite3`.
/// AUTOINCREMENT because a row number once handed out must never come again: `Action::Load` and
/// followers of the alert view go on from the last row that they know.
const V1: &str = "
CREATE TABLE alert(
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  received_ms INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  module TEXT NOT NULL,
  event INTEGER NOT NULL,
  severity TEXT NOT NULL,
  server TEXT NOT NULL,
  about TEXT,
  text TEXT NOT NULL,
  thread TEXT,
  destinations TEXT NOT NULL
);
CREATE TABLE notice(
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  alert TEXT NOT NULL,
  channel TEXT NOT NULL,
  recipient TEXT NOT NULL,
  form TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  possible_repeat INTEGER NOT NULL,
  sender TEXT NOT NULL,
  reason TEXT NOT NULL,
  changed_ms INTEGER NOT NULL,
  UNIQUE(alert, channel, recipient)
);
CREATE INDEX notice_unfinished ON notice(row) WHERE state IN ('waiting', 'begun');
CREATE TABLE latch(
  server TEXT PRIMARY KEY,
  red TEXT NOT NULL,
  red_changed_ms INTEGER NOT NULL,
  green TEXT NOT NULL,
  green_changed_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE view(
  server TEXT PRIMARY KEY,
  session BLOB NOT NULL,
  returns INTEGER NOT NULL,
  up INTEGER NOT NULL,
  fault TEXT
) WITHOUT ROWID;
";

/// For the alert view: who acknowledged what; times and severities for filters and pictures; alerts with a
/// notice that did not reach its receiver, of which there are few.
const V2: &str = "
CREATE TABLE acknowledgement(
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  alert TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  remark TEXT NOT NULL,
  at_ms INTEGER NOT NULL
);
CREATE INDEX alert_time ON alert(time_ms, severity);
CREATE INDEX notice_undelivered ON notice(alert) WHERE state NOT IN ('delivered', 'dropped');
";

/// Where Pacemaker's groups were when this service last looked, as JSON of `GroupMemory`.
const V3: &str = "
CREATE TABLE pacemaker_group(
  name TEXT PRIMARY KEY,
  memory TEXT NOT NULL
) WITHOUT ROWID;
";

/// For the other servers: what this log is called, so that a row of one that is gone is not taken for a row of
/// this one; and up to which row of whose log everything stands here.
const V4: &str = "
CREATE TABLE log(
  name TEXT PRIMARY KEY
) WITHOUT ROWID;
INSERT INTO log VALUES(lower(hex(randomblob(8))));
CREATE TABLE fetched(
  server TEXT PRIMARY KEY,
  log TEXT NOT NULL,
  row INTEGER NOT NULL
) WITHOUT ROWID;
";

/// What must be there for our statements to mean what they say.
const NAMES: [&str; 11] = [
    "acknowledgement",
    "alert",
    "alert_time",
    "fetched",
    "latch",
    "log",
    "notice",
    "notice_undelivered",
    "notice_unfinished",
    "pacemaker_group",
    "view",
];

/// Creates the tables or brings them forward to the newest version.
///
/// # Errors
/// `Newer` for a version that this program does not know, `Damaged` for a file that is not ours or
/// lacks a table; nothing was changed then.
pub(super) fn bring_forward(conn: &mut Connection, path: &Path) -> Result<(), Fault> {
    let fault = |error: rusqlite::Error| Fault::opening(path, &error);
    let tx = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(fault)?;
    let version = version(&tx).map_err(fault)?;
    let application: i64 = tx
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .map_err(fault)?;
    let objects: i64 = tx
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(fault)?;
    let known = STEPS.len() as i64;
    let ours = (1..=VERSION_MAX).contains(&version) && application == APPLICATION_ID + version;
    let empty = objects == 0 && version == 0 && application == 0;
    if !ours && !empty {
        return Err(Fault::Damaged(format!(
            "{}: not a store of noroshi's",
            path.display()
        )));
    }
    if version > known {
        return Err(Fault::Newer(format!(
            "{}: written by a newer noroshi (version {version} of the tables, known up to \
             {known}); install that release again, or move the file away to begin a new one",
            path.display()
        )));
    }
    if version < known {
        for step in &STEPS[version as usize..] {
            tx.execute_batch(step).map_err(fault)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID + known)
            .map_err(fault)?;
        tx.pragma_update(None, "user_version", known)
            .map_err(fault)?;
    }
    check_text(&tx, path)?;
    tx.commit().map_err(fault)
}

/// Refuses to read tables of a version that this program does not know. Older ones are brought forward by
/// the writer; before the first start of a new release they are read as they are.
pub(super) fn check_known(conn: &Connection) -> rusqlite::Result<()> {
    match version(conn)? {
        known if (1..=STEPS.len() as i64).contains(&known) => Ok(()),
        _ => Err(rusqlite::Error::InvalidQuery),
    }
}

/// Whether these tables are of this version or a later one.
pub(super) fn is_since(conn: &Connection, first: i64) -> rusqlite::Result<bool> {
    Ok(version(conn)? >= first)
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Finds a schema that a flipped bit has changed: SQLite keeps each statement's text as it was given,
/// so every one must stand in [`STEPS`] to the letter. (A step that alters a table needs more here.)
fn check_text(conn: &Connection, path: &Path) -> Result<(), Fault> {
    let fault = |error: rusqlite::Error| Fault::opening(path, &error);
    let mut statement = conn
        .prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'")
        .map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let mut found = 0;
    while let Some(row) = rows.next().map_err(fault)? {
        let name: String = row.get(0).map_err(fault)?;
        let sql: String = row.get(1).map_err(fault)?;
        let known = NAMES.contains(&name.as_str());
        if known && STEPS.iter().any(|step| step.contains(&format!("{sql};"))) {
            found += 1;
        }
    }
    if found == NAMES.len() {
        Ok(())
    } else {
        Err(Fault::Damaged(format!(
            "{}: its tables are not as they were made",
            path.display()
        )))
    }
}
