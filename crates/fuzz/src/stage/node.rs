//! One of three servers on virtual time, whose disk takes everything and whose notices all arrive.

use noroshi_core::action::Action;
use noroshi_core::alert::SessionId;
use noroshi_core::config::{Config, InterconnectId, ServerId};
use noroshi_core::event::{Event, FromPacemaker, Heard, Phase};
use noroshi_core::lamp::LampResult;
use noroshi_core::node::Node;
use noroshi_core::notice::Outcome;
use noroshi_core::time::{Moment, Now, Span, WallTime};
use std::sync::LazyLock;

const CONF: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<root>
  <cluster><name>harbour</name><mail><address>ops@example.com</address></mail><dn1000s><use>1</use></dn1000s></cluster>
  <server name="sv1"><priority>0</priority>
    <device id="0"><type>lan</type><info>10.0.0.1</info></device>
    <device id="20000"><type>dn1500gl</type><info>10.0.1.1</info></device></server>
  <server name="sv2"><priority>1</priority>
    <device id="0"><type>lan</type><info>10.0.0.2</info></device>
    <device id="20000"><type>dn1500gl</type><info>10.0.1.2</info></device></server>
  <server name="sv3"><priority>2</priority>
    <device id="0"><type>lan</type><info>10.0.0.3</info></device></server>
</root>
"#;

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let parsed = noroshi_conf::read(CONF.as_bytes());
    parsed.unwrap_or_else(|faults| panic!("{faults:#?}")).config
});

/// Answers to actions that are given after one step; a node that asks without end is a fault.
const ANSWERS_MAX: usize = 10_000;

/// The server.
pub(crate) struct Server {
    node: Node,
    now: Now,
}

impl Server {
    /// It is at work, has heard the two others, and the links to them stand.
    pub(crate) fn begin() -> Server {
        let now = Now {
            at: Moment(1_000_000),
            wall: WallTime(1_795_376_612_000),
        };
        let session = |n: u8| SessionId([n; 12]);
        let node = Node::new(now, ServerId(0), session(1), CONFIG.clone());
        let mut server = Server { node, now };
        server.step(Event::Start(Box::default()));
        for from in 1..3 {
            server.pass(50);
            server.step(Event::Heard(Heard {
                from: ServerId(from),
                path: InterconnectId(0),
                session: session(1 + from),
                phase: Phase::Running,
                missed: 0,
                config_digest: CONFIG.digest,
            }));
            server.step(Event::LinkUp(ServerId(from)));
        }
        server
    }

    /// As [`Server::begin`], and it watches Pacemaker.
    pub(crate) fn beside_pacemaker() -> Server {
        let mut server = Server::begin();
        server.step(Event::Pacemaker(Box::new(FromPacemaker::Begins)));
        server
    }

    /// Hands it an event, and answers everything that it asks for then.
    pub(crate) fn step(&mut self, event: Event) {
        let mut waiting = vec![event];
        let mut answers = 0;
        while let Some(event) = waiting.pop() {
            let mut actions = Vec::new();
            self.node.step(self.now, event, &mut actions);
            waiting.extend(actions.into_iter().filter_map(answer));
            answers += 1;
            assert!(answers < ANSWERS_MAX, "it never stops asking");
        }
    }

    /// Lets `ms` pass, with what the node does at its deadlines, a hundred of them at most.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now.at + Span::from_ms(ms);
        for _ in 0..100 {
            let next = self.node.next_deadline(self.now.at);
            if next > end {
                break;
            }
            self.go_to(next);
            self.step(Event::Tick);
        }
        self.go_to(end);
        self.step(Event::Tick);
    }

    fn go_to(&mut self, at: Moment) {
        let passed = at.since(self.now.at).as_ms();
        self.now.at = self.now.at.max(at);
        self.now.wall.0 = self.now.wall.0.saturating_add_unsigned(passed);
    }
}

fn answer(action: Action) -> Option<Event> {
    match action {
        Action::Record { batch, .. } => Some(Event::Recorded {
            batch,
            result: Ok(()),
        }),
        Action::Load(_) => Some(Event::Loaded {
            notices: Vec::new(),
            more: false,
        }),
        Action::Find(server, asked) => Some(Event::Found {
            server,
            asked,
            notices: Vec::new(),
        }),
        Action::Send(sending) => {
            let reply = "250 ok".into();
            Some(Event::Outcome(
                sending.key.clone(),
                Outcome::Delivered { reply },
            ))
        }
        Action::Lamp { lamp, number, .. } => Some(Event::Lamp {
            lamp,
            number,
            result: LampResult::Done { shown: None },
        }),
        _ => None,
    }
}
