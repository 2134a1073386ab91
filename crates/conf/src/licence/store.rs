//! What is registered on a server, with the signatures, so that it is checked anew at each start.
//!
//! ```text
//! noroshi registered licences 1
//! latest: 2026-11-22T13:00:00.000Z      the latest time that was believed, or -
//! warned: 2026-12-31T15:00:00.000Z 7    of which end was warned, and how many days ahead, or -
//!
//! removed: AAA0000007 0                 a licence that was removed, and its revision; may be missing
//!
//! by: sv1                               server on which it was registered; more with blanks
//! revision: 2                           if it was removed before and registered again
//! file                                  then the lines of a licence file, each after "| "
//! | noroshi licence 1
//! | ...
//!
//! by: sv2
//! key DIGEST ALRT10 ...                 or a line of the list of issued keys
//! ```
//!
//! The servers of a cluster tell each other this text without its memory ([`Store::shared`]) and join
//! what they hear to their own ([`Store::join`]). Of two words about one licence the one with the
//! higher revision holds, and at the same revision the removal: no clock is asked.

use super::fault::{Fault, Problem};
use super::file::LicenceFile;
use super::lines::Lines;
use super::list::IssuedKey;
use super::signer::{Doubt, Signers};
use noroshi_core::licence::{Date, Licence, Memory, Serial};
use noroshi_core::time::WallTime;

/// First line. The number rises when the file's meaning changes.
const VERSION_LINE: &str = "noroshi registered licences 1";
/// Most bytes of the file.
pub const STORE_BYTES_MAX: usize = 256 * 1024;
/// Most licences that are registered at a time; another one is refused.
pub const STORE_RECORDS_MAX: usize = 128;
/// Most removals that are remembered; the oldest is forgotten. A server that was away for more of
/// them brings that licence back, to be removed again.
pub const STORE_REMOVED_MAX: usize = 128;
/// Most servers of one record, as many as a cluster has (rule N6).
const SERVERS_MAX: usize = 32;

const MEMORY_NONE: &str = "-";

/// Everything that is registered, and what must not be forgotten about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// What the watch over the licences remembers.
    pub memory: Option<Memory>,
    /// What is registered, in the order of registration.
    pub records: Vec<Record>,
    /// What was removed, the latest last, for servers that do not know it yet.
    pub removed: Vec<Removed>,
}

/// A licence that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Which one.
    pub serial: Serial,
    /// Its revision then.
    pub revision: u32,
}

/// One registered licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The servers on which it was registered, each once; at least one.
    pub by: Vec<String>,
    /// How often it had been removed before it was registered.
    pub revision: u32,
    /// What was registered.
    pub evidence: Evidence,
}

impl Record {
    /// Its number.
    pub fn serial(&self) -> Serial {
        self.evidence.licence().serial
    }
}

/// What was registered, with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A licence file.
    File(LicenceFile),
    /// A key from a sheet.
    Key(IssuedKey),
}

impl Evidence {
    /// What it says.
    pub fn licence(&self) -> &Licence {
        match self {
            Evidence::File(file) => &file.licence,
            Evidence::Key(key) => &key.licence,
        }
    }

    /// Whether one of `signers` signed it.
    ///
    /// # Errors
    /// [`Doubt`] says why not.
    pub fn check(&self, signers: &Signers) -> Result<(), Doubt> {
        match self {
            Evidence::File(file) => file.check(signers),
            Evidence::Key(key) => key.check(signers),
        }
    }
}

