//! Commands against the real daemon: start, restart, stop, and what a home holds apart.

mod common;

use common::*;
use noroshi_daemon::home::Home;
use std::path::Path;

/// A home of `server1` in a cluster of one, on an address that no other test run has.
fn single(last: u8) -> (tempfile::TempDir, Home) {
    let (dir, home) = empty_home();
    assert_eq!(run_in(dir.path(), &["key", "new"]).code, 0);
    let pid = std::process::id();
    let address = format!("127.{}.{}.{}", pid >> 8 & 0x7f | 0x80, pid & 0xff, last);
    let conf = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <cluster><name>cluster</name></cluster>
  <server name="server1"><priority>0</priority>
    <device id="0"><type>lan</type><info>{address}</info></device>
  </server>
  <heartbeat><types name="lankhb"/>
    <lankhb name="lankhb1"><priority>0</priority><device>0</device></lankhb>
  </heartbeat>
  <noroshi><console><use>0</use></console></noroshi>
</root>
"#
    );
    std::fs::write(home.conf(), conf).unwrap();
    (dir, home)
}

/// Ends the daemon of a failed test too.
struct Stopped<'a>(&'a Path);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        run_in(self.0, &["clpcl", "-t"]);
    }
}

fn pid(home: &Home) -> String {
    std::fs::read_to_string(home.lock_file()).unwrap()
}

/// Rule: M30 N20
#[test]
fn clpcl_starts_restarts_and_stops_the_real_daemon() {
    let (dir, home) = single(77);
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    let _stopped = Stopped(dir.path());
    let started = done("Start server1 : Command succeeded.\n");
    assert_eq!(run(&["clpcl", "-s"]), started);
    assert_eq!(
        run(&["clpcl", "-s", "-a"]),
        done("Start server1 : Already running.\n")
    );
    let first = pid(&home);
    assert_eq!(
        run(&["clpstat"]),
        done(concat!(
            " ========================  CLUSTER STATUS  ===========================\n",
            "  Cluster : cluster\n",
            "  <server>\n",
            "   *server1 .........: Online           \n",
            "      lankhb1        : Normal           Kernel Mode LAN Heartbeat\n",
            " =====================================================================\n",
        ))
    );
    let second = run(&["daemon"]);
    assert_eq!((second.code, &*second.out), (1, ""), "{second:?}");
    let words = format!("already running (process {})", first.trim());
    assert!(second.err.contains(&words), "{second:?}");
    assert_eq!(
        run(&["clpcl", "-r"]),
        done("Stop server1 : Command succeeded.\nStart server1 : Command succeeded.\n")
    );
    assert_ne!(pid(&home), first);
    assert_eq!(
        run(&["clpcl", "-t"]),
        done("Stop server1 : Command succeeded.\n")
    );
    assert!(!home.is_locked());
    assert_eq!(run(&["clpcl", "-t"]).code, 3);
}

/// A command that is told by nobody which server this is.
fn unnamed(dir: &Path, arguments: &[&str]) -> Ran {
    let mut command = command_in(dir, arguments);
    command.env_remove("NOROSHI_SERVER");
    ran(command, dir)
}

/// Story: on a host called otherwise than in clp.conf, `clpcl -s` gave the host's whole name to the
/// daemon, which refused it.
///
/// Rule: M30 N20
#[test]
fn clpcl_finds_its_server_by_an_address_of_the_host() {
    let (dir, _home) = single(79);
    let _stopped = Stopped(dir.path());
    assert_eq!(
        unnamed(dir.path(), &["clpcl", "-s", "-h", "server1"]),
        done("Start server1 : Command succeeded.\n")
    );
    assert_eq!(
        unnamed(dir.path(), &["clpcl", "-r"]),
        done("Stop server1 : Command succeeded.\nStart server1 : Command succeeded.\n")
    );
}

