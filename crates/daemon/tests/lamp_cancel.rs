//! Orders that are taken back, and the moment of caution before an old order goes out (rule M18).

mod lamp_support;

use std::time::{Duration, Instant};

use lamp_support::{Bench, LOOPBACK, done, number, snmp};
use noroshi_core::config::{LampId, LampKind};
use noroshi_core::lamp::{LampOrder, LampResult, Look};
use noroshi_daemon::channel::lamp::{CAUTION, Deadlines, EXCHANGE_TIMEOUT};
use noroshi_daemon::engine::Gate;
use noroshi_sim::lamp::{Fault, Faults, Kind, SimLamp};
use tokio::net::UdpSocket;
use tokio::time::timeout;

async fn http_lamp() -> SimLamp {
    SimLamp::start(Kind::PatliteHttp, LOOPBACK.parse().unwrap(), Faults::NONE)
        .await
        .unwrap()
}

/// A bench whose lamp is behind a gate.
fn gated(sim: &SimLamp) -> (Bench, Gate) {
    let gate = Gate::movable();
    let mut bench = Bench::new(LampKind::PatliteHttp, sim.address(), Deadlines::default());
    bench.channel = bench.channel.behind(gate.clone());
    (bench, gate)
}

/// Rule: M18 N14
#[tokio::test]
async fn an_order_that_waited_for_a_cut_to_heal_can_be_taken_back_after_the_heal() {
    let sim = http_lamp().await;
    let (mut bench, gate) = gated(&sim);
    gate.cut_all();
    let red = LampOrder::Show(Look::RED_BLINK);
    let number = bench.order(LampId(0), red);
    let waits = timeout(Duration::from_millis(50), bench.events.recv()).await;
    assert!(waits.is_err(), "{waits:?}");
    gate.heal();
    // The order is on its way now; the node hears the others and wants no red any more.
    tokio::task::yield_now().await;
    bench.cancel(LampId(0));
    assert_eq!(
        bench.next().await,
        (LampId(0), number, LampResult::Cancelled)
    );
    assert_eq!(sim.received(), Vec::<String>::new(), "not one byte");
    assert_eq!(done(None), bench.show(Look::GREEN).await);
    assert_eq!(sim.look(), Look::GREEN);
}

/// Rule: N14 M18
#[tokio::test]
async fn an_order_that_waited_and_is_still_wanted_goes_out_after_a_moment() {
    let sim = http_lamp().await;
    let (mut bench, gate) = gated(&sim);
    gate.cut_all();
    let begun = Instant::now();
    bench.order(LampId(0), LampOrder::Show(Look::RED_BLINK));
    let waits = timeout(Duration::from_millis(50), bench.events.recv()).await;
    assert!(waits.is_err(), "{waits:?}");
    gate.heal();
    assert_eq!(bench.next().await.2, done(None));
    let took = begun.elapsed();
    assert!(took >= CAUTION, "{took:?}");
    assert!(took < EXCHANGE_TIMEOUT + lamp_support::SLACK);
    assert_eq!(sim.look(), Look::RED_BLINK);
}

/// Rule: N14
#[tokio::test]
async fn an_order_after_a_failure_waits_and_can_be_taken_back() {
    let sim = http_lamp().await;
    let mut bench = Bench::new(LampKind::PatliteHttp, sim.address(), Deadlines::default());
    sim.set_faults(Faults::only(Fault::Refuse)).await.unwrap();
    assert_eq!(number(&bench.show(Look::RED_BLINK).await), (7, 21));
    sim.set_faults(Faults::NONE).await.unwrap();
    let before = sim.received().len();
    bench.order(LampId(0), LampOrder::Show(Look::RED_BLINK));
    let early = timeout(CAUTION / 3, bench.events.recv()).await;
    assert!(early.is_err(), "{early:?}");
    bench.cancel(LampId(0));
    assert_eq!(bench.next().await.2, LampResult::Cancelled);
    assert_eq!(sim.received().len(), before);
    assert_eq!(bench.show(Look::RED_BLINK).await, done(None));
}

