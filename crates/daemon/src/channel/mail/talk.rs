//! The conversation of a test mail: what was dialled, said and answered, with times.
//!
//! *Use.* A [`Listener`] goes with a connection. The one of every real mail is silent and holds nothing;
//! a test mail's writes down what it is told and hands a [`Conversation`] out at the end.
//!
//! *Secrets.* What is said during a sign-in is never handed to it; and whatever a server says is searched
//! for the password and all that was made of it, of which any eight characters in a row are hidden.
//!
//! *Bounds.* [`STEPS_MAX`] and [`TEXT_BYTES_MAX`] for each recipient; beyond them steps are left out, and
//! that is said. What a server says is one line without control characters.

use super::ending::Ending;
use crate::channel::trouble::{Trouble, printable};
use crate::clock;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use noroshi_core::config::SmtpAuth;
use noroshi_core::text::Language;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Most steps of one conversation.
pub const STEPS_MAX: usize = 200;
/// Most bytes of all its texts together.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Most faults of one conversation: one for each SMTP server.
pub const FAULTS_MAX: usize = 16;
/// So many characters in a row of a secret are hidden wherever they stand; shorter secrets whole.
const HIDDEN_CHARS: usize = 8;
/// What stands where a secret stood.
const HIDDEN: &str = "(hidden)";

/// What came of a test mail to one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// To whom.
    pub recipient: String,
    /// The server of the cluster that sent it.
    pub server: String,
    /// How long all of it took.
    pub took_ms: u64,
    /// The last reply, with the mail server that gave it; `None` when the mail was not taken.
    pub delivered: Option<String>,
    /// What went wrong, at each mail server that was tried.
    pub faults: Vec<Fault>,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// Steps were left out.
    #[serde(default)]
    pub cut: bool,
}

/// What went wrong at one mail server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The mail server, with port and address, or the program.
    pub at: String,
    /// Of which sort.
    pub ending: Ending,
    /// As it was said.
    pub text: String,
}

/// One step of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When, counted from the beginning.
    pub at_ms: u64,
    /// How long after the step before.
    pub took_ms: u64,
    /// Of which sort.
    pub what: What,
    /// What was said, or what it is about.
    pub text: String,
}

/// Sorts of steps. A release may add some; one that is not known is read as [`What::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// This mail server of the settings is tried.
    Server,
    /// Its name has these addresses.
    Resolved,
    /// A connection stands.
    Connected,
    /// A connection did not come about.
    NotConnected,
    /// The mail server showed this certificate.
    Certificate,
    /// The connection is encrypted, by this.
    Encrypted,
    /// This program is run.
    Program,
    /// It ended.
    Exit,
    /// We said it.
    Sent,
    /// The mail server, or the program, said it.
    Received,
    /// Something else.
    #[serde(other)]
    Other,
}

impl What {
    /// In a word or two.
    pub fn label(self, language: Language) -> &'static str {
        let (en, ja) = match self {
            What::Server => ("mail server", "メールサーバ"),
            What::Resolved => ("name resolved", "名前解決"),
            What::Connected => ("connected", "接続"),
            What::NotConnected => ("not connected", "接続失敗"),
            What::Certificate => ("certificate", "証明書"),
            What::Encrypted => ("encrypted", "暗号化"),
            What::Program => ("program", "プログラム"),
            What::Exit => ("ended", "終了"),
            What::Sent => ("we", "送信"),
            What::Received => ("server", "応答"),
            What::Other => ("more", "その他"),
        };
        language.pick(en, ja)
    }
}

/// The ear at a connection; without a record it is deaf, and costs nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Listener(Option<Arc<Mutex<Record>>>);

#[derive(Debug)]
struct Record {
    begun: Instant,
    last_ms: u64,
    bytes: usize,
    steps: Vec<Step>,
    cut: bool,
    /// In lower case.
    secrets: Vec<String>,
    hint: Option<Ending>,
    faults: Vec<Fault>,
}