/// Rule: M30 N20
#[test]
fn clpcl_says_the_remedy_where_its_server_cannot_be_found() {
    let (dir, home) = single(80);
    let conf = std::fs::read_to_string(home.conf()).unwrap();
    let at = conf.find("<info>").unwrap() + 6;
    let end = conf.find("</info>").unwrap();
    // An address for documentation (RFC 5737): no host's own.
    let elsewhere = format!("{}192.0.2.7{}", &conf[..at], &conf[end..]);
    std::fs::write(home.conf(), elsewhere).unwrap();
    for (arguments, remedy) in [
        (
            &["clpcl", "-s"][..],
            "Name this server with NOROSHI_SERVER=NAME",
        ),
        (&["clpcl", "-s", "-h", "server1"], "NOROSHI_SERVER=NAME"),
        (&["clpcl", "-s", "--lang", "ja"], "環境変数 NOROSHI_SERVER"),
    ] {
        let ran = unnamed(dir.path(), arguments);
        assert_eq!((ran.code, &*ran.out), (5, ""), "{ran:?}");
        assert!(
            ran.err.contains(remedy) && ran.err.contains("server1"),
            "{ran:?}"
        );
    }
    assert!(!home.is_locked());
}

/// Rule: N7 N19 M18
#[test]
fn what_commands_ask_for_stands_in_the_real_alert_view() {
    let (dir, _home) = single(78);
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    let _stopped = Stopped(dir.path());
    assert_eq!(run(&["clpcl", "-s"]).code, 0);
    let raise = [
        "clplogcmd",
        "-m",
        "disk \u{1b}[31mhot",
        "-l",
        "ERR",
        "-i",
        "7",
        "--alert",
    ];
    assert_eq!(run(&raise), done("Command succeeded.\n"));
    let found = run(&["alerts", "--json", "--module", "logcmd"]);
    assert_eq!(found.code, 0);
    let alert: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    let expected = [
        ("server", "server1"),
        ("severity", "error"),
        ("module", "logcmd"),
        ("text", "disk  [31mhot"),
    ];
    for (member, value) in expected {
        assert_eq!(alert[member], value, "{found:?}");
    }
    assert_eq!(alert["event"], 7);
    let light = run(&["clpdn1000s", "-h", "server1"]);
    assert_eq!(
        (light.code, &*light.out),
        (4, ""),
        "it has no light: {light:?}"
    );
    assert_eq!(run(&["test", "mail"]).code, 4, "it has no mail address");
    assert_eq!(run(&["clpstdn"]), done("Command succeeded.\n"));
    assert_eq!(run(&["status"]).code, 3);
}

/// Root starts the service in directories of the service's user: a link in the place of the first words would
/// have root empty any file.
///
/// Rule: M30
#[test]
fn a_link_in_the_place_of_the_first_words_is_not_followed() {
    let (dir, home) = single(98);
    home.prepare().unwrap();
    let others = dir.path().join("others");
    std::fs::write(&others, "kept").unwrap();
    std::os::unix::fs::symlink(&others, home.log().join("start.log")).unwrap();
    let _stopped = Stopped(dir.path());
    let ran = run_in(dir.path(), &["clpcl", "-s"]);
    assert!(ran.code != 0 && ran.err.contains("start.log"), "{ran:?}");
    assert_eq!(std::fs::read(&others).unwrap(), b"kept");
}

