//! The logs of one server on their way to a browser: an archive as `clplogcc` makes it, never whole in
//! memory.
//!
//! This server's own comes from a child, as the daemon has it made for other servers; theirs through the
//! command socket. At most [`COLLECTIONS_MAX`] at once. A browser that takes nothing for
//! [`TAKE_WAIT`] is given up, a collection that breaks off breaks the download off.

use axum::body::Bytes;
use noroshi_daemon::collect::{self, Scope};
use noroshi_daemon::control::Client;
use noroshi_daemon::home::Home;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Archives on their way at once; one more is told to come later.
const COLLECTIONS_MAX: usize = 2;
/// Pieces that wait for a browser.
const PIECES_MAX: usize = 4;
/// Bytes of a piece of the own archive.
const PIECE_BYTES: usize = 32 * 1024;
/// How long a browser may take nothing.
pub(super) const TAKE_WAIT: Duration = Duration::from_secs(60);

/// Of an archive; an error, in words, is the last one.
pub(super) type Piece = Result<Bytes, String>;

/// The places for collections.
pub(super) struct Logs(Arc<Semaphore>);

impl Default for Logs {
    fn default() -> Logs {
        Logs(Arc::new(Semaphore::new(COLLECTIONS_MAX)))
    }
}

impl Logs {
    /// Begins to collect this server's own logs; `None` when all places are taken.
    pub(super) fn own(&self, home: &Home, server: &str, scope: Scope) -> Option<Receiver<Piece>> {
        let place = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(collect_own(home, server, scope, Some(place)))
    }

    /// Begins to collect another server's; `None` when all places are taken.
    pub(super) fn of(
        &self,
        socket: PathBuf,
        server: String,
        scope: Scope,
    ) -> Option<Receiver<Piece>> {
        let place = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(collect_of(socket, server, scope, Some(place)))
    }
}

/// Begins to collect this server's own logs, holding `place`. Dropping the receiver ends it.
pub(super) fn collect_own(
    home: &Home,
    server: &str,
    scope: Scope,
    place: Option<OwnedSemaphorePermit>,
) -> Receiver<Piece> {
    let (pieces, handed) = mpsc::channel(PIECES_MAX);
    let command = collect::command(home, server, scope);
    tokio::spawn(async move {
        if let Err(error) = from_child(command, &pieces).await {
            let _ = pieces.send(Err(error.to_string())).await;
        }
        drop(place);
    });
    handed
}

/// Begins to collect another server's, as [`collect_own`].
pub(super) fn collect_of(
    socket: PathBuf,
    server: String,
    scope: Scope,
    place: Option<OwnedSemaphorePermit>,
) -> Receiver<Piece> {
    let (pieces, handed) = mpsc::channel(PIECES_MAX);
    let handle = Handle::current();
    spawn_blocking(move || {
        from_daemon(&socket, &server, scope, &pieces, &handle);
        drop(place);
    });
    handed
}

async fn from_child(mut command: Command, pieces: &Sender<Piece>) -> io::Result<()> {
    // Starting a program can hang on a dead disk, so a thread does that.
    let spawned = spawn_blocking(move || command.spawn()).await;
    let mut child = spawned.unwrap_or_else(|error| Err(io::Error::other(error)))?;
    let output = child.stdout.take();
    let mut output = output.ok_or_else(|| io::Error::other("a child without output"))?;
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        if output.read_buf(&mut piece).await? == 0 {
            break;
        }
        let taken = timeout(TAKE_WAIT, pieces.send(Ok(piece.into()))).await;
        if !matches!(taken, Ok(Ok(()))) {
            // Dropped, the child is killed.
            return Ok(());
        }
    }
    let status = child.wait().await?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("clplogcc: {status}"))),
    }
}

fn from_daemon(
    socket: &std::path::Path,
    server: &str,
    scope: Scope,
    pieces: &Sender<Piece>,
    handle: &Handle,
) {
    let hand = |piece: Piece| {
        let taken = handle.block_on(timeout(TAKE_WAIT, pieces.send(piece)));
        match taken {
            Ok(Ok(())) => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    };
    let collected = Client::connect(socket).and_then(|mut client| {
        client.logs(server, scope, |bytes| match bytes {
            // It takes a while; whether anybody still waits is seen with the next one.
            [] if pieces.is_closed() => ControlFlow::Break(()),
            [] => ControlFlow::Continue(()),
            bytes => hand(Ok(Bytes::copy_from_slice(bytes))),
        })
    });
    if let Err(trouble) = collected {
        let _ = hand(Err(trouble.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// Rule: M30 N21
    #[tokio::test]
    async fn one_archive_too_many_is_not_begun() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        // A daemon that says nothing.
        let daemon = UnixListener::bind(&socket).unwrap();
        let logs = Logs::default();
        let begin = || logs.of(socket.clone(), "sv2".into(), Scope::Type3);
        let under_way: Vec<_> = (0..COLLECTIONS_MAX).map(|_| begin()).collect();
        assert!(under_way.iter().all(Option::is_some));
        assert!(begin().is_none());
        drop(daemon);
        for mut pieces in under_way.into_iter().flatten() {
            assert!(pieces.recv().await.unwrap().is_err());
            assert!(pieces.recv().await.is_none());
        }
    }
}
