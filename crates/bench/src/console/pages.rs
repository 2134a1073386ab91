//! What each page weighs, and how long it takes at the server over 100,000 alerts.

use super::site::{ALERTS, Site};
use crate::figure::{Figure, Stat};
use crate::interrupt;
use noroshi_sim::rig::{Error, Fallible};
use std::time::{Duration, Instant};

/// Requests of each page.
const RUNS: usize = 100;
const PAGE_BOUND_MS: f64 = 50.0;
/// 100 kB.
const WEIGHT_BOUND_BYTES: f64 = 100_000.0;
/// What every page loads.
const ASSETS: [&str; 3] = ["/console.css", "/console.js", "/icon.svg"];
/// A text that stands in no alert.
const NOWHERE: &str = "no%20alert%20says%20this";

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The pages, by what they are.
fn pages() -> Vec<(&'static str, String)> {
    let yesterday = jiff::Timestamp::now() - DAY;
    let alerts = |query: &str| format!("/alerts?{query}");
    vec![
        ("cluster", "/".into()),
        ("alerts, newest", "/alerts".into()),
        ("alerts, server sv2", alerts("server=sv2")),
        ("alerts, severity error", alerts("severity=error")),
        ("alerts, module rc", alerts("module=rc")),
        (
            "alerts, since yesterday",
            alerts(&format!("since={yesterday}")),
        ),
        ("alerts, not delivered", alerts("delivery=undelivered")),
        ("alerts, waiting", alerts("delivery=waiting")),
        ("alerts, all delivered", alerts("delivery=delivered")),
        ("alerts, text found", alerts("text=exec42")),
        (
            "alerts, text found nowhere",
            alerts(&format!("text={NOWHERE}")),
        ),
        ("alerts, module found nowhere", alerts("module=none")),
        ("alerts, last page", alerts("before=51")),
        ("one alert", format!("/alerts/{}", ALERTS / 2)),
        ("pictures, 24 hours", "/alerts/figures".into()),
        ("pictures, 7 days", "/alerts/figures?span=7d".into()),
        ("pictures, 30 days", "/alerts/figures?span=30d".into()),
        ("builder", "/builder".into()),
        ("licence", "/licence".into()),
        ("logs", "/logs".into()),
        ("test", "/test".into()),
        ("users", "/users".into()),
        ("account", "/account".into()),
        ("audit", "/audit".into()),
        ("about", "/about".into()),
    ]
}

/// Weight and time of every page.
///
/// # Errors
/// When a page does not answer as it should.
pub(crate) fn run(site: &Site, runs: Option<usize>) -> Fallible<Vec<Figure>> {
    let mut web = site.visit(0)?;
    let mut assets = 0;
    for asset in ASSETS {
        assets += web.get(asset)?.sent_bytes();
    }
    let (mut weights, mut times) = (Vec::new(), Vec::new());
    for (name, path) in pages() {
        let mut taken = Vec::new();
        let mut bytes = 0;
        for _ in 0..runs.unwrap_or(RUNS) {
            interrupt::check()?;
            let begin = Instant::now();
            let answer = web.get(&path)?;
            taken.push(begin.elapsed());
            if answer.status != 200 {
                return Err(Error(format!("{path}: {}", answer.status)));
            }
            bytes = answer.sent_bytes() + assets;
        }
        weights.push((bytes as f64, name));
        times.push(
            Figure::of_times(format!("console: {name}"), &taken).at_most(Stat::P99, PAGE_BOUND_MS),
        );
    }
    let heaviest = weights.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let note = format!(
        "with style, script and icon ({assets} bytes), as sent; the heaviest: {}",
        heaviest.map_or("", |heaviest| heaviest.1)
    );
    let weights = weights.into_iter().map(|weight| weight.0).collect();
    let mut figures = vec![
        Figure::new("console: weight of a page", "B", weights)
            .at_most(Stat::Max, WEIGHT_BOUND_BYTES)
            .with_note(note),
    ];
    figures.extend(times);
    figures.extend(exports(site, runs)?);
    Ok(figures)
}

/// A file of everything streams: its beginning is bounded as a page is.
fn exports(site: &Site, runs: Option<usize>) -> Fallible<[Figure; 2]> {
    let mut begun = Vec::new();
    for _ in 0..runs.unwrap_or(RUNS) {
        interrupt::check()?;
        let web = site.visit(0)?;
        let begin = Instant::now();
        begun.push(web.first_byte("/alerts.csv")? - begin);
    }
    let begin = Instant::now();
    let whole = site.visit(0)?.get("/alerts.csv")?;
    let took = [begin.elapsed()];
    let records = whole.text().matches("\r\n").count().saturating_sub(1);
    Ok([
        Figure::of_times("console: export, until it begins", &begun)
            .at_most(Stat::P99, PAGE_BOUND_MS),
        Figure::of_times("console: export of everything as CSV", &took)
            .with_note(format!("{records} records, {} bytes", whole.body.len())),
    ])
}
