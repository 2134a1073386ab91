//! The mail channel: notices to mail addresses, over SMTP or the host's `sendmail` (rules M7 N10).
//!
//! [`MailChannel::start`] spawns one task that owns the queue; each attempt runs in a task of its
//! own, at most [`ATTEMPTS_MAX`] at a time and one per recipient, so that no recipient waits for
//! another and each gets its mails in order. Every notice handed to [`MailChannel::send`] is
//! answered by exactly one [`Event::Outcome`]; trying again is the caller's business.
//!
//! New settings replace the old ones whole; attempts under way end under the old.

mod auth;
mod certificate;
mod ending;
mod jis;
mod letter;
mod message;
mod post;
mod resolve;
mod sendmail;
mod smtp;
mod stagger;
mod talk;
mod test_mail;
mod tls;
mod wire;

pub(crate) use certificate::shown as certificate_in_words;
pub use ending::Ending;
pub use talk::{Conversation, FAULTS_MAX, Fault, STEPS_MAX, Step, TEXT_BYTES_MAX, What};
pub use test_mail::{NotTested, TEST_WAIT_MAX, TestMails};
pub(crate) use tls::try_ca_file;

use crate::channel::trouble;
use crate::engine::Gate;
use crate::inbox::Inbox;
use crate::log;
use jiff::tz::TimeZone;
use message::MailAddress;
use noroshi_core::config::{MailSettings, MailTransport};
use noroshi_core::event::Event;
use noroshi_core::notice::{NoticeKey, Outcome, Sending};
use noroshi_core::text::Language;
use post::Post;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{self, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

/// Most notices that wait in the channel; one more is answered with "try again later" at once.
pub const MAIL_QUEUE_MAX: usize = 1_024;
/// Most answers of "try again later" that wait for room in the inbox. Beyond it the answer is
/// dropped and counted: the notice is still on disk and is sent after the next start.
pub const MAIL_SPILL_MAX: usize = 4_096;
/// Most attempts at a time that go on well. One that lasts longer than [`SLOW_AFTER`] counts no more:
/// what hangs at one recipient must not delay another one's first try.
pub const ATTEMPTS_MAX: usize = 8;
/// Most attempts at a time with those that hang, and so most connections to one server. At the bound a
/// notice waits for one to end, at most the time-out of one answer.
pub const ATTEMPTS_SLOW_MAX: usize = 32;
/// How long after a connection was made ready in advance, or could not be, none is again.
const PREPARE_EVERY: Duration = Duration::from_secs(5);
/// How long an attempt goes on well.
const SLOW_AFTER: Duration = Duration::from_secs(2);

/// All that the mail channel must know.
#[derive(Clone, Debug)]
pub struct MailContext {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of this server.
    pub server: String,
    /// Who is told, and how.
    pub settings: MailSettings,
    /// Language of the mails.
    pub language: Language,
    /// Where the console is, for the mail's reader.
    pub console_hint: Option<String>,
    /// Where this server's logs stand, for the mail's reader.
    pub log_directory: String,
    /// The zone that times are given in; [`system_zone`] is the host's.
    pub zone: TimeZone,
}

impl MailContext {
    /// The general sender address, else one made of our host name.
    fn sender(&self) -> MailAddress {
        let own = || MailAddress::parse(&format!("noroshi@{}", host_name()));
        MailAddress::parse(&self.settings.sender)
            .or_else(own)
            .or_else(|| MailAddress::parse("noroshi@localhost"))
            .expect("`noroshi@localhost` is an address; a test parses it")
    }
}

/// The host's time zone; UTC where it has none.
pub fn system_zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// The running mail channel. Dropped, it takes no more and what is under way is called off.
#[derive(Debug)]
pub struct MailChannel {
    shared: Arc<Shared>,
    inbox: Inbox,
    worker: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug)]
struct State {
    /// Oldest first.
    waiting: VecDeque<Box<Sending>>,
    /// Answers of "try again later" that found the inbox full.
    spilled: VecDeque<NoticeKey>,
    office: Arc<Office>,
    gate: Gate,
    is_stopping: bool,
    /// A mail may follow within moments.
    is_expected: bool,
}

/// The settings in force with what belongs to them.
#[derive(Debug)]
struct Office {
    context: MailContext,
    post: Option<Post>,
}

impl MailChannel {
    /// Starts the channel on the current runtime; its answers go to `inbox`.
    pub fn start(context: MailContext, inbox: Inbox) -> MailChannel {
        MailChannel::start_behind(Gate::open(), context, inbox)
    }

