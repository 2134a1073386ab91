//! What the lamp tests share.

// Each test program uses its own part of it.
#![allow(dead_code)]

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use noroshi_core::config::{Lamp, LampId, LampKind, RshUsers, Secret, ServerId};
use noroshi_core::event::Event;
use noroshi_core::lamp::{LampOrder, LampResult, Look, OrderNumber};
use noroshi_daemon::channel::lamp::{Deadlines, LampChannel};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Where simulated lamps listen.
pub(crate) const LOOPBACK: &str = "127.0.0.1:0";
/// How much later than its deadline a result may come on a busy machine.
pub(crate) const SLACK: Duration = Duration::from_secs(5);

/// Short limits, for what must run into them.
pub(crate) fn quick() -> Deadlines {
    Deadlines {
        connect: Duration::from_millis(100),
        exchange: Duration::from_millis(200),
        resend: Duration::from_millis(50),
    }
}

/// One lamp on a channel.
pub(crate) struct Bench {
    pub(crate) channel: LampChannel,
    pub(crate) events: mpsc::Receiver<Event>,
    deadlines: Deadlines,
    given: Cell<u64>,
}

impl Bench {
    pub(crate) fn new(kind: LampKind, at: SocketAddr, deadlines: Deadlines) -> Self {
        Self::with_lamps(vec![lamp(kind, at)], deadlines)
    }

    pub(crate) fn with_lamps(lamps: Vec<Lamp>, deadlines: Deadlines) -> Self {
        let (inbox, events) = mpsc::channel(64);
        let names = vec!["sv1".into(), "sv2".into()];
        let channel = LampChannel::start_with(lamps, names, inbox, deadlines);
        Self {
            channel,
            events,
            deadlines,
            given: Cell::new(0),
        }
    }

    /// Gives an order and does not wait.
    pub(crate) fn order(&self, lamp: LampId, order: LampOrder) -> OrderNumber {
        let number = OrderNumber(self.given.get() + 1);
        self.given.set(number.0);
        self.channel.order(lamp, number, order);
        number
    }

    /// Takes back every order that was given for a lamp.
    pub(crate) fn cancel(&self, lamp: LampId) {
        self.channel.cancel(lamp, OrderNumber(self.given.get()));
    }

    /// Gives an order to the first lamp and waits for its one result.
    pub(crate) async fn ask(&mut self, order: LampOrder) -> LampResult {
        let number = self.order(LampId(0), order);
        let (lamp, answered, result) = self.next().await;
        assert_eq!((lamp, answered), (LampId(0), number));
        assert!(self.events.try_recv().is_err(), "one order, one event");
        result
    }

    pub(crate) async fn show(&mut self, look: Look) -> LampResult {
        self.ask(LampOrder::Show(look)).await
    }

    pub(crate) async fn read(&mut self, look: Look) -> LampResult {
        self.ask(LampOrder::ReadBack(look)).await
    }

    pub(crate) async fn next(&mut self) -> (LampId, OrderNumber, LampResult) {
        let event = timeout(self.deadlines.exchange * 4 + SLACK, self.events.recv()).await;
        match event.expect("a result within the exchange's time") {
            Some(Event::Lamp {
                lamp,
                number,
                result,
            }) => (lamp, number, result),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn lamp(kind: LampKind, at: SocketAddr) -> Lamp {
    Lamp {
        address: at.ip(),
        kind,
        port: Some(at.port()),
        servers: vec![ServerId(0), ServerId(1)],
    }
}

pub(crate) fn users(local: &str, remote: &str) -> RshUsers {
    RshUsers {
        local: local.into(),
        remote: remote.into(),
    }
}

pub(crate) fn isa_rsh() -> LampKind {
    LampKind::IsaRsh {
        users: users("root", "root"),
        password: None,
    }
}

pub(crate) fn patlite_rsh() -> LampKind {
    LampKind::PatliteRsh {
        users: users("root", "root"),
    }
}

pub(crate) fn snmp(read: &str, write: &str) -> LampKind {
    LampKind::PatliteSnmp {
        read: Secret::new(read.into()),
        write: Secret::new(write.into()),
    }
}

pub(crate) fn done(shown: Option<Look>) -> LampResult {
    LampResult::Done { shown }
}

/// 6 or 7 and the code, 0 for a success.
pub(crate) fn number(result: &LampResult) -> (u8, u8) {
    match result {
        LampResult::Done { .. } => (0, 0),
        LampResult::Cancelled => panic!("nobody took it back"),
        LampResult::Abnormal { code, .. } => (6, *code),
        LampResult::Failed { code, .. } => (7, *code),
    }
}

pub(crate) fn text(result: &LampResult) -> &str {
    match result {
        LampResult::Done { .. } | LampResult::Cancelled => "",
        LampResult::Abnormal { text, .. } | LampResult::Failed { text, .. } => text,
    }
}

/// Whether this process may use reserved ports. Says what is skipped if not.
pub(crate) fn reserved_ports() -> bool {
    let mut ports = 600..620;
    ports.any(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok())
        || skip("rsh: this process may not use reserved ports")
}

/// Says what is skipped, or panics where nothing may be.
pub(crate) fn skip(what: &str) -> bool {
    assert!(
        std::env::var_os("NOROSHI_REQUIRE_ALL").is_none(),
        "must not be skipped: {what}"
    );
    eprintln!("skipped: {what}");
    false
}

/// Whether this process is root.
pub(crate) fn root() -> bool {
    rustix::process::geteuid().is_root()
}
