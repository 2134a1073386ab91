//! The text forms of licences (rules M22 N16): pure, as all of this crate.
//!
//! | text | holds | secret |
//! |---|---|---|
//! | [`LicenceFile`] | a licence, signed | no, but worth money |
//! | [`Sheet`] | a licence and its key, for a person to type | yes: the key |
//! | [`KeyList`] | the issued keys' digests and licences, each line signed | no |
//! | [`Store`] | what is registered on a server, with its signatures | no |
//! | [`SigningKey`], [`Signers`] | PEM, as `openssl` writes and reads it | the private one |
//!
//! All are lines of text that can be read by eye and begin with a version line. A text is read
//! into values, and what was signed is written anew from these values before the signature is
//! checked: nothing can be true for the check and false for its reader. Line ends of Windows,
//! blanks at line ends and a byte order mark do no harm.
//!
//! # What stays true
//! * No bytes whatsoever make a reader panic, and all sizes are bounded.
//! * A text is taken whole or refused with line, value, problem and remedy ([`Fault`]).
//! * No fault, `Debug` output or list shows a key.

mod fault;
mod file;
mod key;
mod lines;
mod list;
mod sheet;
mod signer;
mod store;

pub use fault::{Fault, Problem};
pub use file::{FILE_BYTES_MAX, LicenceFile, VERSION_LINE as FILE_VERSION_LINE};
pub use key::{KeyDigest, KeyError, SheetKey};
pub use list::{IssuedKey, KeyList, LIST_BYTES_MAX, VERSION_LINE as LIST_VERSION_LINE};
pub use sheet::{Sheet, VERSION_LINE as SHEET_VERSION_LINE};
pub use signer::{
    Doubt, SIGNERS_MAX, Signature, SignerId, Signers, SigningKey, public_pem_of_body,
};
pub use store::{
    Evidence, Record, Removed, STORE_BYTES_MAX, STORE_RECORDS_MAX, STORE_REMOVED_MAX, Store,
};

#[cfg(test)]
mod tests;
