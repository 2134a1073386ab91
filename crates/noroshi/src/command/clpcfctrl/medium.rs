//! Where a set is read from: a directory, a tar archive, a floppy or an image of it (rule M28).
//!
//! The medium is read and never mounted: that needs no right but to read it, and leaves nothing behind.
//! What is at hand decides how it is read, and `-w` and `-l` only say that there is a medium: both kinds
//! have been written for both.

use crate::cli::Clpcfctrl;
use crate::command::Context;
use crate::exit::{Exit, Failure};
use noroshi_conf::bundle::{BUNDLE_BYTES_MAX, Bundle, BundleFault};
use noroshi_conf::fat::{self, FatFault};
use noroshi_conf::set::CONF;
use noroshi_conf::tar::{self, TarFault};
use noroshi_daemon::sets;
use std::fs::File;
use std::io::{self, Read};
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
