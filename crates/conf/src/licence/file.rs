//! The licence file: a licence in lines, and a signature over them.
//!
//! ```text
//! noroshi licence 1
//! product: ALRT10
//! kind: trial
//! serial: AAA0000001
//! servers: 3
//! issued: 2026-11-22
//! from: -
//! until: 2026-12-31
//! signer: 0f3a5c7e9b1d2f40
//! signature: (88 characters of base64)
//! ```
//!
//! What is signed is everything before the line of the signature, with line feeds.

use super::fault::{Fault, Problem};
use super::lines::{self, Lines, date_or_none, date_text, days_fault};
use super::signer::{Doubt, Signature, SignerId, Signers, SigningKey};
use noroshi_core::licence::{Date, Kind, Licence};

/// First line. The number rises when the file's meaning changes.
pub const VERSION_LINE: &str = "noroshi licence 1";
/// Most bytes of a licence file; one has about 300.
pub const FILE_BYTES_MAX: usize = 4 * 1024;

/// A licence with a signature, which may be anything until it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenceFile {
    /// What it says.
    pub licence: Licence,
    /// Who says to have signed it.
    pub signer: SignerId,
    /// The signature.
    pub signature: Signature,
}

impl LicenceFile {
    /// Signs a licence.
    pub fn issue(licence: Licence, key: &SigningKey) -> LicenceFile {
        let signature = key.sign(&signed_text(&licence, key.id()));
        LicenceFile {
            licence,
            signer: key.id(),
            signature,
        }
    }

    /// Reads a licence file; the signature is only read, not checked.
    ///
    /// # Errors
    /// [`Fault`]: the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<LicenceFile, Fault> {
        let mut lines = Lines::open(bytes, FILE_BYTES_MAX, VERSION_LINE)?;
        let product = lines.read("product", Problem::Product, lines::product)?;
        let kind = lines.read("kind", Problem::Kind, Kind::from_word)?;
        let serial = lines.read("serial", Problem::Serial, lines::serial)?;
        let servers = lines.read("servers", Problem::Servers, lines::servers)?;
        let issued = lines.read("issued", Problem::Date, Date::parse)?;
        let from = lines.read("from", Problem::Date, date_or_none)?;
        let until = lines.read("until", Problem::Date, date_or_none)?;
        if let Some(problem) = days_fault(kind, from, until) {
            return Err(lines.fault(&date_text(until), problem));
        }
        let signer = lines.read("signer", Problem::Signer, SignerId::parse)?;
        let signature = lines.read("signature", Problem::Signature, Signature::parse)?;
        lines.end()?;
        let licence = Licence {
            product,
            kind,
            serial,
            servers,
            issued,
            from,
            until,
        };
        Ok(LicenceFile {
            licence,
            signer,
            signature,
        })
    }

    /// Its text.
    pub fn to_text(&self) -> String {
        format!("{}signature: {}\n", self.signed_text(), self.signature)
    }

    /// The part of its text that is signed.
    pub fn signed_text(&self) -> String {
        signed_text(&self.licence, self.signer)
    }

    /// Whether one of `signers` signed it.
    ///
    /// # Errors
    /// [`Doubt`] says why not.
    pub fn check(&self, signers: &Signers) -> Result<(), Doubt> {
        signers.check(self.signer, &self.signed_text(), &self.signature)
    }
}

fn signed_text(licence: &Licence, signer: SignerId) -> String {
    format!(
        "{VERSION_LINE}\nproduct: {}\nkind: {}\nserial: {}\nservers: {}\nissued: {}\nfrom: {}\nuntil: {}\nsigner: {signer}\n",
        licence.product.id(),
        licence.kind.word(),
        licence.serial,
        licence.servers,
        licence.issued,
        date_text(licence.from),
        date_text(licence.until),
    )
}
