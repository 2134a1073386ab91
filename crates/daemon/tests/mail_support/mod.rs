//! Helpers of the mail and syslog tests: a channel with its answers, programs that we did not
//! write, and a server that misbehaves on demand.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(unreachable_pub, reason = "shared by several test crates")]

pub mod fake;
pub mod postfix;

use jiff::tz::TimeZone;
use noroshi_core::alert::{Alert, AlertId, Destinations, MessageId, Severity};
use noroshi_core::config::{
    MailCharset, MailForm, MailSettings, MailTransport, SmtpServer, SmtpTls,
};
use noroshi_core::event::Event;
use noroshi_core::notice::{Channel, NoticeKey, Outcome, Sending};
use noroshi_core::text::Language;
use noroshi_core::time::{Span, WallTime};
use noroshi_daemon::channel::mail::{MailChannel, MailContext};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longest that any one step of a test may take.
pub const STEP_MAX: Duration = Duration::from_secs(30);

/// A mail channel and the answers that it gives.
pub struct Office {
    pub channel: MailChannel,
    pub events: mpsc::Receiver<Event>,
}

impl Office {
    pub fn open(context: MailContext) -> Office {
        let (inbox, events) = mpsc::channel(1_024);
        Office {
            channel: MailChannel::start(context, inbox),
            events,
        }
    }

    /// The next answer.
    pub async fn answer(&mut self) -> (NoticeKey, Outcome) {
        match timeout(STEP_MAX, self.events.recv()).await {
            Ok(Some(Event::Outcome(key, outcome))) => (key, outcome),
            other => panic!("no answer: {other:?}"),
        }
    }

    /// One notice from hand-over to answer.
    pub async fn send(&mut self, sending: Sending) -> Outcome {
        let wanted = sending.key.clone();
        self.channel.send(Box::new(sending));
        let (key, outcome) = self.answer().await;
        assert_eq!(key, wanted);
        outcome
    }
}

pub fn context(servers: Vec<SmtpServer>) -> MailContext {
    context_with(MailTransport::Smtp {
        servers,
        timeout: Span::from_secs(10),
    })
}

pub fn context_with(transport: MailTransport) -> MailContext {
    MailContext {
        cluster: "clusterA".into(),
        server: "sv1".into(),
        settings: MailSettings {
            recipients: Vec::new(),
            subject: "clusterA".into(),
            transport,
            charset: MailCharset::Utf8,
            sender: "noroshi@example.test".into(),
        },
        language: Language::En,
        console_hint: None,
        log_directory: "/var/log/noroshi".into(),
        zone: TimeZone::posix("JST-9").unwrap(),
    }
}

pub fn plain(address: SocketAddr) -> SmtpServer {
    SmtpServer {
        host: address.ip().to_string(),
        port: address.port(),
        sender: "noroshi@example.test".into(),
        tls: SmtpTls::Plain,
        ca_file: None,
        verify: true,
        auth: None,
    }
}

pub fn sending(recipient: &str, id: &str) -> Sending {
    let text = "Server sv2 is down: all interconnects are silent. Check it.";
    let alert = Alert {
        id: AlertId(id.into()),
        message: MessageId {
            module: "nm".into(),
            event: 2,
        },
        severity: Severity::Info,
        time: WallTime(1_795_284_245_678),
        server: "sv3".into(),
        about: Some("sv2".into()),
        text: text.into(),
        thread: None,
        destinations: Destinations::default(),
    };
    Sending {
        key: NoticeKey {
            alert: alert.id.clone(),
            channel: Channel::Mail,
            recipient: recipient.into(),
        },
        alert: Arc::new(alert),
        form: MailForm::Long,
        possible_repeat: false,
        attempt: 1,
        unrecorded: false,
    }
}

pub fn with_text(mut sending: Sending, text: &str) -> Sending {
    let mut alert = (*sending.alert).clone();
    alert.text = text.into();
    sending.alert = Arc::new(alert);
    sending
}

/// Where `program` is; `None`, said plainly, where the test must be skipped.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = path
        .split(':')
        .map(|dir| PathBuf::from(dir).join(name))
        .find(|p| p.exists());
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// Whether the test runs as root; says plainly that it is skipped where not.
pub fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skip("this test needs root");
    }
    is_root
}

pub fn skip(why: &str) {
    assert!(
        std::env::var_os("NOROSHI_REQUIRE_ALL").is_none_or(|v| v != "1"),
        "{why}"
    );
    eprintln!("skipped: {why}");
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Waits until something listens there.
pub fn await_listener(address: SocketAddr) {
    await_that(&format!("{address} listens"), || {
        TcpStream::connect(address).is_ok()
    });
}

/// Waits until `is_so`, with a deadline. Files and programs of others tell us nothing else.
pub fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + STEP_MAX;
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A program that ends with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Postfix's smtp-sink with `options`, listening.
pub fn smtp_sink(options: &[&str]) -> Option<(Running, SocketAddr)> {
    let program = program("smtp-sink")?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.args(["-u", "nobody"]);
    }
    let child = command
        .args(options)
        .args([&address.to_string(), "100"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    await_listener(address);
    Some((Running(child), address))
}

/// Runs a program to its end; panics with its words if it fails.
pub fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}
