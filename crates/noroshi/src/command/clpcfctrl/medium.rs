//! Where a set is read from, or written to: a directory, a tar archive, a floppy or an image of it (rule M28).
//!
//! The medium is read and never mounted: that needs no right but to read it, and leaves nothing behind.
//! What is at hand decides how it is read, and `-w` and `-l` only say that there is a medium: both kinds
//! have been written for both. A set is written into a directory, as a mounted floppy is one, or as a tar archive.

use crate::cli::Clpcfctrl;
use crate::command::Context;
use crate::exit::{Exit, Failure};
use noroshi_conf::bundle::{BUNDLE_BYTES_MAX, Bundle, BundleFault};
use noroshi_conf::fat::{self, FatFault};
use noroshi_conf::set::{CONF, SCRIPTS};
use noroshi_conf::tar::{self, Entry, TarFault};
use noroshi_daemon::home::beside::beside;
use noroshi_daemon::sets;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Most bytes of a medium that are read: the largest set, and what an archive or a disk adds to it.
const MEDIUM_BYTES_MAX: u64 = 2 * BUNDLE_BYTES_MAX as u64;

/// The set, where it was, and whether it has `scripts/`.
pub(super) fn read(
    context: &Context,
    options: &Clpcfctrl,
) -> Result<(String, Bundle, bool), Failure> {
    let etc = context.home.etc();
    let from: &Path = match &options.directory {
        Some(directory) => directory,
        None if !(options.windows || options.linux) => &etc,
        None if options.mount_point.join(CONF).exists() => &options.mount_point,
        None => &options.device,
    };
    let shown = from.display().to_string();
    let cannot =
        |error: &io::Error| context.about_file(from, ("cannot read", "読み込めません"), error);
    let kind = std::fs::metadata(from).map_err(|error| cannot(&error))?;
    if kind.is_dir() {
        let (bundle, scripts) = sets::read_dir(from).map_err(|error| cannot(&error))?;
        return Ok((shown, bundle, scripts));
    }
    let bytes = bounded(from).map_err(|error| cannot(&error))?;
    let (bundle, scripts) = archive(&bytes).map_err(|fault| {
        let text = match fault {
            Fault::Set(fault) => fault.text(context.language),
            Fault::Tar(fault) => fault.text(context.language),
            Fault::Fat(fault) => fault.text(context.language),
        };
        context.failure(Exit::Failed, &format!("{shown}: {text}"))
    })?;
    Ok((shown, bundle, scripts))
}

/// Writes a set where the options say.
pub(super) fn write(
    context: &Context,
    options: &Clpcfctrl,
    bundle: &Bundle,
) -> Result<(), Failure> {
    let (to, is_folder) = match &options.directory {
        Some(directory) => (directory, true),
        None if (options.windows || options.linux) && is_mounted(&options.mount_point) => {
            (&options.mount_point, true)
        }
        None if options.linux => (&options.device, false),
        None => return Err(nowhere_to(context, options)),
    };
    let written = match is_folder {
        true => std::fs::create_dir_all(to).and_then(|()| sets::write_dir(to, bundle)),
        false => write_archive(to, bundle),
    };
    written.map_err(|error| context.about_file(to, ("cannot write", "書き込めません"), &error))
}

/// Something else than the disk around it: a mount point that is a plain directory would take the set and
/// the floppy nothing.
fn is_mounted(folder: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|it| it.dev()).ok();
    folder.is_dir()
        && folder
            .parent()
            .is_some_and(|parent| device(parent) != device(folder))
}

fn nowhere_to(context: &Context, options: &Clpcfctrl) -> Failure {
    let (device, folder) = (options.device.display(), options.mount_point.display());
    let text = match options.windows {
        true => context.pick(
            format!("a floppy in DOS format is written where it is mounted: mount {device} {folder}, then again; or -x DIR"),
            format!("DOS 形式のフロッピーにはマウントしてから書き込みます。mount {device} {folder} の後に再実行するか、-x DIR を指定してください"),
        ),
        false => context.pick(
            "say where --pull writes: -x DIR; -w or -l with a mounted floppy; -l -d FILE for a tar archive".to_string(),
            "--pull の出力先を指定してください: -x DIR、-w または -l とマウントされたフロッピー、-l -d ファイル (tar アーカイブ)".to_string(),
        ),
    };
    context.failure(Exit::Usage, &text)
}

/// A device is written from its beginning. A file is whole, the old one or the new one; secrets may stand in
/// it, so nobody else reads it.
fn write_archive(to: &Path, bundle: &Bundle) -> io::Result<()> {
    let folder = |name: &str| Entry {
        name: name.into(),
        bytes: None,
    };
    let file = |(name, bytes): (&str, &[u8])| Entry {
        name: name.into(),
        bytes: Some(bytes.to_vec()),
    };
    let mut entries = vec![folder(&format!("{SCRIPTS}/"))];
    entries.extend(bundle.files().map(file));
    let archive = tar::write(&entries);
    let there = std::fs::metadata(to);
    if let Err(error) = &there
        && to.starts_with("/dev")
    {
        // A floppy drive that the host has not: a file there would be gone with the next start.
        return Err(error.kind().into());
    }
    if there.is_ok_and(|it| !it.is_file()) {
        let mut device = OpenOptions::new().write(true).open(to)?;
        device.write_all(&archive)?;
        return device.sync_all();
    }
    let new = beside(to);
    let mut options = OpenOptions::new();
    // Never through a link, nor into a file of somebody else: the folder may be everybody's.
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let written = file.write_all(&archive).and_then(|()| file.sync_all());
    let written = written.and_then(|()| std::fs::rename(&new, to));
    if written.is_err() {
        // Nothing more can be done about a leftover than to try.
        let _ = std::fs::remove_file(&new);
    }
    written
}

enum Fault {
    Set(BundleFault),
    Tar(TarFault),
    Fat(FatFault),
}

fn archive(bytes: &[u8]) -> Result<(Bundle, bool), Fault> {
    let entries = match tar::read(bytes) {
        Err(TarFault::NotTar) => fat::read(bytes).map_err(Fault::Fat)?,
        entries => entries.map_err(Fault::Tar)?,
    };
    noroshi_conf::bundle::from_entries(entries).map_err(Fault::Set)
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MEDIUM_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MEDIUM_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}
