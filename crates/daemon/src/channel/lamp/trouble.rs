//! Why a lamp command did not come to a good end: number, message and words (rule M13).
//!
//! *Use.* An exchange that goes wrong ends in a [`Trouble`]; [`Trouble::result`] makes the
//! [`LampResult`] of it.
//!
//! *Failure.* None. Texts from outside are clean already: those of lamps by `wire`'s codecs, those of
//! programs by its `printable`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use noroshi_core::lamp::LampResult;
use noroshi_core::text::Language;
use noroshi_wire::lamp::ReplyError;

use super::codes;
use crate::log;

/// Why one lamp command did not come to a good end. What the lamp shows then is unknown.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It answered, but not as it should: 1 to 4.
    Answer(ReplyError),
    /// 6, with the status and what the program said on its error output.
    ExitStatus { status: i32, said: String },
    /// 7, with the signal.
    Signal(i32),
    /// 21.
    Refused(SocketAddr),
    /// 22.
    NotConnected(SocketAddr, Duration),
    /// 23; `snmp` because a wrong community looks just so.
    Silent {
        peer: SocketAddr,
        limit: Duration,
        snmp: bool,
    },
    /// 23, for a program.
    ProgramSilent(Duration),
    /// 24.
    NoReservedPort,
    /// 25.
    NoPermission,
    /// 26.
    Unreachable(SocketAddr, io::Error),
    /// 27.
    Program(String, io::Error),
    /// 28.
    Settings(String),
    /// 29.
    System(&'static str, io::Error),
    /// 30.
    Busy,
    /// Taken back before anything had left: no message, and no number.
    Cancelled,
}

impl Trouble {
    /// The documented number.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Answer(error) => error.code(),
            Self::ExitStatus { .. } => 6,
            Self::Signal(_) => 7,
            Self::Refused(_) => 21,
            Self::NotConnected(..) => 22,
            Self::Silent { .. } | Self::ProgramSilent(_) => 23,
            Self::NoReservedPort => 24,
            Self::NoPermission => 25,
            Self::Unreachable(..) => 26,
            Self::Program(..) => 27,
            Self::Settings(_) => 28,
            Self::System(..) => 29,
            Self::Busy => 30,
            Self::Cancelled => 0,
        }
    }

    /// The result that `core` is told.
    pub(super) fn result(&self) -> LampResult {
        let (code, text) = (self.code(), self.text(log::language()));
        match self {
            Self::Answer(_) | Self::ExitStatus { .. } | Self::Signal(_) => {
                LampResult::Abnormal { code, text }
            }
            Self::Cancelled => LampResult::Cancelled,
            _ => LampResult::Failed { code, text },
        }
    }

    /// In words; in Japanese those of the table of numbers, with the particulars behind them.
    pub(super) fn text(&self, language: Language) -> String {
        if language == Language::En {
            return self.to_string();
        }
        let meaning = codes::meaning(self.code(), language).unwrap_or_default();
        match self.particulars() {
            particulars if particulars.is_empty() => meaning.to_owned(),
            particulars => format!("{meaning} ({particulars})"),
        }
    }

    /// Whom, how long, which error: what needs no translation.
    fn particulars(&self) -> String {
        match self {
            Self::Answer(ReplyError::Refused(said) | ReplyError::Unexpected(said)) => said.clone(),
            Self::Answer(ReplyError::Empty | ReplyError::Incomplete) => String::new(),
            Self::ExitStatus { status, said } if said.is_empty() => status.to_string(),
            Self::ExitStatus { status, said } => format!("{status}: {said}"),
            Self::Signal(signal) => signal.to_string(),
            Self::Refused(peer) => peer.to_string(),
            Self::NotConnected(peer, limit) => format!("{peer}, {} s", limit.as_secs_f32()),
            Self::Silent { peer, limit, snmp } => {
                let community = if *snmp { ", SNMP community?" } else { "" };
                format!("{peer}, {} s{community}", limit.as_secs_f32())
            }
            Self::ProgramSilent(limit) => format!("{} s", limit.as_secs_f32()),
            Self::NoReservedPort => "ss -tan".into(),
            Self::NoPermission | Self::Busy | Self::Cancelled => String::new(),
            Self::Unreachable(peer, error) => format!("{peer}: {error}"),
            Self::Program(program, error) => format!("{program:?}: {error}"),
            Self::Settings(what) => what.clone(),
            Self::System(_, error) => error.to_string(),
        }
    }

    /// What a failure to reach `peer` means.
    pub(super) fn reaching(peer: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused(peer),
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::TimedOut
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown => Self::Unreachable(peer, error),
            // A device that answers SYN and resets before we could send anything.
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                Self::Answer(ReplyError::Empty)
            }
            _ => Self::System("connect to the warning light", error),
        }
    }
}

