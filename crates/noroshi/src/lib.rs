//! The one executable of noroshi: the daemon, its commands, and the real product's commands.
//!
//! It answers to several names: as `noroshi` it takes verbs, as `clpstat`, `clpcl`, `clpstdn`,
//! `clpdn1000s`, `clpcfctrl`, `clplcnsc`, `clplogcc`, `clplogcf` or `clplogcmd` (links to it) it is that
//! command, and `noroshi clpstat …` is the same again. Pacemaker calls it as `noroshi-pacemaker-alert`. Options are defined once, in [`cli`]; exit codes
//! in [`exit`].
//!
//! All of it is this library, for the crate `noroshi-fuzz`, which a mere executable could not be part of.
//!
//! A command says what it found on standard output, and on standard error what went wrong, why,
//! and what to do about it. A reader that closes the pipe ends it quietly.

mod cli;
mod command;
mod console;
mod demo;
mod exit;
mod japanese;
mod language;
mod print;
mod reference;
mod when;

#[doc(hidden)]
pub use console::fuzzing;

use crate::exit::{Exit, Failure};
use std::ffi::OsString;
use std::process::ExitCode;

/// What the executable does, by the name that it was called by and its arguments.
pub fn main() -> ExitCode {
    if let Some(ended) = command::pacemaker_alert::called() {
        return ended;
    }
    let arguments: Vec<OsString> = cli::straightened(std::env::args_os().collect());
    let language = language::choose(&arguments);
    if let Some(ended) = command::daemon::go_on(language) {
        return ended.unwrap_or_else(|failure| failure.tell());
    }
    let cli = match cli::parse(arguments, language) {
        Ok(cli) => cli,
        Err(error) => return cli::answer(&error, language),
    };
    match command::run(cli, language) {
        Ok(code) => code,
        Err(failure) => failure.tell(),
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

impl Failure {
    /// Says what went wrong on standard error; nothing more can be done if that is closed.
    fn tell(&self) -> ExitCode {
        use std::io::Write;
        if !self.text.is_empty() {
            let _ = writeln!(std::io::stderr(), "{}", print::escaped_lines(&self.text));
        }
        self.exit.into()
    }
}
