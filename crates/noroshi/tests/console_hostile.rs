//! What strangers, thieves and texts from outside may do to a real daemon's console: nothing.
//!
//! Beside these: every route with every role and method, cross-site requests, floods and broken HTTP in
//! `src/console/tests/{gate,wire}.rs`; each page of the alert view with each evil text in
//! `src/console/tests/hostile.rs`; the bounds of connections and slow readers beside their code.

mod e2e;
mod web;

use e2e::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use web::{Console, Page, Visitor};

const PASSWORD: &str = "correct horse";
/// More than the console has places.
const CROWD: usize = 400;

const EVIL: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</td></table></script><svg onload=alert(1)>",
    "a\u{202e}evil\u{2066}b",
    "escape\u{1b}[2J\r\n\r\ndata: x\n\nevent: reload",
];

/// One server with a console, and its first user.
fn site() -> (Cluster, Console, Visitor) {
    let cluster = plan()
        .servers(1)
        .lamps(Lamps::None)
        .tune(|conf| conf.console = true)
        .start()
        .unwrap();
    let console = Console::start(&cluster, 0);
    let anna = console.first_user(&cluster, 0, "anna");
    (cluster, console, anna)
}

fn add(anna: &mut Visitor, name: &str, role: &str) {
    let page = anna.post(
        "/users/add",
        &[
            ("name", name),
            ("role", role),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ],
    );
    assert_eq!(page.status, 303, "{}", page.text());
}

fn sign_in(console: &Console, name: &str, password: &str) -> (Visitor, Page) {
    let mut visitor = console.visitor();
    let page = visitor.post("/sign-in", &[("name", name), ("password", password)]);
    (visitor, page)
}

fn signed_in(console: &Console, name: &str) -> Visitor {
    let (visitor, page) = sign_in(console, name, PASSWORD);
    assert_eq!(page.status, 303, "{}", page.text());
    visitor
}

#[track_caller]
fn harmless(page: &Page, what: &str) {
    let text = page.text();
    for tag in [
        "<script>alert",
        "<img",
        "<svg onload",
        "</td></table></script>",
    ] {
        assert!(!text.contains(tag), "{what}: {tag} in {text}");
    }
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(text.chars().find(|c| steers(*c)), None, "{what}");
}

