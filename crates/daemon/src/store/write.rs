//! Items into tables, and old alerts out of them. Everything here runs inside one transaction of
//! the caller's.

use super::row;
use noroshi_core::action::Item;
use noroshi_core::alert::{Acknowledgement, Alert};
use noroshi_core::event::{Latch, View};
use noroshi_core::notice::NoticeRecord;
use noroshi_core::pacemaker::GroupMemory;
use noroshi_core::time::WallTime;
use rusqlite::{Connection, OptionalExtension as _, Result, params};

/// Most rows beyond the ones just added that one transaction looks at for trimming. Together with
/// twice the rows just added it drops faster than alerts can come, and adds under a millisecond.
const TRIM_ROWS_MAX: u32 = 64;

/// Notices whose alert is not (yet) known are dropped when this many times `records_max` newer
/// notices exist: a peer's mark may come before its alert, but not by that much.
const ORPHAN_AGE_FACTOR: i64 = 4;

/// How far trimming has come. Rows up to the marks were looked at and kept; at the end it starts
/// again, because kept notices finish.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TrimMarks {
    alert: i64,
    notice: i64,
}

/// Writes one item. Each is an upsert, so that applying it twice is harmless.
pub(super) fn apply(conn: &Connection, item: &Item) -> Result<()> {
    match item {
        Item::Alert { alert, received } => put_alert(conn, alert, *received),
        Item::Notice(notice) => put_notice(conn, notice),
        Item::Latch(latch) => put_latch(conn, latch),
        Item::View(view) => put_view(conn, view),
        Item::Group(memory) => put_group(conn, memory),
        Item::Acknowledgement(news) => put_acknowledgement(conn, news),
    }
}

fn put_alert(conn: &Connection, alert: &Alert, received: WallTime) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO alert(id, received_ms, time_ms, module, event, severity, server, about, text,
         thread, destinations) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT(id) DO NOTHING",
    )?
    .execute(params![
        alert.id.0,
        received.0,
        alert.time.0,
        alert.message.module,
        alert.message.event,
        row::severity_word(alert.severity),
        alert.server,
        alert.about,
        alert.text,
        alert.thread.as_ref().map(|thread| &thread.0),
        row::destination_words(alert.destinations),
    ])?;
    Ok(())
}

/// A final state stays final: a late or repeated "waiting" would send a notice a second time.
fn put_notice(conn: &Connection, notice: &NoticeRecord) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO notice(alert, channel, recipient, form, state, attempts, possible_repeat,
         sender, reason, changed_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT(alert, channel, recipient) DO UPDATE SET
         form = excluded.form, state = excluded.state, attempts = excluded.attempts,
         possible_repeat = excluded.possible_repeat, sender = excluded.sender,
         reason = excluded.reason, changed_ms = excluded.changed_ms
         WHERE state IN ('waiting', 'begun') OR excluded.state NOT IN ('waiting', 'begun')",
    )?
    .execute(params![
        notice.key.alert.0,
        row::channel_word(notice.key.channel),
        notice.key.recipient,
        row::form_word(notice.form),
        row::state_word(notice.state),
        notice.attempts,
        notice.possible_repeat,
        notice.sender,
        notice.reason,
        notice.changed.0,
    ])?;
    Ok(())
}

fn put_latch(conn: &Connection, latch: &Latch) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO latch(server, red, red_changed_ms, green, green_changed_ms)
         VALUES(?1, ?2, ?3, ?4, ?5)
         ON CONFLICT(server) DO UPDATE SET red = excluded.red,
         red_changed_ms = excluded.red_changed_ms, green = excluded.green,
         green_changed_ms = excluded.green_changed_ms",
    )?
    .execute(params![
        latch.server,
        row::glow_word(latch.red),
        latch.red_changed.0,
        row::glow_word(latch.green),
        latch.green_changed.0
    ])?;
    Ok(())
}

fn put_view(conn: &Connection, view: &View) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO view(server, session, returns, up, fault) VALUES(?1, ?2, ?3, ?4, ?5)
         ON CONFLICT(server) DO UPDATE SET session = excluded.session,
         returns = excluded.returns, up = excluded.up, fault = excluded.fault",
    )?
    .execute(params![
        view.server,
        view.session.0,
        view.returns,
        view.up,
        view.fault.as_ref().map(|fault| &fault.0)
    ])?;
    Ok(())
}

fn put_group(conn: &Connection, memory: &GroupMemory) -> Result<()> {
    if memory.is_blank() {
        conn.prepare_cached("DELETE FROM pacemaker_group WHERE name = ?1")?
            .execute([&memory.group])?;
        return Ok(());
    }
    // It is made of names, numbers and times: there is always JSON of it.
    let json = serde_json::to_string(memory).unwrap_or_default();
    conn.prepare_cached(
        "INSERT INTO pacemaker_group(name, memory) VALUES(?1, ?2)
         ON CONFLICT(name) DO UPDATE SET memory = excluded.memory",
    )?
    .execute(params![memory.group, json])?;
    Ok(())
}

