//! One SMTP dialogue: connect, greet, encrypt, sign in, hand over mails (RFC 5321).
//!
//! A [`Connection`] stays open between mails. Whatever goes wrong comes back as a [`Trouble`] that
//! says how far the dialogue had come; what that means is decided in
//! [`trouble`](crate::channel::trouble). A connection that had trouble is dropped, except after a
//! refusal from which RSET recovers.
//!
//! The dialogue is spoken here and not by lettre's connection, because three of its habits lose or
//! repeat notices: a `250` with no words behind it or in another character set counts as a failure
//! (and is sent again for days), what stands behind the answer to STARTTLS is read as if it had
//! come encrypted, and a time-out does not tell after which verb it came.

mod at_once;

use super::auth::SignIn;
use super::ending::Ending;
use super::message::Envelope;
use super::resolve::Resolver;
use super::stagger::Stagger;
use super::talk::{Listener, What};
use super::tls;
use super::wire::{Reply, Wire};
use crate::channel::trouble::{Failure, Trouble, Verb, printable};
use crate::log;
use noroshi_core::config::{SmtpServer, SmtpTls};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// Longest wait for a TCP connection: longer than two lost SYNs, shorter than an operator's
/// patience with the second server in line.
pub(super) const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// Longest wait for the first answer on a connection that lay idle; then it is taken for dead and
/// a new one made.
const REUSE_WAIT_MAX: Duration = Duration::from_secs(3);
/// A whole dialogue up to the message's end may take this many times the wait for one answer.
const DIALOGUE_WAITS: u32 = 3;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For one answer.
    each: Duration,
    /// For the answer to the message's end.
    last: Duration,
    /// When the dialogue must have come to the message's end.
    until: Instant,
}

impl Patience {
    /// For a dialogue that begins now. The wait for the last reply grows with the attempts, up to
    /// RFC 5321's ten minutes (section 4.5.3.2.6): a server that takes a mail but is slow to say
    /// so would otherwise get a copy with every attempt.
    pub(super) fn new(each: Duration, attempt: u32) -> Patience {
        const LAST_MAX: Duration = Duration::from_secs(600);
        Patience {
            each,
            last: each.saturating_mul(attempt.max(1)).min(LAST_MAX.max(each)),
            until: crate::clock::instant() + each.saturating_mul(DIALOGUE_WAITS),
        }
    }

    /// For a connection, or for the name service before it: never beyond the whole dialogue's time.
    pub(super) fn connect(&self) -> Duration {
        let left = self
            .until
            .saturating_duration_since(crate::clock::instant());
        self.each.min(CONNECT_WAIT_MAX).min(left)
    }

    fn next(&self) -> Instant {
        (crate::clock::instant() + self.each).min(self.until)
    }
}

/// An open connection, ready for MAIL.
#[derive(Debug)]
pub(super) struct Connection {
    wire: Wire,
    /// `host:port (address)`, for people.
    server: String,
    features: Features,
    /// It has lain idle: after a mail, or made ready before one.
    is_used: bool,
    /// An answer is still to come: nothing more can be said on it.
    lacks_answers: bool,
    listener: Listener,
}

/// What the server offered in answer to EHLO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Features {
    starttls: bool,
    smtputf8: bool,
    pipelining: bool,
    auth: Vec<String>,
}