/// What a script says, what somebody remarks and what is searched for come back as data on every page, in
/// the files and in the stream.
///
/// Rule: N7 N21 M31
#[test]
fn no_text_from_outside_becomes_part_of_a_page() {
    let (cluster, console, mut anna) = site();
    for text in EVIL {
        cluster
            .command(0, &["clplogcmd", "-m", text, "--alert"])
            .unwrap();
    }
    let list = anna.get("/alerts");
    harmless(&list, "list");
    let text = list.text();
    let rows: Vec<&str> = text
        .split("data-row=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(rows.len() >= EVIL.len(), "{text}");
    for (row, evil) in rows.iter().zip(EVIL) {
        let page = anna.get(&format!("/alerts/{row}"));
        harmless(&page, row);
        let form = page.form("/alerts/acknowledge").with("remark", evil);
        let done = anna.send(&form);
        assert!(matches!(done.status, 303 | 422), "{}", done.text());
        harmless(&done, "acknowledged");
        harmless(&anna.get(&format!("/alerts/{row}")), "its remark");
    }
    for evil in EVIL {
        for (path, fields) in [
            (
                "/users/add",
                [("name", evil), ("role", evil), ("password", evil)],
            ),
            ("/users/role", [("name", evil), ("role", "view"), ("x", "")]),
            ("/lamp-off", [("server", evil), ("x", ""), ("y", "")]),
            ("/stop", [("server", evil), ("name", evil), ("x", "")]),
            ("/shut-down", [("cluster", evil), ("x", ""), ("y", "")]),
            ("/licence/remove", [("serial", evil), ("x", ""), ("y", "")]),
            ("/licence/file", [("text", evil), ("x", ""), ("y", "")]),
            ("/licence/key", [("key", evil), ("x", ""), ("y", "")]),
        ] {
            let page = anna.post(path, &fields);
            assert!((300..500).contains(&page.status), "{path}: {}", page.status);
            harmless(&page, path);
        }
    }
    for page in [
        "/", "/alerts", "/audit", "/users", "/licence", "/logs", "/test",
    ] {
        harmless(&anna.get(page), page);
    }
    let mut page = console
        .visitor()
        .get("/sign-in?to=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    harmless(&page, "the way back");
    page = sign_in(&console, EVIL[0], EVIL[1]).1;
    harmless(&page, "a name");
    assert!(cluster.status(0).is_ok());
}

/// A megabyte where a word is expected is refused, and costs nobody else anything.
///
/// Rule: N21
#[test]
fn a_megabyte_is_refused_wherever_it_is_sent() {
    let (cluster, _console, mut anna) = site();
    let megabyte = "x".repeat(1 << 20);
    for path in [
        "/alerts/acknowledge",
        "/users/add",
        "/licence/file",
        "/lamp-off",
        "/sign-in",
        "/language",
    ] {
        let page = anna.post(path, &[("name", &megabyte), ("remark", &megabyte)]);
        assert_eq!(page.status, 413, "{path}");
    }
    let long = anna.get(&format!("/alerts?text={megabyte}"));
    assert!(matches!(long.status, 414 | 431), "{}", long.status);
    // As an alert's text it is cut, and is one row.
    cluster
        .command(0, &["clplogcmd", "-m", &megabyte[..100_000], "--alert"])
        .unwrap();
    let list = anna.get("/alerts");
    assert_eq!(list.status, 200);
    assert!(
        list.text().contains("xxxx") && list.body.len() < 50_000,
        "{}",
        list.body.len()
    );
}

/// Rule: N21
#[test]
fn no_path_leads_out_of_the_table_of_pages() {
    let (_cluster, console, mut anna) = site();
    let ways = [
        "..",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..%5c..%5c",
        "%00",
        "1%00",
        "1%2f..",
        "%ff",
        "-1",
        "1e3",
        "0x1",
        "99999999999999999999",
        "1;x",
        "%252e%252e",
    ];
    for way in ways {
        for path in [
            format!("/alerts/{way}"),
            format!("/builder/{way}"),
            format!("/{way}"),
        ] {
            let page = anna.get(&path);
            assert!(matches!(page.status, 400 | 404), "{path}: {}", page.status);
            assert!(!page.text().contains("root:"), "{path}");
        }
        for path in [
            format!("/builder/set?number={way}"),
            format!("/builder/history?done={way}"),
            format!("/logs/archive?server={way}&scope=type1"),
            format!("/logs/archive?server=sv1&scope={way}"),
            format!("/alerts?before={way}&after={way}&since={way}&server={way}"),
            format!("/test?alert={way}"),
            format!("/set-up?x={way}"),
        ] {
            let page = anna.get(&path);
            assert!(
                page.status < 500 || page.status == 503,
                "{path}: {}",
                page.status
            );
            assert!(!page.text().contains("root:"), "{path}");
        }
    }
    let to = console.visitor().get("/alerts%2f..%2f..");
    assert_eq!(to.status, 404);
}

/// A cookie is of use to nobody after its owner has signed out, has another password, or is gone; with a
/// lower role it opens only what that role may.
///
/// Rule: N21
#[test]
fn a_stolen_cookie_ends_with_what_its_owner_does() {
    let (_cluster, console, mut anna) = site();
    add(&mut anna, "otto", "operate");
    let mut otto = signed_in(&console, "otto");
    let mut thief = otto.window();
    assert_eq!(thief.get("/logs").status, 200);
    assert_eq!(otto.post("/sign-out", &[]).status, 303);
    assert_eq!(thief.get("/logs").status, 303);

    let mut thief = signed_in(&console, "otto").window();
    let role = anna.post("/users/role", &[("name", "otto"), ("role", "view")]);
    assert_eq!(role.status, 303, "{}", role.text());
    assert_eq!(thief.get("/logs").status, 403);
    assert_eq!(thief.get("/alerts").status, 200);
    assert_eq!(thief.post("/stop", &[("server", "sv1")]).status, 403);

    let changed = anna.post(
        "/users/password",
        &[
            ("name", "otto"),
            ("password", "another horse"),
            ("again", "another horse"),
        ],
    );
    assert_eq!(changed.status, 303, "{}", changed.text());
    assert_eq!(thief.get("/alerts").status, 303);
    assert_eq!(sign_in(&console, "otto", PASSWORD).1.status, 403);

    let (otto, page) = sign_in(&console, "otto", "another horse");
    assert_eq!(page.status, 303);
    let mut thief = otto.window();
    assert_eq!(thief.get("/alerts").status, 200);
    assert_eq!(anna.post("/users/remove", &[("name", "otto")]).status, 303);
    assert_eq!(thief.get("/alerts").status, 303);
    assert_eq!(sign_in(&console, "otto", "another horse").1.status, 403);
}

/// Whoever guesses is stopped, is told for how long, and a user who has a session goes on.
///
/// Rule: N21
#[test]
fn guessing_is_stopped_and_told_once_in_the_audit_trail() {
    let (cluster, console, mut anna) = site();
    let mut status = Vec::new();
    for guess in 0..14 {
        let (_, page) = sign_in(&console, "anna", &format!("guess {guess}"));
        status.push(page.status);
        if page.status == 429 {
            let wait_s: u64 = page.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=300).contains(&wait_s), "{wait_s}");
        }
    }
    assert_eq!(status[..10], [403; 10]);
    assert_eq!(status[10..], [429; 4]);
    assert_eq!(sign_in(&console, "anna", PASSWORD).1.status, 429);
    assert_eq!(anna.get("/alerts").status, 200);
    let audit = cluster.home(0).log().join("audit.log.cur");
    let audit = std::fs::read_to_string(audit).unwrap();
    assert_eq!(audit.matches("locked out").count(), 1, "{audit}");
    assert!(!audit.contains("guess"), "{audit}");
}

