//! The SMTP servers of one set of settings: order, fail-over, connections kept open (rule N10).
//!
//! A mail goes to the first server that is not cooling down. While that one has not greeted us
//! within its head start ([`HEAD_START`](super::stagger::HEAD_START)) the next one is called as
//! well, and whichever is ready first is given the mail; only one ever has it. A server that failed,
//! or lost such a race, is passed over for [`COOL_DOWN`], so that a dead first server delays one mail
//! and not each; when all are cooling they are tried all the same, in order of priority. Connections
//! stay open for
//! [`IDLE_MAX`] after a mail; one that ended meanwhile is replaced at once and never counts as a
//! failure.

use super::message::{self, Envelope, MailAddress};
use super::resolve::Resolver;
use super::smtp::{Connection, Patience, shown};
use super::stagger::Stagger;
use super::talk::{Listener, What};
use super::{MailContext, host_name};
use crate::channel::trouble::{self, Failure, Trouble, Verb, Verdict};
use crate::engine::Gate;
use noroshi_core::config::SmtpServer;
use noroshi_core::notice::{Outcome, Sending};
use noroshi_core::text::Language;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a server that failed is passed over while another one is left.
pub(super) const COOL_DOWN: Duration = Duration::from_secs(30);
/// How long a connection is kept open without a mail.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(30);

/// The servers of one set of settings.
#[derive(Debug)]
pub(super) struct Post {
    relays: Vec<Relay>,
    timeout: Duration,
    host_name: String,
}

#[derive(Debug)]
struct Relay {
    server: SmtpServer,
    resolver: Resolver,
    gate: Gate,
    state: Mutex<RelayState>,
}

#[derive(Debug, Default)]
struct RelayState {
    /// Open connections and since when each lies idle, the latest last. As many as there are
    /// attempts at a time, at most (`ATTEMPTS_MAX`).
    idle: Vec<(Connection, Instant)>,
    cooling_until: Option<Instant>,
}

impl Post {
    pub(super) fn new(servers: &[SmtpServer], timeout: Duration, gate: &Gate) -> Post {
        let relay = |server: &SmtpServer| Relay {
            server: server.clone(),
            resolver: Resolver::default(),
            gate: gate.clone(),
            state: Mutex::default(),
        };
        Post {
            relays: servers.iter().map(relay).collect(),
            timeout,
            host_name: host_name(),
        }
    }

    /// One attempt at one notice: each server in turn until one takes it or gives a verdict.
    pub(super) async fn send(
        &self,
        context: &MailContext,
        sending: &Sending,
        recipient: &MailAddress,
    ) -> Outcome {
        let (mut causes, mut all_hard) = (Vec::new(), true);
        let mut calls = Stagger::new(self.in_order(), |relay: &Relay| async move {
            let patience = Patience::new(self.timeout, sending.attempt);
            let ready = relay.ready(&self.host_name, &patience).await;
            (ready, patience)
        });
        while let Some((relay, (ready, patience))) = calls.next().await {
            let result = match ready {
                Ok(mut connection) => {
                    // Two servers must never have the same mail in hand.
                    calls.call_off().into_iter().for_each(Relay::cool_down);
                    let envelope = Envelope {
                        sender: relay.sender(context),
                        recipient: recipient.clone(),
                    };
                    let now = crate::clock::timestamp();
                    let message = match message::build(context, sending, &envelope, now) {
                        Ok(message) => message,
                        Err(cause) => {
                            return Outcome::Retry {
                                cause,
                                maybe_taken: false,
                            };
                        }
                    };
                    let result = connection.deliver(&envelope, &message, &patience).await;
                    if matches!(&result, Err(trouble) if connection.is_stale_after(trouble)) {
                        // What lay idle beside it has most likely ended as well.
                        relay.state().idle.clear();
                        calls.again(relay);
                        continue;
                    }
                    relay.keep(connection, result, &patience).await
                }
                Err(trouble) => Err(trouble),
            };
            let trouble = match result {
                Ok(reply) => return Outcome::Delivered { reply },
                Err(trouble) => trouble,
            };
            causes.push(trouble.text(context.language));
            if trouble.is_about_server() {
                relay.cool_down();
            }
            match trouble.verdict() {
                Verdict::NextServer { hard } => all_hard &= hard,
                verdict => return outcome(verdict, &causes, context.language, sending.attempt),
            }
        }
        let verdict = Verdict::NextServer {
            hard: all_hard && !causes.is_empty(),
        };
        outcome(verdict, &causes, context.language, sending.attempt)
    }

