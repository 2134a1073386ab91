//! Requests that are slow, cut off, run together, or mean two things: over the code that serves connections.

use super::gate::Place;
use crate::console::body::BODY_WAIT;
use crate::console::serve::converse;
use crate::console::visitor::Peer;
use noroshi_core::config::Role;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

/// How long the head of a request may take.
const HEAD_WAIT: Duration = Duration::from_secs(20);
/// Longer than any of the waits that are tested.
const WAIT: Duration = Duration::from_secs(300);

fn visit(place: &Place) -> DuplexStream {
    let (ours, theirs) = duplex(1 << 20);
    let peer = Peer {
        address: [192, 0, 2, 7].into(),
        tls: false,
    };
    tokio::spawn(converse(theirs, peer, None, place.router.clone()));
    ours
}

/// Everything until the other end closes.
async fn rest(stream: &mut DuplexStream) -> String {
    let mut text = Vec::new();
    let read = timeout(WAIT, stream.read_to_end(&mut text)).await;
    read.expect("it is closed").unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// All answers to `bytes`, after which nothing more is sent.
async fn answers(place: &Place, bytes: &str) -> String {
    let mut stream = visit(place);
    stream.write_all(bytes.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// Rule: N21
#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_in_has_a_deadline() {
    let place = Place::open();
    for every in [WAIT, Duration::from_secs(1)] {
        let mut stream = visit(&place);
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let begun = Instant::now();
        let mut one = [0];
        // A byte now and then keeps it no longer open.
        while let Err(_still) = timeout(every, stream.read(&mut one)).await {
            let _ = stream.write_all(b"x").await;
            assert!(begun.elapsed() < WAIT, "it stays open");
        }
        let took = begun.elapsed();
        assert!(took <= HEAD_WAIT + Duration::from_secs(2), "{took:?}");
    }
}

/// Rule: N21
#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_in_has_a_deadline() {
    let place = Place::open();
    let mut stream = visit(&place);
    let head = "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let begun = Instant::now();
    let (mut from, mut to) = tokio::io::split(stream);
    let trickle = tokio::spawn(async move {
        while to.write_all(b"x").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let mut text = Vec::new();
    timeout(WAIT, from.read_to_end(&mut text))
        .await
        .expect("it is closed")
        .unwrap();
    trickle.abort();
    let text = String::from_utf8_lossy(&text);
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    let took = begun.elapsed();
    assert!(took <= BODY_WAIT + Duration::from_secs(2), "{took:?}");
}

/// Rule: N21
#[tokio::test]
async fn a_stranger_sends_little_and_nobody_more_than_a_form() {
    let place = Place::open();
    let post = |path: &str, cookie: &str, bytes: usize| {
        let body = "x".repeat(bytes);
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{cookie}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {bytes}\r\n\r\n{body}"
        )
    };
    let large = answers(&place, &post("/sign-in", "", 17 * 1024)).await;
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
    let cookie = place.cookie(Some(Role::Administer));
    let form = answers(&place, &post("/licence/file", &cookie, 17 * 1024)).await;
    assert!(!form.starts_with("HTTP/1.1 413"), "{form}");
    let large = answers(&place, &post("/licence/file", &cookie, 257 * 1024)).await;
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
}

/// A second request hidden in what one reader takes for the body of the first is answered to nobody.
///
/// Rule: N21
#[tokio::test]
async fn a_request_with_two_ends_is_refused() {
    let place = Place::open();
    let hidden = "GET /icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let length = hidden.len();
    for lengths in [
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: {length}, 0\r\n"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        "Transfer-Encoding: chunked, identity\r\n".into(),
        "Transfer-Encoding: xchunked\r\n".into(),
        "Transfer-Encoding : chunked\r\n".into(),
        "Content-Length: +5\r\n".into(),
        "Content-Length: -1\r\n".into(),
        "Content-Length: 0x5\r\n".into(),
        "Content-Length: 99999999999999999999\r\n".into(),
        "X: a\r\n Content-Length: 5\r\n".into(),
    ] {
        let request =
            format!("POST /sign-in HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n0\r\n\r\n{hidden}");
        let text = answers(&place, &request).await;
        let refused = ["HTTP/1.1 400", "HTTP/1.1 411"];
        assert!(
            refused.iter().any(|it| text.starts_with(it)),
            "{lengths}: {text}"
        );
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{lengths}: {text}");
        assert!(!text.contains("<svg"), "{lengths}: {text}");
    }
}

/// Rule: N21
#[tokio::test]
async fn requests_in_one_piece_are_answered_in_their_order_and_half_a_one_ends() {
    let place = Place::open();
    let get =
        |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let three =
        get("/icon.svg", "") + &get("/nothing", "") + &get("/sign-in", "Connection: close\r\n");
    let text = answers(&place, &three).await;
    let status: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|it| &it[..3]).collect();
    assert_eq!(status, ["200", "404", "200"], "{text}");
    for cut in [
        "GET",
        "GET / HTTP/1.1\r\nHost: local",
        "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nname",
    ] {
        let mut stream = visit(&place);
        stream.write_all(cut.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let text = rest(&mut stream).await;
        assert!(
            !text.starts_with("HTTP/1.1 2") && !text.starts_with("HTTP/1.1 3"),
            "{cut}: {text}"
        );
    }
}
