//! The syslog channel: notices to this host's syslog daemon over its local socket (rule M14).
//!
//! [`SyslogChannel::start`] spawns one task that owns queue and socket; [`SyslogChannel::send`]
//! never blocks. Every notice is answered by exactly one [`Event::Outcome`]. A daemon that is
//! absent, restarting or full means "try again later"; the local socket has no reply, so what the
//! kernel took counts as delivered.

mod line;
mod socket;

use crate::channel::{mail, trouble};
use crate::inbox::Inbox;
use crate::log;
use jiff::tz::TimeZone;
use noroshi_core::config::SyslogSettings;
use noroshi_core::event::Event;
use noroshi_core::notice::{NoticeKey, Outcome, Sending};
use noroshi_core::text::Language;
use socket::Socket;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{self, JoinHandle};
use tokio::time::timeout;

/// Most notices that wait in the channel; one more is answered with "try again later" at once.
pub const SYSLOG_QUEUE_MAX: usize = 1_024;
/// Most answers of "try again later" that wait for room in the inbox. Beyond it the answer is
/// dropped and said in the daemon's log: the notice is still on disk and is sent after the next
/// start.
pub const SYSLOG_SPILL_MAX: usize = 4_096;
/// Longest wait for a daemon that does not read its socket.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// The same after one such wait was in vain, until a line goes through: what is queued behind it
/// is answered at once and not after two seconds each.
const STUCK_WRITE_MAX: Duration = Duration::from_millis(1);

/// The running syslog channel. Dropped, it takes no more and ends once what is queued is answered,
/// as long as the runtime lives; [`SyslogChannel::stop`] waits for that.
#[derive(Debug)]
pub struct SyslogChannel {
    queue: Sender<Box<Sending>>,
    spill: Sender<NoticeKey>,
    inbox: Inbox,
    writer: Arc<Mutex<Writer>>,
    worker: JoinHandle<()>,
}

/// The settings in force.
#[derive(Clone, Debug)]
struct Writer {
    settings: SyslogSettings,
    server: String,
    zone: TimeZone,
}

impl SyslogChannel {
    /// Starts the channel on the current runtime; `server` is our own name, answers go to `inbox`.
    pub fn start(settings: SyslogSettings, server: String, inbox: Inbox) -> SyslogChannel {
        let (queue, notices) = mpsc::channel(SYSLOG_QUEUE_MAX);
        let (spill, spilled) = mpsc::channel(SYSLOG_SPILL_MAX);
        let writer = Writer {
            settings,
            server,
            zone: mail::system_zone(),
        };
        let writer = Arc::new(Mutex::new(writer));
        let worker = Worker {
            writer: writer.clone(),
            inbox: inbox.clone(),
            socket: None,
            is_stuck: false,
        };
        let worker = task::spawn(worker.run(notices, spilled));
        SyslogChannel {
            queue,
            spill,
            inbox,
            writer,
            worker,
        }
    }

    /// Takes a notice to be written. Never blocks: with the queue full the notice is answered with
    /// [`Outcome::Retry`] at once.
    pub fn send(&self, sending: Box<Sending>) {
        let Err(TrySendError::Full(sending) | TrySendError::Closed(sending)) =
            self.queue.try_send(sending)
        else {
            return;
        };
        if let Err(error) = self.inbox.try_send(queue_full(sending.key))
            && let Event::Outcome(key, _) = error.into_inner()
            && let Err(error) = self.spill.try_send(key)
        {
            let alert = error.into_inner().alert;
            let why = trouble::no_room("syslog", &alert.0, log::language());
            log::line_of(log::Part::Syslog, log::Level::Error, why);
        }
    }

    /// Replaces the settings; they hold from the next line on.
    pub fn reconfigure(&self, settings: SyslogSettings) {
        self.writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .settings = settings;
    }

    /// Ends the channel: what is queued has `grace` to be written and answered.
    pub async fn stop(self, grace: Duration) {
        let SyslogChannel {
            queue,
            spill,
            worker,
            ..
        } = self;
        drop((queue, spill));
        let _ = timeout(grace, worker).await;
    }
}

/// The task that owns the socket.
struct Worker {
    writer: Arc<Mutex<Writer>>,
    inbox: Inbox,
    socket: Option<Socket>,
    /// The daemon did not read in time.
    is_stuck: bool,
}

impl Worker {
    async fn run(mut self, mut notices: Receiver<Box<Sending>>, mut spilled: Receiver<NoticeKey>) {
        loop {
            let event = tokio::select! {
                // What only needs an answer does not wait behind what must be written.
                biased;
                Some(key) = spilled.recv() => queue_full(key),
                Some(sending) = notices.recv() => {
                    let outcome = self.write(&sending).await;
                    Event::Outcome(sending.key, outcome)
                }
                else => return,
            };
            // The inbox closes only when the daemon ends.
            let _ = self.inbox.send(event).await;
        }
    }

    async fn write(&mut self, sending: &Sending) -> Outcome {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let path = &writer.settings.socket;
        let line = line::write(
            &writer.settings,
            &writer.server,
            &sending.alert,
            &writer.zone,
        );
        let wait = if self.is_stuck {
            STUCK_WRITE_MAX
        } else {
            WRITE_MAX
        };
        let result = match timeout(wait, self.put(path, line.as_bytes())).await {
            Ok(result) => result,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "not read in time")),
        };
        self.is_stuck = matches!(&result, Err(error) if error.kind() == io::ErrorKind::TimedOut);
        match result {
            Ok(()) => Outcome::Delivered {
                reply: trouble::printable(path),
            },
            Err(error) => {
                // A stream that was left amid a line must not get the next one behind it.
                self.socket = None;
                let cause = cause(path, &error, sending.attempt, log::language());
                Outcome::Retry {
                    cause: trouble::printable(&cause),
                    maybe_taken: false,
                }
            }
        }
    }

    /// Writes over the open socket; a daemon that was restarted meanwhile has a new one.
    async fn put(&mut self, path: &str, line: &[u8]) -> io::Result<()> {
        if let Some(socket) = self.socket.as_mut().filter(|socket| socket.path() == path)
            && socket.write(line).await.is_ok()
        {
            return Ok(());
        }
        self.socket
            .insert(Socket::open(path).await?)
            .write(line)
            .await
    }
}

/// Why a line waits, for people.
fn cause(path: &str, error: &io::Error, attempt: u32, language: Language) -> String {
    let what = match error.kind() {
        io::ErrorKind::NotFound => language.pick(
            format!("{path} does not exist: no syslog daemon listens there"),
            format!("{path} がありません。syslog デーモンが待ち受けていません"),
        ),
        io::ErrorKind::TimedOut => language.pick(
            format!("{path}: the syslog daemon does not read"),
            format!("{path}: syslog デーモンが読み出しません"),
        ),
        _ => format!("{path}: {error}"),
    };
    language.pick(
        format!("{what}; attempt {attempt}"),
        format!("{what}。{attempt} 回目"),
    )
}

fn queue_full(key: NoticeKey) -> Event {
    let cause = log::language().pick(
        format!("more than {SYSLOG_QUEUE_MAX} lines wait for syslog"),
        format!("{SYSLOG_QUEUE_MAX} 行を超える syslog 出力が待っています"),
    );
    Event::Outcome(
        key,
        Outcome::Retry {
            cause,
            maybe_taken: false,
        },
    )
}