/// Rule: N14
#[tokio::test]
async fn an_order_that_has_left_ends_by_itself_and_cancelling_nothing_does_nothing() {
    let listener = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut bench = Bench::new(LampKind::PatliteHttp, at, Deadlines::default());
    bench.cancel(LampId(0));
    bench.cancel(LampId(9));
    bench.order(LampId(0), LampOrder::Show(Look::GREEN));
    let (mut lamp, _) = listener.accept().await.unwrap();
    let mut request = [0; 512];
    let read = tokio::io::AsyncReadExt::read(&mut lamp, &mut request);
    assert!(read.await.unwrap() > 0, "it has left");
    bench.cancel(LampId(0));
    tokio::io::AsyncWriteExt::write_all(&mut lamp, b"Success.")
        .await
        .unwrap();
    drop(lamp);
    assert_eq!(bench.next().await.2, done(None));
    assert!(bench.events.try_recv().is_err(), "one order, one event");
}

/// Rule: N5 N14
#[tokio::test]
async fn a_lamp_that_cannot_be_read_is_left_as_it_is_when_it_is_only_to_be_read() {
    let sim = http_lamp().await;
    let mut bench = Bench::new(LampKind::PatliteHttp, sim.address(), Deadlines::default());
    assert_eq!(bench.show(Look::RED_BLINK).await, done(None));
    let heard = sim.received().len();
    assert_eq!(bench.ask(LampOrder::Read(Look::GREEN)).await, done(None));
    assert_eq!(sim.received().len(), heard, "it was not told anything");
    assert_eq!(sim.look(), Look::RED_BLINK);
}

/// Rule: M18 N14
#[tokio::test]
async fn a_lost_snmp_order_is_not_simply_sent_again() {
    let lamp = UdpSocket::bind(LOOPBACK).await.unwrap();
    let at = lamp.local_addr().unwrap();
    let deadlines = Deadlines {
        resend: Duration::from_millis(200),
        ..Deadlines::default()
    };
    let mut bench = Bench::new(snmp("public", "private"), at, deadlines);
    bench.order(LampId(0), LampOrder::Show(Look::RED_BLINK));
    let mut datagram = [0; 1500];
    let mut next = async || {
        let bytes = timeout(lamp_support::SLACK, lamp.recv(&mut datagram)).await;
        datagram[..bytes.unwrap().unwrap()].to_vec()
    };
    let is_set = |bytes: &[u8]| bytes.windows(7).any(|part| part == b"private");
    // The cut swallows the first; after that it is only asked what it shows.
    assert!(is_set(&next().await));
    assert!(!is_set(&next().await));
    bench.cancel(LampId(0));
    assert_eq!(number(&bench.next().await.2), (7, 23), "it may have it");
    let more = timeout(CAUTION * 2, next()).await;
    assert!(
        more.is_err() || !is_set(&more.unwrap()),
        "an order that nobody wants went out"
    );
}

/// Rule: M18 N17
#[tokio::test]
async fn an_order_from_before_new_settings_can_be_taken_back_as_well() {
    let sim = http_lamp().await;
    let (mut bench, gate) = gated(&sim);
    gate.cut_all();
    let red = LampOrder::Show(Look::RED_BLINK);
    bench.order(LampId(0), red);
    let waits = timeout(Duration::from_millis(50), bench.events.recv()).await;
    assert!(waits.is_err(), "{waits:?}");
    // The node orders anew after new settings.
    let same = lamp_support::lamp(LampKind::PatliteHttp, sim.address());
    bench.channel.replace(vec![same], vec![]);
    bench.order(LampId(0), red);
    gate.heal();
    tokio::task::yield_now().await;
    bench.cancel(LampId(0));
    for _ in 0..2 {
        assert_eq!(bench.next().await.2, LampResult::Cancelled);
    }
    assert_eq!(sim.received(), Vec::<String>::new(), "not one byte");
}
