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

/// A real daemon that speaks Japanese, without a syslog daemon: what waits is explained, and what is
/// refused is refused in the language of the settings.
///
/// Rule: N20
#[test]
fn what_waits_is_explained_and_refusals_follow_the_settings() {
    let (dir, home) = single(79);
    let conf = std::fs::read_to_string(home.conf()).unwrap();
    let ours = "<noroshi><language>ja</language><syslog><socket>/nonexistent/log</socket></syslog></noroshi></root>";
    let conf = conf.replace("</root>", ours);
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
}
