//! Sets between servers: asked for piece by piece, so that none holds up a link.
//!
//! Whoever wants a set asks for one piece after the other; the next one is asked for when the last has
//! come. So at most [`PIECE_BYTES`] of a set wait before what else a link carries.
//!
//! *Use.* By the driver: it hands over what the node asks for and what other servers say of pieces, and
//! sends what comes out of [`Said`]. *Failure.* A piece that does not come within [`PIECE_WAIT`] is asked for
//! again, [`ATTEMPTS_MAX`] times in all; then the set is told as not fetched.

use super::{PIECE_BYTES, Sets};
use crate::inbox::Inbox;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use noroshi_conf::bundle::{self, BUNDLE_BYTES_MAX, NAME_BYTES_MAX};
use noroshi_conf::set::PARTS_MAX;
use noroshi_core::config::ServerId;
use noroshi_core::event::Event;
use noroshi_core::peer::PeerMessage;
use noroshi_core::set::{SetLabel, SetTrouble};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a piece may take.
const PIECE_WAIT: Duration = Duration::from_secs(2);
/// How often a piece is asked for.
const ATTEMPTS_MAX: u32 = 4;
/// Pieces that are being read for others at a time; one more is not answered and asked for again.
const READS_MAX: usize = 32;
/// Longest packed set: its files and their names.
pub(crate) const PACKED_BYTES_MAX: usize =
    BUNDLE_BYTES_MAX + (PARTS_MAX + 2) * (NAME_BYTES_MAX + 32);

/// What is to be told to a server.
pub(crate) type Said = (ServerId, PeerMessage);

/// A piece that came.
struct Piece {
    offset: u64,
    total: u64,
    data: String,
}

/// Carries sets for the driver.
pub(crate) struct Carrier {
    sets: Sets,
    inbox: Inbox,
    say: mpsc::Sender<Said>,
    reads: Arc<Semaphore>,
    fetching: Option<Fetching>,
    /// The last word on former ways: a slow disk must not have another one.
    ways: Arc<AtomicU64>,
}

struct Fetching {
    label: SetLabel,
    from: ServerId,
    pieces: mpsc::Sender<Piece>,
    task: JoinHandle<()>,
}

impl Carrier {
    /// With the way to the driver and the one to other servers.
    pub(crate) fn new(sets: Sets, inbox: Inbox, say: mpsc::Sender<Said>) -> Carrier {
        Carrier {
            sets,
            inbox,
            say,
            reads: Arc::new(Semaphore::new(READS_MAX)),
            fetching: None,
            ways: Arc::default(),
        }
    }

    /// Has a set on disk; answered by `Event::Staged`. One that is being fetched already and is another
    /// one is given up, and told as not fetched.
    pub(crate) fn fetch(&mut self, from: ServerId, label: SetLabel) {
        if let Some(former) = self.fetching.take() {
            let is_over = former.task.is_finished();
            former.task.abort();
            // Pushed again after a refusal, it bears the same number and digest: to tell of the former
            // would refuse this one.
            if !is_over && !former.label.is(&label) {
                let staged = Event::Staged {
                    label: former.label,
                    result: Err(SetTrouble::NotFetched),
                };
                let inbox = self.inbox.clone();
                tokio::spawn(async move { drop(inbox.send(staged).await) });
            }
        }
        let (pieces, coming) = mpsc::channel(1);
        let (sets, inbox, say) = (self.sets.clone(), self.inbox.clone(), self.say.clone());
        let wanted = label.clone();
        let task = tokio::spawn(async move {
            let result = had(&sets, from, &wanted.digest, &say, coming).await;
            let label = wanted;
            // The daemon has ended when this fails.
            let _ = inbox.send(Event::Staged { label, result }).await;
        });
        self.fetching = Some(Fetching {
            label,
            from,
            pieces,
            task,
        });
    }

