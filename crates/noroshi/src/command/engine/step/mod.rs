//! One step of a setup: what it is, whether it is done, doing it, taking it back.
//!
//! *Use.* [`Step::is_done`] and [`Step::words`] for the preview; [`Step::apply`], whose [`Former`] is what
//! [`Step::restore`] puts back when a later step fails; [`Step::undo`] for whoever wants none of it any more.
//!
//! *Failure.* A step that fails leaves things as they were.

mod access;
mod alert;
mod place;
#[cfg(test)]
mod tests;
mod words;

use super::host::{self, User, is_member, read, run};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Mode of the directory for Pacemaker's events: what is made in it is our group's.
const SPOOL_MODE: u32 = 0o2770;
/// Mode of a directory of the service's data: others may pass through it, without reading it.
const DATA_MODE: u32 = 0o751;
/// Mode of a directory of settings: the service puts pushed ones there.
const SETTINGS_MODE: u32 = 0o770;

/// One step.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The directory of the service's data, through which others may pass to what they know the name of.
    Data { path: PathBuf, uid: u32, gid: u32 },
    /// The directory of the settings, which the service's group reads.
    SettingsDir { path: PathBuf, gid: u32 },
    /// The directory for Pacemaker's reports, of its user and our group.
    Spool { path: PathBuf, uid: u32, gid: u32 },
    /// The name that Pacemaker calls the agent by.
    Link { path: PathBuf, to: PathBuf },
    /// Our user may read Pacemaker's state.
    Member { user: String, group: &'static str },
    /// Our user may speak with Corosync.
    Ring { path: PathBuf, user: User },
    /// A first clp.conf.
    Settings {
        path: PathBuf,
        text: String,
        gid: u32,
    },
    /// clp.conf names the engine.
    Engine { path: PathBuf, named: bool },
    /// Pacemaker calls the agent, on every node.
    Alert { agent: PathBuf, dir: PathBuf },
}

/// What there was before a step.
#[derive(Debug)]
pub(super) enum Former {
    /// Nothing of it.
    Nothing,
    /// A directory of this owner and mode.
    Owned { uid: u32, gid: u32, mode: u32 },
    /// A link to this.
    LinkTo(PathBuf),
    /// This text.
    Text(String),
}

use Step::{Alert, Data, Engine, Link, Member, Ring, Settings, SettingsDir, Spool};

impl Step {
    /// Whether it is done already, as it should be.
    pub(super) fn is_done(&self) -> io::Result<bool> {
        Ok(match self {
            Data { path, .. } => mode(path).is_some_and(|mode| mode & 0o001 != 0),
            SettingsDir { path, gid } => path
                .metadata()
                .is_ok_and(|found| found.gid() == *gid && found.mode() & 0o050 == 0o050),
            Spool { path, uid, gid } => path.symlink_metadata().is_ok_and(|found| {
                let mode = found.permissions().mode() & 0o7777;
                found.is_dir() && (mode, found.uid(), found.gid()) == (SPOOL_MODE, *uid, *gid)
            }),
            Link { path, to } => std::fs::read_link(path).is_ok_and(|found| found == *to),
            Member { user, group } => is_member(user, group)?,
            Ring { path, user } => read(path).is_ok_and(|found| found == access::entry(user)),
            Settings { path, .. } => path.exists(),
            Engine { named, .. } => *named,
            Alert { agent, dir } => {
                alert::found()?.is_some_and(|found| alert::is_this(&found, agent, dir))
            }
        })
    }

    /// Whether there is anything of it that [`Step::undo`] would take back.
    pub(super) fn is_there(&self) -> io::Result<bool> {
        Ok(match self {
            // Settings are the administrator's by then, data the service's.
            Data { .. } | SettingsDir { .. } | Settings { .. } | Engine { .. } => false,
            Spool { path, .. } => path.is_dir(),
            Link { path, .. } => std::fs::read_link(path).is_ok(),
            Member { user, group } => is_member(user, group)?,
            Ring { path, .. } => path.exists(),
            Alert { .. } => match alert::found() {
                // Without Pacemaker there is no configuration of it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                found => found?.is_some(),
            },
        })
    }

