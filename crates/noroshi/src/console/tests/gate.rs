//! The gate: every page with every role and method, and what nobody may do to it. In memory, over the
//! very connection code that serves visitors; no daemon answers behind it.

use super::HASH;
use crate::console::route::{Access, ROUTES, router};
use crate::console::serve::converse;
use crate::console::visitor::{Peer, SESSION_COOKIE};
use crate::console::{App, account};
use noroshi_core::config::Role;
use noroshi_daemon::home::Home;
use ring::digest::{SHA256, digest};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

pub(super) const USERS: [(&str, Role); 3] = [
    ("vera", Role::View),
    ("otto", Role::Operate),
    ("anna", Role::Administer),
];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "PATCH"];
/// Longer than any page takes, whatever else this machine does.
const WAIT: Duration = Duration::from_secs(30);

/// A console without a daemon.
pub(super) struct Place {
    _dir: tempfile::TempDir,
    pub(super) router: axum::Router,
    pub(super) app: Arc<App>,
}

impl Place {
    pub(super) fn open() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        home.prepare().unwrap();
        std::fs::create_dir_all(home.etc()).unwrap();
        let users: String = USERS
            .iter()
            .map(|(name, role)| {
                let role = account::role_name(*role);
                let token = digest(&SHA256, token_of(name).as_bytes());
                let token: String = token.as_ref().iter().map(|b| format!("{b:02x}")).collect();
                format!(
                    r#"<user name="{name}"><role>{role}</role><password>{HASH}</password><token>{token}</token></user>"#
                )
            })
            .collect();
        let conf = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><root><cluster><name>harbour</name></cluster>
            <server name="sv1"><priority>0</priority><device id="0"><type>lan</type><info>127.0.0.1</info></device></server>
            <noroshi><console>{users}</console></noroshi></root>"#
        );
        std::fs::write(home.conf(), conf).unwrap();
        let app = Arc::new(App::new(home.clone(), account::Accounts::new(home)));
        Place {
            _dir: dir,
            router: router(Arc::clone(&app)),
            app,
        }
    }

    /// A session of whoever has `role`.
    fn session(&self, role: Role) -> String {
        let at = USERS.iter().find(|(_, other)| *other == role);
        self.app.sessions.begin(at.unwrap().0, HASH).unwrap()
    }

    /// The `Cookie` line of whoever has `role`, a session of its own each time; nothing for nobody.
    pub(super) fn cookie(&self, role: Option<Role>) -> String {
        role.map_or_else(String::new, |role| line(&self.session(role)))
    }

    /// The `Authorization` line of whoever has `role`; nothing for nobody.
    pub(super) fn bearer(&self, role: Option<Role>) -> String {
        let name = USERS.iter().find(|(_, other)| Some(*other) == role);
        name.map_or_else(String::new, |(name, _)| authorization(&token_of(name)))
    }

    /// Sends raw bytes; the head of the answer, and of the body what came with it.
    pub(super) async fn say(&self, bytes: &[u8]) -> Answer {
        let (mut ours, theirs) = duplex(1 << 20);
        let peer = Peer {
            address: [192, 0, 2, 7].into(),
            tls: false,
        };
        let serving = tokio::spawn(converse(theirs, peer, None, self.router.clone()));
        // A server that has had enough closes before it has read all.
        let _ = timeout(WAIT, ours.write_all(bytes)).await.unwrap();
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains("\r\n\r\n") {
            let mut piece = [0; 16 * 1024];
            let count = timeout(WAIT, ours.read(&mut piece)).await.unwrap();
            match count {
                Ok(0) | Err(_) => break,
                Ok(count) => text.extend_from_slice(&piece[..count]),
            }
        }
        serving.abort();
        Answer(String::from_utf8_lossy(&text).into_owned())
    }

    pub(super) async fn ask(&self, method: &str, path: &str, more: &str, body: &str) -> Answer {
        let length = body.len();
        let kind = "application/x-www-form-urlencoded";
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.say(request.as_bytes()).await
    }
}

fn token_of(name: &str) -> String {
    format!("noroshi_token-of-{name}")
}

