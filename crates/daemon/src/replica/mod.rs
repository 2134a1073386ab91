//! Every server's alert log holds the whole cluster's alerts: what one missed it fetches (rule N7).
//!
//! What happens while servers see each other is told by `core` at once. A server that was away, or whose link
//! broke with something under way, asks each server that comes into reach which alerts stand in its log behind
//! the row up to which it knows that log, and then for those that it lacks. Both go page by page, each asked
//! for when the last is on disk here; one server at a time is fetched from, behind everything else on its link.
//! So a gap of any length costs a page of memory, and no notice waits for it.
//!
//! *Use.* By the driver: it says which links stand, hands over what other servers say of logs, and does what
//! comes out as [`Deed`]. *Failure.* A server that does not answer within [`ANSWER_WAIT`], [`ATTEMPTS_MAX`]
//! times, a store that cannot be read or written: the fetch ends, and begins again where it was at the next
//! link, or after [`FETCH_RETRY`] and more. Decisions need none of this: an alert that is to be told yet is repeated by
//! `core`, and what is fetched untold goes into the backlog on disk, of which `core` hears.

mod fetch;

use crate::inbox::Inbox;
use crate::store::{LogPlace, Reader};
use fetch::Fetch;
use noroshi_core::action::Item;
use noroshi_core::peer::PeerMessage;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

/// How long a page may take.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How often a page is asked for.
const ATTEMPTS_MAX: u32 = 3;
/// While a link stands nothing should be missing; what a full disk could not take is looked for again after this.
const FETCH_AGAIN: Duration = Duration::from_secs(600);
/// After a fetch that ended early; then twice as long each time, up to [`FETCH_AGAIN`].
const FETCH_RETRY: Duration = Duration::from_secs(10);
/// Questions of other servers that are dealt with or wait for it; one more is not answered and asked again.
const ANSWERS_MAX: usize = 32;
/// Deeds that wait for the driver; whoever has one waits.
pub(crate) const DEEDS_MAX: usize = 4;

/// What the driver does for this module.
pub(crate) enum Deed {
    /// Tell a server, by its name.
    Tell(String, PeerMessage),
    /// Put on disk what was fetched.
    Write(Vec<Item>, oneshot::Sender<bool>),
    /// Note up to where a server's log is known.
    Place(String, LogPlace),
}

/// Fetches for this server and answers others.
pub(crate) struct Replica {
    reader: Reader,
    inbox: Inbox,
    deeds: mpsc::Sender<Deed>,
    records_max: Arc<AtomicU32>,
    /// One server at a time is fetched from.
    turn: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    /// By name: servers whose link stands.
    peers: BTreeMap<String, Peer>,
}

struct Peer {
    /// In a box: a channel sets aside room for 32 of what it carries, for each server.
    answers: mpsc::Sender<Box<PeerMessage>>,
    task: JoinHandle<()>,
}

impl Replica {
    /// Of the store that `reader` reads, which keeps `records_max` alerts.
    pub(crate) fn new(
        reader: Reader,
        records_max: u32,
        inbox: Inbox,
        deeds: mpsc::Sender<Deed>,
    ) -> Replica {
        Replica {
            reader,
            inbox,
            deeds,
            records_max: Arc::new(AtomicU32::new(records_max)),
            turn: Arc::new(Semaphore::new(1)),
            answers: Arc::new(Semaphore::new(ANSWERS_MAX)),
            peers: BTreeMap::new(),
        }
    }

    /// The store keeps another number of alerts from now on.
    pub(crate) fn keep(&self, records_max: u32) {
        self.records_max.store(records_max, Ordering::Relaxed);
    }

    /// The link to a server stands: what is missing here and stands there is fetched.
    pub(crate) fn linked(&mut self, server: &str) {
        let (answers, coming) = mpsc::channel(1);
        let fetch = Fetch {
            server: server.to_string(),
            reader: self.reader.clone(),
            inbox: self.inbox.clone(),
            deeds: self.deeds.clone(),
            records_max: Arc::clone(&self.records_max),
            coming,
            number: 0,
        };
        let task = tokio::spawn(fetch.again_and_again(Arc::clone(&self.turn)));
        let peer = Peer { answers, task };
        if let Some(former) = self.peers.insert(server.to_string(), peer) {
            former.task.abort();
        }
    }

    /// The link to a server is gone.
    pub(crate) fn unlinked(&mut self, server: &str) {
        if let Some(peer) = self.peers.remove(server) {
            peer.task.abort();
        }
    }

    /// What another server says of logs; anything else is handed back.
    pub(crate) fn heard(&self, from: &str, message: PeerMessage) -> Option<PeerMessage> {
        match message {
            PeerMessage::LogAsk { .. } | PeerMessage::LogWant { .. } => self.answer(from, message),
            PeerMessage::LogNames { .. } | PeerMessage::LogAlerts { .. } => {
                if let Some(peer) = self.peers.get(from) {
                    // One is asked for at a time: a second one is an echo of an earlier question.
                    let _ = peer.answers.try_send(Box::new(message));
                }
            }
            other => return Some(other),
        }
        None
    }

    fn answer(&self, to: &str, question: PeerMessage) {
        let Ok(place) = Arc::clone(&self.answers).try_acquire_owned() else {
            return;
        };
        let (reader, deeds) = (self.reader.clone(), self.deeds.clone());
        let to = to.to_string();
        tokio::spawn(async move {
            let _place = place;
            // A log that cannot be read or written is not answered for.
            if let Some(answer) = answer(&reader, &deeds, question).await {
                let _ = deeds.send(Deed::Tell(to, answer)).await;
            }
        });
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.peers.values().for_each(|peer| peer.task.abort());
    }
}

async fn answer(
    reader: &Reader,
    deeds: &mpsc::Sender<Deed>,
    question: PeerMessage,
) -> Option<PeerMessage> {
    match question {
        PeerMessage::LogAsk { number, log, after } => {
            // What was accepted before this link stood was told to nobody over it, and may be on its way to
            // the disk: a batch of nothing is written behind it.
            let (done, written) = oneshot::channel();
            deeds.send(Deed::Write(Vec::new(), done)).await.ok()?;
            written.await.ok().filter(|written| *written)?;
            let place = LogPlace { log, row: after };
            let names = reader.log_names(place).await.ok()?;
            Some(PeerMessage::LogNames {
                number,
                log: names.log,
                alerts: names.alerts,
                next: names.next,
                more: names.more,
            })
        }
        PeerMessage::LogWant { number, alerts } => {
            let (dealt, alerts) = reader.log_alerts(alerts).await.ok()?;
            Some(PeerMessage::LogAlerts {
                number,
                dealt,
                alerts,
            })
        }
        _ => None,
    }
}
