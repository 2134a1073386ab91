//! The options of `noroshi alerts`.

use super::Level;
use crate::when::When;
use clap::Args;

/// Options of `alerts`.
#[derive(Debug, Args)]
pub(crate) struct Alerts {
    /// Print one JSON object per line and alert
    #[arg(long)]
    pub(crate) json: bool,
    /// Show each alert's id, as "noroshi acknowledge" takes it
    #[arg(long)]
    pub(crate) ids: bool,
    /// Go on with each new alert
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// The last N alerts
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub(crate) limit: u32,
    /// Only those that this server raised, or that are about it
    #[arg(long, value_name = "SERVER")]
    pub(crate) server: Option<String>,
    /// Only those at least this severe: info, warning or error
    #[arg(long, value_name = "SEVERITY")]
    pub(crate) severity: Option<Level>,
    /// Only those of this module
    #[arg(long, value_name = "MODULE")]
    pub(crate) module: Option<String>,
    /// Only those whose text holds this, in any case of letters
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Only what happened at this time or later, such as 2026-11-22 or 2026-11-22T10:00
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<When>,
    /// Only what happened before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<When>,
    /// Only those with a notice that has not reached its receiver
    #[arg(long)]
    pub(crate) undelivered: bool,
}
