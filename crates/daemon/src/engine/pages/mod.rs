//! Archives of logs over the links, page by page (rules M30 M33).
//!
//! Whoever collects asks for one page at a time, and the next goes out only when it is asked for. So
//! at most one page of a collection is under way, behind everything fresh and repeated on its link
//! ([`PAGES_MAX`]); heartbeats are datagrams and pass it by, and the driver sees nothing of it. A
//! page that is asked for twice is sent twice: a link may break between.
//!
//! *Use.* [`Collector::collect`] at one end; at the other [`heard`] lets a child process write the
//! archive (`deliver`), once [`super::Engine::deliver_logs`] has said whose.
//!
//! *Failure.* A server without a link (at the start, or still 3 s after a break), or one that is silent for [`SILENCE_MAX`], such as one of an
//! earlier release, ends the collection with words. Whoever asks no more is forgotten after
//! [`ASK_WAIT`]; its child ends then.

mod collect;
mod deliver;

pub use collect::Collector;

use super::Wires;
use crate::collect::Scope;
use crate::home::Home;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Bytes of one page: 22 kB as a line, a fifth of a second at 1 Mbit/s for what waits behind it.
pub const PAGE_BYTES_MAX: usize = 16 * 1024;
/// Lines with pages or questions for them that wait for one server; one more is lost and asked for again.
pub const PAGES_MAX: usize = 8;
/// Archives that this server writes at a time for others; one more is refused in words.
pub const DELIVERIES_MAX: usize = 2;
/// Archives that are collected here at a time; one more is refused in words.
pub const COLLECTIONS_MAX: usize = 32;
/// How long a page may be on its way before it is asked for again.
const PAGE_WAIT: Duration = Duration::from_secs(3);
/// How long a server may be silent.
pub const SILENCE_MAX: Duration = Duration::from_secs(12);
/// How long the next question may take.
const ASK_WAIT: Duration = Duration::from_secs(30);
/// After this time without a full page it is said that there is none yet.
const FILL_WAIT: Duration = Duration::from_secs(2);
/// How a line of this kind begins; no other message has such a name.
const BEGINS: &[u8] = br#"{"is":"logs-"#;

/// What goes over the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is")]
enum PageMessage {
    /// Give me that page; page 0 begins.
    #[serde(rename = "logs-ask")]
    Ask { id: u64, scope: Scope, page: u64 },
    /// That page.
    #[serde(rename = "logs-page")]
    Page { id: u64, page: u64, state: State },
    /// I need no more.
    #[serde(rename = "logs-done")]
    Done { id: u64 },
}

/// What a page holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// Bytes of the archive, in Base64.
    More(String),
    /// Nothing yet; ask for it again.
    Wait,
    /// The archive ended before this page.
    End,
    /// It failed.
    Failed(String),
}

impl PageMessage {
    fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect(
            "serde_json fails only on maps with odd keys and failing Serialize, here neither",
        );
        line.push(b'\n');
        line
    }
}

/// The collections under way at this server, of both kinds.
#[derive(Default)]
pub(super) struct Pages {
    /// Whose archive is written for others.
    home: OnceLock<Home>,
    deliveries: Mutex<BTreeMap<(String, u64), mpsc::Sender<u64>>>,
    collections: Mutex<BTreeMap<u64, Waiting>>,
}

/// Who waits for a page.
struct Waiting {
    server: String,
    pages: mpsc::Sender<(u64, State)>,
}

impl Pages {
    pub(super) fn deliver(&self, home: Home) {
        // It never changes while a daemon runs.
        let _ = self.home.set(home);
    }

    fn deliveries(&self) -> MutexGuard<'_, BTreeMap<(String, u64), mpsc::Sender<u64>>> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn collections(&self) -> MutexGuard<'_, BTreeMap<u64, Waiting>> {
        self.collections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a line is one of these.
pub(super) fn is_one(line: &[u8]) -> bool {
    line.starts_with(BEGINS)
}

/// Such a line, read and written again; for [`crate::fuzzing`].
pub(crate) fn again(line: &[u8]) -> Option<Vec<u8>> {
    let message: PageMessage = serde_json::from_slice(line).ok().filter(|_| is_one(line))?;
    serde_json::to_vec(&message).ok()
}

/// Takes a line from `server`. What a newer release says is passed over.
pub(super) fn heard(wires: &Arc<Wires>, server: &str, line: &[u8]) {
    match serde_json::from_slice(line) {
        Ok(PageMessage::Ask { id, scope, page }) => {
            deliver::asked(wires, server, id, scope, page);
        }
        Ok(PageMessage::Page { id, page, state }) => {
            let collections = wires.pages.collections();
            let waiting = collections.get(&id).filter(|it| it.server == server);
            if let Some(waiting) = waiting {
                // A second copy that finds no room is not needed.
                let _ = waiting.pages.try_send((page, state));
            }
        }
        Ok(PageMessage::Done { id }) => {
            wires.pages.deliveries().remove(&(server.to_owned(), id));
        }
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::peer::PeerMessage;

    /// Servers of two releases speak these lines: do not edit.
    ///
    /// Rule: M30
    #[test]
    fn the_lines_have_a_pinned_form_and_are_no_message_of_core() {
        let ask = r#"{"is":"logs-ask","id":7,"scope":"type1","page":0}"#;
        let page = r#"{"is":"logs-page","id":7,"page":0,"state":{"more":"AA=="}}"#;
        let end = r#"{"is":"logs-page","id":7,"page":1,"state":"end"}"#;
        let done = r#"{"is":"logs-done","id":7}"#;
        let scope = Scope::Type1;
        let state = State::More("AA==".into());
        for (text, message) in [
            (
                ask,
                PageMessage::Ask {
                    id: 7,
                    scope,
                    page: 0,
                },
            ),
            (
                page,
                PageMessage::Page {
                    id: 7,
                    page: 0,
                    state,
                },
            ),
            (
                end,
                PageMessage::Page {
                    id: 7,
                    page: 1,
                    state: State::End,
                },
            ),
            (done, PageMessage::Done { id: 7 }),
        ] {
            assert_eq!(message.line(), format!("{text}\n").as_bytes());
            assert_eq!(serde_json::from_str::<PageMessage>(text).unwrap(), message);
            assert!(is_one(text.as_bytes()));
            // What an earlier release makes of it.
            assert_eq!(
                serde_json::from_str::<PeerMessage>(text).unwrap(),
                PeerMessage::Unknown
            );
        }
    }
}