/// Rule: N7
#[test]
fn alerts_are_read_from_the_store_when_no_daemon_runs() {
    let (dir, _home) = single(81);
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    let _stopped = Stopped(dir.path());
    assert_eq!(run(&["clpcl", "-s"]).code, 0);
    for text in ["one", "two", "three"] {
        assert_eq!(run(&["clplogcmd", "-m", text, "-l", "ERR"]).code, 0);
    }
    let listings: [&[&str]; 5] = [
        &["alerts"],
        &["alerts", "--lang", "ja"],
        &["alerts", "--json", "--module", "logcmd", "-n", "2"],
        &[
            "alerts",
            "--json",
            "--severity",
            "error",
            "--server",
            "server1",
        ],
        &["alerts", "-n", "0"],
    ];
    assert_eq!(run(&["clpcl", "-t"]).code, 0);
    let without: Vec<Ran> = listings.iter().map(|listing| run(listing)).collect();
    for ran in &without {
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
        assert!(ran.err.contains("HOME/var/alerts.db"), "{ran:?}");
    }
    assert!(without[0].err.contains("the alert service is not running;"));
    assert!(without[1].err.contains("起動していないため"));
    let lines: Vec<&str> = without[2].out.lines().collect();
    assert!(
        lines[0].contains("\"two\"") && lines[1].contains("\"three\""),
        "{lines:?}"
    );
    let follow = run(&["alerts", "--follow"]);
    assert_eq!((follow.code, &*follow.out), (3, ""), "{follow:?}");
    assert!(follow.err.contains("nothing to follow"), "{follow:?}");
    // The daemon lists the same, and what it has seen since.
    assert_eq!(run(&["clpcl", "-s"]).code, 0);
    let with = run(listings[2]).out;
    // What becomes of a notice goes on.
    let alert = |line: &str| {
        let alert: serde_json::Value = serde_json::from_str(line).unwrap();
        [
            "received", "time", "server", "module", "event", "severity", "text", "id", "row",
        ]
        .map(|member| alert[member].clone())
    };
    let alerts = |out: &str| out.lines().map(alert).collect::<Vec<_>>();
    assert_eq!(alerts(&with), alerts(&without[2].out));
    assert_eq!(
        run(&["alerts"]).out.lines().next(),
        without[0].out.lines().next()
    );
}

