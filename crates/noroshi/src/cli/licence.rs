//! Options of `noroshi licence` and `clplcnsc`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use noroshi_core::licence::{Date, Kind, SERVERS_MAX, Serial};
use std::path::PathBuf;

/// Most sheets of one call.
pub(crate) const COUNT_MAX: u32 = 100_000;

/// Verbs of `licence`.
#[derive(Debug, Subcommand)]
pub(crate) enum Licence {
    /// Handle the keys with which licences are signed
    #[command(subcommand)]
    Signer(Signer),
    /// Issue a licence file, or sheets with keys
    Issue(Issue),
    /// Check a licence file, a sheet or a list of issued keys
    Verify(Verify),
}

/// Verbs of `licence signer`.
#[derive(Debug, Subcommand)]
pub(crate) enum Signer {
    /// Make a private key (licence-signer.key) and its public key (licence-signer.pub)
    New {
        /// Directory of the issuer's files
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
}

/// Options of `licence issue`.
#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// How long: product, trial or term
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: KindWord,
    /// For how many servers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=SERVERS_MAX as i64))]
    pub(crate) servers: u16,
    /// First day, as 2026-12-31; at once without it
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) from: Option<Date>,
    /// Last day, as 2026-12-31; for trial and term
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) until: Option<Date>,
    /// A sheet with a key, and an entry in the list of issued keys, instead of a licence file
    #[arg(long)]
    pub(crate) sheet: bool,
    /// How many sheets
    #[arg(long, value_name = "N", default_value_t = 1, requires = "sheet",
        value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX as i64))]
    pub(crate) count: u32,
    /// First serial number; the next one without it
    #[arg(long, value_name = "SERIAL", value_parser = serial)]
    pub(crate) serial: Option<Serial>,
    /// Directory of the issuer's files
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Directory for what is issued; the issuer's without it
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Options of `licence verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Public key of the signer; what this build trusts without it
    #[arg(long, value_name = "FILE")]
    pub(crate) signer: Option<PathBuf>,
    /// List of issued keys, for a sheet; the installed one without it
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
}

/// The kinds that can be asked for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KindWord {
    Product,
    Trial,
    Term,
}

impl From<KindWord> for Kind {
    fn from(word: KindWord) -> Kind {
        match word {
            KindWord::Product => Kind::Product,
            KindWord::Trial => Kind::Trial,
            KindWord::Term => Kind::Term,
        }
    }
}

/// Options of `clplcnsc` (the manual, chapter 1).
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["register", "list", "delete"])))]
pub(crate) struct Clplcnsc {
    /// Register a licence file; without FILE ask for serial number and key
    #[arg(short = 'i', value_name = "FILE", num_args = 0..=1, requires = "product")]
    pub(crate) register: Option<Option<PathBuf>>,
    /// List what is registered
    #[arg(short = 'l')]
    pub(crate) list: bool,
    /// Remove a licence; SERIAL can be left out when there is only one
    #[arg(short = 'd', value_name = "SERIAL", num_args = 0..=1, value_parser = serial)]
    pub(crate) delete: Option<Option<Serial>>,
    /// The product: ALRT10
    #[arg(short = 'p', value_name = "PRODUCT-ID")]
    pub(crate) product: Option<String>,
    /// Print one JSON object
    #[arg(long, requires = "list")]
    pub(crate) json: bool,
}

fn date(text: &str) -> Result<Date, &'static str> {
    Date::parse(text).ok_or("a day such as 2026-12-31")
}

fn serial(text: &str) -> Result<Serial, &'static str> {
    Serial::parse(text).ok_or("three capital letters and seven digits, such as AAA0000001")
}
