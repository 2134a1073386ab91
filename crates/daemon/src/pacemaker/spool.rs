//! Reports of Pacemaker on disk: one file each, from the call of the agent until what follows is on disk.
//!
//! The directory is `pacemaker/` below the home's `var/`. It belongs to Pacemaker's user and to our group, so
//! both may write there, and nobody else may look. The agent writes a file whole under another name, renames it
//! and syncs file and directory together; the daemon reads it when it is poked, at its start, and every half minute, and
//! removes it when the node has decided. A crash of the host before the sync may leave an empty file: its agent had
//! not said that the report was kept. Names are the reports' keys, so their order is that of the reports' times, and a
//! report that is written twice is one.
//!
//! *Bounds.* [`FILES_MAX`] files of [`FILE_BYTES_MAX`]. At the bound a report is not kept: one more byte in the
//! file `lost` counts it, and the daemon tells how many were lost. What others have put there takes no place of a
//! report; it is left alone and named once. Names beyond [`ENTRIES_MAX`] are not looked at.
//!
//! *Failure.* What is no report of ours is removed and named, and what cannot be removed is named once; a link or a
//! device is never read. A report that cannot be read just now (no descriptor, no memory, a bad disk) stays, and is
//! tried again.

use noroshi_core::pacemaker::Report;
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, RenameFlags};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Most reports that wait on disk: at a hundred a second forty seconds' worth.
pub const FILES_MAX: usize = 4_096;
/// Most names in the directory that are looked at, whosever they are.
const ENTRIES_MAX: usize = 16 * FILES_MAX;
/// Longest file of a report.
pub const FILE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of the file `lost` at most; more reports than that are "at least so many".
const LOST_BYTES_MAX: u64 = 1 << 20;
/// How the name of a report's file ends.
const REPORT: &str = ".report";
/// How the name of one ends that is being written; after a crash the daemon's start removes it.
const NEW: &str = ".new";
/// Stack of the thread that syncs the directory.
const SYNC_STACK_BYTES: usize = 64 << 10;
/// How much of a directory is listed at a time.
const LISTED_BYTES: usize = 32 << 10;
/// Counts what was lost.
const LOST: &str = "lost";

/// Why a report is not on disk.
#[derive(Debug)]
pub enum Refused {
    /// The bound is reached.
    Full,
    /// The disk or the directory.
    Io(io::Error),
}

/// Puts a report on disk, synced, it and its name.
///
/// # Errors
/// [`Refused::Full`] at the bound, and when it cannot be written; nothing of it remains then, unless only the sync
/// failed.
pub fn write(dir: &Path, report: &Report) -> Result<(), Refused> {
    let key = report.key();
    let place = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(dir, place, Mode::empty()).map_err(refused)?;
    if reports(&folder).map_err(refused)? >= FILES_MAX {
        return Err(Refused::Full);
    }
    let bytes = serde_json::to_vec(report).map_err(|error| Refused::Io(error.into()))?;
    let new = format!(".{key}.{}{NEW}", std::process::id());
    let name = format!("{key}{REPORT}");
    let written = (|| {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, &new, flags, Mode::from_raw_mode(0o660))?;
        // Whatever umask Pacemaker has: the daemon reads it as a member of the group.
        rustix::fs::fchmod(&file, Mode::from_raw_mode(0o660))?;
        let mut file = File::from(file);
        file.write_all(&bytes)?;
        let file = named(&folder, &new, &name, file)?;
        sync_both(&file, &folder)
    })();
    written.map_err(|error| {
        let _ = rustix::fs::unlinkat(&folder, &new, AtFlags::empty());
        Refused::Io(error)
    })
}

/// Syncs a file and its directory at the same time: one commit of the file system's journal serves both, where the
/// second of two in turn waits for a flush of its own.
fn sync_both(file: &File, folder: &OwnedFd) -> io::Result<()> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(SYNC_STACK_BYTES);
        let beside = thread.spawn_scoped(scope, || rustix::fs::fsync(folder));
        let file = file.sync_all();
        let folder = match beside {
            Ok(beside) => beside.join().unwrap_or(Err(Errno::IO)),
            // No thread to be had: in turn.
            Err(_) => rustix::fs::fsync(folder),
        };
        file?;
        Ok(folder?)
    })
}

