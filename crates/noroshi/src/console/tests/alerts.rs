//! The alert view, one alert, acknowledging, exports, pictures.

use super::*;
use crate::console::page;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, LOCATION};

async fn shown(console: &Console, query: &str, language: Language) -> String {
    let app = State(console.app.clone());
    let visitor = Extension(visitor(language, Role::Operate));
    body(page::alerts::show(app, visitor, asked(query)).await).await
}

fn count(page: &str) -> usize {
    page.matches("data-row=").count()
}

/// Rule: M31 N7 N21
#[tokio::test]
async fn the_alert_view_has_its_columns_filters_and_neighbours() {
    let mut rows: Vec<AlertRow> = (1..=120)
        .map(|row| alert(row, Severity::Info, &format!("plain {row}")))
        .collect();
    rows[118] = alert(119, Severity::Error, "Server server2 is DOWN");
    rows[118].notices = vec![
        notice(119, Channel::Mail, "a@example.com", NoticeState::Delivered),
        notice(119, Channel::Mail, "b@example.com", NoticeState::Delivered),
        notice(119, Channel::Lamp, "server2", NoticeState::Waiting),
        notice(119, Channel::Lamp, "server3", NoticeState::Dropped),
    ];
    let console = Console::with(rows);
    let page = shown(&console, "", Language::En).await;
    assert_eq!(count(&page), 50);
    for head in [
        "Received", "Time", "Server", "Module", "ID", "Severity", "Message", "Notices",
    ] {
        assert!(
            page.contains(&format!("<th scope=\"col\">{head}</th>")),
            "{head}"
        );
    }
    assert!(page.contains("sent 2/3, 1 waiting") && page.contains("href=\"/alerts/119\""));
    assert!(
        page.find("plain 120") < page.find("plain 118"),
        "the newest come first"
    );
    assert!(page.contains("data-stream=\"/live?after=120\""));
    let page = shown(&console, "", Language::Ja).await;
    assert!(
        page.contains("送信 2/3、送信待ち 1") && page.contains("<th scope=\"col\">受信時刻</th>")
    );
    // Older, and back.
    assert!(page.contains("href=\"/alerts?before=71\""));
    let page = shown(&console, "before=71", Language::En).await;
    assert!(page.contains("plain 70<") && page.contains("plain 21<") && count(&page) == 50);
    assert!(!page.contains("data-live"), "only the newest page is live");
    assert!(page.contains("href=\"/alerts?after=70\""));
    let page = shown(&console, "after=21", Language::En).await;
    assert!(page.find("plain 71<") < page.find("plain 22<") && count(&page) == 50);
    let response = page::alerts::show(
        State(console.app.clone()),
        Extension(visitor(Language::En, Role::View)),
        asked("after=100&text=plain"),
    );
    let response = response.await;
    assert_eq!(response.headers()[LOCATION], "/alerts?text=plain");
    // Filters, and their words in every link.
    for (query, rows) in [
        ("text=is+down", 1),
        ("text=%25", 0),
        ("severity=warning", 1),
        ("server=server2", 50),
        ("server=server9", 0),
        ("module=rc", 0),
        ("since=2023-11-14T22:13:20.119Z", 2),
        ("until=2023-11-14T22:13:20.003Z", 2),
        ("delivery=waiting", 1),
        ("delivery=undelivered", 1),
        ("delivery=delivered", 0),
    ] {
        assert_eq!(
            count(&shown(&console, query, Language::En).await),
            rows,
            "{query}"
        );
    }
    let page = shown(&console, "text=a%26b%3D%22&severity=error", Language::En).await;
    assert!(page.contains("href=\"/alerts.csv?text=a%26b%3D%22&amp;severity=error\""));
    // What means nothing is said beside its field, and nothing is lost.
    let page = shown(&console, "since=yesterday&delivery=%3Cb%3E", Language::Ja).await;
    assert!(page.contains("時刻として読めません") && page.contains("value=\"yesterday\""));
    assert!(page.contains("選択できない値です") && page.contains("&lt;b&gt;"));
}

/// Rule: M31 N7 N21
#[tokio::test]
async fn an_alert_opens_to_show_each_notices_way() {
    let mut row = alert(7, Severity::Error, "Server server2 is down.");
    row.notices = vec![notice(
        7,
        Channel::Mail,
        "ops@example.com",
        NoticeState::Refused,
    )];
    let console = Console::with(vec![row]);
    let show = async |row: &str, role| {
        let app = State(console.app.clone());
        let visitor = Extension(visitor(Language::En, role));
        page::alert::show(app, visitor, Path(row.into())).await
    };
    let page = body(show("7", Role::Operate).await).await;
    for word in [
        "ops@example.com",
        "mail",
        "refused",
        "server3",
        "3",
        "250 2.0.0 queued as X",
        "2023-11-14T22:13:22Z",
        "action=\"/alerts/acknowledge\"",
    ] {
        assert!(page.contains(word), "{word}");
    }
    let page = body(show("7", Role::View).await).await;
    assert!(
        !page.contains("/alerts/acknowledge"),
        "who may only look has no form"
    );
    for row in ["8", "0", "18446744073709551615", "x", "-1"] {
        assert_eq!(
            show(row, Role::View).await.status(),
            StatusCode::NOT_FOUND,
            "{row}"
        );
    }
}

