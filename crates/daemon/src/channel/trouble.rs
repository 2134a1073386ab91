//! What a failure means: the one place that tells soft from hard (rule N10).
//!
//! Channels report what happened as plain data; this file alone decides whether it is tried again,
//! tried elsewhere or final, and words it for people. The tables follow RFC 5321 section 4.2.1
//! (4yz is soft, 5yz is hard) with one addition: a reply that speaks of the *server* (its greeting,
//! our sign-in, its own trouble) says nothing about the recipient, so it never ends a notice.

use noroshi_core::notice::Outcome;
use noroshi_core::text::Language;
use std::fmt::Write as _;
use std::time::Duration;

/// Longest reason in characters; it is shown in lists and kept on disk per notice.
pub const REASON_CHARS_MAX: usize = 300;

/// How far a mail dialogue had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Finding the address.
    Resolve,
    /// The TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Waiting for the greeting.
    Greeting,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, before the message.
    Data,
    /// The message's end, from the first byte of the message on.
    Message,
    /// RSET.
    Rset,
}

impl Verb {
    /// As it is written in reasons.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Resolve => "DNS",
            Verb::Connect => "connect",
            Verb::Tls => "TLS",
            Verb::Greeting => "greeting",
            Verb::Ehlo => "EHLO",
            Verb::StartTls => "STARTTLS",
            Verb::Auth => "AUTH",
            Verb::Mail => "MAIL",
            Verb::Rcpt => "RCPT",
            Verb::Data => "DATA",
            Verb::Message => "end of message",
            Verb::Rset => "RSET",
        }
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server refused.
    Replied {
        /// Its reply code.
        code: u16,
        /// Its words.
        text: String,
    },
    /// The connection could not be made or broke.
    Lost(String),
    /// No whole answer in this time.
    Silent(Duration),
    /// The answer was no SMTP, or beyond a bound.
    Garbled(String),
    /// The server lacks what the settings demand, or the settings are no use with it.
    Unfit(String),
}

/// One failure of a dialogue with one SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// `host:port`, with the address where it is known.
    pub server: String,
    /// How far it had come.
    pub verb: Verb,
    /// What went wrong.
    pub failure: Failure,
}

/// What is to be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try the next server at once. When none is left: refused if every server said `hard`,
    /// else tried again later.
    NextServer {
        /// This server will not change its mind.
        hard: bool,
    },
    /// Try again later.
    Retry {
        /// The receiver may have taken it all the same.
        maybe_taken: bool,
    },
    /// Never for this recipient.
    Refused,
}

impl Trouble {
    /// What is to be done about it.
    pub fn verdict(&self) -> Verdict {
        let later = Verdict::NextServer { hard: false };
        match (&self.failure, self.verb) {
            // The message was on its way and the answer is missing: another server now would
            // only make a second copy surer.
            (Failure::Lost(_) | Failure::Silent(_) | Failure::Garbled(_), Verb::Message) => {
                Verdict::Retry { maybe_taken: true }
            }
            (Failure::Replied { code, .. }, verb) => self.verdict_on_reply(*code, verb),
            _ => later,
        }
    }

    fn verdict_on_reply(&self, code: u16, verb: Verb) -> Verdict {
        let later = Verdict::NextServer { hard: false };
        match (code, verb) {
            // RFC 5321 section 4.2.3: 421 "service not available, closing" may answer any command.
            (421, _) => later,
            // Syntax, sequence and sign-in (RFC 4954 section 6): about us and the server.
            (500..=504 | 530 | 534 | 535 | 538, Verb::Mail | Verb::Rcpt) => later,
            // Only one recipient is meant: a greylist, a full mailbox. The server is well.
            (400..=499, Verb::Rcpt) => Verdict::Retry { maybe_taken: false },
            // Each server has its own sender address, so the next may take what this one won't.
            (500..=599, Verb::Mail) => Verdict::NextServer { hard: true },
            (500..=599, Verb::Rcpt | Verb::Data | Verb::Message) => Verdict::Refused,
            _ => later,
        }
    }

    /// Whether the server should be left alone for a while, because asking it again costs the
    /// next mail time or cannot succeed.
    pub fn is_about_server(&self) -> bool {
        match &self.failure {
            Failure::Replied { code, .. } => *code == 421 || self.verb < Verb::Mail,
            Failure::Unfit(_) => self.verb < Verb::Mail,
            _ => true,
        }
    }

    /// In words, without the attempt.
    pub fn text(&self, language: Language) -> String {
        let what = match &self.failure {
            Failure::Replied { code, text } => format!("{code} {text}"),
            Failure::Lost(cause) => match language {
                Language::En => format!("connection lost or not made: {cause}"),
                Language::Ja => format!("接続できないか切断されました: {cause}"),
            },
            Failure::Silent(wait) => match language {
                Language::En => format!("no answer within {wait:.1?}"),
                Language::Ja => format!("{wait:.1?} 以内に応答がありません"),
            },
            Failure::Garbled(cause) => match language {
                Language::En => format!("answer not understood: {cause}"),
                Language::Ja => format!("応答を解釈できません: {cause}"),
            },
            Failure::Unfit(cause) => cause.clone(),
        };
        printable(&format!("{}: {}: {what}", self.server, self.verb.name()))
    }
}