/// Gives a file its name before it is synced, so that name and data are synced together. One that is there is the same
/// report and may be on disk already: it is not replaced, but synced in place of this.
fn named(folder: &OwnedFd, new: &str, name: &str, file: File) -> io::Result<File> {
    match rustix::fs::renameat_with(folder, new, folder, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(file),
        Err(Errno::EXIST) => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            match rustix::fs::openat(folder, name, flags, Mode::empty()) {
                Ok(there) => {
                    rustix::fs::unlinkat(folder, new, AtFlags::empty())?;
                    Ok(File::from(there))
                }
                // The daemon has taken it since; a second one of the same name is no other report to it.
                Err(Errno::NOENT) => {
                    rustix::fs::renameat(folder, new, folder, name)?;
                    Ok(file)
                }
                Err(error) => Err(error.into()),
            }
        }
        // A file system that cannot do that.
        Err(_) => {
            file.sync_all()?;
            rustix::fs::renameat(folder, new, folder, name)?;
            Ok(file)
        }
    }
}

fn refused(error: Errno) -> Refused {
    Refused::Io(error.into())
}

/// How many reports there are in a directory that was just opened.
fn reports(folder: impl AsFd) -> Result<usize, Errno> {
    let mut bytes = Vec::with_capacity(LISTED_BYTES);
    let mut listed = RawDir::new(folder, bytes.spare_capacity_mut());
    let (mut seen, mut count) = (0_usize, 0_usize);
    while let Some(entry) = listed.next() {
        let entry = entry?;
        count += usize::from(has_place(&entry.file_name().to_string_lossy()));
        seen += 1;
        if seen >= ENTRIES_MAX {
            break;
        }
    }
    Ok(count)
}

/// Counts a report that could not be kept.
///
/// # Errors
/// When not even that can be written.
pub fn count_lost(dir: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o660)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(dir.join(LOST))?;
    if file.metadata()?.len() < LOST_BYTES_MAX {
        file.write_all(b".")?;
    }
    Ok(())
}

/// How many reports were lost since this was last asked.
pub(crate) fn take_lost(dir: &Path) -> u64 {
    let file = dir.join(LOST);
    // Others may write here: a length alone is no count.
    let count = file
        .symlink_metadata()
        .map_or(0, |lost| lost.len().min(LOST_BYTES_MAX));
    // What is counted between these two calls is lost from the count alone.
    match count > 0 && std::fs::remove_file(&file).is_ok() {
        true => count,
        false => 0,
    }
}

/// Whether a file of this name in the directory is one that agent or daemon put there.
pub fn is_ours(name: &str) -> bool {
    name == LOST || name.ends_with(REPORT) || (name.starts_with('.') && name.ends_with(NEW))
}

/// Whether a file of this name takes a place of a report: one, whole or being written.
fn has_place(name: &str) -> bool {
    let written = name.strip_prefix('.').filter(|name| name.ends_with(NEW));
    let key = name.strip_suffix(REPORT).or(written).unwrap_or_default();
    // As [`Report::key`] makes them.
    let mut parts = key.splitn(3, ['.', '-']);
    let mut is_number = |length: usize| {
        let part = parts.next().unwrap_or_default();
        part.len() >= length && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    is_number(10) && is_number(6)
}

/// What waits in the directory.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Oldest first.
    pub(crate) reports: Vec<Report>,
    /// What was no report, or cannot be read just now, in words.
    pub(crate) faults: Vec<String>,
    /// Keys of what is no report and cannot be removed.
    pub(crate) stuck: Vec<String>,
    /// How many files lie there that are neither agent's nor daemon's.
    pub(crate) foreign: usize,
}

/// Why a file gives no report.
enum Unread {
    /// It is none.
    Foreign(&'static str),
    /// It cannot be read just now.
    Io(io::Error),
}

/// The reports that wait; those for which `known` holds are left out.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn read_all(dir: &Path, known: impl Fn(&str) -> bool) -> io::Result<Waiting> {
    read_all_with(dir, known, read)
}

