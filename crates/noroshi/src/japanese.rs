//! Japanese help, laid over the definitions of [`crate::cli`]: one text with a line for each command and
//! option. Tests find what is missing (there), and what stands twice or for nothing (here).

use clap::{Arg, ArgAction, Command};

const WORDS: &str = include_str!("japanese.txt");

/// Command, option (none for the command itself), text.
fn rows() -> impl Iterator<Item = (&'static str, Option<&'static str>, &'static str)> {
    let mut command = "";
    let lines = WORDS.lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(move |line| {
        let (name, text) = line.split_once(':').unwrap_or((line, ""));
        let option = name.strip_prefix("  ");
        if option.is_none() {
            command = name;
        }
        (command, option, text.trim_start())
    })
}

/// The text for an option of a command, or for the command.
fn text(command: &str, option: Option<&str>) -> Option<&'static str> {
    let mut rows = rows();
    let row = rows.find(|row| (row.0, row.1) == (command, option));
    row.map(|row| row.2).filter(|text| !text.is_empty())
}

/// `command` and all below it with Japanese help.
pub(crate) fn laid_over(command: Command) -> Command {
    laid_over_below(command, "")
}

fn laid_over_below(command: Command, above: &str) -> Command {
    let name = command.get_name().to_owned();
    let path = format!("{above} {name}");
    let has_help = command.get_arguments().any(|arg| arg.get_id() == "help");
    let mut command = command;
    if !has_help {
        let help = Arg::new("help")
            .short('h')
            .long("help")
            .action(ArgAction::Help);
        command = command.disable_help_flag(true).arg(help);
    }
    if command.get_version().is_some() {
        let version = Arg::new("version")
            .short('V')
            .long("version")
            .action(ArgAction::Version);
        command = command.disable_version_flag(true).arg(version);
    }
    let template = template(&command);
    let command = match text(&path, None).or_else(|| text(&name, None)) {
        Some(about) => command.about(about),
        None => command,
    };
    command
        .help_template(template)
        .mut_args(|arg| match option(&path, &name, arg.get_id().as_str()) {
            Some(help) => with_values(arg, help),
            None => arg,
        })
        .mut_subcommands(|sub| laid_over_below(sub, &name))
}

/// `help`, and what `clap` would say in English of the values: which there are, which is the default.
fn with_values(arg: Arg, help: &str) -> Arg {
    if !arg.get_action().takes_values() {
        return arg.help(help.to_owned());
    }
    let mut text = help.to_owned();
    let possible = arg.get_possible_values();
    let words: Vec<&str> = possible.iter().map(|value| value.get_name()).collect();
    if !words.is_empty() {
        text.push_str(&format!(" [値: {}]", words.join(", ")));
    }
    let defaults = arg.get_default_values().iter();
    let words: Vec<_> = defaults.map(|word| word.to_string_lossy()).collect();
    if !words.is_empty() {
        text.push_str(&format!(" [既定値: {}]", words.join(", ")));
    }
    arg.help(text)
        .hide_possible_values(true)
        .hide_default_value(true)
}

fn option(path: &str, command: &str, id: &str) -> Option<&'static str> {
    let by = |key: &str| text(key, Some(id));
    by(path).or_else(|| by(command)).or_else(|| by("*"))
}

fn template(command: &Command) -> String {
    let mut template = String::from("{about-with-newline}\n使い方: {usage}\n");
    if command.has_subcommands() {
        template.push_str("\nコマンド:\n{subcommands}\n");
    }
    if command.get_positionals().next().is_some() {
        template.push_str("\n引数:\n{positionals}\n");
    }
    template.push_str("\nオプション:\n{options}{after-help}\n");
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Story: `licence verify` was explained with the words of `config verify`, whose row came first.
    #[test]
    fn no_command_or_option_has_two_rows() {
        let mut seen = std::collections::BTreeSet::new();
        for (command, option, _) in rows() {
            assert!(seen.insert((command, option)), "{command} {option:?}");
        }
    }

    /// Whether `command`, called `path`, or one below it has what the row is for.
    fn has(command: &Command, path: &str, row: (&str, Option<&str>)) -> bool {
        let own = row.0 == "*" || row.0 == command.get_name() || row.0 == path;
        let mut args = command.get_arguments().map(|arg| arg.get_id().as_str());
        let here = own && row.1.is_none_or(|option| args.any(|id| id == option));
        let below = |sub: &Command| {
            let path = format!("{} {}", command.get_name(), sub.get_name());
            has(sub, &path, row)
        };
        here || command.get_subcommands().any(below)
    }

    #[test]
    fn every_row_is_for_something() {
        let command = laid_over(<crate::cli::Cli as clap::CommandFactory>::command());
        for (name, option, _) in rows() {
            assert!(has(&command, "", (name, option)), "{name} {option:?}");
        }
    }
}
