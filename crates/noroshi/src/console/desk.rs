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
/// Of them tests of lamps, each of which takes a minute where lamps do not answer: pages need places meanwhile.
const LAMP_TESTS_MAX: usize = 4;
/// Lines of the audit trail that wait for a place; one more is lost.
const AUDITS_MAX: usize = 64;
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
    lamp_tests: Arc<Semaphore>,
    audits: Arc<Semaphore>,
}

impl Desk {
    pub(super) fn new(socket: PathBuf) -> Desk {
        Desk {
            socket: Arc::new(socket),
            places: Arc::new(Semaphore::new(CALLS_MAX)),
            lamp_tests: Arc::new(Semaphore::new(LAMP_TESTS_MAX)),
            audits: Arc::new(Semaphore::new(AUDITS_MAX)),
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
        let lamp_test = match request {
            Request::LampTest { .. } => Arc::clone(&self.lamp_tests).acquire_owned().await.ok(),
            _ => None,
        };
        let changed = self.call(move |client| {
            // Not free again before the call is over, whoever waits for it.
            let _lamp_test = lamp_test;
            client.change_for(request, by)
        });
        changed.await
    }

    /// Has something written into the audit trail that the daemon does not do itself. A daemon that does
    /// not answer writes nothing; what `visitor` did stands all the same. Whether `visitor` stays for the answer
    /// changes nothing.
    pub(super) async fn audit(&self, visitor: &Visitor, what: &str, result: &'static str) {
        let Ok(waiting) = Arc::clone(&self.audits).try_acquire_owned() else {
            return;
        };
        let (by, what, desk) = (visitor.by(), what.to_string(), self.clone());
        let told = tokio::spawn(async move {
            let told = desk.call(move |client| client.audit(&by, &what, result));
            drop((told.await, waiting));
        });
        // Nobody waits long to sign in because the daemon hangs.
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

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::text::Language;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{IpAddr, Ipv4Addr};
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc;

    /// Longer than any call takes, whatever else this machine does.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A desk before a daemon that answers each call with its end; what it was asked.
    fn desk() -> (tempfile::TempDir, Desk, mpsc::Receiver<String>) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let (say, asked) = mpsc::sync_channel(8);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (mut to, mut line) = (stream.try_clone().unwrap(), String::new());
                BufReader::new(stream).read_line(&mut line).unwrap();
                let _ = writeln!(to, r#"{{"is":"end"}}"#);
                say.send(line).unwrap();
            }
        });
        (dir, Desk::new(socket), asked)
    }

    fn visitor() -> Visitor {
        Visitor {
            language: Language::En,
            user: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            path: "/".into(),
            tls: false,
            by_token: false,
        }
    }

    /// Rule: N21
    #[tokio::test]
    async fn whoever_goes_away_is_in_the_audit_trail_all_the_same() {
        let (_dir, desk, asked) = desk();
        let all = CALLS_MAX as u32;
        let busy = Arc::clone(&desk.places).acquire_many_owned(all).await;
        let visitor = visitor();
        let told = timeout(Duration::ZERO, desk.audit(&visitor, "sign-in", "refused"));
        assert!(told.await.is_err(), "every place is taken");
        drop(busy);
        let line = spawn_blocking(move || asked.recv_timeout(PATIENCE)).await;
        let line = line.unwrap().expect("it is told when there is a place");
        assert!(
            line.contains("sign-in") && line.contains("refused"),
            "{line}"
        );
    }

    /// Rule: N21
    #[tokio::test]
    async fn tests_of_lamps_leave_places_for_pages() {
        let (_dir, desk, asked) = desk();
        let all = LAMP_TESTS_MAX as u32;
        let _busy = Arc::clone(&desk.lamp_tests).acquire_many_owned(all).await;
        let visitor = visitor();
        let request = Request::LampTest {
            server: "sv1".into(),
        };
        let test = timeout(Duration::ZERO, desk.change(&visitor, request));
        assert!(test.await.is_err() && asked.try_recv().is_err(), "it waits");
        assert_eq!(desk.places.available_permits(), CALLS_MAX);
        let _ = desk.change(&visitor, Request::MailTest).await;
        assert!(asked.recv_timeout(PATIENCE).unwrap().contains("mail-test"));
    }
}
