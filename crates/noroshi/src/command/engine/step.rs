//! One step of a setup: what it is, whether it is done, doing it, taking it back.
//!
//! Each leaves things as they were when it fails; several are only as good as their order, which is the caller's.

use noroshi_core::text::Language;
use rustix::fs::Mode;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Id of our alert, and prefix of what belongs to it, in Pacemaker's configuration.
const ALERT: &str = "noroshi";
/// Longest output of a program that is read.
const OUTPUT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A user as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
}

/// One step.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Others may pass through a directory to what they know the name of.
    Passage(PathBuf),
    /// The directory for Pacemaker's reports, of its user and our group.
    Directory { path: PathBuf, uid: u32, gid: u32 },
    /// The name that Pacemaker calls the agent by.
    Link { path: PathBuf, to: PathBuf },
    /// Our user may read Pacemaker's state.
    Member { user: String, group: &'static str },
    /// Our user may speak with Corosync.
    Ring { path: PathBuf, user: String },
    /// A first clp.conf.
    Settings {
        path: PathBuf,
        text: String,
        gid: u32,
    },
    /// Pacemaker calls the agent, on every node.
    Alert { agent: PathBuf, dir: PathBuf },
}

use Step::{Alert, Directory, Link, Member, Passage, Ring, Settings};

impl Step {
    /// What it is, for people; the first line names it, further ones show what is written.
    pub(super) fn words(&self, language: Language) -> String {
        match self {
            Passage(path) => {
                let path = path.display();
                language.pick(
                    format!("{path}: others may pass through it (o+x), without reading it"),
                    format!("{path}: 他のユーザの通過を許可します（o+x、内容の一覧は不可）"),
                )
            }
            Directory { path, .. } => {
                let path = path.display();
                language.pick(
                    format!("{path}: directory for Pacemaker's events, mode 2770, owner hacluster"),
                    format!("{path}: Pacemaker のイベントを置くディレクトリ（モード 2770、所有者 hacluster）"),
                )
            }
            Link { path, to } => {
                let (path, to) = (path.display(), to.display());
                language.pick(
                    format!("{path}: link to {to}, the name that Pacemaker calls"),
                    format!("{path}: Pacemaker が呼び出す名前（{to} へのリンク）"),
                )
            }
            Member { user, group } => language.pick(
                format!("user {user}: member of group {group}, to read Pacemaker's state"),
                format!("ユーザ {user}: Pacemaker の状態を読むため、グループ {group} に追加します"),
            ),
            Ring { path, user } => {
                let path = path.display();
                let what = language.pick(
                    format!("{path}: user {user} may speak with Corosync"),
                    format!("{path}: ユーザ {user} に Corosync への接続を許可します"),
                );
                format!("{what}\n{}", ring(user))
            }
            Settings { path, text, .. } => {
                let path = path.display();
                let what = language.pick(
                    format!("{path}: a first one, with the cluster's name and servers"),
                    format!("{path}: クラスタ名とサーバを記した最初の設定ファイル"),
                );
                format!("{what}\n{text}")
            }
            Alert { agent, dir } => {
                let what = language.pick(
                    "Pacemaker: alert \"noroshi\", which calls the agent on every node",
                    "Pacemaker: 全ノードでエージェントを呼び出すアラート「noroshi」",
                );
                format!("{what}\n{}", alerts(agent, dir))
            }
        }
    }

    /// Whether it is done already.
    pub(super) fn is_done(&self) -> io::Result<bool> {
        Ok(match self {
            Passage(path) => path.metadata()?.permissions().mode() & 0o001 != 0,
            Directory { path, uid, gid } => path.symlink_metadata().is_ok_and(|found| {
                let mode = found.permissions().mode() & 0o7777;
                found.is_dir() && (mode, found.uid(), found.gid()) == (0o2770, *uid, *gid)
            }),
            Link { path, to } => std::fs::read_link(path).is_ok_and(|found| found == *to),
            Member { user, group } => is_member(user, group)?,
            Ring { path, user } => read(path).is_ok_and(|found| found == ring(user)),
            Settings { path, .. } => path.exists(),
            Alert { agent, dir } => {
                let found = run("cibadmin", &["-Q", "-o", "configuration"])?;
                alert_in(&found).is_some_and(|found| {
                    let named =
                        |path: &Path| format!("\"{}\"", escaped(&path.display().to_string()));
                    found.contains(&named(agent)) && found.contains(&named(dir))
                })
            }
        })
    }