impl Listener {
    /// One that listens, from now on.
    pub(super) fn new() -> Listener {
        Listener(Some(Arc::new(Mutex::new(Record {
            begun: clock::instant(),
            last_ms: 0,
            bytes: 0,
            steps: Vec::new(),
            cut: false,
            secrets: Vec::new(),
            hint: None,
            faults: Vec::new(),
        }))))
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Something happened.
    pub(super) fn note(&self, what: What, text: impl FnOnce() -> String) {
        if let Some(mut record) = self.record() {
            record.step(what, &text());
        }
    }

    /// We said a line that holds no secret.
    pub(super) fn sent(&self, text: impl FnOnce() -> String) {
        self.note(What::Sent, text);
    }

    /// A reply came; each of its lines is a step.
    pub(super) fn received(&self, code: u16, text: &str) {
        let Some(mut record) = self.record() else {
            return;
        };
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let mark = if lines.peek().is_some() { '-' } else { ' ' };
            record.step(What::Received, &format!("{code}{mark}{line}"));
        }
    }

    /// The program said this, in lines.
    pub(super) fn said(&self, text: &str) {
        if let Some(mut record) = self.record() {
            for line in text.lines() {
                record.step(What::Received, line);
            }
        }
    }

    /// What the next failure is, where only the place that it comes from can tell.
    pub(super) fn hint(&self, ending: impl FnOnce() -> Ending) {
        if let Some(mut record) = self.record() {
            record.hint = Some(ending());
        }
    }

    /// Never shows anything of this sign-in from now on.
    pub(super) fn hide(&self, auth: &SmtpAuth) {
        let Some(mut record) = self.record() else {
            return;
        };
        let (user, password) = (&auth.username, auth.password.reveal());
        let both = format!("\0{user}\0{password}");
        for plain in [password, user, &both] {
            record.hide(&BASE64_STANDARD.encode(plain));
        }
        record.hide(password);
        // As it stands in words that were made fit to be shown already.
        record.hide(&printable(password));
    }

    /// Never shows anything of a line that answered a question of a sign-in.
    pub(super) fn hide_answer(&self, line: &str) {
        let Some(mut record) = self.record() else {
            return;
        };
        let encoded = line.trim_end().rsplit(' ').next().unwrap_or_default();
        record.hide(encoded);
        let decoded = BASE64_STANDARD.decode(encoded).unwrap_or_default();
        // Of CRAM-MD5 what follows the user's name: somebody might guess the password from it.
        if let Some((_, digest)) = String::from_utf8_lossy(&decoded).rsplit_once(' ') {
            record.hide(digest);
        }
    }

    /// A mail server failed.
    pub(super) fn failed(&self, trouble: &Trouble, text: &str) {
        if let Some(mut record) = self.record() {
            let hint = record.hint.take();
            record.fault(&trouble.server, Ending::of(trouble, hint), text);
        }
    }

    /// Something else failed.
    pub(super) fn fault(&self, at: &str, ending: Ending, text: &str) {
        if let Some(mut record) = self.record() {
            record.fault(at, ending, text);
        }
    }

    /// The conversation so far, as that of a mail to `recipient` from `server`.
    pub(super) fn conversation(
        &self,
        recipient: &str,
        server: &str,
        delivered: Option<String>,
    ) -> Conversation {
        let mut conversation = Conversation {
            recipient: printable(recipient),
            server: printable(server),
            took_ms: 0,
            delivered: None,
            faults: Vec::new(),
            steps: Vec::new(),
            cut: false,
        };
        if let Some(mut record) = self.record() {
            conversation.took_ms = record.elapsed_ms();
            conversation.delivered = delivered.map(|reply| printable(&record.blotted(&reply)));
            conversation.faults = std::mem::take(&mut record.faults);
            conversation.steps = std::mem::take(&mut record.steps);
            conversation.cut = record.cut;
        }
        conversation
    }

