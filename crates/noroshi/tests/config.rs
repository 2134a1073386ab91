//! `noroshi config`: what it prints, what it refuses, and what it leaves on disk.

mod common;

use common::*;
use noroshi_daemon::home::Home;
use noroshi_daemon::home::key::random_key;
use noroshi_daemon::home::secret::SecretError;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Stdio;

/// CRLF, tabs and EUC-JP bytes (`狼煙`), so that every change shows whether it keeps them.
const CONF: &[u8] = b"<?xml version=\"1.0\" encoding=\"EUC-JP\"?>\r\n<root>\r\n\
    \t<cluster>\r\n\t\t<name>\xcf\xb5\xb1\xec</name> <!-- keep -->\r\n\t\t<mail><address>a@example.com</address></mail>\r\n\t</cluster>\r\n\
    \t<server name=\"sv1\">\r\n\t\t<priority>0</priority>\r\n\t\t<device id=\"0\"><type>lan</type><info>10.0.0.1</info></device>\r\n\t</server>\r\n\
    \t<heartbeat>\r\n\t\t<lankhb name=\"lankhb1\"><priority>0</priority><device>0</device></lankhb>\r\n\t</heartbeat>\r\n</root>\r\n";

fn home() -> (tempfile::TempDir, Home) {
    let (dir, home) = empty_home();
    fs::create_dir_all(home.etc()).unwrap();
    fs::write(home.conf(), CONF).unwrap();
    fs::set_permissions(home.conf(), PermissionsExt::from_mode(0o640)).unwrap();
    (dir, home)
}

fn config(home: &Home, arguments: &[&str]) -> Ran {
    run_in(home.root().unwrap(), &[&["config"], arguments].concat())
}

fn names(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.etc()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Bytes of `old` with `from` once replaced by `to`.
fn with(old: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = old
        .windows(from.len())
        .position(|w| w == from.as_bytes())
        .expect(from);
    [&old[..at], to.as_bytes(), &old[at + from.len()..]].concat()
}

/// Rule: M27 M29
#[test]
fn a_setting_is_changed_in_its_place_and_the_former_file_is_kept() {
    let (_dir, home) = home();
    assert_eq!(
        config(&home, &["get", "/root/cluster/mail/address"]),
        done("a@example.com\n")
    );
    assert_eq!(
        config(&home, &["get", "/root/cluster/name"]),
        done("狼煙\n")
    );
    let ran = config(
        &home,
        &["set", "/root/cluster/mail/address", "b@example.com"],
    );
    assert_eq!(
        ran,
        done(
            "HOME/etc/clp.conf: saved; the former one is HOME/etc/clp.conf.bak. The alert service takes it when it gets SIGHUP or starts; deliver it to all servers with \"clpcfctrl --push\".\n"
        )
    );
    let now = fs::read(home.conf()).unwrap();
    assert_eq!(now, with(CONF, "a@example.com", "b@example.com"));
    assert_eq!(fs::read(home.etc().join("clp.conf.bak")).unwrap(), CONF);
    for name in ["clp.conf", "clp.conf.bak", "clp.conf.rep"] {
        let mode = fs::metadata(home.etc().join(name)).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o640, "{name}");
    }
    assert_eq!(
        names(&home),
        ["clp.conf", "clp.conf.bak", "clp.conf.rep", "scripts"]
    );
    let again = config(
        &home,
        &["set", "/root/cluster/mail/address", "b@example.com"],
    );
    assert_eq!(again, done("HOME/etc/clp.conf: nothing to change\n"));
    assert_eq!(fs::read(home.etc().join("clp.conf.bak")).unwrap(), CONF);
}

