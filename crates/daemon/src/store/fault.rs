//! What can go wrong with the store, sorted by what has to be done about it.

use rusqlite::{Error, ErrorCode};
use std::io;
use std::path::Path;

/// What went wrong. Whatever it is, the transaction under way was rolled back.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file's content is not what was written: it is set aside and a new one begun.
    Damaged(String),
    /// Reading, writing or syncing failed, or there is no room: the connection is not used again.
    Lost(String),
    /// A newer noroshi wrote it: hands off.
    Newer(String),
    /// Another process holds the file for the moment: the connection is good.
    Busy(String),
    /// These items cannot be stored, others can: the connection is good.
    Refused(String),
}

impl Fault {
    /// Sorts an error of SQLite's; `path` is named in its text.
    pub(super) fn of(path: &Path, error: &Error) -> Fault {
        let text = format!("{}: {error}", path.display());
        // A value of a kind that we never write, where no row can be passed over.
        if matches!(
            error,
            Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..)
        ) {
            return Fault::Damaged(text);
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Fault::Damaged(text),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Busy(text),
            Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
                Fault::Refused(text)
            }
            // Everything else, unknown codes included, is answered by a new connection: its
            // opening looks at file and schema and finds out more.
            _ => Fault::Lost(text),
        }
    }

    /// As [`Fault::of`], for errors met while opening: there our statements are known to be good, so
    /// an error without a code of its own comes from a header or schema that was changed.
    pub(super) fn opening(path: &Path, error: &Error) -> Fault {
        match (error, Fault::of(path, error)) {
            (Error::SqliteFailure(failure, _), Fault::Lost(text))
                if failure.extended_code == rusqlite::ffi::SQLITE_ERROR =>
            {
                Fault::Damaged(text)
            }
            (Error::SqlInputError { .. }, Fault::Lost(text)) => Fault::Damaged(text),
            (_, fault) => fault,
        }
    }

    /// An error of the file system's.
    pub(super) fn io(path: &Path, error: &io::Error) -> Fault {
        Fault::Lost(format!("{}: {error}", path.display()))
    }

    /// What went wrong, for people.
    pub(super) fn text(&self) -> &str {
        match self {
            Fault::Damaged(text)
            | Fault::Lost(text)
            | Fault::Newer(text)
            | Fault::Busy(text)
            | Fault::Refused(text) => text,
        }
    }
}
