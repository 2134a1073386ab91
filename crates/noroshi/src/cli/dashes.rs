//! Options whose dash came out of a PDF or an input method: `–l`, `—l`, `−l`, `－ｌ`, `ーl`.
//!
//! Printed manuals set dashes for the eye. What is pasted from them looks right and is no option.
//! [`straightened`] writes such an argument as the option that it looks like, and only if the command
//! has that option and the place is not an option's value. Everything else is left as it is, and
//! the parser says what it thinks of it.

use clap::{Arg, Command};
use std::borrow::Cow;
use std::ffi::OsString;

/// What is taken for a dash: hyphens, dashes, minus signs, their full-width and half-width forms,
/// and the long vowel mark, which Japanese keyboards have in its place.
const LOOK_ALIKES: [char; 15] = [
    '\u{ad}', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2015}', '\u{2043}',
    '\u{2212}', '\u{30fc}', '\u{fe58}', '\u{fe63}', '\u{ff0d}', '\u{ff70}', '\u{2500}',
];

/// `arguments`, the first of which is the program's name, as `definition` understands them.
pub(crate) fn straightened(
    arguments: Vec<OsString>,
    definition: impl FnOnce() -> Command,
) -> Vec<OsString> {
    let suspicious = |argument: &OsString| argument.to_str().is_some_and(is_look_alike);
    if !arguments.iter().skip(1).any(suspicious) {
        return arguments;
    }
    // Built, it knows the options that every command has.
    let mut definition = definition();
    definition.build();
    let mut command = &definition;
    let mut is_value = true;
    let mut ended = false;
    let mut straight = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let Some(text) = argument.to_str() else {
            is_value = false;
            straight.push(argument);
            continue;
        };
        let text = match is_look_alike(text) && !is_value && !ended {
            true => option_of(command, text).map_or(Cow::Borrowed(text), Cow::Owned),
            false => Cow::Borrowed(text),
        };
        if is_value || ended {
            is_value = false;
        } else if text == "--" {
            ended = true;
        } else if text.starts_with('-') {
            is_value = wants_value(command, &text);
        } else if let Some(sub) = command.find_subcommand(&*text) {
            command = sub;
        }
        straight.push(OsString::from(&*text));
    }
    straight
}

/// Whether this could be an option that was not typed in ASCII.
fn is_look_alike(text: &str) -> bool {
    let mut rest = text.chars().skip_while(|&c| c == '-' || dash(c));
    let begins = text.starts_with('-') || text.starts_with(dash);
    begins && (text.starts_with(dash) || text.contains(dash) || rest.any(|c| narrow(c) != c))
}

fn dash(c: char) -> bool {
    LOOK_ALIKES.contains(&c)
}

/// The ASCII form of a full-width character.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// The option of `command` that `text` looks like, with what is joined to it.
fn option_of(command: &Command, text: &str) -> Option<String> {
    let bare = text.trim_start_matches(|c| c == '-' || dash(c));
    let (name, value) = match bare.find(['=', '\u{ff1d}']) {
        Some(at) => (
            &bare[..at],
            Some(bare[at..].chars().skip(1).collect::<String>()),
        ),
        None => (bare, None),
    };
    let long: String = name
        .chars()
        .map(|c| if dash(c) { '-' } else { narrow(c) })
        .collect();
    if long.chars().count() > 1 && command.get_arguments().any(|arg| is_long(arg, &long)) {
        let value = value.map_or_else(String::new, |value| format!("={value}"));
        return Some(format!("--{long}{value}"));
    }
    let mut letters = bare.chars();
    let first = narrow(letters.next()?);
    let arg = short(command, first)?;
    let rest = letters.as_str();
    // What follows is the option's value, or more options that take none.
    if takes_value(arg) {
        return Some(format!("-{first}{rest}"));
    }
    let rest: String = rest.chars().map(narrow).collect();
    let known = rest.chars().all(|c| short(command, c).is_some());
    known.then(|| format!("-{first}{rest}"))
}

fn is_long(arg: &Arg, name: &str) -> bool {
    arg.get_long_and_visible_aliases()
        .is_some_and(|names| names.contains(&name))
        || arg
            .get_all_aliases()
            .is_some_and(|names| names.contains(&name))
}

fn short(command: &Command, letter: char) -> Option<&Arg> {
    command.get_arguments().find(|arg| {
        arg.get_short() == Some(letter)
            || arg
                .get_all_short_aliases()
                .is_some_and(|letters| letters.contains(&letter))
    })
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|count| count.takes_values())
}

