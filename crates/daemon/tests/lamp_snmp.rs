//! SNMP against an agent that we did not write: net-snmp's `snmpd`.
//!
//! The table behind it is a script (`pass_persist`), so this proves our messages, not a lamp's table.

mod lamp_support;

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lamp_support::{Bench, done, number, quick, skip, snmp, text};
use noroshi_core::lamp::Look;
use noroshi_daemon::channel::lamp::Deadlines;

const STARTS_MAX: usize = 4;
const START_WAIT: Duration = Duration::from_secs(8);

/// A real agent, ended when dropped.
struct Agent {
    child: Child,
    at: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Agent {
    /// `None` after saying what is missing.
    async fn start() -> Option<Self> {
        if !Path::new("/usr/sbin/snmpd").exists() {
            skip("no /usr/sbin/snmpd (package snmpd)");
            return None;
        }
        // Another process may take the port between the look for a free one and the start.
        for _ in 0..STARTS_MAX {
            let agent = Self::spawn();
            if agent.answers().await {
                return Some(agent);
            }
        }
        panic!("snmpd does not answer");
    }

    fn spawn() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("table");
        std::fs::write(&script, TABLE).unwrap();
        let config = folder.path().join("snmpd.conf");
        let pass = format!("pass_persist {BASE} /bin/sh {}", script.display());
        let lines = format!("rocommunity public\nrwcommunity private\n{pass}\n");
        std::fs::write(&config, lines).unwrap();
        let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = probe.local_addr().unwrap();
        drop(probe);
        let child = Command::new("/usr/sbin/snmpd")
            .args(["-f", "-Lo", "-C", "-I", "-smux", "-c"])
            .arg(&config)
            .arg(format!("udp:{at}"))
            .env("SNMP_PERSISTENT_DIR", folder.path())
            .env("STATE", folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            at,
            _folder: folder,
        }
    }

    /// A closed port answers at once, so that asking again is the waiting.
    async fn answers(&self) -> bool {
        let begun = Instant::now();
        let patient = Deadlines {
            exchange: Duration::from_secs(1),
            ..Deadlines::default()
        };
        while begun.elapsed() < START_WAIT {
            let mut bench = Bench::new(snmp("public", "private"), self.at, patient);
            if number(&bench.read(Look::OUT).await) == (0, 0) {
                return true;
            }
            tokio::task::yield_now().await;
        }
        false
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const BASE: &str = ".1.3.6.1.4.1.20440.4.1.5.1";

/// The control light table in the words of `pass_persist`: what is set as control (.2) is read as
/// current (.4).
const TABLE: &str = r#"#!/bin/sh
cd "$STATE" || exit 1
base=.1.3.6.1.4.1.20440.4.1.5.1.2.1
while read -r command; do
    case $command in
    PING) echo PONG ;;
    get)
        read -r oid
        case $oid in
        $base.[24].[1-6]) printf '%s\ninteger\n%s\n' "$oid" "$(cat "n${oid##*.}" 2>/dev/null || echo 1)" ;;
        $base.3.[1-6]) printf '%s\ninteger\n0\n' "$oid" ;;
        *) echo NONE ;;
        esac ;;
    getnext) read -r oid; echo NONE ;;
    set)
        read -r oid
        read -r kind value
        case $oid in
        $base.2.[1-6]) case $value in [1235]) echo "$value" >"n${oid##*.}"; echo DONE ;; *) echo wrong-value ;; esac ;;
        $base.3.[1-6]) echo DONE ;;
        *) echo not-writable ;;
        esac ;;
    esac
done
"#;

/// Rule: N12 N14
#[tokio::test]
async fn a_real_agent_takes_our_set_and_tells_it_back() {
    let Some(agent) = Agent::start().await else {
        return;
    };
    let mut bench = Bench::new(snmp("public", "private"), agent.at, Deadlines::default());
    for look in [Look::GREEN, Look::RED_BLINK, Look::TEST[1], Look::OUT] {
        assert_eq!(bench.show(look).await, done(None));
        assert_eq!(bench.read(Look::GREEN).await, done(Some(look)));
    }
}

/// Rule: N12 M13
#[tokio::test]
async fn a_real_agent_refuses_or_ignores_other_communities() {
    let Some(agent) = Agent::start().await else {
        return;
    };
    let mut bench = Bench::new(snmp("public", "public"), agent.at, Deadlines::default());
    let result = bench.show(Look::GREEN).await;
    assert_eq!(number(&result), (6, 1), "{result:?}");
    assert!(text(&result).contains("noAccess"), "{result:?}");
    let mut bench = Bench::new(snmp("wrong", "wrong"), agent.at, quick());
    for result in [bench.show(Look::GREEN).await, bench.read(Look::GREEN).await] {
        assert_eq!(number(&result), (7, 23), "{result:?}");
        assert!(text(&result).contains("community") && !text(&result).contains("wrong"));
    }
}

/// Rule: N14 N12
#[tokio::test]
async fn a_lost_datagram_is_sent_again_and_strays_are_ignored() {
    let lamp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = lamp.local_addr().unwrap();
    let deadlines = Deadlines {
        resend: Duration::from_millis(50),
        ..Deadlines::default()
    };
    let mut bench = Bench::new(snmp("public", "private"), at, deadlines);
    let answering = async {
        let mut datagram = [0; 1500];
        let (lost, _) = lamp.recv_from(&mut datagram).await.unwrap();
        let first = datagram[..lost].to_vec();
        // Is it there at all? It is, whatever it says.
        let (count, client) = lamp.recv_from(&mut datagram).await.unwrap();
        let question = noroshi_wire::lamp::snmp::decode_request(&datagram[..count]).unwrap();
        assert_ne!(first, datagram[..count]);
        let says = noroshi_wire::lamp::snmp::refusal(&question, 2, 1).encode();
        lamp.send_to(&says, client).await.unwrap();
        let (count, client) = lamp.recv_from(&mut datagram).await.unwrap();
        assert_eq!(first, datagram[..count], "the same request again");
        let mut request = noroshi_wire::lamp::snmp::decode_request(&datagram[..count]).unwrap();
        let binds = request.binds.clone();
        let refusal = noroshi_wire::lamp::snmp::refusal(&request, 5, 1).encode();
        stranger.send_to(&refusal, client).await.unwrap();
        let good = noroshi_wire::lamp::snmp::answer(&request, binds).encode();
        request.request_id ^= 1;
        let stray = noroshi_wire::lamp::snmp::refusal(&request, 5, 1).encode();
        lamp.send_to(&stray, client).await.unwrap();
        lamp.send_to(&good, client).await.unwrap();
    };
    let (result, ()) = tokio::join!(bench.show(Look::GREEN), answering);
    assert_eq!(result, done(None));
}
