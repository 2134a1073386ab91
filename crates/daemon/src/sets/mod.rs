//! The sets of this server: staged, put in force, kept, carried (rules M27 N17).
//!
//! Below `sets/` in the home's `var/`:
//!
//! ```text
//! in-force       the label of the set in force
//! adopting       the label of one that is being put in force; a start finishes that
//! staged/DIGEST  a set that was checked here, packed; the one in force, to be handed on, and at most
//!                STAGED_MAX others
//! 7/             set number 7: clp.conf, clp.conf.rep, scripts/, and its label in set.json
//! ```
//!
//! *Use.* [`Sets::stage`] checks and keeps one, [`Sets::adopt`] puts it in force, [`Sets::recover`] comes
//! before the settings are read. All of them wait for the disk: call them where that holds up nobody.
//! [`Carrier`] is the driver's side.
//!
//! *Failure.* Texts for people. What was in force stays in force until all files of the new set are on
//! disk under other names; a crash between the renames is finished by the next start.

mod carry;
mod place;
mod trial;

pub(crate) use carry::{Carrier, PACKED_BYTES_MAX, Said};

use crate::engine::Reach;
use crate::home::Home;
use crate::log;
use crate::reload::{SettingsError, quote};
use noroshi_conf::Parsed;
use noroshi_conf::bundle::{self, Bundle, is_digest};
use noroshi_conf::set::{CONF, REPORT, SCRIPTS};
use noroshi_core::config::Config;
use noroshi_core::set::{FORMER_MAX, SetLabel};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Sets on disk that may still be wanted, beside the one in force; the oldest goes.
const STAGED_MAX: usize = 3;
/// Largest label on disk, in bytes: far more than the largest there can be.
const LABEL_BYTES_MAX: u64 = 64 * 1024;
/// A piece of a set as it goes to another server, in bytes: with Base64 half of the longest line.
pub(crate) const PIECE_BYTES: usize = 96 * 1024;

/// The sets of this server.
#[derive(Clone, Debug)]
pub struct Sets {
    home: Home,
    server: String,
    /// Where the sockets of a set are tried; none in a command.
    reach: Option<Reach>,
    /// Sets that come in over the command socket at a time: one, for the memory's sake.
    pub(crate) uploads: Arc<Semaphore>,
}

impl Sets {
    /// The sets in `home` of the server with this name.
    pub fn new(home: Home, server: String) -> Sets {
        Sets {
            home,
            server,
            reach: None,
            uploads: Arc::new(Semaphore::new(1)),
        }
    }

    /// Tries what a set needs of this host before it is agreed to.
    #[must_use]
    pub fn trying(mut self, reach: Reach) -> Sets {
        self.reach = Some(reach);
        self
    }

    /// The label of the set in force; that of number zero when none was pushed, or it cannot be read.
    pub fn in_force(&self) -> SetLabel {
        in_force(&self.home)
    }

    /// Checks a packed set whole for this server and keeps it. Answers its digest.
    ///
    /// # Errors
    /// Everything that is wrong with it. What was there before is unchanged.
    pub fn stage(&self, packed: &[u8]) -> Result<String, String> {
        let language = log::language();
        let bundle = Bundle::unpack(packed).map_err(|fault| fault.text(language))?;
        let faults = bundle.faults(true);
        if !faults.is_empty() {
            let texts: Vec<String> = faults.iter().map(|fault| fault.text(language)).collect();
            return Err(texts.join("\n"));
        }
        let parsed = self.settings(&bundle)?;
        self.try_out(&parsed)?;
        let digest = bundle::digest(packed);
        self.keep(&digest, packed).map_err(|error| {
            let place = self.dir();
            let place = place.display();
            language.pick(
                format!("the set cannot be kept in {place}: {error}"),
                format!("構成情報を {place} に保存できません: {error}"),
            )
        })?;
        place::try_out(&self.home.etc()).map_err(|error| {
            let place = self.home.etc();
            let place = place.display();
            language.pick(
                format!("{place} cannot be changed: {error}"),
                format!("{place} を変更できません: {error}"),
            )
        })?;
        Ok(digest)
    }

    /// The settings of a set as this server would use them.
    fn settings(&self, bundle: &Bundle) -> Result<Parsed, String> {
        let bytes = bundle.file(CONF).unwrap_or_default();
        let mut open = |path: &str, text: &str| self.home.open_secret(path, text);
        let parsed = noroshi_conf::read_with(bytes, &mut open);
        let parsed = parsed.map_err(|findings| quote(&SettingsError::Faulty(findings)))?;
        if parsed.config.server_named(&self.server).is_none() {
            let name = &self.server;
            return Err(log::language().pick(
                format!("server {name} is not in it; stop its service before you take it out"),
                format!(
                    "サーバ {name} が含まれていません。削除する前にそのサーバを停止してください"
                ),
            ));
        }
        Ok(parsed)
    }