    /// Makes a connection ready to the server that the next mail would go to first, unless one lies idle. What fails
    /// says nothing of that mail.
    pub(super) async fn prepare(&self) {
        let Some(relay) = self.in_order().into_iter().next() else {
            return;
        };
        if !relay.state().idle.is_empty() {
            return;
        }
        let patience = Patience::new(self.timeout, 1);
        if let Ok(mut connection) = relay.ready(&self.host_name, &patience).await {
            connection.rest();
            let since = crate::clock::instant();
            relay.state().idle.push((connection, since));
        }
    }

    /// A test mail, one server after another in order of priority until one takes it or gives a
    /// verdict, as a real one would go; `listener` hears all of it.
    pub(super) async fn test(
        &self,
        context: &MailContext,
        sending: &Sending,
        recipient: &MailAddress,
        listener: &Listener,
    ) -> Option<String> {
        for relay in &self.relays {
            listener.note(What::Server, || shown(&relay.server, None));
            let heard = relay.heard(self, context, sending, recipient, listener);
            match heard.await {
                Ok(reply) => return Some(reply),
                Err(trouble) => {
                    listener.failed(&trouble, &trouble.text(context.language));
                    if !matches!(trouble.verdict(), Verdict::NextServer { .. }) {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Closes what has lain idle for long; returns when to look again.
    pub(super) async fn close_idle(&self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for relay in &self.relays {
            let (old, kept) = {
                let mut state = relay.state();
                let idle = std::mem::take(&mut state.idle);
                let (old, kept): (Vec<_>, Vec<_>) = idle
                    .into_iter()
                    .partition(|(_, since)| *since + IDLE_MAX <= now);
                let first = kept.iter().map(|(_, since)| *since).min();
                state.idle = kept;
                (old, first)
            };
            for (connection, _) in old {
                connection.close().await;
            }
            let due = kept.map(|since| since + IDLE_MAX);
            next = [next, due].into_iter().flatten().min();
        }
        next
    }

    /// Those that are not cooling down first, each group in order of priority.
    fn in_order(&self) -> Vec<&Relay> {
        let now = crate::clock::instant();
        let is_cooling = |relay: &Relay| relay.state().cooling_until.is_some_and(|t| t > now);
        let mut order: Vec<&Relay> = self.relays.iter().collect();
        order.sort_by_key(|relay| is_cooling(relay));
        order
    }
}

impl Relay {
    /// A connection that a mail can be given to: one that lies idle, else a new one.
    async fn ready(&self, host_name: &str, patience: &Patience) -> Result<Connection, Trouble> {
        self.pass(patience).await?;
        let idle = self.state().idle.pop();
        match idle {
            Some((connection, _)) => Ok(connection),
            None => {
                let deaf = Listener::default();
                Connection::open(&self.server, &self.resolver, host_name, patience, &deaf).await
            }
        }
    }

    /// One mail on a connection of its own, which `listener` hears; it says nothing of how this server
    /// does to the mails that follow.
    async fn heard(
        &self,
        post: &Post,
        context: &MailContext,
        sending: &Sending,
        recipient: &MailAddress,
        listener: &Listener,
    ) -> Result<String, Trouble> {
        let patience = Patience::new(post.timeout, sending.attempt);
        self.pass(&patience).await?;
        let (server, host_name) = (&self.server, &post.host_name);
        let opened = Connection::open(server, &self.resolver, host_name, &patience, listener);
        let mut connection = opened.await?;
        let envelope = Envelope {
            sender: self.sender(context),
            recipient: recipient.clone(),
        };
        let now = crate::clock::timestamp();
        let message = message::build(context, sending, &envelope, now);
        let message = message.map_err(|cause| Trouble {
            server: shown(server, None),
            verb: Verb::Data,
            failure: Failure::Unfit(cause),
        })?;
        let reply = connection.deliver(&envelope, &message, &patience).await;
        connection.close().await;
        reply
    }

    /// Passes this server over for a while.
    fn cool_down(&self) {
        self.state().cooling_until = Some(crate::clock::instant() + COOL_DOWN);
    }

    /// Waits as for a connection while the gate cuts this server off. A name counts as an address
    /// of its own: only a cut of everything stops it.
    async fn pass(&self, patience: &Patience) -> Result<(), Trouble> {
        let address = self.server.host.parse::<IpAddr>();
        let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let wait = patience.connect();
        let passable = timeout(wait, self.gate.passable(address)).await;
        passable.map_err(|_| Trouble {
            server: shown(&self.server, None),
            verb: Verb::Connect,
            failure: Failure::Silent(wait),
        })
    }

    /// Keeps the connection for the next mail where it is still good for one.
    async fn keep(
        &self,
        mut connection: Connection,
        result: Result<String, Trouble>,
        patience: &Patience,
    ) -> Result<String, Trouble> {
        let is_good = match &result {
            Ok(_) => true,
            Err(trouble) if trouble.is_about_server() => false,
            Err(_) => connection.reset(patience).await.is_ok(),
        };
        if is_good {
            let mut state = self.state();
            state.cooling_until = None;
            state.idle.push((connection, crate::clock::instant()));
        }
        result
    }

    /// This server's own sender address, else the general one, else one made of our host name.
    fn sender(&self, context: &MailContext) -> MailAddress {
        MailAddress::parse(&self.server.sender).unwrap_or_else(|| context.sender())
    }

    fn state(&self) -> MutexGuard<'_, RelayState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn outcome(verdict: Verdict, causes: &[String], language: Language, attempt: u32) -> Outcome {
    let causes = causes.join("; ");
    let cause = match language {
        Language::En => format!("attempt {attempt}: {causes}"),
        Language::Ja => format!("{attempt} 回目: {causes}"),
    };
    trouble::outcome(verdict, trouble::printable(&cause))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{context, sending};
    use super::*;
    use noroshi_core::config::{MailForm, SmtpTls};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    /// Answers one dialogue and returns its commands once the connection has ended.
    async fn serve(listener: TcpListener) -> Vec<String> {
        let (socket, _) = listener.accept().await.unwrap();
        let mut socket = BufReader::new(socket);
        socket.write_all(b"220 x\r\n").await.unwrap();
        let (mut lines, mut is_data) = (Vec::new(), false);
        loop {
            let mut line = String::new();
            if socket.read_line(&mut line).await.unwrap_or(0) == 0 {
                return lines;
            }
            let reply: &[u8] = match line.trim_end() {
                "DATA" => {
                    is_data = true;
                    b"354 go\r\n"
                }
                "." => {
                    is_data = false;
                    b"250 ok\r\n"
                }
                _ if is_data => continue,
                _ => b"250 ok\r\n",
            };
            lines.push(line.trim_end().to_owned());
            // After QUIT nobody may be there any more.
            let _ = socket.write_all(reply).await;
        }
    }

    fn server(port: u16) -> SmtpServer {
        SmtpServer {
            host: "127.0.0.1".into(),
            port,
            sender: String::new(),
            tls: SmtpTls::Plain,
            ca_file: None,
            verify: true,
            auth: None,
        }
    }

    /// An address that swallows connections: its backlog is full and nobody accepts.
    async fn black_hole() -> (TcpListener, Vec<tokio::net::TcpStream>) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut open = Vec::new();
        let brief = Duration::from_millis(300);
        while let Ok(stream) = timeout(brief, tokio::net::TcpStream::connect(address)).await {
            open.push(stream.unwrap());
        }
        (listener, open)
    }

    /// The first server swallows everything, before the connection and behind it.
    ///
    /// Rule: N10
    #[tokio::test]
    async fn a_silent_first_server_costs_the_first_notice_its_head_start() {
        let (hole, _open) = black_hole().await;
        let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for silent in [&hole, &mute] {
            let healthy = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let servers = [silent, &healthy].map(|it| server(it.local_addr().unwrap().port()));
            let serving = tokio::spawn(serve(healthy));
            let post = Post::new(&servers, Duration::from_secs(60), &Gate::open());
            let recipient = MailAddress::parse("ops@example.com").unwrap();
            let (context, sending) = (context(Language::En), sending(MailForm::Long));
            // Well below the wait for a connection, or for a greeting.
            let soon = super::super::smtp::CONNECT_WAIT_MAX - Duration::from_millis(500);
            let sent = timeout(soon, post.send(&context, &sending, &recipient)).await;
            assert!(matches!(sent, Ok(Outcome::Delivered { .. })), "{sent:?}");
            assert!(post.relays[0].state().cooling_until.is_some());
            assert!(post.relays[1].state().cooling_until.is_none());
            drop(post);
            let lines = serving.await.unwrap();
            let mails = lines.iter().filter(|line| line.starts_with("MAIL"));
            assert_eq!(mails.count(), 1, "{lines:?}");
        }
    }

    /// Rule: N10
    #[tokio::test]
    async fn an_idle_connection_is_kept_for_its_time_and_then_closed_politely() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = server(listener.local_addr().unwrap().port());
        let serving = tokio::spawn(serve(listener));
        let post = Post::new(&[server], Duration::from_secs(10), &Gate::open());
        let recipient = MailAddress::parse("ops@example.com").unwrap();
        let (context, sending) = (context(Language::En), sending(MailForm::Long));
        for _ in 0..2 {
            let outcome = post.send(&context, &sending, &recipient).await;
            assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        }
        assert!(post.close_idle(Instant::now()).await.is_some());
        assert_eq!(post.close_idle(Instant::now() + IDLE_MAX).await, None);
        let lines = tokio::time::timeout(Duration::from_secs(20), serving)
            .await
            .unwrap()
            .unwrap();
        let count = |verb: &str| lines.iter().filter(|line| line.starts_with(verb)).count();
        assert_eq!(
            (count("EHLO"), count("MAIL"), count("QUIT")),
            (1, 2, 1),
            "{lines:?}"
        );
    }

    /// What takes its time at a real server (name, handshakes, signing in) is done before the verdict.
    ///
    /// Rule: N5 N10
    #[tokio::test]
    async fn a_connection_is_made_ready_once_before_the_mail_that_needs_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = server(listener.local_addr().unwrap().port());
        let serving = tokio::spawn(serve(listener));
        let post = Post::new(&[server], Duration::from_secs(10), &Gate::open());
        for _ in 0..2 {
            post.prepare().await;
            assert_eq!(post.relays[0].state().idle.len(), 1);
        }
        let recipient = MailAddress::parse("ops@example.com").unwrap();
        let (context, sending) = (context(Language::En), sending(MailForm::Long));
        let outcome = post.send(&context, &sending, &recipient).await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        assert_eq!(post.close_idle(Instant::now() + IDLE_MAX).await, None);
        let served = timeout(Duration::from_secs(20), serving).await;
        let lines = served.unwrap().unwrap();
        let count = |verb: &str| lines.iter().filter(|line| line.starts_with(verb)).count();
        let counts = (count("EHLO"), count("MAIL"), count("QUIT"));
        assert_eq!(counts, (1, 1, 1), "{lines:?}");
    }

    /// A server closes what says nothing for a while, also what was made ready in advance.
    ///
    /// Rule: N5 N10
    #[tokio::test]
    async fn a_connection_made_ready_that_has_ended_costs_a_mail_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = server(listener.local_addr().unwrap().port());
        let serving = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let mut socket = BufReader::new(socket);
            socket.write_all(b"220 x\r\n").await.unwrap();
            let mut line = String::new();
            socket.read_line(&mut line).await.unwrap();
            socket.write_all(b"250 x\r\n").await.unwrap();
            socket.write_all(b"421 too slow\r\n").await.unwrap();
            drop(socket);
            serve(listener).await
        });
        let post = Post::new(&[server], Duration::from_secs(10), &Gate::open());
        post.prepare().await;
        assert_eq!(post.relays[0].state().idle.len(), 1);
        let recipient = MailAddress::parse("ops@example.com").unwrap();
        let (context, sending) = (context(Language::En), sending(MailForm::Long));
        let outcome = post.send(&context, &sending, &recipient).await;
        assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
        serving.abort();
    }
}
