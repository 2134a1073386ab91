//! What can be wrong with the simulated mail server.

use std::time::Duration;

/// A point in an SMTP session at which a fault may sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The greeting, before the client says anything.
    Greeting,
    /// `EHLO` and `HELO`.
    Hello,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`, before the mail.
    Data,
    /// The dot after the mail.
    Dot,
    /// `RSET`.
    Rset,
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
}

/// One fault of the mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its port is closed: connections are refused.
    Refuse,
    /// At this point it answers with this code, 400 to 599; after a refused greeting it closes.
    Answer {
        /// Where.
        at: Verb,
        /// The reply code.
        code: u16,
    },
    /// This recipient is refused with this code; others are taken.
    Recipient {
        /// The address, in any case.
        address: String,
        /// The reply code.
        code: u16,
    },
    /// At this point it says nothing more and keeps the connection. At the dot, the mail is kept:
    /// a client cannot know, and will send it again.
    Hang(Verb),
    /// It closes in the middle of the mail; the mail is lost.
    CloseInData,
    /// Each reply comes a byte at a time, with this pause between them.
    SlowDrip(Duration),
    /// At this point it answers continuation lines without end, until the client closes.
    EndlessReply(Verb),
}

/// What is wrong with the mail server just now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The faults; where two meet, the earlier counts.
    pub list: Vec<Fault>,
    /// How long it thinks before each reply.
    pub delay: Duration,
}

impl Faults {
    /// Nothing is wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// This fault alone.
    pub fn only(fault: Fault) -> Self {
        Self {
            list: vec![fault],
            delay: Duration::ZERO,
        }
    }

    pub(super) fn refuses(&self) -> bool {
        self.list.contains(&Fault::Refuse)
    }
}
