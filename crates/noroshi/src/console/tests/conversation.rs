//! The page of a test mail: filled as the recipients' conversations end, and whatever they hold is text.

use super::*;
use crate::console::page::conversation::{Of, To, begin, show};
use axum::body::BodyDataStream;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::{Extension, Form, extract::Query, extract::State};
use futures_util::StreamExt;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::time::Duration;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

const TAKEN: &str = r#"{"is":"conversation","conversation":{"recipient":"ops@example.com","server":"sv1","took_ms":7,"delivered":"mx:25: 250 ok","faults":[],"steps":[{"at_ms":5,"took_ms":2,"what":"sent","text":"AUTH PLAIN (credentials not shown)"}],"cut":false}}"#;
const NOT_TAKEN: &str = r#"{"is":"conversation","conversation":{"recipient":"gone@example.com","server":"sv1","took_ms":9,"delivered":null,"faults":[{"at":"mx:25","ending":"no-such-user","text":"550 <script>alert(1)</script>"}],"steps":[{"at_ms":5,"took_ms":2,"what":"received","text":"550 <script>alert(1)</script><!--conversations-->"}],"cut":true}}"#;

/// A daemon that is asked once and says these lines, each when it is told to; what it was asked.
fn daemon(
    home: &Home,
) -> (
    std::sync::mpsc::SyncSender<&'static str>,
    std::sync::mpsc::Receiver<String>,
) {
    let listener = UnixListener::bind(home.socket()).unwrap();
    let (say, lines) = std::sync::mpsc::sync_channel::<&'static str>(8);
    let (tell, asked) = std::sync::mpsc::sync_channel(8);
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut to = stream.try_clone().unwrap();
        let mut call = String::new();
        BufReader::new(stream).read_line(&mut call).unwrap();
        tell.send(call).unwrap();
        for line in lines {
            writeln!(to, "{line}").unwrap();
        }
    });
    (say, asked)
}

fn app() -> (tempfile::TempDir, Home, Arc<App>) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    home.prepare().unwrap();
    let app = App::new(home.clone(), account::Accounts::new(home.clone()));
    (dir, home, Arc::new(app))
}

async fn until(body: &mut BodyDataStream, page: &mut String, words: &str) {
    let read = async {
        while !page.contains(words) {
            let chunk = body.next().await.expect("there is more").unwrap();
            page.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    timeout(PATIENCE, read).await.expect(words);
}

/// Rule: N10 N21 N25
#[tokio::test]
async fn the_page_fills_as_the_conversations_end_and_shows_them_again() {
    let (_dir, home, app) = app();
    let (say, asked) = daemon(&home);
    let who = |language| Extension(visitor(language, Role::Operate));
    let to = Query::<To>::try_from_uri(&"http://x/?recipient=".parse().unwrap());
    let to = to.unwrap().0;
    let begun = begin(State(app.clone()), who(Language::En), Form(to)).await;
    assert_eq!(begun.status(), StatusCode::SEE_OTHER);
    assert_eq!(begun.headers()[LOCATION], "/test/conversation?n=1");
    let of =
        |n: u64| Query::<Of>::try_from_uri(&format!("http://x/?n={n}").parse().unwrap()).unwrap();
    let response = show(State(app.clone()), who(Language::En), of(1)).await;
    let mut body = response.into_body().into_data_stream();
    let mut page = String::new();
    until(&mut body, &mut page, "Each recipient appears here").await;
    say.send(TAKEN).unwrap();
    until(&mut body, &mut page, "ops@example.com").await;
    assert!(!page.contains("</html>"), "the other one is under way");
    say.send(NOT_TAKEN).unwrap();
    say.send(r#"{"is":"end"}"#).unwrap();
    until(&mut body, &mut page, "</html>").await;
    for words in [
        "mx:25: 250 ok",
        "AUTH PLAIN (credentials not shown)",
        "does not know, or does not take, this recipient",
        "Check the address for slips",
        "550 &lt;script&gt;alert(1)",
        "More was said",
        "Through: 1 of 2 mails were taken.",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("<script>"), "{page}");
    let asked = asked.recv_timeout(PATIENCE).unwrap();
    let by = r#"{"call":"test-mail","by":"sato (console, 127.0.0.1)"}"#;
    assert_eq!(asked.trim_end(), by);
    // Loaded again, in the other language, it is all there at once.
    let again = super::body(show(State(app.clone()), who(Language::Ja), of(1)).await).await;
    assert!(
        again.contains("2 通のうち 1 通が受け付けられました"),
        "{again}"
    );
    assert!(again.contains("宛先を受け付けません"), "{again}");
    let none = show(State(app), who(Language::En), of(2)).await;
    assert_eq!(none.status(), StatusCode::NOT_FOUND);
}

/// Rule: N25
#[tokio::test]
async fn a_test_that_is_refused_says_why_and_the_last_ones_are_kept() {
    let (_dir, home, app) = app();
    let (say, _asked) = daemon(&home);
    say.send(r#"{"is":"error","fault":"busy","why":"a test mail is under way already"}"#)
        .unwrap();
    let number = app.test_mails.begin(&app.desk, None, "sato".into());
    let show = async |n: u64| {
        let uri = format!("http://x/?n={n}").parse().unwrap();
        let of = Query::<Of>::try_from_uri(&uri).unwrap();
        let who = Extension(visitor(Language::En, Role::Operate));
        timeout(PATIENCE, show(State(app.clone()), who, of))
            .await
            .unwrap()
    };
    let page = super::body(show(number).await).await;
    assert!(page.contains("under way already"), "{page}");
    assert!(!page.contains("Through:"), "{page}");
    for _ in 0..4 {
        app.test_mails.begin(&app.desk, None, "sato".into());
    }
    assert_eq!(show(number).await.status(), StatusCode::NOT_FOUND);
}
