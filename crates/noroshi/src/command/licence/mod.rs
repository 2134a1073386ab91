//! `noroshi licence`: for whoever distributes the product (rule N16).
//!
//! An issuer has a directory: `licence-signer.key` (private, mode 0600), `licence-signer.pub`,
//! `licence-keys` (the signed list of issued keys), `licence-serial` (the last serial number given
//! out). Customers get licence files or sheets, and with sheets the list; the public key is built
//! into the product or installed. None of the customer's files can make a licence.

mod batch;
mod issue;
mod signer;
mod verify;

use super::Context;
use crate::cli::{Licence, Signer};
use crate::exit::{Exit, Failure};
use noroshi_conf::licence::Fault;
use noroshi_core::licence::{Date, Kind};
use noroshi_core::text::Language;
use std::io;
use std::path::Path;

pub(super) fn run(context: &mut Context, verb: Licence) -> Result<Exit, Failure> {
    match verb {
        Licence::Signer(Signer::New { dir }) => signer::new(context, &dir),
        Licence::Issue(options) => issue::run(context, &options),
        Licence::Verify(options) => verify::run(context, &options),
    }
}

/// A kind in words for people.
pub(crate) fn kind_words(kind: Kind, language: Language) -> &'static str {
    match kind {
        Kind::Product => language.pick("product version", "製品版"),
        Kind::Trial => language.pick("trial version", "試用版"),
        Kind::Term => language.pick("fixed term", "期間限定版"),
    }
}

/// A day, or a dash for none.
pub(crate) fn day_words(day: Option<Date>) -> String {
    day.map_or_else(|| "-".to_owned(), |day| day.to_string())
}

impl Context {
    /// A file that cannot be read or written.
    pub(super) fn file_trouble(&self, path: &Path, error: &io::Error) -> Failure {
        let (exit, remedy) = match error.kind() {
            io::ErrorKind::NotFound => (
                Exit::NotFound,
                self.pick("Check the name.", "名前を確認してください。"),
            ),
            io::ErrorKind::PermissionDenied => (
                Exit::Refused,
                self.pick("Run the command as root.", "root で実行してください。"),
            ),
            _ => (Exit::Failed, ""),
        };
        let text = format!("{}: {error}\n{remedy}", path.display());
        self.failure(exit, text.trim_end())
    }

    /// A text that was refused.
    pub(super) fn text_trouble(&self, path: &Path, fault: &Fault) -> Failure {
        let exit = match fault.problem {
            noroshi_conf::licence::Problem::Product => Exit::UnknownProduct,
            _ => Exit::NoLicence,
        };
        let line = fault.one_line(&path.display().to_string(), self.language);
        self.failure(exit, &line)
    }
}
