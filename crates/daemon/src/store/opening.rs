//! From a directory to an open store, whatever state the files are in.

use super::damage;
use super::database::{Database, LastRows};
use super::fault::Fault;
use super::reader;
use super::recover;
use noroshi_core::event::{Recovered, StoreTrouble};
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

/// Opens the store, again and again if need be, and remembers in between what the next opening has
/// to know.
pub(super) struct Opener {
    dir: PathBuf,
    gate: Arc<RwLock<()>>,
    floor: LastRows,
    failed: bool,
    damaged: bool,
    /// Set aside, and not yet looked through for what is unfinished.
    aside: Option<PathBuf>,
}

impl Opener {
    /// For the store in `dir`; `gate` keeps readers out while files are moved.
    pub(super) fn new(dir: PathBuf, gate: Arc<RwLock<()>>) -> Opener {
        Opener {
            dir,
            gate,
            floor: (0, 0),
            failed: false,
            damaged: false,
            aside: None,
        }
    }

    /// Takes note of why the last connection was given up, and of the last rows handed out. Damage
    /// is remembered because opening alone may not come upon the damaged page again.
    pub(super) fn gave_up(&mut self, database: &Database, why: &Fault) {
        let last = database.last();
        self.floor = (self.floor.0.max(last.0), self.floor.1.max(last.1));
        self.failed = true;
        self.damaged |= matches!(why, Fault::Damaged(_));
    }

    /// Opens the store; a damaged one is set aside first, which `trouble` then says, and what is
    /// unfinished in it is taken along.
    ///
    /// # Errors
    /// Why it cannot be used at the moment; files that were set aside stay aside.
    pub(super) fn open(&mut self) -> Result<(Database, Recovered), Fault> {
        if !self.damaged {
            match self.open_once() {
                Err(Fault::Damaged(_)) => self.damaged = true,
                other => return other,
            }
        }
        self.aside = Some(damage::set_aside(&self.dir, &self.gate)?);
        self.damaged = false;
        self.open_once()
    }

    fn open_once(&mut self) -> Result<(Database, Recovered), Fault> {
        let mut database = Database::open(&self.dir, self.failed, self.floor)?;
        if let Some(aside) = &self.aside {
            damage::salvage(aside, &mut database);
        }
        let mut recovered =
            recover::recover(&database.conn).map_err(|error| Fault::opening(&self.dir, &error))?;
        let aside = self.aside.take().map(|aside| aside.display().to_string());
        recovered.trouble = aside.map(StoreTrouble::SetAside);
        self.failed = false;
        Ok((database, recovered))
    }

    /// What the daemon starts from when the store could not be opened: a full or read-only disk can
    /// still be read, and its unfinished notices must be sent all the same. `more` is true, so that
    /// the rest is asked for; the answer comes when the store works.
    pub(super) fn unusable(&self, why: &Fault) -> Recovered {
        let readable = match why {
            Fault::Newer(_) | Fault::Damaged(_) => None,
            _ => reader::connect(&self.dir).ok(),
        };
        let recovered = readable
            .and_then(|conn| recover::recover(&conn).ok())
            .unwrap_or_default();
        let trouble = Some(StoreTrouble::Unusable(why.text().to_owned()));
        Recovered {
            licences: None,
            more: true,
            trouble,
            ..recovered
        }
    }
}
