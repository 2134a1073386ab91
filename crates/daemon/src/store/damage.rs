//! A damaged file: it is moved aside for whoever wants to look into it, and what still has to be
//! sent is saved from it.

use super::database::{Database, FILE_BYTES_MIN, STORE_FILE, beside, length_of, sync_dir};
use super::fault::Fault;
use super::recover::{self, Order, Scan};
use super::write;
use noroshi_core::action::Item;
use noroshi_core::time::WallTime;
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

/// Damaged files kept; the oldest is deleted for the next, so that a dying disk is not filled too.
pub const DAMAGED_FILES_MAX: usize = 5;

/// Renames the file in `dir` with its log and log index to `alerts.db.damaged-<UTC time>`; the names
/// go together, so that `sqlite3` opens what is left. `gate` keeps our readers out meanwhile.
pub(super) fn set_aside(dir: &Path, gate: &RwLock<()>) -> Result<PathBuf, Fault> {
    let _alone = gate.write().unwrap_or_else(PoisonError::into_inner);
    drop_oldest(dir);
    let file = dir.join(STORE_FILE);
    let aside = free_name(&file);
    for suffix in ["", "-wal", "-shm"] {
        match fs::rename(beside(&file, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Fault::io(&file, &error));
            }
            _ => {}
        }
    }
    sync_dir(dir)?;
    Ok(aside)
}

/// Copies what is unfinished and the latest knowledge of servers and lamps from a damaged file into
/// `database`; alerts that are told already stay in the damaged file. Whatever cannot be read is
/// passed over. Every notice saved is a possible repeat: the file may have fallen back in time.
pub(super) fn salvage(aside: &Path, database: &mut Database) {
    if length_of(aside) < FILE_BYTES_MIN {
        // There is nothing in it, and SQLite would delete its log even when only reading.
        return;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(damaged) = Connection::open_with_flags(aside, flags) else {
        return;
    };
    if super::database::tame(&damaged).is_err() {
        return;
    }
    let Ok(tx) = database.conn.transaction() else {
        return;
    };
    // A scan ends at the first page that cannot be read; so each is run from both ends, over the
    // index and over the table.
    for scan in [Scan::Index, Scan::Table] {
        for order in [Order::Oldest, Order::Newest] {
            let _ = recover::each_unfinished(&damaged, scan, order, |alert, received, notice| {
                let notice = noroshi_core::notice::NoticeRecord {
                    possible_repeat: true,
                    ..notice
                };
                write::apply(
                    &tx,
                    &Item::Alert {
                        alert,
                        received: WallTime(received),
                    },
                )?;
                write::apply(&tx, &Item::Notice(notice))
            });
        }
    }
    for acknowledgement in recover::acknowledgements(&damaged).unwrap_or_default() {
        let _ = write::apply(&tx, &Item::Acknowledgement(acknowledgement));
    }
    for latch in recover::latches(&damaged).unwrap_or_default() {
        let _ = write::apply(&tx, &Item::Latch(latch));
    }
    for view in recover::views(&damaged).unwrap_or_default() {
        let _ = write::apply(&tx, &Item::View(view));
    }
    for memory in recover::groups(&damaged).unwrap_or_default() {
        let _ = write::apply(&tx, &Item::Group(memory));
    }
    // Without room even for these the next commit says so.
    let _ = tx.commit();
}

fn free_name(file: &Path) -> PathBuf {
    let now = crate::clock::timestamp()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let first = beside(file, &format!(".damaged-{now}"));
    (2..)
        .map(|count| beside(&first, &format!("-{count}")))
        .take(DAMAGED_FILES_MAX)
        .fold(
            first.clone(),
            |free, next| if free.exists() { next } else { free },
        )
}

fn drop_oldest(dir: &Path) {
    let prefix = format!("{STORE_FILE}.damaged-");
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&prefix))
        .collect();
    names.sort();
    let mains: Vec<&String> = names
        .iter()
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    let surplus = (mains.len() + 1).saturating_sub(DAMAGED_FILES_MAX);
    for name in &mains[..surplus.min(mains.len())] {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(dir.join(format!("{name}{suffix}")));
        }
    }
}
