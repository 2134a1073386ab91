//! Network warning lights: what they show, what they answer, and one codec per protocol.
//!
//! | module | protocol | port | lamps |
//! |---|---|---|---|
//! | [`rsh`] | BSD rcmd | TCP 514 | carries the commands of [`isa`] and [`patlite`] |
//! | [`isa`] | `ACOP` | rsh, TCP 60000 | ISA Keiko-chan |
//! | [`patlite`] | `alert` | rsh | PATLITE NH, NHL |
//! | [`http`] | `/api/control` | TCP 80 | PATLITE NH-FV, LA6, WE |
//! | [`pns`] | PNS | TCP or UDP 10000 | PATLITE NH, NHL, NH-FV, LA6, LR5 |
//! | [`phn`] | PHN, two bytes | TCP or UDP 10000 | PATLITE PHN, NHE, NHC, NHM, NHL, LA6 |
//! | [`snmp`] | SNMP SET and GET | UDP 161 | PATLITE NH, NHL, NH-FV |
//!
//! *Use.* The daemon encodes [`Lights`] with a codec, exchanges bytes, and lets the codec decode
//! the answer. A simulated lamp decodes requests and encodes answers with the same codec.
//!
//! *Failure.* An answer that does not prove success is a [`ReplyError`]. What the lamp then shows
//! is unknown; the caller keeps the wanted state and asks again. Its number is the `nn` of the
//! message `The execution result of warning light command was abnormal.(nn)`:
//!
//! | nn | the warning light |
//! |---|---|
//! | 1 | refused the command |
//! | 2 | answered something this protocol does not know |
//! | 3 | broke off in the middle of its answer |
//! | 4 | closed the connection without answering |

pub mod http;
pub mod isa;
pub mod patlite;
pub mod phn;
pub mod pns;
pub mod rsh;
pub mod snmp;
pub mod tower;

use alloc::format;
use alloc::string::String;
use core::fmt;

/// What one lamp of a warning light does, or is asked to do.
///
/// For a buzzer, `On` is its first pattern (continuous) and `Blink` its second (intermittent).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Light {
    /// Dark, silent.
    Off,
    /// Lit steadily.
    On,
    /// Blinking, whatever the pattern.
    Blink,
    /// Leave it as it is. Never the answer of a read.
    Keep,
}

/// A request: what each lamp shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lights {
    /// Red, or the top tier of a tower without fixed colours.
    pub red: Light,
    /// Amber (yellow), or the second tier.
    pub amber: Light,
    /// Green, or the third tier.
    pub green: Light,
    /// The buzzer.
    pub buzzer: Light,
}

impl Lights {
    /// Changes nothing.
    pub const KEEP: Self = Self {
        red: Light::Keep,
        amber: Light::Keep,
        green: Light::Keep,
        buzzer: Light::Keep,
    };
    /// A server has started: red out, green on.
    pub const STARTED: Self = Self {
        red: Light::Off,
        green: Light::On,
        ..Self::KEEP
    };
    /// A server has stopped normally: red and green out.
    pub const STOPPED: Self = Self {
        red: Light::Off,
        green: Light::Off,
        ..Self::KEEP
    };
    /// A server is down: red blinks, green out.
    pub const DOWN: Self = Self {
        red: Light::Blink,
        green: Light::Off,
        ..Self::KEEP
    };
}

/// What a read-back told. `None` where the protocol cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shown {
    /// Red, or the top tier.
    pub red: Option<Light>,
    /// Amber, or the second tier.
    pub amber: Option<Light>,
    /// Green, or the third tier.
    pub green: Option<Light>,
    /// The buzzer.
    pub buzzer: Option<Light>,
}

impl Shown {
    /// Whether nothing that was read contradicts what is wanted. What is to be kept, and what
    /// the protocol cannot tell, contradicts nothing.
    pub fn agrees_with(&self, wanted: &Lights) -> bool {
        let pairs = [
            (self.red, wanted.red),
            (self.amber, wanted.amber),
            (self.green, wanted.green),
            (self.buzzer, wanted.buzzer),
        ];
        pairs.iter().all(|(shown, wanted)| {
            *wanted == Light::Keep || shown.is_none_or(|shown| shown == *wanted)
        })
    }
}

/// Why a warning light's answer is not a success. What the light now shows is unknown.
///
/// Texts in it came from the lamp and went through [`printable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyError {
    /// The connection was closed without a single byte. With rsh: a source port outside
    /// 512-1023, or a sender the lamp does not allow (rshd(8)).
    Empty,
    /// The lamp said no, in these words.
    Refused(String),
    /// The lamp said something this protocol does not know, namely this.
    Unexpected(String),
    /// The answer ended too early.
    Incomplete,
}

