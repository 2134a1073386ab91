//! Test mails beside the queue, each with its conversation (rules N10 N25).
//!
//! *Use.* [`TestMails::send`] to one recipient of the settings or to all. Each is sent by this server on a
//! connection of its own, at the SMTP servers of the settings and nowhere else, so a mail server that is
//! dead delays no real notice, and no connection that stood already hides what a new one would meet.
//!
//! *Bounds.* One test at a time, [`AT_ONCE_MAX`] recipients at once, [`TEST_WAIT_MAX`] for all of it. With
//! nobody waiting for the answers any more what is under way is called off. Until somebody asks for a test
//! this holds nothing.
//!
//! *Failure.* A recipient's is its conversation's; whatever comes of a test, nothing is tried again and no
//! mail server is passed over for it.

use super::ending::Ending;
use super::message::MailAddress;
use super::talk::{Conversation, Listener};
use super::{Office, Shared, sendmail};
use crate::clock;
use noroshi_core::alert::{Alert, AlertId, Destinations, Message, Severity, row};
use noroshi_core::config::{MailTransport, Recipient};
use noroshi_core::notice::{Channel, NoticeKey, Outcome, Sending};
use noroshi_core::text::Language;
use noroshi_core::time::WallTime;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Longest that a test of all recipients may take; who has not been told by then is told so.
pub const TEST_WAIT_MAX: Duration = Duration::from_secs(120);
/// Recipients at once.
const AT_ONCE_MAX: usize = 4;
/// Conversations that wait to be taken; then the next recipient waits.
const TALKS_MAX: usize = 4;

/// The way to send test mails.
#[derive(Clone, Debug)]
pub struct TestMails {
    shared: Arc<Shared>,
    one: Arc<Semaphore>,
}

/// Why no test mail is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTested {
    /// Another test is under way.
    Busy,
    /// The settings have no recipient.
    NoRecipient,
    /// They have not this one.
    Unknown,
}

impl TestMails {
    pub(super) fn new(shared: Arc<Shared>) -> TestMails {
        TestMails {
            shared,
            one: Arc::new(Semaphore::new(1)),
        }
    }

    /// Sends one to this recipient, or one to each; the conversations come as they end, and the channel
    /// closes after the last one.
    ///
    /// # Errors
    /// [`NotTested`]; nothing is sent then.
    pub fn send(&self, recipient: Option<&str>) -> Result<mpsc::Receiver<Conversation>, NotTested> {
        let office = self.shared.state().office.clone();
        let all = &office.context.settings.recipients;
        let recipients: Vec<Recipient> = match recipient {
            None => all.clone(),
            Some(one) => all.iter().filter(|it| it.address == one).cloned().collect(),
        };
        if recipients.is_empty() {
            return Err(match all.is_empty() {
                true => NotTested::NoRecipient,
                false => NotTested::Unknown,
            });
        }
        let place = self.one.clone().try_acquire_owned();
        let place = place.map_err(|_| NotTested::Busy)?;
        let (say, talks) = mpsc::channel(TALKS_MAX);
        tokio::spawn(test(office, recipients, say, place));
        Ok(talks)
    }
}

impl NotTested {
    /// In words.
    pub fn text(self, language: Language) -> &'static str {
        match self {
            NotTested::Busy => language.pick(
                "a test mail is under way already; try again when it is through",
                "既にテストメールを送信中です。完了後に再試行してください",
            ),
            NotTested::NoRecipient => language.pick(
                "no mail address is set: /root/cluster/mail/address",
                "メールアドレスが設定されていません: /root/cluster/mail/address",
            ),
            NotTested::Unknown => language.pick(
                "this address is none of the settings' (/root/cluster/mail/address)",
                "このアドレスは設定 (/root/cluster/mail/address) にありません",
            ),
        }
    }
}

async fn test(
    office: Arc<Office>,
    recipients: Vec<Recipient>,
    say: mpsc::Sender<Conversation>,
    place: OwnedSemaphorePermit,
) {
    let until = clock::instant() + TEST_WAIT_MAX;
    let mut left = recipients.into_iter();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < AT_ONCE_MAX {
            let Some(recipient) = left.next() else {
                break;
            };
            under_way.spawn(one(office.clone(), recipient, until));
        }
        let talk = tokio::select! {
            ended = under_way.join_next() => match ended {
                Some(Ok(talk)) => talk,
                Some(Err(_)) => continue,
                None => break,
            },
            // Whoever asked is gone; dropped, the set calls off what is under way.
            () = say.closed() => break,
        };
        if say.send(talk).await.is_err() {
            break;
        }
    }
    drop(place);
}

async fn one(office: Arc<Office>, recipient: Recipient, until: Instant) -> Conversation {
    let listener = Listener::new();
    let sending = office.test_notice(&recipient);
    let address = &recipient.address;
    let sent = match MailAddress::parse(address) {
        None => {
            let text = office.context.language.pick(
                "no address that a mail can go to",
                "メールアドレスではありません",
            );
            listener.fault(address, Ending::BadAddress, text);
            None
        }
        Some(to) => {
            let sent = timeout_at(until, office.tested(&sending, &to, &listener)).await;
            sent.unwrap_or_else(|_| {
                let wait = TEST_WAIT_MAX.as_secs();
                let text = office.context.language.pick(
                    format!("not through after {wait} s"),
                    format!("{wait} 秒以内に終わりませんでした"),
                );
                listener.fault(address, Ending::TimeOver, &text);
                None
            })
        }
    };
    listener.conversation(address, &office.context.server, sent)
}

impl Office {
    async fn tested(
        &self,
        sending: &Sending,
        recipient: &MailAddress,
        listener: &Listener,
    ) -> Option<String> {
        let context = &self.context;
        match (&context.settings.transport, &self.post) {
            (MailTransport::Sendmail { program }, _) => {
                match sendmail::send(context, program, sending, recipient, listener).await {
                    Outcome::Delivered { reply } => Some(reply),
                    Outcome::Refused { cause } | Outcome::Retry { cause, .. } => {
                        listener.fault(program, Ending::Program, &cause);
                        None
                    }
                }
            }
            (MailTransport::Smtp { .. }, Some(post)) => {
                post.test(context, sending, recipient, listener).await
            }
            (MailTransport::Smtp { .. }, None) => None,
        }
    }

    /// The test's words, as those of an alert that stands nowhere.
    fn test_notice(&self, recipient: &Recipient) -> Box<Sending> {
        let (server, language) = (&self.context.server, self.context.language);
        let now = WallTime(clock::timestamp().as_millisecond());
        let alert = Alert {
            id: AlertId(format!("test-{server}-{}", now.0)),
            message: row(Message::Test).id(),
            severity: Severity::Info,
            time: now,
            server: server.clone(),
            about: None,
            text: row(Message::Test).text(language, &[server]),
            thread: None,
            destinations: Destinations::default(),
        };
        Box::new(Sending {
            key: NoticeKey {
                alert: alert.id.clone(),
                channel: Channel::Mail,
                recipient: recipient.address.clone(),
            },
            alert: Arc::new(alert),
            form: recipient.form,
            possible_repeat: false,
            attempt: 1,
            unrecorded: false,
        })
    }
}
