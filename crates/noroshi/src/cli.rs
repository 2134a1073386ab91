//! Every option of every command, each defined once.
//!
//! Parser, help and (by `clap`) whatever else is made of a definition follow from here; Japanese
//! help is laid over it by [`crate::japanese`].

mod acknowledge;
mod alerts;
mod clpcfctrl;
pub(crate) mod config;
mod dashes;
pub(crate) mod engine;
mod licence;
pub(crate) mod reference;
mod refusal;
mod test;
pub(crate) mod user;

pub(crate) use acknowledge::Acknowledge;
pub(crate) use alerts::Alerts;
pub(crate) use clpcfctrl::Clpcfctrl;
pub(crate) use licence::{Clplcnsc, Issue, Licence, Signer, Verify};
pub(crate) use refusal::answer;
pub(crate) use test::{Test, TestMail};

use crate::exit;
use crate::japanese;
use clap::{
    ArgAction, ArgGroup, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};
use noroshi_core::alert::Severity;
use noroshi_core::text::Language;
use noroshi_daemon::collect::Scope;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// noroshi: first notice of a fault in a cluster, by mail, warning light and syslog
#[derive(Debug, Parser)]
#[command(
    name = "noroshi",
    version,
    disable_help_subcommand = true,
    subcommand_required = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

// Options of every command. No doc comment: it would become the text of the commands' help.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// Directory with everything of one server: etc, var, log, run [env: NOROSHI_HOME]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Language: en or ja [env: NOROSHI_LANG, LC_ALL, LC_MESSAGES, LANG]
    #[arg(long, global = true, value_name = "LANGUAGE")]
    pub(crate) lang: Option<Tongue>,
}

/// The languages that can be asked for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Tongue {
    En,
    Ja,
}

/// Our own verbs, and the real product's commands as verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run the alert service of this server, in the foreground
    Daemon(Daemon),
    /// Handle the cluster key
    #[command(subcommand)]
    Key(Key),
    /// Check a configuration without using it
    Check(Check),
    /// Look at a configuration and change it from scripts
    #[command(subcommand)]
    Config(config::Config),
    /// Show servers, interconnects and warning lights
    Status(Status),
    /// List the alerts, each with its notices
    Alerts(Alerts),
    /// Say that you see to an alert
    Acknowledge(Acknowledge),
    /// Try a channel out
    #[command(subcommand)]
    Test(Test),
    /// Issue and check licences, for whoever distributes the product
    #[command(subcommand)]
    Licence(Licence),
    /// Serve the console, as the alert service has it done
    #[command(hide = true)]
    Console(Console),
    /// Handle the users of the console
    #[command(subcommand)]
    User(user::User),
    /// See it at work: a cluster on this machine, with simulated warning lights and an inbox
    Demo(Demo),
    /// Set up and judge the engine that says who is at work
    #[command(subcommand)]
    Engine(engine::Engine),
    /// Hand an event of Pacemaker to the alert service; Pacemaker calls it
    #[command(name = "pacemaker-alert", hide = true)]
    PacemakerAlert,
    #[command(flatten)]
    Reference(reference::Reference),
    /// Run one server of the demo
    #[command(name = "demo-server", hide = true)]
    DemoServer(DemoServer),
    #[command(flatten)]
    Product(Product),
}

/// The commands that also go by their own name.
#[derive(Debug, Subcommand)]
pub(crate) enum Product {
    /// Show the cluster
    #[command(name = "clpstat")]
    Clpstat(Clpstat),
    /// Start, stop, restart the service of one server or of all
    #[command(name = "clpcl")]
    Clpcl(Clpcl),
    /// Shut the cluster down: all servers stop, all warning lights go out
    #[command(name = "clpstdn")]
    Clpstdn,
    /// Put the warning light of a server out
    #[command(name = "clpdn1000s")]
    Clpdn1000s(Clpdn1000s),
    /// Deliver a saved configuration to all servers, fetch it, or check it
    #[command(name = "clpcfctrl")]
    Clpcfctrl(Clpcfctrl),
    /// Register, list and remove licences
    #[command(name = "clplcnsc")]
    Clplcnsc(Clplcnsc),
    /// Collect logs, alert log, status and configuration, an archive for each server
    #[command(name = "clplogcc")]
    Clplogcc(Clplogcc),
    /// Show or set how much is written into the log
    #[command(name = "clplogcf")]
    Clplogcf(Clplogcf),
    /// Raise an alert
    #[command(name = "clplogcmd")]
    Clplogcmd(Clplogcmd),
}