/// Rule: N21 N24
#[tokio::test]
async fn an_alert_is_acknowledged_under_the_users_own_name() {
    let console = Console::with(vec![alert(7, Severity::Error, "down")]);
    let acknowledge = async |form: &str| {
        let app = State(console.app.clone());
        let visitor = Extension(visitor(Language::En, Role::Operate));
        let uri = format!("http://x/?{form}").parse().unwrap();
        let Query(form) = Query::try_from_uri(&uri).unwrap();
        page::alert::acknowledge(app, visitor, Form(form)).await
    };
    let response = acknowledge("alert=a-7&row=7&remark=on+my+way%0D%0A&by=root").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[LOCATION], "/alerts/7");
    let expected = Request::Acknowledge {
        alert: AlertId("a-7".into()),
        by: "sato".into(),
        remark: "on my way".into(),
    };
    assert_eq!(*console.asked.lock().unwrap(), [expected]);
    for unknown in ["a-8", "../a", "%00"] {
        let response = acknowledge(&format!("alert={unknown}&row=7")).await;
        assert_eq!(
            response.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{unknown}"
        );
    }
    assert_eq!(console.asked.lock().unwrap().len(), 1);
}

/// Rule: N21
#[tokio::test]
async fn exports_hold_everything_that_the_filter_takes() {
    let mut rows: Vec<AlertRow> = (1..=250)
        .map(|row| alert(row, Severity::Info, &format!("メッセージ {row}")))
        .collect();
    rows[99].alert = alert(100, Severity::Error, "=1+1,\"x\"").alert;
    let console = Console::with(rows);
    let parts = |language| {
        let visitor = Extension(visitor(language, Role::View));
        (State(console.app.clone()), visitor)
    };
    let (app, visitor) = parts(Language::Ja);
    let response = page::export::csv(app, visitor, asked("")).await;
    assert_eq!(
        response.headers()[CONTENT_DISPOSITION],
        "attachment; filename=\"alerts.csv\""
    );
    let csv = body(response).await;
    assert!(
        csv.starts_with("\u{feff}\"受信時刻\",\"発生時刻\","),
        "{}",
        &csv[..60]
    );
    assert_eq!(csv.matches("\r\n").count(), 251);
    assert!(csv.contains(",\"'=1+1,\"\"x\"\"\","));
    assert!(csv.find("メッセージ 250\"") < csv.find("メッセージ 1\""));
    let (app, visitor) = parts(Language::En);
    let json = body(page::export::json(app, visitor, asked("")).await).await;
    let all: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let order: Vec<u64> = all.iter().map(|one| one["row"].as_u64().unwrap()).collect();
    assert_eq!(order, (1..=250).rev().collect::<Vec<u64>>());
    assert_eq!(all[150]["text"], "=1+1,\"x\"");
    let (app, visitor) = parts(Language::En);
    let json = body(page::export::json(app, visitor, asked("severity=error")).await).await;
    assert_eq!(
        serde_json::from_str::<Vec<serde_json::Value>>(&json)
            .unwrap()
            .len(),
        1
    );
    let (app, visitor) = parts(Language::En);
    let json = body(page::export::json(app, visitor, asked("text=nowhere")).await).await;
    assert_eq!(json, "[\n]\n");
    // A look that finds nothing is not the end.
    console.alerts.look_at(7);
    let (app, visitor) = parts(Language::En);
    let json = page::export::json(app, visitor, asked("severity=error")).await;
    let all: Vec<serde_json::Value> = serde_json::from_str(&body(json).await).unwrap();
    assert_eq!(all.len(), 1);
    let (app, visitor) = parts(Language::En);
    let csv = body(page::export::csv(app, visitor, asked("text=nowhere")).await).await;
    assert_eq!(csv.matches("\r\n").count(), 1);
}

/// Whoever only looks keeps no more of the store's readers busy than these.
///
/// Rule: N21
#[tokio::test]
async fn one_export_too_many_is_told_to_come_later() {
    let console = Console::with(vec![alert(1, Severity::Info, "x")]);
    let export = || async {
        let visitor = Extension(visitor(Language::En, Role::View));
        page::export::csv(State(console.app.clone()), visitor, asked("")).await
    };
    let mut under_way = Vec::new();
    for _ in 0..4 {
        under_way.push(export().await);
        assert_eq!(under_way.last().unwrap().status(), 200);
    }
    assert_eq!(export().await.status(), 503);
    under_way.pop();
    assert_eq!(export().await.status(), 200, "its reader went away");
}

/// Rule: N21
#[tokio::test]
async fn a_search_that_stopped_says_so_and_goes_on_from_there() {
    let mut rows: Vec<AlertRow> = (1..=20)
        .map(|row| alert(row, Severity::Info, "plain"))
        .collect();
    rows[2] = alert(3, Severity::Info, "needle");
    let console = Console::with(rows);
    console.alerts.look_at(10);
    let page = shown(&console, "text=needle", Language::En).await;
    assert_eq!(count(&page), 0);
    assert!(page.contains("there may be more") && !page.contains("No alerts."));
    assert!(page.contains("href=\"/alerts?text=needle&amp;before=11\""));
    let page = shown(&console, "text=needle&before=11", Language::Ja).await;
    assert!(count(&page) == 1 && !page.contains("ここから検索を続ける"));
}

/// Rule: N21
#[tokio::test]
async fn pictures_have_their_numbers_as_tables() {
    let console = Console::with(Vec::new());
    for (span, rows) in [
        ("", 24),
        ("24h", 24),
        ("7d", 28),
        ("30d", 30),
        ("%3Cb%3E", 24),
    ] {
        for language in [Language::En, Language::Ja] {
            let uri = format!("http://x/?span={span}").parse().unwrap();
            let app = State(console.app.clone());
            let visitor = Extension(visitor(language, Role::View));
            let query = Query::try_from_uri(&uri).unwrap();
            let page = body(page::figures::show(app, visitor, query).await).await;
            assert_eq!(page.matches("role=\"img\" aria-label=").count(), 2);
            assert_eq!(
                page.matches("<th scope=\"row\">").count(),
                rows + 8,
                "{span}"
            );
        }
    }
}
