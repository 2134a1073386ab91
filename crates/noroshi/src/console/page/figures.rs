//! The pictures of the alert view (rule N21): alerts over time, and the time from a fault to its first
//! notice. Each stands beside a table of the same numbers.

use super::{Place, frame, trouble};
use crate::console::App;
use crate::console::picture::bars::{self, Bar};
use crate::console::picture::classes;
use crate::console::visitor::Visitor;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Unit, Zoned};
use maud::{Markup, html};
use noroshi_core::time::WallTime;
use noroshi_daemon::clock;
use noroshi_daemon::control::{AlertFigures, FiguresQuery};
use noroshi_daemon::store::{DELAY_BOUNDS_MS, FIGURES_TOLD_MAX};
use serde::Deserialize;
use std::sync::Arc;

/// A length of time that can be shown.
struct Span {
    name: &'static str,
    hours: i64,
    steps: u32,
    /// A label stands below every so many bars.
    labelled: usize,
    form: &'static str,
    en: &'static str,
    ja: &'static str,
}

const SPANS: [Span; 3] = [
    Span {
        name: "24h",
        hours: 24,
        steps: 24,
        labelled: 4,
        form: "%H:%M",
        en: "24 hours",
        ja: "24 時間",
    },
    Span {
        name: "7d",
        hours: 7 * 24,
        steps: 28,
        labelled: 4,
        form: "%m-%d",
        en: "7 days",
        ja: "7 日間",
    },
    Span {
        name: "30d",
        hours: 30 * 24,
        steps: 30,
        labelled: 5,
        form: "%m-%d",
        en: "30 days",
        ja: "30 日間",
    },
];

/// Which span.
#[derive(Deserialize)]
pub(in crate::console) struct Asked {
    #[serde(default)]
    span: String,
}

pub(in crate::console) async fn show(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    let span = SPANS.iter().find(|span| span.name == asked.span);
    let span = span.unwrap_or(&SPANS[0]);
    let until = end(span, clock::timestamp().to_zoned(TimeZone::system()));
    let query = FiguresQuery {
        since: WallTime(until.0 - span.hours * 3_600_000),
        until,
        steps: span.steps,
    };
    let figures = match app.desk.figures(query).await {
        Ok(figures) => figures,
        Err(error) => return trouble(&visitor, Place::Alerts, &error),
    };
    let title = visitor.pick("Alerts in pictures", "アラートのグラフ");
    let content = html! {
        nav.links aria-label=(visitor.pick("Length of time", "期間")) {
            @for other in &SPANS {
                a href={ "/alerts/figures?span=" (other.name) }
                    aria-current=[(other.name == span.name).then_some("true")] {
                    (visitor.pick(other.en, other.ja))
                } " "
            }
            a href="/alerts" { (visitor.pick("To the alerts", "アラート一覧へ")) }
        }
        (over_time(&visitor, span, query.since, &figures))
        (first_notices(&visitor, &figures))
    };
    frame(&visitor, Place::Alerts, title, &content)
}

/// Where the last step ends: at a whole hour, or with the day, as clocks here show it.
fn end(span: &Span, now: Zoned) -> WallTime {
    let unit = match span.hours {
        24 => Unit::Hour,
        _ => Unit::Day,
    };
    let round = jiff::ZonedRound::new()
        .smallest(unit)
        .mode(jiff::RoundMode::Trunc);
    let begun = now.round(round).unwrap_or(now);
    let next = match unit {
        Unit::Hour => begun.checked_add(1.hour()),
        _ => begun.checked_add(1.day()),
    };
    let end = next.unwrap_or(begun);
    WallTime(end.timestamp().as_millisecond())
}

