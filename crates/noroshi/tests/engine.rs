//! What `noroshi engine` says of a ring, and what it refuses before anything is done.

mod common;

use common::*;

const NODES: &str = "nodelist {\n node {\n name: n1\n ring0_addr: 192.0.2.1\n }\n node {\n name: n2\n ring0_addr: 192.0.2.2\n }\n\
    node {\n name: n3\n ring0_addr: 192.0.2.3\n }\n}\n";

/// Rule: N3 N20
#[test]
fn the_advice_says_when_the_first_notice_comes_and_what_is_safe() {
    let (dir, _home) = empty_home();
    let file = dir.path().join("corosync.conf");
    let path = file.to_str().unwrap();
    let advise = |totem: &str, more: &[&str]| {
        std::fs::write(
            &file,
            format!("totem {{\n version: 2\n{totem}\n}}\n{NODES}"),
        )
        .unwrap();
        let arguments = [&["engine", "advise", "--file", path], more].concat();
        let ran = run_in(dir.path(), &arguments);
        assert_eq!((ran.code, &*ran.err), (0, ""));
        ran.out
    };
    for (totem, seconds, safe) in [
        ("", "comes 8.0 s after", true),
        (
            "token: 1000\ntoken_coefficient: 0",
            "comes 2.2 s after",
            true,
        ),
        (
            "token: 300\ntoken_coefficient: 0",
            "comes 0.66 s after",
            false,
        ),
        (
            "token: 300\ntoken_coefficient: 0\ninterface {\n knet_ping_timeout: 1000\n }",
            "comes 0.66 s after",
            true,
        ),
    ] {
        let said = advise(totem, &[]);
        assert!(said.contains(seconds), "{said}");
        assert_eq!(said.contains("NOT SAFE"), !safe, "{said}");
    }
    let said = advise("", &["--lang", "ja"]);
    assert!(said.contains("最後の応答から 8.0 秒後"), "{said}");
    let json: serde_json::Value = serde_json::from_str(&advise("", &["--json"])).unwrap();
    assert_eq!(json["first_notice_ms"], 8_030);
    assert_eq!((&json["safe"], &json["servers"]), (&true.into(), &3.into()));
    assert_eq!(json["choices"][0]["first_notice_ms"], 2_200);
}

/// Rule: N3 N20
#[test]
fn what_is_no_ring_is_refused_with_its_line() {
    let (dir, _home) = empty_home();
    let file = dir.path().join("corosync.conf");
    std::fs::write(&file, "totem {\n token: soon\n}\n").unwrap();
    let path = file.to_str().unwrap();
    let ran = run_in(dir.path(), &["engine", "advise", "--file", path]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("line 2: token is no number: soon"),
        "{}",
        ran.err
    );
    let missing = dir.path().join("none").display().to_string();
    for arguments in [
        &["engine", "advise", "--file", &missing][..],
        &[
            "engine",
            "setup",
            "corosync",
            "--corosync",
            &missing,
            "--yes",
        ],
    ] {
        let ran = run_in(dir.path(), arguments);
        // Who is not root is refused before anything is looked at.
        assert!([4, 5].contains(&ran.code), "{}", ran.err);
        assert!(!ran.err.is_empty());
    }
}