    /// As [`start`](MailChannel::start), behind `gate`: a server that is cut off is silent. What is
    /// under way when the gate closes still passes.
    pub fn start_behind(gate: Gate, context: MailContext, inbox: Inbox) -> MailChannel {
        let state = State {
            waiting: VecDeque::new(),
            spilled: VecDeque::new(),
            office: Arc::new(Office::new(context, &gate)),
            gate,
            is_stopping: false,
            is_expected: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Notify::new(),
        });
        let worker = Worker {
            shared: shared.clone(),
            inbox: inbox.clone(),
            attempts: JoinSet::new(),
            under_way: HashMap::new(),
            preparing: JoinSet::new(),
            prepared_at: None,
        };
        MailChannel {
            shared,
            inbox,
            worker: task::spawn(worker.run()),
        }
    }

    /// The way to send test mails beside the queue, under the settings in force at the time.
    pub fn test_mails(&self) -> TestMails {
        TestMails::new(self.shared.clone())
    }

    /// Takes a notice to be sent. Never blocks: with the queue full the notice is answered with
    /// [`Outcome::Retry`] at once.
    pub fn send(&self, sending: Box<Sending>) {
        let mut state = self.shared.state();
        if state.waiting.len() < MAIL_QUEUE_MAX {
            state.waiting.push_back(sending);
        } else if let Err(error) = self.inbox.try_send(queue_full(sending.key))
            && let Event::Outcome(key, _) = error.into_inner()
        {
            match state.spilled.len() < MAIL_SPILL_MAX {
                true => state.spilled.push_back(key),
                false => log::line_of(
                    log::Part::Mail,
                    log::Level::Error,
                    trouble::no_room("mail", &key.alert.0, state.office.context.language),
                ),
            }
        }
        drop(state);
        self.shared.wake.notify_one();
    }

    /// A mail may be due within moments: a connection to the first SMTP server is made ready, unless one lies idle,
    /// and closed if nothing comes of it. At most every [`PREPARE_EVERY`]; what fails is told by the mail that needs it.
    pub fn prepare(&self) {
        self.shared.state().is_expected = true;
        self.shared.wake.notify_one();
    }

    /// Replaces the settings whole. Attempts under way end under the old ones; nothing is sent
    /// twice for it.
    pub fn reconfigure(&self, context: MailContext) {
        let mut state = self.shared.state();
        state.office = Arc::new(Office::new(context, &state.gate));
        drop(state);
        self.shared.wake.notify_one();
    }

    /// Ends the channel: nothing new is begun, attempts under way have `grace` to end and are
    /// answered if they do. What still waited is not answered; it stands on disk.
    pub async fn stop(mut self, grace: Duration) {
        self.shared.state().is_stopping = true;
        self.shared.wake.notify_one();
        let _ = timeout(grace, &mut self.worker).await;
    }
}

impl Drop for MailChannel {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Office {
    fn new(context: MailContext, gate: &Gate) -> Office {
        let post = match &context.settings.transport {
            MailTransport::Smtp { servers, timeout } => {
                let timeout = Duration::from_millis(timeout.as_ms());
                Some(Post::new(servers, timeout, gate))
            }
            MailTransport::Sendmail { .. } => None,
        };
        Office { context, post }
    }

    async fn send(&self, sending: &Sending) -> Outcome {
        let context = &self.context;
        let Some(recipient) = MailAddress::parse(&sending.key.recipient) else {
            let address = &sending.key.recipient;
            let cause = match context.language {
                Language::En => format!("{address:?} is not a mail address"),
                Language::Ja => format!("{address:?} はメールアドレスではありません"),
            };
            return Outcome::Refused {
                cause: trouble::printable(&cause),
            };
        };
        match (&context.settings.transport, &self.post) {
            (MailTransport::Sendmail { program }, _) => {
                let deaf = talk::Listener::default();
                sendmail::send(context, program, sending, &recipient, &deaf).await
            }
            (MailTransport::Smtp { .. }, Some(post)) => {
                post.send(context, sending, &recipient).await
            }
            (MailTransport::Smtp { .. }, None) => Outcome::Retry {
                cause: context
                    .language
                    .pick("no SMTP server", "SMTP サーバがありません")
                    .into(),
                maybe_taken: false,
            },
        }
    }
}

/// The task that owns the attempts.
struct Worker {
    shared: Arc<Shared>,
    inbox: Inbox,
    attempts: JoinSet<Outcome>,
    under_way: HashMap<task::Id, (NoticeKey, Instant)>,
    /// A connection that is made ready in advance.
    preparing: JoinSet<()>,
    prepared_at: Option<Instant>,
}

impl Worker {
    async fn run(mut self) {
        let mut close_at: Option<Instant> = None;
        loop {
            self.answer_spilled().await;
            self.begin_attempts();
            self.begin_preparing();
            let (office, is_stopping) = {
                let state = self.shared.state();
                (state.office.clone(), state.is_stopping)
            };
            if is_stopping && self.attempts.is_empty() {
                return;
            }
            tokio::select! {
                () = self.shared.wake.notified() => {}
                // One more may begin beside those that hang.
                () = until(self.next_slow()) => {}
                Some(ended) = self.attempts.join_next_with_id() => {
                    self.answer(ended).await;
                    close_at.get_or_insert(crate::clock::instant() + post::IDLE_MAX);
                }
                Some(_) = self.preparing.join_next() => {
                    close_at.get_or_insert(crate::clock::instant() + post::IDLE_MAX);
                }
                () = until(close_at) => {
                    close_at = match &office.post {
                        Some(post) => post.close_idle(crate::clock::instant()).await,
                        None => None,
                    };
                }
            }
        }
    }

