//! What is shown: in the forms that the commands print.

use super::given::{NoQuery, Wrong, query};
use super::{failed, json, problem, shown, trouble};
use crate::command::clplcnsc::list;
use crate::command::{alerts as listing, status as snapshot};
use crate::console::App;
use crate::console::desk::Page;
use crate::console::page::about::LAMPS;
use crate::console::page::alert_filter::Asked;
use crate::console::page::licence::at_register;
use crate::console::users;
use crate::console::visitor::Visitor;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use jiff::Timestamp;
use noroshi_core::text::Language;
use noroshi_daemon::store::ALERTS_PAGE_MAX;
use serde::Serialize;
use serde_json::json as object;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The description of this API.
pub(in crate::console) const OPENAPI: &str = include_str!("../assets/openapi.json");
/// Alerts of one answer, where the request does not say how many.
const LIMIT: u32 = 50;
/// Longest name of a server, a module or an alert, in characters.
pub(super) const NAME_CHARS_MAX: usize = 255;
/// Longest text that is looked for, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// Rows of the store.
const ROWS: RangeInclusive<u64> = 0..=i64::MAX.unsigned_abs();

/// The parameters of a listing: those of the page's filter, and how many.
const FILTER: [&str; 10] = [
    "text", "server", "severity", "module", "since", "until", "delivery", "before", "after",
    "limit",
];

pub(in crate::console) async fn status(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    _: NoQuery,
) -> Response {
    match app.desk.status().await {
        Ok(status) => shown(&visitor, &snapshot::shown(&status)),
        Err(error) => trouble(&app, &visitor, error),
    }
}

/// A page of alerts as it is answered.
#[derive(Serialize)]
struct Alerts<'a> {
    alerts: Vec<listing::Shown<'a>>,
    next: Option<u64>,
    newest: u64,
}

pub(in crate::console) async fn alerts(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Response {
    let page = match wanted(&uri, visitor.language) {
        Ok(page) => page,
        Err(wrong) => return wrong.answer(visitor.language),
    };
    // With both the daemon goes on from `after`; where to stop is seen here.
    let end = page.before.filter(|_| page.after.is_some());
    let mut page = match app.desk.alerts(page).await {
        Ok(page) => page,
        Err(error) => return trouble(&app, &visitor, error),
    };
    if let Some(end) = end {
        page.alerts.retain(|line| line.row < end);
        page.next = page.next.filter(|next| next.saturating_add(1) < end);
    }
    let answer = Alerts {
        alerts: page.alerts.iter().map(listing::shown).collect(),
        next: page.next,
        newest: page.newest,
    };
    shown(&visitor, &answer)
}

/// The page that a query means: by the filter of the alert view, and stricter, for a program is not asked again.
fn wanted(uri: &Uri, language: Language) -> Result<Page, Wrong> {
    let pairs = query(uri, &FILTER, language)?;
    for (name, value) in &pairs {
        checked(name, value, language)?;
    }
    let number = |name: &str, range: RangeInclusive<u64>| {
        let given = pairs.iter().find(|pair| pair.0 == name);
        given
            .map(|pair| whole(name, &pair.1, &range, language))
            .transpose()
    };
    let limit = number("limit", 1..=u64::from(ALERTS_PAGE_MAX))?;
    let (before, after) = (number("before", ROWS)?, number("after", ROWS)?);
    let asked = Query::<Asked>::try_from_uri(uri);
    let Query(asked) = asked.map_err(|e| Wrong(StatusCode::BAD_REQUEST, e.body_text()))?;
    let (only, wrong) = asked.filter();
    if let Some(wrong) = wrong.first() {
        let words = ("there is no such choice", "選択できない値です");
        return Err(bad(wrong.name(), words, language));
    }
    Ok(Page {
        limit: limit.map_or(LIMIT, |limit| u32::try_from(limit).unwrap_or(LIMIT)),
        only,
        before,
        after,
    })
}

/// What the page's filter would let pass, and a program did not mean.
fn checked(name: &str, value: &str, language: Language) -> Result<(), Wrong> {
    let chars_max = match name {
        "text" => TEXT_CHARS_MAX,
        _ => NAME_CHARS_MAX,
    };
    if value.chars().count() > chars_max {
        return Err(bad(name, ("too long", "長すぎます"), language));
    }
    if !matches!(name, "text" | "server" | "module") && value.trim() != value {
        let words = ("spaces around it", "前後に空白があります");
        return Err(bad(name, words, language));
    }
    if matches!(name, "since" | "until") && value.parse::<Timestamp>().is_err() {
        let words = (
            "no time of RFC 3339, such as 2026-11-22T10:00:00Z; a + is %2B in a query",
            "RFC 3339 の時刻（例: 2026-11-22T10:00:00Z）ではありません。クエリ中の + は %2B です",
        );
        return Err(bad(name, words, language));
    }
    Ok(())
}

fn whole(
    name: &str,
    value: &str,
    range: &RangeInclusive<u64>,
    language: Language,
) -> Result<u64, Wrong> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|it| digits && range.contains(it));
    number.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        let en = format!("no whole number from {least} to {most}");
        let ja = format!("{least} から {most} の整数ではありません");
        bad(name, (&en, &ja), language)
    })
}

fn bad(name: &str, (en, ja): (&str, &str), language: Language) -> Wrong {
    let detail = format!("{name}: {}", language.pick(en, ja));
    Wrong(StatusCode::BAD_REQUEST, detail)
}

pub(in crate::console) async fn alert(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    _: NoQuery,
) -> Response {
    let page = match id.chars().count() <= NAME_CHARS_MAX {
        true => app.desk.alerts(Page::of(&id)).await,
        // No alert's name is so long.
        false => return no_such_alert(&visitor),
    };
    match page.map(|page| page.alerts.into_iter().next()) {
        Ok(Some(line)) => shown(&visitor, &listing::shown(&line)),
        Ok(None) => no_such_alert(&visitor),
        Err(error) => trouble(&app, &visitor, error),
    }
}

fn no_such_alert(visitor: &Visitor) -> Response {
    let text = visitor.pick(
        "There is no alert of this name here; it may have been too old to be kept.",
        "この識別名のアラートはありません（保存件数を超えて削除された可能性があります）。",
    );
    problem::answer(visitor.language, StatusCode::NOT_FOUND, text)
}

pub(in crate::console) async fn licence(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    _: NoQuery,
) -> Response {
    let found = at_register(&app, &visitor, |context| {
        Ok(list::shown(&list::Found::on_this_server(context)?))
    });
    match found.await {
        Ok(found) => shown(&visitor, &found),
        Err(failure) => failed(&visitor, &failure),
    }
}

pub(in crate::console) async fn me(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    _: NoQuery,
) -> Response {
    match app.accounts.user(visitor.name()) {
        Some(user) => shown(&visitor, &users::Shown::from(&user)),
        // Removed since the gate.
        None => super::gate::refusal(&visitor, false),
    }
}

pub(in crate::console) async fn about(
    Extension(visitor): Extension<Visitor>,
    _: NoQuery,
) -> Response {
    let lamps: Vec<_> = LAMPS
        .iter()
        .map(|(models, kind, protocol)| object!({ "models": models, "type": kind, "protocol": protocol }))
        .collect();
    shown(
        &visitor,
        &object!({
            "name": "noroshi",
            "version": env!("CARGO_PKG_VERSION"),
            "architecture": std::env::consts::ARCH,
            "licence": env!("CARGO_PKG_LICENSE"),
            "lamps": lamps,
        }),
    )
}

pub(in crate::console) async fn openapi(_: NoQuery) -> Response {
    json(OPENAPI)
}