/// Rule: M29
#[test]
fn a_new_server_is_made_of_several_settings_at_once() {
    let (_dir, home) = home();
    let alone = config(
        &home,
        &["set", "/root/server@sv2/device@0/info", "10.0.0.2"],
    );
    assert_eq!(alone.code, 4, "{alone:?}");
    assert!(
        alone.err.contains("/root/server@sv2/priority")
            && alone.err.contains("Nothing was changed"),
        "{}",
        alone.err
    );
    assert_eq!(fs::read(home.conf()).unwrap(), CONF);
    let ran = config(
        &home,
        &[
            "set",
            "/root/server@sv2/priority",
            "1",
            "/root/server@sv2/device@0/type",
            "lan",
            "/root/server@sv2/device@0/info",
            "10.0.0.2",
        ],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let new = "\t</server>\r\n\t<server name=\"sv2\">\r\n\t\t<priority>1</priority>\r\n\t\t<device id=\"0\">\r\n\t\t\t<type>lan</type>\r\n\t\t\t<info>10.0.0.2</info>\r\n\t\t</device>\r\n\t</server>\r\n";
    assert_eq!(
        fs::read(home.conf()).unwrap(),
        with(CONF, "\t</server>\r\n", new)
    );
    let listed = config(&home, &["get", "/root/server@sv2", "--json"]);
    assert!(
        listed
            .out
            .starts_with("{\"path\":\"/root/server@sv2/priority\",\"value\":\"1\"}\n"),
        "{listed:?}"
    );
    let ran = config(&home, &["rm", "/root/server@sv2"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(fs::read(home.conf()).unwrap(), CONF);
}

/// Rule: N17 M27
#[test]
fn every_refusal_has_its_words_and_code_and_changes_nothing() {
    let (dir, home) = home();
    for (arguments, code, words) in [
        (
            &["set", "/root/cluster/mail/address", "no address"][..],
            4,
            "clp.conf:5: /root/cluster/mail/address = \"no\": not a mail address",
        ),
        (
            &["set", "/root/cluster/name", "é"],
            4,
            "EUC-JP has no \"é\" (U+00E9). Use other characters, or save the file as UTF-8",
        ),
        (&["set", "cluster/name", "x"], 2, "not a path"),
        (&["set", "/root/cluster/name"], 2, "2 values"),
        (
            &["set", "/root/a", "b", "/root/c"],
            2,
            "/root/c: a path without a value",
        ),
        (&["set", "/root/cluster", "x"], 4, "holds other elements"),
        (&["set", "/root/cluster/name/x", "y"], 4, "holds a value"),
        (
            &["add", "/root/server@sv1"],
            4,
            "it stands there already, in line 7",
        ),
        (&["rm", "/root/nothing"], 5, "nothing stands there"),
        (&["get", "/root/nothing"], 5, "nothing stands there"),
        (&["rm", "/root/server@sv1"], 4, "Nothing was changed"),
        (
            &["set", "/root/noroshi/mail/smtpsrv@0/password", "hunter2"],
            4,
            "set-secret",
        ),
        (
            &["set-secret", "/root/cluster/name"],
            4,
            "not a secret of noroshi",
        ),
        (
            &["message", "nm", "999", "--mail", "on"],
            5,
            "there is no message nm 999",
        ),
        (&["message", "nm"], 2, "EVENT"),
        (
            &["get", "/root", "--file", "/nowhere/clp.conf"],
            5,
            "cannot read: /nowhere/clp.conf",
        ),
        (&["verify", "/nowhere"], 5, "cannot read: /nowhere"),
    ] {
        let ran = config(&home, arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(
            ran.err.contains(words) && ran.out.is_empty(),
            "{arguments:?}: {ran:?}"
        );
        let japanese = config(&home, &[arguments, &["--lang", "ja"]].concat());
        assert_eq!(japanese.code, code);
        assert!(!japanese.err.is_ascii(), "{arguments:?}: {japanese:?}");
        assert_eq!(fs::read(home.conf()).unwrap(), CONF);
        assert_eq!(names(&home), ["clp.conf"], "{arguments:?}");
    }
    drop(dir);
}

/// Rule: N17
#[test]
fn a_new_warning_is_saved_only_when_it_is_allowed() {
    let (_dir, home) = home();
    let set = ["set", "/root/webalert/main/alertlog/maxrecordcount", "500"];
    let ran = config(&home, &set);
    assert_eq!(ran.code, 4);
    assert!(
        ran.err.contains("warning: ") && ran.err.contains("--allow-warnings"),
        "{ran:?}"
    );
    let ran = config(&home, &[&set[..], &["--allow-warnings"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    // What was there before is no reason to refuse the next change.
    let ran = config(&home, &["set", "/root/cluster/comment", "x"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

/// Rule: M27
#[test]
fn a_link_is_followed_and_a_leftover_of_a_crash_is_no_hindrance() {
    let (dir, home) = home();
    let real = dir.path().join("real.conf");
    fs::rename(home.conf(), &real).unwrap();
    symlink(&real, home.conf()).unwrap();
    let leftover = dir.path().join("real.conf.new");
    fs::write(&leftover, "left over").unwrap();
    let ran = config(&home, &["set", "/root/cluster/comment", "x"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(home.conf().symlink_metadata().unwrap().is_symlink());
    assert!(!leftover.exists());
    assert!(fs::read(&real).unwrap().len() > CONF.len());
    assert_eq!(fs::read(dir.path().join("real.conf.bak")).unwrap(), CONF);
}

/// Rule: M11
#[test]
fn destinations_are_shown_and_changed_message_by_message() {
    let (_dir, home) = home();
    let table = config(&home, &["message"]).out;
    assert!(
        table.starts_with(
            "MODULE     EVENT SEVERITY ALERT SYSLOG MAIL TRAP ALERTEXEC CHANGED TEXT\n"
        ),
        "{table}"
    );
    let row = |table: &str, start: &str| {
        table
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_default()
            .to_string()
    };
    assert_eq!(
        row(&table, "nm         2 "),
        "nm         2     info     x     x      x    x    -                 Server %1 is down: %2. %3"
    );
    let ran = config(
        &home,
        &["message", "nm", "1", "--mail", "on", "--syslog", "off"],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = config(&home, &["message", "nm", "1"]).out;
    assert_eq!(
        row(&shown, "nm"),
        "nm         1     info     x     -      x    -    -         yes     Server %1 has started."
    );
    let text = String::from_utf8_lossy(&fs::read(home.conf()).unwrap()).into_owned();
    let expected = "\t<messages>\r\n\t\t<types name=\"nm\"/>\r\n\t\t<nm id=\"1\">\r\n\t\t\t<syslog>0</syslog>\r\n\t\t\t<mail>1</mail>\r\n\t\t</nm>\r\n\t</messages>\r\n</root>\r\n";
    assert!(text.ends_with(expected), "{text}");
    assert!(
        text.contains("<messages>\r\n\t\t\t<use>1</use>\r\n\t\t</messages>"),
        "{text}"
    );
    let json = config(&home, &["message", "nm", "1", "--json"]).out;
    assert_eq!(
        json,
        "{\"module\":\"nm\",\"event\":1,\"severity\":\"info\",\"alert\":true,\"syslog\":false,\"mail\":true,\"trap\":false,\"alertexec\":false,\"changed\":true,\"text\":\"Server %1 has started.\"}\n"
    );
    let ran = config(
        &home,
        &[
            "message", "nm", "1", "--mail", "default", "--syslog", "default",
        ],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = config(&home, &["message", "nm", "1", "--lang", "ja"]).out;
    assert!(
        shown.contains("重要度")
            && shown.contains("サーバ %1 が起動しました。")
            && !shown.contains("あり"),
        "{shown}"
    );
}

/// Rule: N17
#[test]
fn two_files_are_compared_by_path() {
    let (dir, home) = home();
    let other = dir.path().join("other.conf");
    let lf = String::from_utf8_lossy(CONF)
        .replace("\r\n", "\n")
        .replace('\t', "");
    let lf = lf.replace("EUC-JP", "UTF-8").replace('\u{fffd}', "");
    let lf = lf
        .replace("<name>ϵ</name>", "<name>c</name>")
        .replace("<name></name>", "<name>c</name>");
    let lf = lf.replace(
        "</root>",
        "<noroshi><lamp name='sv1'><password>hunter2</password></lamp></noroshi></root>",
    );
    fs::write(&other, lf).unwrap();
    let conf = home.conf();
    let (one, two) = (conf.to_str().unwrap(), other.to_str().unwrap());
    assert_eq!(config(&home, &["diff", one, one]), done(""));
    let ran = config(&home, &["diff", one, two]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.is_empty()
            && ran
                .out
                .starts_with("- /root/cluster/name = 狼煙\n+ /root/cluster/name = "),
        "{ran:?}"
    );
    assert!(ran.out.ends_with("+ /root/noroshi\n+ /root/noroshi/lamp@sv1\n+ /root/noroshi/lamp@sv1/password = (secret, not sealed)\n"), "{ran:?}");
    let json = config(&home, &["diff", two, one, "--json"]).out;
    assert!(json.contains("{\"path\":\"/root/noroshi/lamp@sv1/password\",\"what\":\"removed\",\"one\":null,\"other\":null}"), "{json}");
    assert!(!json.contains("hunter2"));
}

/// Rule: M27
#[test]
fn a_set_that_is_not_whole_is_told_with_each_part() {
    let (_dir, home) = home();
    let before = config(&home, &["verify"]);
    assert_eq!(before.code, 1);
    assert!(
        before.err.contains("scripts/ is missing")
            && before.err.contains("clp.conf.rep is missing"),
        "{before:?}"
    );
    fs::create_dir_all(home.etc().join("scripts/monitor")).unwrap();
    fs::write(home.etc().join("scripts/monitor/start.sh"), "#!/bin/sh\n").unwrap();
    assert_eq!(
        config(&home, &["set", "/root/cluster/comment", "x"]).code,
        0
    );
    let whole = config(&home, &["verify"]);
    assert_eq!(whole.code, 0, "{whole:?}");
    assert!(
        whole
            .out
            .starts_with("HOME/etc: the set is whole: 2 files, saved 20"),
        "{whole:?}"
    );
    fs::write(home.conf(), CONF).unwrap();
    fs::remove_file(home.etc().join("scripts/monitor/start.sh")).unwrap();
    fs::write(home.etc().join("scripts/other.sh"), "").unwrap();
    let mixed = config(&home, &["verify"]);
    let lines: Vec<&str> = mixed.err.lines().collect();
    assert_eq!((mixed.code, lines.len()), (1, 4), "{mixed:?}");
    assert!(
        lines[1].starts_with("clp.conf is not the one")
            && lines[2].starts_with("scripts/monitor/start.sh is missing")
            && lines[3].starts_with("scripts/other.sh does not belong"),
        "{mixed:?}"
    );
}

fn set_secret(home: &Home, path: &str, secret: &str) -> Ran {
    let mut command = command_in(home.root().unwrap(), &["config", "set-secret", path]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(secret.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Rule: N18
#[test]
fn a_secret_is_sealed_and_never_shown() {
    let (_dir, home) = home();
    let lamp = [
        "/root/server@sv1/device@20000/type",
        "dn1500gl",
        "/root/server@sv1/device@20000/info",
        "10.9.0.1",
        "/root/cluster/dn1000s/use",
        "1",
    ];
    let ran = config(&home, &[&["set"], &lamp[..]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let path = "/root/noroshi/lamp@sv1/password";
    let keyless = set_secret(&home, path, "hunter2\n");
    assert_eq!(keyless.code, 1, "{keyless:?}");
    assert!(keyless.err.contains("noroshi key new"), "{keyless:?}");
    home.write_key(&random_key().unwrap(), false).unwrap();
    assert_eq!(set_secret(&home, path, "\n").code, 1);
    let bad = set_secret(&home, path, "a b\n");
    assert_eq!(bad.code, 4, "{bad:?}");
    assert!(!bad.err.contains("a b"), "{bad:?}");
    let ran = set_secret(&home, path, "hunter2\n");
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = String::from_utf8_lossy(&fs::read(home.conf()).unwrap()).into_owned();
    assert!(
        text.contains("<password>sealed:1:") && !text.contains("hunter2"),
        "{text}"
    );
    let get = config(&home, &["get", path]);
    assert_eq!(get.code, 4);
    assert!(
        get.err
            .contains("a secret, sealed under the cluster key; it is not shown")
            && get.out.is_empty(),
        "{get:?}"
    );
    let all = config(&home, &["get", "/root/noroshi"]);
    assert_eq!(
        all,
        done("/root/noroshi/lamp@sv1/password = (secret, sealed)\n")
    );
    assert_eq!(run_in(home.root().unwrap(), &["check"]).code, 0);
    let sealed = text
        .split("<password>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    match home.open_secret(path, sealed) {
        noroshi_conf::sealed::Opened::Secret(secret) => assert_eq!(secret, "hunter2"),
        _ => panic!("it opens in its own home"),
    }
    let other = empty_home().1;
    assert!(matches!(
        other.seal_secret(path, "x"),
        Err(SecretError::Key(_))
    ));
}

/// A password under a misspelt name is one all the same, and so is another product's.
///
/// Rule: N18
#[test]
fn a_secret_is_not_shown_under_a_name_that_is_misspelt_or_another_products() {
    let (dir, home) = empty_home();
    let secrets = "<noroshi><mail><pasword>hunter2</pasword></mail></noroshi><x><rootpwd>hunter2</rootpwd></x>";
    std::fs::create_dir_all(home.etc()).unwrap();
    std::fs::write(home.conf(), format!("<root><a>b</a>{secrets}</root>")).unwrap();
    let other = dir.path().join("other.conf");
    std::fs::write(&other, "<root><a>b</a></root>").unwrap();
    let other = other.to_str().unwrap();
    for words in [
        &["config", "get", "/root"][..],
        &["config", "get", "/root", "--json"],
        &["config", "get", "/root/noroshi/mail/pasword"],
        &["config", "get", "/root/x/rootpwd"],
        &["config", "diff", other],
        &["config", "diff", other, "--json"],
    ] {
        let ran = run_in(dir.path(), words);
        let shown = format!("{}{}", ran.out, ran.err);
        assert!(
            shown.contains("pwd") || shown.contains("pasword"),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