impl Connection {
    /// Connects, encrypts and signs in as the settings demand.
    pub(super) async fn open(
        server: &SmtpServer,
        resolver: &Resolver,
        host_name: &str,
        patience: &Patience,
        listener: &Listener,
    ) -> Result<Connection, Trouble> {
        let (socket, address) = connect(server, resolver, patience, listener).await?;
        let shown = shown(server, Some(address));
        let trouble = |verb, failure| Trouble {
            server: shown.clone(),
            verb,
            failure,
        };
        let lost = |error: std::io::Error| Failure::Lost(error.to_string());
        let hello = hello_name(host_name, socket.local_addr().ok().map(|local| local.ip()));
        let wire = Wire::new(socket).map_err(|error| trouble(Verb::Connect, lost(error)))?;
        let mut connection = Connection {
            wire,
            server: shown.clone(),
            features: Features::default(),
            is_used: false,
            lacks_answers: false,
            listener: listener.clone(),
        };
        if server.tls == SmtpTls::Implicit {
            connection = connection.encrypt(server, patience).await?;
        }
        connection
            .expect(220, Verb::Greeting, patience.next())
            .await?;
        connection.greet(&hello, patience).await?;
        if server.tls == SmtpTls::StartTls {
            if !connection.features.starttls {
                let cause = log::language().pick(
                    "the server does not offer STARTTLS; nothing is sent in plain text",
                    "サーバが STARTTLS に対応していません。平文では送信しません",
                );
                return Err(trouble(Verb::StartTls, Failure::Unfit(cause.into())));
            }
            connection
                .command("STARTTLS\r\n", 220, Verb::StartTls, patience.next())
                .await?;
            connection = connection.encrypt(server, patience).await?;
            // RFC 3207 section 4.2: what was offered before counts for nothing.
            connection.greet(&hello, patience).await?;
        }
        connection.sign_in(server, patience).await?;
        Ok(connection)
    }

    /// Hands over one mail; returns the server's last reply.
    pub(super) async fn deliver(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        patience: &Patience,
    ) -> Result<String, Trouble> {
        self.wire.renew();
        let is_ascii = envelope.sender.is_ascii() && envelope.recipient.is_ascii();
        let parameters = match (is_ascii, self.features.smtputf8) {
            (true, _) => "",
            (false, true) => " SMTPUTF8",
            (false, false) => {
                let cause = log::language().pick(
                    "the server takes no addresses beyond ASCII (SMTPUTF8)",
                    "サーバが ASCII 以外のアドレスに対応していません (SMTPUTF8)",
                );
                return Err(self.trouble(Verb::Mail, Failure::Unfit(cause.into())));
            }
        };
        let first = match self.is_used {
            true => patience
                .next()
                .min(crate::clock::instant() + REUSE_WAIT_MAX),
            false => patience.next(),
        };
        let mail = format!("MAIL FROM:<{}>{parameters}\r\n", envelope.sender);
        let rcpt = format!("RCPT TO:<{}>\r\n", envelope.recipient);
        if self.features.pipelining {
            self.begin_at_once(&mail, &rcpt, first, patience).await?;
        } else {
            self.command(&mail, 250, Verb::Mail, first).await?;
            self.command(&rcpt, 250, Verb::Rcpt, patience.next())
                .await?;
            self.command("DATA\r\n", 354, Verb::Data, patience.next())
                .await?;
        }
        let data = stuffed(message);
        self.listener
            .sent(|| format!("(the message, {} bytes)", data.len()));
        let until = crate::clock::instant() + patience.last;
        if let Err(failure) = self.wire.write(&data, until).await {
            // Not all of it left this host, so the server cannot have seen the message's end.
            return Err(self.trouble(Verb::Data, failure));
        }
        let reply = self.expect(250, Verb::Message, until).await?;
        self.is_used = true;
        Ok(printable(&format!(
            "{}: {} {}",
            self.server,
            reply.code,
            reply.line()
        )))
    }

    /// Clears a mail that was refused half-way, so that the next can follow.
    pub(super) async fn reset(&mut self, patience: &Patience) -> Result<(), Trouble> {
        self.is_used = true;
        if self.lacks_answers {
            return Err(self.trouble(Verb::Rset, Failure::Silent(patience.each)));
        }
        self.command("RSET\r\n", 250, Verb::Rset, patience.next())
            .await
            .map(drop)
    }