pub(super) fn authorization(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn line(session: &str) -> String {
    format!("Cookie: {SESSION_COOKIE}={session}\r\n")
}

pub(super) struct Answer(pub(super) String);

impl Answer {
    pub(super) fn status(&self) -> u16 {
        let status = self.0.split(' ').nth(1).and_then(|word| word.parse().ok());
        status.unwrap_or(0)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next()?;
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }
}

#[track_caller]
pub(super) fn check(place: &str, answer: &Answer, status: u16) {
    assert_eq!(answer.status(), status, "{place}: {}", answer.0);
}

/// Rule: N21
#[tokio::test]
async fn every_page_answers_each_role_and_method_as_the_table_says() {
    let place = Place::open();
    let paths: BTreeSet<&str> = ROUTES.iter().map(|route| route.path).collect();
    let everybody = [None].into_iter().chain(USERS.map(|(_, role)| Some(role)));
    for (path, who) in paths
        .iter()
        .flat_map(|path| everybody.clone().map(move |who| (*path, who)))
    {
        let own: Vec<_> = ROUTES.iter().filter(|route| route.path == path).collect();
        let access = own[0].access;
        assert!(
            own.iter().all(|route| route.access == access),
            "{path}: two accesses"
        );
        let may = match access {
            Access::Anyone => true,
            Access::Role(least) => who.is_some_and(|role| role >= least),
        };
        let api = path.starts_with("/api/");
        let mut ways = vec![place.cookie(who)];
        ways.extend(api.then(|| place.bearer(who)));
        for (method, way) in METHODS
            .iter()
            .flat_map(|it| ways.iter().map(move |way| (*it, way)))
        {
            let asked = path.replace("{row}", "1").replace("{id}", "a-1");
            let answer = place.ask(method, &asked, way, "").await;
            let what = format!("{method} {path} as {who:?}");
            let known = own.iter().any(|route| route.method == method);
            if api && answer.status() >= 400 {
                let kind = answer.header("content-type");
                assert_eq!(kind, Some("application/problem+json"), "{what}");
            }
            match (may, who) {
                (true, _) if !known => check(&what, &answer, 405),
                (true, _) => {
                    let status = answer.status();
                    assert!(
                        ![0, 401, 403, 405].contains(&status) && !answer.0.contains("No such page"),
                        "{what}: {}",
                        answer.0
                    );
                    if access != Access::Anyone {
                        let to = answer.header("location").unwrap_or("");
                        assert!(!to.starts_with("/sign-in"), "{what}: {to}");
                    }
                    assert!(answer.header("content-security-policy").is_some(), "{what}");
                }
                (false, Some(_)) => check(&what, &answer, 403),
                (false, None) if api => check(&what, &answer, 401),
                (false, None) => {
                    check(&what, &answer, 303);
                    let to = answer.header("location").unwrap();
                    assert!(to.starts_with("/sign-in"), "{what}: {to}");
                }
            }
        }
    }
}

/// Whoever only looks changes nothing but what is its own, and what is for all is for who administers.
///
/// Rule: N21
#[test]
fn no_change_is_for_those_who_only_look() {
    let own = [
        "/account",
        "/account/token",
        "/account/token/revoke",
        "/language",
        "/set-up",
        "/sign-in",
        "/sign-out",
    ];
    for route in ROUTES {
        let path = route.path;
        let whole = ["/users", "/licence", "/audit", "/shut-down", "/builder"];
        let page = path.strip_prefix("/api/v1").unwrap_or(path);
        if whole.iter().any(|start| page.starts_with(start)) {
            assert_eq!(route.access, Access::Role(Role::Administer), "{path}");
        } else if route.method != "GET" && !own.contains(&path) {
            let Access::Role(role) = route.access else {
                panic!("{path}: for anyone");
            };
            assert!(role >= Role::Operate, "{path}");
        }
    }
}

/// Rule: N21
#[tokio::test]
async fn no_other_site_changes_anything() {
    let place = Place::open();
    for route in ROUTES.iter().filter(|route| route.method != "GET") {
        for from in [
            "Origin: https://evil.example\r\n",
            "Origin: null\r\n",
            "Origin: http://localhost.evil.example\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: same-site\r\n",
            // What the browser says itself comes first.
            "Sec-Fetch-Site: cross-site\r\nOrigin: http://localhost\r\n",
        ] {
            let more = format!("{}{from}", place.cookie(Some(Role::Administer)));
            let answer = place.ask(route.method, route.path, &more, "").await;
            check(&format!("{} {from}", route.path), &answer, 403);
        }
    }
}

/// Rule: N21
#[tokio::test]
async fn no_session_is_guessed_kept_or_fixed() {
    let place = Place::open();
    let session = place.session(Role::Administer);
    for cookie in [
        String::new(),
        "Cookie: noroshi-session=\r\n".into(),
        "Cookie: noroshi-session=AAAA\r\n".into(),
        "Cookie: noroshi-session=%00; noroshi-session=x\r\n".into(),
        format!("Cookie: other={session}\r\n"),
        line(&format!("{session}x")),
    ] {
        check(&cookie, &place.ask("GET", "/", &cookie, "").await, 303);
    }
    let cookie = line(&session);
    check(
        "signed in",
        &place.ask("GET", "/users", &cookie, "").await,
        200,
    );
    place.app.sessions.end(&session);
    check(
        "signed out",
        &place.ask("GET", "/users", &cookie, "").await,
        303,
    );
    // A user who is gone, or has another password, has no session any more.
    let cookie = place.cookie(Some(Role::View));
    check("there", &place.ask("GET", "/about", &cookie, "").await, 200);
    let conf = std::fs::read_to_string(place.app.home.conf()).unwrap();
    std::fs::write(place.app.home.conf(), conf.replace("vera", "verona")).unwrap();
    check("gone", &place.ask("GET", "/about", &cookie, "").await, 303);
}

/// Rule: N21
#[tokio::test]
async fn a_wrong_host_an_unknown_path_and_a_way_out_of_the_tree_lead_nowhere() {
    let place = Place::open();
    let cookie = place.cookie(Some(Role::Administer));
    let foreign = format!(
        "GET /sign-out-of HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n{cookie}\r\n"
    );
    let answer = place.say(foreign.as_bytes()).await;
    check("wrong host", &answer, 421);
    assert!(!answer.0.contains("evil.example"), "{}", answer.0);
    let none = place.say(b"GET / HTTP/1.1\r\n\r\n").await;
    check("no host", &none, 400);
    for path in [
        "/nothing",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/console.css/../../../etc/passwd",
        "/console.css%00",
        "//etc/passwd",
        "/api/v1/../../etc/passwd",
    ] {
        let answer = place.ask("GET", path, &cookie, "").await;
        check(path, &answer, 404);
        assert!(!answer.0.contains("root:"), "{path}");
    }
    for query in ["server=../../etc/passwd", "server=%2e%2e%2f&scope=type9"] {
        let path = format!("/logs/archive?{query}");
        let answer = place.ask("GET", &path, &cookie, "").await;
        assert!(
            matches!(answer.status(), 400 | 422 | 503),
            "{path}: {}",
            answer.0
        );
    }
}

/// Rule: N21
#[tokio::test]
async fn floods_are_refused_at_their_bound() {
    let place = Place::open();
    let cookie = place.cookie(Some(Role::Administer));
    let headers: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    check("headers", &place.ask("GET", "/", &headers, "").await, 431);
    let long = format!("Cookie: {}\r\n", "a=b; ".repeat(64 * 1024));
    check("cookies", &place.ask("GET", "/", &long, "").await, 431);
    let path = format!("/{}", "a".repeat(64 * 1024));
    let answer = place.ask("GET", &path, "", "").await;
    assert!(
        matches!(answer.status(), 414 | 431),
        "a long path: {}",
        answer.0
    );
    let body = format!("text={}", "a".repeat(300 * 1024));
    check(
        "a body",
        &place.ask("POST", "/licence/file", &cookie, &body).await,
        413,
    );
    check(
        "no HTTP",
        &place.say(b"\x16\x03\x01\x02\r\n\r\n").await,
        400,
    );
}
