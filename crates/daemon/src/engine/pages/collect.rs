//! The end that asks for pages.

use super::{COLLECTIONS_MAX, PAGE_BYTES_MAX, PAGE_WAIT, PageMessage, SILENCE_MAX, State, Waiting};
use crate::clock;
use crate::collect::Scope;
use crate::engine::Wires;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use noroshi_core::text::Language;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Collects archives from the other servers.
#[derive(Clone)]
pub struct Collector(pub(in crate::engine) Arc<Wires>);

impl Collector {
    /// Asks `server` for its archive. Its bytes come in order, an empty piece when it takes a while;
    /// the end of the channel is the archive's. An error, in words, is the last that comes. Dropping
    /// the receiver ends the collection at both ends.
    pub fn collect(&self, server: String, scope: Scope) -> mpsc::Receiver<Result<Vec<u8>, String>> {
        let (pages, handed) = mpsc::channel(1);
        let wires = Arc::clone(&self.0);
        tokio::spawn(async move {
            if let Err(why) = collect(&wires, &server, scope, &pages).await {
                // Nobody there any more: nobody to be told.
                let _ = pages.send(Err(why)).await;
            }
        });
        handed
    }
}

/// One collection; forgotten, here and there, when it is dropped.
struct Collection<'a> {
    wires: &'a Wires,
    server: &'a str,
    id: u64,
}

impl Drop for Collection<'_> {
    fn drop(&mut self) {
        self.wires.pages.collections().remove(&self.id);
        self.say(&PageMessage::Done { id: self.id });
    }
}

impl Collection<'_> {
    /// False when no link stands.
    fn say(&self, message: &PageMessage) -> bool {
        self.wires.links().page(self.server, message.line())
    }
}

async fn collect(
    wires: &Wires,
    server: &str,
    scope: Scope,
    to: &mpsc::Sender<Result<Vec<u8>, String>>,
) -> Result<(), String> {
    let (pages, mut heard) = mpsc::channel(2);
    let collection = begin(wires, server, pages)?;
    let (mut page, mut unlinked) = (0, false);
    let mut last_heard = clock::instant();
    loop {
        let ask = PageMessage::Ask {
            id: collection.id,
            scope,
            page,
        };
        let language = wires.plan().language;
        let no_link = !collection.say(&ask);
        // A link that breaks may be back at once.
        if no_link && (page == 0 || unlinked) {
            return Err(words(
                language,
                "no link to it",
                "サーバと接続されていません",
            ));
        }
        unlinked = no_link;
        let state = match timeout(PAGE_WAIT, answer(&mut heard, page)).await {
            Ok(state) => state,
            Err(_) if clock::instant() - last_heard < SILENCE_MAX => continue,
            Err(_) => {
                return Err(words(language, "no answer from it", "応答がありません"));
            }
        };
        last_heard = clock::instant();
        let piece = match state {
            State::More(text) => {
                page += 1;
                BASE64_STANDARD
                    .decode(text)
                    .ok()
                    .filter(|bytes| bytes.len() <= PAGE_BYTES_MAX)
                    .ok_or_else(|| {
                        words(
                            language,
                            "what it sent is no page",
                            "応答が正しくありません",
                        )
                    })?
            }
            State::Wait => Vec::new(),
            State::End => return Ok(()),
            State::Failed(why) => return Err(crate::log::escaped(&why)),
        };
        if to.send(Ok(piece)).await.is_err() {
            return Ok(());
        }
        // Whoever takes the pages may take its time; that is no silence of the server.
        last_heard = last_heard.max(clock::instant());
    }
}

fn begin<'a>(
    wires: &'a Wires,
    server: &'a str,
    pages: mpsc::Sender<(u64, State)>,
) -> Result<Collection<'a>, String> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut collections = wires.pages.collections();
    if collections.len() >= COLLECTIONS_MAX {
        let language = wires.plan().language;
        return Err(words(
            language,
            "too many collections are under way",
            "採取が多すぎます",
        ));
    }
    // Another run of this daemon had other numbers.
    let run: [u8; 8] = std::array::from_fn(|at| wires.session.0[at]);
    let id = u64::from_le_bytes(run).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    let waiting = Waiting {
        server: server.to_owned(),
        pages,
    };
    collections.insert(id, waiting);
    Ok(Collection { wires, server, id })
}

/// The answer to a question for `page`; late copies of earlier ones are passed over.
async fn answer(heard: &mut mpsc::Receiver<(u64, State)>, page: u64) -> State {
    loop {
        match heard.recv().await {
            Some((number, state)) if number == page => return state,
            Some(_) => {}
            // The sender lives as long as the collection.
            None => std::future::pending().await,
        }
    }
}

fn words(language: Language, en: &str, ja: &str) -> String {
    language.pick(en, ja).to_owned()
}
