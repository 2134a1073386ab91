//! What the pictures of the alert view show, counted inside SQLite: alerts over time, and how long the
//! first notice of each took.
//!
//! *Bounds.* Alerts are counted over the index of times alone, at most as many as are kept. The time to
//! the first notice is taken of the newest [`FIGURES_TOLD_MAX`] notices, and the answer says when that cut
//! it short.

use noroshi_core::time::WallTime;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

/// Steps that a span of time may be cut into; more are cut down to it.
pub const FIGURES_STEPS_MAX: u32 = 400;
/// Newest notices of which the time to the first one is taken.
pub const FIGURES_TOLD_MAX: u32 = 5_000;
/// Upper bounds of the classes of times to the first notice, in ms; the last class has none.
pub const DELAY_BOUNDS_MS: [i64; 7] = [1_000, 2_000, 5_000, 10_000, 60_000, 600_000, 3_600_000];

/// No time is further from 1970 than this, in ms (285,000 years): sums of times stay whole numbers.
const TIME_MS_MAX: i64 = 1 << 53;

/// Of which time, and how finely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiguresQuery {
    /// From this time on.
    pub since: WallTime,
    /// Until before this time.
    pub until: WallTime,
    /// Into how many steps of equal length.
    pub steps: u32,
}

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertFigures {
    /// Length of a step in ms.
    pub step_ms: i64,
    /// Alerts of each step: info, warning, error.
    pub alerts: Vec<[u32; 3]>,
    /// Alerts whose first mail or light took up to each of [`DELAY_BOUNDS_MS`], each less those before
    /// it; the last number is of those that took longer.
    pub first_notice: Vec<u32>,
    /// Older notices of the same time were left out of `first_notice`.
    pub cut: bool,
}

/// Counts.
pub(super) fn count(conn: &Connection, query: &FiguresQuery) -> rusqlite::Result<AlertFigures> {
    let steps = query.steps.clamp(1, FIGURES_STEPS_MAX);
    let calendar = |at: WallTime| WallTime(at.0.clamp(-TIME_MS_MAX, TIME_MS_MAX));
    let query = &FiguresQuery {
        since: calendar(query.since),
        until: calendar(query.until),
        steps,
    };
    let span = (query.until.0 - query.since.0).max(i64::from(steps));
    let step_ms = span.div_euclid(i64::from(steps)).max(1);
    let mut figures = AlertFigures {
        step_ms,
        alerts: vec![[0; 3]; steps as usize],
        first_notice: vec![0; DELAY_BOUNDS_MS.len() + 1],
        cut: false,
    };
    let tx = conn.unchecked_transaction()?;
    alerts(&tx, query, &mut figures)?;
    first_notices(&tx, query, &mut figures)?;
    Ok(figures)
}

fn alerts(
    conn: &Connection,
    query: &FiguresQuery,
    figures: &mut AlertFigures,
) -> rusqlite::Result<()> {
    // Step by step over the index: grouping them all at once would sort them first, at three times the cost.
    // A word that is no severity is damage, and counts as nothing.
    let mut statement = conn.prepare(
        "SELECT count(*) FILTER (WHERE severity = 'info'),
         count(*) FILTER (WHERE severity = 'warning'), count(*) FILTER (WHERE severity = 'error')
         FROM alert WHERE time_ms >= ?1 AND time_ms < ?2",
    )?;
    let last = figures.alerts.len() - 1;
    for (at, (step, counts)) in (0..).zip(figures.alerts.iter_mut().enumerate()) {
        let begin = query.since.0 + figures.step_ms * at;
        // What is left over by the division belongs to the last step.
        let end = match step == last {
            true => query.until.0,
            false => begin + figures.step_ms,
        };
        *counts = statement.query_row(params![begin, end], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?])
        })?;
    }
    Ok(())
}

fn first_notices(
    conn: &Connection,
    query: &FiguresQuery,
    figures: &mut AlertFigures,
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(
        "SELECT CAST(max(0, min(n.changed_ms) - a.time_ms) AS INTEGER) FROM
         (SELECT alert, channel, state, changed_ms FROM notice ORDER BY row DESC LIMIT ?3) n
         CROSS JOIN alert a ON a.id = n.alert
         WHERE n.state = 'delivered' AND n.channel IN ('mail', 'lamp')
         AND a.time_ms >= ?1 AND a.time_ms < ?2 GROUP BY n.alert",
    )?;
    let mut rows = statement.query(params![query.since.0, query.until.0, FIGURES_TOLD_MAX])?;
    while let Some(row) = rows.next()? {
        let delay_ms: i64 = row.get(0)?;
        let class = DELAY_BOUNDS_MS.iter().position(|bound| delay_ms <= *bound);
        figures.first_notice[class.unwrap_or(DELAY_BOUNDS_MS.len())] += 1;
    }
    figures.cut = conn.query_row(
        "SELECT EXISTS(SELECT 1 FROM notice n CROSS JOIN alert a ON a.id = n.alert
         WHERE n.row = (SELECT row FROM notice ORDER BY row DESC LIMIT 1 OFFSET ?1)
         AND a.time_ms >= ?2)",
        params![FIGURES_TOLD_MAX, query.since.0],
        |row| row.get(0),
    )?;
    Ok(())
}
