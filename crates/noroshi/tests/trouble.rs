//! What commands say when the daemon is absent, odd or closed to them, and the key file.

mod common;

use common::*;
use noroshi_core::status::ServerState;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

/// Every command that speaks to the daemon.
const SPEAKING: [&[&str]; 12] = [
    &["status"],
    &["alerts"],
    &["acknowledge", "a-1", "--by", "sato"],
    &["test", "mail"],
    &["test", "mail", "--verbose"],
    &["test", "lamp"],
    &["clpstat"],
    &["clpcl", "-t"],
    &["clpstdn"],
    &["clpdn1000s", "-h", "server1"],
    &["clplogcc"],
    &["clplogcmd", "-m", "x"],
];

#[test]
fn an_absent_daemon_is_told_with_the_remedy() {
    let (dir, _home) = empty_home();
    assert_eq!(
        run_in(dir.path(), &["clpstat"]),
        failed(
            3,
            concat!(
                "clpstat: the alert service is not running here: HOME/run/noroshi.sock: No such file or directory (os error 2)\n",
                "Start it with \"systemctl start noroshi\", where systemd does not run it with \"clpcl -s\"; or name its directory with --home or NOROSHI_HOME.\n",
            )
        )
    );
    assert_eq!(
        run_in(dir.path(), &["clpstat", "--lang", "ja"]),
        failed(
            3,
            concat!(
                "clpstat: アラートサービスが起動していません: HOME/run/noroshi.sock: No such file or directory (os error 2)\n",
                "systemctl start noroshi（systemd で管理していない場合は clpcl -s）で起動するか、--home または NOROSHI_HOME でディレクトリを指定してください。\n",
            )
        )
    );
}

#[test]
fn a_dead_daemons_socket_is_an_absent_daemon() {
    let mut fake = Fake::agreeing(cluster(ServerState::Up), Vec::new());
    fake.end();
    assert!(fake.home.socket().exists());
    for arguments in SPEAKING {
        let ran = fake.run(arguments);
        let no_table = arguments != ["alerts"];
        assert_eq!(
            (ran.code, ran.out.is_empty() || !no_table),
            (3, true),
            "{ran:?}"
        );
        assert!(ran.err.contains("Connection refused"), "{ran:?}");
    }
}

/// Answers every call with `bytes`, then closes.
fn odd_daemon(bytes: &'static [u8]) -> tempfile::TempDir {
    let (dir, home) = empty_home();
    let listener = UnixListener::bind(home.socket()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            let _ = stream.write_all(bytes);
        }
    });
    dir
}

#[test]
fn odd_answers_are_told_and_end_with_unclear() {
    let long: &'static [u8] = Box::leak(vec![b'x'; 2 * 1024 * 1024].into_boxed_slice());
    for (bytes, words) in [
        (&b""[..], "ended before it answered"),
        (b"{\"is\":\"repl", "ended before it answered"),
        (
            b"SSH-2.0-OpenSSH\r\n",
            "is no alert service of this release",
        ),
        (b"\xff\xfe\x00\n", "is no alert service of this release"),
        (
            b"{\"is\":\"from-the-future\"}\n",
            "is no alert service of this release",
        ),
        (
            b"{\"is\":\"reply\",\"reply\":{\"answer\":\"\\u001b[2J\"}}\n",
            "is no alert service",
        ),
        (long, "is no alert service of this release"),
    ] {
        let dir = odd_daemon(bytes);
        for arguments in SPEAKING {
            let ran = run_in(dir.path(), arguments);
            assert_eq!(ran.code, 6, "{arguments:?} {ran:?}");
            assert!(ran.err.contains(words), "{arguments:?} {ran:?}");
            assert!(!ran.err.contains('\u{1b}'), "{ran:?}");
        }
    }
}

