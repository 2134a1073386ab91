//! Floods: a stranger and a forger send as fast as they can, and the servers hear each other.

use crate::cluster::{Node, address, config, port};
use noroshi_core::time::Moment;
use noroshi_daemon::clock;
use noroshi_wire::heartbeat::{Beat, Header, Sealer, State};
use noroshi_wire::key::ClusterKey;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Datagrams in one millisecond, so 100,000 in a second.
const PER_MS: u64 = 100;
/// Rule N4's time-out: no gap may come near it. On a quiet machine gaps stay below 200 ms.
const GAP_MS_MAX: u64 = 690;

/// A thread that sends what looks like server 1's heartbeats to server 0.
struct Flood {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Flood {
    fn start(net: u8, from: IpAddr, session: Option<[u8; 12]>) -> Flood {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = thread::spawn(move || send(&until, net, from, session));
        Flood { over, thread }
    }

    fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("it only sends")
    }
}

fn send(over: &AtomicBool, net: u8, from: IpAddr, session: Option<[u8; 12]>) -> u64 {
    let socket = UdpSocket::bind((from, 0)).expect("bind");
    socket
        .connect((address(net, 0, 0), port()))
        .expect("connect");
    let header = Header {
        sender: 1,
        to: 0,
        interconnect: 0,
        session: [9; 12],
        counter: 1,
    };
    let beat = Beat {
        echo: None,
        state: State::Running,
        config_digest: 0,
        sent_ms: 0,
        loss_permille: 0,
    };
    let mut frame = Sealer::new(&ClusterKey::new([0; 32])).seal(&header, &beat);
    let (begun, mut sent) = (Instant::now(), 0u64);
    while !over.load(Ordering::Relaxed) {
        let due = begun.elapsed().as_millis() as u64 * PER_MS;
        // A machine too busy for the rate does not make up for it in one burst.
        sent = sent.max(due.saturating_sub(10 * PER_MS));
        while sent < due {
            sent += 1;
            // Bytes 9 to 20 are the session, 21 to 28 the counter.
            match session {
                Some(session) => frame[9..21].copy_from_slice(&session),
                None => frame[9..17].copy_from_slice(&sent.to_be_bytes()),
            }
            frame[21..29].copy_from_slice(&(1_000_000 + sent).to_be_bytes());
            let _ = socket.send(&frame);
        }
        thread::park_timeout(Duration::from_micros(500));
    }
    sent
}

/// The longest time without a heartbeat of server 1 on an interconnect; the first is flooded.
async fn longest_gap_ms(node: &mut Node, path: u8, time: Duration) -> u64 {
    let begun = clock::moment();
    let end = Moment(begun.0 + time.as_micros() as u64);
    let (mut last, mut longest) = (begun, 0);
    while last < end {
        node.wait_heard(1, path).await;
        let now = clock::moment();
        longest = longest.max(now.since(last).as_ms());
        last = now;
    }
    longest
}

/// Rule: N2 N4
#[tokio::test]
async fn a_flood_of_strangers_keeps_no_heartbeat_out() {
    let mut node = Node::start(&config(60, 2, 2), 0);
    let _other = Node::start(&config(60, 2, 2), 1);
    node.wait_heard(1, 0).await;
    let before = node.counts();
    let flood = Flood::start(60, address(60, 0, 99), None);
    let gap = longest_gap_ms(&mut node, 0, Duration::from_secs(2)).await;
    let sent = flood.end();
    eprintln!("{sent} datagrams of a stranger, longest gap {gap} ms");
    assert!(sent > 10_000 && gap < GAP_MS_MAX, "{sent} {gap}");
    assert!(
        node.counts().strangers - before.strangers < 10,
        "the kernel dropped them"
    );
}

/// Rule: N2 N4
#[tokio::test]
async fn a_flood_with_a_servers_own_address_keeps_no_heartbeat_of_it_out() {
    let mut node = Node::start(&config(61, 2, 2), 0);
    let _other = Node::start(&config(61, 2, 2), 1);
    node.wait_heard(1, 0).await;
    let flood = Flood::start(61, address(61, 0, 1), None);
    let gap = longest_gap_ms(&mut node, 0, Duration::from_secs(2)).await;
    let sent = flood.end();
    let counts = node.counts();
    eprintln!("{sent} forged datagrams, longest gap {gap} ms, {counts:?}");
    assert!(sent > 10_000 && gap < GAP_MS_MAX, "{sent} {gap}");
    // 200 a second and 50 at once, for some seconds at most.
    assert!(
        counts.forged < 2_000 && counts.limited > 5_000,
        "{counts:?}"
    );
}

/// Somebody who reads the wire and knows the session: each frame costs a run of the cipher, and on
/// that interconnect heartbeats may drown in the kernel's buffer. The other one goes on.
///
/// Rule: N2 N4
#[tokio::test]
async fn a_flood_with_the_session_in_force_leaves_the_other_interconnect_alone() {
    let mut node = Node::start(&config(62, 2, 2), 0);
    let other = Node::start(&config(62, 2, 2), 1);
    node.wait_heard(1, 0).await;
    let flood = Flood::start(62, address(62, 0, 1), Some(other.session.0));
    let gap = longest_gap_ms(&mut node, 1, Duration::from_secs(2)).await;
    let sent = flood.end();
    eprintln!(
        "{sent} datagrams with the right session, longest gap {gap} ms, {:?}",
        node.counts()
    );
    assert!(sent > 10_000 && gap < GAP_MS_MAX, "{sent} {gap}");
}

/// A server that starts while its address is flooded: its link vouches for its session.
///
/// Rule: N2
#[tokio::test]
async fn a_server_that_starts_under_a_forged_flood_is_heard() {
    let mut node = Node::start(&config(63, 2, 2), 0);
    let flood = Flood::start(63, address(63, 0, 1), None);
    let other = Node::start(&config(63, 2, 2), 1);
    let begun = clock::moment();
    let heard = node.wait_heard(1, 0).await;
    eprintln!("heard after {}", clock::moment().since(begun));
    assert_eq!(heard.session, other.session);
    assert!(flood.end() > 0);
}
