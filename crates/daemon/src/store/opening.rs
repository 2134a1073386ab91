//! From a directory to an open store, whatever state the files are in.

use super::damage;
use super::database::{Database, LastRows};
use super::fault::Fault;
use super::reader;
use super::recover;
use noroshi_core::event::{Recovered, StoreTrouble};
use std::path::{Path, PathBuf};
use std::sync::RwLock;

/// Opens the store in `dir`; a damaged one is set aside first, and what is unfinished in it is taken
/// along. Answers the set-aside file too.
///
/// # Errors
/// Why it cannot be used at the moment; files that were set aside stay aside.
pub(super) fn open(
    dir: &Path,
    after_fault: bool,
    floor: LastRows,
    gate: &RwLock<()>,
) -> Result<(Database, Recovered, Option<PathBuf>), Fault> {
    match open_once(dir, after_fault, floor, None) {
        Err(Fault::Damaged(_)) => {
            let aside = damage::set_aside(dir, gate)?;
            let (database, recovered) = open_once(dir, after_fault, floor, Some(&aside))?;
            Ok((database, recovered, Some(aside)))
        }
        other => other.map(|(database, recovered)| (database, recovered, None)),
    }
}

fn open_once(
    dir: &Path,
    after_fault: bool,
    floor: LastRows,
    aside: Option<&Path>,
) -> Result<(Database, Recovered), Fault> {
    let mut database = Database::open(dir, after_fault, floor)?;
    if let Some(aside) = aside {
        damage::salvage(aside, &mut database);
    }
    let recovered = recover::recover(&database.conn).map_err(|error| Fault::of(dir, &error))?;
    Ok((database, recovered))
}

/// What the daemon starts from when the store could not be opened: a full or read-only disk can
/// still be read, and its unfinished notices must be sent all the same. `more` is true, so that the
/// rest is asked for; the answer comes when the store works.
pub(super) fn unusable(dir: &Path, why: &Fault) -> Recovered {
    let readable = match why {
        Fault::Newer(_) | Fault::Damaged(_) => None,
        _ => reader::connect(dir).ok(),
    };
    let recovered = readable
        .and_then(|conn| recover::recover(&conn).ok())
        .unwrap_or_default();
    Recovered {
        more: true,
        trouble: Some(StoreTrouble::Unusable(why.text().to_owned())),
        ..recovered
    }
}
