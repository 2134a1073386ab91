//! Why a rig could not be built, or what did not happen in time.

use std::fmt;
use std::io;

/// Why a rig could not do what it was asked for: whole sentences, on as many lines as it takes.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(pub String);

/// What a rig's calls give.
pub type Fallible<T> = Result<T, Error>;

impl Error {
    /// An error that says what was being done.
    pub fn doing(what: impl fmt::Display, why: impl fmt::Display) -> Error {
        Error(format!("{what}: {why}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As people read it: tests unwrap it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error(error.to_string())
    }
}
