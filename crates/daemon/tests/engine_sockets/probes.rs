//! What a host answers tells a dead host from a dead process and a standing one.

use crate::cluster::{Node, address, config, key, port, with_addresses};
use crate::process::{Process, in_namespace, skip};
use noroshi_core::config::{InterconnectId, ServerId};
use noroshi_core::event::{Event, HostAnswer};
use noroshi_daemon::clock;
use noroshi_daemon::engine::{Gate, probe};
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

async fn ask(node: &mut Node, path: u8) -> HostAnswer {
    let (wanted, way) = (ServerId(1), InterconnectId(path));
    node.engine.probe(wanted, way);
    node.wait("an answer", |event| match event {
        Event::Probed {
            server,
            path,
            answer,
        } if (*server, *path) == (wanted, way) => Some(*answer),
        _ => None,
    })
    .await
}

/// Rule: N2 N4
#[tokio::test]
async fn a_host_answers_for_a_process_that_lives_stands_still_or_is_gone() {
    let mut node = Node::start(&config(30, 2, 2), 0);
    assert_eq!(
        ask(&mut node, 0).await,
        HostAnswer::Refused,
        "before it was started"
    );
    let process = Process::start(30, 1);
    node.wait_link(1, true).await;
    for path in [0, 1] {
        assert_eq!(ask(&mut node, path).await, HostAnswer::Accepted, "alive");
    }
    process.signal("STOP");
    // More than a usual list of waiting connections holds.
    for n in 0..300 {
        assert_eq!(
            ask(&mut node, 1).await,
            HostAnswer::Accepted,
            "stopped, question {n}"
        );
    }
    process.signal("CONT");
    node.wait_heard(1, 1).await;
    process.signal("KILL");
    node.wait_link(1, false).await;
    assert_eq!(ask(&mut node, 1).await, HostAnswer::Refused, "killed");
}

/// Rule: N2
#[tokio::test]
async fn a_server_is_asked_once_at_a_time_and_a_question_that_makes_no_sense_is_passed_over() {
    let gate = Gate::movable();
    let mut node = Node::start_with(&config(31, 2, 1), 0, &key(), gate.clone());
    gate.cut_all();
    let asked = clock::moment();
    for _ in 0..100 {
        node.engine.probe(ServerId(1), InterconnectId(0));
    }
    for (server, path) in [(0, 0), (1, 1), (2, 0), (255, 255)] {
        node.engine.probe(ServerId(server), InterconnectId(path));
    }
    let silent = Event::Probed {
        server: ServerId(1),
        path: InterconnectId(0),
        answer: HostAnswer::Silent,
    };
    node.wait("silence", |event| (*event == silent).then_some(()))
        .await;
    assert!(clock::moment().since(asked).as_ms() >= probe::DEADLINE.as_millis() as u64);
    assert_eq!(
        node.listen(Duration::from_millis(400)).await,
        [],
        "one answer"
    );
}

/// Rule: N2
#[test]
fn a_host_that_lost_power_is_silent() {
    if Command::new("nft").arg("--version").output().is_err() {
        return skip("a host that swallows packets: the package nftables is needed");
    }
    in_namespace(
        &[
            "nft add table inet test",
            "nft 'add chain inet test input { type filter hook input priority 0; }'",
            "nft add rule inet test input ip daddr 10.1.0.2 drop",
            "ip addr add 10.1.0.1/32 dev lo",
            "ip addr add 10.1.0.2/32 dev lo",
            "ip addr add 10.2.0.1/32 dev lo",
            "ip route add blackhole 10.2.0.0/24",
        ],
        "black-hole",
    );
}

/// Part of the test above, inside the namespace: nobody answers over the first interconnect, and no
/// way leads over the second.
pub(crate) async fn black_hole() {
    let config = with_addresses(2, 2, |server, path| {
        IpAddr::from([10, path + 1, 0, server + 1])
    });
    let mut node = Node::start(&config, 0);
    for path in [0, 1] {
        let asked = clock::moment();
        assert_eq!(ask(&mut node, path).await, HostAnswer::Silent);
        let took = clock::moment().since(asked).as_ms();
        assert!(took < probe::DEADLINE.as_millis() as u64 + 200, "{took} ms");
    }
    let _ = node.listen(Duration::from_millis(200)).await;
    let counts = node.counts();
    assert!(
        counts.send_errors > 0,
        "no way leads there, and beats go on: {counts:?}"
    );
}

/// A probe leaves nothing behind that would later block the port.
///
/// Rule: N2
#[tokio::test]
async fn probes_leave_no_connection_waiting_for_its_time() {
    let mut node = Node::start(&config(32, 2, 1), 0);
    let _other = Node::start(&config(32, 2, 1), 1);
    // Links of an earlier run of this test may have left one.
    let before = in_time_wait(address(32, 0, 1));
    for _ in 0..50 {
        assert_eq!(ask(&mut node, 0).await, HostAnswer::Accepted);
    }
    assert!(in_time_wait(address(32, 0, 1)) <= before);
}

/// Connections to a server's port that wait for their time, at the end that closed first.
fn in_time_wait(to: IpAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    let IpAddr::V4(to) = to else {
        unreachable!("IPv4")
    };
    let to = format!("{:08X}:{:04X}", to.to_bits().swap_bytes(), port());
    // Column 3 is the other end, column 4 the state; 06 is TIME_WAIT.
    let waiting = table.lines().filter(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        columns.get(2) == Some(&to.as_str()) && columns.get(3) == Some(&"06")
    });
    waiting.count()
}
