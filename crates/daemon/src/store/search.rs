//! One page of the alert view: which rows fit, in bounded work.
//!
//! *Use.* [`page`] goes over the rows from where the query begins, newest or oldest first, and stops at
//! the limit, at the end, or when [`LOOK_MAX`] is used up; it says from which row to go on. Times, ids and
//! notices that did not arrive are found by their indexes; a text is looked for row by row.
//!
//! *Failure.* A row that cannot be understood is passed over: one damaged alert must not hide the others.

use super::reader::{ALERTS_PAGE_MAX, AlertPage, AlertQuery, AlertRow};
use super::row::{self, ALERT_COLUMNS, alert_columns, notice_columns};
use super::schema;
use noroshi_core::alert::{Acknowledgement, Alert, Severity};
use noroshi_core::notice::{Delivery, NoticeRecord};
use noroshi_core::time::WallTime;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, named_params};

/// Most work of one page: each row looked at counts one, and one more for every [`TEXT_BYTES_PER_LOOK`]
/// of text searched and for a look at its notices. Where it ends a page, the caller goes on from there.
pub const LOOK_MAX: usize = 30_000;
/// Bytes of text that are searched in the time of one more row.
const TEXT_BYTES_PER_LOOK: usize = 256;

/// The rows that a query leaves to be looked at, both ends left out.
struct Range {
    after: i64,
    before: i64,
}

/// The limit that is meant by a query's.
pub(super) fn limit(asked: u32) -> u32 {
    match asked {
        0 => ALERTS_PAGE_MAX,
        limit => limit.min(ALERTS_PAGE_MAX),
    }
}

/// Reads one page.
pub(super) fn page(conn: &Connection, query: &AlertQuery) -> rusqlite::Result<AlertPage> {
    // One transaction, so that alerts and notices are of one moment.
    let tx = conn.unchecked_transaction()?;
    let newest = schema::is_since(&tx, 2)?;
    let Some(range) = range(&tx, query, newest)? else {
        return Ok(AlertPage::default());
    };
    let limit = limit(query.limit) as usize;
    let needle = query.text.as_deref().map(str::to_lowercase);
    let mut statement = tx.prepare(&candidates(query, newest))?;
    let mut rows = statement.query(named_params! {
        ":after": range.after,
        ":before": range.before,
        ":server": query.server,
        ":module": query.module,
        ":since": query.since.map(|at| at.0),
        ":until": query.until.map(|at| at.0),
        ":id": query.id.as_ref().map(|id| &id.0),
    })?;
    let mut found = Vec::new();
    let (mut spent, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        if found.len() >= limit || spent >= LOOK_MAX {
            let next = last.map(i64::unsigned_abs);
            return Ok(AlertPage { rows: found, next });
        }
        let number: i64 = row.get(0)?;
        last = Some(number);
        spent += 1 + usize::from(query.delivery.is_some());
        let fits = match (row.get_ref(1)?, &needle) {
            (ValueRef::Null, _) => false,
            (ValueRef::Text(text), Some(needle)) => {
                spent += text.len() / TEXT_BYTES_PER_LOOK;
                std::str::from_utf8(text).is_ok_and(|text| text.to_lowercase().contains(needle))
            }
            _ => true,
        };
        if fits {
            found.extend(read(&tx, number, newest)?);
        }
    }
    Ok(AlertPage {
        rows: found,
        next: None,
    })
}

