//! The files of a set on disk: written under other names, then renamed.

use noroshi_conf::bundle::{BUNDLE_BYTES_MAX, Bundle, STEPS_MAX};
use noroshi_conf::set::{CONF, REPORT, SCRIPTS};
use rustix::fs::{Access, AtFlags, CWD, Dir, FileType, Mode, OFlags, access, openat, statat};
use rustix::io::Errno;
use rustix::path::Arg;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// How often, and after which pauses, the directory's lock is tried: a command holds it while it saves.
const LOCK_ATTEMPTS: u32 = 20;
/// See [`LOCK_ATTEMPTS`].
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// Deepest folder that is looked into; no file below it can be in a set.
const DEEP_MAX: usize = STEPS_MAX;
/// Mode of a clp.conf where there was none.
const CONF_MODE: u32 = 0o640;

/// Where the former scripts are while they are removed.
const OLD_SCRIPTS: &str = ".scripts.old";

/// Why a set was not put in place.
#[derive(Debug)]
pub(super) struct NotPut {
    pub(super) error: io::Error,
    /// All files are the old ones.
    pub(super) is_before_the_first_rename: bool,
}

/// Whether the directory of the settings can be changed, and nobody holds it.
pub(super) fn try_out(folder: &Path) -> io::Result<()> {
    let _lock = lock(folder)?;
    let probe = folder.join(".set.probe");
    write_new(&probe, b"", 0o600)?;
    fs::remove_file(probe)?;
    can_be_emptied(folder)
}

/// Whether the folders of the present scripts let us remove what is in them: a service that is not root has
/// that of its own only.
fn can_be_emptied(folder: &Path) -> io::Result<()> {
    let mut folders = vec![folder.join(SCRIPTS), folder.join(OLD_SCRIPTS)];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|error| named(&folder, &error))?,
        };
        let mut is_empty = true;
        for entry in entries {
            let entry = entry?;
            is_empty = false;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
        if !is_empty {
            let rights = Access::WRITE_OK | Access::EXEC_OK;
            access(&folder, rights).map_err(|error| named(&folder, &error.into()))?;
        }
    }
    Ok(())
}

fn named(folder: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
}

/// Puts the files of a set in the place of those in a directory; the former clp.conf becomes clp.conf.bak.
pub(super) fn put(etc: &Path, bundle: &Bundle) -> Result<(), NotPut> {
    let conf = etc.join(CONF);
    let before = |error| NotPut {
        error,
        is_before_the_first_rename: true,
    };
    let _lock = lock(etc).map_err(before)?;
    let new = etc.join(".set.new");
    let prepared = (|| -> io::Result<()> {
        remove_tree(&new)?;
        let former = fs::read(&conf).ok();
        let mode = fs::metadata(&conf).map_or(CONF_MODE, |it| it.permissions().mode() & 0o777);
        write_files(&new, bundle, mode)?;
        // Put in place a second time, after a crash, it keeps the file from before.
        let former = former.filter(|former| Some(former.as_slice()) != bundle.file(CONF));
        if let Some(former) = former {
            write_new(&new.join(bak()), &former, mode)?;
        }
        Ok(())
    })();
    if let Err(error) = prepared {
        let _ = remove_tree(&new);
        return Err(before(error));
    }
    let renamed = (|| -> io::Result<()> {
        if new.join(bak()).exists() {
            fs::rename(new.join(bak()), etc.join(bak()))?;
        }
        let old = etc.join(OLD_SCRIPTS);
        remove_tree(&old)?;
        match fs::rename(etc.join(SCRIPTS), &old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(new.join(SCRIPTS), etc.join(SCRIPTS))?;
        fs::rename(new.join(CONF), &conf)?;
        fs::rename(new.join(REPORT), etc.join(REPORT))?;
        File::open(etc)?.sync_all()?;
        remove_tree(&old)?;
        remove_tree(&new)
    })();
    renamed.map_err(|error| NotPut {
        error,
        is_before_the_first_rename: false,
    })
}

fn bak() -> String {
    format!("{CONF}.bak")
}

/// Keeps commands that save out, as they keep each other out.
fn lock(folder: &Path) -> io::Result<File> {
    let etc = File::open(folder)?;
    for _ in 0..LOCK_ATTEMPTS {
        match etc.try_lock() {
            Ok(()) => return Ok(etc),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::other(crate::log::language().pick(
        "somebody is changing it with noroshi config; try again",
        "noroshi config で変更中です。再実行してください",
    )))
}

/// Writes all files of a set into a new directory, synced.
pub(super) fn write_files(folder: &Path, bundle: &Bundle, mode: u32) -> io::Result<()> {
    let make = |folder: &Path| DirBuilder::new().recursive(true).mode(0o755).create(folder);
    make(&folder.join(SCRIPTS))?;
    let mut folders = vec![folder.to_path_buf(), folder.join(SCRIPTS)];
    for (name, bytes) in bundle.files() {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        if !folders.iter().any(|known| known == parent) {
            make(parent)?;
            folders.push(parent.to_path_buf());
        }
        let is_script = name.starts_with(SCRIPTS);
        write_new(&path, bytes, if is_script { 0o755 } else { mode })?;
    }
    folders.iter().try_for_each(|it| File::open(it)?.sync_all())
}

/// Writes and syncs a file in place of what a crash may have left under that name.
pub(super) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Removes a directory with all in it, if it is there.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Hands over every file below `scripts/` in `folder`, by its name in the set. What is neither file nor
/// folder is refused: a link could lead anywhere. Each step is taken from the folder that was opened before it,
/// so that nobody who may write there can put a link in its place meanwhile.
pub(super) fn gather(
    folder: &Path,
    each: &mut dyn FnMut(&str, Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let scripts = folder.join(SCRIPTS);
    gather_in(open_at(CWD, &scripts)?, SCRIPTS, 0, each)
}

fn gather_in(
    folder: File,
    name: &str,
    deep: usize,
    each: &mut dyn FnMut(&str, Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    if deep > DEEP_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let last = entry.file_name();
        if matches!(last.to_bytes(), b"." | b"..") {
            continue;
        }
        // Looked at before it is opened, which can do something to a device.
        let kind =
            FileType::from_raw_mode(statat(&folder, last, AtFlags::SYMLINK_NOFOLLOW)?.st_mode);
        if !matches!(kind, FileType::Directory | FileType::RegularFile) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let file = open_at(&folder, last)?;
        let last = last.to_str().map_err(|_| io::ErrorKind::InvalidData)?;
        let name = format!("{name}/{last}");
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            gather_in(file, &name, deep + 1, each)?;
        } else if kind.is_file() {
            each(&name, read_all(file)?)?;
        } else {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(())
}

/// Opens a file or folder that is no link, and waits for nobody.
fn open_at(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(folder, name, flags, Mode::empty()) {
        Err(Errno::LOOP) => Err(io::ErrorKind::InvalidData.into()),
        opened => Ok(File::from(opened?)),
    }
}

/// Reads a file, unless it is longer than a whole set may be.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_all(File::open(path)?)
}

fn read_all(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let bound = BUNDLE_BYTES_MAX as u64 + 1;
    file.take(bound).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == bound {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}
