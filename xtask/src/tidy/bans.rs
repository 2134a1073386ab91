//! Calls that belong into one place only, and what to use instead.
//!
//! What clippy can forbid is in `clippy.toml`; here is what it cannot, because tests are free to
//! do it or because it holds in some crates only.

use super::code;
use std::path::Path;

/// One banned pattern.
pub(super) struct Ban {
    /// Names it in `// tidy: allow NAME: why`.
    pub(super) name: &'static str,
    /// What is looked for in the code, without comments, strings and (unless `tests`) tests.
    patterns: &'static [&'static str],
    /// Crates in which it holds.
    crates: &'static [&'static str],
    /// It holds in tests too.
    tests: bool,
    /// The one place where it is allowed.
    home: &'static str,
    /// What to do instead.
    pub(super) instead: &'static str,
}

const SERVICE: &[&str] = &["core", "wire", "conf", "daemon"];
const ALL: &[&str] = &["core", "wire", "conf", "daemon", "noroshi", "sim"];

const BANS: &[Ban] = &[
    Ban {
        name: "clock",
        patterns: &[
            "Instant::now",
            "SystemTime::now",
            "Timestamp::now",
            "Zoned::now",
        ],
        crates: SERVICE,
        tests: false,
        home: "crates/daemon/src/clock.rs",
        instead: "the clock is read in daemon/src/clock.rs only; have the time handed in",
    },
    Ban {
        name: "print",
        patterns: &["println!", "print!"],
        crates: SERVICE,
        tests: false,
        home: "",
        instead: "return the text; only commands own the standard output",
    },
    Ban {
        name: "fs-write",
        patterns: &["fs::write"],
        crates: &["core", "wire", "conf", "daemon", "noroshi"],
        tests: false,
        home: "",
        instead: "replace a file by write, sync, rename, sync of the folder",
    },
    Ban {
        name: "unwrap",
        patterns: &[".unwrap()"],
        crates: SERVICE,
        tests: false,
        home: "",
        instead: "handle it, or `expect` the sentence that makes it true",
    },
    Ban {
        name: "unfinished",
        patterns: &["todo!", "unimplemented!"],
        crates: ALL,
        tests: true,
        home: "",
        instead: "finish it, or return an error that says what is missing",
    },
    Ban {
        name: "ignored-test",
        patterns: &["#[ignore"],
        crates: ALL,
        tests: true,
        home: "",
        instead: "a test says `skipped: why` where it cannot run; nothing is switched off",
    },
    Ban {
        name: "std-in-pure-crate",
        patterns: &["std::", "extern crate std"],
        crates: &["core", "wire"],
        tests: false,
        home: "",
        instead: "core and wire have no operating system: use core:: and alloc::",
    },
];

/// Asked of the first line of the pure crates.
const NO_STD: Ban = Ban {
    name: "no-std",
    patterns: &["#![no_std]"],
    crates: &["core", "wire"],
    tests: false,
    home: "",
    instead: "core and wire begin with #![no_std], so that the compiler keeps them pure",
};

/// The bans that a source file breaks, with the line of each.
pub(super) fn broken(path: &Path, text: &str) -> Vec<(usize, &'static Ban)> {
    let Some(home) = crate_of(path) else {
        return Vec::new();
    };
    let all = code::code_only(text);
    let product = if is_test(path) {
        String::new()
    } else {
        code::without_tests(&all)
    };
    let mut broken = Vec::new();
    for ban in BANS.iter().filter(|ban| ban.crates.contains(&home)) {
        let code = if ban.tests { &all } else { &product };
        if path != Path::new(ban.home) {
            broken.extend(lines_with(code, ban).map(|line| (line, ban)));
        }
    }
    broken.retain(|(line, ban)| !allowed(text, *line, ban.name));
    let is_root = path.ends_with("src/lib.rs") && NO_STD.crates.contains(&home);
    if is_root && !all.trim().is_empty() && !all.contains(NO_STD.patterns[0]) {
        broken.push((1, &NO_STD));
    }
    broken
}

