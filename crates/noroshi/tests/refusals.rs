//! Every refusal of every command, walked over the definition: each ends with a documented code and
//! with words in the language asked for, and none panics.

mod common;
mod definition;

use common::*;
use definition::{Argument, Command};
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

/// Settings of the locale, and whether they mean Japanese.
const LOCALES: [(Option<&str>, bool); 3] = [
    (None, false),
    (Some("C"), false),
    (Some("ja_JP.UTF-8"), true),
];

/// What must be true of every end.
#[track_caller]
fn check(command: &Command, words: &[String], output: &Output, japanese: bool) -> i32 {
    let (out, err) = (
        String::from_utf8(output.stdout.clone()).unwrap(),
        String::from_utf8(output.stderr.clone()).unwrap(),
    );
    let told = format!("{words:?}: {}\n{out}\n{err}", output.status);
    let code = output.status.code();
    let code = code.unwrap_or_else(|| panic!("ended by a signal: {told}"));
    assert!(command.exit_codes.contains(&code), "not documented: {told}");
    assert!(!err.contains("panicked"), "{told}");
    if !err.is_empty() {
        assert_eq!(is_japanese(&err), japanese, "wrong language: {told}");
    }
    code
}

fn is_japanese(text: &str) -> bool {
    let is_kana_or_kanji = |c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}');
    text.chars().any(is_kana_or_kanji)
}

/// The command in `home` with a locale, in a directory where it does no harm.
fn prepared(home: &Path, words: &[String], locale: Option<&str>) -> std::process::Command {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = command_in(home, &words);
    if let Some(locale) = locale {
        command.env("LANG", locale);
    }
    command.current_dir(std::env::temp_dir());
    command
}