/// Of two of one alert the later holds, as [`Acknowledgement::outdoes`] has it.
fn put_acknowledgement(conn: &Connection, news: &Acknowledgement) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO acknowledgement(alert, name, remark, at_ms) VALUES(?1, ?2, ?3, ?4)
         ON CONFLICT(alert) DO UPDATE SET name = excluded.name, remark = excluded.remark,
         at_ms = excluded.at_ms
         WHERE (excluded.at_ms, excluded.name, excluded.remark) > (at_ms, name, remark)",
    )?
    .execute(params![news.alert.0, news.by, news.remark, news.at.0])?;
    Ok(())
}

/// The last row numbers of alert and notice; 0 for an empty table.
pub(super) fn last_rows(conn: &Connection) -> Result<(i64, i64)> {
    conn.prepare_cached(
        "SELECT (SELECT coalesce(max(row), 0) FROM alert), (SELECT coalesce(max(row), 0) FROM notice)",
    )?
    .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Drops the oldest alerts beyond `records_max` with their notices, but none with an unfinished
/// notice (rule N7), looking at a bounded number of rows. `added` is how many items the transaction
/// wrote. Returns the marks to go on from once the transaction is committed.
pub(super) fn trim(
    conn: &Connection,
    records_max: u32,
    added: usize,
    last: (i64, i64),
    marks: TrimMarks,
) -> Result<TrimMarks> {
    let look_max = TRIM_ROWS_MAX.saturating_add(u32::try_from(added).unwrap_or(u32::MAX / 4) * 2);
    let alert_horizon = last.0 - i64::from(records_max);
    let notice_horizon = last.1 - i64::from(records_max) * ORPHAN_AGE_FACTOR;
    trim_acknowledgements(conn, records_max)?;
    Ok(TrimMarks {
        alert: trim_alerts(conn, marks.alert, alert_horizon, look_max)?,
        notice: trim_orphans(conn, marks.notice, notice_horizon)?,
    })
}

/// Reads no text: a damaged id of an old alert must not stop the newest from being written.
fn trim_alerts(conn: &Connection, after: i64, horizon: i64, look_max: u32) -> Result<i64> {
    let mut oldest = conn.prepare_cached(
        "SELECT row, EXISTS(SELECT 1 FROM notice
         WHERE notice.alert = alert.id AND state IN ('waiting', 'begun'))
         FROM alert WHERE row > ?1 AND row <= ?2 ORDER BY row LIMIT 1",
    )?;
    let mut mark = after;
    for _ in 0..look_max {
        let next: Option<(i64, bool)> = oldest
            .query_row([mark, horizon], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((row, unfinished)) = next else {
            return Ok(0);
        };
        mark = row;
        if !unfinished {
            conn.prepare_cached(
                "DELETE FROM notice WHERE alert = (SELECT id FROM alert WHERE row = ?1)",
            )?
            .execute([row])?;
            conn.prepare_cached(
                "DELETE FROM acknowledgement WHERE alert = (SELECT id FROM alert WHERE row = ?1)",
            )?
            .execute([row])?;
            conn.prepare_cached("DELETE FROM alert WHERE row = ?1")?
                .execute([row])?;
        }
    }
    Ok(mark)
}

/// Keeps as many as there are alerts: an acknowledgement may come before its alert, and one whose alert
/// never comes goes when so many newer ones exist.
fn trim_acknowledgements(conn: &Connection, records_max: u32) -> Result<()> {
    conn.prepare_cached(
        "DELETE FROM acknowledgement
         WHERE row <= (SELECT max(row) FROM acknowledgement) - ?1",
    )?
    .execute([records_max])?;
    Ok(())
}

fn trim_orphans(conn: &Connection, after: i64, horizon: i64) -> Result<i64> {
    let mut oldest = conn.prepare_cached(
        "SELECT row, EXISTS(SELECT 1 FROM alert WHERE id = notice.alert) FROM notice
         WHERE row > ?1 AND row <= ?2 ORDER BY row LIMIT 1",
    )?;
    let mut mark = after;
    for _ in 0..TRIM_ROWS_MAX {
        let next: Option<(i64, bool)> = oldest
            .query_row([mark, horizon], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((row, known)) = next else {
            return Ok(0);
        };
        mark = row;
        if !known {
            conn.prepare_cached("DELETE FROM notice WHERE row = ?1")?
                .execute([row])?;
        }
    }
    Ok(mark)
}