    /// Whether `trouble` only shows that the idle connection had ended meanwhile.
    pub(super) fn is_stale_after(&self, trouble: &Trouble) -> bool {
        let is_end = match &trouble.failure {
            Failure::Lost(_) | Failure::Silent(_) => true,
            Failure::Replied { code, .. } => *code == 421,
            _ => false,
        };
        self.is_used && trouble.verb == Verb::Mail && is_end
    }

    /// It lies idle from here on, and may have ended when it is wanted.
    pub(super) fn rest(&mut self) {
        self.is_used = true;
    }

    /// Says good-bye without waiting for an answer.
    pub(super) async fn close(mut self) {
        let until = crate::clock::instant() + Duration::from_millis(100);
        let _ = self.wire.write(b"QUIT\r\n", until).await;
    }

    async fn encrypt(
        self,
        server: &SmtpServer,
        patience: &Patience,
    ) -> Result<Connection, Trouble> {
        let shown = self.server.clone();
        let trouble = |failure| Trouble {
            server: shown.clone(),
            verb: Verb::Tls,
            failure,
        };
        let until = patience.next();
        let (config, name) = timeout_at(until, tls::settings(server, &self.listener))
            .await
            .map_err(|_| trouble(Failure::Silent(patience.each)))?
            .map_err(|cause| trouble(Failure::Unfit(cause)))?;
        let wire = self
            .wire
            .encrypt(config, name, until, &self.listener)
            .await
            .map_err(trouble)?;
        Ok(Connection { wire, ..self })
    }

    async fn greet(&mut self, hello: &str, patience: &Patience) -> Result<(), Trouble> {
        let ehlo = format!("EHLO {hello}\r\n");
        match self.command(&ehlo, 250, Verb::Ehlo, patience.next()).await {
            Ok(reply) => self.features = Features::read(&reply.text),
            // RFC 5321 section 3.2: a server that knows no EHLO may know HELO.
            Err(Trouble {
                failure:
                    Failure::Replied {
                        code: 500..=504, ..
                    },
                ..
            }) => {
                let helo = format!("HELO {hello}\r\n");
                self.command(&helo, 250, Verb::Ehlo, patience.next())
                    .await?;
                self.features = Features::default();
            }
            Err(trouble) => return Err(trouble),
        }
        Ok(())
    }

    async fn sign_in(&mut self, server: &SmtpServer, patience: &Patience) -> Result<(), Trouble> {
        let Some(auth) = &server.auth else {
            return Ok(());
        };
        let mut sign_in = SignIn::new(auth, &self.features.auth, self.wire.is_encrypted())
            .map_err(|cause| self.trouble(Verb::Auth, Failure::Unfit(cause)))?;
        let mut line = sign_in.begin();
        self.listener.hide(auth);
        let mechanism = sign_in.mechanism();
        self.listener
            .sent(|| format!("AUTH {mechanism} (credentials not shown)"));
        loop {
            let until = patience.next();
            let reply = match self.wire.write(line.as_bytes(), until).await {
                Ok(()) => self.wire.reply(until).await,
                Err(failure) => Err(failure),
            };
            let reply = reply.map_err(|failure| {
                let failure = match failure {
                    // It may be what was said, sent back.
                    Failure::Garbled(line) => Failure::Garbled(sign_in.blot(&line)),
                    other => other,
                };
                self.trouble(Verb::Auth, failure)
            })?;
            line = match reply.code {
                235 => {
                    self.listener.received(235, &sign_in.blot(&reply.text));
                    return Ok(());
                }
                334 => {
                    // A server could ask with what it was told.
                    self.listener.received(334, "(question not shown)");
                    let answer = sign_in.answer(&reply.text).ok_or_else(|| {
                        let cause = "a question that the mechanism does not have";
                        self.trouble(Verb::Auth, Failure::Garbled(cause.into()))
                    })?;
                    self.listener.hide_answer(&answer);
                    self.listener.sent(|| "(credentials not shown)".into());
                    answer
                }
                code => {
                    let text = sign_in.blot(&reply.text);
                    self.listener.received(code, &text);
                    return Err(self.trouble(Verb::Auth, Reply { code, text }.failure()));
                }
            };
        }
    }

