//! What was kept from earlier runs: unfinished notices, lamps, views.
//!
//! A row that cannot be understood is passed over: the rows beside it are somebody's notice.

use super::row::{self, ALERT_COLUMNS, alert_columns, notice_columns};
use noroshi_core::alert::{Acknowledgement, Alert, AlertId, Message, row as row_of_table};
use noroshi_core::config::SERVERS_MAX;
use noroshi_core::event::{Latch, Recovered, StoredNotice, View};
use noroshi_core::node::{ACKNOWLEDGEMENTS_MAX, FACT, TOLD_FACTS_MAX};
use noroshi_core::notice::outbox::Page;
use noroshi_core::notice::{Channel, NoticeRecord, NoticeState, UNSENT_WHY};
use noroshi_core::pacemaker::{GROUPS_MAX, GroupMemory};
use noroshi_core::time::WallTime;
use rusqlite::{Connection, Result, params};
use std::sync::Arc;

/// Most unfinished notices handed over at the start; the others are loaded when there is room.
pub const RECOVER_NOTICES_MAX: u32 = 256;
/// Among so many of the latest alerts those are looked for that are named after their facts: as many as there can
/// be reports of Pacemaker that wait, each of which makes one alert at most.
const FACTS_AMONG_MAX: u32 = 4_096;

/// Reads everything that the daemon starts from.
pub(super) fn recover(conn: &Connection) -> Result<Recovered> {
    let first = Page {
        after: 0,
        limit: RECOVER_NOTICES_MAX,
        skip: Vec::new(),
    };
    let (notices, more) = unfinished(conn, &first)?;
    Ok(Recovered {
        licences: None,
        unsent_mails: unsent_mails(conn)?,
        notices,
        more,
        latches: latches(conn)?,
        views: views(conn)?,
        acknowledgements: acknowledgements(conn)?,
        groups: groups(conn)?,
        facts: facts(conn)?,
        unfenced: unfenced(conn)?,
        trouble: None,
    })
}

/// A page of unfinished notices, oldest first, and whether there are more.
///
/// One that was begun when its process ended may have reached its receiver unknown to us (rule N8:
/// the crash between the receiver's yes and our record): it waits again, as a possible repeat.
pub(super) fn unfinished(conn: &Connection, page: &Page) -> Result<(Vec<StoredNotice>, bool)> {
    let mut statement = conn.prepare(concat!(
        "SELECT n.row, ",
        alert_columns!(),
        ", ",
        notice_columns!(),
        " FROM notice n INDEXED BY notice_unfinished CROSS JOIN alert a ON a.id = n.alert
         WHERE n.state IN ('waiting', 'begun') AND n.row > ?1 ORDER BY n.row"
    ))?;
    let mut rows = statement.query([i64::try_from(page.after).unwrap_or(i64::MAX)])?;
    let mut found: Vec<StoredNotice> = Vec::new();
    while let Some(row) = rows.next()? {
        let Ok((number, alert, mut notice)) = stored(row) else {
            continue;
        };
        if notice.key.channel == Channel::Mail && page.skip.contains(&notice.key.recipient) {
            continue;
        }
        if found.len() >= page.limit.max(1) as usize {
            return Ok((found, true));
        }
        if notice.state == NoticeState::Begun {
            notice.state = NoticeState::Waiting;
            notice.possible_repeat = true;
        }
        // Notices of one alert stand beside each other, and share it.
        let alert = match found.last() {
            Some(last) if last.alert.id == alert.id => Arc::clone(&last.alert),
            _ => Arc::new(alert),
        };
        found.push(StoredNotice {
            row: number,
            alert,
            notice,
        });
    }
    Ok((found, false))
}

fn stored(row: &rusqlite::Row<'_>) -> Result<(u64, Alert, NoticeRecord)> {
    let number: i64 = row.get(0)?;
    Ok((
        number.unsigned_abs(),
        row::alert(row, 1)?,
        row::notice(row, 1 + ALERT_COLUMNS)?,
    ))
}

/// What a scan goes over.
#[derive(Clone, Copy)]
pub(super) enum Scan {
    /// The index of unfinished notices.
    Index,
    /// The table of notices, should the index be damaged.
    Table,
}

/// Where a scan begins.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// At the oldest notice.
    Oldest,
    /// At the newest notice.
    Newest,
}

