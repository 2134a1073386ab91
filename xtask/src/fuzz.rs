//! Searches for inputs that break a decoder, with libFuzzer (`crates/fuzz`).
//!
//! It runs on stable: the crates of the workspace are compiled through `crates/fuzz/instrument.sh`, and what they
//! depend on is that of every other build. A search begins with `crates/fuzz/corpus/TARGET/` and the pieces in
//! `crates/fuzz/words/TARGET.txt`, where there are some. Inputs that were found to go new ways stay in
//! `target/fuzz/TARGET/` for the next one; `--keep` takes those of them that add something into the corpus.
//!
//! *Failure.* An input that breaks a promise is kept in `target/fuzz/found/`, named with the end of the log.

use crate::step::Verdict;
use crate::tool;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// How long each target is searched when nobody says otherwise.
const MINUTES: u64 = 10;
/// How long all targets together are searched in a check.
const CHECK: Duration = Duration::from_secs(60);
/// Longest time for one input, in seconds: no decoder waits for anybody, but the machine may be busy.
const INPUT_SECONDS_MAX: u64 = 20;
/// Most memory of a search, in MB; each target has its own, much smaller bound for one input.
const MEMORY_MB_MAX: u64 = 2_048;
/// Longest input that is made, in bytes; targets pass over what is too long for them.
const INPUT_BYTES_MAX: u64 = 16 * 1024;
/// Lines of a failed search's log that are shown.
const LOG_LINES: usize = 40;

/// What is asked for.
struct Search {
    targets: Vec<String>,
    seconds: u64,
    keep: bool,
}

