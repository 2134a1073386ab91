//! Lines for the daemon's own log ([`crate::log`]).
//!
//! *Use.* [`Notes::say`]; [`Notes::forget`] when the trouble with a server is over. Each thing is
//! said once until then, so that a wrong key on one server does not fill the disk of another.
//!
//! *Failure.* None here. Names that come from outside
//! are shown with control characters escaped. Beyond [`NOTES_MAX`] the oldest is forgotten, and may
//! be said again.

use super::hello::Refusal;
use crate::log;
use noroshi_core::text::Language;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Most things that are remembered as said.
const NOTES_MAX: usize = 128;

/// What was said and is not over.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<VecDeque<Note>>);

impl Notes {
    /// Writes the line, unless it was written and its trouble is not over; answers whether it did.
    pub(super) fn say(&self, language: Language, note: Note) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.iter().any(|other| other.is_same_trouble(&note)) {
            return false;
        }
        log::line_of(log::Part::Engine, log::Level::Warning, note.text(language));
        if said.len() >= NOTES_MAX {
            said.pop_front();
        }
        said.push_back(note);
        true
    }

    /// All is well with `server`: its next trouble is said again.
    pub(super) fn forget(&self, server: &str) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|note| note.server() != Some(server));
    }
}

/// Something worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// This host lacks one of its own addresses.
    AddressAbsent(IpAddr),
    /// An address of former settings cannot be opened: text of the error.
    FormerAddress(String),
    /// The other end of a connection is not the server it should be.
    Refused {
        server: String,
        at: IpAddr,
        why: Refusal,
    },
    /// No link came about: text of the error.
    NoLink {
        server: String,
        at: IpAddr,
        error: String,
    },
    /// A server sent something that is no message: text of the error.
    NoMessage { server: String, error: String },
    /// A server sent a line longer than the bound.
    LongLine { server: String },
    /// A message of ours is longer than the bound and stays here.
    LongMessage { server: String },
    /// The queue to a server is full.
    QueueFull { server: String },
}

impl Note {
    fn server(&self) -> Option<&str> {
        match self {
            Note::AddressAbsent(_) | Note::FormerAddress(_) => None,
            Note::Refused { server, .. }
            | Note::NoLink { server, .. }
            | Note::NoMessage { server, .. }
            | Note::LongLine { server }
            | Note::LongMessage { server }
            | Note::QueueFull { server } => Some(server),
        }
    }

    /// Error texts may differ from time to time; they are the same trouble.
    fn is_same_trouble(&self, other: &Note) -> bool {
        match (self, other) {
            (
                Note::NoLink { server, at, .. },
                Note::NoLink {
                    server: other,
                    at: place,
                    ..
                },
            ) => (server, at) == (other, place),
            (Note::NoMessage { server, .. }, Note::NoMessage { server: other, .. }) => {
                server == other
            }
            _ => self == other,
        }
    }

    fn text(&self, language: Language) -> String {
        match self {
            Note::AddressAbsent(address) => language.pick(
                format!("interconnect address {address} is not on this host (yet)"),
                format!("インタコネクトのアドレス {address} はこのホストに(まだ)ありません"),
            ),
            Note::FormerAddress(error) => language.pick(
                format!("a server that has the former settings is not heard: {error}"),
                format!("以前の設定のままのサーバからは接続を受け付けられません: {error}"),
            ),
            Note::Refused { server, at, why } => {
                let (en, ja) = (why.text(Language::En), why.text(Language::Ja));
                let server = server.escape_debug();
                language.pick(
                    format!("link to server {server} at {at} refused: {en}"),
                    format!("サーバ {server} ({at}) との接続を拒否しました: {ja}"),
                )
            }
            Note::NoLink { server, at, error } => {
                let (server, error) = (server.escape_debug(), error.escape_debug());
                language.pick(
                    format!("no link to server {server} at {at}: {error}"),
                    format!("サーバ {server} ({at}) と接続できません: {error}"),
                )
            }
            Note::NoMessage { server, error } => {
                let (server, error) = (server.escape_debug(), error.escape_debug());
                language.pick(
                    format!("server {server} sent what is no message, ignored: {error}"),
                    format!("サーバ {server} から不正なメッセージを受信し、無視しました: {error}"),
                )
            }
            Note::LongLine { server } => {
                let server = server.escape_debug();
                language.pick(
                    format!("server {server} sent a message beyond 256 KiB, ignored"),
                    format!(
                        "サーバ {server} から 256 KiB を超えるメッセージを受信し、無視しました"
                    ),
                )
            }
            Note::LongMessage { server } => {
                let server = server.escape_debug();
                language.pick(
                    format!("a message for server {server} is beyond 256 KiB and was not sent"),
                    format!("サーバ {server} へのメッセージが 256 KiB を超えたため送信しません"),
                )
            }
            Note::QueueFull { server } => {
                let server = server.escape_debug();
                language.pick(
                    format!(
                        "server {server} does not take messages; link dropped and dialled anew"
                    ),
                    format!("サーバ {server} がメッセージを受け取りません。接続し直します"),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_one_line_in_both_languages() {
        let evil = || "sv2\n\u{1b}[2J".to_owned();
        let at = IpAddr::from([127, 0, 0, 1]);
        let notes = [
            Note::FormerAddress("1.2.3.4:1: in use".into()),
            Note::AddressAbsent(at),
            Note::Refused {
                server: evil(),
                at,
                why: Refusal::Server(evil()),
            },
            Note::NoLink {
                server: evil(),
                at,
                error: evil(),
            },
            Note::NoMessage {
                server: evil(),
                error: evil(),
            },
            Note::LongLine { server: evil() },
            Note::LongMessage { server: evil() },
            Note::QueueFull { server: evil() },
        ];
        for note in &notes {
            let (en, ja) = (note.text(Language::En), note.text(Language::Ja));
            assert!(
                !en.contains(char::is_control) && !ja.contains(char::is_control),
                "{en} {ja}"
            );
            assert_ne!(en, ja);
        }
    }

    #[test]
    fn the_same_trouble_is_kept_once_until_it_is_over() {
        let notes = Notes::default();
        let at = IpAddr::from([127, 0, 0, 1]);
        let no_link = |error: &str| Note::NoLink {
            server: "sv2".into(),
            at,
            error: error.into(),
        };
        let kept = || notes.0.lock().expect("no thread panicked").len();
        notes.say(Language::En, no_link("timed out"));
        notes.say(Language::En, no_link("refused"));
        assert_eq!(kept(), 1);
        notes.forget("sv1");
        assert_eq!(kept(), 1);
        notes.forget("sv2");
        assert_eq!(kept(), 0);
    }
}
