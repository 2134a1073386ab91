//! `clplogcc -l`: one server's archive, with a daemon and without one, read by GNU tar.

mod common;

use common::*;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every kind of secret that a clp.conf can hold, each with a word that is looked for.
const CONF: &str = r#"<?xml version="1.0" encoding="ASCII"?>
<root><!-- the former one was hunter-comment -->
<cluster><name>c</name><mail><smtpsrv id="0"><auth><passwd>hunter-smtp</passwd></auth></smtpsrv></mail></cluster>
<server name="server1"><priority>0</priority></server>
<noroshi><lamp name="server1"><password>hunter-lamp</password><readcommunity>hunter-read</readcommunity>
<writecommunity>hunter-write</writecommunity><argument>--pin</argument><argument>hunter-argument</argument></lamp>
<mail><smtpsrv id="0"><password>sealed:1:hunter-sealed</password></smtpsrv></mail></noroshi>
<bmc><Password>hunter-bmc</Password></bmc><trap><snmpcom><![CDATA[hunter-trap]]></snmpcom></trap>
<exec path="/bin/x --password=hunter-exec">run --passwd hunter-words</exec>
</root>
"#;

fn home() -> (tempfile::TempDir, noroshi_daemon::home::Home) {
    let (dir, home) = empty_home();
    fs::create_dir(home.etc()).unwrap();
    fs::create_dir(dir.path().join("out")).unwrap();
    for name in ["clp.conf", "clp.conf.bak"] {
        fs::write(home.etc().join(name), CONF).unwrap();
    }
    fs::write(home.key(), "hunter-key").unwrap();
    fs::write(home.log().join("noroshi.log.cur"), "the log\n").unwrap();
    fs::write(home.log().join("other.log"), "another program's\n").unwrap();
    (dir, home)
}

fn out(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("out")
}