/// What an exit of a `sendmail` program means; `None` for a program ended by a signal.
///
/// Codes of sysexits.h. Only those that speak of the message or the recipient are final: the rest
/// are about the host's mail set-up, which somebody can repair within the life of the notice.
pub fn judge_exit(code: Option<i32>, message_written: bool) -> Verdict {
    const EX_DATAERR: i32 = 65;
    const EX_NOUSER: i32 = 67;
    const EX_NOHOST: i32 = 68;
    match code {
        Some(EX_DATAERR | EX_NOUSER | EX_NOHOST) => Verdict::Refused,
        Some(_) => Verdict::Retry { maybe_taken: false },
        None => Verdict::Retry {
            maybe_taken: message_written,
        },
    }
}

/// The outcome of an attempt that every server failed; `hard` if each said so for good.
pub fn outcome(verdict: Verdict, cause: String) -> Outcome {
    match verdict {
        Verdict::Refused | Verdict::NextServer { hard: true } => Outcome::Refused { cause },
        Verdict::Retry { maybe_taken } => Outcome::Retry { cause, maybe_taken },
        Verdict::NextServer { hard: false } => Outcome::Retry {
            cause,
            maybe_taken: false,
        },
    }
}

/// For the log: an answer that is dropped because nobody takes it.
pub(super) fn no_room(channel: &str, alert: &str, language: Language) -> String {
    language.pick(
        format!("{channel}: no room to answer for alert {alert}; it is sent after the next start"),
        format!("{channel}: アラート {alert} の結果を渡せません。次回の起動後に送信します"),
    )
}

/// `text` on one line, control characters escaped, cut to [`REASON_CHARS_MAX`].
pub fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.trim_end().chars().take(REASON_CHARS_MAX + 1) {
        match c {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    if out.chars().count() > REASON_CHARS_MAX {
        out = out
            .chars()
            .take(REASON_CHARS_MAX - 1)
            .chain(['…'])
            .collect();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replied(code: u16, verb: Verb) -> Verdict {
        let failure = Failure::Replied {
            code,
            text: String::new(),
        };
        Trouble {
            server: String::new(),
            verb,
            failure,
        }
        .verdict()
    }

    /// Rule: N10
    #[test]
    fn soft_is_tried_again_and_hard_is_not() {
        let later = Verdict::NextServer { hard: false };
        assert_eq!(
            replied(450, Verb::Rcpt),
            Verdict::Retry { maybe_taken: false }
        );
        assert_eq!(replied(550, Verb::Rcpt), Verdict::Refused);
        assert_eq!(replied(554, Verb::Data), Verdict::Refused);
        assert_eq!(replied(554, Verb::Message), Verdict::Refused);
        assert_eq!(replied(452, Verb::Message), later);
        assert_eq!(replied(550, Verb::Mail), Verdict::NextServer { hard: true });
        for verb in [Verb::Greeting, Verb::Ehlo, Verb::StartTls, Verb::Auth] {
            assert_eq!(replied(554, verb), later, "{verb:?}");
            assert_eq!(replied(454, verb), later, "{verb:?}");
        }
    }

    /// Rule: N8 N10
    #[test]
    fn only_a_missing_last_reply_may_mean_taken() {
        for failure in [
            Failure::Lost("reset".into()),
            Failure::Silent(Duration::from_secs(1)),
            Failure::Garbled("?".into()),
        ] {
            let at = |verb| Trouble {
                server: String::new(),
                verb,
                failure: failure.clone(),
            };
            assert_eq!(
                at(Verb::Message).verdict(),
                Verdict::Retry { maybe_taken: true }
            );
            assert_eq!(
                at(Verb::Data).verdict(),
                Verdict::NextServer { hard: false }
            );
        }
    }

    /// Rule: N10
    #[test]
    fn exits_follow_sysexits() {
        for code in [65, 67, 68] {
            assert_eq!(judge_exit(Some(code), true), Verdict::Refused, "{code}");
        }
        for code in [1, 64, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 127] {
            assert_eq!(
                judge_exit(Some(code), true),
                Verdict::Retry { maybe_taken: false }
            );
        }
        assert_eq!(judge_exit(None, true), Verdict::Retry { maybe_taken: true });
        assert_eq!(
            judge_exit(None, false),
            Verdict::Retry { maybe_taken: false }
        );
    }

    /// Rule: N10
    #[test]
    fn reasons_are_one_short_line() {
        let text = printable(&format!("a\r\n\0\u{1b}[31m{}", "\u{7}".repeat(1_000)));
        assert!(text.starts_with("a\\x0d\\x0a\\x00\\x1b[31m"), "{text}");
        assert!(text.chars().count() <= REASON_CHARS_MAX);
        assert!(!text.chars().any(char::is_control));
        assert_eq!(printable("ok\r\n"), "ok");
    }
}