    async fn command(
        &mut self,
        line: &str,
        wanted: u16,
        verb: Verb,
        until: Instant,
    ) -> Result<Reply, Trouble> {
        self.listener.sent(|| line.trim_end().to_owned());
        match self.wire.write(line.as_bytes(), until).await {
            Ok(()) => self.expect(wanted, verb, until).await,
            Err(failure) => Err(self.trouble(verb, failure)),
        }
    }

    async fn expect(&mut self, wanted: u16, verb: Verb, until: Instant) -> Result<Reply, Trouble> {
        let reply = self.wire.reply(until).await;
        if let Ok(reply) = &reply {
            self.listener.received(reply.code, &reply.text);
        }
        let failure = match reply {
            Ok(reply) if is_met(reply.code, wanted) => return Ok(reply),
            Ok(reply) => reply.failure(),
            Err(failure) => failure,
        };
        Err(self.trouble(verb, failure))
    }

    fn trouble(&self, verb: Verb, failure: Failure) -> Trouble {
        Trouble {
            server: self.server.clone(),
            verb,
            failure,
        }
    }
}

/// RFC 5321 section 4.3.2: a client decides by the first digit (251 to RCPT, for one, is a yes).
fn is_met(code: u16, wanted: u16) -> bool {
    code / 100 == wanted / 100
}

