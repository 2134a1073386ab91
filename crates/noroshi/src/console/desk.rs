//! Calls to the daemon, from where nobody may wait.
//!
//! The commands' [`Client`] blocks; each call here has a thread for its time. At most [`CALLS_MAX`] are
//! under way, so that the daemon has places left for commands; one more waits its turn.

use super::visitor::Visitor;
use noroshi_core::alert::AlertId;
use noroshi_core::request::{Reply, Request};
use noroshi_core::status::Status;
use noroshi_daemon::control::{
    AlertFigures, AlertFilter, AlertLine, AlertsPage, Client, FiguresQuery, Trouble,
};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Calls at once.
const CALLS_MAX: usize = 8;

/// How long a visitor waits for a line of the audit trail.
const AUDIT_WAIT: Duration = Duration::from_secs(1);
/// Which alerts are on a page.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// How many at most.
    pub(super) limit: u32,
    /// Those that fit.
    pub(super) only: AlertFilter,
    /// Before this row, newest first.
    pub(super) before: Option<u64>,
    /// After this row, oldest first.
    pub(super) after: Option<u64>,
}

impl Page {
    /// The alert with this name alone.
    pub(super) fn of(id: &str) -> Page {
        Page {
            limit: 1,
            only: AlertFilter {
                id: Some(AlertId(id.into())),
                ..AlertFilter::default()
            },
            ..Page::default()
        }
    }
}

/// The way to the daemon.
#[derive(Clone)]
pub(super) struct Desk {
    socket: Arc<PathBuf>,
    places: Arc<Semaphore>,
}

impl Desk {
    pub(super) fn new(socket: PathBuf) -> Desk {
        Desk {
            socket: Arc::new(socket),
            places: Arc::new(Semaphore::new(CALLS_MAX)),
        }
    }

    /// How things are.
    ///
    /// # Errors
    /// Any [`Trouble`].
    pub(super) async fn status(&self) -> Result<Status, Trouble> {
        self.call(|client| client.status()).await
    }

    /// Asks for a change on behalf of `visitor`, who stands in the audit trail.
    ///
    /// # Errors
    /// Any [`Trouble`]; whether the change was made is unknown where that one says so.
    pub(super) async fn change(
        &self,
        visitor: &Visitor,
        request: Request,
    ) -> Result<Reply, Trouble> {
        let by = Some(visitor.by());
        self.call(move |client| client.change_for(request, by))
            .await
    }

    /// Has something written into the audit trail that the daemon does not do itself. A daemon that does
    /// not answer writes nothing; what `visitor` did stands all the same.
    pub(super) async fn audit(&self, visitor: &Visitor, what: &str, result: &'static str) {
        let (by, what) = (visitor.by(), what.to_string());
        let told = self.call(move |client| client.audit(&by, &what, result));
        // Nobody waits long to sign in because the daemon hangs; a call that was begun goes on.
        let _ = timeout(AUDIT_WAIT, told).await;
    }

    /// Where the daemon listens.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// One page of the alerts that fit, in bounded work.
    ///
    /// # Errors
    /// Any [`Trouble`].
    pub(super) async fn alerts(&self, page: Page) -> Result<AlertsPage, Trouble> {
        self.call(move |client| client.page(page.limit, page.only, page.before, page.after))
            .await
    }

    /// What the pictures of the alert view show.
    ///
    /// # Errors
    /// Any [`Trouble`].
    pub(super) async fn figures(&self, query: FiguresQuery) -> Result<AlertFigures, Trouble> {
        self.call(move |client| client.figures(query)).await
    }

    /// Any call, on a connection of its own.
    ///
    /// # Errors
    /// What `call` answers; also when the daemon cannot be reached.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Client) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let closed = || Trouble::Io(io::ErrorKind::Interrupted.into());
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| closed())?;
        let socket = Arc::clone(&self.socket);
        let called = spawn_blocking(move || {
            let answer = Client::connect(&socket).and_then(|mut client| call(&mut client));
            drop(place);
            answer
        });
        called.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Follows the alerts after a row until `each` breaks off. Blocks: for a thread of its own.
    ///
    /// # Errors
    /// Any [`Trouble`], at the latest when the daemon ends.
    pub(super) fn follow(
        &self,
        after: u64,
        each: impl FnMut(AlertLine) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        Client::connect(&self.socket)?.follow_after(after, each)
    }
}