fn read_all_with(
    dir: &Path,
    known: impl Fn(&str) -> bool,
    read: impl Fn(&Path) -> Result<Report, Unread>,
) -> io::Result<Waiting> {
    let mut keys = Vec::new();
    let mut waiting = Waiting::default();
    for entry in std::fs::read_dir(dir)?.take(ENTRIES_MAX) {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        match name.strip_suffix(REPORT) {
            Some(key) if keys.len() < 2 * FILES_MAX && !known(key) => keys.push(key.to_owned()),
            Some(_) => {}
            None if is_ours(&name) || name == super::SOCKET => {}
            None => waiting.foreign += 1,
        }
    }
    keys.sort();
    for key in keys {
        let unread = match read(&path(dir, &key)) {
            Ok(report) if report.key() == key => {
                waiting.reports.push(report);
                continue;
            }
            Ok(_) => Unread::Foreign("another report's name"),
            Err(unread) => unread,
        };
        match unread {
            Unread::Io(error) if error.kind() == io::ErrorKind::NotFound => {}
            Unread::Io(error) => waiting.faults.push(format!("{key}{REPORT}: {error}")),
            Unread::Foreign(why) => {
                waiting.faults.push(format!("{key}{REPORT}: {why}"));
                if std::fs::remove_file(path(dir, &key)).is_err() {
                    waiting.stuck.push(key);
                }
            }
        }
    }
    Ok(waiting)
}

/// Removes a report that is done with.
pub(crate) fn remove(dir: &Path, key: &str) {
    // One that stays is handed over again at the next start, and is known by its key.
    let _ = std::fs::remove_file(path(dir, key));
}

/// Removes what a crash of the agent left half-written.
pub(crate) fn tidy(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten().take(ENTRIES_MAX) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let old = entry.metadata().and_then(|file| file.modified());
        let age = old.ok().and_then(crate::clock::wall_since);
        // A younger one may be under way.
        if name.ends_with(NEW) && age.is_some_and(|age| age.as_secs() > 60) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn path(dir: &Path, key: &str) -> PathBuf {
    dir.join(format!("{key}{REPORT}"))
}

fn read(path: &Path) -> Result<Report, Unread> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path);
    let file = opened.map_err(|error| match Errno::from_io_error(&error) {
        // A link, a socket or a device without a driver.
        Some(Errno::LOOP | Errno::NXIO) => Unread::Foreign("not a file"),
        _ => Unread::Io(error),
    })?;
    if !file.metadata().map_err(Unread::Io)?.is_file() {
        return Err(Unread::Foreign("not a file"));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_BYTES_MAX + 1).unwrap_or(u64::MAX);
    let read = file.take(limit).read_to_end(&mut bytes);
    read.map_err(Unread::Io)?;
    if bytes.is_empty() {
        return Err(Unread::Foreign(
            "empty: the host fell before it was on disk",
        ));
    }
    parse(&bytes).ok_or(Unread::Foreign("not a report of the agent"))
}

