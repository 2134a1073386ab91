//! Somebody without the cluster key on an interconnect, on real processes.

mod e2e;

use e2e::*;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The port between servers, as clp.conf has it by default.
const PORT: u16 = 29_002;
/// Frames that are recorded of each server.
const RECORDED: usize = 30;

/// Records what the living send to `silent`, by sender.
fn record(silent: IpAddr, senders: usize) -> BTreeMap<IpAddr, Vec<Vec<u8>>> {
    let socket = UdpSocket::bind((silent, PORT)).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut frames: BTreeMap<IpAddr, Vec<Vec<u8>>> = BTreeMap::new();
    let mut buffer = [0; 2048];
    while frames.len() < senders || frames.values().any(|of| of.len() < RECORDED) {
        let (bytes, from) = socket
            .recv_from(&mut buffer)
            .expect("the living send heartbeats");
        frames
            .entry(from.ip())
            .or_default()
            .push(buffer[..bytes].to_vec());
    }
    frames
}

/// Sends recorded frames from their senders' own addresses, and noise, until told to stop.
fn flood(
    frames: &BTreeMap<IpAddr, Vec<Vec<u8>>>,
    targets: &[IpAddr],
    stop: &AtomicBool,
    sent: &AtomicU64,
) {
    let sockets: Vec<UdpSocket> = frames
        .keys()
        .map(|from| UdpSocket::bind((*from, 0)).unwrap())
        .collect();
    while !stop.load(Ordering::Relaxed) {
        for (socket, frames) in sockets.iter().zip(frames.values()) {
            for (at, frame) in frames.iter().enumerate() {
                for target in targets {
                    let to = SocketAddr::new(*target, PORT);
                    let mut bent = frame.clone();
                    let middle = bent.len() / 2;
                    bent[middle] ^= 1;
                    // A full buffer on the other side is what a flood makes; it goes on.
                    let _ = socket.send_to(frame, to);
                    let _ = socket.send_to(&bent, to);
                    let _ = socket.send_to(&frame[..at.min(frame.len())], to);
                    let _ = socket.send_to(&[0xA5; 1400], to);
                    sent.fetch_add(4, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Replayed heartbeats of a dead server do not keep it alive, and noise brings nobody down.
///
/// Rule: N2
#[test]
fn a_stranger_brings_nobody_down_and_keeps_nobody_alive() {
    let mut cluster = plan().prepare().unwrap();
    let address = |cluster: &Cluster, server: usize| cluster.conf().servers[server].addresses[0];
    let targets: Vec<IpAddr> = (0..3).map(|server| address(&cluster, server)).collect();
    cluster.start(0).unwrap();
    cluster.start(1).unwrap();
    let frames = record(targets[2], 2);
    cluster.start(2).unwrap();
    cluster.wait_all_up(SOON).unwrap();
    cluster.wait_lamps_green(SOON).unwrap();
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| flood(&frames, &targets, &stop, &sent));
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(LATER, "a flood", || {
                let sent = sent.load(Ordering::Relaxed);
                if sent > 50_000 {
                    Ok(())
                } else {
                    Err(sent.to_string())
                }
            })
            .unwrap();
            cluster.wait_all_up(SOON).unwrap();
            assert_silence(&cluster, 0);
            assert_eq!(messages(&cluster, 0, "nm", 2), 0, "{}", cluster.logs());
            let at = cluster.kill(1).unwrap();
            let mail = cluster
                .wait_mail(SOON, |mail| mail.body.contains("sv2 is down"))
                .unwrap();
            latency("under a flood: mail", mail.arrived - at);
            cluster.wait_lamp(1, Look::RED_BLINK, SOON).unwrap();
            assert_told_once(&cluster, 0);
            assert_eq!(cluster.sees(0, 1).unwrap(), ServerState::Down);
        }));
        stop.store(true, Ordering::Relaxed);
        judged.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}