    /// One more attempt may begin.
    fn has_room(&self) -> bool {
        let now = crate::clock::instant();
        let is_well = |(_, begun): &&(NoticeKey, Instant)| *begun + SLOW_AFTER > now;
        let well = self.under_way.values().filter(is_well).count();
        well < ATTEMPTS_MAX && self.attempts.len() < ATTEMPTS_SLOW_MAX
    }

    /// When the next attempt begins to hang, if notices wait for that.
    fn next_slow(&self) -> Option<Instant> {
        if self.shared.state().waiting.is_empty() || self.attempts.len() >= ATTEMPTS_SLOW_MAX {
            return None;
        }
        let now = crate::clock::instant();
        let slow = self
            .under_way
            .values()
            .map(|(_, begun)| *begun + SLOW_AFTER);
        slow.filter(|at| *at > now).min()
    }

    /// One at a time, beside all attempts.
    fn begin_preparing(&mut self) {
        let mut state = self.shared.state();
        if !std::mem::take(&mut state.is_expected) || state.is_stopping {
            return;
        }
        let now = crate::clock::instant();
        let lately = self
            .prepared_at
            .is_some_and(|at| now.duration_since(at) < PREPARE_EVERY);
        if lately || !self.preparing.is_empty() {
            return;
        }
        let office = state.office.clone();
        drop(state);
        self.prepared_at = Some(now);
        self.preparing.spawn(async move {
            if let Some(post) = &office.post {
                post.prepare().await;
            }
        });
    }

    /// Begins what may begin: the oldest notices whose recipients have none under way.
    fn begin_attempts(&mut self) {
        let shared = self.shared.clone();
        let mut state = shared.state();
        let mut at = 0;
        while self.has_room() && !state.is_stopping {
            let is_busy = |recipient: &str| {
                self.under_way
                    .values()
                    .any(|(key, _)| key.recipient == recipient)
            };
            let mut rest = state.waiting.iter().skip(at);
            let Some(found) = rest.position(|sending| !is_busy(&sending.key.recipient)) else {
                break;
            };
            at += found;
            // `position` found it, so it is there.
            let Some(sending) = state.waiting.remove(at) else {
                break;
            };
            let (key, office) = (sending.key.clone(), state.office.clone());
            let handle = self
                .attempts
                .spawn(async move { office.send(&sending).await });
            let begun = crate::clock::instant();
            self.under_way.insert(handle.id(), (key, begun));
        }
    }

    async fn answer(&mut self, ended: Result<(task::Id, Outcome), task::JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            // A panic is a bug, but not one that may cost a notice.
            Err(error) => {
                let outcome = Outcome::Retry {
                    cause: error.to_string(),
                    maybe_taken: true,
                };
                (error.id(), outcome)
            }
        };
        if let Some((key, _)) = self.under_way.remove(&id) {
            // The inbox closes only when the daemon ends.
            let _ = self.inbox.send(Event::Outcome(key, outcome)).await;
        }
    }

    async fn answer_spilled(&mut self) {
        loop {
            let Some(key) = self.shared.state().spilled.pop_front() else {
                return;
            };
            let _ = self.inbox.send(queue_full(key)).await;
        }
    }
}