/// Asserts that every set of words is refused as wrong usage, with words, in both languages.
fn refused_as_usage(words_of: impl Fn(&Command) -> Vec<Vec<String>>) {
    let nowhere = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for command in definition::commands() {
        for words in words_of(&command) {
            for (locale, japanese) in [LOCALES[1], LOCALES[2]] {
                let output = prepared(nowhere.path(), &words, locale).output().unwrap();
                let code = check(&command, &words, &output, japanese);
                assert_eq!(code, 2, "{words:?}: {output:?}");
                assert!(!output.stderr.is_empty(), "{words:?}");
                assert!(output.stdout.is_empty(), "{words:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
    // Wrong usage leaves no trace.
    assert_eq!(std::fs::read_dir(nowhere.path()).unwrap().count(), 0);
}

fn with(mut words: Vec<String>, more: &[&str]) -> Vec<String> {
    words.extend(more.iter().map(|&word| word.to_owned()));
    words
}

/// Rule: N20
#[test]
fn unknown_options_are_refused() {
    refused_as_usage(|command| {
        let words = command.least();
        let long = with(words.clone(), &["--no-such-option"]);
        // A look-alike of no option of the command is none either; as a value it would be one.
        let takes_more = command.arguments.iter().any(Argument::is_positional);
        let pasted = with(words, &["–§"]);
        match takes_more {
            true => vec![long],
            false => vec![long, pasted],
        }
    });
}

/// Rule: N20
#[test]
fn missing_values_are_refused() {
    refused_as_usage(|command| {
        let needing = command
            .arguments
            .iter()
            .filter(|argument| argument.value.is_some() && argument.values_min > 0);
        needing
            .filter_map(Argument::option)
            .map(|option| with(command.words(), &[&option]))
            .collect()
    });
}

/// Rule: N20
#[test]
fn superfluous_arguments_are_refused() {
    refused_as_usage(|command| {
        let places: Vec<&Argument> = command
            .arguments
            .iter()
            .filter(|argument| argument.is_positional())
            .collect();
        if places.iter().any(|place| place.values_max.is_none()) {
            return Vec::new();
        }
        // After `--` every word stands in a place.
        let places: usize = places.iter().filter_map(|place| place.values_max).sum();
        let words = with(command.words(), &["--"]);
        vec![with(words, &vec!["superfluous"; places + 1])]
    });
}

/// Rule: N20
#[test]
fn missing_arguments_and_commands_are_refused() {
    refused_as_usage(|command| {
        let needs = command.has_commands
            || !command.one_of.is_empty()
            || command.arguments.iter().any(|argument| argument.required);
        match needs {
            true => vec![command.words()],
            false => Vec::new(),
        }
    });
}

/// Rule: N20
#[test]
fn conflicting_options_and_unknown_words_are_refused() {
    refused_as_usage(|command| {
        let mut all = Vec::new();
        for argument in &command.arguments {
            for other in &argument.conflicts {
                let mut words = command.words();
                words.extend(argument.filled());
                words.extend(command.argument(other).filled());
                all.push(words);
            }
            if !argument.one_of.is_empty() {
                let option: Vec<String> = argument.option().into_iter().collect();
                let words = [command.words(), option].concat();
                all.push(with(words, &["no-such-word"]));
            }
        }
        all
    });
}

/// Rule: N20
#[test]
fn options_that_are_given_twice_are_refused() {
    refused_as_usage(|command| {
        // Help comes at once, and what chooses the language is told in that one.
        let once = |argument: &&Argument| {
            let other = ["help", "version", "lang"].contains(&argument.id.as_str());
            argument.option().is_some() && !other
        };
        let options = command.arguments.iter().filter(once);
        options
            .map(|option| [command.words(), option.filled(), option.filled()].concat())
            .collect()
    });
}

/// What is no number, day, serial number, severity or level.
///
/// Rule: N20
#[test]
fn values_of_the_wrong_kind_are_refused() {
    const KINDS: [&str; 11] = [
        "N", "EVENT", "ID", "MS", "PORT", "DATE", "SERIAL", "SEVERITY", "LEVEL", "TYPE", "NUMBER",
    ];
    refused_as_usage(|command| {
        let kind = |argument: &&Argument| {
            let value = argument.value.as_deref().unwrap_or_default();
            // Which parts of the log there are is told beside those that are not (clplogcf.rs).
            KINDS.contains(&value) && (command.name != "clplogcf" || value != "TYPE")
        };
        let typed = command.arguments.iter().filter(kind);
        typed
            .map(|argument| {
                let option = argument.option().into_iter().collect();
                with([command.words(), option].concat(), &["no-such"])
            })
            .collect()
    });
}

/// The commands that can be run to their end here, with words that they accept.
fn runnable() -> Vec<(Command, Vec<String>)> {
    let commands = definition::commands().into_iter();
    let commands = commands.filter(|command| !command.has_commands);
    commands
        .map(|command| {
            let words = match command.name.as_str() {
                // Runs until it is ended; a story that is not there ends it at once.
                "noroshi demo" => with(command.least(), &["--script", "/nonexistent"]),
                // They would write where they are called.
                "noroshi licence signer new" | "noroshi licence issue" => {
                    with(command.least(), &["--dir", "/nonexistent"])
                }
                // Registering needs more than the least.
                "clplcnsc" => with(command.words(), &["-l"]),
                // A number that no set has.
                "noroshi config restore" => with(command.words(), &["1"]),
                _ => command.least(),
            };
            (command, words)
        })
        .collect()
}

/// Rule: N20
#[test]
fn without_a_daemon_every_command_ends_as_documented_in_the_right_language() {
    for (locale, japanese) in LOCALES {
        for (command, words) in runnable() {
            let (dir, _home) = empty_home();
            let output = prepared(dir.path(), &words, locale).output().unwrap();
            let code = check(&command, &words, &output, japanese);
            assert_ne!(code, 2, "{words:?}: {output:?}");
            assert_eq!(code == 0, output.stderr.is_empty(), "{words:?}: {output:?}");
        }
    }
}

/// Rule: N20
#[test]
fn without_a_home_every_command_ends_as_documented() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    File::create(&file).unwrap();
    // Nothing can be made below a file.
    let home = file.join("home");
    for (command, words) in runnable() {
        let output = prepared(&home, &words, None).output().unwrap();
        let code = check(&command, &words, &output, false);
        assert_eq!(code == 0, output.stderr.is_empty(), "{words:?}: {output:?}");
    }
}

/// Rule: N20
#[test]
fn without_rights_every_command_ends_as_documented() {
    if !rustix::process::geteuid().is_root() {
        noroshi_sim::skipped("only root can be somebody else");
        return;
    }
    let (dir, home) = empty_home();
    std::fs::create_dir_all(home.etc()).unwrap();
    std::fs::write(home.conf(), "<root/>").unwrap();
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(dir.path(), closed).unwrap();
    // The executable of the tests may lie where nobody else can go.
    let open = tempfile::tempdir().unwrap();
    std::fs::set_permissions(open.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = open.path().join("noroshi");
    program_at(&program);
    for (command, words) in runnable() {
        let mut own = prepared(dir.path(), &words, None);
        own.current_dir("/");
        let mut other = std::process::Command::new("setpriv");
        other
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .args(own.get_args())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("NOROSHI_HOME", dir.path())
            .current_dir("/")
            .stdin(Stdio::null());
        let output = other.output().unwrap();
        let code = check(&command, &words, &output, false);
        assert_eq!(code == 0, output.stderr.is_empty(), "{words:?}: {output:?}");
        let asks_nobody = command.name.starts_with("noroshi licence")
            || [
                "man",
                "completions",
                "exit-codes",
                "commands",
                "demo",
                "diff",
                // Everybody may read corosync.conf.
                "advise",
            ]
            .iter()
            .any(|name| command.name.ends_with(name));
        assert!(asks_nobody || code == 4, "{words:?}: {output:?}");
    }
}

/// Rule: N20
#[test]
fn closed_and_broken_pipes_are_no_panic() {
    for (command, words) in runnable() {
        let (dir, _home) = empty_home();
        // Nobody reads: the reader is gone before the command begins.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut broken = prepared(dir.path(), &words, None);
        let output = broken
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        check(&command, &words, &output, false);
        // No standard input, output and error at all.
        let mut shell = std::process::Command::new("sh");
        let own = prepared(dir.path(), &words, None);
        shell
            .args(["-c", "exec \"$0\" \"$@\" <&- >&- 2>&-"])
            .arg(own.get_program())
            .args(own.get_args())
            .env_clear()
            .env("NOROSHI_HOME", dir.path())
            .current_dir(std::env::temp_dir());
        let output = shell.output().unwrap();
        check(&command, &words, &output, false);
    }
}

/// Rule: N20
#[test]
fn help_into_a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
    let (dir, _home) = empty_home();
    for command in definition::commands() {
        let words = with(command.words(), &["--help"]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut help = prepared(dir.path(), &words, None);
        let output = help.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(check(&command, &words, &output, false), 0, "{words:?}");
    }
    for words in ["exit-codes", "commands", "man", "completions bash"] {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = prepared(dir.path(), &words, None);
        let output = command.stdout(full).stderr(Stdio::piped()).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("cannot write the output"), "{said}");
    }
}

/// Rule: N20
#[test]
fn what_looks_like_an_option_is_taken_for_it_by_every_command() {
    for command in definition::commands() {
        let named = command
            .arguments
            .iter()
            .filter(|argument| argument.id == "help");
        for help in named {
            let option = help.option().unwrap();
            for dashes in ["––", "—", "−−", "－－"] {
                let pasted = option.replace("--", dashes);
                let words = with(command.words(), &[&pasted]);
                let (dir, _home) = empty_home();
                let output = prepared(dir.path(), &words, None).output().unwrap();
                assert_eq!(check(&command, &words, &output, false), 0, "{words:?}");
            }
        }
    }
}