/// The archives in a directory, and nothing else is in it.
fn archives(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    for path in &found {
        assert!(path.to_str().unwrap().ends_with("-log.tar.gz"), "{path:?}");
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    found
}

fn tar(arguments: &[&str], archive: &Path) -> String {
    let output = Command::new("tar")
        .args(arguments)
        .arg("-f")
        .arg(archive)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// One member of an archive of `server1`.
fn member(name: &str, archive: &Path) -> String {
    let output = Command::new("tar")
        .arg("-xzOf")
        .arg(archive)
        .arg(format!("server1/{name}"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}");
    String::from_utf8(output.stdout).unwrap()
}

fn collect(dir: &tempfile::TempDir, kind: &str) -> Ran {
    let to = out(dir);
    run_in(
        dir.path(),
        &["clplogcc", "-l", "-t", kind, "-o", to.to_str().unwrap()],
    )
}

/// Rule: M30 M33
#[test]
fn without_a_service_this_server_is_collected_and_gnu_tar_reads_it() {
    let (dir, home) = home();
    symlink("/etc/passwd", home.log().join("link.log")).unwrap();
    let ran = collect(&dir, "type1");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let found = archives(&out(&dir));
    let name = found[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("server1-2"), "{name}");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "server1: collecting");
    assert!(lines[1].starts_with("server1: HOME/out/server1-2"));
    assert_eq!(lines[2], "Command succeeded.");
    let names = tar(&["-tz"], &found[0]);
    for name in [
        "log/noroshi.log.cur",
        "log/other.log",
        "log/alt/alertlog.alt",
        "etc/clp.conf",
        "sys/proc-meminfo",
        "collected.txt",
    ] {
        assert!(
            names.lines().any(|line| line == format!("server1/{name}")),
            "{name}: {names}"
        );
    }
    assert!(!names.contains("link.log") && !names.contains("status.json"));
    assert_eq!(member("log/noroshi.log.cur", &found[0]), "the log\n");
    let about = member("collected.txt", &found[0]);
    for words in [
        "link.log: no plain file",
        "status: the alert service does not run",
        "+09:00",
    ] {
        assert!(about.contains(words), "{words}: {about}");
    }
}

/// Rule: M33 N18
#[test]
fn no_secret_of_the_settings_is_in_the_archive() {
    let (dir, _home) = home();
    assert_eq!(collect(&dir, "type2").code, 0);
    let found = archives(&out(&dir));
    for name in ["etc/clp.conf", "etc/clp.conf.bak"] {
        let shown = member(name, &found[0]);
        assert!(shown.contains("<name>c</name>"), "{shown}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
    // All members in one stream.
    let all = Command::new("tar")
        .arg("-xzOf")
        .arg(&found[0])
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&all.stdout).contains("hunter-"));
}

/// Rule: M33 N18
#[test]
fn settings_that_cannot_be_followed_are_left_out_and_that_is_said() {
    let (dir, home) = home();
    fs::write(home.conf(), "<root><password>hunter-open</root>").unwrap();
    assert_eq!(collect(&dir, "type1").code, 0);
    let found = archives(&out(&dir));
    assert!(!tar(&["-tz"], &found[0]).contains("etc/clp.conf\n"));
    let about = member("collected.txt", &found[0]);
    assert!(
        about.contains("clp.conf: its markup cannot be followed"),
        "{about}"
    );
}

/// Rule: M30
#[test]
fn the_type_decides_how_much() {
    let (dir, _home) = home();
    let mut counts = Vec::new();
    for kind in ["type3", "type1", "type2"] {
        assert_eq!(collect(&dir, kind).code, 0);
        let found = archives(&out(&dir));
        let names = tar(&["-tz"], &found[0]);
        counts.push(names.lines().count());
        assert_eq!(names.contains("other.log"), kind != "type3");
        assert_eq!(names.contains("sys/proc-meminfo"), kind != "type3");
        assert_eq!(names.contains("sys/processes.txt"), kind == "type2");
        fs::remove_file(&found[0]).unwrap();
    }
    assert!(counts[0] < counts[1] && counts[1] < counts[2], "{counts:?}");
    assert_eq!(collect(&dir, "type4").code, 2);
}

/// Rule: M30 M33
#[test]
fn with_a_service_status_and_alert_log_are_its_own() {
    let rows = vec![alert(1, noroshi_core::alert::Severity::Error, "a\nb")];
    let fake = Fake::agreeing(cluster(noroshi_core::status::ServerState::Up), rows);
    let to = fake.dir.path().join("out");
    fs::create_dir(&to).unwrap();
    let ran = fake.run(&["clplogcc", "-l", "-o", to.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let found = archives(&to);
    assert!(member("status.json", &found[0]).contains("\"server1\""));
    let log = member("log/alt/alertlog.alt", &found[0]);
    assert!(
        log.starts_with("1 2023/11/15 07:13:20.123 2023/11/15 07:13:20."),
        "{log}"
    );
    assert!(log.ends_with(" nm 2 1 a\\nb\n"), "{log}");
}

/// Rule: M30
#[test]
fn a_place_that_cannot_be_written_is_named_and_nothing_is_left() {
    let (dir, _home) = home();
    let ran = run_in(dir.path(), &["clplogcc", "-l", "-o", "/nowhere/at/all"]);
    assert_eq!(ran.code, 5);
    assert!(
        ran.err.contains("/nowhere/at/all") && ran.err.contains("-o"),
        "{}",
        ran.err
    );
}

/// A bound for the size of files stands for a disk that is full.
///
/// Rule: M30
#[test]
fn a_full_disk_is_named_and_nothing_is_left_that_looks_whole() {
    let (dir, home) = home();
    let mut noise = File::create(home.log().join("large.log")).unwrap();
    let mut random = File::open("/dev/urandom").unwrap().take(1 << 20);
    std::io::copy(&mut random, &mut noise).unwrap();
    let to = out(&dir);
    let collect = command_in(dir.path(), &["clplogcc", "-l", "-o", to.to_str().unwrap()]);
    let mut bounded = Command::new("bash");
    // Ignored, the signal at the bound becomes an error of the write.
    bounded
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
        .arg(collect.get_program())
        .args(collect.get_args())
        .env("NOROSHI_HOME", dir.path())
        .env("LC_ALL", "C");
    let ran = ran(bounded, dir.path());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains(": HOME/out: File too large"), "{ran:?}");
    // "clplogcc -l" alone would fill the same disk.
    let remedy = "Where HOME/out has no room, name another directory with -o";
    assert!(ran.err.contains(remedy), "{ran:?}");
    assert_eq!(fs::read_dir(&to).unwrap().count(), 0);
}

/// What somebody may have put into the directory of logs, or in the place of the settings.
///
/// Rule: M30 M33
#[test]
fn odd_names_pipes_and_links_neither_lead_out_nor_hold_it_up() {
    let (dir, home) = home();
    let log = home.log();
    let long = "l".repeat(255);
    let odd = ["-rf", "..hidden", "a\nb", "\u{1b}[2J", "狼", &long];
    for name in odd {
        fs::write(log.join(name), "odd\n").unwrap();
    }
    symlink("/etc", log.join("etc")).unwrap();
    symlink("../etc/cluster.key", log.join("key.log")).unwrap();
    fs::remove_file(home.conf()).unwrap();
    for pipe in [log.join("pipe.log"), home.conf()] {
        let made = Command::new("mkfifo").arg(pipe).status();
        assert!(made.unwrap().success());
    }
    let ran = collect(&dir, "type1");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let found = archives(&out(&dir));
    let names = tar(&["-tz"], &found[0]);
    for name in names.lines() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-~".contains(c);
        assert!(
            name.starts_with("server1/") && name.chars().all(plain),
            "{name}"
        );
        assert!(!name.contains("/../") && !name.contains("/-"), "{name}");
    }
    let all = tar(&["-xzO"], &found[0]);
    assert_eq!(all.matches("odd\n").count(), odd.len());
    assert!(!all.contains("hunter-") && !all.contains("root:x:"));
    let about = member("collected.txt", &found[0]);
    for words in [
        "etc: no plain file",
        "key.log: no plain file",
        "pipe.log: no plain file",
    ] {
        assert!(about.contains(words), "{words}: {about}");
    }
    assert!(
        about.contains("clp.conf: no plain file") && !about.contains('\u{1b}'),
        "{about}"
    );
}
