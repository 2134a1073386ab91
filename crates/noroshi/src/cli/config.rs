//! Options of `config`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Verbs of `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print the value at a path, or all that stands below it
    Get(Get),
    /// Give settings their values; what is missing on the way is made
    Set(Set),
    /// Add an element, such as one more argument of a program
    Add(Add),
    /// Remove elements with all that stands in them
    Rm(Rm),
    /// Set a secret: asked for without echo, or read from standard input, and sealed
    #[command(name = "set-secret")]
    SetSecret(SetSecret),
    /// Show where each message goes, or change it for one
    Message(Message),
    /// Compare two configurations by path; exit code 1 if they differ
    Diff(Diff),
    /// List the sets that were pushed: number, when, by whom, and which is in force
    History(History),
    /// Push a former set again, as a new number
    Restore(Restore),
    /// Check that a saved set is whole: clp.conf, clp.conf.rep, scripts
    Verify(Verify),
    /// Save files that were edited by hand as a set: check them and write clp.conf.rep
    Save(Save),
}

// Shared by the verbs that change a file. No doc comment: it would become the text of their help.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The file; etc/clp.conf without it
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Save although the change brings new warnings
    #[arg(long)]
    pub(crate) allow_warnings: bool,
}

/// Options of `config get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Such as /root/cluster/mail/address or /root/server@sv1/device@0/info
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    /// The file; etc/clp.conf without it
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Print one JSON object per line and element
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `config set`.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Path and value; several pairs are checked and saved together
    #[arg(value_names = ["PATH", "VALUE"], num_args = 2.., required = true, allow_negative_numbers = true)]
    pub(crate) pairs: Vec<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Options of `config add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Where the new element is to stand
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    /// Its value; empty without it
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) value: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Options of `config rm`.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// What to remove; several are checked and saved together
    #[arg(value_name = "PATH", num_args = 1.., required = true)]
    pub(crate) paths: Vec<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Options of `config set-secret`.
#[derive(Debug, Args)]
pub(crate) struct SetSecret {
    /// Such as /root/noroshi/mail/smtpsrv@0/password
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Options of `config message`.
#[derive(Debug, Args)]
pub(crate) struct Message {
    /// Module of the message; without it, all messages are shown
    #[arg(value_name = "MODULE", requires = "event")]
    pub(crate) module: Option<String>,
    /// Event id of the message
    #[arg(value_name = "EVENT")]
    pub(crate) event: Option<u32>,
    /// To the alert view
    #[arg(long, value_name = "TICK", requires = "module")]
    pub(crate) alert: Option<Tick>,
    /// To syslog
    #[arg(long, value_name = "TICK", requires = "module")]
    pub(crate) syslog: Option<Tick>,
    /// By mail
    #[arg(long, value_name = "TICK", requires = "module")]
    pub(crate) mail: Option<Tick>,
    /// By SNMP trap
    #[arg(long, value_name = "TICK", requires = "module")]
    pub(crate) trap: Option<Tick>,
    /// To the command of the alert extension
    #[arg(long, value_name = "TICK", requires = "module")]
    pub(crate) alertexec: Option<Tick>,
    /// Print one JSON object per line and message
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// A destination of a message: on, off, or what the message table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tick {
    On,
    Off,
    Default,
}

/// Options of `config diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The one file, or the number of a set that is kept
    #[arg(value_name = "FILE")]
    pub(crate) one: PathBuf,
    /// The other one; etc/clp.conf without it
    #[arg(value_name = "OTHER")]
    pub(crate) other: Option<PathBuf>,
    /// Print one JSON object per line and difference
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `config history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Print one JSON object per line and set
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `config restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Number of the set, as "noroshi config history" lists it
    #[arg(value_name = "NUMBER")]
    pub(crate) number: u64,
}

/// Options of `config verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Directory of the set; etc without it
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Print one JSON object per line and trouble
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `config save`.
#[derive(Debug, Args)]
pub(crate) struct Save {
    /// Directory of the set; etc without it
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
