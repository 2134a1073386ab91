//! Settings, already checked, as plain data.
//!
//! `conf` builds a [`Config`] out of a clp.conf and refuses what cannot be; past that line nobody
//! checks again. Servers, interconnects and lamps are named by their place in the lists here.

use crate::alert::{DestinationChange, MessageId};
use crate::text::Language;
use crate::time::Span;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};

/// Most servers in one cluster (rule N6).
pub const SERVERS_MAX: usize = 32;

/// A server, by its place in server order (its priority in clp.conf; 0 is the first).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerId(pub u8);

/// An interconnect, by its place in priority order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InterconnectId(pub u8);

/// A warning light, by its place in [`Config::lamps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LampId(pub u8);

/// A whole, valid configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Name of the cluster.
    pub cluster: String,
    /// What judges who is at work.
    pub engine: Engine,
    /// The servers in server order; 1 to [`SERVERS_MAX`].
    pub servers: Vec<Server>,
    /// The interconnects in priority order; at least one when there are two servers.
    pub interconnects: Vec<Interconnect>,
    /// Heartbeat times.
    pub heartbeat: Heartbeat,
    /// UDP port of heartbeats and TCP port of the links between servers.
    pub port: u16,
    /// Who is told by mail, and how.
    pub mail: MailSettings,
    /// "Use network warning light" (rule M19).
    pub lamps_used: bool,
    /// Every distinct warning light; servers that share an address share one (rule M20).
    pub lamps: Vec<Lamp>,
    /// Changes to the built-in destinations, message by message (rule M11).
    pub destinations: Vec<(MessageId, DestinationChange)>,
    /// How alerts reach the local syslog.
    pub syslog: SyslogSettings,
    /// Language of alerts and mails.
    pub language: Language,
    /// The console.
    pub console: ConsoleSettings,
    /// Alert records kept on disk (rule N7); 10,000 by default.
    pub alert_records_max: u32,
    /// CRC-32 of the file's bytes; servers compare it to see drift.
    pub digest: u32,
}

/// What judges which servers are at work (rules N1 N2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Our own heartbeats and probes.
    #[default]
    Embedded,
    /// A Corosync that runs beside us (rule N3).
    Corosync,
}

impl Engine {
    /// Its name for people.
    pub fn words(self, language: Language) -> &'static str {
        match self {
            Engine::Embedded => language.pick("embedded", "組み込み"),
            Engine::Corosync => "Corosync",
        }
    }
}

/// One server of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name, as `uname -n` gives it (lower case in the real product).
    pub name: String,
    /// Its address on each interconnect, in the order of [`Config::interconnects`]; `None` where
    /// it has no such path.
    pub addresses: Vec<Option<IpAddr>>,
    /// Its warning light, if it has one.
    pub lamp: Option<LampId>,
}

/// One network path between the servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interconnect {
    /// Its name in clp.conf, such as `lankhb1`.
    pub name: String,
    /// `LAN Heartbeat` or `Kernel Mode LAN Heartbeat`, as `clpstat` prints it.
    pub comment: &'static str,
}

/// Heartbeat times; see DESIGN.md, "Telling dead from slow".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Time between two heartbeats on one interconnect.
    pub interval: Span,
    /// Silence on all interconnects, host silent too, after which a server is down.
    pub timeout: Span,
    /// Silence after which a server whose host still answers is down.
    pub stall_timeout: Span,
    /// How long a process that ended without a word may take to come back before it is told.
    pub restart_grace: Span,
    /// How long a starting server waits for servers never seen before it says so.
    pub start_wait: Span,
}

impl Default for Heartbeat {
    fn default() -> Heartbeat {
        Heartbeat {
            interval: Span::from_ms(100),
            timeout: Span::from_ms(850),
            stall_timeout: Span::from_secs(5),
            restart_grace: Span::from_ms(150),
            start_wait: Span::from_secs(60),
        }
    }
}

/// Mail settings; without a recipient no mail is sent (rule M12).
#[derive(Clone, Debug, PartialEq)]
pub struct MailSettings {
    /// Who is told.
    pub recipients: Vec<Recipient>,
    /// The start of every subject, to tell clusters apart (rule M12).
    pub subject: String,
    /// How a mail leaves.
    pub transport: MailTransport,
    /// Character set of the mail.
    pub charset: MailCharset,
    /// Sender address, when no SMTP server names its own.
    pub sender: String,
}

/// One recipient of mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// `user@domain`, checked: no control characters, no spaces, does not start with `-`.
    pub address: String,
    /// Long, or the short form for phones (rule M4).
    pub form: MailForm,
}

/// Which form of a mail a recipient gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailForm {
    /// Everything.
    Long,
    /// At most 70 characters of text (rule M4).
    Short,
}