/// Rule: N20
#[test]
fn others_may_read_and_not_change() {
    if let Err(why) = as_nobody_possible() {
        noroshi_sim::skipped(why);
        return;
    }
    let fake = Fake::agreeing(cluster(ServerState::Up), Vec::new());
    let program = fake.dir.path().join("noroshi");
    // By a process of its own: a child of another test would keep our end open, and the file busy.
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_noroshi"))
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(&program).args(arguments);
        command
            .env("NOROSHI_HOME", fake.dir.path())
            .env_remove("LANG")
            .env("LC_ALL", "C");
        ran(command, fake.dir.path())
    };
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(fake.dir.path(), 0o755);
    open(&fake.home.run(), 0o755);
    // As the socket is made: closed to all but owner and group.
    let closed = as_nobody(&["clpstat"]);
    assert_eq!(closed.code, 4, "{closed:?}");
    assert!(
        closed
            .err
            .starts_with("clpstat: not permitted: HOME/run/noroshi.sock"),
        "{closed:?}"
    );
    // Opened by the administrator: reading works, changing does not.
    open(&fake.home.socket(), 0o666);
    assert_eq!(as_nobody(&["clpstat"]), fake.run(&["clpstat"]));
    for arguments in [
        &["clplogcmd", "-m", "x"][..],
        &["clpdn1000s", "-h", "server1"],
        &["clpstdn"],
        &["test", "mail"],
        &["test", "mail", "--verbose"],
        &["acknowledge", "a-1", "--by", "sato"],
        &["clplogcc"],
        &["clplogcc", "-l"],
        &["clplogcf", "-t", "mail", "-l", "8"],
    ] {
        let ran = as_nobody(arguments);
        assert_eq!((ran.code, &*ran.out), (4, ""), "{ran:?}");
        assert!(
            ran.err
                .contains("only root and the user of the alert service"),
            "{ran:?}"
        );
    }
    assert_eq!(fake.asked(), [] as [String; 0]);
}

fn as_nobody_possible() -> Result<(), &'static str> {
    if !rustix::process::getuid().is_root() {
        return Err("needs root to become another user");
    }
    match Command::new("setpriv").arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err("needs setpriv (util-linux)"),
    }
}

#[test]
fn a_daemon_that_does_not_start_is_told_with_its_last_words() {
    let (dir, _home) = empty_home();
    let ran = run_in(dir.path(), &["clpcl", "-s"]);
    assert_eq!((ran.code, &*ran.out), (5, ""), "{ran:?}");
    let mut lines = ran.err.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("clpcl: the alert service did not start"),
        "{ran:?}"
    );
    assert!(lines.next().is_some(), "its own words follow: {ran:?}");
}

/// Story: a missing clp.conf, a missing right and a missing server all ended with 1, in English, without
/// the remedy.
///
/// Rule: N20
#[test]
fn a_daemon_that_cannot_start_says_why_and_ends_with_the_code_for_it() {
    let (dir, home) = empty_home();
    let words = |ran: &Ran, code, words: &[&str]| {
        assert_eq!((ran.code, &*ran.out), (code, ""), "{ran:?}");
        for word in words {
            assert!(ran.err.contains(word), "{word}: {ran:?}");
        }
    };
    let missing = run_in(dir.path(), &["daemon"]);
    words(
        &missing,
        5,
        &[
            "not started: HOME/etc/clp.conf: No such file",
            "Put the cluster's clp.conf there",
        ],
    );
    let missing = run_in(dir.path(), &["daemon", "--lang", "ja"]);
    words(
        &missing,
        5,
        &["起動できません: HOME/etc/clp.conf: ", "ここに置くか"],
    );
    std::fs::create_dir(home.etc()).unwrap();
    std::fs::write(home.conf(), SOUND).unwrap();
    let stranger = run_in(dir.path(), &["daemon", "--server", "web", "--lang", "ja"]);
    words(
        &stranger,
        5,
        &["clp.conf にサーバ \"web\" がありません", "server1, server2"],
    );
    std::fs::write(home.conf(), "<root/>").unwrap();
    let faulty = run_in(dir.path(), &["daemon", "--lang", "ja"]);
    words(
        &faulty,
        1,
        &["HOME/etc/clp.conf\nclp.conf:1: /root/cluster/name: "],
    );
}