    /// Puts a set in force; answered by `Event::Adopted`.
    pub(crate) fn adopt(&self, label: SetLabel) {
        let (sets, inbox) = (self.sets.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let wanted = label.clone();
            let adopted = tokio::task::spawn_blocking(move || sets.adopt(&wanted)).await;
            let config = match adopted {
                Ok(config) => config.map(Box::new),
                Err(error) => Err(error.to_string()),
            };
            let _ = inbox.send(Event::Adopted { label, config }).await;
        });
    }

    /// Looks for servers in the ways of former sets as well, or no more.
    pub(crate) fn former_ways(&self, wanted: bool) {
        let word = self.ways.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(reach) = self.sets.reach.clone() else {
            return;
        };
        if !wanted {
            return reach.former_ways(Vec::new());
        }
        let (sets, ways) = (self.sets.clone(), Arc::clone(&self.ways));
        tokio::spawn(async move {
            let read = tokio::task::spawn_blocking(move || sets.former()).await;
            if let Ok(former) = read
                && ways.load(Ordering::Relaxed) == word
            {
                reach.former_ways(former);
            }
        });
    }

    /// What another server says of pieces; anything else is handed back.
    pub(crate) fn heard(&self, from: ServerId, message: PeerMessage) -> Option<PeerMessage> {
        match message {
            PeerMessage::SetWant { digest, offset } => self.read(from, digest, offset),
            PeerMessage::SetPiece {
                digest,
                offset,
                total,
                data,
            } => {
                let fetching = self.fetching.as_ref();
                let wanted = |it: &&Fetching| it.label.digest == digest && it.from == from;
                if let Some(fetching) = fetching.filter(wanted) {
                    let piece = Piece {
                        offset,
                        total,
                        data,
                    };
                    // One is asked for at a time: a second one is an echo of an earlier question.
                    let _ = fetching.pieces.try_send(piece);
                }
            }
            other => return Some(other),
        }
        None
    }

    fn read(&self, to: ServerId, digest: String, offset: u64) {
        let Ok(place) = Arc::clone(&self.reads).try_acquire_owned() else {
            return;
        };
        let (sets, say) = (self.sets.clone(), self.say.clone());
        tokio::spawn(async move {
            let _place = place;
            let wanted = digest.clone();
            let read = tokio::task::spawn_blocking(move || sets.piece(&wanted, offset)).await;
            let (total, bytes) = read.ok().flatten().unwrap_or_default();
            let piece = PeerMessage::SetPiece {
                digest,
                offset,
                total,
                data: STANDARD.encode(bytes),
            };
            let _ = say.send((to, piece)).await;
        });
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.ways.fetch_add(1, Ordering::Relaxed);
        if let Some(fetching) = &self.fetching {
            fetching.task.abort();
        }
    }
}

/// Has the set on disk, checked: from here, or piece by piece from another server.
async fn had(
    sets: &Sets,
    from: ServerId,
    digest: &str,
    say: &mpsc::Sender<Said>,
    pieces: mpsc::Receiver<Piece>,
) -> Result<(), SetTrouble> {
    let (here, wanted) = (sets.clone(), digest.to_string());
    let staged = tokio::task::spawn_blocking(move || here.staged(&wanted)).await;
    if let Ok(Some(result)) = staged {
        return result.map_err(SetTrouble::Refused);
    }
    let packed = received(from, digest, say, pieces)
        .await
        .ok_or(SetTrouble::NotFetched)?;
    if bundle::digest(&packed) != digest {
        return Err(SetTrouble::NotFetched);
    }
    let here = sets.clone();
    let staged = tokio::task::spawn_blocking(move || here.stage(&packed)).await;
    match staged {
        Ok(staged) => staged.map(drop).map_err(SetTrouble::Refused),
        Err(_) => Err(SetTrouble::NotFetched),
    }
}

async fn received(
    from: ServerId,
    digest: &str,
    say: &mpsc::Sender<Said>,
    mut pieces: mpsc::Receiver<Piece>,
) -> Option<Vec<u8>> {
    let mut packed: Vec<u8> = Vec::new();
    let mut attempts = 0;
    loop {
        let offset = packed.len() as u64;
        let want = PeerMessage::SetWant {
            digest: digest.to_string(),
            offset,
        };
        say.send((from, want)).await.ok()?;
        let next = async {
            loop {
                match pieces.recv().await {
                    Some(piece) if piece.offset == offset => return Some(piece),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        let piece = match timeout(PIECE_WAIT, next).await {
            Ok(piece) => piece?,
            Err(_) if attempts + 1 < ATTEMPTS_MAX => {
                attempts += 1;
                continue;
            }
            Err(_) => return None,
        };
        attempts = 0;
        let bytes = STANDARD.decode(piece.data).ok()?;
        let fits = piece.total as usize <= PACKED_BYTES_MAX && bytes.len() <= PIECE_BYTES;
        if bytes.is_empty() || !fits {
            return None;
        }
        packed.extend(bytes);
        if packed.len() as u64 >= piece.total {
            return (packed.len() as u64 == piece.total).then_some(packed);
        }
    }
}