/// More connections that say nothing than there are places: a user's page comes, and an alert is taken.
///
/// Rule: N21 N1
#[test]
fn a_crowd_that_says_nothing_keeps_nobody_out() {
    let (cluster, console, mut anna) = site();
    let crowd: Vec<TcpStream> = (0..CROWD)
        .map(|_| TcpStream::connect(console.address).unwrap())
        .collect();
    assert_eq!(anna.get("/alerts").status, 200);
    let page = sign_in(&console, "anna", PASSWORD).1;
    assert_eq!(page.status, 303);
    flush(&cluster, 0);
    // The oldest one had to make room.
    let mut first = &crowd[0];
    first.set_read_timeout(Some(LATER)).unwrap();
    let mut byte = [0];
    assert!(matches!(first.read(&mut byte), Ok(0) | Err(_)));
    // A stream of a signed-in user stays, however many come.
    let mut stream = TcpStream::connect(console.address).unwrap();
    write!(
        stream,
        "GET /live?after=0 HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
        console.address,
        anna.cookie()
    )
    .unwrap();
    stream.set_read_timeout(Some(LATER)).unwrap();
    let mut piece = [0; 64];
    assert!(stream.read(&mut piece).unwrap() > 0);
    let _more: Vec<TcpStream> = (0..CROWD)
        .map(|_| TcpStream::connect(console.address).unwrap())
        .collect();
    cluster
        .command(0, &["clplogcmd", "-m", "among the crowd", "--alert"])
        .unwrap();
    let mut told = String::new();
    let begun = Instant::now();
    while !told.contains("among the crowd") {
        assert!(begun.elapsed() < LATER, "{told}");
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).unwrap();
        assert_ne!(read, 0, "it was closed");
        told.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
}