/// How mail leaves this host (rule M7).
#[derive(Clone, Debug, PartialEq)]
pub enum MailTransport {
    /// The host's own mail environment: a program with the `sendmail` interface.
    Sendmail {
        /// Absolute path of the program.
        program: String,
    },
    /// SMTP servers in order of priority (rule N10).
    Smtp {
        /// The servers; at least one.
        servers: Vec<SmtpServer>,
        /// Longest wait for one answer.
        timeout: Span,
    },
}

/// One SMTP server.
#[derive(Clone, Debug, PartialEq)]
pub struct SmtpServer {
    /// Host name or literal address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Envelope and header sender for mails through this server.
    pub sender: String,
    /// Encryption.
    pub tls: SmtpTls,
    /// File with the certificate authorities to trust (PEM); `None` = the system's.
    pub ca_file: Option<String>,
    /// Check the server's certificate; on unless switched off explicitly.
    pub verify: bool,
    /// Sign-in, if the server wants one.
    pub auth: Option<SmtpAuth>,
}

/// Encryption towards an SMTP server. "Required" never falls back to plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// None.
    Plain,
    /// STARTTLS, required.
    StartTls,
    /// TLS from the first byte.
    Implicit,
}

/// Sign-in at an SMTP server.
#[derive(Clone, Debug, PartialEq)]
pub struct SmtpAuth {
    /// The mechanism; `None` takes the best that the server offers.
    pub mechanism: Option<AuthMechanism>,
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// SMTP AUTH mechanisms (rule N10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMechanism {
    /// RFC 4616.
    Plain,
    /// The old LOGIN exchange.
    Login,
    /// RFC 2195, where a server still wants it.
    CramMd5,
}

/// Character set of mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailCharset {
    /// UTF-8.
    Utf8,
    /// ISO-2022-JP (RFC 1468), for old Japanese receivers.
    Iso2022Jp,
}

/// The console: the web page of each server (rule N21).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// It is served.
    pub used: bool,
    /// TCP port; the real product's WebManager has the same.
    pub port: u16,
    /// Where each server listens, in server order; this host alone where there is none.
    pub addresses: Vec<Vec<IpAddr>>,
    /// Files with an own certificate chain and its key (PEM); without them the cluster's is shown.
    pub certificate: Option<CertificateFiles>,
    /// Who may sign in.
    pub users: Vec<ConsoleUser>,
}

impl Default for ConsoleSettings {
    fn default() -> ConsoleSettings {
        ConsoleSettings {
            used: true,
            port: 29_003,
            addresses: Vec::new(),
            certificate: None,
            users: Vec::new(),
        }
    }
}

/// An own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Absolute path of the chain.
    pub chain: String,
    /// Absolute path of the key.
    pub key: String,
}

/// Somebody who may sign in to the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleUser {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The hash of its password, in the PHC form of argon2id.
    pub password: Secret,
    /// The SHA-256 of its API token, if it has one.
    pub token: Option<[u8; 32]>,
}

