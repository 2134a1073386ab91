//! The API at its gate and at its mouth: tokens, and what is not understood. No daemon answers behind it, so
//! whatever got through both is answered with 503.

use super::gate::{Answer, Place, authorization, check};
use crate::console::route::{ROUTES, Route};
use noroshi_core::config::Role;

const ANNA: Option<Role> = Some(Role::Administer);

fn api() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|it| it.path.starts_with("/api/"))
}

impl Place {
    /// One POST of JSON, or of what it pretends to be.
    async fn post(&self, path: &str, kind: &str, body: &str) -> Answer {
        let length = body.len();
        let bearer = self.bearer(ANNA);
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{bearer}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.say(request.as_bytes()).await
    }
}

/// Nothing sends a token by itself, as a browser sends a cookie, so it need not come from a page of ours.
///
/// Rule: N21
#[tokio::test]
async fn a_session_changes_things_from_our_pages_alone_and_a_token_from_anywhere() {
    let place = Place::open();
    for route in api().filter(|it| it.method == "POST") {
        for from in [
            "Origin: https://evil.example\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
        ] {
            let by_session = format!("{}{from}", place.cookie(ANNA));
            let answer = place.ask("POST", route.path, &by_session, "").await;
            check(route.path, &answer, 403);
            let by_token = format!("{}{from}", place.bearer(ANNA));
            let answer = place.ask("POST", route.path, &by_token, "").await;
            assert!(answer.status() != 403, "{}: {}", route.path, answer.0);
        }
    }
}

/// Rule: N21
#[tokio::test]
async fn a_token_opens_the_api_alone_and_a_wrong_one_nothing() {
    let place = Place::open();
    check(
        "a page",
        &place.ask("GET", "/about", &place.bearer(ANNA), "").await,
        303,
    );
    let me = place
        .ask("GET", "/api/v1/me", &place.bearer(Some(Role::View)), "")
        .await;
    check("me", &me, 200);
    assert!(
        me.0.ends_with(r#"{"name":"vera","role":"view","token":true}"#),
        "{}",
        me.0
    );
    let none = place.ask("GET", "/api/v1/me", "", "").await;
    check("nobody", &none, 401);
    assert_eq!(
        none.header("www-authenticate"),
        Some(r#"Bearer realm="noroshi""#)
    );
    let right = place.bearer(ANNA);
    for wrong in [
        authorization(""),
        authorization("noroshi_x"),
        "Authorization: Basic YW5uYTp4\r\n".into(),
        "Authorization: \u{e9}\r\n".into(),
        right.replace("\r\n", "x\r\n"),
        format!("{right}{right}"),
        // Whoever shows a wrong token is not let in by a session beside it.
        format!("{}{}", authorization("noroshi_x"), place.cookie(ANNA)),
    ] {
        let answer = place.ask("GET", "/api/v1/me", &wrong, "").await;
        check(&wrong, &answer, 401);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("invalid_token"), "{challenge}");
    }
}

/// Rule: N21
#[tokio::test]
async fn wrong_tokens_shut_the_door_for_wrong_tokens_alone() {
    let place = Place::open();
    let wrong = authorization("noroshi_old");
    for _ in 0..10 {
        check(
            "wrong",
            &place.ask("GET", "/api/v1/me", &wrong, "").await,
            401,
        );
    }
    let shut = place.ask("GET", "/api/v1/me", &wrong, "").await;
    check("too many", &shut, 429);
    let wait_s: u64 = shut.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait_s), "{wait_s}");
    check(
        "right",
        &place
            .ask("GET", "/api/v1/me", &place.bearer(ANNA), "")
            .await,
        200,
    );
    let form = "name=anna&password=wrong-too";
    check(
        "sign-in",
        &place.ask("POST", "/sign-in", "", form).await,
        403,
    );
}

/// What another server pushed, or a hand wrote, counts from the next request on.
///
/// Rule: N21 N17
#[tokio::test]
async fn a_token_that_clp_conf_has_no_more_is_nobodys() {
    let place = Place::open();
    let bearer = place.bearer(Some(Role::Operate));
    let me = place.ask("GET", "/api/v1/me", &bearer, "").await;
    check("there", &me, 200);
    let conf = std::fs::read_to_string(place.app.home.conf()).unwrap();
    let begin = conf.find("otto").unwrap();
    let digits = begin + conf[begin..].find("<token>").unwrap() + "<token>".len();
    let other = format!(
        "{}{}{}",
        &conf[..digits],
        "0".repeat(64),
        &conf[digits + 64..]
    );
    std::fs::write(place.app.home.conf(), other).unwrap();
    let me = place.ask("GET", "/api/v1/me", &bearer, "").await;
    check("gone", &me, 401);
}