    /// Does it.
    pub(super) fn apply(&self) -> io::Result<()> {
        match self {
            Passage(path) => change_mode(path, |mode| mode | 0o001),
            Directory { path, uid, gid } => {
                match DirBuilder::new().mode(0o700).create(path) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    _ => {}
                }
                std::os::unix::fs::lchown(path, Some(*uid), Some(*gid))?;
                // After the owner: a change of that takes the set-group bit away.
                change_mode(path, |_| 0o2770)
            }
            Link { path, to } => {
                if path
                    .symlink_metadata()
                    .is_ok_and(|found| found.is_symlink())
                {
                    std::fs::remove_file(path)?;
                }
                std::os::unix::fs::symlink(to, path)
            }
            Member { user, group } => run("usermod", &["-a", "-G", group, user]).map(drop),
            Ring { path, user } => {
                write(path, &ring(user), 0o644, None)?;
                reload_ring()
            }
            Settings { path, text, gid } => write(path, text, 0o640, Some(*gid)),
            Alert { agent, dir } => {
                let alerts = alerts(agent, dir);
                let arguments = ["-o", "configuration", "-M", "--allow-create", "-X", &alerts];
                run("cibadmin", &arguments).map(drop)
            }
        }
    }

    /// Takes it back.
    pub(super) fn undo(&self) -> io::Result<()> {
        match self {
            // Others of the host may rely on it by now, and it shows nothing.
            Passage(_) => Ok(()),
            Directory { path, .. } => {
                for rest in [
                    path.join(noroshi_daemon::pacemaker::SOCKET),
                    path.join("lost"),
                ] {
                    match std::fs::remove_file(rest) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                        _ => {}
                    }
                }
                std::fs::remove_dir(path)
            }
            Link { path, .. } => std::fs::remove_file(path),
            Member { user, group } => run("gpasswd", &["-d", user, group]).map(drop),
            Ring { path, .. } => {
                std::fs::remove_file(path)?;
                reload_ring()
            }
            Settings { path, .. } => std::fs::remove_file(path),
            Alert { .. } => {
                let ours = format!("<alert id=\"{ALERT}\"/>");
                run("cibadmin", &["-o", "alerts", "-D", "-X", &ours]).map(drop)
            }
        }
    }

    /// A setup that is taken back leaves it: settings are the administrator's by then.
    pub(super) fn stays(&self) -> bool {
        matches!(self, Settings { .. } | Passage(_))
    }
}

/// The user of this name or number, from the host's own file.
pub(super) fn user(is: impl Fn(&str, u32) -> bool) -> io::Result<Option<User>> {
    let passwd = read(Path::new("/etc/passwd"))?;
    let mut users = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        Some(User { name, uid })
    });
    Ok(users.find(|user| is(&user.name, user.uid)))
}

fn is_member(user: &str, group: &str) -> io::Result<bool> {
    let groups = read(Path::new("/etc/group"))?;
    let mut lines = groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.first() == Some(&group));
    let members = found
        .and_then(|fields| fields.get(3).copied())
        .unwrap_or_default();
    Ok(members.split(',').any(|name| name == user))
}

fn ring(user: &str) -> String {
    format!("uidgid {{\n  uid: {user}\n  gid: {user}\n}}\n")
}

/// A Corosync that does not run reads it when it starts.
fn reload_ring() -> io::Result<()> {
    match run("corosync-cfgtool", &["-R"]) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn alerts(agent: &Path, dir: &Path) -> String {
    let (agent, dir) = (agent.display().to_string(), dir.display().to_string());
    let (agent, dir) = (escaped(&agent), escaped(&dir));
    format!(
        "<alerts><alert id=\"{ALERT}\" path=\"{agent}\"><meta_attributes id=\"{ALERT}-meta\">\
         <nvpair id=\"{ALERT}-timeout\" name=\"timeout\" value=\"15s\"/></meta_attributes>\
         <recipient id=\"{ALERT}-dir\" value=\"{dir}\"/></alert></alerts>"
    )
}

/// Our alert in Pacemaker's configuration.
fn alert_in(configuration: &str) -> Option<&str> {
    let (_, rest) = configuration.split_once(&format!("<alert id=\"{ALERT}\""))?;
    rest.split_once("</alert>").map(|(ours, _)| ours)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

fn change_mode(path: &Path, to: impl Fn(u32) -> u32) -> io::Result<()> {
    let mode = path.metadata()?.permissions().mode() & 0o7777;
    Ok(rustix::fs::chmod(path, Mode::from_raw_mode(to(mode)))?)
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(OUTPUT_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file whole: it is there with its content, or not at all.
fn write(path: &Path, text: &str, mode: u32, gid: Option<u32>) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)?;
    }
    let new = path.with_extension("new");
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        std::os::unix::fs::fchown(&file, None, gid)?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    })();
    if written.is_err() {
        // Nothing more can be done about a leftover than to try.
        let _ = std::fs::remove_file(&new);
    }
    written
}

/// Runs a program; its output, or what it said on standard error.
fn run(program: &str, arguments: &[&str]) -> io::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default().trim();
    let status = output.status;
    Err(io::Error::other(match said {
        "" => format!("{program}: {status}"),
        said => format!("{program}: {said}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N3
    #[test]
    fn a_directory_and_a_link_are_made_seen_and_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let (uid, gid) = (
            dir.path().metadata().unwrap().uid(),
            dir.path().metadata().unwrap().gid(),
        );
        let steps = [
            Directory {
                path: dir.path().join("pacemaker"),
                uid,
                gid,
            },
            Link {
                path: dir.path().join("agent"),
                to: "/usr/bin/noroshi".into(),
            },
            Settings {
                path: dir.path().join("etc/clp.conf"),
                text: "x".into(),
                gid,
            },
        ];
        for step in &steps {
            assert!(!step.is_done().unwrap());
            step.apply().unwrap();
            assert!(step.is_done().unwrap(), "{step:?}");
            step.apply().unwrap();
            step.undo().unwrap();
            assert!(!step.is_done().unwrap());
        }
    }

    /// Rule: N3
    #[test]
    fn our_alert_is_found_among_others() {
        let ours = alerts(
            Path::new("/usr/bin/a\"b"),
            Path::new("/var/lib/noroshi/pacemaker"),
        );
        assert!(ours.contains("a&quot;b"));
        let all = format!("<cib><alerts><alert id=\"other\" path=\"/x\"/>{ours}</alerts></cib>");
        assert!(
            alert_in(&all)
                .unwrap()
                .contains("\"/var/lib/noroshi/pacemaker\"")
        );
        assert_eq!(alert_in("<cib/>"), None);
    }
}
