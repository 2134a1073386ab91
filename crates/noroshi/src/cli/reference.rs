//! Options of the verbs that tell what the executable offers.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// These verbs; they need neither a home nor a daemon.
#[derive(Debug, Subcommand)]
pub(crate) enum Reference {
    /// Print the man page of a command, or write the pages of all
    Man(Man),
    /// Print what completes commands, options and server names in a shell
    Completions(Completions),
    /// List the exit codes
    #[command(name = "exit-codes")]
    ExitCodes(ExitCodes),
    /// List the commands and their options
    Commands(Commands),
    /// List the servers of clp.conf, for completions
    #[command(name = "complete-servers", hide = true)]
    CompleteServers,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The command, such as clpstat or config set; noroshi without it
    #[arg(value_name = "COMMAND", num_args = 0..)]
    pub(crate) command: Vec<String>,
    /// Write the pages of all commands below this directory, in both languages without --lang
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
    /// Write a file for each command into this directory, which the shell looks into
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// The shells that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Options of `exit-codes`.
#[derive(Debug, Args)]
pub(crate) struct ExitCodes {
    /// Print one JSON object per line and code
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `commands`.
#[derive(Debug, Args)]
pub(crate) struct Commands {
    /// Print one JSON object per line and command
    #[arg(long)]
    pub(crate) json: bool,
}