fn over_time(visitor: &Visitor, span: &Span, since: WallTime, figures: &AlertFigures) -> Markup {
    let words = visitor.pick(["info", "warning", "error"], ["情報", "警告", "エラー"]);
    let begin = |at: usize| {
        let ms = since.0 + figures.step_ms * i64::try_from(at).unwrap_or(0);
        Timestamp::from_millisecond(ms).map(|at| at.to_zoned(TimeZone::system()))
    };
    let label = |at: usize, form: &str| {
        begin(at).map_or_else(|_| "-".into(), |begin| begin.strftime(form).to_string())
    };
    let bars: Vec<Bar> = (0..)
        .zip(&figures.alerts)
        .map(|(at, [info, warning, error])| Bar {
            label: (at % span.labelled == 0).then(|| label(at, span.form)),
            title: format!(
                "{}: {} {error}, {} {warning}, {} {info}",
                label(at, "%m-%d %H:%M"),
                words[2],
                words[1],
                words[0]
            ),
            parts: [("bad", *error), ("warn", *warning), ("info", *info)],
        })
        .collect();
    let total = |which: usize| -> u64 {
        let counts = figures.alerts.iter().map(|counts| u64::from(counts[which]));
        counts.sum()
    };
    let said = visitor.pick(
        format!(
            "Alerts of {}: {} errors, {} warnings, {} infos",
            span.en,
            total(2),
            total(1),
            total(0)
        ),
        format!(
            "{}のアラート: エラー {} 件、警告 {} 件、情報 {} 件",
            span.ja,
            total(2),
            total(1),
            total(0)
        ),
    );
    html! {
        section {
            h2 { (visitor.pick("Alerts over time", "アラートの推移")) }
            p { (said) }
            (bars::draw(&bars, &said))
            p.legend aria-hidden="true" {
                @for (class, word) in [("bad", words[2]), ("warn", words[1]), ("info", words[0])] {
                    span { i.(class) {} (word) }
                }
            }
            details {
                summary { (visitor.pick("As a table", "表で見る")) }
                table.counts {
                    thead { tr {
                        th scope="col" { (visitor.pick("From", "開始")) }
                        @for word in words { th scope="col" { (word) } }
                    } }
                    tbody {
                        @for (at, counts) in (0..).zip(&figures.alerts) {
                            tr {
                                th scope="row" { (label(at, "%Y-%m-%d %H:%M")) }
                                @for count in counts { td { (count) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn first_notices(visitor: &Visitor, figures: &AlertFigures) -> Markup {
    let name = |at: usize| match DELAY_BOUNDS_MS.get(at) {
        Some(bound) => {
            let (count, unit) = match bound / 1_000 {
                seconds if seconds < 60 => (seconds, visitor.pick("s", "秒")),
                seconds if seconds < 3_600 => (seconds / 60, visitor.pick("min", "分")),
                seconds => (seconds / 3_600, visitor.pick("h", "時間")),
            };
            visitor.pick(
                format!("up to {count} {unit}"),
                format!("{count} {unit}以内"),
            )
        }
        None => visitor.pick("longer", "それ以上").into(),
    };
    let counts = figures.first_notice.iter();
    let classes: Vec<(String, u32)> = (0..)
        .zip(counts)
        .map(|(at, count)| (name(at), *count))
        .collect();
    let all: u64 = classes.iter().map(|(_, count)| u64::from(*count)).sum();
    let said = visitor.pick(
        format!("Time from the alert to its first mail or warning light, of {all} alerts"),
        format!("アラート発生から最初のメールまたは警告灯までの時間（{all} 件）"),
    );
    html! {
        section {
            h2 { (visitor.pick("From fault to first notice", "障害から最初の通報まで")) }
            p { (said) }
            @if figures.cut {
                p.warn { (visitor.pick(
                    format!("Only the newest {FIGURES_TOLD_MAX} notices are counted here."),
                    format!("最新の通報 {FIGURES_TOLD_MAX} 件だけを集計しています。"),
                )) }
            }
            (classes::draw(&classes, &said))
            details {
                summary { (visitor.pick("As a table", "表で見る")) }
                table.counts {
                    thead { tr {
                        th scope="col" { (visitor.pick("Time", "時間")) }
                        th scope="col" { (visitor.pick("Alerts", "件数")) }
                    } }
                    tbody { @for (name, count) in &classes {
                        tr { th scope="row" { (name) } td { (count) } }
                    } }
                }
            }
        }
    }
}
