//! All servers' logs at once: how far they are, what is missing, one download, and its bounds.

use super::{Console, visitor};
use crate::console::gathering::{Bounds, Gatherings, Order, State as Stand};
use crate::console::page;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use noroshi_conf::tar;
use noroshi_core::config::Role;
use noroshi_core::text::Language;
use noroshi_daemon::collect::Scope;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A busy machine is not what is tested here.
const SOON: Duration = Duration::from_secs(20);

type Sender = mpsc::Sender<Result<Vec<u8>, String>>;
/// What gives the archive of each server that was asked for, by its name.
type Asks = Arc<Mutex<Vec<(String, Sender)>>>;

fn console() -> (Console, Asks) {
    let asked = Asks::default();
    let asks = Arc::clone(&asked);
    let logs = move |server: String, _: Scope| {
        let (give, given) = mpsc::channel(1);
        asks.lock().unwrap().push((server, give));
        given
    };
    (Console::collecting(Vec::new(), Arc::new(logs)), asked)
}

fn order(console: &Console, servers: &[&str]) -> Order {
    Order {
        home: console.app.home.clone(),
        cluster: "harbour".into(),
        scope: Scope::Type3,
        servers: servers
            .iter()
            .map(|name| (name.to_string(), false))
            .collect(),
        language: Language::En,
    }
}

