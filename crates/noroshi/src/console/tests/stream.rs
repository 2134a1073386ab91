//! What open pages are told: only what fits, nothing twice, nothing left out.

use super::*;
use crate::console::live::News;
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

    /// Waits until the page is to load itself anew, in a form that a browser hears.
    async fn reload(&mut self) {
        let told = async {
            while !self.rest.contains("event: reload\ndata: now\n\n") {
                let chunk = self.data.next().await.unwrap().unwrap();
                self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        timeout(PATIENCE, told).await.expect("it is told");
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
    events.reload().await;
    assert!(!events.rest.contains("secret"), "{}", events.rest);
}

/// Story: the alerts were followed from the row that the first page named. One page of a store that was gone since,
/// or a row that somebody made up, and no page of this console heard of an alert any more.
///
/// Rule: M31 N21
#[tokio::test]
async fn a_page_that_names_a_row_that_never_was_loads_itself_anew_and_mutes_no_other() {
    let console = Console::with(vec![alert(1, Severity::Error, "old")]);
    let mut strange = open(&console, "after=5000", None).await;
    strange.reload().await;
    let mut other = open(&console, "after=1", None).await;
    for row in 2..=3 {
        console.alerts.push(alert(row, Severity::Error, "live"));
        assert_eq!(other.next().await, ("alert".into(), Some(row), row));
    }
}

/// Over a restart of the daemon nothing is missed and nothing told twice; after one with an empty store the page
/// does not wait for rows that never come.
///
/// Rule: M31 N21
#[tokio::test]
async fn a_page_goes_on_over_a_restart_of_the_daemon_and_over_the_loss_of_its_store() {
    let rows = |last| (1..=last).map(|row| alert(row, Severity::Error, "x"));
    let mut console = Console::with(rows(2).collect());
    let mut events = open(&console, "after=2", None).await;
    console.alerts.push(alert(3, Severity::Error, "x"));
    assert_eq!(events.next().await.2, 3);
    console.restart(rows(5).collect()).await;
    for row in 4..=5 {
        assert_eq!(events.next().await, ("alert".into(), Some(row), row));
    }
    // More than are watched for changes.
    for row in 6..=60 {
        console.alerts.push(alert(row, Severity::Error, "x"));
        assert_eq!(events.next().await.2, row);
    }
    console.restart(rows(1).collect()).await;
    events.reload().await;
    let mut events = open(&console, "after=1", None).await;
    let mut new = alert(2, Severity::Error, "x");
    console.alerts.push(new.clone());
    assert_eq!(events.next().await, ("alert".into(), Some(2), 2));
    new.notices = vec![notice(
        2,
        Channel::Mail,
        "a@example.com",
        NoticeState::Delivered,
    )];
    console.alerts.replace(new);
    assert_eq!(events.next().await, ("change".into(), None, 2));
}

/// Rule: M31 N21
#[tokio::test]
async fn a_page_that_falls_behind_reads_what_it_missed() {
    let console = Console::with(vec![alert(1, Severity::Error, "x")]);
    let mut events = open(&console, "after=1", None).await;
    let mut other = console.app.live.listen(true);
    console.alerts.push(alert(2, Severity::Error, "x"));
    assert_eq!(events.next().await.2, 2);
    // More than a page may be behind, while nobody reads this one.
    for row in 3..=90 {
        console.alerts.push(alert(row, Severity::Error, "x"));
    }
    let told = async {
        loop {
            match other.recv().await {
                Ok(News::Alert(alert)) if alert.row == 90 => return,
                Ok(News::From(90)) => return,
                _ => {}
            }
        }
    };
    timeout(PATIENCE, told).await.expect("all are told");
    for row in 3..=90 {
        assert_eq!(events.next().await.2, row);
    }
}

/// A page without alerts, too: what it is told of the cluster is for who is signed in.
///
/// Rule: N21
#[tokio::test]
async fn the_state_is_not_told_after_the_end_of_a_session() {
    let console = Console::with(Vec::new());
    let mut events = open(&console, "", None).await;
    let first = timeout(PATIENCE, events.data.next()).await.unwrap();
    let first = String::from_utf8(first.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.starts_with("event: silent\n"), "{first}");
    let conf = std::fs::read_to_string(console.app.home.conf()).unwrap();
    let conf = conf.replace("\"sato\"", "\"kato\"");
    std::fs::write(console.app.home.conf(), conf).unwrap();
    events.reload().await;
    assert!(!events.rest.contains("event: silent"), "{}", events.rest);
}