fn queue_full(key: NoticeKey) -> Event {
    let cause = log::language().pick(
        format!("more than {MAIL_QUEUE_MAX} mails wait"),
        format!("{MAIL_QUEUE_MAX} 通を超えるメールが待っています"),
    );
    Event::Outcome(
        key,
        Outcome::Retry {
            cause,
            maybe_taken: false,
        },
    )
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The host's name as the system has it.
fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::alert::{Alert, AlertId, Destinations, MessageId, Severity};
    use noroshi_core::config::{MailCharset, MailForm};
    use noroshi_core::notice::Channel;
    use noroshi_core::time::WallTime;

    pub(super) fn context(language: Language) -> MailContext {
        MailContext {
            cluster: "clusterA".into(),
            server: "sv1".into(),
            settings: MailSettings {
                recipients: Vec::new(),
                subject: "clusterA".into(),
                transport: MailTransport::Sendmail {
                    program: "/usr/sbin/sendmail".into(),
                },
                charset: MailCharset::Utf8,
                sender: "noroshi@example.com".into(),
            },
            language,
            console_hint: None,
            log_directory: "/var/log/noroshi".into(),
            zone: TimeZone::posix("JST-9").unwrap(),
        }
    }

    pub(super) fn sending(form: MailForm) -> Sending {
        let id = AlertId("down-sv2-5".into());
        let alert = Alert {
            id: id.clone(),
            message: MessageId {
                module: "nm".into(),
                event: 2,
            },
            severity: Severity::Info,
            time: WallTime(1_795_284_245_678),
            server: "sv3".into(),
            about: Some("sv2".into()),
            text: "Server sv2 is down: all interconnects are silent. Check it.".into(),
            thread: None,
            destinations: Destinations::default(),
        };
        Sending {
            key: NoticeKey {
                alert: id,
                channel: Channel::Mail,
                recipient: "ops@example.com".into(),
            },
            alert: Arc::new(alert),
            form,
            possible_repeat: false,
            attempt: 1,
            unrecorded: false,
        }
    }

    /// Rule: N10
    #[test]
    fn a_sender_is_always_found() {
        assert!(MailAddress::parse("noroshi@localhost").is_some());
        let mut context = context(Language::En);
        context.settings.sender = "no address\r\n".into();
        assert!(context.sender().as_str().starts_with("noroshi@"));
    }

    /// Rule: N8 N10
    #[tokio::test]
    async fn an_overfull_queue_answers_every_notice() {
        let (inbox, mut events) = tokio::sync::mpsc::channel(4);
        let mut context = context(Language::En);
        context.settings.transport = MailTransport::Sendmail {
            program: "/nonexistent/sendmail".into(),
        };
        let channel = MailChannel::start(context, inbox);
        let count = MAIL_QUEUE_MAX + 100;
        for at in 0..count {
            let mut sending = sending(MailForm::Long);
            sending.key.alert = AlertId(format!("a{at}"));
            channel.send(Box::new(sending));
        }
        let mut answered = std::collections::HashSet::new();
        let mut full = 0;
        while answered.len() < count {
            let event = timeout(Duration::from_secs(20), events.recv())
                .await
                .unwrap()
                .unwrap();
            let Event::Outcome(key, Outcome::Retry { cause, .. }) = event else {
                panic!()
            };
            full += usize::from(cause.contains("mails wait"));
            assert!(answered.insert(key.alert), "answered twice");
        }
        assert_eq!(full, 100);
    }

    /// Eight recipients that hang leave room for a ninth, and 32 are the bound.
    ///
    /// Rule: M1 N10
    #[tokio::test]
    async fn attempts_that_hang_leave_room_for_other_recipients() {
        let (inbox, _events) = tokio::sync::mpsc::channel(1);
        let state = State {
            waiting: VecDeque::new(),
            spilled: VecDeque::new(),
            office: Arc::new(Office::new(context(Language::En), &Gate::open())),
            gate: Gate::open(),
            is_stopping: false,
            is_expected: false,
        };
        let shared = Shared {
            state: Mutex::new(state),
            wake: Notify::new(),
        };
        let mut worker = Worker {
            shared: Arc::new(shared),
            inbox,
            attempts: JoinSet::new(),
            under_way: HashMap::new(),
            preparing: JoinSet::new(),
            prepared_at: None,
        };
        let now = crate::clock::instant();
        let begin = |worker: &mut Worker, at: Instant| {
            let attempt = worker.attempts.spawn(std::future::pending());
            let key = sending(MailForm::Long).key;
            worker.under_way.insert(attempt.id(), (key, at));
        };
        for _ in 0..ATTEMPTS_MAX {
            begin(&mut worker, now);
        }
        assert!(!worker.has_room());
        for (_, begun) in worker.under_way.values_mut() {
            *begun = now - SLOW_AFTER;
        }
        assert!(worker.has_room(), "they hang");
        while worker.attempts.len() < ATTEMPTS_SLOW_MAX {
            begin(&mut worker, now - SLOW_AFTER);
        }
        assert!(!worker.has_room());
    }
}
