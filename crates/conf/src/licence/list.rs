//! The signed list of issued keys: one line for each, with the digest of the key, its licence and
//! a signature.
//!
//! ```text
//! noroshi issued keys 1
//! DIGEST PRODUCT KIND SERIAL SERVERS ISSUED FROM UNTIL SIGNER SIGNATURE
//! ```
//!
//! Each line is signed by itself: a server keeps the line of its own key and can check it without
//! the list, lists are joined by copying lines, and an issuer adds lines without touching others.

use super::fault::{Fault, Problem};
use super::key::{KeyDigest, SheetKey};
use super::lines::{self, Lines, date_or_none, date_text, days_fault};
use super::signer::{Doubt, Signature, SignerId, Signers, SigningKey};
use noroshi_core::licence::{Date, Kind, Licence};
use std::collections::HashSet;

/// First line. The number rises when the list's meaning changes.
pub const VERSION_LINE: &str = "noroshi issued keys 1";
/// Most bytes of a list: over 100,000 keys.
pub const LIST_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What precedes the line that is signed, so that no other text of ours can be taken for one.
const PURPOSE: &str = "noroshi issued key 1\n";

/// One issued key; the signature may be anything until it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedKey {
    /// Digest of the key.
    pub digest: KeyDigest,
    /// What it is a key for.
    pub licence: Licence,
    /// Who says to have signed it.
    pub signer: SignerId,
    /// The signature.
    pub signature: Signature,
}

/// A list of issued keys, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyList {
    /// The keys; no digest and no serial number is there twice.
    pub keys: Vec<IssuedKey>,
}

impl IssuedKey {
    /// Signs the line for a key.
    pub fn issue(key: &SheetKey, licence: Licence, signer: &SigningKey) -> IssuedKey {
        let digest = key.digest();
        let text = signed_text(digest, &licence, signer.id());
        IssuedKey {
            digest,
            licence,
            signer: signer.id(),
            signature: signer.sign(&text),
        }
    }

    /// Whether one of `signers` signed it.
    ///
    /// # Errors
    /// [`Doubt`] says why not.
    pub fn check(&self, signers: &Signers) -> Result<(), Doubt> {
        let text = signed_text(self.digest, &self.licence, self.signer);
        signers.check(self.signer, &text, &self.signature)
    }

    /// Its line.
    pub fn to_line(&self) -> String {
        let facts = facts(self.digest, &self.licence, self.signer);
        format!("{facts} {}", self.signature)
    }

    /// Reads its line.
    pub(super) fn parse(line: &str) -> Result<IssuedKey, (String, Problem)> {
        let words: Vec<&str> = line.split(' ').collect();
        let Ok(
            [
                digest,
                product,
                kind,
                serial,
                servers,
                issued,
                from,
                until,
                signer,
                signature,
            ],
        ) = <[&str; 10]>::try_from(words)
        else {
            return Err((line.to_owned(), Problem::Digest));
        };
        let licence = Licence {
            product: read(product, Problem::Product, lines::product)?,
            kind: read(kind, Problem::Kind, Kind::from_word)?,
            serial: read(serial, Problem::Serial, lines::serial)?,
            servers: read(servers, Problem::Servers, lines::servers)?,
            issued: read(issued, Problem::Date, Date::parse)?,
            from: read(from, Problem::Date, date_or_none)?,
            until: read(until, Problem::Date, date_or_none)?,
        };
        if let Some(problem) = days_fault(licence.kind, licence.from, licence.until) {
            return Err((until.to_owned(), problem));
        }
        Ok(IssuedKey {
            digest: read(digest, Problem::Digest, KeyDigest::parse)?,
            licence,
            signer: read(signer, Problem::Signer, SignerId::parse)?,
            signature: read(signature, Problem::Signature, Signature::parse)?,
        })
    }
}

impl KeyList {
    /// Reads a list; signatures are only read, not checked.
    ///
    /// # Errors
    /// [`Fault`]: the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<KeyList, Fault> {
        let mut lines = Lines::open(bytes, LIST_BYTES_MAX, VERSION_LINE)?;
        let (mut keys, mut digests, mut serials) = (Vec::new(), HashSet::new(), HashSet::new());
        while let Some(line) = lines.next() {
            let key =
                IssuedKey::parse(line).map_err(|(value, problem)| lines.fault(&value, problem))?;
            if !digests.insert(key.digest) || !serials.insert(key.licence.serial) {
                let serial = key.licence.serial;
                return Err(lines.fault(serial.as_str(), Problem::Repeated));
            }
            keys.push(key);
        }
        Ok(KeyList { keys })
    }

    /// Its text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{VERSION_LINE}\n");
        for key in &self.keys {
            text.push_str(&key.to_line());
            text.push('\n');
        }
        text
    }

    /// The line of a key.
    pub fn find(&self, digest: KeyDigest) -> Option<&IssuedKey> {
        self.keys.iter().find(|key| key.digest == digest)
    }
}

fn read<T>(
    text: &str,
    problem: Problem,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, (String, Problem)> {
    read(text).ok_or_else(|| (text.to_owned(), problem))
}

fn facts(digest: KeyDigest, licence: &Licence, signer: SignerId) -> String {
    format!(
        "{digest} {} {} {} {} {} {} {} {signer}",
        licence.product.id(),
        licence.kind.word(),
        licence.serial,
        licence.servers,
        licence.issued,
        date_text(licence.from),
        date_text(licence.until),
    )
}

fn signed_text(digest: KeyDigest, licence: &Licence, signer: SignerId) -> String {
    format!("{PURPOSE}{}\n", facts(digest, licence, signer))
}