impl ReplyError {
    /// The number of this error in the alert service's message; see the table of [`crate::lamp`].
    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Unexpected(_) => 2,
            Self::Incomplete => 3,
            Self::Empty => 4,
        }
    }

    /// A refusal in the lamp's own words.
    pub(crate) fn refused(text: &[u8]) -> Self {
        Self::Refused(printable(text, TEXT_CHARS_MAX))
    }

    /// An answer that cannot be understood.
    pub(crate) fn unexpected(text: &[u8]) -> Self {
        Self::Unexpected(printable(text, TEXT_CHARS_MAX))
    }

    /// An answer of a binary protocol that cannot be understood, shown in hexadecimal.
    pub(crate) fn unexpected_bytes(bytes: &[u8]) -> Self {
        let shown = bytes
            .iter()
            .take(HEX_BYTES_MAX)
            .map(|byte| format!("{byte:02x} "));
        Self::Unexpected(shown.collect::<String>().trim_end().into())
    }
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "the warning light closed the connection without answering: see whether it allows \
                 this server's address; with rsh also whether a router or port forwarding between \
                 changes the source port",
            ),
            Self::Refused(text) => write!(
                f,
                "the warning light refused the command, saying \"{text}\": check the user name, \
                 the password and the permissions set in the light"
            ),
            Self::Unexpected(text) => write!(
                f,
                "the warning light answered \"{text}\", which its protocol does not know: check \
                 that the type set for this warning light is right"
            ),
            Self::Incomplete => f.write_str(
                "the warning light broke off in the middle of its answer: check the network to \
                 it, and that the type set for this warning light is right",
            ),
        }
    }
}

impl core::error::Error for ReplyError {}

/// Why the device side does not understand a request. The connection is of no further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestError {
    /// More bytes than a request may have.
    TooLong,
    /// Not a request of this protocol.
    Malformed,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the request is longer than this protocol allows",
            Self::Malformed => "the bytes are not a request of this protocol",
        })
    }
}

impl core::error::Error for RequestError {}

/// A lamp's words as text for alerts, logs and pages: they are data and must not act.
///
/// Undecodable bytes become U+FFFD, runs of blanks and control characters one blank, marks that
/// change the writing direction or are invisible vanish; at most `chars_max` characters remain.
/// Replies in Shift_JIS (ISA) come out with U+FFFD in place of Japanese.
pub fn printable(bytes: &[u8], chars_max: usize) -> String {
    let mut text = String::new();
    let mut chars = 0;
    let mut gap = false;
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_control() || character.is_whitespace() {
            gap = true;
            continue;
        }
        if is_invisible(character) {
            continue;
        }
        let blank = gap && !text.is_empty();
        if chars + usize::from(blank) + 1 > chars_max {
            break;
        }
        if blank {
            text.push(' ');
            chars += 1;
        }
        text.push(character);
        chars += 1;
        gap = false;
    }
    text
}

/// Direction marks and zero-width characters, which make a text look like another one.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// How much of a lamp's words goes into an error.
const TEXT_CHARS_MAX: usize = 120;
/// How many bytes of a binary answer go into an error.
const HEX_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Rule: M13
    #[test]
    fn reply_errors_have_the_documented_numbers() {
        assert_eq!(ReplyError::refused(b"no").code(), 1);
        assert_eq!(ReplyError::unexpected(b"what").code(), 2);
        assert_eq!(ReplyError::Incomplete.code(), 3);
        assert_eq!(ReplyError::Empty.code(), 4);
    }

    /// Rule: N12
    #[test]
    fn a_lamps_words_are_shown_but_cannot_act() {
        assert_eq!(
            printable(b"\x1b[31mred\x07\r\nnext\x00", 80),
            "[31mred next"
        );
        assert_eq!(printable("a\u{202e}b\u{200b}c".as_bytes(), 80), "abc");
        assert_eq!(printable(b"  \t ", 80), "");
        assert_eq!(printable(b"ab cd", 3), "ab");
        assert_eq!(printable(b"ab cd", 4), "ab c");
        assert_eq!(printable(&[0xff, b'x'], 80), "\u{fffd}x");
        assert_eq!(printable(&[b'y'; 5000], 120).len(), 120);
        let error = ReplyError::refused(b"rshd: Login Incorrect\n").to_string();
        assert!(error.contains("\"rshd: Login Incorrect\""), "{error}");
    }

    /// Rule: N14
    #[test]
    fn a_read_back_agrees_or_contradicts() {
        let dark = Some(Light::Off);
        let shown = Shown {
            red: Some(Light::Blink),
            amber: Some(Light::On),
            green: dark,
            buzzer: None,
        };
        assert!(shown.agrees_with(&Lights::DOWN));
        assert!(shown.agrees_with(&Lights::KEEP));
        assert!(!shown.agrees_with(&Lights::STARTED));
        assert!(shown.agrees_with(&Lights {
            buzzer: Light::On,
            ..Lights::DOWN
        }));
    }
}