impl Store {
    /// Reads what [`Store::to_text`] wrote.
    ///
    /// # Errors
    /// [`Fault`]: the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Store, Fault> {
        let mut lines = Lines::open(bytes, STORE_BYTES_MAX, VERSION_LINE)?;
        let latest = lines.read("latest", Problem::Time, time_or_none)?;
        let warned = lines.read("warned", Problem::Time, warned)?;
        let memory = latest.map(|latest| Memory { latest, warned });
        let mut removed: Vec<Removed> = Vec::new();
        while let Some(text) = lines.optional("removed") {
            let one = removal(text).ok_or_else(|| lines.fault(text, Problem::Revision))?;
            if removed.len() == STORE_REMOVED_MAX {
                let max = STORE_REMOVED_MAX;
                return Err(lines.fault("", Problem::TooMany { max }));
            }
            removed.push(one);
        }
        let mut records: Vec<Record> = Vec::new();
        while let Some(line) = lines.next() {
            if !line.is_empty() {
                return Err(lines.fault(line, Problem::Surplus));
            }
            let record = record(&mut lines)?;
            if records.len() == STORE_RECORDS_MAX {
                let max = STORE_RECORDS_MAX;
                return Err(lines.fault("", Problem::TooMany { max }));
            }
            let serial = record.evidence.licence().serial;
            if records
                .iter()
                .any(|other| other.evidence.licence().serial == serial)
            {
                return Err(lines.fault(serial.as_str(), Problem::Repeated));
            }
            records.push(record);
        }
        Ok(Store {
            memory,
            records,
            removed,
        })
    }

    /// What other servers are told; empty when there is nothing to tell.
    pub fn shared(&self) -> String {
        if self.records.is_empty() && self.removed.is_empty() {
            return String::new();
        }
        let all = Store {
            memory: None,
            ..self.clone()
        };
        all.to_text()
    }

    /// Registers what is not registered; the caller has looked.
    pub fn add(&mut self, by: &str, evidence: Evidence) -> &Record {
        let serial = evidence.licence().serial;
        let before = self.removed.iter().position(|one| one.serial == serial);
        let before = before.map(|at| self.removed.remove(at).revision);
        self.records.push(Record {
            by: vec![by.to_owned()],
            revision: before.map_or(0, |revision| revision.saturating_add(1)),
            evidence,
        });
        &self.records[self.records.len() - 1]
    }

    /// Removes the record at this place, and remembers it.
    pub fn remove(&mut self, at: usize) {
        let record = self.records.remove(at);
        if self.removed.len() >= STORE_REMOVED_MAX {
            self.removed.remove(0);
        }
        self.removed.push(Removed {
            serial: record.serial(),
            revision: record.revision,
        });
    }

    /// Takes what another server knows and we do not; answers whether anything changed. In any order
    /// and however often the same is joined, the same comes of it. What there is no room for is left.
    pub fn join(&mut self, theirs: &Store) -> bool {
        let before = (self.records.clone(), self.removed.clone());
        for removed in &theirs.removed {
            self.join_removed(*removed);
        }
        for record in &theirs.records {
            self.join_record(record);
        }
        before != (self.records.clone(), self.removed.clone())
    }

    fn join_removed(&mut self, theirs: Removed) {
        let serial = theirs.serial;
        let registered = self.records.iter().position(|one| one.serial() == serial);
        if let Some(at) = registered {
            if self.records[at].revision > theirs.revision {
                return;
            }
            self.records.remove(at);
        }
        let room = self.removed.len() < STORE_REMOVED_MAX;
        match self.removed.iter_mut().find(|one| one.serial == serial) {
            Some(ours) => ours.revision = ours.revision.max(theirs.revision),
            None if room => self.removed.push(theirs),
            None => {}
        }
    }

    fn join_record(&mut self, theirs: &Record) {
        let serial = theirs.serial();
        let removed = self.removed.iter().position(|one| one.serial == serial);
        if removed.is_some_and(|at| self.removed[at].revision >= theirs.revision) {
            return;
        }
        let room = self.records.len() < STORE_RECORDS_MAX;
        let ours = self.records.iter_mut().find(|one| one.serial() == serial);
        match ours {
            Some(ours) if ours.revision < theirs.revision => *ours = theirs.clone(),
            Some(ours) if ours.revision == theirs.revision => {
                let new = theirs.by.iter().filter(|name| !ours.by.contains(name));
                let new: Vec<String> = new.cloned().collect();
                // Sorted, so that all servers write the same.
                if !new.is_empty() && ours.by.len() + new.len() <= SERVERS_MAX {
                    ours.by.extend(new);
                    ours.by.sort_unstable();
                }
            }
            Some(_) => {}
            None if room => {
                if let Some(at) = removed {
                    self.removed.remove(at);
                }
                self.records.push(theirs.clone());
            }
            None => {}
        }
    }

    /// Its text.
    pub fn to_text(&self) -> String {
        let time = |time: Option<WallTime>| time.map_or(MEMORY_NONE.to_owned(), time_text);
        let latest = time(self.memory.map(|memory| memory.latest));
        let warned = self.memory.and_then(|memory| memory.warned);
        let warned = warned.map_or(MEMORY_NONE.to_owned(), |(end, days)| {
            format!("{} {days}", time_text(end))
        });
        let mut text = format!("{VERSION_LINE}\nlatest: {latest}\nwarned: {warned}\n");
        for Removed { serial, revision } in &self.removed {
            text.push_str(&format!("removed: {serial} {revision}\n"));
        }
        for record in &self.records {
            text.push_str(&format!("\nby: {}\n", record.by.join(" ")));
            if record.revision > 0 {
                text.push_str(&format!("revision: {}\n", record.revision));
            }
            match &record.evidence {
                Evidence::File(file) => {
                    text.push_str("file\n");
                    for line in file.to_text().lines() {
                        text.push_str(&format!("| {line}\n"));
                    }
                }
                Evidence::Key(key) => text.push_str(&format!("key {}\n", key.to_line())),
            }
        }
        text
    }
}

