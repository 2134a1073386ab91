//! The alert view out of the store: for the command socket, and for a command while no daemon runs.

use crate::control::{AlertFilter, AlertLine, AlertRow, AlertSource, Page, PageFuture};
use crate::store::{ALERTS_PAGE_MAX, AlertQuery, ReadError, Reader};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// Reads the store's alerts for the command socket.
pub(crate) struct AlertView(pub(crate) Reader);

impl AlertSource for AlertView {
    fn page(&self, page: Page) -> PageFuture<'_> {
        let query = match page {
            Page::Before { row, limit } => AlertQuery {
                limit,
                before_row: row,
                ..AlertQuery::default()
            },
            Page::After { row, limit } => AlertQuery {
                limit,
                after_row: Some(row),
                ..AlertQuery::default()
            },
        };
        Box::pin(async move {
            let rows = self
                .0
                .alerts(query)
                .await
                .map_err(|error| error.to_string())?;
            Ok(rows.into_iter().map(row).collect())
        })
    }

    fn last_row(&self) -> watch::Receiver<u64> {
        self.0.rows()
    }
}

fn row(row: crate::store::AlertRow) -> AlertRow {
    AlertRow {
        row: row.row,
        alert: Arc::new(row.alert),
        received: row.received,
        notices: row.notices,
    }
}

/// Lists the last `limit` alerts that fit out of the store in `dir`, oldest first, as the daemon
/// would; for a command while no daemon runs. Nothing is written. `take` ends the list with `Break`.
///
/// # Errors
/// When there is no readable store there, or it is damaged; what was taken before is right.
pub fn list_without_daemon(
    dir: &Path,
    limit: u32,
    only: &AlertFilter,
    mut take: impl FnMut(AlertLine) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let reader = Reader::of_no_daemon(dir);
    let query = |limit: u32| AlertQuery {
        limit: limit.min(ALERTS_PAGE_MAX),
        severity_min: only.severity,
        server: only.server.clone(),
        module: only.module.clone(),
        ..AlertQuery::default()
    };
    if limit == 0 {
        return Ok(());
    }
    // Back through the pages for the place to begin, so that only one is ever held.
    let (mut begin, mut left) = (None, limit);
    while left > 0 {
        let page = reader.alerts_blocking(&AlertQuery {
            before_row: begin,
            ..query(left)
        })?;
        let Some(oldest) = page.last() else { break };
        begin = Some(oldest.row);
        left = left.saturating_sub(page.len() as u32);
    }
    let Some(begin) = begin else { return Ok(()) };
    let mut after = begin.saturating_sub(1);
    loop {
        let page = reader.alerts_blocking(&AlertQuery {
            after_row: Some(after),
            ..query(ALERTS_PAGE_MAX)
        })?;
        let Some(newest) = page.last() else {
            return Ok(());
        };
        after = newest.row;
        for found in page {
            if take(AlertLine::from(row(found))).is_break() {
                return Ok(());
            }
        }
    }
}
