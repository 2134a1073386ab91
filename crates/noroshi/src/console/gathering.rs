//! The logs of all servers, collected beside each other for one download (rules M30 M31).
//!
//! *Use.* One for the whole console: [`Gatherings::begin`], look at it with [`Gatherings::now`] or wait for what
//! changes, take [`Gathering::archives`] when it has ended. Each server's archive goes to a file of this service's directory
//! that has no name any more, so nothing stays of it however this process ends.
//!
//! *Bounds.* [`PARALLEL_MAX`] servers at a time, [`BYTES_MAX`] for all archives together, and never the last
//! [`FREE_BYTES_MIN`] of the disk, on which the alerts are as well. A server that gives nothing for [`SILENCE_MAX`] is given up. It is deleted [`KEEP`] after its end, when somebody says
//! so, and when the next one begins.
//!
//! *Failure.* A server whose archive cannot be had is named with the reason, and the others are kept.

use super::logs::{Piece, collect_of, collect_own};
use noroshi_core::config::SERVERS_MAX;
use noroshi_core::text::Language;
use noroshi_core::time::WallTime;
use noroshi_daemon::clock;
use noroshi_daemon::collect::Scope;
use noroshi_daemon::home::Home;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

/// Servers that are collected at a time; one more waits.
const PARALLEL_MAX: usize = 3;
/// Bytes of all archives together; what does not fit is told, and the server named.
const BYTES_MAX: u64 = 512 << 20;
/// Bytes that are left free on the disk.
const FREE_BYTES_MIN: u64 = 256 << 20;
/// How long a server may give nothing, as when a disk hangs there; each page that it sends counts.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// Between two looks at what is free.
const LOOK_EVERY_BYTES: u64 = 4 << 20;
/// How long it can be downloaded.
const KEEP: Duration = Duration::from_secs(30 * 60);
/// Downloads of it at a time; one more is told to come later.
const DOWNLOADS_MAX: usize = 2;

/// How far one server is.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Its turn comes.
    Waiting,
    /// So many bytes have come.
    Collecting(u64),
    /// All of it is here.
    Done(u64, Arc<File>),
    /// It cannot be had, for people.
    Failed(String),
}

/// One server.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) server: String,
    pub(super) state: State,
}

/// One collection, as it stands.
#[derive(Clone, Debug)]
pub(super) struct Gathering {
    id: u64,
    pub(super) cluster: String,
    pub(super) scope: Scope,
    /// When it was begun.
    pub(super) begun: WallTime,
    /// When the last server was through.
    pub(super) ended: Option<WallTime>,
    /// In server order.
    pub(super) shares: Vec<Share>,
}

impl Gathering {
    /// When it is deleted.
    pub(super) fn until(&self) -> Option<WallTime> {
        let keep = i64::try_from(KEEP.as_millis()).unwrap_or(i64::MAX);
        self.ended.map(|at| WallTime(at.0.saturating_add(keep)))
    }

    /// What is here: server, bytes, file.
    pub(super) fn archives(&self) -> impl Iterator<Item = (&str, u64, &Arc<File>)> {
        self.shares.iter().filter_map(|share| match &share.state {
            State::Done(bytes, file) => Some((&*share.server, *bytes, file)),
            _ => None,
        })
    }
}

/// What is to be collected.
pub(super) struct Order {
    pub(super) home: Home,
    pub(super) cluster: String,
    pub(super) scope: Scope,
    /// Name, and whether it is this server; at most [`SERVERS_MAX`].
    pub(super) servers: Vec<(String, bool)>,
    /// Of whoever asks: what cannot be had is told in it.
    pub(super) language: Language,
}

/// The collection of this console, if there is one.
pub(super) struct Gatherings {
    now: Mutex<Option<Gathering>>,
    /// Rises with each change of it.
    changes: watch::Sender<u64>,
    pub(super) downloads: Arc<Semaphore>,
    bounds: Bounds,
}

/// What a collection keeps within.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// [`BYTES_MAX`].
    pub(super) bytes_max: u64,
    /// [`FREE_BYTES_MIN`].
    pub(super) free_bytes_min: u64,
    /// [`SILENCE_MAX`].
    pub(super) silence_max: Duration,
}

impl Default for Gatherings {
    fn default() -> Gatherings {
        Gatherings {
            now: Mutex::default(),
            changes: watch::Sender::new(0),
            downloads: Arc::new(Semaphore::new(DOWNLOADS_MAX)),
            bounds: Bounds {
                bytes_max: BYTES_MAX,
                free_bytes_min: FREE_BYTES_MIN,
                silence_max: SILENCE_MAX,
            },
        }
    }
}

impl Gatherings {
    /// Begins to collect; false while another collection is under way. One that has ended is deleted.
    pub(super) fn begin(self: &Arc<Self>, order: Order) -> bool {
        let mut now = self.lock();
        if now.as_ref().is_some_and(|it| it.ended.is_none()) {
            return false;
        }
        let id = *self.changes.borrow();
        let share = |(server, _): &(String, bool)| Share {
            server: server.clone(),
            state: State::Waiting,
        };
        *now = Some(Gathering {
            id,
            cluster: order.cluster.clone(),
            scope: order.scope,
            begun: clock::wall(),
            ended: None,
            shares: order.servers.iter().take(SERVERS_MAX).map(share).collect(),
        });
        drop(now);
        self.tell();
        tokio::spawn(Arc::clone(self).run(id, order));
        true
    }

    /// How it stands; `None` when there is none.
    pub(super) fn now(&self) -> Option<Gathering> {
        self.lock().clone()
    }

