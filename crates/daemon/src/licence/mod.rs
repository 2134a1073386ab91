//! Licences on one server: whom we trust, what is registered, and days as moments (rules M21 N16).
//!
//! *Use.* [`trust`] once, then [`registered`] for [`noroshi_core::licence::Watch`], and
//! [`register::update`] to change what is registered. The commands use the same.
//!
//! *Failure.* A [`LicenceError`] names the file. What cannot be read counts as unknown (message 4),
//! never as missing: a damaged file must not look as if nobody had paid.

mod calendar;
pub(crate) mod keeper;
pub mod register;

pub use calendar::{day_of, end_of, start_of, today};

use crate::home::Home;
use noroshi_conf::licence::{Doubt, Evidence, Fault, Record, Signers, Store, public_pem_of_body};
use noroshi_core::licence::{Invalid, Proof, Registered, Registration, Unknown};
use noroshi_core::text::Language;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The public key of the signer that a build trusts: the one line of base64 between the marks of
/// its PEM file, given as `NOROSHI_LICENCE_SIGNER` when noroshi is built. By default there is none.
const BUILT_IN: Option<&str> = option_env!("NOROSHI_LICENCE_SIGNER");

/// Most bytes of a file with public keys.
const SIGNERS_BYTES_MAX: u64 = 64 * 1024;

/// Whose licences are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody's: this build needs no licence.
    NotNeeded,
    /// Theirs.
    Signers(Signers),
}

/// Why a file about licences could not be used.
#[derive(Debug)]
pub enum LicenceError {
    /// It cannot be read or written.
    Io(PathBuf, io::Error),
    /// It is not what it should be.
    Fault(PathBuf, Fault),
}

impl LicenceError {
    /// What, where and why.
    pub fn text(&self, language: Language) -> String {
        match self {
            LicenceError::Io(path, error) => format!("{}: {error}", path.display()),
            LicenceError::Fault(path, fault) => {
                fault.one_line(&path.display().to_string(), language)
            }
        }
    }
}

impl Home {
    /// What is registered on this server.
    pub fn licences(&self) -> PathBuf {
        self.var().join("licences")
    }

    /// The public keys of signers whose licences are taken, for a build that has none built in.
    pub fn licence_signer(&self) -> PathBuf {
        self.etc().join("licence-signer.pub")
    }

    /// The signed list of issued keys.
    pub fn licence_keys(&self) -> PathBuf {
        self.etc().join("licence-keys")
    }
}

/// Whose licences are taken in `home`. A key that is built in stands alone: what is installed
/// cannot change whom such a build trusts.
///
/// # Errors
/// When there is a key, but it cannot be used.
pub fn trust(home: &Home) -> Result<Trust, LicenceError> {
    trust_of(BUILT_IN, home)
}

fn trust_of(built_in: Option<&str>, home: &Home) -> Result<Trust, LicenceError> {
    if let Some(body) = built_in {
        let fault = |fault| LicenceError::Fault("NOROSHI_LICENCE_SIGNER".into(), fault);
        let signers = Signers::parse(public_pem_of_body(body).as_bytes()).map_err(fault)?;
        return Ok(Trust::Signers(signers));
    }
    let path = home.licence_signer();
    match read(&path, SIGNERS_BYTES_MAX) {
        Ok(bytes) => Signers::parse(&bytes)
            .map(Trust::Signers)
            .map_err(|fault| LicenceError::Fault(path, fault)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Trust::NotNeeded),
        Err(error) => Err(LicenceError::Io(path, error)),
    }
}

/// What is registered in `home`, each licence checked.
pub fn registered(home: &Home, trust: &Trust) -> Registered {
    let Trust::Signers(signers) = trust else {
        return Registered::NotNeeded;
    };
    match register::read(home) {
        Ok(store) => registered_of(&store, signers),
        Err(_) => Registered::Unreadable,
    }
}

fn registered_of(store: &Store, signers: &Signers) -> Registered {
    let records = store.records.iter();
    Registered::Licences(records.map(|one| registration(one, signers)).collect())
}

/// One record, checked.
pub fn registration(record: &Record, signers: &Signers) -> Registration {
    let licence = record.evidence.licence().clone();
    let serial = licence.serial;
    let proof = match record.evidence.check(signers) {
        Ok(()) => Proof::Sound,
        Err(Doubt::Signature) => Proof::Broken(Invalid::Signature { serial }),
        Err(Doubt::Signer) => Proof::Unchecked(Unknown::Signer { serial }),
    };
    Registration {
        sheet: matches!(record.evidence, Evidence::Key(_)),
        by: record.by.clone(),
        proof,
        issued: start_of(licence.issued),
        from: licence.from.map(start_of),
        end: licence.until.map(end_of),
        licence,
    }
}

/// Reads one byte more than there may be, for the reader to refuse it.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