/// The sender of a server's archive, once it was asked for.
async fn asked(asks: &Mutex<Vec<(String, Sender)>>, server: &str) -> Sender {
    let find = async {
        loop {
            let found = asks
                .lock()
                .unwrap()
                .iter()
                .find(|it| it.0 == server)
                .cloned();
            if let Some((_, sender)) = found {
                return sender;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = timeout(SOON, find).await.expect("it is asked for");
    asks.lock().unwrap().retain(|it| it.0 != server);
    found
}

/// Waits until the collection is such.
async fn wait(gatherings: &Gatherings, is: impl Fn(&[Stand], bool) -> bool) {
    let mut changes = gatherings.changes();
    let such = changes.wait_for(|_| {
        gatherings.now().is_some_and(|now| {
            let states: Vec<Stand> = now.shares.iter().map(|it| it.state.clone()).collect();
            is(&states, now.ended.is_some())
        })
    });
    let such = timeout(SOON, such).await.map(|such| such.is_ok());
    assert_eq!(such.ok(), Some(true), "{:?}", gatherings.now());
}

/// Rule: M30 M31
#[tokio::test]
async fn what_could_be_collected_is_one_download_and_the_rest_is_named() {
    let (console, asks) = console();
    let app = &console.app;
    fs::create_dir_all(app.home.var()).unwrap();
    assert!(
        app.gatherings
            .begin(order(&console, &["sv1", "sv2", "sv3", "sv4"]))
    );
    let (first, second) = (asked(&asks, "sv1").await, asked(&asks, "sv2").await);
    // Three at a time.
    let third = asked(&asks, "sv3").await;
    assert!(asks.lock().unwrap().is_empty());
    first.send(Ok(vec![b'1'; 700])).await.unwrap();
    wait(&app.gatherings, |states, _| {
        matches!(states, [Stand::Collecting(700), .., Stand::Waiting])
    })
    .await;
    // One collection at a time; until it is through there is nothing to download.
    assert!(!app.gatherings.begin(order(&console, &["sv1"])));
    let ask = || {
        let visitor = visitor(Language::En, Role::Operate);
        page::gathering::download(State(Arc::clone(app)), Extension(visitor))
    };
    assert_eq!(ask().await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    drop(first);
    second.send(Ok(vec![b'2'; 512])).await.unwrap();
    drop(second);
    third.send(Err("no link to it".into())).await.unwrap();
    drop(third);
    drop(asked(&asks, "sv4").await);
    wait(&app.gatherings, |_, ended| ended).await;
    // Nothing of it has a name.
    let names = fs::read_dir(app.home.var()).unwrap();
    let names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    assert!(names.is_empty(), "{names:?}");
    let places = Arc::clone(&app.gatherings.downloads);
    let held = places.acquire_many_owned(2).await.unwrap();
    assert_eq!(ask().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    let answer = ask().await;
    let head = answer.headers().clone();
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20)
        .await
        .unwrap();
    assert_eq!(head["content-length"], bytes.len().to_string());
    assert!(
        head["content-disposition"]
            .to_str()
            .unwrap()
            .contains("harbour-")
    );
    let entries = tar::read(&bytes).unwrap();
    let told: Vec<(String, Vec<u8>)> = entries
        .into_iter()
        .map(|it| (it.name[..3].into(), it.bytes.unwrap()))
        .collect();
    let missing = b"sv3: no link to it\n".to_vec();
    let expected = [
        ("sv1".to_string(), vec![b'1'; 700]),
        ("sv2".into(), vec![b'2'; 512]),
        ("sv4".into(), Vec::new()),
        ("not".into(), missing),
    ];
    assert_eq!(told, expected);
}

/// Rule: M30 M31
#[tokio::test]
async fn a_collection_that_is_cancelled_ends_at_every_server() {
    let (console, asks) = console();
    let app = &console.app;
    fs::create_dir_all(app.home.var()).unwrap();
    assert!(app.gatherings.begin(order(&console, &["sv1", "sv2"])));
    let first = asked(&asks, "sv1").await;
    first.send(Ok(vec![1; 700])).await.unwrap();
    let visitor = visitor(Language::En, Role::Operate);
    let deleted = page::gathering::delete(State(Arc::clone(app)), Extension(visitor));
    assert_eq!(deleted.await.status(), StatusCode::SEE_OTHER);
    // The connection's end notices with the next piece; one comes at least every few seconds.
    let ended = async { while first.send(Ok(Vec::new())).await.is_ok() {} };
    timeout(SOON, ended)
        .await
        .expect("nobody collects any more");
    assert!(app.gatherings.now().is_none());
    assert!(app.gatherings.begin(order(&console, &["sv1"])));
}

/// Rule: M30
#[tokio::test]
async fn a_collection_keeps_within_its_bounds_and_says_so() {
    let within = |bytes_max, free_bytes_min, silence_max| Bounds {
        bytes_max,
        free_bytes_min,
        silence_max,
    };
    for (bounds, words) in [
        (within(1 << 20, 0, SOON), "larger than 1 MB"),
        (within(u64::MAX, u64::MAX, SOON), "MB free"),
        // A server whose disk hangs.
        (within(u64::MAX, 0, Duration::ZERO), "nothing came"),
    ] {
        let (console, asks) = console();
        fs::create_dir_all(console.app.home.var()).unwrap();
        let gatherings = Arc::new(Gatherings::within(bounds));
        gatherings.begin(order(&console, &["sv1"]));
        let give = asked(&asks, "sv1").await;
        let flood = async { while give.send(Ok(vec![0; 16 << 10])).await.is_ok() {} };
        timeout(SOON, flood).await.expect("it is given up");
        wait(&gatherings, |states, ended| {
            let [Stand::Failed(why)] = states else {
                return false;
            };
            ended && why.contains(words)
        })
        .await;
    }
}

/// Rule: N21
#[tokio::test]
async fn what_a_server_says_is_no_markup_on_the_page() {
    let (console, asks) = console();
    let app = &console.app;
    fs::create_dir_all(app.home.var()).unwrap();
    app.gatherings.begin(order(&console, &["sv1"]));
    let give = asked(&asks, "sv1").await;
    give.send(Err("<script>x</script>".into())).await.unwrap();
    drop(give);
    wait(&app.gatherings, |_, ended| ended).await;
    let now = app.gatherings.now().unwrap();
    for (language, words) in [
        (
            Language::En,
            "0 of 1 servers were collected. Not collected: 1.",
        ),
        (Language::Ja, "1 台中 0 台を採取しました。"),
    ] {
        let page = page::gathering::section(&visitor(language, Role::Operate), &now);
        let page = page.into_string();
        assert!(page.contains(words), "{page}");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
        assert!(!page.contains("/logs/all"), "{page}");
    }
}
