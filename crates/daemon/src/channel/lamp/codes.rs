//! The numbers `nn` of messages 6 and 7 (rule M13): the one place that gives them out.
//!
//! *Use.* An exchange that goes wrong ends in a [`Trouble`]; [`Trouble::result`] makes the
//! [`LampResult`] of it, with number and words. [`CODES`] and [`table`] say what each number means.
//!
//! *Failure.* None: every trouble has a number, and a test holds the table to that.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use noroshi_core::lamp::LampResult;
use noroshi_core::text::Language;
use noroshi_wire::lamp::ReplyError;

/// Which message a number stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// 6: `The execution result of warning light command was abnormal.(nn)`: it answered.
    Abnormal,
    /// 7: `Failed to execute warning light command.(nn)`: it could not be asked.
    Failed,
}

/// One number and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The `nn`.
    pub number: u8,
    /// The message it stands in.
    pub message: Message,
    /// What it means, in English.
    pub en: &'static str,
    /// The same in Japanese.
    pub ja: &'static str,
}

/// The lamp shows something else than it was told; `core` finds that out from a read-back.
pub const SHOWS_OTHER: u8 = 5;

/// Every number. Numbers are never given a new meaning: operators keep lists of them.
pub const CODES: [Code; 17] = [
    abnormal(
        1,
        "The warning light refused the command.",
        "警告灯がコマンドを拒否しました。",
    ),
    abnormal(
        2,
        "The warning light answered something that its protocol does not know.",
        "警告灯の応答がプロトコルに合いません。",
    ),
    abnormal(
        3,
        "The warning light broke off in the middle of its answer.",
        "警告灯の応答が途中で切れました。",
    ),
    abnormal(
        4,
        "The warning light closed the connection without answering.",
        "警告灯が応答せずに接続を閉じました。",
    ),
    abnormal(
        SHOWS_OTHER,
        "The warning light shows something else than it was told.",
        "警告灯の表示が指示と異なります。",
    ),
    abnormal(
        6,
        "The program set for the warning light ended with an exit status other than 0.",
        "警告灯に設定されたプログラムが 0 以外の終了ステータスで終了しました。",
    ),
    abnormal(
        7,
        "The program set for the warning light was ended by a signal.",
        "警告灯に設定されたプログラムがシグナルで終了しました。",
    ),
    failed(
        21,
        "The warning light refused the connection.",
        "警告灯が接続を拒否しました。",
    ),
    failed(
        22,
        "No connection to the warning light came about in time.",
        "時間内に警告灯へ接続できませんでした。",
    ),
    failed(
        23,
        "The warning light did not answer in time.",
        "時間内に警告灯の応答がありませんでした。",
    ),
    failed(
        24,
        "No reserved port (512 to 1023) was free for rsh.",
        "rsh に使う予約ポート (512～1023) に空きがありません。",
    ),
    failed(
        25,
        "No permission to use a reserved port for rsh (CAP_NET_BIND_SERVICE is missing).",
        "rsh に使う予約ポートの権限 (CAP_NET_BIND_SERVICE) がありません。",
    ),
    failed(
        26,
        "The network or host of the warning light cannot be reached.",
        "警告灯のネットワークまたはホストに到達できません。",
    ),
    failed(
        27,
        "The program set for the warning light cannot be run.",
        "警告灯に設定されたプログラムを実行できません。",
    ),
    failed(
        28,
        "The settings of the warning light cannot be carried by its protocol.",
        "警告灯の設定値をプロトコルで送れません。",
    ),
    failed(
        29,
        "The operating system of this server refused what the command needs.",
        "このサーバの OS がコマンドに必要な操作を拒否しました。",
    ),
    failed(
        30,
        "An earlier command for the warning light has not ended.",
        "警告灯への前のコマンドが終わっていません。",
    ),
];

/// What a number means; `None` for one that was never given out.
pub fn meaning(number: u8, language: Language) -> Option<&'static str> {
    let code = CODES.iter().find(|code| code.number == number)?;
    Some(language.pick(code.en, code.ja))
}

/// The table of all numbers as Markdown, for the manual.
pub fn table(language: Language) -> String {
    let mut text = String::from(language.pick(
        "| message | nn | meaning |\n|---|---|---|\n",
        "| メッセージ | nn | 意味 |\n|---|---|---|\n",
    ));
    for code in &CODES {
        let message = match code.message {
            Message::Abnormal => 6,
            Message::Failed => 7,
        };
        let meaning = language.pick(code.en, code.ja);
        text.push_str(&format!("| {message} | {} | {meaning} |\n", code.number));
    }
    text
}

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
        }
    }

    /// The result that `core` is told.
    pub(super) fn result(&self) -> LampResult {
        let (code, text) = (self.code(), self.to_string());
        match self {
            Self::Answer(_) | Self::ExitStatus { .. } | Self::Signal(_) => {
                LampResult::Abnormal { code, text }
            }
            _ => LampResult::Failed { code, text },
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
            Self::Busy => f.write_str("an earlier command for this warning light has not ended"),
        }
    }
}

const fn abnormal(number: u8, en: &'static str, ja: &'static str) -> Code {
    Code {
        number,
        message: Message::Abnormal,
        en,
        ja,
    }
}

const fn failed(number: u8, en: &'static str, ja: &'static str) -> Code {
    Code {
        number,
        message: Message::Failed,
        en,
        ja,
    }
}

#[cfg(test)]
mod tests {
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
                LampResult::Done { .. } => panic!("{trouble:?} is no success"),
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
        assert_eq!(table(Language::En).lines().count(), CODES.len() + 2);
        assert!(table(Language::Ja).contains("| 7 | 21 | 警告灯が接続を拒否しました。 |"));
        assert_eq!(meaning(99, Language::En), None);
    }
}