/// Rule: N20
#[test]
fn whoever_may_not_is_told_so_with_the_code_for_it() {
    if let Err(why) = as_nobody_possible() {
        noroshi_sim::skipped(why);
        return;
    }
    let (dir, home) = empty_home();
    std::fs::create_dir(home.etc()).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("noroshi");
    program_at(&program);
    for (arguments, words) in [
        (
            &["clpcl", "-s"][..],
            "HOME/log/start.log: Permission denied",
        ),
        (&["key", "new"], "HOME/etc/cluster.key: Permission denied"),
        (&["daemon"], "HOME/run/noroshi.lock: Permission denied"),
        (&["status"], "HOME/run/noroshi.sock: Permission denied"),
        (&["alerts"], "HOME/run/noroshi.sock: Permission denied"),
    ] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(&program).args(arguments).env("LC_ALL", "C");
        command.env("NOROSHI_HOME", dir.path());
        let ran = ran(command, dir.path());
        assert_eq!((ran.code, &*ran.out), (4, ""), "{arguments:?} {ran:?}");
        assert!(ran.err.contains(words), "{arguments:?} {ran:?}");
    }
}

/// Rule: N20
#[test]
fn a_command_without_its_verb_shows_help_in_the_language() {
    let (dir, _home) = empty_home();
    for (arguments, words) in [
        (&["--lang", "ja"][..], "コマンドを指定してください"),
        (&["--lang", "ja", "key"], "使い方: noroshi key"),
        (&["--lang", "en", "test"], "Usage: "),
    ] {
        let ran = run_in(dir.path(), arguments);
        assert_eq!((ran.code, &*ran.out), (2, ""), "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
}

#[test]
fn a_new_key_is_written_once() {
    let (dir, home) = empty_home();
    assert_eq!(
        run_in(dir.path(), &["key", "new"]),
        done(concat!(
            "New cluster key: HOME/etc/cluster.key\n",
            "Copy this file to every other server of the cluster, by a way that nobody can read (scp, rsync -a), with its owner and mode.\n",
        ))
    );
    let first = std::fs::read_to_string(home.key()).unwrap();
    let mode = std::fs::metadata(home.key()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        first.starts_with("noroshi cluster key 1\n") && first.len() == 22 + 65,
        "the form"
    );
    assert_eq!(
        run_in(dir.path(), &["key", "new", "--lang", "ja"]),
        failed(
            1,
            concat!(
                "noroshi key: クラスタ鍵は既にあります: HOME/etc/cluster.key\n",
                "変更していません。新しい鍵に置き換える（--force）と、全サーバに配るまでこのサーバは他のサーバと通信できません。\n",
            )
        )
    );
    assert!(
        std::fs::read_to_string(home.key()).unwrap() == first,
        "it is untouched"
    );
    assert_eq!(run_in(dir.path(), &["key", "new", "--force"]).code, 0);
    assert!(
        std::fs::read_to_string(home.key()).unwrap() != first,
        "it is a new one"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let (dir, _home) = empty_home();
    assert_eq!(
        run_in(dir.path(), &["check"]),
        failed(
            5,
            "noroshi check: cannot read: HOME/etc/clp.conf: No such file or directory (os error 2)\n"
        )
    );
    let ran = run_in(dir.path(), &["check", "/dev/zero"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.lines().count() == 1, "{ran:?}");
}

/// Rule: N17
#[test]
fn a_configuration_is_checked_whole() {
    let (dir, home) = empty_home();
    std::fs::create_dir(home.etc()).unwrap();
    std::fs::write(home.conf(), SOUND).unwrap();
    let ran = run_in(dir.path(), &["check"]);
    assert_eq!((ran.code, &*ran.err), (0, ""), "{ran:?}");
    assert!(
        ran.out.ends_with("HOME/etc/clp.conf: no errors\n"),
        "{ran:?}"
    );
    let faulty = SOUND
        .replace("127.0.0.1", "127.0.0.256")
        .replace("user1@mail.domain.com", "user1@");
    let other = dir.path().join("other.conf");
    std::fs::write(&other, faulty).unwrap();
    for (lang, words) in [
        ("en", "errors in the configuration: 2; nothing was changed"),
        (
            "ja",
            "構成情報に誤りがあります（2 件）。何も変更していません",
        ),
    ] {
        let ran = run_in(
            dir.path(),
            &["check", other.to_str().unwrap(), "--lang", lang],
        );
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
        assert!(ran.out.contains("/root/cluster/mail/address"), "{ran:?}");
        assert!(
            ran.out.contains("/root/server@server1/device@0/info"),
            "{ran:?}"
        );
    }
}

/// Story: a lamp's program that was not there came out at the first fault, at night.
///
/// Rule: N17
#[test]
fn a_program_that_is_not_on_this_host_is_told_and_the_file_is_taken() {
    let (dir, home) = empty_home();
    std::fs::create_dir(home.etc()).unwrap();
    let program = dir.path().join("send");
    let named = format!(
        "<noroshi><mail><sendmail>{}</sendmail></mail></noroshi>\n</root>",
        program.display()
    );
    std::fs::write(home.conf(), SOUND.replace("</root>", &named)).unwrap();
    let told = |words: &str| {
        let ran = run_in(dir.path(), &["check"]);
        assert_eq!((ran.code, &*ran.err), (0, ""), "{ran:?}");
        let line =
            format!("clp.conf:16: warning: /root/noroshi/mail/sendmail = \"HOME/send\": {words}");
        assert!(ran.out.starts_with(&line), "{ran:?}");
    };
    told("there is no such file on this host. Correct the path");
    std::fs::write(&program, "").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).unwrap();
    told("this file is not executable.");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = run_in(dir.path(), &["check"]);
    assert_eq!(ran, done("HOME/etc/clp.conf: no errors\n"));
}

const SOUND: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <cluster>
    <name>cluster</name>
    <mail><address>user1@mail.domain.com</address><subject>cluster</subject></mail>
  </cluster>
  <server name="server1"><priority>0</priority>
    <device id="0"><type>lan</type><info>127.0.0.1</info></device>
  </server>
  <server name="server2"><priority>1</priority>
    <device id="0"><type>lan</type><info>127.0.0.2</info></device>
  </server>
  <heartbeat><types name="lankhb"/>
    <lankhb name="lankhb1"><priority>0</priority><device>0</device></lankhb>
  </heartbeat>
</root>
"#;

#[test]
fn the_language_comes_from_the_option_then_the_environment() {
    let (dir, _home) = empty_home();
    let speaks_japanese = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = command_in(dir.path(), &[&["check"], arguments].concat());
        command.envs(environment.iter().copied());
        ran(command, dir.path()).err.contains("読み込めません")
    };
    let ja = "ja_JP.UTF-8";
    assert!(!speaks_japanese(&[], &[]));
    for name in ["LANG", "LC_MESSAGES", "LC_ALL", "NOROSHI_LANG"] {
        assert!(speaks_japanese(&[], &[(name, ja)]), "{name}");
    }
    assert!(!speaks_japanese(&[], &[("LANG", ja), ("LC_ALL", "C")]));
    assert!(speaks_japanese(&[], &[("LANG", ja), ("LC_ALL", "")]));
    assert!(!speaks_japanese(&["--lang", "en"], &[("NOROSHI_LANG", ja)]));
    assert!(speaks_japanese(&["--lang=ja"], &[("LC_ALL", "C")]));
    let error = run_in(dir.path(), &["--lang", "ja", "bogus"]);
    assert_eq!(
        error,
        failed(
            2,
            "エラー: 不明なコマンドです: bogus\n使い方は --help で表示されます。\n"
        )
    );
}

#[test]
fn the_socket_speaks_to_scripts_without_us() {
    let fake = Fake::agreeing(cluster(ServerState::Up), Vec::new());
    let mut stream = UnixStream::connect(fake.home.socket()).unwrap();
    stream
        .write_all(b"{\"call\":\"change\",\"request\":{\"do\":\"mail-test\"}}\n")
        .unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert_eq!(line, "{\"is\":\"reply\",\"reply\":{\"answer\":\"done\"}}\n");
}