    /// Does it, and says what there was before.
    pub(super) fn apply(&self) -> io::Result<Former> {
        let former = self.former()?;
        let Err(error) = self.make() else {
            return Ok(former);
        };
        match self.restore(&former) {
            Ok(()) => Err(error),
            Err(more) => Err(io::Error::new(
                error.kind(),
                format!("{error}; taking it back: {more}"),
            )),
        }
    }

    fn former(&self) -> io::Result<Former> {
        match self {
            Data { path, .. } | SettingsDir { path, .. } => place::former(&place::real(path)),
            Spool { path, .. } => place::former(path),
            Link { path, .. } => place::former_link(path),
            Ring { path, .. } => Ok(read(path).map_or(Former::Nothing, Former::Text)),
            Alert { .. } => alert::former(),
            Member { .. } | Settings { .. } | Engine { .. } => Ok(Former::Nothing),
        }
    }

    fn make(&self) -> io::Result<()> {
        match self {
            Data { path, uid, gid } => match mode(path) {
                None => place::make(path, *uid, *gid, DATA_MODE),
                Some(mode) => place::own(&place::real(path), *uid, *gid, mode | 0o001),
            },
            SettingsDir { path, gid } => match path.metadata() {
                Err(_) => place::make(path, 0, *gid, SETTINGS_MODE),
                Ok(found) => {
                    let mode = found.mode() & 0o7777 | 0o050;
                    place::own(&place::real(path), found.uid(), *gid, mode)
                }
            },
            Spool { path, uid, gid } => place::make(path, *uid, *gid, SPOOL_MODE),
            Link { path, to } => place::link(path, to),
            Member { user, group } => run("usermod", &["-a", "-G", group, user]).map(drop),
            Ring { path, user } => access::grant(path, &access::entry(user)),
            Settings { path, text, gid } => {
                host::write(path, &path.with_extension("new"), text, 0o640, Some(*gid))
            }
            // As `noroshi config set` does it; that is the caller's.
            Engine { .. } => Ok(()),
            Alert { agent, dir } => alert::create(&alert::section(agent, dir)),
        }
    }

    /// Puts back what there was.
    pub(super) fn restore(&self, former: &Former) -> io::Result<()> {
        match (self, former) {
            (Data { path, .. } | SettingsDir { path, .. }, Former::Owned { uid, gid, mode }) => {
                place::own(&place::real(path), *uid, *gid, *mode)
            }
            (Spool { path, .. }, Former::Owned { uid, gid, mode }) => {
                place::own(path, *uid, *gid, *mode)
            }
            (Data { path, .. } | SettingsDir { path, .. }, _) => match path.is_dir() {
                true => std::fs::remove_dir(path),
                false => Ok(()),
            },
            (Link { path, .. }, Former::LinkTo(to)) => place::link(path, to),
            (Ring { path, .. }, Former::Text(text)) => access::grant(path, text),
            (Alert { .. }, Former::Text(text)) => alert::replace(text),
            (Settings { path, .. }, _) => host::remove(path),
            (step, _) => match step.is_there()? {
                true => step.undo(),
                false => Ok(()),
            },
        }
    }

    /// Takes it back.
    pub(super) fn undo(&self) -> io::Result<()> {
        match self {
            Data { .. } | SettingsDir { .. } | Settings { .. } | Engine { .. } => Ok(()),
            Spool { path, .. } => place::remove_spool(path),
            Link { path, .. } => std::fs::remove_file(path),
            Member { user, group } => run("gpasswd", &["-d", user, group]).map(drop),
            Ring { path, .. } => access::revoke(path),
            Alert { .. } => alert::delete(),
        }
    }
}

fn mode(path: &Path) -> Option<u32> {
    Some(path.metadata().ok()?.mode() & 0o7777)
}
