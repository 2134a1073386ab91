//! clp.conf to [`noroshi_core::config::Config`] (rules M12 M19 M29 N17 N18).
//!
//! Pure: bytes in, values out; files, floppies and other servers are the business of the caller.
//!
//! [`read`] goes three steps. [`charset`] makes text of the bytes, [`parse`] makes a [`tree`] of
//! the text; a fault there ends the reading, with one [`Finding`]. Then `clp_conf` builds the
//! configuration, part by part, and goes on past every fault, so that all of them are in one
//! answer. A configuration comes out only when there is no error at all: nothing half-read can
//! be applied.
//!
//! # What stays true
//! * No bytes whatsoever make it panic. Sizes, nesting, elements and findings are bounded
//!   ([`charset::FILE_BYTES_MAX`], [`tree::DEPTH_MAX`], [`tree::ELEMENTS_MAX`],
//!   [`finding::FINDINGS_MAX`]), and with them time and memory.
//! * Whatever goes into a header, an argument or a device's command was checked by a type or rule
//!   of `names`.
//! * No finding and no `Debug` output shows a secret.

pub mod blackout;
pub mod bundle;
pub mod charset;

pub mod cib_alerts;
mod clp_conf;
pub mod corosync_conf;
pub mod crm_mon;
pub mod difference;
pub mod digest;
pub mod document;
pub mod fat;
pub mod finding;
pub mod licence;
mod names;
mod parse;
pub mod problem;
pub mod review;
pub mod sealed;
pub mod set;
pub mod tar;
pub mod tree;
mod wording;

pub use clp_conf::files::{FileUse, NamedFile};
pub use finding::{Finding, Severity};
pub use names::MailAddress;
pub use parse::parse;
pub use problem::{HostFileTrouble, Problem};

use noroshi_core::config::Config;

/// A configuration that may be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The settings.
    pub config: Config,
    /// What somebody should look at all the same, in the order of the file.
    pub warnings: Vec<Finding>,
    /// Files of the host that the settings name.
    pub files: Vec<NamedFile>,
}

/// Reads a whole clp.conf to check it. Sealed secrets stay sealed: the configuration that comes out
/// is good for being looked at; [`read_with`] is for one that is to be used.
///
/// # Errors
/// Everything that is wrong with the file, in its order, warnings included; at least one of them
/// is an error. Nothing of the file is to be used then.
pub fn read(bytes: &[u8]) -> Result<Parsed, Vec<Finding>> {
    read_with(bytes, &mut sealed::left_alone)
}

/// Reads a whole clp.conf, with `open` for its sealed secrets.
///
/// # Errors
/// As [`read`], and when a secret cannot be opened.
pub fn read_with(bytes: &[u8], open: &mut sealed::Opener<'_>) -> Result<Parsed, Vec<Finding>> {
    let decoded = charset::decode(bytes).map_err(|finding| vec![finding])?;
    let mut tree = parse(&decoded.text).map_err(|finding| vec![finding])?;
    let closed = sealed::open_all(&mut tree, open);
    let built = clp_conf::build(&tree, digest::crc32(bytes));
    if closed.is_empty() {
        return built;
    }
    let mut findings = built.map_or_else(|findings| findings, |parsed| parsed.warnings);
    findings.extend(closed);
    findings.sort_by_key(|finding| finding.line);
    Err(findings)
}
