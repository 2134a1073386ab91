//! What open pages are told: only what fits, nothing twice, nothing left out.

use super::*;
use crate::console::page;
use axum::Extension;
use axum::body::BodyDataStream;
use axum::extract::State;
use axum::http::HeaderMap;
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// How long what must come may take.
const PATIENCE: Duration = Duration::from_secs(20);

struct Events {
    data: BodyDataStream,
    rest: String,
}

impl Events {
    /// The next event of the alert view: its name, its id, the row in its data.
    async fn next(&mut self) -> (String, Option<u64>, u64) {
        // All of it: a stream that is only kept alive tells nothing.
        let next = timeout(PATIENCE, self.wait()).await;
        next.expect("an event comes")
    }

    async fn wait(&mut self) -> (String, Option<u64>, u64) {
        loop {
            while let Some((event, rest)) = self.rest.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = event.lines();
                    let mut values = lines.filter_map(|line| line.strip_prefix(name));
                    values.next().map(|value| value.trim().to_owned())
                };
                let (name, id) = (field("event:"), field("id:"));
                let data = field("data:").unwrap_or_default();
                self.rest = rest.to_owned();
                let row = data.split_once("data-row=\"").map(|(_, rest)| rest);
                if let (Some(name), Some(row)) = (name, row) {
                    let row = row.split('"').next().unwrap().parse().unwrap();
                    return (name, id.map(|id| id.parse().unwrap()), row);
                }
            }
            let chunk = self.data.next().await.unwrap().unwrap();
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

/// Opens the stream of a signed-in user's page.
async fn open(console: &Console, query: &str, last: Option<u64>) -> Events {
    let token = console.sign_in();
    let mut headers = HeaderMap::new();
    headers.insert(
        "cookie",
        format!("noroshi-session={token}").parse().unwrap(),
    );
    headers.extend(last.map(|last| {
        let name = "last-event-id".parse::<axum::http::HeaderName>().unwrap();
        (name, last.to_string().parse().unwrap())
    }));
    let visitor = Extension(visitor(Language::En, Role::View));
    let app = State(console.app.clone());
    let response = page::news::stream(app, visitor, asked(query), headers).await;
    Events {
        data: response.into_body().into_data_stream(),
        rest: String::new(),
    }
}

/// Rule: M31 N21
#[tokio::test]
async fn a_page_misses_nothing_between_its_load_and_its_stream() {
    let console = Console::with(vec![alert(1, Severity::Error, "old")]);
    // Loaded with row 1; these come before its stream begins.
    console.alerts.push(alert(2, Severity::Error, "between"));
    console
        .alerts
        .push(alert(3, Severity::Info, "does not fit"));
    let mut events = open(&console, "after=1&severity=error", None).await;
    assert_eq!(events.next().await, ("alert".into(), Some(2), 2));
    for row in 4..=9 {
        let severity = [Severity::Error, Severity::Info][row as usize % 2];
        console.alerts.push(alert(row, severity, "live"));
    }
    for row in [4, 6, 8] {
        assert_eq!(events.next().await, ("alert".into(), Some(row), row));
    }
    // A second page while the first one follows, and one that connects again.
    let mut second = open(&console, "after=5", None).await;
    for row in 6..=9 {
        assert_eq!(second.next().await.2, row);
    }
    let mut again = open(&console, "after=1&severity=error", Some(6)).await;
    assert_eq!(again.next().await.2, 8);
    console.alerts.push(alert(10, Severity::Error, "live"));
    for events in [&mut events, &mut second, &mut again] {
        assert_eq!(events.next().await.2, 10);
    }
}

/// A notice gets through, or somebody acknowledges, while the page is open or just before its stream
/// begins.
///
/// Rule: N21
#[tokio::test]
async fn a_row_that_changes_is_told_anew() {
    let mut row = alert(1, Severity::Error, "down");
    row.notices = vec![notice(
        1,
        Channel::Mail,
        "a@example.com",
        NoticeState::Waiting,
    )];
    let console = Console::with(vec![row.clone()]);
    let app = State(console.app.clone());
    let who = Extension(visitor(Language::En, Role::View));
    let page = body(page::alerts::show(app, who, asked("")).await).await;
    assert!(page.contains("sent 0/1"));
    row.notices[0].state = NoticeState::Delivered;
    console.alerts.replace(row);
    let mut events = open(&console, "after=1", None).await;
    let (name, id, row) = events.next().await;
    assert_eq!(
        (&*name, id, row),
        ("change", None, 1),
        "it is not where to go on from"
    );
}

/// Story: the event that has a page load itself anew had no data, and browsers pass such events over: whoever
/// was signed out went on looking at a page that stood still.
///
/// Rule: N21
#[tokio::test]
async fn a_session_that_ended_is_told_so_that_a_browser_hears_it() {
    let console = Console::with(vec![alert(1, Severity::Error, "old")]);
    let mut events = open(&console, "after=1", None).await;
    let conf = std::fs::read_to_string(console.app.home.conf()).unwrap();
    std::fs::write(
        console.app.home.conf(),
        conf.replace("\"sato\"", "\"kato\""),
    )
    .unwrap();
    console.alerts.push(alert(2, Severity::Error, "secret"));
    let told = async {
        while !events.rest.contains("event: reload\ndata: now\n\n") {
            let chunk = events.data.next().await.unwrap().unwrap();
            events.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    timeout(PATIENCE, told).await.expect("it is told");
    assert!(!events.rest.contains("secret"), "{}", events.rest);
}