/// Options of `daemon`.
#[derive(Debug, Args)]
pub(crate) struct Daemon {
    /// Name of this server in clp.conf; without it, found by host name or address [env: NOROSHI_SERVER]
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
    /// Leave the caller's session, as clpcl -s wants it
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
}

/// Options of `console`.
#[derive(Debug, Args)]
pub(crate) struct Console {
    /// Name of this server in clp.conf
    #[arg(long, value_name = "NAME")]
    pub(crate) server: String,
}

/// Verbs of `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a new cluster key in etc/cluster.key
    New {
        /// Replace a key that is there
        #[arg(long)]
        force: bool,
    },
}

/// Options of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file; etc/clp.conf without it
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Print one JSON object per line and finding
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Tell a story as lines instead of showing the live view
    #[arg(long)]
    pub(crate) plain: bool,
    /// Play this story and check what it expects
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// How much later than written an expectation may come true, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500)]
    pub(crate) patience: u64,
}

/// Options of `demo-server`.
#[derive(Debug, Args)]
pub(crate) struct DemoServer {
    /// Its name in clp.conf
    #[arg(long, value_name = "NAME")]
    pub(crate) server: String,
}

/// Options of `clpstat`; `-h` is the real product's host option.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Clpstat {
    /// The overview; the same as without an option
    #[arg(short = 's')]
    pub(crate) overview: bool,
    /// As this server sees it; only the own server can be asked
    #[arg(short = 'h', value_name = "SERVER")]
    pub(crate) host: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// Options of `clpcl`; `-h` is the real product's host option.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
