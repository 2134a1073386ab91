//! `clpcfctrl` without a daemon: what it reads, checks, refuses and prints.

mod common;

use common::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const CONF: &str = "<root><cluster><name>c</name></cluster><server name='server1'><priority>0</priority>\
<device id='0'><type>lan</type><info>10.0.0.1</info></device></server><heartbeat><types name='lankhb'/>\
<lankhb name='lankhb1'><priority>0</priority><device>0</device></lankhb></heartbeat></root>";

/// A home whose `etc` holds a whole set.
fn home() -> tempfile::TempDir {
    let (dir, home) = empty_home();
    fs::create_dir_all(home.etc().join("scripts/monitor")).unwrap();
    fs::write(home.etc().join("scripts/monitor/start.sh"), "#!/bin/sh\n").unwrap();
    fs::write(home.conf(), CONF).unwrap();
    // Saving makes the report.
    let subject = ["config", "set", "/root/cluster/mail/subject", "night"];
    assert_eq!(run_in(dir.path(), &subject).code, 0);
    dir
}

fn check(home: &Path, what: &Path, more: &[&str]) -> Ran {
    let what = what.to_str().unwrap();
    run_in(
        home,
        &[&["clpcfctrl", "--compcheck", "-l", "-x", what], more].concat(),
    )
}

/// The end's text is the manual's, to the letter, in both languages.
///
/// Rule: M27 M28
#[test]
fn a_directory_and_what_gnu_tar_makes_of_it_are_read_alike() {
    let home = home();
    let etc = home.path().join("etc");
    let good = done("command succeeded.(code:0)\n");
    assert_eq!(check(home.path(), &etc, &[]), good);
    assert_eq!(check(home.path(), &etc, &["--lang", "ja"]), good);
    for (name, from, what) in [
        (
            "flat.tar",
            "etc",
            &["clp.conf", "clp.conf.rep", "scripts"][..],
        ),
        ("dots.tar", "etc", &["."][..]),
        ("folder.tar", ".", &["etc"][..]),
    ] {
        let archive = home.path().join(name);
        let made = Command::new("tar")
            .arg("-cf")
            .arg(&archive)
            .args(what)
            .current_dir(home.path().join(from))
            .status();
        assert!(made.unwrap().success());
        assert_eq!(check(home.path(), &archive, &[]), good, "{name}");
        let device = archive.to_str().unwrap();
        let as_device = [
            "clpcfctrl",
            "--compcheck",
            "-w",
            "-d",
            device,
            "-m",
            "/nowhere",
        ];
        assert_eq!(run_in(home.path(), &as_device), good, "{name}");
    }
    if Path::new("/usr/sbin/mkfs.vfat").exists() && Path::new("/usr/bin/mcopy").exists() {
        let image = home.path().join("floppy");
        let image = image.to_str().unwrap();
        let run = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            let ran = command.args(arguments).current_dir(&etc).output().unwrap();
            assert!(ran.status.success(), "{program}: {ran:?}");
        };
        run("/usr/sbin/mkfs.vfat", &["-C", image, "1440"]);
        let copy = [
            "-s",
            "-i",
            image,
            "clp.conf",
            "clp.conf.rep",
            "scripts",
            "::",
        ];
        run("mcopy", &copy);
        let floppy = ["clpcfctrl", "--compcheck", "-w", "-d", image];
        assert_eq!(run_in(home.path(), &floppy), good);
    } else {
        let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "NOROSHI_REQUIRE_ALL is set, but dosfstools or mtools are missing"
        );
        eprintln!("skipped: dosfstools or mtools are missing");
    }
    let mounted = [
        "clpcfctrl",
        "--compcheck",
        "-w",
        "-m",
        etc.to_str().unwrap(),
    ];
    assert_eq!(run_in(home.path(), &mounted), good);
}