/// `row` and, where all but the text fits, something that is not null: the text if that is searched.
fn candidates(query: &AlertQuery, newest: bool) -> String {
    let severities = match query.severity_min {
        None | Some(Severity::Info) => "'info', 'warning', 'error'",
        Some(Severity::Warning) => "'warning', 'error'",
        Some(Severity::Error) => "'error'",
    };
    // Before a new release's first start the index is not there yet.
    let index = match newest {
        true => "INDEXED BY notice_undelivered",
        false => "",
    };
    let undelivered = |more: &str| {
        format!(
            "EXISTS(SELECT 1 FROM notice n {index} WHERE n.alert = a.id
             AND n.state NOT IN ('delivered', 'dropped') {more})"
        )
    };
    let delivery = match query.delivery {
        None => "1".into(),
        Some(Delivery::Undelivered) => undelivered(""),
        Some(Delivery::Waiting) => undelivered("AND n.state IN ('waiting', 'begun')"),
        Some(Delivery::Delivered) => format!(
            "NOT {} AND EXISTS(SELECT 1 FROM notice n WHERE n.alert = a.id)",
            undelivered("")
        ),
    };
    let what = match query.text {
        Some(_) => "a.text",
        None => "1",
    };
    let direction = match query.after_row {
        Some(_) => "ASC",
        None => "DESC",
    };
    format!(
        "SELECT a.row, CASE WHEN a.severity IN ({severities})
         AND (:server IS NULL OR a.server = :server OR a.about = :server)
         AND (:module IS NULL OR a.module = :module)
         AND (:since IS NULL OR a.time_ms >= :since) AND (:until IS NULL OR a.time_ms < :until)
         AND (:id IS NULL OR a.id = :id) AND {delivery} THEN {what} END
         FROM alert a WHERE a.row > :after AND a.row < :before ORDER BY a.row {direction}"
    )
}

/// The rows among which all that fit are; `None` when there are none.
fn range(conn: &Connection, query: &AlertQuery, newest: bool) -> rusqlite::Result<Option<Range>> {
    let number = |row: u64| i64::try_from(row).unwrap_or(i64::MAX);
    let mut range = Range {
        after: query.after_row.map_or(0, number),
        before: query.before_row.map_or(i64::MAX, number),
    };
    let mut narrow = |first: i64, last: i64| {
        range.after = range.after.max(first.saturating_sub(1));
        range.before = range.before.min(last.saturating_add(1));
    };
    if let Some(id) = &query.id {
        let row = conn
            .query_row("SELECT row FROM alert WHERE id = ?1", [&id.0], |row| {
                row.get(0)
            })
            .optional()?;
        let Some(row) = row else { return Ok(None) };
        narrow(row, row);
    }
    if newest && (query.since.is_some() || query.until.is_some()) {
        let times = [
            query.since.map_or(i64::MIN, |at| at.0),
            query.until.map_or(i64::MAX, |at| at.0),
        ];
        // Over the index alone: clocks of servers differ, so rows do not stand in the order of times.
        let (first, last): (Option<i64>, Option<i64>) = conn.query_row(
            "SELECT min(row), max(row) FROM alert INDEXED BY alert_time
             WHERE time_ms >= ?1 AND time_ms < ?2",
            times,
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(None);
        };
        narrow(first, last);
    }
    Ok(Some(range))
}

/// One row whole; `None` when it cannot be understood.
pub(super) fn read(
    conn: &Connection,
    number: i64,
    newest: bool,
) -> rusqlite::Result<Option<AlertRow>> {
    let mut statement = conn.prepare_cached(concat!(
        "SELECT a.row, ",
        alert_columns!(),
        ", a.received_ms FROM alert a WHERE a.row = ?1"
    ))?;
    let mut rows = statement.query([number])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let (Ok(alert), Ok(received)) = (row::alert(row, 1), row.get(1 + ALERT_COLUMNS)) else {
        return Ok(None);
    };
    let notices = notices_of(conn, &alert)?;
    let acknowledgement = match newest {
        true => acknowledgement_of(conn, &alert)?,
        false => None,
    };
    Ok(Some(AlertRow {
        row: number.unsigned_abs(),
        alert,
        received: WallTime(received),
        notices,
        acknowledgement,
    }))
}

fn notices_of(conn: &Connection, alert: &Alert) -> rusqlite::Result<Vec<NoticeRecord>> {
    let mut statement = conn.prepare_cached(concat!(
        "SELECT ",
        notice_columns!(),
        " FROM notice n WHERE n.alert = ?1 ORDER BY n.row"
    ))?;
    let mut rows = statement.query([&alert.id.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(row::notice(row, 0));
    }
    Ok(found)
}

fn acknowledgement_of(
    conn: &Connection,
    alert: &Alert,
) -> rusqlite::Result<Option<Acknowledgement>> {
    let mut statement = conn.prepare_cached(
        "SELECT alert, name, remark, at_ms FROM acknowledgement WHERE alert = ?1",
    )?;
    let mut rows = statement.query([&alert.id.0])?;
    let found = match rows.next()? {
        Some(row) => row::acknowledgement(row).ok(),
        None => None,
    };
    Ok(found)
}