impl Features {
    fn read(text: &str) -> Features {
        let mut features = Features::default();
        // The first line is the server's name and greeting (RFC 5321 section 4.1.1.1).
        for line in text.lines().skip(1) {
            let line = line.trim().to_ascii_uppercase();
            // `AUTH=` is how old servers wrote it.
            let line = line.replacen("AUTH=", "AUTH ", 1);
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("STARTTLS") => features.starttls = true,
                Some("SMTPUTF8") => features.smtputf8 = true,
                Some("PIPELINING") => features.pipelining = true,
                Some("AUTH") => features.auth.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        features
    }
}

/// Tries the server's addresses, each with a head start before the next; the first to connect serves.
async fn connect(
    server: &SmtpServer,
    resolver: &Resolver,
    patience: &Patience,
    listener: &Listener,
) -> Result<(TcpStream, SocketAddr), Trouble> {
    let wait = patience.connect();
    let found = match listener.is_on() {
        true => resolver.fresh(&server.host, server.port, wait).await,
        false => resolver.addresses(&server.host, server.port, wait).await,
    };
    let addresses = found.map_err(|cause| Trouble {
        server: shown(server, None),
        verb: Verb::Resolve,
        failure: Failure::Lost(cause),
    })?;
    // A literal address says it all.
    if server.host.parse::<IpAddr>().is_err() {
        listener.note(What::Resolved, || {
            let all: Vec<String> = addresses.iter().map(|it| it.ip().to_string()).collect();
            all.join(", ")
        });
    }
    let mut failed = (None, Failure::Lost("no address".into()));
    let mut connections = Stagger::new(addresses, |address| async move {
        let wait = patience.connect();
        (timeout(wait, TcpStream::connect(address)).await, wait)
    });
    while let Some((address, (connected, wait))) = connections.next().await {
        match connected {
            Ok(Ok(socket)) => {
                listener.note(What::Connected, || address.to_string());
                return Ok((socket, address));
            }
            Ok(Err(error)) => {
                listener.note(What::NotConnected, || format!("{address}: {error}"));
                listener.hint(|| Ending::of_connect(&error));
                failed = (Some(address), Failure::Lost(error.to_string()));
            }
            Err(_) => {
                listener.note(What::NotConnected, || format!("{address}: > {wait:.1?}"));
                failed = (Some(address), Failure::Silent(wait));
            }
        }
    }
    let (address, failure) = failed;
    Err(Trouble {
        server: shown(server, address),
        verb: Verb::Connect,
        failure,
    })
}

/// `host:port`, with the address behind it unless the host is one.
pub(super) fn shown(server: &SmtpServer, address: Option<SocketAddr>) -> String {
    let (host, port) = (&server.host, server.port);
    match address {
        Some(address) if address.ip().to_string() != *host => {
            format!("{host}:{port} ({})", address.ip())
        }
        _ => format!("{host}:{port}"),
    }
}

/// How we call ourselves: the host's name where it has a domain, else the literal address that we
/// speak from (RFC 5321 section 4.1.4). Relays refuse a bare `localhost`.
fn hello_name(host_name: &str, local: Option<IpAddr>) -> String {
    let is_name = host_name.contains('.')
        && !host_name.starts_with("localhost")
        && host_name.len() <= 255
        && host_name.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
    match local {
        _ if is_name => host_name.to_owned(),
        Some(IpAddr::V4(address)) => format!("[{address}]"),
        Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        None => "localhost".to_owned(),
    }
}

/// The message as it goes over the wire: every line ends in CRLF, none but the last is a lone dot
/// (RFC 5321 section 4.5.2). Bare CR or LF become line ends *before* dots are doubled, so no byte
/// of a message can end it early on any server.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 64 + 8);
    let mut at_line_start = true;
    let mut bytes = message.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if byte == b'\r' {
                    bytes.next_if_eq(&b'\n');
                }
                out.extend_from_slice(b"\r\n");
                at_line_start = true;
            }
            byte => {
                if at_line_start && byte == b'.' {
                    out.push(b'.');
                }
                out.push(byte);
                at_line_start = false;
            }
        }
    }
    if !at_line_start {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N10
    #[test]
    fn no_byte_of_a_message_can_end_it() {
        for (message, wanted) in [
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".\r\n..b\r\n", "..\r\n...b\r\n.\r\n"),
            ("a\n.\nQUIT\n", "a\r\n..\r\nQUIT\r\n.\r\n"),
            ("a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\n.\rb\n.\n\r.", "a\r\n..\r\nb\r\n..\r\n\r\n..\r\n.\r\n"),
        ] {
            assert_eq!(
                String::from_utf8(stuffed(message.as_bytes())).unwrap(),
                wanted
            );
        }
    }

    /// Rule: N10
    #[test]
    fn we_never_call_ourselves_localhost_where_something_better_is_known() {
        let local = |text: &str| text.parse().ok();
        assert_eq!(
            hello_name("sv1.example.com", local("192.0.2.1")),
            "sv1.example.com"
        );
        assert_eq!(hello_name("sv1", local("192.0.2.1")), "[192.0.2.1]");
        assert_eq!(
            hello_name("localhost.localdomain", local("::1")),
            "[IPv6:::1]"
        );
        assert_eq!(
            hello_name("a.b\r\nMAIL FROM:<>", local("127.0.0.1")),
            "[127.0.0.1]"
        );
        assert_eq!(hello_name("sv1", None), "localhost");
    }

    /// Rule: N10
    #[test]
    fn what_a_server_offers_is_read() {
        let features = Features::read(
            "mx greets\nauth=plain\nAUTH CRAM-MD5 LOGIN\nStartTLS\nSIZE 9\nPipelining",
        );
        assert_eq!(features.auth, ["PLAIN", "CRAM-MD5", "LOGIN"]);
        assert!(features.starttls && features.pipelining && !features.smtputf8);
        assert_eq!(Features::read("AUTH PLAIN"), Features::default());
    }

    /// Rule: N8 N10
    #[test]
    fn the_wait_for_the_last_reply_grows_with_the_attempts() {
        let last = |attempt| {
            Patience::new(Duration::from_secs(30), attempt)
                .last
                .as_secs()
        };
        assert_eq!([last(0), last(1), last(3), last(500)], [30, 30, 90, 600]);
    }
}
