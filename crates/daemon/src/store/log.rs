//! The alert log as the servers read it of each other: what one has, and what another one lacks.
//!
//! *Use.* By [`crate::replica`]: names of a log page by page, then the alerts that are wanted of them.
//! *Failure.* Words, as with every reader; a row that cannot be understood is passed over.

use super::reader::{AlertRow, ReadError, Reader, connect};
use super::search;
use noroshi_core::alert::AlertId;
use noroshi_core::notice::Channel;
use noroshi_core::peer::LoggedAlert;
use noroshi_core::time::WallTime;
use rusqlite::{Connection, OptionalExtension as _};
use std::sync::{Arc, PoisonError};

/// Names in one page.
pub const LOG_NAMES_MAX: usize = 512;
/// Alerts in one page; fewer when [`LOG_PAGE_BYTES_MAX`] is reached.
pub const LOG_ALERTS_MAX: usize = 64;
/// Bytes of one page of alerts as it goes over a link, but for one that is longer alone.
pub const LOG_PAGE_BYTES_MAX: usize = 32 * 1024;
/// Reads for this purpose at a time: they never take the places of the alert view's.
pub const LOG_READS_MAX: usize = 1;

/// Names of alerts, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogNames {
    /// Which log they are of.
    pub log: String,
    /// Each alert's name and time.
    pub alerts: Vec<(AlertId, WallTime)>,
    /// The row to go on from.
    pub next: u64,
    /// There are more.
    pub more: bool,
}

/// Up to where another server's log is known here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPlace {
    /// Which log.
    pub log: String,
    /// Its row.
    pub row: u64,
}

impl Reader {
    /// The names that stand in this log behind `place`; of a place in another log, from the beginning.
    ///
    /// # Errors
    /// When there is no readable store, or it is damaged.
    pub async fn log_names(&self, place: LogPlace) -> Result<LogNames, ReadError> {
        self.log_read(move |conn| names(conn, &place)).await
    }

    /// Those of `names` that are not in this log, oldest first. Of a log that is full, holding `records_max`,
    /// what is older than all that it holds is left out: it would be the first to be dropped.
    ///
    /// # Errors
    /// As [`Reader::log_names`].
    pub async fn log_lacks(
        &self,
        names: Vec<(AlertId, WallTime)>,
        records_max: u32,
    ) -> Result<Vec<AlertId>, ReadError> {
        self.log_read(move |conn| lacking(conn, names, records_max))
            .await
    }

    /// As many of these alerts, from the first on, as fit into one page: how many were looked for, and those
    /// that are there.
    ///
    /// # Errors
    /// As [`Reader::log_names`].
    pub async fn log_alerts(
        &self,
        wanted: Vec<AlertId>,
    ) -> Result<(u32, Vec<LoggedAlert>), ReadError> {
        self.log_read(move |conn| page(conn, &wanted)).await
    }

    /// Up to where the log of `server` is known here.
    ///
    /// # Errors
    /// As [`Reader::log_names`].
    pub async fn log_place(&self, server: String) -> Result<LogPlace, ReadError> {
        self.log_read(move |conn| {
            let mut statement = conn.prepare("SELECT log, row FROM fetched WHERE server = ?1")?;
            let place = statement.query_row([server], |row| {
                let number: i64 = row.get(1)?;
                Ok(LogPlace {
                    log: row.get(0)?,
                    row: number.unsigned_abs(),
                })
            });
            place.optional().map(Option::unwrap_or_default)
        })
        .await
    }

    async fn log_read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let places = Arc::clone(&self.log_reads);
        // As in `beside`: never closed, and the thread does not panic.
        let place = places.acquire_owned().await;
        let place = place.map_err(|error| ReadError(error.to_string()))?;
        let reader = self.clone();
        let read = move || {
            let _place = place;
            let _open = reader.gate.read().unwrap_or_else(PoisonError::into_inner);
            read(&connect(&reader.dir)?)
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(|error| ReadError(error.to_string()))?
            .map_err(|error| ReadError(error.to_string()))
    }
}