impl From<ReplyError> for Trouble {
    fn from(error: ReplyError) -> Self {
        Self::Answer(error)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(error) => error.fmt(f),
            Self::ExitStatus { status, said } if said.is_empty() => {
                write!(
                    f,
                    "the program set for the warning light ended with exit status {status}"
                )
            }
            Self::ExitStatus { status, said } => write!(
                f,
                "the program set for the warning light ended with exit status {status}, saying \
                 \"{said}\""
            ),
            Self::Signal(signal) => {
                write!(
                    f,
                    "the program set for the warning light was ended by signal {signal}"
                )
            }
            Self::Refused(peer) => write!(
                f,
                "the warning light at {} refused the connection to port {}: check its address and \
                 type, and that this protocol is switched on in it",
                peer.ip(),
                peer.port()
            ),
            Self::NotConnected(peer, limit) => write!(
                f,
                "no connection to the warning light at {} port {} within {} s: check its power, \
                 its cable and its address",
                peer.ip(),
                peer.port(),
                limit.as_secs_f32()
            ),
            Self::Silent { peer, limit, snmp } => write!(
                f,
                "no answer from the warning light at {} port {} within {} s{}",
                peer.ip(),
                peer.port(),
                limit.as_secs_f32(),
                if *snmp {
                    ": check its power and cable, and the SNMP community"
                } else {
                    ""
                }
            ),
            Self::ProgramSilent(limit) => write!(
                f,
                "the program set for the warning light did not end within {} s and was killed",
                limit.as_secs_f32()
            ),
            Self::NoReservedPort => f.write_str(
                "no source port from 1023 down to 512 is free, and rsh needs one: see what holds \
                 them with \"ss -tan\"",
            ),
            Self::NoPermission => f.write_str(
                "rsh needs a source port below 1024, and this process may not use one: give the \
                 service the capability CAP_NET_BIND_SERVICE",
            ),
            Self::Unreachable(peer, error) => {
                write!(
                    f,
                    "the warning light at {} cannot be reached: {error}",
                    peer.ip()
                )
            }
            Self::Program(program, error) => {
                write!(
                    f,
                    "the program {program:?} set for the warning light cannot be run: {error}"
                )
            }
            Self::Settings(what) => {
                write!(f, "the warning light's settings cannot be used: {what}")
            }
            Self::System(what, error) => write!(f, "this server could not {what}: {error}"),
            Self::Cancelled => f.write_str("it was taken back"),
            Self::Busy => f.write_str("an earlier command for this warning light has not ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::codes::{CODES, Message, SHOWS_OTHER};
    use super::*;

    fn troubles() -> Vec<Trouble> {
        let peer: SocketAddr = "192.0.2.7:514".parse().unwrap();
        let error = || io::Error::from(io::ErrorKind::Other);
        let limit = Duration::from_secs(5);
        vec![
            Trouble::Answer(ReplyError::Refused("no".into())),
            Trouble::Answer(ReplyError::Unexpected("what".into())),
            Trouble::Answer(ReplyError::Incomplete),
            Trouble::Answer(ReplyError::Empty),
            Trouble::ExitStatus {
                status: 3,
                said: "no such unit".into(),
            },
            Trouble::Signal(9),
            Trouble::Refused(peer),
            Trouble::NotConnected(peer, limit),
            Trouble::Silent {
                peer,
                limit,
                snmp: true,
            },
            Trouble::ProgramSilent(limit),
            Trouble::NoReservedPort,
            Trouble::NoPermission,
            Trouble::Unreachable(peer, error()),
            Trouble::Program("/x".into(), error()),
            Trouble::Settings("x".into()),
            Trouble::System("x", error()),
            Trouble::Busy,
        ]
    }

    /// Rule: M13
    #[test]
    fn every_trouble_has_its_line_in_the_table() {
        let mut used: Vec<u8> = vec![SHOWS_OTHER];
        for trouble in troubles() {
            let result = trouble.result();
            let (message, code) = match result {
                LampResult::Abnormal { code, .. } => (Message::Abnormal, code),
                LampResult::Failed { code, .. } => (Message::Failed, code),
                LampResult::Done { .. } | LampResult::Cancelled => {
                    panic!("{trouble:?} is no success")
                }
            };
            let line = CODES.iter().find(|line| line.number == code);
            assert_eq!(line.map(|line| line.message), Some(message), "{trouble:?}");
            used.push(code);
        }
        for code in CODES {
            assert!(used.contains(&code.number), "{code:?} is never given out");
            assert!(!code.en.is_empty() && !code.ja.is_empty());
        }
        assert!(CODES.is_sorted_by_key(|code| code.number));
    }

    /// Rule: M13
    #[test]
    fn each_trouble_is_told_in_japanese_with_its_particulars() {
        for trouble in troubles() {
            let (en, ja) = (trouble.text(Language::En), trouble.text(Language::Ja));
            assert_eq!(en, trouble.to_string());
            assert!(ja.contains("。"), "{ja}");
        }
        let texts: Vec<String> = troubles().iter().map(|it| it.text(Language::Ja)).collect();
        assert!(texts.contains(&"警告灯が接続を拒否しました。 (192.0.2.7:514)".to_string()));
        assert!(texts.contains(&"警告灯がコマンドを拒否しました。 (no)".to_string()));
    }

    /// Rule: M13 N13
    #[test]
    fn texts_name_the_peer_and_the_remedy() {
        let text = |code: u8| {
            let trouble = troubles()
                .into_iter()
                .find(|trouble| trouble.code() == code);
            trouble.unwrap().to_string()
        };
        assert!(text(25).contains("CAP_NET_BIND_SERVICE"));
        assert!(text(21).contains("192.0.2.7") && text(21).contains("514"));
        assert!(text(23).contains("community"));
        assert!(text(6).contains('3') && text(6).contains("no such unit"));
    }
}
