//! Which language a command speaks: `--lang`, else the environment.

use noroshi_core::text::Language;
use std::ffi::OsString;

/// Variables that choose the language, the strongest first; an empty one does not count (POSIX,
/// Base Definitions 8.2, for the last three).
const VARIABLES: [&str; 4] = ["NOROSHI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];

/// The language for everything that is printed. Looks at `--lang` by hand, because the parser's own
/// errors and help are to come in the right language as well.
pub(crate) fn choose(arguments: &[OsString]) -> Language {
    let option = arguments
        .iter()
        .enumerate()
        .skip(1)
        .take_while(|(_, argument)| *argument != "--")
        .find_map(|(at, argument)| {
            let argument = argument.to_str()?;
            let value = match argument.strip_prefix("--lang")? {
                "" => arguments.get(at + 1)?.to_str()?,
                value => value.strip_prefix('=')?,
            };
            // What is no language here is refused in that of the environment.
            match value {
                "en" => Some(Language::En),
                "ja" => Some(Language::Ja),
                _ => None,
            }
        });
    let environment = || {
        VARIABLES
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    };
    option.unwrap_or_else(|| {
        environment().map_or(Language::En, |locale| Language::from_locale(&locale))
    })
}
