//! A cluster of engines in one process: configuration, driver and what they told.

use noroshi_core::alert::SessionId;
use noroshi_core::config::{
    Config, Heartbeat, Interconnect, InterconnectId, MailCharset, MailSettings, MailTransport,
    Server, ServerId, SyslogFormat, SyslogSettings,
};
use noroshi_core::event::{Event, Heard, Phase};
use noroshi_core::peer::PeerMessage;
use noroshi_core::text::Language;
use noroshi_daemon::engine::{Counts, Engine, EngineSetup, Gate};
use noroshi_daemon::inbox::INBOX_EVENTS_MAX;
use noroshi_daemon::{clock, entropy};
use noroshi_wire::key::ClusterKey;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Where [`port`] looks: below those that the kernel hands out, above that of the product.
const PORTS: Range<u16> = 29_100..29_356;
/// Tells a part of a test, run as a process of its own, the port of that test.
pub(crate) const PORT_VARIABLE: &str = "NOROSHI_TEST_PORT";

/// The port of every engine of this process. Two checkouts may be tested at once on one machine, with the
/// same addresses, so each process takes a port that no other has. Taken is one whose name, an abstract
/// socket address, is bound; the kernel lets go of it with the process.
pub(crate) fn port() -> u16 {
    static TAKEN: LazyLock<(u16, Option<UnixDatagram>)> = LazyLock::new(|| {
        if let Ok(port) = std::env::var(PORT_VARIABLE) {
            return (port.parse().expect("a port from the parent"), None);
        }
        let take = |port: u16| {
            let name = format!("noroshi-engine-sockets-{port}");
            let name = SocketAddr::from_abstract_name(name).expect("a short name");
            let socket = UnixDatagram::bind_addr(&name).ok()?;
            Some((port, Some(socket)))
        };
        PORTS.clone().find_map(take).expect("a free port")
    });
    TAKEN.0
}
/// Far more than anything here needs, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn key() -> ClusterKey {
    ClusterKey::new([42; 32])
}

/// The address of a server on an interconnect of the test `net`.
pub(crate) fn address(net: u8, path: u8, server: u8) -> IpAddr {
    IpAddr::from([127, net, path, server + 1])
}

/// `servers` servers with `paths` interconnects between all of them.
pub(crate) fn config(net: u8, servers: u8, paths: u8) -> Config {
    with_addresses(servers, paths, |server, path| address(net, path, server))
}

pub(crate) fn with_addresses(servers: u8, paths: u8, address: impl Fn(u8, u8) -> IpAddr) -> Config {
    let server = |server: u8| Server {
        name: format!("sv{}", server + 1),
        addresses: (0..paths).map(|path| Some(address(server, path))).collect(),
        lamp: None,
    };
    let interconnect = |path| Interconnect {
        name: format!("lankhb{}", path + 1),
        comment: "Kernel Mode LAN Heartbeat",
    };
    Config {
        cluster: "cluster".into(),
        engine: noroshi_core::config::Engine::Embedded,
        servers: (0..servers).map(server).collect(),
        interconnects: (0..paths).map(interconnect).collect(),
        heartbeat: Heartbeat::default(),
        port: port(),
        mail: MailSettings {
            recipients: vec![],
            subject: String::new(),
            transport: MailTransport::Sendmail {
                program: "/usr/sbin/sendmail".into(),
            },
            charset: MailCharset::Utf8,
            sender: String::new(),
        },
        lamps_used: false,
        lamps: vec![],
        destinations: vec![],
        syslog: SyslogSettings {
            format: SyslogFormat::Rfc3164,
            level: true,
            socket: "/dev/log".into(),
        },
        language: Language::En,
        console: noroshi_core::config::ConsoleSettings::default(),
        alert_records_max: 10_000,
        digest: 0xfeed,
    }
}

/// One engine with a driver that only beats and listens.
pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
    pub(crate) session: SessionId,
    pub(crate) inbox: mpsc::Receiver<Event>,
    /// The servers whose link stands, as far as events were taken out of the inbox.
    linked: BTreeSet<u8>,
    beats: JoinHandle<()>,
}

impl Node {
    pub(crate) fn start(config: &Config, own: u8) -> Node {
        Node::start_with(config, own, &key(), Gate::open())
    }

