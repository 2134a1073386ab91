//! `noroshi completions`: scripts by which a shell completes our commands.
//!
//! `clap_complete` makes them from the definitions. Names of servers are not known when a script is
//! made, so it is told one impossible name, and the script then has a call of ours in its place.

use super::write;
use crate::cli::executables;
use crate::cli::reference::{Completions, Shell};
use crate::command::Context;
use crate::exit::{Exit, Failure};
use crate::print::say;
use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};
use noroshi_core::text::Language;

/// Stands for the names of the servers.
const SERVERS: &str = "__NOROSHI_SERVERS__";

/// What gives their names; `noroshi` is on the search path of whoever completes it.
const CALL: &str = "noroshi complete-servers 2>/dev/null";

pub(super) fn run(context: &mut Context, options: &Completions) -> Result<Exit, Failure> {
    for (name, script) in scripts(options.shell, context.language) {
        match &options.dir {
            Some(dir) => {
                let file = match options.shell {
                    Shell::Bash => name,
                    Shell::Zsh => format!("_{name}"),
                    Shell::Fish => format!("{name}.fish"),
                };
                write(context, &dir.join(file), script.as_bytes())?;
            }
            None => say!(context.out, "{}", script.trim_end())?,
        }
    }
    Ok(Exit::Done)
}

/// A script for each name that the executable answers to.
fn scripts(shell: Shell, language: Language) -> impl Iterator<Item = (String, String)> {
    executables(language).into_iter().map(move |command| {
        let name = command.get_name().to_owned();
        let mut command = completed(&command);
        let mut script = Vec::new();
        let to = match shell {
            Shell::Bash => clap_complete::Shell::Bash,
            Shell::Zsh => clap_complete::Shell::Zsh,
            Shell::Fish => clap_complete::Shell::Fish,
        };
        clap_complete::generate(to, &mut command, &*name, &mut script);
        let script = String::from_utf8_lossy(&script);
        (name, with_servers(shell, &script))
    })
}

/// `command` and what is shown below it, with what may stand for each value.
fn completed(command: &Command) -> Command {
    // Written anew, because a definition gives no command away, and hidden ones are nobody's to find.
    let mut new = Command::new(command.get_name().to_owned())
        .disable_help_subcommand(true)
        .disable_help_flag(command.get_arguments().any(|arg| arg.get_id() == "help"))
        .disable_version_flag(command.get_arguments().any(|arg| arg.get_id() == "version"))
        .args(command.get_arguments().cloned().map(hinted));
    if let Some(about) = command.get_about() {
        new = new.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        new = new.version(version.to_owned());
    }
    let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    new.subcommands(shown.map(completed))
}

fn hinted(arg: Arg) -> Arg {
    let names = arg.get_value_names().unwrap_or_default();
    let hint = match names.first().map(|name| name.as_str()) {
        Some("SERVER" | "HOST") => {
            return arg.value_parser(PossibleValuesParser::new([SERVERS]));
        }
        Some("FILE") => ValueHint::FilePath,
        Some("DIR") => ValueHint::DirPath,
        Some(_) if arg.get_action().takes_values() && arg.get_possible_values().is_empty() => {
            ValueHint::Other
        }
        _ => return arg,
    };
    arg.value_hint(hint)
}

fn with_servers(shell: Shell, script: &str) -> String {
    match shell {
        // Between double quotes in both places where it stands.
        Shell::Bash => script.replace(SERVERS, &format!("$({CALL})")),
        Shell::Zsh => script.replace(
            &format!("({SERVERS})"),
            &format!("{{compadd -- ${{(f)\"$({CALL})\"}}}}"),
        ),
        Shell::Fish => script.replace(&format!("{SERVERS}\\t''"), &format!("({CALL})")),
    }
}