/// Whether the argument after the option `text` is its value, whatever it looks like.
fn wants_value(command: &Command, text: &str) -> bool {
    let needs = |arg: &Arg| {
        arg.get_num_args()
            .is_some_and(|count| count.min_values() > 0)
    };
    if let Some(long) = text.strip_prefix("--") {
        let arg = command.get_arguments().find(|arg| is_long(arg, long));
        return arg.is_some_and(needs);
    }
    let letters = &text[1..];
    for (at, letter) in letters.char_indices() {
        match short(command, letter) {
            Some(arg) if takes_value(arg) => {
                return needs(arg) && at + letter.len_utf8() == letters.len();
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;
    use noroshi_core::text::Language;

    fn straight(line: &str) -> String {
        let arguments = line.split(' ').map(OsString::from).collect();
        let arguments = straightened(arguments, || {
            let name = line.split(' ').next().unwrap();
            crate::cli::named(name).unwrap_or_else(Cli::command)
        });
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect();
        words.join(" ")
    }

    /// Rule: N20
    #[test]
    fn what_looks_like_an_option_of_the_command_is_one() {
        for (pasted, meant) in [
            ("clplcnsc –l", "clplcnsc -l"),
            ("clplcnsc —l", "clplcnsc -l"),
            ("clplcnsc −i –p ALRT10", "clplcnsc -i -p ALRT10"),
            ("clpdn1000s ‐h server1", "clpdn1000s -h server1"),
            ("clpdn1000s －ｈ server1", "clpdn1000s -h server1"),
            ("clpdn1000s -ｈ server1", "clpdn1000s -h server1"),
            ("clpdn1000s ーh server1", "clpdn1000s -h server1"),
            ("clpdn1000s –hserver–1", "clpdn1000s -hserver–1"),
            ("clpcl –sa", "clpcl -sa"),
            ("clpstat —json", "clpstat --json"),
            ("clpstat –json", "clpstat --json"),
            ("clpstat ––lang=ja", "clpstat --lang=ja"),
            ("clpstat －－ｊｓｏｎ", "clpstat --json"),
            ("noroshi alerts –n 5 −−json", "noroshi alerts -n 5 --json"),
            ("noroshi –-home /h status", "noroshi --home /h status"),
            (
                "noroshi config get /a –-json",
                "noroshi config get /a --json",
            ),
        ] {
            assert_eq!(straight(pasted), meant);
        }
    }

    fn walk(definition: &Command, seen: &mut usize) {
        let full_width = |text: &str| -> String {
            let wide = |c: char| char::from_u32(c as u32 + 0xfee0).unwrap();
            text.chars().map(wide).collect()
        };
        for arg in definition.get_arguments() {
            let short = arg.get_short().map(|letter| format!("-{letter}"));
            let long = arg.get_long().map(|name| format!("--{name}"));
            for meant in [short, long].into_iter().flatten() {
                let bare = meant.trim_start_matches('-');
                let dashes = LOOK_ALIKES.iter().map(char::to_string);
                let pasted = dashes.flat_map(|dash| {
                    let doubled = meant
                        .starts_with("--")
                        .then(|| format!("{dash}{dash}{bare}"));
                    [Some(format!("{dash}{bare}")), doubled]
                });
                for pasted in pasted.flatten().chain([full_width(&meant)]) {
                    assert!(is_look_alike(&pasted), "{pasted}");
                    assert_eq!(
                        option_of(definition, &pasted),
                        Some(meant.clone()),
                        "{pasted}"
                    );
                    *seen += 1;
                }
            }
        }
        for sub in definition.get_subcommands() {
            walk(sub, seen);
        }
    }

    /// Rule: N20
    #[test]
    fn every_option_of_every_command_is_understood_with_every_look_alike() {
        let mut seen = 0;
        for mut command in crate::cli::executables(Language::En) {
            command.build();
            walk(&command, &mut seen);
        }
        assert!(seen > 5_000, "{seen}");
    }

    /// Rule: N20
    #[test]
    fn values_and_what_is_no_option_are_left_as_they_are() {
        for line in [
            "clplogcmd -m –l",
            "clplogcmd –z -m x",
            "clplogcmd -m x -l=–i",
            "noroshi config add /a –v",
            "noroshi config add /a -- –-json",
            "noroshi config set /a – /b —",
            "noroshi check –",
            "clpdn1000s -h –h",
            "clpcl -s -h –a",
            "clpcl –sz",
        ] {
            assert_eq!(straight(line), line);
        }
        assert_eq!(straight("clplogcmd –m –l"), "clplogcmd -m –l");
    }
}