/// Rule: N21
#[tokio::test]
async fn what_is_not_understood_is_refused_by_its_name() {
    let place = Place::open();
    for (query, word) in [
        ("sevrity=error", "sevrity"),
        ("severity=fatal", "severity"),
        ("severity=", "severity"),
        ("severity=info&severity=error", "severity"),
        ("delivery=lost", "delivery"),
        ("since=yesterday", "since"),
        ("until=2026-11-22", "until"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=%2B5", "limit"),
        ("before=-1", "before"),
        ("after=99999999999999999999", "after"),
        (&format!("text={}", "x".repeat(201)), "text"),
    ] {
        let path = format!("/api/v1/alerts?{query}");
        let answer = place.ask("GET", &path, &place.bearer(ANNA), "").await;
        check(query, &answer, 400);
        assert!(
            answer.0.contains(&format!(r#""detail":"{word}: "#)),
            "{}",
            answer.0
        );
    }
    let path = "/api/v1/status?verbose=1";
    check(
        path,
        &place.ask("GET", path, &place.bearer(ANNA), "").await,
        400,
    );
    let fine = "/api/v1/alerts?text=a&server=b&severity=info&module=nm&since=2026-11-22T10:00:00Z&until=2026-11-22T10:00:00%2B09:00&delivery=waiting&before=9&after=1&limit=200";
    check(
        fine,
        &place.ask("GET", fine, &place.bearer(ANNA), "").await,
        503,
    );
}

/// Rule: N21
#[tokio::test]
async fn a_body_is_whole_or_refused() {
    const JSON: &str = "application/json";
    let place = Place::open();
    for (path, kind, body, status, word) in [
        ("lamp-off", JSON, r#"{"server":"sv1"}"#, 503, "not running"),
        (
            "lamp-off",
            "Application/JSON; charset=utf-8",
            r#"{"server":"sv1"}"#,
            503,
            "not running",
        ),
        (
            "lamp-off",
            "text/plain",
            r#"{"server":"sv1"}"#,
            415,
            "application/json",
        ),
        ("lamp-off", JSON, r#"{"server":"#, 400, "not accepted"),
        ("lamp-off", JSON, "\u{feff}{}", 400, "not accepted"),
        ("lamp-off", JSON, r#"["sv1"]"#, 422, "sequence"),
        ("lamp-off", JSON, "", 422, "server"),
        ("lamp-off", JSON, r#"{"server":"a b"}"#, 422, "no name"),
        (
            "lamp-off",
            JSON,
            r#"{"server":"sv1","colour":"red"}"#,
            422,
            "colour",
        ),
        (
            "acknowledge",
            JSON,
            r#"{"alert":"a-1","remark":null}"#,
            422,
            "null",
        ),
        ("raise", JSON, r#"{"text":"x","event":1.5}"#, 422, "1.5"),
        (
            "raise",
            JSON,
            r#"{"text":"x","event":1.0,"severity":"error"}"#,
            503,
            "not running",
        ),
        ("raise", JSON, r#"{"text":" \u202e "}"#, 422, "text"),
        (
            "raise",
            JSON,
            r#"{"text":"x","severity":"ERROR"}"#,
            422,
            "ERROR",
        ),
        ("mail-test", JSON, "", 503, "not running"),
        ("mail-test", JSON, r#"{"to":"x"}"#, 422, "to"),
        ("lamp-off?server=sv1", JSON, "{}", 400, "server"),
    ] {
        let answer = place.post(&format!("/api/v1/{path}"), kind, body).await;
        check(&format!("{path} {body}"), &answer, status);
        assert!(answer.0.contains(word), "{path} {body}: {}", answer.0);
    }
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(300 * 1024));
    check(
        "large",
        &place.post("/api/v1/raise", JSON, &large).await,
        413,
    );
    let ja = format!("{}Accept-Language: ja\r\n", place.bearer(ANNA));
    let answer = place.ask("GET", "/api/v1/nothing", &ja, "").await;
    check("nothing", &answer, 404);
    assert_eq!(answer.header("content-language"), Some("ja"));
    assert!(answer.0.contains("このパスはありません"), "{}", answer.0);
    let answer = place.ask("POST", "/api/v1/status", &ja, "").await;
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}