    fn record(&self) -> Option<MutexGuard<'_, Record>> {
        let record = self.0.as_ref()?;
        Some(record.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Record {
    fn elapsed_ms(&self) -> u64 {
        let elapsed = clock::instant().saturating_duration_since(self.begun);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    fn step(&mut self, what: What, text: &str) {
        let text = printable(&self.blotted(text));
        let has_room = self.steps.len() < STEPS_MAX && self.bytes + text.len() <= TEXT_BYTES_MAX;
        if !has_room {
            self.cut = true;
            return;
        }
        let at_ms = self.elapsed_ms();
        self.bytes += text.len();
        self.steps.push(Step {
            at_ms,
            took_ms: at_ms - self.last_ms.min(at_ms),
            what,
            text,
        });
        self.last_ms = at_ms;
    }

    fn fault(&mut self, at: &str, ending: Ending, text: &str) {
        if self.faults.len() < FAULTS_MAX {
            let text = printable(&self.blotted(text));
            let at = printable(at);
            self.faults.push(Fault { at, ending, text });
        }
    }

    fn hide(&mut self, secret: &str) {
        let secret = secret.trim_end_matches('=').to_ascii_lowercase();
        if !secret.is_empty() && !self.secrets.contains(&secret) {
            self.secrets.push(secret);
        }
    }

    /// `text` without anything of the secrets, in any case of letters.
    fn blotted(&self, text: &str) -> String {
        let low = text.to_ascii_lowercase();
        let low = low.as_bytes();
        let mut hidden = vec![false; low.len()];
        for secret in &self.secrets {
            let width = secret.len().min(HIDDEN_CHARS);
            for at in 0..(low.len() + 1).saturating_sub(width) {
                let piece = &low[at..at + width];
                if secret.as_bytes().windows(width).any(|part| part == piece) {
                    hidden[at..at + width].fill(true);
                }
            }
        }
        let (mut out, mut is_within) = (String::with_capacity(text.len()), false);
        for (at, c) in text.char_indices() {
            let is_hidden = hidden[at..at + c.len_utf8()].contains(&true);
            match is_hidden {
                true if !is_within => out.push_str(HIDDEN),
                true => {}
                false => out.push(c),
            }
            is_within = is_hidden;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::config::Secret;

    fn listener() -> Listener {
        let listener = Listener::new();
        listener.hide(&SmtpAuth {
            mechanism: None,
            username: "tim".into(),
            password: Secret::new("tanstaaftanstaaf".into()),
        });
        listener
    }

    fn shown(listener: &Listener) -> Vec<String> {
        let conversation = listener.conversation("ops@example.com", "sv1", None);
        let texts = conversation.steps.into_iter().map(|step| step.text);
        texts.collect()
    }

    /// Whole, cut short, in other letters, plain or in Base64.
    ///
    /// Rule: N10 N21
    #[test]
    fn nothing_of_a_secret_is_shown_however_a_server_says_it() {
        let listener = listener();
        let both = BASE64_STANDARD.encode("\0tim\0tanstaaftanstaaf");
        for said in [
            "x tanstaaftanstaaf y".to_owned(),
            "x TANSTAAFTAN y".to_owned(),
            format!("x {both} y"),
            format!("x {} y", &both[3..17]),
            format!("x {} y", both.to_ascii_uppercase()),
            format!("x {} y", BASE64_STANDARD.encode("tanstaaftanstaaf")),
        ] {
            listener.received(535, &said);
        }
        for line in shown(&listener) {
            // Base64 of a length that does not come out even leaves its padding.
            assert_eq!(line.replace("==", ""), "535 x (hidden) y");
        }
        listener.hide_answer("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n");
        listener.received(535, "b913a602c7eda7a495b4e6e7334d3890\ntim");
        assert_eq!(shown(&listener), ["535-(hidden)", "535 tim"]);
    }

    /// Rule: N10
    #[test]
    fn what_a_server_says_is_data_and_bounded() {
        let listener = listener();
        listener.received(250, "\u{1b}[31m\u{202e}<b>\r\n 狼煙");
        assert_eq!(shown(&listener), ["250-\\x1b[31m<b>", "250  狼煙"]);
        for _ in 0..STEPS_MAX {
            listener.received(250, &"\u{7}".repeat(1 << 12));
        }
        let conversation = listener.conversation("ops@example.com", "sv1", None);
        let bytes: usize = conversation.steps.iter().map(|step| step.text.len()).sum();
        assert!(conversation.cut && bytes <= TEXT_BYTES_MAX, "{bytes}");
        let json = serde_json::to_vec(&conversation).unwrap();
        assert!(json.len() < crate::control::ANSWER_BYTES_MAX / 2);
    }

    /// Rule: N10
    #[test]
    fn a_deaf_one_holds_nothing() {
        let listener = Listener::default();
        listener.note(What::Other, || unreachable!("nobody listens"));
        listener.received(250, "x");
        assert!(!listener.is_on() && shown(&listener).is_empty());
        assert_eq!(size_of::<Listener>(), size_of::<usize>());
    }
}