/// Rule: M27 M28 N17
#[test]
fn what_is_missing_changed_or_faulty_is_named_in_one_answer() {
    let home = home();
    let etc = home.path().join("etc");
    fs::write(etc.join("scripts/monitor/start.sh"), "changed").unwrap();
    fs::write(etc.join("scripts/other.sh"), "").unwrap();
    let ran = check(home.path(), &etc, &[]);
    assert_eq!(ran.code, 1);
    for words in [
        "HOME/etc: the set is not whole",
        "start.sh is not the one",
        "other.sh does not belong",
    ] {
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    assert_eq!(
        check(home.path(), &etc, &["--nocheck"]),
        done("command succeeded.(code:0)\n")
    );
    fs::remove_file(etc.join("clp.conf.rep")).unwrap();
    fs::remove_dir_all(etc.join("scripts")).unwrap();
    for language in ["en", "ja"] {
        let ran = check(home.path(), &etc, &["--nocheck", "--lang", language]);
        assert_eq!(ran.code, 1);
        assert!(
            ran.err.contains("clp.conf.rep") && ran.err.contains("scripts/"),
            "{}",
            ran.err
        );
    }
    // Another product's report says nothing that could be compared.
    fs::create_dir(etc.join("scripts")).unwrap();
    fs::write(etc.join("clp.conf.rep"), "7.0\n").unwrap();
    assert_eq!(check(home.path(), &etc, &[]).code, 0);
    let faulty = CONF
        .replace("10.0.0.1", "10.0.0")
        .replace("<priority>0", "<priority>x");
    fs::write(etc.join("clp.conf"), faulty).unwrap();
    let ran = check(home.path(), &etc, &[]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("10.0.0") && ran.err.contains("priority"),
        "{}",
        ran.err
    );
}

/// Whoever installs writes clp.conf with an editor, as the README says. What a push says then must lead to a
/// set that can be pushed.
///
/// Rule: M27
#[test]
fn a_set_made_or_edited_by_hand_is_refused_with_the_command_that_saves_it() {
    let (dir, home) = empty_home();
    let etc = home.etc();
    fs::create_dir_all(&etc).unwrap();
    fs::write(home.conf(), CONF).unwrap();
    fs::set_permissions(home.conf(), fs::Permissions::from_mode(0o640)).unwrap();
    let good = done("command succeeded.(code:0)\n");
    let edited = CONF.replace("10.0.0.1", "10.0.0.2");
    let edits: [&dyn Fn(); 4] = [
        &|| {},
        &|| fs::write(home.conf(), &edited).unwrap(),
        &|| fs::write(etc.join("scripts/new.sh"), "").unwrap(),
        &|| fs::write(etc.join("clp.conf.rep"), "of another product").unwrap(),
    ];
    for (number, edit) in edits.iter().enumerate() {
        edit();
        let verified = run_in(dir.path(), &["config", "verify"]);
        assert_eq!(verified.code, 1, "{number}");
        for lang in ["en", "ja"] {
            let push = run_in(dir.path(), &["config", "verify", "--lang", lang]);
            assert!(push.err.contains("noroshi config save"), "{}", push.err);
        }
        let before = fs::read(home.conf()).unwrap();
        let saved = run_in(dir.path(), &["config", "save"]);
        assert_eq!((saved.code, saved.err.as_str()), (0, ""), "{number}");
        assert_eq!(fs::read(home.conf()).unwrap(), before);
        assert_eq!(check(dir.path(), &etc, &[]), good, "{number}");
    }
    assert!(!etc.join("clp.conf.bak").exists());
    let report = fs::metadata(etc.join("clp.conf.rep")).unwrap();
    assert_eq!(report.permissions().mode() & 0o777, 0o640);

    // A faulty one is no set, and the report of the one before stays.
    let report = fs::read(etc.join("clp.conf.rep")).unwrap();
    fs::write(home.conf(), CONF.replace("<priority>0", "<priority>x")).unwrap();
    let refused = run_in(dir.path(), &["config", "save", etc.to_str().unwrap()]);
    assert_eq!(refused.code, 4);
    assert!(refused.err.contains("\"x\""), "{}", refused.err);
    assert_eq!(fs::read(etc.join("clp.conf.rep")).unwrap(), report);
}

/// Rule: M28
#[test]
fn what_is_no_medium_is_refused_in_words() {
    let home = home();
    let other = home.path().join("image");
    fs::write(&other, vec![0xf6; 1_474_560]).unwrap();
    let ran = check(home.path(), &other, &[]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("neither a directory nor a tar archive"),
        "{}",
        ran.err
    );
    assert_eq!(check(home.path(), Path::new("/nowhere"), &[]).code, 5);
    assert_eq!(run_in(home.path(), &["clpcfctrl"]).code, 2);
    assert_eq!(
        run_in(home.path(), &["clpcfctrl", "--push", "-w", "-l"]).code,
        2
    );
    assert_eq!(run_in(home.path(), &["clpcfctrl", "--pull"]).code, 2);
    // Without a service nothing is delivered.
    let ran = run_in(home.path(), &["clpcfctrl", "--push"]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.out.is_empty() && ran.err.contains("not running"),
        "{}",
        ran.err
    );
}

/// Rule: M28
#[test]
fn a_pulled_set_is_whole_and_the_former_file_is_kept() {
    let home = home();
    let to = home.path().join("pulled");
    let pull = ["clpcfctrl", "--pull", "-x", to.to_str().unwrap()];
    for _ in 0..2 {
        assert_eq!(
            run_in(home.path(), &pull),
            done("command succeeded.(code:0)\n")
        );
    }
    assert_eq!(check(home.path(), &to, &[]).code, 0);
    fs::write(to.join("clp.conf"), "<root/>").unwrap();
    assert_eq!(run_in(home.path(), &pull).code, 0);
    assert_eq!(
        fs::read_to_string(to.join("clp.conf.bak")).unwrap(),
        "<root/>"
    );
    let pulled = fs::read(to.join("clp.conf")).unwrap();
    assert_eq!(pulled, fs::read(home.path().join("etc/clp.conf")).unwrap());
}

/// GNU tar unpacks what `--pull -l` writes, and it is the set; a floppy in DOS format that is not mounted is not
/// written, and a plain directory is not taken for a mounted one.
///
/// Rule: M28 M27
#[test]
fn a_set_is_pulled_into_an_archive_that_gnu_tar_unpacks() {
    let home = home();
    let etc = home.path().join("etc");
    let long = format!("scripts/{}/start.sh", "long".repeat(40));
    fs::create_dir_all(etc.join(&long).parent().unwrap()).unwrap();
    fs::write(etc.join(&long), "#!/bin/sh\n").unwrap();
    let archive = home.path().join("set.tar");
    let at = archive.to_str().unwrap();
    for _ in 0..2 {
        let pull = ["clpcfctrl", "--pull", "-l", "-d", at, "-m", "/nowhere"];
        assert_eq!(
            run_in(home.path(), &pull),
            done("command succeeded.(code:0)\n")
        );
    }
    let mode = fs::metadata(&archive).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let to = home.path().join("unpacked");
    fs::create_dir(&to).unwrap();
    let unpacked = Command::new("tar")
        .arg("-xf")
        .arg(&archive)
        .current_dir(&to)
        .output();
    let unpacked = unpacked.unwrap();
    assert!(
        unpacked.status.success() && unpacked.stderr.is_empty(),
        "{unpacked:?}"
    );
    for name in ["clp.conf", "scripts/monitor/start.sh", &long] {
        assert_eq!(
            fs::read(to.join(name)).unwrap(),
            fs::read(etc.join(name)).unwrap(),
            "{name}"
        );
    }
    let good = done("command succeeded.(code:0)\n");
    assert_eq!(check(home.path(), &to, &[]), good);
    assert_eq!(check(home.path(), &archive, &[]), good);
    let plain = home.path().join("plain");
    fs::create_dir(&plain).unwrap();
    let folder = plain.to_str().unwrap();
    let floppy = ["clpcfctrl", "--pull", "-w", "-d", "/dev/null", "-m", folder];
    let ran = run_in(home.path(), &floppy);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("mount /dev/null"), "{}", ran.err);
    assert_eq!(fs::read_dir(&plain).unwrap().count(), 0);
}