fn names(conn: &Connection, place: &LogPlace) -> rusqlite::Result<LogNames> {
    // One moment, so that name and rows are of one log.
    let tx = conn.unchecked_transaction()?;
    let log: String = tx.query_row("SELECT name FROM log", [], |row| row.get(0))?;
    let newest: i64 = tx.query_row("SELECT coalesce(max(row), 0) FROM alert", [], |row| {
        row.get(0)
    })?;
    let after = i64::try_from(place.row).unwrap_or(i64::MAX);
    // A row that this log has never had: it was put back to an earlier state.
    let after = if place.log == log && after <= newest {
        after
    } else {
        0
    };
    let mut statement =
        tx.prepare("SELECT row, id, time_ms FROM alert WHERE row > ?1 ORDER BY row")?;
    let mut rows = statement.query([after])?;
    let (mut alerts, mut next) = (Vec::new(), after);
    while let Some(row) = rows.next()? {
        if alerts.len() >= LOG_NAMES_MAX {
            let next = next.unsigned_abs();
            return Ok(LogNames {
                log,
                alerts,
                next,
                more: true,
            });
        }
        next = row.get(0)?;
        if let (Ok(id), Ok(time)) = (row.get(1), row.get(2)) {
            alerts.push((AlertId(id), WallTime(time)));
        }
    }
    let next = next.unsigned_abs();
    Ok(LogNames {
        log,
        alerts,
        next,
        more: false,
    })
}

fn lacking(
    conn: &Connection,
    names: Vec<(AlertId, WallTime)>,
    records_max: u32,
) -> rusqlite::Result<Vec<AlertId>> {
    let (first, last): (i64, i64) = conn.query_row(
        "SELECT coalesce(min(row), 0), coalesce(max(row), 0) FROM alert",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    // Rows are dropped by their distance from the last.
    let is_full = last - first + 1 >= i64::from(records_max);
    let oldest: Option<i64> =
        conn.query_row("SELECT min(time_ms) FROM alert", [], |row| row.get(0))?;
    let oldest = oldest.filter(|_| is_full);
    let mut known = conn.prepare("SELECT 1 FROM alert WHERE id = ?1")?;
    let mut lacking = Vec::new();
    for (id, time) in names {
        let outlived = oldest.is_some_and(|oldest| time.0 < oldest);
        if !outlived && !known.exists([&id.0])? {
            lacking.push(id);
        }
    }
    Ok(lacking)
}

fn page(conn: &Connection, wanted: &[AlertId]) -> rusqlite::Result<(u32, Vec<LoggedAlert>)> {
    let tx = conn.unchecked_transaction()?;
    let mut find = tx.prepare("SELECT row FROM alert WHERE id = ?1")?;
    let (mut dealt, mut bytes, mut found) = (0, 0, Vec::new());
    for id in wanted.iter().take(LOG_ALERTS_MAX) {
        let number = find.query_row([&id.0], |row| row.get(0)).optional()?;
        let alert = match number {
            Some(number) => search::read(&tx, number, true)?.map(of_the_cluster),
            None => None,
        };
        if let Some(alert) = alert {
            bytes += serde_json::to_vec(&alert).map_or(0, |text| text.len());
            if bytes > LOG_PAGE_BYTES_MAX && !found.is_empty() {
                break;
            }
            found.push(alert);
        }
        dealt += 1;
    }
    Ok((dealt, found))
}

/// Without what concerns one server alone: a syslog line is each server's own, and an unfinished notice of a
/// lamp belongs to the server that tells it.
fn of_the_cluster(row: AlertRow) -> LoggedAlert {
    let mut notices = row.notices;
    notices.retain(|notice| match notice.key.channel {
        Channel::Mail => true,
        Channel::Lamp => notice.state.is_final(),
        Channel::Syslog => false,
    });
    LoggedAlert {
        alert: row.alert,
        notices,
        acknowledgement: row.acknowledgement,
    }
}

/// Notes up to where a server's log is known here.
pub(super) fn put_place(conn: &Connection, server: &str, place: &LogPlace) -> rusqlite::Result<()> {
    let row = i64::try_from(place.row).unwrap_or(i64::MAX);
    conn.execute(
        "INSERT INTO fetched(server, log, row) VALUES(?1, ?2, ?3)
         ON CONFLICT(server) DO UPDATE SET log = excluded.log, row = excluded.row",
        rusqlite::params![server, place.log, row],
    )
    .map(drop)
}
