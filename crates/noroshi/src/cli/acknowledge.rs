//! The options of `noroshi acknowledge`.

use clap::Args;

/// Options of `acknowledge`.
#[derive(Debug, Args)]
pub(crate) struct Acknowledge {
    /// The alert, as "noroshi alerts --ids" and the mail name it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Who sees to it
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// What is being done, in words
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) remark: String,
}