#[command(group(ArgGroup::new("what").required(true).args(["start", "stop", "restart"])))]
pub(crate) struct Clpcl {
    /// Start
    #[arg(short = 's')]
    pub(crate) start: bool,
    /// Stop
    #[arg(short = 't')]
    pub(crate) stop: bool,
    /// Stop, then start
    #[arg(short = 'r')]
    pub(crate) restart: bool,
    /// All servers
    #[arg(short = 'a', conflicts_with = "host")]
    pub(crate) all: bool,
    /// This server; the own one without it
    #[arg(short = 'h', value_name = "SERVER")]
    pub(crate) host: Option<String>,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// Options of `clpdn1000s` (the manual, chapter 3).
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Clpdn1000s {
    /// The server whose warning light is put out
    #[arg(short = 'h', value_name = "SERVER", required = true)]
    pub(crate) host: String,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// Options of `clplogcc`; `-h` is the real product's host option.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Clplogcc {
    /// How much: type1, type2 (wider), type3 (narrower)
    #[arg(short = 't', value_name = "TYPE", default_value = "type1")]
    pub(crate) scope: ScopeWord,
    /// Directory for the archives; the current one without it
    #[arg(short = 'o', value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// This server of the cluster only
    #[arg(short = 'h', value_name = "SERVER", conflicts_with = "local")]
    pub(crate) host: Option<String>,
    /// The server that runs this only; needs no running service
    #[arg(short = 'l')]
    pub(crate) local: bool,
    /// Write the archive to standard output, as the service wants it
    #[arg(long, hide = true, requires = "local")]
    pub(crate) to_stdout: bool,
    /// Name of this server in clp.conf
    #[arg(long, hide = true, value_name = "NAME")]
    pub(crate) server: Option<String>,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// Options of `clplogcf`.
#[derive(Debug, Args)]
pub(crate) struct Clplogcf {
    /// Set the level of this part: engine, store, mail, lamp, syslog, control or reload
    #[arg(short = 't', value_name = "TYPE", requires = "level")]
    pub(crate) part: Option<String>,
    /// The level: 1 errors, 2 warnings, 4 the usual, 8 what worked, too (16 and 32 the same)
    #[arg(short = 'l', value_name = "LEVEL", requires = "part")]
    pub(crate) level: Option<u8>,
    /// Print one JSON object per line and part
    #[arg(long, conflicts_with = "part")]
    pub(crate) json: bool,
}

/// How much is collected, as the command line says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopeWord(pub(crate) Scope);

impl std::str::FromStr for ScopeWord {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<ScopeWord, Self::Err> {
        let scopes = [Scope::Type1, Scope::Type2, Scope::Type3];
        let found = scopes.into_iter().find(|scope| scope.word() == text);
        found.map(ScopeWord).ok_or("type1, type2 or type3")
    }
}

/// Options of `clplogcmd`.
#[derive(Debug, Args)]
pub(crate) struct Clplogcmd {
    /// The words
    #[arg(short = 'm', value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) text: String,
    /// Severity: INFO, WARN (or WAR), ERR (or ERROR), in any case
    #[arg(
        short = 'l',
        short_alias = 'L',
        value_name = "LEVEL",
        default_value = "INFO"
    )]
    pub(crate) level: Level,
    /// Event id
    #[arg(short = 'i', value_name = "ID", default_value_t = 1)]
    pub(crate) event: u32,
    /// To the alert view; without any destination: alert view and syslog
    #[arg(long)]
    pub(crate) alert: bool,
    /// To syslog
    #[arg(long)]
    pub(crate) syslog: bool,
    /// By mail
    #[arg(long)]
    pub(crate) mail: bool,
    /// By SNMP trap
    #[arg(long)]
    pub(crate) trap: bool,
}

/// A severity as scripts write it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level(pub(crate) Severity);

impl std::str::FromStr for Level {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Level, Self::Err> {
        match text.to_ascii_uppercase().as_str() {
            "INFO" => Ok(Level(Severity::Info)),
            "WAR" | "WARN" | "WARNING" => Ok(Level(Severity::Warning)),
            "ERR" | "ERROR" => Ok(Level(Severity::Error)),
            _ => Err("INFO, WARN or ERR"),
        }
    }
}

/// `arguments` with the dashes of options as they ought to be ([`dashes`]).
pub(crate) fn straightened(arguments: Vec<OsString>) -> Vec<OsString> {
    let called = arguments.first().and_then(called);
    dashes::straightened(arguments, || called.unwrap_or_else(Cli::command))
}

/// The definition that belongs to the name that we are called by, if it is one of the product's.
fn called(program: &OsString) -> Option<clap::Command> {
    named(&Path::new(program).file_name()?.to_string_lossy())
}

/// The definitions of all names that the executable answers to, ours first.
pub(crate) fn executables(language: Language) -> Vec<clap::Command> {
    let products = Product::augment_subcommands(clap::Command::new("noroshi"));
    let names = products.get_subcommands().map(clap::Command::get_name);
    std::iter::once(Cli::command())
        .chain(names.filter_map(named))
        .map(|command| definition(command, language))
        .collect()
}

