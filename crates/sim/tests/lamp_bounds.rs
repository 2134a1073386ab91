//! The simulated lamps' own bounds and switches; what they answer is tested with the driver.

use std::net::SocketAddr;
use std::time::Duration;

use noroshi_core::lamp::Look;
use noroshi_sim::lamp::{CONNECTIONS_MAX, Fault, Faults, Kind, RECORDS_MAX, SimLamp};
use noroshi_wire::lamp::{Light, Lights, isa};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

async fn isa_lamp(faults: Faults) -> SimLamp {
    let at: SocketAddr = "127.0.0.1:0".parse().unwrap();
    SimLamp::start(Kind::IsaTcp { password: None }, at, faults)
        .await
        .unwrap()
}

async fn ask(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(&isa::tcp_line(text)).await.unwrap();
    let mut answer = [0; 64];
    let count = timeout(PATIENCE, stream.read(&mut answer))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&answer[..count])
        .trim_end()
        .to_string()
}

/// Rule: N12
#[tokio::test]
async fn watchers_see_each_change_once() {
    let lamp = isa_lamp(Faults::NONE).await;
    let mut shows = lamp.watch();
    let mut stream = TcpStream::connect(lamp.address()).await.unwrap();
    assert_eq!(ask(&mut stream, "ACOP 20010000").await, "20010000");
    timeout(PATIENCE, shows.changed()).await.unwrap().unwrap();
    let expected = Lights {
        red: Light::Blink,
        amber: Light::Off,
        green: Light::Off,
        buzzer: Light::On,
    };
    assert_eq!(
        (*shows.borrow_and_update(), lamp.look()),
        (expected, Look::RED_BLINK)
    );
    assert_eq!(ask(&mut stream, "ACOP 20010000").await, "20010000");
    assert!(!shows.has_changed().unwrap(), "nothing changed");
    lamp.set_faults(Faults::only(Fault::Forget)).await.unwrap();
    assert!(shows.has_changed().unwrap());
    assert_eq!(lamp.look(), Look::OUT);
}

/// Rule: N12
#[tokio::test]
async fn a_lamp_serves_so_many_clients_and_keeps_so_many_records() {
    let lamp = isa_lamp(Faults::NONE).await;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(lamp.address()).await.unwrap();
        assert_eq!(ask(&mut stream, "ACOP").await, "00000000");
        clients.push(stream);
    }
    let mut refused = TcpStream::connect(lamp.address()).await.unwrap();
    let mut byte = [0];
    let read = timeout(PATIENCE, refused.read(&mut byte)).await.unwrap();
    assert_eq!(read.unwrap_or(0), 0, "one too many is closed");
    for _ in 0..RECORDS_MAX {
        ask(&mut clients[0], "acop").await;
    }
    let records = lamp.received();
    assert_eq!(records.len(), RECORDS_MAX);
    assert!(
        records.iter().all(|record| record == "acop"),
        "the oldest are gone"
    );
}

/// Rule: N12
#[tokio::test]
async fn wrong_commands_have_their_errors() {
    let lamp = isa_lamp(Faults::NONE).await;
    let mut stream = TcpStream::connect(lamp.address()).await.unwrap();
    assert_eq!(ask(&mut stream, "HELO").await, "ER01");
    assert_eq!(ask(&mut stream, "ACOP 9").await, "ER03");
    assert_eq!(ask(&mut stream, "ACOP 1xxxxxxx").await, "10000000");
    assert_eq!(ask(&mut stream, "ALOF").await, "00000000");
}