    pub(crate) fn start_with(config: &Config, own: u8, key: &ClusterKey, gate: Gate) -> Node {
        let session = entropy::session().expect("random bytes");
        let (send, inbox) = mpsc::channel(INBOX_EVENTS_MAX);
        let setup = EngineSetup {
            config,
            own: ServerId(own),
            key,
            session,
            gate,
        };
        let engine = Arc::new(Engine::start(setup, send).expect("own addresses and a free port"));
        let mut ticks = interval(Duration::from_micros(config.heartbeat.interval.0));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let beating = Arc::clone(&engine);
        let beats = tokio::spawn(async move {
            loop {
                ticks.tick().await;
                beating.beat(Phase::Running);
            }
        });
        Node {
            engine,
            session,
            inbox,
            linked: BTreeSet::new(),
            beats,
        }
    }

    /// Ends without a word, as far as that goes within one process.
    pub(crate) async fn end(self) {
        self.beats.abort();
        let _ = self.beats.await;
        drop(self.engine);
        // The engine's tasks close their sockets when they are next looked at.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    /// Ends in order, and hands over what it had told.
    pub(crate) async fn stop(self) -> mpsc::Receiver<Event> {
        self.beats.abort();
        let _ = self.beats.await;
        let engine =
            Arc::into_inner(self.engine).expect("the beats are over, nobody else holds it");
        engine.stop().await;
        self.inbox
    }

    pub(crate) fn counts(&self) -> Counts {
        self.engine.counts()
    }

    /// Waits for the first event that `pick` takes.
    pub(crate) async fn wait<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&Event) -> Option<T>,
    ) -> T {
        let linked = &mut self.linked;
        wait_in(&mut self.inbox, what, |event| {
            note_link(linked, event);
            pick(event)
        })
        .await
    }

    pub(crate) async fn wait_heard(&mut self, from: u8, path: u8) -> Heard {
        self.wait(
            &format!("sv{} heard over {path}", from + 1),
            |event| match event {
                Event::Heard(heard) => {
                    let wanted = (heard.from, heard.path) == (ServerId(from), InterconnectId(path));
                    wanted.then_some(*heard)
                }
                _ => None,
            },
        )
        .await
    }

    pub(crate) async fn wait_link(&mut self, server: u8, up: bool) {
        let event = if up { Event::LinkUp } else { Event::LinkDown };
        let event = event(ServerId(server));
        if self.linked.contains(&server) != up {
            self.wait(&format!("{event:?}"), |told| (*told == event).then_some(()))
                .await;
        }
    }

    /// Everything that is told within `time`.
    pub(crate) async fn listen(&mut self, time: Duration) -> Vec<Event> {
        while let Ok(event) = self.inbox.try_recv() {
            note_link(&mut self.linked, &event);
        }
        let until = clock::moment().0 + time.as_micros() as u64;
        let mut events = Vec::new();
        while let Some(left) = until.checked_sub(clock::moment().0) {
            match timeout(Duration::from_micros(left), self.inbox.recv()).await {
                Ok(event) => {
                    let event = event.expect("the engine holds the other end");
                    note_link(&mut self.linked, &event);
                    events.push(event);
                }
                Err(_) => break,
            }
        }
        events
    }
}

fn note_link(linked: &mut BTreeSet<u8>, event: &Event) {
    match event {
        Event::LinkUp(server) => assert!(linked.insert(server.0), "up twice: {server:?}"),
        Event::LinkDown(server) => assert!(linked.remove(&server.0), "down twice: {server:?}"),
        _ => {}
    }
}

async fn wait_in<T>(
    inbox: &mut mpsc::Receiver<Event>,
    what: &str,
    mut pick: impl FnMut(&Event) -> Option<T>,
) -> T {
    let found = async {
        loop {
            let event = inbox
                .recv()
                .await
                .unwrap_or_else(|| panic!("ended before: {what}"));
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    };
    timeout(PATIENCE, found)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// The servers and interconnects heard in `events`.
pub(crate) fn heard(events: &[Event]) -> BTreeSet<(u8, u8)> {
    let heard = events.iter().filter_map(|event| match event {
        Event::Heard(heard) => Some((heard.from.0, heard.path.0)),
        _ => None,
    });
    heard.collect()
}

/// A message that can be told from others by its text.
pub(crate) fn message(text: impl Into<String>) -> PeerMessage {
    PeerMessage::Stop {
        by: text.into(),
        cluster: false,
    }
}
