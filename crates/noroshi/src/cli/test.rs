//! The options of `noroshi test`.

use clap::{Args, Subcommand};

/// Verbs of `test`.
#[derive(Debug, Subcommand)]
pub(crate) enum Test {
    /// Send a test mail to every recipient
    Mail(TestMail),
    /// Show every colour on a warning light, then what it should show
    Lamp {
        /// The server; this one without it
        #[arg(value_name = "SERVER")]
        server: Option<String>,
    },
}

/// Options of `test mail`.
#[derive(Debug, Args)]
pub(crate) struct TestMail {
    /// Send it beside the queue, wait for the end and show the conversation with the mail server
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// To this recipient of the settings only, as with --verbose
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Option<String>,
    /// As with --verbose, and print one JSON object per line and recipient
    #[arg(long)]
    pub(crate) json: bool,
}
