//! Collecting the logs of a cluster, on real processes.

mod e2e;

use e2e::*;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a collection may cost a daemon, in kB.
const MEMORY_KB_MAX: u64 = 2_048;

/// The only archive of `server` in `dir`.
fn archive(dir: &Path, server: &str) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with(&format!("{server}-")) && name.ends_with("-log.tar.gz")
        })
        .collect();
    assert!(found.len() < 2, "{found:?}");
    found.pop()
}

fn member(archive: &Path, name: &str) -> Vec<u8> {
    let output = Command::new("tar")
        .arg("-xzOf")
        .arg(archive)
        .arg(name)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    output.stdout
}

/// A log of about `megabytes` that does not compress well.
fn write_log(path: &Path, megabytes: usize) {
    let mut log = BufWriter::new(File::create(path).unwrap());
    let mut number: u64 = 88_172_645_463_325_252;
    for _ in 0..megabytes << 16 {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        writeln!(log, "{number:015x}").unwrap();
    }
    log.flush().unwrap();
}

/// One server is dead: the two others are collected, it is named.
///
/// Rule: M30 M33
#[test]
fn an_archive_for_each_server_and_the_dead_one_is_named() {
    let mut cluster = plan().start().unwrap();
    let out = cluster.dir().join("out");
    fs::create_dir(&out).unwrap();
    cluster.kill(2).unwrap();
    cluster.wait_message(1, "nm", 2, SOON).unwrap();
    let ran = cluster
        .run(0, &["clplogcc", "-o", out.to_str().unwrap()])
        .unwrap();
    let (said, failed) = (
        String::from_utf8(ran.stdout).unwrap(),
        String::from_utf8(ran.stderr).unwrap(),
    );
    assert_eq!(ran.status.code(), Some(1), "{said}{failed}");
    assert!(failed.contains("sv3: no link to it"), "{failed}");
    assert!(said.contains("sv3: NOT COLLECTED: no link to it"), "{said}");
    assert_eq!(
        fs::read_dir(&out).unwrap().count(),
        2,
        "no half archive is left"
    );
    for server in ["sv1", "sv2"] {
        let archive = archive(&out, server).unwrap();
        let mode = fs::metadata(&archive).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(
            said.contains(&format!("{server}: {}", archive.display())),
            "{said}"
        );
        let text = |name: &str| {
            let bytes = member(&archive, &format!("{server}/{name}"));
            String::from_utf8(bytes).unwrap()
        };
        assert!(text("log/noroshi.log.cur").contains("started as"));
        assert!(text("log/alt/alertlog.alt").contains("sv3"));
        assert!(text("status.json").contains(&format!("\"server\": \"{server}\"")));
        assert!(text("etc/clp.conf").contains("<root>"));
        assert!(text("collected.txt").contains(&format!(" on {server} at ")));
    }
}

/// Pages of a large archive cost neither daemon memory, and no notice waits for them.
///
/// Rule: M30 M33
#[test]
fn a_large_log_costs_the_daemons_no_memory_and_delays_no_notice() {
    const MEGABYTES: usize = 24;
    let mut cluster = plan().start().unwrap();
    let out = cluster.dir().join("out");
    fs::create_dir(&out).unwrap();
    write_log(&cluster.home(1).log().join("large.log"), MEGABYTES);
    flush(&cluster, 0);
    let sample = |cluster: &mut Cluster| {
        [0, 1].map(|server| cluster.daemon(server).private_dirty_kb().unwrap())
    };
    let before = sample(&mut cluster);
    let mut collecting = cluster
        .launch(0)
        .command(&["clplogcc", "-h", "sv2", "-o", out.to_str().unwrap()])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let (mut most, mut alerts) = (before, 0);
    while collecting.try_wait().unwrap().is_none() {
        // Each waits until its mail is accepted.
        flush(&cluster, 1);
        alerts += 1;
        let now = sample(&mut cluster);
        for (most, now) in most.iter_mut().zip(now) {
            *most = (*most).max(now);
        }
    }
    assert!(collecting.wait().unwrap().success());
    for (before, most) in before.iter().zip(most) {
        let grown = most.saturating_sub(*before);
        eprintln!("memory: {grown} kB more at most, with {alerts} alerts meanwhile");
        assert!(grown <= MEMORY_KB_MAX, "{grown} kB");
    }
    let archive = archive(&out, "sv2").unwrap();
    let log = member(&archive, "sv2/log/large.log");
    let written = fs::read(cluster.home(1).log().join("large.log")).unwrap();
    assert!(log == written, "{} bytes of {}", log.len(), written.len());
    cluster.wait_all_up(SOON).unwrap();
    assert_eq!(messages(&cluster, 0, "nm", 2), 0, "{}", cluster.logs());
}

/// A level holds at once, and after a restart; without it nothing more is written.
///
/// Rule: M30 M33
#[test]
fn a_level_holds_at_once_and_from_then_on() {
    let mut cluster = plan().start().unwrap();
    let log = cluster.home(0).log().join("noroshi.log.cur");
    let text = || fs::read_to_string(&log).unwrap();
    let sent = "mail to ops@example.com sent (alert ";
    flush(&cluster, 0);
    let told = cluster.command(0, &["clplogcf", "-t", "mail", "-l", "8"]);
    assert_eq!(told.unwrap(), "Command succeeded.\n");
    assert!(!text().contains(sent), "{}", text());
    let wait = |what: &str| {
        let seen = || text().contains(what).then_some(()).ok_or_else(text);
        until(SOON, what, seen).unwrap();
    };
    flush(&cluster, 0);
    wait(sent);
    assert!(!text().contains("written to the alert store"), "{}", text());
    cluster.terminate(0).unwrap();
    fs::remove_file(&log).unwrap();
    cluster.start(0).unwrap();
    let shown = cluster.command(0, &["clplogcf"]).unwrap();
    assert!(shown.contains("mail       8"), "{shown}");
    cluster.wait_all_up(SOON).unwrap();
    flush(&cluster, 0);
    wait(sent);
}