/// A report as the agent writes it.
pub(crate) fn parse(bytes: &[u8]) -> Option<Report> {
    if bytes.len() > FILE_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::pacemaker::{Kind, Operation};

    fn report(n: u32) -> Report {
        Report {
            at_us: 1_795_376_612_000_000 + i64::from(n),
            sequence: n,
            kind: Kind::Operation(Operation {
                node: "n1".into(),
                resource: "d1 \u{30d5}\"\\".into(),
                ..Operation::default()
            }),
        }
    }

    /// Rule: N3 N8
    #[test]
    fn what_is_written_is_read_in_the_order_of_its_times_once() {
        let dir = tempfile::tempdir().unwrap();
        for n in [3, 1, 2, 1] {
            write(dir.path(), &report(n)).unwrap();
        }
        let waiting = read_all(dir.path(), |_| false).unwrap();
        assert_eq!(waiting.reports, [report(1), report(2), report(3)]);
        assert_eq!(waiting.faults, [""; 0]);
        let second = report(2).key();
        remove(dir.path(), &second);
        let known = report(1).key();
        let waiting = read_all(dir.path(), |key| key == known).unwrap();
        assert_eq!(waiting.reports, [report(3)]);
    }

    /// Rule: N3
    #[test]
    fn what_is_no_report_is_named_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("a.report"), "x").unwrap();
        std::fs::write(at("b.report"), vec![b' '; FILE_BYTES_MAX + 1]).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("c.report")).unwrap();
        let other = serde_json::to_vec(&report(1)).unwrap();
        std::fs::write(at("d.report"), other).unwrap();
        std::fs::write(at("note"), "not ours").unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("e.report"), fifo, Mode::RWXU, 0).unwrap();
        let socket = std::os::unix::net::UnixDatagram::bind(at("f.report")).unwrap();
        let waiting = read_all(dir.path(), |_| false).unwrap();
        drop(socket);
        let found = (waiting.reports.len(), waiting.faults.len());
        assert_eq!((found, waiting.stuck.len()), ((0, 6), 0), "{waiting:?}");
        let waiting = read_all(dir.path(), |_| false).unwrap();
        assert_eq!(waiting.faults, [""; 0]);
        assert!(at("note").exists());
    }

    /// Rule: N3
    #[test]
    fn what_cannot_be_removed_is_named_so_that_it_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a.report")).unwrap();
        let waiting = read_all(dir.path(), |_| false).unwrap();
        assert_eq!((waiting.faults.len(), waiting.stuck), (1, vec!["a".into()]));
    }

    /// A report is named before it is synced: what is there already may have been promised, and a host that falls in
    /// between leaves an empty one.
    ///
    /// Rule: N3 N8
    #[test]
    fn a_report_that_is_there_is_not_replaced_and_an_empty_one_is_removed() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = path(dir.path(), &report(1).key());
        let inode = || {
            write(dir.path(), &report(1)).unwrap();
            file.metadata().unwrap().ino()
        };
        assert_eq!(inode(), inode());
        let names = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");
        File::create(path(dir.path(), &report(2).key())).unwrap();
        let waiting = read_all(dir.path(), |_| false).unwrap();
        assert_eq!(waiting.reports, [report(1)]);
        let [fault] = &waiting.faults[..] else {
            panic!("{:?}", waiting.faults)
        };
        assert!(fault.contains("empty"), "{fault}");
        assert!(!path(dir.path(), &report(2).key()).exists());
    }

    /// A process without descriptors must not throw away what it cannot open.
    ///
    /// Rule: N3 N8
    #[test]
    fn a_report_that_cannot_be_read_just_now_stays() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &report(1)).unwrap();
        let fails = |_: &Path| Err(Unread::Io(Errno::MFILE.into()));
        let waiting = read_all_with(dir.path(), |_| false, fails).unwrap();
        assert_eq!((waiting.faults.len(), waiting.stuck.len()), (1, 0));
        let waiting = read_all(dir.path(), |_| false).unwrap();
        assert_eq!(waiting.reports, [report(1)]);
        // A name that is too long stands for any other error of the system.
        let unread = read(&dir.path().join("x".repeat(300)));
        assert!(matches!(unread, Err(Unread::Io(_))));
    }

    /// Rule: N3
    #[test]
    fn at_the_bound_reports_are_refused_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let place = |n: usize| {
            dir.path()
                .join(format!("{}{REPORT}", report(n as u32).key()))
        };
        for n in 0..FILES_MAX {
            std::fs::write(place(n + 2), "").unwrap();
        }
        assert!(matches!(write(dir.path(), &report(1)), Err(Refused::Full)));
        assert_eq!(take_lost(dir.path()), 0);
        count_lost(dir.path()).unwrap();
        count_lost(dir.path()).unwrap();
        assert_eq!(take_lost(dir.path()), 2);
        assert_eq!(take_lost(dir.path()), 0);
        let lost = File::create(dir.path().join(LOST)).unwrap();
        lost.set_len(1 << 40).unwrap();
        assert_eq!(take_lost(dir.path()), LOST_BYTES_MAX);
    }

    /// A thousand core files or notes beside the reports must not keep the next failover from being told.
    ///
    /// Rule: N3 N8
    #[test]
    fn what_others_put_there_takes_no_place_of_a_report() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..2 * FILES_MAX + 1 {
            std::fs::write(dir.path().join(format!("note{n}")), "").unwrap();
        }
        std::fs::write(dir.path().join(LOST), ".").unwrap();
        write(dir.path(), &report(1)).unwrap();
        let waiting = read_all(dir.path(), |_| false).unwrap();
        assert_eq!(waiting.reports, [report(1)]);
        assert_eq!(waiting.foreign, 2 * FILES_MAX + 1);
        let key = report(1).key();
        assert!(has_place(&format!("{key}.report")) && has_place(&format!(".{key}.7.new")));
        for name in [
            "1.report",
            "note",
            ".x.new",
            LOST,
            super::super::SOCKET,
            ".",
            "",
        ] {
            assert!(!has_place(name), "{name}");
        }
    }

    /// Rule: N3
    #[test]
    fn a_kind_of_a_later_release_is_read_as_nothing() {
        let later = br#"{"at_us":1,"sequence":2,"kind":"remote","x":[1]}"#;
        assert_eq!(parse(later).unwrap().kind, Kind::Other);
        let bytes = serde_json::to_vec(&report(7)).unwrap();
        assert_eq!(parse(&bytes), Some(report(7)));
    }
}
