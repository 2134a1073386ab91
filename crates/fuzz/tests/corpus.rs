//! Every kept input, through its target.

use noroshi_fuzz::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of all inputs that are kept in the repository.
const CORPUS_BYTES_MAX: u64 = 512 * 1024;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

/// Tasks of a target end with their panic; so all panics count, wherever they are.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Rule: N2 N10 N12 N16 N17 N21 M29
#[test]
fn every_kept_input_keeps_the_promises_of_its_target() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        told(panic);
    }));
    let mut broken = Vec::new();
    for target in TARGETS {
        for file in names(&corpus().join(target.name)) {
            let bytes = fs::read(&file).unwrap();
            let ran = std::panic::catch_unwind(|| target.run(&bytes));
            if ran.is_err() || PANICS.swap(0, Ordering::SeqCst) > 0 {
                broken.push(file);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn each_target_has_inputs_and_all_of_them_are_small() {
    let named: BTreeSet<PathBuf> = TARGETS
        .iter()
        .map(|target| corpus().join(target.name))
        .collect();
    let there: BTreeSet<PathBuf> = names(&corpus()).into_iter().collect();
    assert_eq!(there, named, "a folder for each target and no other");
    let mut all = 0;
    for folder in there {
        let files = names(&folder);
        assert!(files.len() > 1, "{}: too few", folder.display());
        all += files
            .iter()
            .map(|file| file.metadata().unwrap().len())
            .sum::<u64>();
    }
    assert!(all <= CORPUS_BYTES_MAX, "{all} bytes");
}

/// The rest of a quoted word after one character or escape of it, as libFuzzer reads a dictionary: `\\`, `\"` and `\xNN` only.
fn after_one_sign(word: &str) -> Option<&str> {
    let Some(escape) = word.strip_prefix('\\') else {
        return word.strip_prefix(|sign: char| sign != '"' && !sign.is_control());
    };
    let digits = escape.strip_prefix('x').and_then(|code| code.get(..2));
    match digits {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => Some(&escape[3..]),
        Some(_) => None,
        None => escape.strip_prefix(['\\', '"']),
    }
}

fn is_dictionary_line(line: &str) -> bool {
    if line.is_empty() || line.starts_with('#') {
        return true;
    }
    let Some(mut word) = line
        .strip_prefix('"')
        .and_then(|word| word.strip_suffix('"'))
    else {
        return false;
    };
    while !word.is_empty() {
        match after_one_sign(word) {
            Some(rest) => word = rest,
            None => return false,
        }
    }
    true
}

/// A search stops before its first input at a word that libFuzzer cannot read.
#[test]
fn every_word_list_is_a_dictionary_that_libfuzzer_reads() {
    assert!(!is_dictionary_line(r#""\n----\n""#));
    assert!(is_dictionary_line(r#""\x0a--\"\\--\x0A""#));
    let words = Path::new(env!("CARGO_MANIFEST_DIR")).join("words");
    for file in names(&words) {
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let at = format!("{}:{}: {line}", file.display(), number + 1);
            assert!(is_dictionary_line(line), "{at}");
        }
    }
}
