//! What a setup asks of its host: users and groups, programs, files that are there whole or not at all.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Longest file or output of a program that is read.
const BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long a program may take: those of Pacemaker wait up to half a minute themselves while it elects, and one that
/// hangs must not leave a setup half done without a word.
const RUN_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether a program has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A user as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    /// Its first group.
    pub(super) gid: u32,
}

/// The first user for whom this holds, from the host's own file.
pub(super) fn user(is: impl Fn(&User) -> bool) -> io::Result<Option<User>> {
    let passwd = read(Path::new("/etc/passwd"))?;
    let mut users = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User { name, uid, gid })
    });
    Ok(users.find(is))
}

/// Whether the host's own file has the user as a member of the group.
pub(super) fn is_member(user: &str, group: &str) -> io::Result<bool> {
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

/// The text of a file, bounded.
pub(in crate::command) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file whole: it is there with its content, or not at all. It is made as `new`, which is on the same
/// file system. Others than root may write beside it, so what is of that name is never written through.
pub(super) fn write(
    path: &Path,
    new: &Path,
    text: &str,
    mode: u32,
    gid: Option<u32>,
) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)?;
    }
    let written = (|| {
        // What a crash has left.
        remove(new)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(new)?;
        file.write_all(text.as_bytes())?;
        std::os::unix::fs::fchown(&file, None, gid)?;
        file.sync_all()?;
        std::fs::rename(new, path)
    })();
    if written.is_err() {
        // Nothing more can be done about a leftover than to try.
        let _ = std::fs::remove_file(new);
    }
    written
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Runs a program; its output, or what it said on standard error.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] when it has not ended within [`RUN_MAX`]: it was killed then, and what it was asked for
/// may be done or not.
pub(in crate::command) fn run(program: &str, arguments: &[&str]) -> io::Result<String> {
    run_within(program, arguments, RUN_MAX)
}

fn run_within(program: &str, arguments: &[&str], limit: Duration) -> io::Result<String> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{program}: {error}"));
    let mut command = Command::new(program);
    let command = command.args(arguments).stdin(Stdio::null());
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(named)?;
    // What it has started may hold the pipes for longer than it lives, so nobody waits for their ends.
    let (output, said) = (gather(child.stdout.take()), gather(child.stderr.take()));
    let until = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(named)? {
            break status;
        }
        if Instant::now() >= until {
            // It may end by itself at this moment.
            let _ = child.kill();
            let _ = child.wait();
            let seconds = limit.as_secs();
            let words = format!("{program}: no answer within {seconds} s; it was ended");
            return Err(io::Error::new(io::ErrorKind::TimedOut, words));
        }
        std::thread::sleep(LOOK_AGAIN);
    };
    let rest = Duration::from_secs(1);
    if status.success() {
        return Ok(output.recv_timeout(rest).unwrap_or_default());
    }
    let said = said.recv_timeout(rest).unwrap_or_default();
    let said = said.lines().next().unwrap_or_default().trim();
    Err(io::Error::other(match said {
        "" => format!("{program}: {status}"),
        said => format!("{program}: {said}"),
    }))
}

/// All that comes from a pipe, bounded, once it has ended. What is beyond is read and dropped, for the program to end.
fn gather(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    // One answer.
    let (done, gathered) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks has ended.
            let _ = pipe.by_ref().take(BYTES_MAX).read_to_end(&mut bytes);
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        done.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    /// A Pacemaker that hangs keeps its programs for ever; what they started may outlive them.
    ///
    /// Rule: N3
    #[test]
    fn a_program_that_hangs_is_ended_after_its_time_and_what_others_print_is_whole() {
        let at = Instant::now();
        let brief = Duration::from_millis(50);
        let error = run_within("sh", &["-c", "sleep 100 & sleep 100"], brief).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().starts_with("sh: no answer within"));
        assert!(at.elapsed() < RUN_MAX, "{:?}", at.elapsed());
        let many = "i=0; while [ $i -lt 30000 ]; do echo 0123456789; i=$((i+1)); done";
        assert_eq!(run("sh", &["-c", many]).unwrap().len(), 330_000);
        let error = run("sh", &["-c", "echo no such thing >&2; exit 3"]).unwrap_err();
        assert_eq!(error.to_string(), "sh: no such thing");
        let error = run("/nowhere/cibadmin", &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    /// The service's group may write beside clp.conf, and root must not be led elsewhere by that.
    ///
    /// Rule: N3
    #[test]
    fn a_link_under_the_name_of_the_new_file_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let [victim, new, path] =
            ["victim", "clp.new", "clp.conf"].map(|name| dir.path().join(name));
        std::fs::write(&victim, "root's").unwrap();
        symlink(&victim, &new).unwrap();
        let gid = dir.path().metadata().unwrap().gid();
        write(&path, &new, "settings", 0o640, Some(gid)).unwrap();
        assert_eq!(read(&victim).unwrap(), "root's");
        assert!(path.symlink_metadata().unwrap().is_file());
        assert_eq!(read(&path).unwrap(), "settings");
        assert!(new.symlink_metadata().is_err());
    }
}