/// Whoever breaks off leaves nothing at work on the other servers.
///
/// Rule: M30
#[test]
fn a_collection_that_is_broken_off_ends_everywhere() {
    let mut cluster = plan().start().unwrap();
    let out = cluster.dir().join("out");
    fs::create_dir(&out).unwrap();
    write_log(&cluster.home(1).log().join("large.log"), 64);
    let pid = cluster.daemon(1).pid();
    let children = || {
        let path = format!("/proc/{pid}/task/{pid}/children");
        let mut all = fs::read_to_string(path).unwrap();
        for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
            // A thread may end meanwhile.
            all += &fs::read_to_string(task.path().join("children")).unwrap_or_default();
        }
        all.trim().to_owned()
    };
    let mut collecting = cluster
        .launch(0)
        .command(&["clplogcc", "-h", "sv2", "-o", out.to_str().unwrap()])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let at_work = || {
        (!children().is_empty())
            .then_some(())
            .ok_or("no child yet".into())
    };
    until(SOON, "the archive is written", at_work).unwrap();
    collecting.kill().unwrap();
    collecting.wait().unwrap();
    let ended = || children().is_empty().then_some(()).ok_or_else(children);
    until(SOON, "its writer ends", ended).unwrap();
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "nothing is left");
    cluster.wait_all_up(SOON).unwrap();
}

/// A server that dies in the midst of it is named, and nothing half is kept. It takes the 3 s that a
/// link has to come back.
///
/// Rule: M30
#[test]
fn a_server_that_dies_meanwhile_is_named() {
    /// More than any archive but that of the large log.
    const PAGES_BYTES: u64 = 1 << 20;
    let mut cluster = plan().start().unwrap();
    let out = cluster.dir().join("out");
    fs::create_dir(&out).unwrap();
    write_log(&cluster.home(1).log().join("large.log"), 64);
    let collecting = cluster
        .launch(0)
        .command(&["clplogcc", "-o", out.to_str().unwrap()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let open_files = format!("/proc/{}/fd", collecting.id());
    let half = || {
        // It has no name yet, and is by far the largest.
        let open = fs::read_dir(&open_files).unwrap().flatten();
        let sizes = open.filter_map(|entry| {
            let here = fs::read_link(entry.path()).ok()?.starts_with(&out);
            here.then(|| fs::metadata(entry.path()).ok().map(|about| about.len()))?
        });
        match sizes.max() {
            Some(PAGES_BYTES..) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    until(SOON, "the first page came", half).unwrap();
    cluster.kill(1).unwrap();
    let ended = collecting.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("sv2: no link to it"), "{said}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2);
    assert_eq!(archive(&out, "sv2"), None);
    assert!(archive(&out, "sv1").is_some() && archive(&out, "sv3").is_some());
}

/// Passwords in clear and sealed, every part at its highest level, lights that were told and one that
/// refuses: no file of any archive has one of them.
///
/// Rule: M33 N18
#[test]
fn no_password_is_in_any_file_that_is_collected() {
    let kinds = vec![
        Kind::IsaTcp {
            password: Some("hunter1".into()),
        },
        Kind::PatliteSnmp {
            read: "hunter2".into(),
            write: "hunter3".into(),
        },
    ];
    let mut cluster = plan()
        .servers(2)
        .lamps(Lamps::Mixed(kinds))
        .start()
        .unwrap();
    for part in [
        "engine", "store", "mail", "lamp", "syslog", "control", "reload",
    ] {
        let set = ["clplogcf", "-t", part, "-l", "8"];
        cluster.command(0, &set).unwrap();
    }
    let path = "/root/noroshi/lamp@sv1/password";
    let mut sealing = cluster
        .launch(0)
        .command(&["config", "set-secret", path])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = sealing.stdin.take().unwrap();
    typed.write_all(b"hunter4\n").unwrap();
    drop(typed);
    assert!(sealing.wait().unwrap().success());
    cluster.daemon(0).reload().unwrap();
    cluster.wait_message(0, "cfmgr", 1, SOON).unwrap();
    cluster.command(0, &["test", "lamp", "sv2"]).unwrap();
    // The light has the former password.
    let refused = cluster.run(0, &["test", "lamp", "sv1"]).unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(!said.contains("hunter"), "{said}");
    let out = cluster.dir().join("out");
    fs::create_dir(&out).unwrap();
    let collect = ["clplogcc", "-t", "type2", "-o", out.to_str().unwrap()];
    cluster.command(0, &collect).unwrap();
    for server in ["sv1", "sv2"] {
        let archive = archive(&out, server).unwrap();
        let conf = member(&archive, &format!("{server}/etc/clp.conf"));
        assert!(String::from_utf8(conf).unwrap().contains("***"));
        let all = Command::new("tar").arg("-xzOf").arg(&archive).output();
        let all = all.unwrap().stdout;
        let log = String::from_utf8_lossy(&all);
        assert!(log.contains("lamp") && !log.contains("hunter"), "{server}");
    }
}