/// `cargo xtask fuzz [TARGET...] [--minutes M] [--keep]`.
pub(crate) fn run(arguments: &[&str]) -> ExitCode {
    let searched = parse(arguments).and_then(|search| {
        built()?;
        search_all(&search)
    });
    match searched {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// A minute over all targets together, as a step of the check.
///
/// With `lenient` a host without what it takes is no fault.
pub(crate) fn minute(lenient: bool) -> Verdict {
    if tool::program("g++").is_none() {
        let reason = "g++ is missing, libFuzzer is C++: run `cargo xtask setup`".to_owned();
        return match lenient {
            true => Verdict::Skipped(reason),
            false => Verdict::Failed(reason),
        };
    }
    let searched = targets().and_then(|targets| {
        built()?;
        let rounds = targets.len().div_ceil(at_once());
        let seconds = (CHECK.as_secs() / rounds.max(1) as u64).max(1);
        let keep = false;
        search_all(&Search {
            targets,
            seconds,
            keep,
        })
    });
    searched.into()
}

fn parse(arguments: &[&str]) -> Result<Search, String> {
    let known = targets()?;
    let (mut targets, mut minutes, mut keep) = (Vec::new(), MINUTES, false);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match *word {
            "--keep" => keep = true,
            "--minutes" => {
                let value = words.next().and_then(|value| value.parse().ok());
                // libFuzzer takes 0 for "without end".
                let value = value.filter(|minutes| *minutes > 0);
                minutes = value.ok_or("--minutes: a whole number from 1 on, please")?;
            }
            name if known.iter().any(|target| target == name) => targets.push(name.to_owned()),
            other => return Err(format!("{other}: no target; there are {}", known.join(" "))),
        }
    }
    if targets.is_empty() {
        targets = known;
    }
    Ok(Search {
        targets,
        seconds: minutes.saturating_mul(60),
        keep,
    })
}

/// The targets: each has a folder of inputs.
fn targets() -> Result<Vec<String>, String> {
    let corpus = corpus();
    let entries =
        fs::read_dir(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
    let names = entries.map_while(Result::ok).map(|entry| entry.file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn corpus() -> PathBuf {
    tool::root().join("crates/fuzz/corpus")
}

/// Where a search keeps its things.
fn place() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target
        .unwrap_or_else(|| tool::root().join("target"))
        .join("fuzz")
}

fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The search as a program; `verb` is `build` or `run`.
fn program(verb: &str) -> Command {
    let words = [
        verb,
        "--quiet",
        "--locked",
        "-p",
        "noroshi-fuzz",
        "--features",
        "search",
    ];
    let mut command = tool::cargo(&words);
    let instrument = tool::root().join("crates/fuzz/instrument.sh");
    command.env("RUSTC_WORKSPACE_WRAPPER", instrument);
    command
}

fn built() -> Result<(), String> {
    tool::run(&mut program("build"))
}

/// As many targets at a time as there are processors.
fn search_all(search: &Search) -> Result<(), String> {
    let waiting = Mutex::new(search.targets.iter());
    let faults = Mutex::new(Vec::new());
    let next = || waiting.lock().ok()?.next();
    std::thread::scope(|scope| {
        for _ in 0..at_once() {
            scope.spawn(|| {
                while let Some(target) = next() {
                    let one = search_one(target, search);
                    match (one, faults.lock()) {
                        (Ok(line), _) => println!("{target:<14} {line}"),
                        (Err(fault), Ok(mut faults)) => faults.push(fault),
                        (Err(_), Err(_)) => {}
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap_or_default();
    for fault in &faults {
        eprintln!("{fault}");
    }
    match faults.len() {
        0 => Ok(()),
        count => Err(format!("{count} targets with a fault")),
    }
}

fn search_one(target: &str, search: &Search) -> Result<String, String> {
    let (grown, found, scratch) = (
        place().join(target),
        place().join("found"),
        place().join("tmp"),
    );
    for folder in [&grown, &found, &scratch] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let log = place().join(format!("{target}.log"));
    let mut command = program("run");
    command
        .env("NOROSHI_FUZZ_TARGET", target)
        .env("TMPDIR", &scratch)
        .arg("--")
        .args([&grown, &corpus().join(target)])
        .arg(format!("-max_total_time={}", search.seconds))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-artifact_prefix={}/{target}-", found.display()))
        .arg("-print_final_stats=1");
    let words = tool::root().join(format!("crates/fuzz/words/{target}.txt"));
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    let file = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let second = file.try_clone().map_err(|error| error.to_string())?;
    command.stdin(Stdio::null()).stdout(file).stderr(second);
    let ended = tool::run(&mut command);
    let said = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    if ended.is_err() {
        let lines: Vec<&str> = said.lines().collect();
        let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        return Err(format!("==> {target}: {}\n{end}", log.display()));
    }
    if search.keep {
        keep(target, &grown)?;
    }
    let figure = |name: &str| figure(&said, name);
    Ok(format!(
        "{:>12} inputs, {:>5} went new ways",
        figure("number_of_executed_units"),
        figure("new_units_added")
    ))
}

/// Takes of what was found what goes ways that no kept input goes.
fn keep(target: &str, grown: &Path) -> Result<(), String> {
    let mut command = program("run");
    command.env("NOROSHI_FUZZ_TARGET", target);
    command.args(["--", "-merge=1", "-max_len=2048"]);
    command.args([&corpus().join(target), &grown.to_path_buf()]);
    tool::run(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )
}

/// A figure of libFuzzer's own last words.
fn figure(said: &str, name: &str) -> String {
    let line = said.lines().find(|line| line.contains(name));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.unwrap_or("?").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_targets_and_a_time() {
        let search = parse(&["smtp", "--minutes", "3", "clp_conf"]).unwrap();
        assert_eq!(search.targets, ["smtp", "clp_conf"]);
        assert_eq!((search.seconds, search.keep), (180, false));
        let all = parse(&["--keep"]).unwrap();
        assert_eq!((all.seconds, all.keep), (MINUTES * 60, true));
        assert!(all.targets.len() >= 14, "{:?}", all.targets);
        for wrong in [
            &["no-such-target"][..],
            &["--minutes"],
            &["--minutes", "x"],
            &["--minutes", "0"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn figures_are_read_out_of_what_libfuzzer_says() {
        let said =
            "#9 DONE\nstat::number_of_executed_units: 4711\nstat::new_units_added:          12\n";
        assert_eq!(figure(said, "number_of_executed_units"), "4711");
        assert_eq!(figure(said, "new_units_added"), "12");
        assert_eq!(figure(said, "no_such"), "?");
    }
}
