//! Lamps that are reached by a program of the user's.

mod lamp_support;

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use lamp_support::{Bench, done, number, quick, text};
use noroshi_core::config::LampKind;
use noroshi_core::lamp::Look;
use noroshi_daemon::channel::lamp::Deadlines;
use tokio::time::timeout;

/// Rule: N12 M13
#[tokio::test]
async fn a_program_gets_its_words_and_nothing_of_our_environment() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let body = format!(
        "printf '%s\\n' \"$@\" >{0}; env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= >>{0}",
        out.display()
    );
    let kind = script(folder.path(), &body, &["fixed", "a b; $(x)"]);
    let mut bench = bench_for(kind, Deadlines::default());
    assert_eq!(bench.show(Look::RED_BLINK).await, done(None));
    let text = std::fs::read_to_string(&out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..6],
        ["fixed", "a b; $(x)", "sv1,sv2", "blink", "off", "off"]
    );
    assert!(
        lines[6].starts_with("PATH=") && lines.len() == 7,
        "{lines:?}"
    );
}

/// Rule: N12 M13
#[tokio::test]
async fn a_program_that_fails_is_told_with_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("echo 'no \x1b[31mroute' >&2; exit 3", (6, 6)),
        ("kill -9 $$", (6, 7)),
        // What it leaves behind keeps its error output open and must not be waited for.
        ("sleep 5 & exit 0", (0, 0)),
        ("head -c 1000000 /dev/zero >&2; exit 1", (6, 6)),
    ];
    for (body, expected) in cases {
        let mut bench = bench_for(script(folder.path(), body, &[]), Deadlines::default());
        let result = bench.show(Look::GREEN).await;
        assert_eq!(number(&result), expected, "{body}: {result:?}");
        if body.contains("exit 3") {
            assert!(
                text(&result).contains("status 3, saying \"no [31mroute\""),
                "{result:?}"
            );
        }
    }
    let missing = LampKind::Command {
        program: "/nonexistent/lamp".into(),
        arguments: vec![],
    };
    let result = bench_for(missing, Deadlines::default())
        .show(Look::GREEN)
        .await;
    assert_eq!(number(&result), (7, 27), "{result:?}");
}

/// Rule: N14 M13
#[tokio::test]
async fn a_program_that_does_not_end_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    // The grandchild holds the pipe open for as long as it lives.
    let body = format!("sleep 30 >{} & wait", pipe.display());
    let reader = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        std::fs::File::open(pipe).and_then(|mut pipe| pipe.read_to_end(&mut all))
    });
    let deadlines = Deadlines {
        exchange: Duration::from_secs(2),
        ..quick()
    };
    let mut bench = bench_for(script(folder.path(), &body, &[]), deadlines);
    assert_eq!(number(&bench.show(Look::GREEN).await), (7, 23));
    let dead = timeout(Duration::from_secs(10), reader).await;
    dead.expect("the grandchild is dead").unwrap().unwrap();
}

fn script(folder: &Path, body: &str, arguments: &[&str]) -> LampKind {
    let path = folder.join(format!("lamp-{}", body.len()));
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    LampKind::Command {
        program: path.to_str().unwrap().into(),
        arguments: arguments
            .iter()
            .map(|argument| argument.to_string())
            .collect(),
    }
}

fn bench_for(kind: LampKind, deadlines: Deadlines) -> Bench {
    Bench::new(kind, "127.0.0.1:9".parse().unwrap(), deadlines)
}
