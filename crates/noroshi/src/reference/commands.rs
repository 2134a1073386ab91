//! `noroshi commands`: every command with its options, for people and for programs.

use crate::cli::reference::Commands;
use crate::cli::{executables, is_of_licences};
use crate::command::Context;
use crate::exit::{self, Exit, Failure};
use crate::print::{padded, say};
use clap::{Arg, Command};
use serde::Serialize;

/// Columns of a command's name.
const NAME_COLUMNS: usize = 28;

/// One command as JSON shows it.
#[derive(Serialize)]
struct ShownCommand {
    command: String,
    about: String,
    arguments: Vec<ShownArgument>,
    /// Of each of these groups exactly one is needed.
    one_of: Vec<Vec<String>>,
    has_commands: bool,
    exit_codes: Vec<u8>,
}

/// One option, or one argument without a name.
#[derive(Serialize)]
struct ShownArgument {
    id: String,
    short: Option<char>,
    long: Option<String>,
    about: String,
    /// What its value is called; none for a switch.
    value: Option<String>,
    values_min: usize,
    /// None where there may be any number.
    values_max: Option<usize>,
    one_of: Vec<String>,
    required: bool,
    conflicts: Vec<String>,
}

pub(super) fn run(context: &mut Context, options: &Commands) -> Result<Exit, Failure> {
    for mut command in executables(context.language) {
        command.build();
        let licences = is_of_licences(command.get_name());
        tell(context, options, &command, licences)?;
    }
    Ok(Exit::Done)
}

fn tell(
    context: &mut Context,
    options: &Commands,
    command: &Command,
    licences: bool,
) -> Result<(), Failure> {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let about = command.get_about().map(ToString::to_string);
    let about = about.unwrap_or_default();
    if options.json {
        let exit_codes = exit::rows(context.language, licences).map(|row| row.0);
        let shown = ShownCommand {
            command: name.to_owned(),
            about,
            arguments: visible(command).map(|arg| argument(command, arg)).collect(),
            one_of: needed_groups(command),
            has_commands: command.has_subcommands(),
            exit_codes: exit_codes.collect(),
        };
        context.json_line(&shown)?;
    } else {
        say!(context.out, "{}  {about}", padded(name, NAME_COLUMNS))?;
    }
    for sub in own_subcommands(command) {
        let licences = licences || is_of_licences(sub.get_name());
        tell(context, options, sub, licences)?;
    }
    Ok(())
}

/// The commands below `command` that are not also executables of their own.
pub(super) fn own_subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    let subs = command.get_subcommands();
    subs.filter(|sub| !sub.is_hide_set() && crate::cli::named(sub.get_name()).is_none())
}

fn visible(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_hide_set())
}

fn argument(command: &Command, arg: &Arg) -> ShownArgument {
    let count = arg.get_num_args().unwrap_or_default();
    let names = arg.get_value_names().unwrap_or_default();
    let value = count.takes_values().then(|| names.join(" "));
    let possible = match count.takes_values() {
        true => arg.get_possible_values(),
        false => Vec::new(),
    };
    ShownArgument {
        id: arg.get_id().to_string(),
        short: arg.get_short(),
        long: arg.get_long().map(str::to_owned),
        about: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        value,
        values_min: count.min_values(),
        values_max: Some(count.max_values()).filter(|&max| max != usize::MAX),
        one_of: possible
            .iter()
            .map(|value| value.get_name().to_owned())
            .collect(),
        required: arg.is_required_set(),
        conflicts: conflicts(command, arg),
    }
}

fn conflicts(command: &Command, arg: &Arg) -> Vec<String> {
    let mut ids: Vec<String> = command
        .get_arg_conflicts_with(arg)
        .iter()
        .map(|other| other.get_id().to_string())
        .collect();
    let own = arg.get_id();
    for group in command.get_groups() {
        let mut group = group.clone();
        let members: Vec<_> = group.get_args().cloned().collect();
        if !group.is_multiple() && members.contains(own) {
            let others = members.iter().filter(|id| *id != own);
            ids.extend(others.map(ToString::to_string));
        }
    }
    ids.sort();
    ids.dedup();
    ids
}

fn needed_groups(command: &Command) -> Vec<Vec<String>> {
    let needed = command.get_groups().filter(|group| group.is_required_set());
    needed
        .map(|group| group.get_args().map(ToString::to_string).collect())
        .collect()
}