    /// The settings of former sets, and those of clp.conf.bak, newest first: how servers without the present
    /// one can be reached. What cannot be read is passed over.
    pub(crate) fn former(&self) -> Vec<Config> {
        let in_force = self.in_force().number;
        let numbers = numbers(&self.dir());
        let kept = numbers.into_iter().rev().filter(|it| *it != in_force);
        let kept = kept.map(|number| kept_in(&self.dir(), number).join(CONF));
        let bak = self.home.etc().join(format!("{CONF}.bak"));
        let mut open = |path: &str, text: &str| self.home.open_secret(path, text);
        kept.chain([bak])
            .filter_map(|path| noroshi_conf::read_with(&place::read(&path).ok()?, &mut open).ok())
            .map(|parsed| parsed.config)
            .collect()
    }

    /// Checks the staged set of this digest again, if it is here.
    pub(crate) fn staged(&self, digest: &str) -> Option<Result<(), String>> {
        let packed = fs::read(self.staged_file(digest)?).ok()?;
        (bundle::digest(&packed) == digest).then(|| self.stage(&packed).map(drop))
    }

    fn keep(&self, digest: &str, packed: &[u8]) -> io::Result<()> {
        let staged = self.dir().join("staged");
        DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(&staged)?;
        self.prune_staged(digest)?;
        let to = staged.join(digest);
        let new = staged.join(format!("{digest}.new"));
        place::write_new(&new, packed, 0o600)?;
        fs::rename(&new, &to)?;
        File::open(&staged)?.sync_all()
    }