/// Story: mails named a log directory in which there was never anything.
///
/// Rule: M5 M33
#[test]
fn the_log_that_mails_name_tells_what_did_not_work() {
    let (dir, home) = single(82);
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    let _stopped = Stopped(dir.path());
    let conf = std::fs::read_to_string(home.conf()).unwrap();
    let mail = "<mail><address>ops@example.com</address></mail></cluster>";
    let send = "<noroshi><mail><sendmail>/nowhere/sendmail</sendmail></mail>";
    let conf = conf.replace("</cluster>", mail).replace("<noroshi>", send);
    std::fs::write(home.conf(), conf).unwrap();
    assert_eq!(run(&["clpcl", "-s"]).code, 0);
    assert_eq!(run(&["clplogcmd", "-m", "x", "--mail"]).code, 0);
    assert_eq!(run(&["clpcl", "-t"]).code, 0);
    let log = std::fs::read_to_string(home.log().join("noroshi.log.cur")).unwrap();
    for words in [
        " +09:00 release ",
        "started as server1 of cluster cluster",
        "mail to ops@example.com not sent, will be tried again: ",
        "/nowhere/sendmail",
        " stopping\n",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
    // One that cannot start says why there too.
    std::fs::write(home.conf(), "<root/>").unwrap();
    assert_eq!(run(&["daemon"]).code, 1);
    let log = std::fs::read_to_string(home.log().join("noroshi.log.cur")).unwrap();
    assert!(log.contains(" not started: clp.conf:1: "), "{log}");
}

/// Rule: M33
#[test]
fn a_log_that_cannot_be_written_is_said_once_and_keeps_nobody_waiting() {
    let (dir, home) = single(83);
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    let _stopped = Stopped(dir.path());
    std::fs::create_dir(home.log().join("noroshi.log.cur")).unwrap();
    assert_eq!(run(&["clpcl", "-s"]).code, 0);
    assert_eq!(run(&["clplogcmd", "-m", "x", "--alert"]).code, 0);
    assert_eq!(run(&["clpcl", "-t"]).code, 0);
    let words = std::fs::read_to_string(home.log().join("start.log")).unwrap();
    let said = words.matches("cannot write the log in ").count();
    assert_eq!(said, 1, "{words}");
}

/// A real daemon that speaks Japanese, without a syslog daemon: what waits is explained, and what is
/// refused is refused in the language of the settings, which the log has from its start to its end.
///
/// Rule: N20 M33
#[test]
fn what_waits_is_explained_and_refusals_follow_the_settings() {
    let (dir, home) = single(79);
    let conf = std::fs::read_to_string(home.conf()).unwrap();
    let ours = "<noroshi><language>ja</language><syslog><socket>/nonexistent/log</socket></syslog>";
    let conf = conf.replace("<noroshi>", ours);
    std::fs::write(home.conf(), conf).unwrap();
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    let _stopped = Stopped(dir.path());
    assert_eq!(run(&["clpcl", "-s"]).code, 0);
    assert_eq!(run(&["clplogcmd", "-m", "x", "--syslog"]).code, 0);
    let reason = "/nonexistent/log がありません";
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let status = run(&["status", "--lang", "ja"]).out;
        if status.contains("行が送信待ち") && status.contains(reason) {
            break;
        }
        assert!(std::time::Instant::now() < end, "{status}");
        std::thread::yield_now();
    }
    let json: serde_json::Value = serde_json::from_str(&run(&["status", "--json"]).out).unwrap();
    assert_eq!(json["waiting"][0]["channel"], "syslog", "{json}");
    let second = run(&["daemon", "--lang", "ja"]).err;
    assert!(
        second.contains("起動できません") && second.contains("既に動作しています"),
        "{second}"
    );
    let refused = run(&["test", "mail", "--lang", "ja"]);
    assert!(
        refused.err.contains("メールアドレスが設定されていません"),
        "{refused:?}"
    );
    let light = run(&["clpdn1000s", "-h", "server1", "--lang", "ja"]);
    assert!(
        light.err.contains("警告灯が設定されていません") || light.err.contains("使用しない設定"),
        "{light:?}"
    );
    assert_eq!(run(&["clpcl", "-t"]).code, 0);
    let log = std::fs::read_to_string(home.log().join("noroshi.log.cur")).unwrap();
    for words in [
        " クラスタ cluster の server1 として起動しました",
        " 停止します\n",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
}

/// A file system in memory, taken away at the end.
struct Mount(std::path::PathBuf);

impl Mount {
    fn over(path: &Path) -> Result<Mount, String> {
        mount(&["-t", "tmpfs", "-o", "size=4m", "none"], path).map(|()| Mount(path.into()))
    }

    fn make_read_only(&self) {
        mount(&["-o", "remount,ro"], &self.0).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
    }
}

fn mount(options: &[&str], path: &Path) -> Result<(), String> {
    let mut mount = std::process::Command::new("mount");
    match mount.args(options).arg(path).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Story: `noroshi daemon` ran on a disk that could only be read, and `clpcl -s` failed there before it
/// had started anything, at the file for the daemon's first words.
///
/// Rule: N8 M30
#[test]
fn clpcl_starts_the_service_on_a_read_only_disk_as_well() {
    let (from, made) = single(81);
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    let disk = match Mount::over(dir.path()) {
        Ok(disk) => disk,
        Err(why) => {
            noroshi_sim::skipped(&format!("no tmpfs can be mounted: {why}"));
            return;
        }
    };
    std::fs::create_dir_all(home.etc()).unwrap();
    std::fs::create_dir_all(home.run()).unwrap();
    std::fs::copy(made.conf(), home.conf()).unwrap();
    std::fs::copy(made.key(), home.key()).unwrap();
    // As on a host: what lives as long as the service is in memory.
    let _run = Mount::over(&home.run()).unwrap();
    disk.make_read_only();
    drop(from);
    let _stopped = Stopped(dir.path());
    assert_eq!(
        run_in(dir.path(), &["clpcl", "-s"]),
        done("Start server1 : Command succeeded.\n")
    );
    assert_eq!(
        run_in(dir.path(), &["clpcl", "-t"]),
        done("Stop server1 : Command succeeded.\n")
    );
    // What a daemon says that does not start is shown from there as well.
    mount(&["-o", "remount,rw"], dir.path()).unwrap();
    std::fs::remove_file(home.key()).unwrap();
    disk.make_read_only();
    let ran = run_in(dir.path(), &["clpcl", "-s"]);
    assert_eq!((ran.code, &*ran.out), (5, ""), "{ran:?}");
    assert!(ran.err.contains("HOME/etc/cluster.key"), "{ran:?}");
}

/// Story: both ended with 1, which scripts cannot tell from any other failure.
///
/// Rule: N20
#[test]
fn a_missing_key_and_a_home_that_cannot_be_made_have_their_codes() {
    let (dir, home) = single(82);
    std::fs::remove_file(home.key()).unwrap();
    for (language, words) in [
        ("en", "\"noroshi key new\" makes one"),
        ("ja", "で作成できます"),
    ] {
        for command in [&["daemon"][..], &["clpcl", "-s"]] {
            let arguments = [command, &["--lang", language]].concat();
            let ran = run_in(dir.path(), &arguments);
            assert_eq!((ran.code, &*ran.out), (5, ""), "{ran:?}");
            assert!(ran.err.contains("HOME/etc/cluster.key"), "{ran:?}");
            assert!(ran.err.contains(words), "{ran:?}");
        }
    }
    // Not even root makes a directory in /proc.
    let ran = run_in(Path::new("/proc/noroshi"), &["daemon"]);
    assert_eq!((ran.code, &*ran.out), (5, ""), "{ran:?}");
    assert!(ran.err.contains("cannot make HOME/var"), "{ran:?}");
    let disk = match Mount::over(dir.path()) {
        Ok(disk) => disk,
        Err(why) => {
            noroshi_sim::skipped(&format!("no tmpfs can be mounted: {why}"));
            return;
        }
    };
    disk.make_read_only();
    for command in [&["daemon"][..], &["clpcl", "-s"]] {
        let ran = run_in(dir.path(), command);
        assert_eq!((ran.code, &*ran.out), (4, ""), "{ran:?}");
        assert!(ran.err.contains("cannot make HOME/run"), "{ran:?}");
    }
}

/// Rule: N24 N20
#[test]
fn an_alert_is_acknowledged_by_the_id_that_its_listing_shows() {
    let (dir, home) = single(93);
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    let _stopped = Stopped(dir.path());
    assert_eq!(run(&["clpcl", "-s"]).code, 0);
    let raised = run(&["clplogcmd", "-m", "disk is full", "-l", "ERR", "--alert"]);
    assert_eq!(raised.code, 0);
    let listed = run(&["alerts", "--ids", "--text", "disk is full"]).out;
    let mut lines = listed.lines();
    let id = lines
        .find_map(|line| line.strip_prefix("    id      "))
        .unwrap();
    let by = ["--by", "sato", "--remark", "on my way"];
    let acknowledge = |id: &str, rest: &[&str]| run(&[&["acknowledge", id], rest].concat());
    let said = acknowledge(id, &by);
    assert_eq!(
        said,
        done(&format!("All servers show that sato sees to alert {id}.\n"))
    );
    let listed = run(&["alerts", "--text", "disk is full"]).out;
    assert!(listed.contains("acknowledged by sato at "), "{listed}");
    assert!(listed.contains("on my way"), "{listed}");
    assert!(
        !listed.contains(id),
        "ids are shown to whoever asks: {listed}"
    );
    let unknown = acknowledge("no.such-1", &by);
    assert_eq!(unknown.code, 4, "{unknown:?}");
    assert!(unknown.err.contains("no.such-1"), "{unknown:?}");
    assert_eq!(acknowledge(id, &["--by", " "]).code, 1, "nobody's name");
    assert_eq!(acknowledge(id, &[]).code, 2);
    let japanese = acknowledge(id, &["--by", "鈴木", "--lang", "ja"]);
    assert!(
        japanese.out.contains("対応者を 鈴木 として"),
        "{japanese:?}"
    );
    let audit = std::fs::read_to_string(home.log().join("audit.log.cur")).unwrap();
    assert!(
        audit.contains("by=\"sato\" result=done acknowledge"),
        "{audit}"
    );
}