fn record(lines: &mut Lines<'_>) -> Result<Record, Fault> {
    let by = lines.field("by")?;
    let by: Vec<String> = match by.split(' ').map(server).collect() {
        Some(by) => by,
        None => return Err(lines.fault(by, Problem::Name)),
    };
    if by.len() > SERVERS_MAX {
        return Err(lines.fault("", Problem::TooMany { max: SERVERS_MAX }));
    }
    let revision = match lines.optional("revision") {
        Some(text) => text
            .parse()
            .map_err(|_| lines.fault(text, Problem::Revision))?,
        None => 0,
    };
    let kind = lines.next().unwrap_or_default();
    if let Some(line) = kind.strip_prefix("key ") {
        let key =
            IssuedKey::parse(line).map_err(|(value, problem)| lines.fault(&value, problem))?;
        let evidence = Evidence::Key(key);
        return Ok(Record {
            by,
            revision,
            evidence,
        });
    }
    if kind != "file" {
        return Err(lines.fault(kind, Problem::Expected { field: "file" }));
    }
    let before = lines.line();
    let mut text = String::new();
    while let Some(line) = lines.peek().and_then(|line| line.strip_prefix("| ")) {
        text.push_str(line);
        text.push('\n');
        lines.next();
    }
    let file = LicenceFile::parse(text.as_bytes()).map_err(|mut fault| {
        fault.line = fault.line.saturating_add(before);
        fault
    })?;
    let evidence = Evidence::File(file);
    Ok(Record {
        by,
        revision,
        evidence,
    })
}

fn removal(text: &str) -> Option<Removed> {
    let (serial, revision) = text.split_once(' ')?;
    Some(Removed {
        serial: Serial::parse(serial)?,
        revision: revision.parse().ok()?,
    })
}

fn server(name: &str) -> Option<String> {
    let good = !name.is_empty() && name.chars().all(|c| !c.is_whitespace() && !c.is_control());
    good.then(|| name.to_owned())
}

fn warned(text: &str) -> Option<Option<(WallTime, u8)>> {
    if text == MEMORY_NONE {
        return Some(None);
    }
    let (end, days) = text.split_once(' ')?;
    Some(Some((time(end)?, days.parse().ok()?)))
}

fn time_or_none(text: &str) -> Option<Option<WallTime>> {
    match text {
        MEMORY_NONE => Some(None),
        text => time(text).map(Some),
    }
}

const DAY_MS: i64 = 86_400_000;

/// A time as RFC 3339 writes it, UTC, with milliseconds; beyond the years of [`Date`] as a number
/// of milliseconds, which no clock that is right shows.
fn time_text(time: WallTime) -> String {
    let (days, ms) = (time.0.div_euclid(DAY_MS), time.0.rem_euclid(DAY_MS));
    let Some(date) = Date::from_days(days) else {
        return format!("{}ms", time.0);
    };
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    format!(
        "{date}T{:02}:{:02}:{:02}.{ms:03}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Reads what [`time_text`] wrote.
fn time(text: &str) -> Option<WallTime> {
    if let Some(ms) = text.strip_suffix("ms") {
        return ms.parse().ok().map(WallTime);
    }
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let bytes = clock.as_bytes();
    if bytes.len() != 12 || (bytes[2], bytes[5], bytes[8]) != (b':', b':', b'.') {
        return None;
    }
    let part = |from: usize, to: usize, below: i64| {
        let value = bytes[from..to].iter().try_fold(0i64, |value, digit| {
            digit
                .is_ascii_digit()
                .then(|| value * 10 + i64::from(digit - b'0'))
        })?;
        (value < below).then_some(value)
    };
    let (hours, minutes) = (part(0, 2, 24)?, part(3, 5, 60)?);
    let (seconds, ms) = (part(6, 8, 60)?, part(9, 12, 1_000)?);
    let of_day = ((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms;
    Some(WallTime(Date::parse(date)?.to_days() * DAY_MS + of_day))
}
