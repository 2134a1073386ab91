//! What the executable tells about itself: man pages, completions, exit codes, commands; read by the
//! programs that they are made for.

mod common;
mod definition;

use common::*;
use noroshi_sim::has_program;
use std::path::Path;
use std::process::{Command, Stdio};

/// The pages of both languages, in directories as `man` wants them.
fn pages(dir: &Path) -> Vec<std::path::PathBuf> {
    let wrote = run_in(dir, &["man", "--dir", dir.to_str().unwrap()]);
    assert_eq!(wrote, done(""));
    let mut pages = Vec::new();
    for sub in ["man8", "ja/man8"] {
        let files = std::fs::read_dir(dir.join(sub)).unwrap();
        pages.extend(files.map(|file| file.unwrap().path()));
    }
    pages
}

/// Rule: N20
#[test]
fn every_command_has_a_sound_man_page_in_both_languages() {
    let dir = tempfile::tempdir().unwrap();
    let pages = pages(dir.path());
    let commands = definition::commands();
    assert_eq!(pages.len(), 2 * commands.len());
    for command in &commands {
        let file = format!("{}.8", command.name.replace(' ', "-"));
        for sub in ["man8", "ja/man8"] {
            let page = std::fs::read_to_string(dir.path().join(sub).join(&file)).unwrap();
            for argument in &command.arguments {
                if let Some(long) = &argument.long {
                    let long = format!("--{long}").replace('-', "\\-");
                    assert!(page.contains(&long), "{file}: {long}");
                }
            }
        }
    }
    if has_program("mandoc") {
        let mut lint = Command::new("mandoc");
        let lint = lint.args(["-T", "lint", "-W", "warning"]).args(&pages);
        let said = String::from_utf8(lint.output().unwrap().stdout).unwrap();
        // A build has no date: the same source gives the same bytes.
        let faults = said.lines().filter(|line| !line.contains("missing date"));
        assert_eq!(faults.collect::<Vec<_>>(), Vec::<&str>::new());
    }
    if has_program("groff") {
        // Japanese lines have no blanks to stretch, which groff would warn of.
        let english = pages
            .iter()
            .filter(|page| !page.to_str().unwrap().contains("/ja/"));
        let mut groff = Command::new("groff");
        let groff = groff.args(["-man", "-ww", "-Tutf8", "-z"]).args(english);
        let output = groff.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

/// Rule: N20
#[test]
fn man_shows_the_page_of_a_name() {
    if !has_program("man") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    pages(dir.path());
    let shown = |page: &[&str]| {
        let mut man = Command::new("man");
        man.env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("LC_ALL", "C.UTF-8")
            .env("MANWIDTH", "80")
            .args(["-P", "cat", "-E", "UTF-8", "-M"])
            .arg(dir.path())
            .args(page)
            .stdin(Stdio::null());
        let output = man.output().unwrap();
        assert!(output.status.success(), "{page:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        text
    };
    let page = shown(&["clpdn1000s"]);
    for words in [
        "clpdn1000s - Put the warning light of a server out",
        "-h SERVER",
        "5 no such server, file or setting",
        "NOROSHI_HOME",
        "DESCRIPTION Puts the warning light of a server out. A light",
        "EXAMPLES clpdn1000s -h sv2 After sv2 was looked after.",
        "SEE ALSO noroshi-status(8), ",
        "noroshi(8)",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(shown(&["noroshi-config-set"]).contains("noroshi config set"));
    // By its file: `man` looks for Japanese pages only where the host has that locale.
    let japanese = dir.path().join("ja/man8/clpdn1000s.8");
    let page = shown(&["-l", japanese.to_str().unwrap()]);
    for words in [
        "名前 clpdn1000s",
        "説明 サーバの警告灯を消します。",
        "例 clpdn1000s -h sv2",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

/// Rule: N20
#[test]
fn man_prints_the_page_that_is_asked_for() {
    let (dir, _home) = empty_home();
    let run = |arguments: &[&str]| run_in(dir.path(), arguments);
    for (arguments, title) in [
        (&["man"][..], ".TH NOROSHI 8 "),
        (&["man", "clpcl"], ".TH CLPCL 8 "),
        (&["man", "noroshi", "clpcl"], ".TH CLPCL 8 "),
        (&["man", "config", "set"], ".TH NOROSHI-CONFIG-SET 8 "),
        (&["man", "noroshi-config-set"], ".TH NOROSHI-CONFIG-SET 8 "),
        (&["man", "set-secret"], ""),
    ] {
        let ran = run(arguments);
        if title.is_empty() {
            assert_eq!(ran.code, 5);
            assert!(ran.err.contains("noroshi commands"), "{ran:?}");
        } else {
            assert!(ran.out.contains(title), "{arguments:?}: {}", ran.out);
        }
    }
    let japanese = run(&["man", "clpcl", "--lang", "ja"]);
    assert!(japanese.out.contains(".SH 終了コード"), "{}", japanese.out);
    assert!(!japanese.out.contains(".SH NAME"), "{}", japanese.out);
}

/// A home with two servers in its clp.conf, and a directory with the executable and its names.
fn named_home() -> (tempfile::TempDir, std::path::PathBuf) {
    let (dir, home) = empty_home();
    let conf = r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <cluster><name>cluster</name></cluster>
  <server name="alpha"><priority>0</priority>
    <device id="0"><type>lan</type><info>127.0.0.1</info></device>
  </server>
  <server name="beta"><priority>1</priority>
    <device id="0"><type>lan</type><info>127.0.0.2</info></device>
  </server>
  <heartbeat><types name="lankhb"/>
    <lankhb name="lankhb1"><priority>0</priority><device>0</device></lankhb>
  </heartbeat>
</root>
"#;
    std::fs::create_dir_all(home.etc()).unwrap();
    std::fs::write(home.conf(), conf).unwrap();
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for command in definition::commands() {
        let name = bin.join(command.name.split(' ').next().unwrap());
        // Each name comes once for each of its commands.
        let _ = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_noroshi"), name);
    }
    (dir, bin)
}

/// What `script` prints in a shell that has our names on its path, in order.
fn shell(program: &str, arguments: &[&str], script: &str) -> Vec<String> {
    let (dir, bin) = named_home();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("timeout");
    shell
        .args(["60", program])
        .env_clear()
        .env("PATH", path)
        .env("HOME", dir.path())
        .env("NOROSHI_HOME", dir.path())
        .env("LC_ALL", "C.UTF-8")
        .args(arguments)
        .arg(script)
        .stdin(Stdio::null());
    let output = shell.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{text}");
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    words.sort();
    words.dedup();
    words
}

/// Rule: N20
#[test]
fn bash_completes_commands_options_and_servers() {
    if !has_program("bash") {
        return;
    }
    let complete = |function: &str, words: &str, previous: &str, current: &str| {
        let script = format!(
            "source <(noroshi completions bash)
             COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1))
             compopt() {{ :; }}
             {function} {} '{current}' '{previous}'; echo \"${{COMPREPLY[@]}}\"",
            words.split(' ').next().unwrap()
        );
        shell("bash", &["--norc", "-c"], &script)
    };
    let servers = ["alpha", "beta"];
    assert_eq!(
        complete("_clpdn1000s", "clpdn1000s -h ''", "-h", ""),
        servers
    );
    assert_eq!(
        complete("_noroshi", "noroshi clpdn1000s -h b", "-h", "b"),
        ["beta"]
    );
    assert_eq!(
        complete("_noroshi", "noroshi st", "noroshi", "st"),
        ["status"]
    );
    assert_eq!(
        complete("_clpstat", "clpstat --j", "clpstat", "--j"),
        ["--json"]
    );
    assert_eq!(
        complete("_noroshi", "noroshi status --lang ''", "--lang", ""),
        ["en", "ja"]
    );
    // Hidden commands are nobody's to find.
    let all = complete("_noroshi", "noroshi ''", "noroshi", "");
    assert!(all.contains(&"clpstat".to_owned()), "{all:?}");
    assert!(!all.contains(&"complete-servers".to_owned()), "{all:?}");
}

/// Rule: N20
#[test]
fn fish_completes_commands_options_and_servers() {
    if !has_program("fish") {
        return;
    }
    let complete = |line: &str| {
        let script = format!(
            "noroshi completions fish | source; complete -C '{line}' | string split -f1 \\t"
        );
        shell("fish", &["--no-config", "-c"], &script)
    };
    assert_eq!(complete("clpdn1000s -h "), ["alpha", "beta"]);
    assert_eq!(complete("noroshi alerts --server b"), ["beta"]);
    assert_eq!(complete("noroshi stat"), ["status"]);
    assert_eq!(complete("clpstat --j"), ["--json"]);
}

/// Rule: N20
#[test]
fn zsh_completes_commands_options_and_servers() {
    if !has_program("zsh") {
        return;
    }
    // Completion lives in the line editor, so it is run at a terminal of zsh's own making; what is
    // offered is caught on its way to the list.
    let complete = |line: &str| {
        let script = format!(
            r#"zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1= ; stty -echo; autoload -U compinit; compinit -u -D; source <(noroshi completions zsh)"
zpty -w z 'compadd() {{ builtin compadd -O found "$@"; print -l -- "OFFER:"$^found; builtin compadd "$@" }}'
zpty -w z 'zle -C offers list-choices _offers; _offers() {{ _main_complete; print OFFERED }}; bindkey "^I" offers; print READY'
while zpty -r z text && [[ $text != *READY$'\r'* ]]; do :; done
zpty -w -n z $'{line}\t'
while zpty -r z text && [[ $text != *OFFERED$'\r'* ]]; do print -r -- "$text"; done | tr '\r' '\n' | grep -o 'OFFER:[a-z-]*' | cut -d: -f2
zpty -d z"#
        );
        shell("zsh", &["-f", "-c"], &script)
    };
    assert_eq!(complete("clpdn1000s -h "), ["alpha", "beta"]);
    assert_eq!(complete("noroshi stat"), ["status"]);
    assert_eq!(complete("clpstat --j"), ["--json"]);
}

/// Rule: N20
#[test]
fn completions_are_written_where_a_shell_looks_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    for (shell, file) in [
        ("bash", "clpdn1000s"),
        ("zsh", "_clpdn1000s"),
        ("fish", "clpdn1000s.fish"),
    ] {
        let ran = run_in(dir.path(), &["completions", shell, "--dir", at]);
        assert_eq!(ran, done(""));
        let script = std::fs::read_to_string(dir.path().join(file)).unwrap();
        assert!(script.contains("clpdn1000s"), "{script}");
    }
    let zsh = std::fs::read_to_string(dir.path().join("_clpstat")).unwrap();
    assert!(zsh.starts_with("#compdef clpstat\n"), "{zsh}");
}

/// Rule: N20
#[test]
fn exit_codes_are_the_documented_ones() {
    let (dir, _home) = empty_home();
    for (language, page) in [
        ("en", include_str!("../../../docs/en/commands.md")),
        ("ja", include_str!("../../../docs/ja/commands.md")),
    ] {
        let ran = run_in(dir.path(), &["exit-codes", "--lang", language]);
        let rows = ran.out.lines().map(|line| {
            let (code, meaning) = line.trim_start().split_once("  ").unwrap();
            format!("| {code} | {meaning} |")
        });
        let table: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
            .collect();
        assert_eq!(table, rows.collect::<Vec<_>>(), "docs/{language}");
        let json = run_in(dir.path(), &["exit-codes", "--json", "--lang", language]);
        assert_eq!(json.out.lines().count(), table.len());
    }
    let json = run_in(dir.path(), &["exit-codes", "--json"]);
    assert!(json.out.starts_with("{\"code\":0,\"meaning\":\"done\"}\n"));
}

/// Story: the loops that make the links lacked one command after the other.
///
/// Rule: N20
#[test]
fn every_page_that_lists_the_commands_lists_all() {
    let commands = definition::commands();
    let firsts = |command: &definition::Command| {
        let mut words = command.name.split(' ').map(str::to_owned);
        (words.next().unwrap(), words.next())
    };
    let mut links: Vec<String> = commands.iter().map(|command| firsts(command).0).collect();
    links.retain(|name| name != "noroshi");
    links.sort();
    let readme = include_str!("../../../README.md");
    for page in [
        readme,
        include_str!("../../../docs/en/commands.md"),
        include_str!("../../../docs/ja/commands.md"),
    ] {
        let (_, names) = page.split_once("for name in ").unwrap();
        let (names, _) = names.split_once("; do").unwrap();
        let mut names: Vec<&str> = names.split_whitespace().collect();
        names.sort_unstable();
        assert_eq!(names, links);
    }
    for page in [
        readme,
        include_str!("../../../docs/en/operator.md"),
        include_str!("../../../docs/ja/operator.md"),
    ] {
        let mut rows = page.lines().filter(|line| line.starts_with("| `"));
        for command in &commands {
            let (name, verb) = firsts(command);
            let forms = match verb {
                Some(verb) => [format!("`{name} {verb}"), format!("`{verb}`")],
                None => [format!("`{name} "), format!("`{name}`")],
            };
            // The service and the demo have chapters of their own.
            let apart = ["noroshi", "noroshi daemon", "noroshi demo"].contains(&&*command.name);
            let listed = rows
                .clone()
                .any(|row| forms.iter().any(|form| row.contains(form)));
            assert!(apart || listed, "{}: {page:.40}", command.name);
        }
        assert!(rows.next().is_some());
    }
}

/// Rule: N20
#[test]
fn commands_are_listed_and_documented() {
    let (dir, _home) = empty_home();
    let listed = run_in(dir.path(), &["commands"]);
    let commands = definition::commands();
    assert_eq!(listed.out.lines().count(), commands.len());
    for (line, command) in listed.out.lines().zip(&commands) {
        assert!(line.starts_with(&format!("{} ", command.name)), "{line}");
        assert!(line.ends_with(&command.about), "{line}");
    }
    // Who can list has to be able to list for programs too, and the page that promises it names it.
    let page = include_str!("../../../docs/en/commands.md");
    for command in &commands {
        let json = command
            .arguments
            .iter()
            .any(|argument| argument.id == "json");
        let named = page.contains(&format!("| `{}` |", command.name));
        assert_eq!(json, named, "{}", command.name);
    }
}
