//! What is printed for programs, to the letter: an interface that only grows (docs/en/commands.md).
//! `status`, `alerts`, `clpstat` are in `listings.rs`, the other verbs of `config` in `config.rs`.

mod common;

use common::*;

const FAULTY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <cluster><name>cluster</name><heartbeet/></cluster>
  <server name="server1"><priority>x</priority>
    <device id="0"><type>lan</type><info>127.0.0.1</info></device>
  </server>
  <heartbeat><types name="lankhb"/>
    <lankhb name="lankhb1"><priority>0</priority><device>0</device></lankhb>
  </heartbeat>
</root>
"#;

/// An interface for scripts: do not edit.
///
/// Rule: N20
#[test]
fn what_check_finds_is_one_object_a_line() {
    let (dir, home) = empty_home();
    std::fs::create_dir_all(home.etc()).unwrap();
    std::fs::write(home.conf(), FAULTY).unwrap();
    let ran = run_in(dir.path(), &["check", "--json"]);
    let expected = concat!(
        r#"{"severity":"warning","line":3,"path":"/root/cluster/heartbeet","value":"","text":"no such element is known; it is passed over. Did you mean heartbeat? Correct the name."}"#,
        "\n",
        r#"{"severity":"error","line":4,"path":"/root/server@server1/priority","value":"x","text":"not a whole number within bounds. Give a number from 0 to 9999."}"#,
        "\n",
    );
    assert_eq!((ran.code, &*ran.out), (1, expected), "{ran:?}");
    assert!(
        ran.err.contains("errors in the configuration: 1"),
        "{ran:?}"
    );
    let sound = FAULTY.replace("<heartbeet/>", "").replace(">x<", ">0<");
    std::fs::write(home.conf(), sound).unwrap();
    assert_eq!(run_in(dir.path(), &["check", "--json"]), done(""));
}

/// An interface for scripts: do not edit.
///
/// Rule: N20 M27
#[test]
fn what_is_wrong_with_a_set_is_one_object_a_line() {
    let (dir, home) = empty_home();
    std::fs::create_dir_all(home.etc()).unwrap();
    let sound = FAULTY.replace("<heartbeet/>", "").replace(">x<", ">0<");
    std::fs::write(home.conf(), sound).unwrap();
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    let ran = run(&["config", "verify", "--json"]);
    let expected = concat!(
        r#"{"what":"missing","file":"scripts/","text":"scripts/ is missing. Copy the whole set again, or save what was written by hand: noroshi config save."}"#,
        "\n",
        r#"{"what":"missing","file":"clp.conf.rep","text":"clp.conf.rep is missing. Copy the whole set again, or save what was written by hand: noroshi config save."}"#,
        "\n",
    );
    assert_eq!((ran.code, &*ran.out), (1, expected), "{ran:?}");
    assert!(ran.err.contains("the set is not whole"), "{ran:?}");
    let set = [
        "config",
        "set",
        "/root/cluster/name",
        "other",
        "--allow-warnings",
    ];
    assert_eq!(run(&set).code, 0);
    assert_eq!(run(&["config", "verify", "--json"]), done(""));
    std::fs::write(home.etc().join("scripts/new"), "").unwrap();
    let ran = run(&["config", "verify", "--json"]);
    assert!(
        ran.out
            .starts_with(r#"{"what":"foreign","file":"scripts/new","text":""#),
        "{ran:?}"
    );
}

/// An interface for scripts: do not edit.
///
/// Rule: N20
#[test]
fn commands_are_one_object_a_line() {
    let (dir, _home) = empty_home();
    let ran = run_in(dir.path(), &["commands", "--json"]);
    let expected = concat!(
        r#"{"command":"clpdn1000s","about":"Put the warning light of a server out","arguments":["#,
        r#"{"id":"host","short":"h","long":null,"about":"The server whose warning light is put out","value":"SERVER","values_min":1,"values_max":1,"one_of":[],"required":true,"conflicts":[]},"#,
        r#"{"id":"help","short":null,"long":"help","about":"Print help","value":null,"values_min":0,"values_max":0,"one_of":[],"required":false,"conflicts":[]},"#,
        r#"{"id":"home","short":null,"long":"home","about":"Directory with everything of one server: etc, var, log, run [env: NOROSHI_HOME]","value":"DIR","values_min":1,"values_max":1,"one_of":[],"required":false,"conflicts":[]},"#,
        r#"{"id":"lang","short":null,"long":"lang","about":"Language: en or ja [env: NOROSHI_LANG, LC_ALL, LC_MESSAGES, LANG]","value":"LANGUAGE","values_min":1,"values_max":1,"one_of":["en","ja"],"required":false,"conflicts":[]},"#,
        r#"{"id":"version","short":"V","long":"version","about":"Print version","value":null,"values_min":0,"values_max":0,"one_of":[],"required":false,"conflicts":[]}"#,
        r#"],"one_of":[],"has_commands":false,"exit_codes":[0,1,2,3,4,5,6]}"#,
    );
    let line = ran
        .out
        .lines()
        .find(|line| line.starts_with(r#"{"command":"clpdn1000s""#));
    assert_eq!(line, Some(expected));
}

/// An interface for scripts: do not edit.
///
/// Rule: N20
#[test]
fn exit_codes_are_one_object_a_line() {
    let (dir, _home) = empty_home();
    let ran = run_in(dir.path(), &["exit-codes", "--json"]);
    let codes: Vec<u64> = ran
        .out
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line.as_object().unwrap().len(), 2, "{line}");
            assert!(line["meaning"].is_string(), "{line}");
            line["code"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(codes[..7], [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(
        ran.out.lines().next(),
        Some(r#"{"code":0,"meaning":"done"}"#)
    );
}
