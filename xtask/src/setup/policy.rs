//! No service starts while packages are installed.
//!
//! Debian's maintainer scripts ask `/usr/sbin/policy-rc.d` before they start a service; its exit
//! code 101 means no. A host's own file is put aside and back again. If this program is killed in
//! between, the next run of it puts things right.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const FOLDER: &str = "/usr/sbin";
const OURS: &str =
    "#!/bin/sh\n# Put here by `cargo xtask setup` while it installs packages.\nexit 101\n";

/// While this lives, no service is started by an installation.
pub(super) struct NoStart {
    folder: PathBuf,
}

/// Takes away what an interrupted run left behind, on this host.
pub(super) fn remove_leftover() {
    if fs::read_to_string(policy(Path::new(FOLDER))).is_ok_and(|text| text == OURS) {
        restore(Path::new(FOLDER));
    }
}

impl NoStart {
    /// Forbids it on this host.
    pub(super) fn forbid() -> Result<NoStart, String> {
        NoStart::forbid_in(Path::new(FOLDER))
    }

    fn forbid_in(folder: &Path) -> Result<NoStart, String> {
        let told = |error| format!("cannot forbid the start of services: {error}");
        match fs::rename(policy(folder), aside(folder)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(told(error)),
            _ => {}
        }
        let no_start = NoStart {
            folder: folder.to_owned(),
        };
        fs::write(policy(folder), OURS).map_err(told)?;
        fs::set_permissions(policy(folder), fs::Permissions::from_mode(0o755)).map_err(told)?;
        Ok(no_start)
    }
}

impl Drop for NoStart {
    fn drop(&mut self) {
        restore(&self.folder);
    }
}

/// Puts the host's own file back, or none if it had none.
fn restore(folder: &Path) {
    let restored = match fs::rename(aside(folder), policy(folder)) {
        Err(error) if error.kind() == ErrorKind::NotFound => fs::remove_file(policy(folder)),
        result => result,
    };
    if let Err(error) = restored {
        eprintln!("setup: {}: {error}", policy(folder).display());
    }
}

fn policy(folder: &Path) -> PathBuf {
    folder.join("policy-rc.d")
}

fn aside(folder: &Path) -> PathBuf {
    folder.join("policy-rc.d.before-xtask-setup")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_host_without_a_policy_is_without_one_again() {
        let folder = folder("none");
        let no_start = NoStart::forbid_in(&folder).unwrap();
        assert!(
            fs::read_to_string(policy(&folder))
                .unwrap()
                .contains("exit 101")
        );
        drop(no_start);
        assert!(!policy(&folder).exists() && !aside(&folder).exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_hosts_own_policy_comes_back() {
        let folder = folder("own");
        fs::write(policy(&folder), "its own").unwrap();
        drop(NoStart::forbid_in(&folder).unwrap());
        assert_eq!(fs::read_to_string(policy(&folder)).unwrap(), "its own");
        fs::remove_dir_all(folder).unwrap();
    }
}
