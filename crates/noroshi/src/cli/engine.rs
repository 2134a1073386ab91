//! Options of `noroshi engine`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Verbs of `engine`.
#[derive(Debug, Subcommand)]
pub(crate) enum Engine {
    /// Set this server up beside a running Corosync and Pacemaker, after showing what is done
    Setup(Setup),
    /// Say what the ring's timing means for the first notice, and what is safe
    Advise(Advise),
}

/// Options of `engine setup`.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The engine
    #[arg(value_enum)]
    pub(crate) engine: EngineWord,
    /// Do it without asking
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Take back what a setup has done on this server
    #[arg(long)]
    pub(crate) undo: bool,
    /// Directory of Corosync's settings
    #[arg(long, value_name = "DIR", default_value = "/etc/corosync")]
    pub(crate) corosync: PathBuf,
}

/// Engines that can be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineWord {
    Corosync,
}

/// Options of `engine advise`.
#[derive(Debug, Args)]
pub(crate) struct Advise {
    /// Judge this corosync.conf; without it a running Corosync is asked, else /etc/corosync/corosync.conf read
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