/// Parses the arguments, the first of which is the name that we are called by.
pub(crate) fn parse(arguments: Vec<OsString>, language: Language) -> Result<Cli, clap::Error> {
    let Some(command) = arguments.first().and_then(called) else {
        let matches = definition(Cli::command(), language).try_get_matches_from(arguments)?;
        return Cli::from_arg_matches(&matches);
    };
    let name = command.get_name().to_owned();
    let matches = definition(command, language).try_get_matches_from(arguments)?;
    let common = Common::from_arg_matches(&matches)?;
    let product = match name.as_str() {
        "clpstat" => Product::Clpstat(Clpstat::from_arg_matches(&matches)?),
        "clpcl" => Product::Clpcl(Clpcl::from_arg_matches(&matches)?),
        "clpdn1000s" => Product::Clpdn1000s(Clpdn1000s::from_arg_matches(&matches)?),
        "clpcfctrl" => Product::Clpcfctrl(Clpcfctrl::from_arg_matches(&matches)?),
        "clplcnsc" => Product::Clplcnsc(Clplcnsc::from_arg_matches(&matches)?),
        "clplogcc" => Product::Clplogcc(Clplogcc::from_arg_matches(&matches)?),
        "clplogcf" => Product::Clplogcf(Clplogcf::from_arg_matches(&matches)?),
        "clplogcmd" => Product::Clplogcmd(Clplogcmd::from_arg_matches(&matches)?),
        "clpstdn" => Product::Clpstdn,
        // Nothing may shut a cluster down because its arm was forgotten here.
        _ => return Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
    };
    Ok(Cli {
        common,
        verb: Verb::Product(product),
    })
}

/// The definition of one of the product's commands as a command of its own.
pub(crate) fn named(name: &str) -> Option<clap::Command> {
    let products = Product::augment_subcommands(clap::Command::new("noroshi"));
    let product = products.find_subcommand(name)?.clone();
    Some(Common::augment_args(
        product.version(env!("CARGO_PKG_VERSION")),
    ))
}

/// A definition with help in `language` and the exit codes below it.
fn definition(command: clap::Command, language: Language) -> clap::Command {
    let command = match language {
        Language::En => command,
        Language::Ja => japanese::laid_over(command),
    };
    with_exit_codes(command, language, false)
}

/// Whether a command of this name, and all below it, can end with the codes of licences.
pub(crate) fn is_of_licences(name: &str) -> bool {
    matches!(name, "licence" | "clplcnsc")
}

fn with_exit_codes(command: clap::Command, language: Language, of_licences: bool) -> clap::Command {
    let licences = of_licences || is_of_licences(command.get_name());
    command
        .after_long_help(exit::table(language, licences))
        .mut_subcommands(|sub| with_exit_codes(sub, language, licences))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        for language in [Language::En, Language::Ja] {
            for command in executables(language) {
                command.debug_assert();
            }
        }
    }

    fn every_text(command: &clap::Command, path: &str, see: &mut dyn FnMut(String, String)) {
        for sub in command.get_subcommands() {
            let path = format!("{path} {}", sub.get_name());
            see(
                path.clone(),
                sub.get_about().map(ToString::to_string).unwrap_or_default(),
            );
            every_text(sub, &path, see);
        }
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            see(format!("{path} <{}>", arg.get_id()), help);
        }
    }

    /// Rule: N20
    #[test]
    fn every_command_and_option_is_explained_in_both_languages() {
        every_text(
            &definition(Cli::command(), Language::En),
            "",
            &mut |path, text| {
                assert!(!text.is_empty() && text.is_ascii(), "{path}: {text:?}");
            },
        );
        every_text(
            &definition(Cli::command(), Language::Ja),
            "",
            &mut |path, text| {
                assert!(!text.is_empty() && !text.is_ascii(), "{path}: {text:?}");
            },
        );
    }

    /// Rule: N19
    #[test]
    fn levels_are_taken_as_scripts_write_them() {
        for (text, severity) in [
            ("INFO", Severity::Info),
            ("info", Severity::Info),
            ("WARN", Severity::Warning),
            ("warn", Severity::Warning),
            ("WAR", Severity::Warning),
            ("ERR", Severity::Error),
            ("ERROR", Severity::Error),
        ] {
            assert_eq!(text.parse::<Level>().unwrap().0, severity);
        }
        assert!("FATAL".parse::<Level>().is_err());
    }
}
