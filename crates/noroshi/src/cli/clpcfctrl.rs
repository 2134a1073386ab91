//! Options of `clpcfctrl` (the manual, chapter 2).

use clap::{ArgAction, ArgGroup, Args};
use std::path::PathBuf;

/// Options of `clpcfctrl`; `-h` is the real product's host option.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
#[command(group(ArgGroup::new("what").required(true).args(["push", "pull", "compcheck"])))]
pub(crate) struct Clpcfctrl {
    /// Deliver a saved set to all servers; without a medium, the one in etc
    #[arg(long)]
    pub(crate) push: bool,
    /// Fetch the set of this server: into the directory of -x, a mounted floppy, or as tar with -l -d
    #[arg(long)]
    pub(crate) pull: bool,
    /// Check a saved set and change nothing
    #[arg(long)]
    pub(crate) compcheck: bool,
    /// The medium was written on Windows, or in DOS format
    #[arg(short = 'w', conflicts_with = "linux")]
    pub(crate) windows: bool,
    /// The medium was written on Linux
    #[arg(short = 'l')]
    pub(crate) linux: bool,
    /// The floppy's device, or an image of it: in DOS format, or a tar archive
    #[arg(short = 'd', value_name = "DEVICE", default_value = "/dev/fd0")]
    pub(crate) device: PathBuf,
    /// Where the floppy is mounted; looked at before the device
    #[arg(short = 'm', value_name = "DIR", default_value = "/mnt/floppy")]
    pub(crate) mount_point: PathBuf,
    /// Directory of the set, or a tar archive or image, in place of a floppy
    #[arg(short = 'x', value_name = "DIR", conflicts_with_all = ["device", "mount_point"])]
    pub(crate) directory: Option<PathBuf>,
    /// The server that delivers; only the own one can be asked
    #[arg(short = 'h', value_name = "SERVER")]
    pub(crate) host: Option<String>,
    /// Taken for compatibility; servers reach each other by their links
    #[arg(short = 'p', value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Push although files differ from what clp.conf.rep says; settings are checked all the same
    #[arg(long)]
    pub(crate) nocheck: bool,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}
