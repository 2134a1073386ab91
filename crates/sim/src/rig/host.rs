//! A node as a host of its own: files that an administrator changes, as a fresh installation has them.
//!
//! *Use.* [`Cluster::own_host`] before anything runs in the node; then commands run there without a home that
//! a test names, in the places of a real host. *Failure.* As the programs say; nothing of this host is changed.

use super::{Cluster, Error, Fallible};
use std::path::{Path, PathBuf};

/// Copies of /etc, and of the rest only what Corosync and Pacemaker need; `$0` is the program, `$1` the node's
/// folder. Nothing of noroshi is there but its program. A file of users is replaced whole, so all of /etc is copied.
const HOST: &str = r#"set -e
if [ -d /run/noroshi ]; then
  umount /run/noroshi /run/noroshi-pacemaker-alert
  rm -r /run/noroshi /run/noroshi-pacemaker-alert
fi
mkdir /run/host /run/host/bin
cp -a /etc /run/host/etc
mount --bind /run/host/etc /etc
mount --bind "$1/etc" /etc/corosync
for place in lib log; do
  for name in corosync pacemaker; do
    mkdir -p "/run/host/$place/$name"
    [ ! -d "/var/$place/$name" ] || mount --rbind "/var/$place/$name" "/run/host/$place/$name"
  done
  mount --rbind "/run/host/$place" "/var/$place"
done
: > /run/host/bin/noroshi
mount --bind "$0" /run/host/bin/noroshi
mount --rbind /run/host/bin /usr/local/bin"#;

impl Cluster {
    /// Gives a server's node such files, with the executable as /usr/local/bin/noroshi.
    ///
    /// # Errors
    /// When they cannot be mounted.
    pub fn own_host(&mut self, server: usize) -> Fallible<()> {
        let executable = self.launch(server).executable.display().to_string();
        let name = &self.conf().servers[server].name;
        let folder = self.dir().join(format!("node.{name}"));
        let folder = folder.display().to_string();
        let words = ["-c", HOST, &executable, &folder];
        self.corosync(server).must("sh", &words).map(drop)
    }

    /// A file as a node sees it.
    pub fn in_host(&mut self, server: usize, path: &str) -> PathBuf {
        let holder = self.corosync(server).holder();
        let path = path.trim_start_matches('/');
        Path::new(&format!("/proc/{holder}/root")).join(path)
    }

    /// Copies a directory of a node to another one, with owners and modes, as `rsync -a` does.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn copy_between(&mut self, from: usize, to: usize, directory: &str) -> Fallible<()> {
        let (from, to) = (self.in_host(from, directory), self.in_host(to, directory));
        let mut command = std::process::Command::new("cp");
        let status = command.arg("-aT").args([from, to]).status()?;
        match status.success() {
            true => Ok(()),
            false => Err(Error(format!("cp: {status}"))),
        }
    }
}