/// Hands each unfinished notice, its alert and when that was received to `take`, until a page cannot
/// be read or `take` fails.
pub(super) fn each_unfinished(
    conn: &Connection,
    scan: Scan,
    order: Order,
    mut take: impl FnMut(Arc<Alert>, i64, NoticeRecord) -> Result<()>,
) -> Result<()> {
    let from = match scan {
        Scan::Index => "INDEXED BY notice_unfinished",
        Scan::Table => "NOT INDEXED",
    };
    let direction = match order {
        Order::Oldest => "ASC",
        Order::Newest => "DESC",
    };
    let mut statement = conn.prepare(&format!(
        "SELECT a.received_ms, {}, {} FROM notice n {from} CROSS JOIN alert a ON a.id = n.alert
         WHERE n.state IN ('waiting', 'begun') ORDER BY n.row {direction}",
        alert_columns!(),
        notice_columns!()
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let (Ok(received), Ok(alert), Ok(notice)) = (
            row.get(0),
            row::alert(row, 1),
            row::notice(row, 1 + ALERT_COLUMNS),
        ) {
            take(Arc::new(alert), received, notice)?;
        }
    }
    Ok(())
}

/// Mails that were not sent for want of a licence since the last mail that told how many, by server.
fn unsent_mails(conn: &Connection) -> Result<Vec<(String, u32)>> {
    let told = row_of_table(Message::LicenceValidAgain).id();
    let [en, ja] = UNSENT_WHY;
    let mut statement = conn.prepare(
        "SELECT n.sender, count(*) FROM notice n JOIN alert a ON a.id = n.alert
         WHERE n.channel = 'mail' AND n.state = 'dropped'
         AND (substr(n.reason, 1, length(?1)) = ?1 OR substr(n.reason, 1, length(?2)) = ?2)
         AND a.row > (SELECT coalesce(max(row), 0) FROM alert WHERE module = ?3 AND event = ?4
         AND (',' || destinations || ',') LIKE '%,mail,%') GROUP BY n.sender",
    )?;
    let mut rows = statement.query(params![en, ja, told.module, told.event])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, row.get(1)?));
    }
    Ok(found)
}

/// Every server's part of its lamp.
pub(super) fn latches(conn: &Connection) -> Result<Vec<Latch>> {
    let mut statement =
        conn.prepare("SELECT server, red, red_changed_ms, green, green_changed_ms FROM latch")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(row::latch(row));
    }
    Ok(found)
}

/// What was last known of every server.
pub(super) fn views(conn: &Connection) -> Result<Vec<View>> {
    let mut statement = conn.prepare("SELECT server, session, returns, up, fault FROM view")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(row::view(row));
    }
    Ok(found)
}

/// The latest acknowledgements, the oldest of them first.
pub(super) fn acknowledgements(conn: &Connection) -> Result<Vec<Acknowledgement>> {
    if !super::schema::is_since(conn, 2)? {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare(
        "SELECT alert, name, remark, at_ms FROM acknowledgement ORDER BY at_ms DESC LIMIT ?1",
    )?;
    let mut rows = statement.query([i64::try_from(ACKNOWLEDGEMENTS_MAX).unwrap_or(0)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(row::acknowledgement(row));
    }
    found.reverse();
    Ok(found)
}

/// The latest alerts that are named after their facts.
fn facts(conn: &Connection) -> Result<Vec<AlertId>> {
    let mut statement = conn.prepare(
        "SELECT id FROM (SELECT id FROM alert ORDER BY row DESC LIMIT ?1)
         WHERE substr(id, 1, length(?2)) = ?2 LIMIT ?3",
    )?;
    let facts_max = i64::try_from(TOLD_FACTS_MAX).unwrap_or(0);
    let named = |row: &rusqlite::Row<'_>| row.get(0).map(AlertId);
    let found = statement.query_map(params![FACTS_AMONG_MAX, FACT, facts_max], named)?;
    Ok(found.flatten().collect())
}

/// Servers of which the last word among the latest alerts is that they could not be fenced, and when it was told.
/// Later words are that one was fenced, has started or is back.
fn unfenced(conn: &Connection) -> Result<Vec<(String, WallTime)>> {
    let mut statement = conn.prepare(
        "SELECT about, time_ms, module, event, MAX(row) FROM
           (SELECT row, about, time_ms, module, event FROM alert ORDER BY row DESC LIMIT ?1)
         WHERE about IS NOT NULL
           AND (module = 'rc' AND event IN (412, 431) OR module = 'nm' AND event IN (1, 1001))
         GROUP BY about LIMIT ?2",
    )?;
    let servers_max = i64::try_from(SERVERS_MAX).unwrap_or(0);
    let last = statement.query_map(params![FACTS_AMONG_MAX, servers_max], |row| {
        let of = (row.get(0)?, WallTime(row.get(1)?));
        let failed = row_of_table(Message::FencingFailed);
        let is = (row.get::<_, String>(2)?, row.get::<_, u32>(3)?);
        Ok((of, is == (failed.module.to_owned(), failed.event)))
    })?;
    let failed = last.flatten().filter(|(_, failed)| *failed);
    Ok(failed.map(|(of, _)| of).collect())
}

/// What is remembered of Pacemaker's groups. One that cannot be read is left out: it is learned anew.
pub(super) fn groups(conn: &Connection) -> Result<Vec<GroupMemory>> {
    if !super::schema::is_since(conn, 3)? {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare("SELECT memory FROM pacemaker_group LIMIT ?1")?;
    let mut rows = statement.query([i64::try_from(GROUPS_MAX).unwrap_or(0)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let memory: String = row.get(0)?;
        found.extend(serde_json::from_str::<GroupMemory>(&memory));
    }
    Ok(found)
}