    /// Tells when it changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Ends and deletes it.
    pub(super) fn delete(&self) {
        self.lock().take();
        self.tell();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Gathering>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn is_there(&self, id: u64) -> bool {
        self.lock().as_ref().is_some_and(|it| it.id == id)
    }

    /// Changes the collection `id`, if it is still there.
    fn change(&self, id: u64, change: impl FnOnce(&mut Gathering)) {
        if let Some(gathering) = self.lock().as_mut().filter(|it| it.id == id) {
            change(gathering);
        }
        self.tell();
    }

    fn set(&self, id: u64, at: usize, state: State) {
        self.change(id, |it| it.shares[at].state = state);
    }

    /// Bytes of all archives so far.
    fn bytes(&self) -> u64 {
        let now = self.lock();
        let shares = now.iter().flat_map(|it| &it.shares);
        let bytes = shares.map(|share| match share.state {
            State::Collecting(bytes) | State::Done(bytes, _) => bytes,
            State::Waiting | State::Failed(_) => 0,
        });
        bytes.sum()
    }

    async fn run(self: Arc<Self>, id: u64, order: Order) {
        let (order, places) = (Arc::new(order), Arc::new(Semaphore::new(PARALLEL_MAX)));
        let mut tasks = JoinSet::new();
        for at in 0..order.servers.len().min(SERVERS_MAX) {
            let (gatherings, order) = (Arc::clone(&self), Arc::clone(&order));
            let places = Arc::clone(&places);
            tasks.spawn(async move {
                let _place = places.acquire_owned().await;
                if !gatherings.is_there(id) {
                    return;
                }
                gatherings.set(id, at, State::Collecting(0));
                let mut changes = gatherings.changes();
                let gone = changes.wait_for(|_| !gatherings.is_there(id));
                let collected = tokio::select! {
                    collected = gatherings.collect(id, at, &order) => collected,
                    _ = gone => return,
                };
                let state = match collected {
                    Ok((bytes, file)) => State::Done(bytes, Arc::new(file)),
                    Err(why) => State::Failed(why),
                };
                gatherings.set(id, at, state);
            });
        }
        while tasks.join_next().await.is_some() {}
        if !self.is_there(id) {
            return;
        }
        self.change(id, |it| it.ended = Some(clock::wall()));
        tokio::time::sleep(KEEP).await;
        if self.is_there(id) {
            self.delete();
        }
    }

    /// Collects one server into a file.
    async fn collect(&self, id: u64, at: usize, order: &Order) -> Result<(u64, File), String> {
        let (server, own) = &order.servers[at];
        let mut pieces: Receiver<Piece> = match own {
            true => collect_own(&order.home, server, order.scope, None),
            false => collect_of(order.home.socket(), server.clone(), order.scope, None),
        };
        let dir = order.home.var();
        let (place, language) = (dir.clone(), order.language);
        let Bounds {
            bytes_max,
            free_bytes_min,
            silence_max,
        } = self.bounds;
        let mut file = aside(move || unnamed(&place, at)).await?;
        let (mut bytes, mut looked) = (0, None);
        loop {
            let Ok(next) = timeout(silence_max, pieces.recv()).await else {
                return Err(silent(language, silence_max));
            };
            let Some(piece) = next.transpose()? else {
                return Ok((bytes, file));
            };
            if self.bytes() + piece.len() as u64 > bytes_max {
                return Err(too_much(language, bytes_max));
            }
            let look = looked.is_none_or(|at| bytes >= at + LOOK_EVERY_BYTES);
            if look {
                looked = Some(bytes);
            }
            bytes += piece.len() as u64;
            let place = dir.clone();
            let written = aside(move || {
                if look && free(&place)? < free_bytes_min {
                    return Ok(None);
                }
                file.write_all(&piece)?;
                Ok(Some(file))
            });
            file = written
                .await?
                .ok_or_else(|| no_room(language, &dir, free_bytes_min))?;
            self.set(id, at, State::Collecting(bytes));
        }
    }
}

/// Does what waits for the disk.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    let done = spawn_blocking(work).await;
    let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|error| error.to_string())
}

/// A file of the owner's alone whose name is gone at once; of one that a crash left the name is taken again.
fn unnamed(dir: &Path, number: usize) -> io::Result<File> {
    let path: PathBuf = dir.join(format!("console.logs.{number}"));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

fn free(dir: &Path) -> io::Result<u64> {
    let of = rustix::fs::statvfs(dir)?;
    Ok(of.f_bavail.saturating_mul(of.f_frsize))
}

fn silent(language: Language, silence_max: Duration) -> String {
    let s = silence_max.as_secs();
    language.pick(
        format!("nothing came from it for {s} s"),
        format!("{s} 秒間データを受信できませんでした"),
    )
}

fn too_much(language: Language, bytes_max: u64) -> String {
    let mb = bytes_max >> 20;
    language.pick(
        format!("all archives together are larger than {mb} MB; download this server's alone, or run \"clplogcc -l\" on it"),
        format!("アーカイブの合計が {mb} MB を超えます。このサーバだけをダウンロードするか、サーバ上で clplogcc -l を実行してください"),
    )
}

fn no_room(language: Language, dir: &Path, free_bytes_min: u64) -> String {
    let (mb, dir) = (free_bytes_min >> 20, dir.display());
    language.pick(
        format!("{dir} has less than {mb} MB free; download this server's archive alone, or run \"clplogcc -o\" with another directory"),
        format!("{dir} の空きが {mb} MB 未満です。このサーバだけをダウンロードするか、clplogcc -o で別のディレクトリを指定してください"),
    )
}

#[cfg(test)]
impl Gatherings {
    pub(super) fn within(bounds: Bounds) -> Gatherings {
        Gatherings {
            bounds,
            ..Gatherings::default()
        }
    }
}