/// The folder name of the crate that a file belongs to.
fn crate_of(path: &Path) -> Option<&str> {
    path.strip_prefix("crates").ok()?.iter().next()?.to_str()
}

/// Files that hold nothing but tests.
fn is_test(path: &Path) -> bool {
    let is_folder = |name| path.iter().any(|part| part == name);
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("");
    is_folder("tests") || is_folder("benches") || stem == "tests" || stem.ends_with("_tests")
}

fn lines_with<'a>(code: &'a str, ban: &'a Ban) -> impl Iterator<Item = usize> + 'a {
    let found = |line: &str| ban.patterns.iter().any(|pattern| holds_word(line, pattern));
    code.lines()
        .enumerate()
        .filter(move |(_, line)| found(line))
        .map(|(at, _)| at + 1)
}

/// Whether `line` holds `pattern`, not as the end of a longer name.
fn holds_word(line: &str, pattern: &str) -> bool {
    let starts_name = pattern.starts_with(|c: char| c.is_alphanumeric());
    line.match_indices(pattern).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !(starts_name && before.is_some_and(|c| c.is_alphanumeric() || c == '_'))
    })
}

/// Whether the line, or the one above it, says why the ban does not hold here.
fn allowed(text: &str, line: usize, name: &str) -> bool {
    let excuse = format!("// tidy: allow {name}: ");
    let near = text.lines().skip(line.saturating_sub(2)).take(2);
    near.filter_map(|line| line.split(&excuse).nth(1))
        .any(|why| !why.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str, text: &str) -> Vec<&'static str> {
        broken(Path::new(path), text)
            .iter()
            .map(|(_, ban)| ban.name)
            .collect()
    }

    #[test]
    fn the_clock_is_read_in_one_place() {
        let text = "fn f() { let now = tokio::time::Instant::now(); }";
        assert_eq!(names("crates/daemon/src/driver.rs", text), ["clock"]);
        assert!(names("crates/daemon/src/clock.rs", text).is_empty());
        assert!(names("crates/sim/src/world.rs", text).is_empty());
        assert!(names("crates/daemon/tests/real.rs", text).is_empty());
    }

    #[test]
    fn tests_beside_the_code_are_free() {
        let text = "fn f() {}\n#[cfg(test)]\nmod tests {\n fn g() { a.unwrap(); println!(); }\n}\n";
        assert!(names("crates/conf/src/a.rs", text).is_empty());
        let after = format!("{text}fn h() {{ a.unwrap(); }}\n");
        let broken = broken(Path::new("crates/conf/src/a.rs"), &after);
        assert_eq!(
            broken.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
            [6]
        );
    }

    #[test]
    fn nothing_is_left_unfinished_not_even_in_tests() {
        let text = "#[test]\n#[ignore]\nfn f() { todo!() }";
        assert_eq!(
            names("crates/sim/tests/a.rs", text),
            ["unfinished", "ignored-test"]
        );
    }

    #[test]
    fn words_in_comments_and_strings_are_no_calls() {
        let text = "// println!\nfn f() -> &'static str { \"std::fs::write .unwrap()\" }";
        assert!(names("crates/core/src/a.rs", text).is_empty());
    }

    #[test]
    fn pure_crates_begin_without_std_and_stay_without() {
        assert_eq!(
            names("crates/wire/src/lib.rs", "use core::fmt;"),
            ["no-std"]
        );
        assert!(names("crates/wire/src/lib.rs", "//! nothing yet").is_empty());
        assert!(names("crates/wire/src/lib.rs", "#![no_std]\nuse core::fmt;").is_empty());
        assert_eq!(
            names("crates/core/src/a.rs", "use std::fmt;"),
            ["std-in-pure-crate"]
        );
    }

    #[test]
    fn an_exception_needs_its_reason() {
        let path = "crates/daemon/src/a.rs";
        let with = |why: &str| format!("// tidy: allow unwrap: {why}\nfn f() {{ a.unwrap(); }}");
        assert!(names(path, &with("it was checked above")).is_empty());
        assert_eq!(names(path, &with("")), ["unwrap"]);
    }
}
