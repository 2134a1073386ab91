//! Licences: what one is, whether those registered suffice, and what is told about it when (rules
//! M9 M13 M24 M25 N16).
//!
//! Whoever reads the files checks signatures and hands the outcome in as [`Registered`]. [`judge`]
//! makes a [`State`] of it for one moment; [`Watch`] follows the state over time: which message is
//! to be raised, when to look again, what to remember across a restart. [`LicenceClock`] says
//! which time it is for licences, so that a clock set wrong neither helps nor hurts.
//!
//! # What stays true
//! * Without a valid licence mails and lamps are off, and nothing else
//!   ([`State::sends_notices`]).
//! * In doubt about the time a licence goes on; the doubt lasts one day at most.

mod clock;
mod date;
mod judge;
mod serial;
mod watch;

pub use clock::{BELIEF_MAX, BELIEF_MIN, LicenceClock, TOLERANCE_MS};
pub use date::Date;
pub use judge::{Invalid, State, Unknown, judge};
pub use serial::Serial;
pub use watch::{Memory, Outlook, RECHECK, Raise, WARNING_DAYS, Watch};

use crate::time::WallTime;
use alloc::string::String;
use alloc::vec::Vec;

/// Most servers that one licence can name: more than a cluster has (rule N6), so that a site may
/// have one licence for several clusters' worth.
pub const SERVERS_MAX: u16 = 9_999;

/// A product that licences are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// This one.
    AlertService,
}

impl Product {
    /// Every product.
    pub const ALL: [Product; 1] = [Product::AlertService];

    /// The id, as in `clplcnsc -p` (the manual, chapter 1).
    pub const fn id(self) -> &'static str {
        match self {
            Product::AlertService => "ALRT10",
        }
    }

    /// The name, as in messages 1 to 4.
    pub const fn name(self) -> &'static str {
        match self {
            Product::AlertService => "noroshi Alert Service",
        }
    }

    /// The product with this id; letter case matters.
    pub fn from_id(id: &str) -> Option<Product> {
        Product::ALL.into_iter().find(|product| product.id() == id)
    }
}

/// How long a licence is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For good.
    Product,
    /// To try the product out, until a day.
    Trial,
    /// Paid for until a day.
    Term,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::Product, Kind::Trial, Kind::Term];

    /// Its word in files and options.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Product => "product",
            Kind::Trial => "trial",
            Kind::Term => "term",
        }
    }

    /// The kind with this word.
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether a licence of this kind has a last day.
    pub const fn ends(self) -> bool {
        !matches!(self, Kind::Product)
    }
}

/// What a licence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licence {
    /// For what.
    pub product: Product,
    /// How long.
    pub kind: Kind,
    /// Its number, once in the world.
    pub serial: Serial,
    /// For how many servers, at least 1.
    pub servers: u16,
    /// The day it was made: no true clock shows an earlier one.
    pub issued: Date,
    /// First day, if it does not begin at once.
    pub from: Option<Date>,
    /// Last day; given exactly for the kinds that end ([`Kind::ends`]).
    pub until: Option<Date>,
}

/// What came of checking where a licence is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Signed by a trusted signer.
    Sound,
    /// It is not.
    Broken(Invalid),
    /// It could not be checked.
    Unchecked(Unknown),
}

/// One registered licence, with its days as moments of this server's calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// What it says.
    pub licence: Licence,
    /// It came as a key from a sheet, which is for one registration; a file is for the cluster.
    pub sheet: bool,
    /// The servers on which it was registered, each once.
    pub by: Vec<String>,
    /// Whether it is genuine.
    pub proof: Proof,
    /// Beginning of the day it was made.
    pub issued: WallTime,
    /// Beginning of its first day.
    pub from: Option<WallTime>,
    /// End of its last day: the midnight after it.
    pub end: Option<WallTime>,
}

/// What is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// No signer's key is built in or installed: this build needs no licence.
    NotNeeded,
    /// The registrations cannot be read.
    Unreadable,
    /// These.
    Licences(Vec<Registration>),
}

impl Registered {
    /// The licences, as far as there are any.
    pub fn licences(&self) -> &[Registration] {
        match self {
            Registered::Licences(licences) => licences,
            Registered::NotNeeded | Registered::Unreadable => &[],
        }
    }
}

#[cfg(test)]
mod tests;
