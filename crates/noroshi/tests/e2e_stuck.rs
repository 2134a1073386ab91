//! What stands still around a real daemon: its log's reader, its settings file, its directories.

mod e2e;

use e2e::*;
use std::fs::{self, File};
use std::io::{PipeReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A daemon that is killed with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A pipe that holds all it can; nobody reads the near end, which is kept open.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    let chunk = [b'x'; 4_096];
    while writer.write(&chunk).is_ok() {}
    while writer.write(&chunk[..1]).is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    (reader, writer.into())
}

/// Starts server 0 with this standard error, before anybody is there to be linked to: it has much
/// to say.
fn start_with_stderr(cluster: &Cluster, stderr: Stdio) -> Running {
    let launch = cluster.launch(0);
    let mut command = launch.command(&["daemon", "--server", &launch.server]);
    command.stdout(Stdio::null()).stderr(stderr);
    Running(command.spawn().unwrap())
}

/// The log's reader is gone, or there and reads nothing: the daemon beats, mails and takes settings.
///
/// Rule: N4
#[test]
fn a_log_that_nobody_reads_stops_neither_heartbeats_nor_mails() {
    for gone in [false, true] {
        let mut cluster = plan().lamps(Lamps::None).prepare().unwrap();
        let (reader, stderr) = full_pipe();
        let reader = (!gone).then_some(reader);
        let mut daemon = start_with_stderr(&cluster, stderr);
        for server in [1, 2] {
            cluster.start(server).unwrap();
        }
        cluster.wait_all_up(LATER).unwrap();
        // Each end of a link, and each try to make it anew, is a line.
        cluster.kill(2).unwrap();
        let fallen = cluster.wait_mail(LATER, |mail| mail.body.contains("sv3 is down"));
        fallen.unwrap();
        flush(&cluster, 0);
        assert!(daemon.0.try_wait().unwrap().is_none(), "it lives");
        assert_eq!(
            mails_saying(&cluster, "Server sv1 is"),
            0,
            "{}",
            letters(&cluster)
        );
        drop(reader);
    }
}

/// A pipe in place of the settings, which nobody writes to.
///
/// Rule: N4 N17
#[test]
fn settings_that_are_a_pipe_stop_no_heartbeat_and_are_told() {
    let mut cluster = plan().start().unwrap();
    let conf = cluster.home(0).conf();
    fs::remove_file(&conf).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&conf)
            .status()
            .unwrap()
            .success()
    );
    cluster.daemon(0).reload().unwrap();
    let said = cluster.wait_message(0, "pm", 13, SOON).unwrap();
    assert!(said.text.contains("not a regular file"), "{}", said.text);
    assert!(
        said.text.contains("old ones stay in force"),
        "{}",
        said.text
    );
    flush(&cluster, 0);
    for server in [1, 2] {
        assert_eq!(messages(&cluster, server, "nm", 2), 0, "nobody was silent");
    }
    let refused = {
        cluster.daemon(0).kill().unwrap();
        cluster.spawn(0).unwrap();
        cluster.daemon(0).wait_end(SOON).unwrap()
    };
    assert_eq!(refused.code(), Some(1));
    assert!(cluster.daemon(0).log().contains("not a regular file"));
}

/// A directory that can only be read from now on; as before at the end.
struct ReadOnly(PathBuf);

impl ReadOnly {
    fn over(path: &Path) -> Result<ReadOnly, String> {
        let mount = |arguments: &[&str]| {
            let output = Command::new("mount").args(arguments).arg(path).output();
            match output {
                Ok(output) if output.status.success() => Ok(()),
                Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
                Err(error) => Err(error.to_string()),
            }
        };
        mount(&["--bind", path.to_str().ok_or("a path in UTF-8")?])?;
        let mounted = ReadOnly(path.into());
        mount(&["-o", "remount,ro,bind"])?;
        Ok(mounted)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        // The daemon may still have files open in it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Nothing in its home can be written, not even its lock: it starts, says so and tells what falls.
///
/// Rule: N8
#[test]
fn a_home_that_can_only_be_read_is_told_and_the_service_goes_on() {
    let mut cluster = plan().lamps(Lamps::None).prepare().unwrap();
    let home = cluster.launch(0).home.clone();
    fs::create_dir(cluster.home(0).run()).unwrap();
    let disk = match ReadOnly::over(&home) {
        Ok(disk) => disk,
        Err(why) => {
            noroshi_sim::skipped(&format!("no file system can be mounted: {why}"));
            return;
        }
    };
    let log = cluster.dir().join("readonly.log");
    let said = || fs::read_to_string(&log).unwrap_or_default();
    let stderr = || {
        File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap()
    };
    let mut daemon = start_with_stderr(&cluster, stderr().into());
    cluster.start(1).unwrap();
    cluster.start(2).unwrap();
    let told = cluster.wait_mail(LATER, |mail| {
        mail.body.contains("store of server sv1 failed")
    });
    assert!(told.is_ok(), "{}", said());
    // It has no command socket to be asked at; the others know whether it sees them.
    for server in [1, 2] {
        let seen = until(LATER, "all are up", || {
            let status = cluster.status(server).map_err(|error| error.0)?;
            let all = status.servers.iter();
            let up = all.filter(|one| one.state == ServerState::Up).count();
            if up == 3 { Ok(()) } else { Err(said()) }
        });
        seen.unwrap();
    }
    cluster.kill(2).unwrap();
    let fallen = cluster.wait_mail(LATER, |mail| mail.body.contains("Server sv3 is down"));
    let fallen = fallen.unwrap();
    assert!(
        fallen.body.contains("Sent by server: sv1"),
        "{}",
        fallen.body
    );
    assert!(said().contains("going on without commands"), "{}", said());
    let mut second = start_with_stderr(&cluster, stderr().into());
    assert_eq!(second.0.wait().unwrap().code(), Some(1));
    assert!(said().contains("already running"), "{}", said());
    assert!(daemon.0.try_wait().unwrap().is_none(), "the first lives");
    drop((second, daemon, cluster, disk));
}