    /// Leaves the newest, the one that is about to be kept and the one in force.
    fn prune_staged(&self, but: &str) -> io::Result<()> {
        let in_force = self.in_force().digest;
        let mut others = Vec::new();
        for entry in fs::read_dir(self.dir().join("staged"))? {
            let entry = entry?;
            let name = entry.file_name();
            if name != *but && name != *in_force {
                others.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        others.sort();
        let surplus = (others.len() + 1).saturating_sub(STAGED_MAX);
        for (_, path) in others.into_iter().take(surplus) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Puts a staged set in force: its files in the place of the settings, itself among those kept.
    ///
    /// # Errors
    /// Why it is not in force.
    pub fn adopt(&self, label: &SetLabel) -> Result<Config, String> {
        let adopted = (|| -> io::Result<Result<Config, String>> {
            let file = self.staged_file(&label.digest);
            let packed = fs::read(file.ok_or(io::ErrorKind::NotFound)?)?;
            let bundle = match Bundle::unpack(&packed) {
                Ok(bundle) if bundle::digest(&packed) == label.digest => bundle,
                _ => return Err(io::ErrorKind::InvalidData.into()),
            };
            let parsed = match self.settings(&bundle) {
                Ok(parsed) => parsed,
                Err(why) => return Ok(Err(why)),
            };
            // What was free when this was agreed to may be taken by now: better found before the rename.
            if let Err(why) = self.try_out(&parsed) {
                return Ok(Err(why));
            }
            self.file_away(label, &bundle)?;
            self.put_in_force(label, &bundle)?;
            Ok(Ok(parsed.config))
        })();
        adopted.unwrap_or_else(|error| Err(format!("{}: {error}", self.home.etc().display())))
    }

    fn put_in_force(&self, label: &SetLabel, bundle: &Bundle) -> io::Result<()> {
        let (adopting, in_force) = (self.dir().join("adopting"), self.dir().join("in-force"));
        write_label(&adopting, label)?;
        if let Err(error) = place::put(&self.home.etc(), bundle) {
            // Nothing was renamed yet, or the next start goes on from here.
            if error.is_before_the_first_rename {
                let _ = fs::remove_file(&adopting);
            }
            return Err(error.error);
        }
        fs::rename(&adopting, &in_force)?;
        File::open(self.dir())?.sync_all()
    }

    /// Writes a set among those that are kept, and removes the oldest.
    fn file_away(&self, label: &SetLabel, bundle: &Bundle) -> io::Result<()> {
        let to = self.dir().join(label.number.to_string());
        let new = self.dir().join(format!("{}.new", label.number));
        place::remove_tree(&new)?;
        place::write_files(&new, bundle, 0o640)?;
        write_label(&new.join("set.json"), label)?;
        place::remove_tree(&to)?;
        fs::rename(&new, &to)?;
        let mut numbers = numbers(&self.dir());
        numbers.retain(|number| *number != label.number);
        let surplus = (numbers.len() + 1).saturating_sub(FORMER_MAX);
        for number in numbers.into_iter().take(surplus) {
            place::remove_tree(&self.dir().join(number.to_string()))?;
        }
        File::open(self.dir())?.sync_all()
    }

    /// Finishes what a crash broke off. Comes before the settings are read.
    pub fn recover(&self) {
        let Some(label) = read_label(&self.dir().join("adopting")) else {
            return;
        };
        let number = label.number;
        let finished = read_dir(&self.dir().join(number.to_string()))
            .and_then(|(bundle, _)| self.put_in_force(&label, &bundle));
        log::line(match finished {
            Ok(()) => log::language().pick(
                format!("set {number} is in force; a crash had broken that off"),
                format!("異常終了で中断していた構成情報 {number} の反映を完了しました"),
            ),
            Err(error) => log::language().pick(
                format!("set {number} could not be put in force after a crash: {error}"),
                format!("異常終了で中断した構成情報 {number} を反映できません: {error}"),
            ),
        });
    }

    /// A piece of a packed set, and the length of the whole; `None` when it is not here.
    pub(crate) fn piece(&self, digest: &str, offset: u64) -> Option<(u64, Vec<u8>)> {
        let file = File::open(self.staged_file(digest)?).ok()?;
        let total = file.metadata().ok()?.len();
        let left = usize::try_from(total.saturating_sub(offset)).ok()?;
        let mut bytes = vec![0; left.min(PIECE_BYTES)];
        file.read_exact_at(&mut bytes, offset).ok()?;
        Some((total, bytes))
    }

    /// `None` for what is no digest: it comes from outside.
    fn staged_file(&self, digest: &str) -> Option<PathBuf> {
        is_digest(digest).then(|| self.dir().join("staged").join(digest))
    }

    fn dir(&self) -> PathBuf {
        dir(&self.home)
    }
}

fn dir(home: &Home) -> PathBuf {
    home.var().join("sets")
}

/// The label of the set in force in a home; that of number zero when none was pushed, or it cannot be read.
pub fn in_force(home: &Home) -> SetLabel {
    read_label(&dir(home).join("in-force")).unwrap_or_default()
}

/// The sets that are kept in a home, oldest first, and whether each is the one in force. Those that cannot
/// be read are left out.
pub fn history(home: &Home) -> Vec<(SetLabel, bool)> {
    let (dir, in_force) = (dir(home), in_force(home));
    let labels = numbers(&dir)
        .into_iter()
        .filter_map(|number| read_label(&dir.join(number.to_string()).join("set.json")));
    labels
        .map(|label| {
            let is_in_force = label.is(&in_force);
            (label, is_in_force)
        })
        .collect()
}

/// Where the files of a kept set are.
pub fn kept(home: &Home, number: u64) -> PathBuf {
    kept_in(&dir(home), number)
}

fn kept_in(dir: &Path, number: u64) -> PathBuf {
    dir.join(number.to_string())
}

/// The files of a set in a directory, as far as they are there, and whether it has `scripts/`. Other files in
/// it are passed over.
///
/// # Errors
/// Those of the disk, also when the directory is not there; `InvalidData` when `scripts/` holds what no set
/// has.
pub fn read_dir(folder: &Path) -> io::Result<(Bundle, bool)> {
    fs::read_dir(folder)?;
    let mut bundle = Bundle::default();
    for name in [CONF, REPORT] {
        match place::read(&folder.join(name)) {
            Ok(bytes) => add(&mut bundle, name, bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let scripts = folder.join(SCRIPTS).is_dir();
    if scripts {
        place::gather(folder, &mut |name, bytes| add(&mut bundle, name, bytes))?;
    }
    Ok((bundle, scripts))
}

/// Writes a set into a directory, in place of one that is there; a clp.conf that is replaced becomes
/// clp.conf.bak.
///
/// # Errors
/// Those of the disk. Each file is a whole old one or a whole new one then.
pub fn write_dir(folder: &Path, bundle: &Bundle) -> io::Result<()> {
    place::put(folder, bundle).map_err(|not| not.error)
}

fn add(bundle: &mut Bundle, name: &str, bytes: Vec<u8>) -> io::Result<()> {
    bundle
        .add(name, bytes)
        .map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault.text(log::language())))
}

/// Numbers of the sets that are kept, rising.
fn numbers(dir: &Path) -> Vec<u64> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut numbers: Vec<u64> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

fn read_label(path: &Path) -> Option<SetLabel> {
    let bytes = fs::read(path).ok()?;
    let fits = bytes.len() as u64 <= LABEL_BYTES_MAX;
    fits.then(|| serde_json::from_slice(&bytes).ok()).flatten()
}

fn write_label(path: &Path, label: &SetLabel) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut text = serde_json::to_vec(label)?;
    text.push(b'\n');
    place::write_new(&new, &text, 0o640)?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

#[cfg(test)]
mod tests;