/// What a user of the console may do; each may what the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    View,
    /// Acknowledge, put lamps out, test, stop servers, collect logs.
    Operate,
    /// Change settings, licences and users.
    Administer,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` secret.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// One network warning light.
#[derive(Clone, Debug, PartialEq)]
pub struct Lamp {
    /// Its IP address.
    pub address: IpAddr,
    /// How it is spoken to.
    pub kind: LampKind,
    /// Port, where it is not the protocol's own.
    pub port: Option<u16>,
    /// The servers that it stands for, in server order; more than one share it (rule M20).
    pub servers: Vec<ServerId>,
}

/// The protocol of a lamp (rule N12).
#[derive(Clone, Debug, PartialEq)]
pub enum LampKind {
    /// ISA Keiko-chan over rsh: DN-1000S, DN-1000R, DN-1300GL, DN-1500GL.
    IsaRsh {
        /// Local and remote user of the rsh exchange.
        users: RshUsers,
        /// Device password (`-p`), where password checking is switched on.
        password: Option<Secret>,
    },
    /// ISA 4G series over its TCP port.
    IsaTcp {
        /// Device password (`-p`).
        password: Option<Secret>,
    },
    /// PATLITE over rsh: NH-FB, NH-FB1, NH-FV1.
    PatliteRsh {
        /// Local and remote user of the rsh exchange.
        users: RshUsers,
    },
    /// PATLITE over HTTP: NH-FV with firmware 1.45 or later, LA6-POE.
    PatliteHttp,
    /// PATLITE PNS.
    PatlitePns {
        /// Which family: its product class and the meaning of its bytes.
        family: PnsFamily,
    },
    /// PATLITE PHN, the two-byte protocol of the oldest units.
    PatlitePhn,
    /// PATLITE by SNMP SET.
    PatliteSnmp {
        /// Community for reading.
        read: Secret,
        /// Community for writing.
        write: Secret,
    },
    /// A program of the user's: `PROGRAM [ARGUMENT…] SERVER RED AMBER GREEN` with `off`, `on`,
    /// `blink`; no shell.
    Command {
        /// Absolute path.
        program: String,
        /// Fixed arguments before ours.
        arguments: Vec<String>,
    },
}

/// Families that speak PNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PnsFamily {
    /// NH, NHL, NHP, NH-FV: product class `XX`.
    Nh,
    /// LR5-LAN: product class `AB`, colours fixed.
    Lr5,
    /// LA6-POE: product class `AB`, tiers instead of colours.
    La6,
}

/// The two users of an rsh exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RshUsers {
    /// Who we say that we are.
    pub local: String,
    /// Who we want to be on the device.
    pub remote: String,
}

/// How alerts reach the local syslog daemon (rule M14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogSettings {
    /// Form of a line.
    pub format: SyslogFormat,
    /// Write the level into the line, as the real product's switch does.
    pub level: bool,
    /// The local daemon's socket.
    pub socket: String,
}

/// Form of a syslog line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogFormat {
    /// RFC 3164, the local daemons' habit.
    Rfc3164,
    /// RFC 5424.
    Rfc5424,
}

impl Config {
    /// The server called `name`, if the file has it.
    pub fn server_named(&self, name: &str) -> Option<ServerId> {
        self.servers
            .iter()
            .position(|server| server.name == name)
            .map(|at| ServerId(at as u8))
    }

    /// The servers' ids in server order.
    pub fn server_ids(&self) -> impl Iterator<Item = ServerId> + use<> {
        (0..self.servers.len() as u8).map(ServerId)
    }

    /// The server with this id.
    ///
    /// # Panics
    /// When `id` was not made from this configuration; ids from outside are checked before.
    pub fn server(&self, id: ServerId) -> &Server {
        &self.servers[usize::from(id.0)]
    }

    /// The name of a server; `?` for an id that this configuration lacks.
    pub fn server_name(&self, id: ServerId) -> &str {
        self.servers
            .get(usize::from(id.0))
            .map_or("?", |server| &server.name)
    }

    /// The address of a server on an interconnect.
    pub fn address(&self, server: ServerId, interconnect: InterconnectId) -> Option<IpAddr> {
        *self
            .servers
            .get(usize::from(server.0))?
            .addresses
            .get(usize::from(interconnect.0))?
    }

    /// The interconnects that both servers have.
    pub fn shared_interconnects(
        &self,
        one: ServerId,
        other: ServerId,
    ) -> impl Iterator<Item = InterconnectId> + '_ {
        (0..self.interconnects.len() as u8)
            .map(InterconnectId)
            .filter(move |path| {
                self.address(one, *path).is_some() && self.address(other, *path).is_some()
            })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;

    /// `sv1`, `sv2` … on one interconnect, each with a lamp, one mail address.
    pub(crate) fn config(servers: u8) -> Config {
        let server = |n: u8| Server {
            name: format!("sv{}", n + 1),
            addresses: vec![Some(IpAddr::from([10, 0, 0, n + 1]))],
            lamp: Some(LampId(n)),
        };
        let lamp = |n: u8| Lamp {
            address: IpAddr::from([10, 0, 1, n + 1]),
            kind: LampKind::PatliteHttp,
            port: None,
            servers: vec![ServerId(n)],
        };
        Config {
            cluster: String::from("test"),
            engine: Engine::Embedded,
            servers: (0..servers).map(server).collect(),
            interconnects: vec![Interconnect {
                name: String::from("lanhb1"),
                comment: "LAN Heartbeat",
            }],
            heartbeat: Heartbeat::default(),
            port: 29_002,
            mail: MailSettings {
                recipients: vec![Recipient {
                    address: String::from("ops@example.com"),
                    form: MailForm::Long,
                }],
                subject: String::from("test"),
                transport: MailTransport::Sendmail {
                    program: String::from("/usr/sbin/sendmail"),
                },
                charset: MailCharset::Utf8,
                sender: String::from("noroshi@example.com"),
            },
            lamps_used: true,
            lamps: (0..servers).map(lamp).collect(),
            destinations: Vec::new(),
            syslog: SyslogSettings {
                format: SyslogFormat::Rfc3164,
                level: true,
                socket: String::from("/dev/log"),
            },
            language: Language::En,
            console: ConsoleSettings::default(),
            alert_records_max: 10_000,
            digest: 0,
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new(String::from("hunter2"));
        assert_eq!(format!("{secret:?}"), "(secret)");
    }
}
