//! `clplogcf`: levels of the log without a service, and its refusals.

mod common;

use common::*;
use std::fs;

/// The layout is an interface: do not edit.
const USUAL: &str = "\
TYPE       LEVEL SIZE
engine     4     1048576
store      4     1048576
mail       4     1048576
lamp       4     1048576
syslog     4     1048576
control    4     1048576
reload     4     1048576
";

/// Rule: M30
#[test]
fn levels_are_shown_set_and_kept() {
    let (dir, home) = empty_home();
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    assert_eq!(run(&["clplogcf"]), done(USUAL));
    let set = run(&["clplogcf", "-t", "mail", "-l", "8"]);
    assert_eq!(set, done("Command succeeded.\n"));
    let text = fs::read_to_string(home.log_levels()).unwrap();
    assert!(text.starts_with("noroshi log levels 1\n") && text.contains("\nmail 8\n"));
    let shown = USUAL.replace("mail       4", "mail       8");
    assert_eq!(run(&["clplogcf"]), done(&shown));
    let lines = [
        "engine", "store", "mail", "lamp", "syslog", "control", "reload",
    ]
    .map(|part| {
        let level = if part == "mail" { 8 } else { 4 };
        format!("{{\"type\":\"{part}\",\"level\":{level},\"size_bytes\":1048576}}\n")
    });
    assert_eq!(run(&["clplogcf", "--json"]), done(&lines.concat()));
    assert_eq!(fs::read_dir(home.var()).unwrap().count(), 1);
}

/// Rule: M30
#[test]
fn what_is_no_part_or_level_is_refused_and_nothing_is_written() {
    let (dir, home) = empty_home();
    for (arguments, code, words) in [
        (&["-t", "mial", "-l", "8"][..], 5, "engine, store, mail"),
        (&["-t", "mail", "-l", "3"], 2, "1, 2, 4, 8, 16, 32"),
        (&["-t", "mail", "-l", "x"], 2, ""),
        (&["-t", "mail"], 2, ""),
        (&["-l", "8"], 2, ""),
    ] {
        let arguments: Vec<&str> = ["clplogcf"].iter().chain(arguments).copied().collect();
        for lang in ["en", "ja"] {
            let ran = ran(
                {
                    let mut command = command_in(dir.path(), &arguments);
                    command.args(["--lang", lang]);
                    command
                },
                dir.path(),
            );
            assert_eq!(ran.code, code, "{arguments:?} {ran:?}");
            assert!(ran.err.contains(words), "{ran:?}");
        }
    }
    assert!(!home.log_levels().exists());
}
