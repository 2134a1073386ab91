//! What the man pages say beside what the definitions hold: descriptions, examples, files, references.
//!
//! *Form.* One text a language, `en.txt` and `ja.txt`. `== PAGE` begins a page; then come, in this order,
//! paragraphs with a blank line after each; `$ EXAMPLE` and below it what it is for; `@ FILE` and below it
//! what it holds; `> PAGE PAGE…`, which to see also. `*words*` are set bold. A line that begins with `# ` is
//! nobody's to read.
//!
//! *Failure.* None while it runs: the tests below hold both texts against each other, against the definitions
//! (every command has a page) and against the parser (it accepts every example).

use clap_mangen::roff::{Inline, bold, roman};
use noroshi_core::text::Language;

const ENGLISH: &str = include_str!("en.txt");
const JAPANESE: &str = include_str!("ja.txt");

/// What is said on one page.
#[derive(Debug, Default)]
pub(super) struct Manual {
    /// Its paragraphs.
    pub(super) description: Vec<&'static str>,
    /// Command lines, and what each is for.
    pub(super) examples: Vec<(&'static str, &'static str)>,
    /// Files beside those of every command, and what each holds.
    pub(super) files: Vec<(&'static str, &'static str)>,
    /// Other pages.
    pub(super) see_also: Vec<&'static str>,
}

/// What is said on the page `name`, such as `noroshi-config-set`; nothing where there is none.
pub(super) fn manual(name: &str, language: Language) -> Manual {
    let mut lines = language
        .pick(ENGLISH, JAPANESE)
        .lines()
        .skip_while(|line| heading(line) != Some(name))
        .skip(1)
        .take_while(|line| heading(line).is_none());
    let mut manual = Manual::default();
    while let Some(line) = lines.next() {
        if let Some(example) = line.strip_prefix("$ ") {
            manual
                .examples
                .push((example, lines.next().unwrap_or_default()));
        } else if let Some(file) = line.strip_prefix("@ ") {
            manual.files.push((file, lines.next().unwrap_or_default()));
        } else if let Some(pages) = line.strip_prefix("> ") {
            manual.see_also = pages.split(' ').collect();
        } else if !line.is_empty() && !line.starts_with("# ") {
            manual.description.push(line);
        }
    }
    manual
}

fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("== ")
}

/// A paragraph with its `*words*` in bold.
pub(super) fn inlines(paragraph: &str) -> Vec<Inline> {
    let set = |(at, part): (usize, &str)| match at % 2 {
        0 => roman(part),
        _ => bold(part),
    };
    paragraph.split('*').enumerate().map(set).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;
    use crate::reference::man::page_names;
    use std::ffi::OsString;

    fn names(text: &'static str) -> Vec<&'static str> {
        text.lines().filter_map(heading).collect()
    }

    fn firsts(rows: &[(&'static str, &'static str)]) -> Vec<&'static str> {
        rows.iter().map(|row| row.0).collect()
    }

    /// Rule: N20
    #[test]
    fn every_page_says_the_same_in_both_languages() {
        let mut pages = page_names();
        pages.sort();
        for text in [ENGLISH, JAPANESE] {
            let mut found = names(text);
            found.sort_unstable();
            assert_eq!(found, pages);
        }
        assert!(ENGLISH.is_ascii());
        for name in &pages {
            let [en, ja] = [Language::En, Language::Ja].map(|language| manual(name, language));
            assert!(
                !en.description.is_empty() && !en.examples.is_empty(),
                "{name}"
            );
            assert!(!en.see_also.is_empty(), "{name}");
            assert_eq!(en.description.len(), ja.description.len(), "{name}");
            assert_eq!(firsts(&en.examples), firsts(&ja.examples), "{name}");
            assert_eq!(firsts(&en.files), firsts(&ja.files), "{name}");
            assert_eq!(en.see_also, ja.see_also, "{name}");
            for other in &en.see_also {
                assert!(pages.iter().any(|page| page == other), "{name}: {other}");
            }
            for manual in [&en, &ja] {
                let texts = manual.examples.iter().chain(&manual.files).map(|row| row.1);
                for text in texts.chain(manual.description.iter().copied()) {
                    assert!(!text.is_empty(), "{name}");
                    assert_eq!(text.matches('*').count() % 2, 0, "{name}: {text}");
                }
            }
        }
    }

    /// The words of a command line up to where the shell takes it elsewhere.
    fn words(line: &str) -> Vec<OsString> {
        let quoted = line.split('"').enumerate();
        let words = quoted.flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(OsString::from).collect(),
            _ => vec![OsString::from(part)],
        });
        words
            .take_while(|word| word != "|" && word != "<")
            .collect()
    }

    /// Rule: N20
    #[test]
    fn the_parser_accepts_every_example_on_the_page_of_its_command() {
        for name in page_names() {
            for (line, _) in manual(&name, Language::En).examples {
                let parsed = cli::parse(words(line), Language::En);
                assert!(parsed.is_ok(), "{name}: {line}: {:?}", parsed.err());
                let own = name.replace('-', " ");
                let own = own.replace("exit codes", "exit-codes");
                let own = own.replace("set secret", "set-secret");
                assert!(
                    format!("{line} ").starts_with(&format!("{own} ")),
                    "{name}: {line}"
                );
            }
        }
    }
}
