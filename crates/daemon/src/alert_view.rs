//! The alert view out of the store: for the command socket, and for a command while no daemon runs.

use crate::control::{AlertFilter, AlertLine, AlertRow, AlertRows, AlertSource, Page, Reading};
use crate::store::{ALERTS_PAGE_MAX, AlertFigures, AlertQuery, FiguresQuery, ReadError, Reader};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// Reads the store's alerts for the command socket.
pub(crate) struct AlertView(pub(crate) Reader);

impl AlertSource for AlertView {
    fn page(&self, page: Page, only: &AlertFilter) -> Reading<'_, AlertRows> {
        let query = query(page, only);
        Box::pin(async move {
            let page = self.0.page(query).await;
            let page = page.map_err(|error| error.to_string())?;
            Ok(AlertRows {
                rows: page.rows.into_iter().map(row).collect(),
                next: page.next,
            })
        })
    }

    fn figures(&self, query: FiguresQuery) -> Reading<'_, AlertFigures> {
        Box::pin(async move {
            let figures = self.0.figures(query).await;
            figures.map_err(|error| error.to_string())
        })
    }

    fn last_row(&self) -> watch::Receiver<u64> {
        self.0.rows()
    }
}

fn query(page: Page, only: &AlertFilter) -> AlertQuery {
    let (limit, before_row, after_row) = match page {
        Page::Before { row, limit } => (limit, row, None),
        Page::After { row, limit } => (limit, None, Some(row)),
    };
    let only = only.clone();
    AlertQuery {
        limit: limit.min(ALERTS_PAGE_MAX),
        before_row,
        after_row,
        severity_min: only.severity,
        server: only.server,
        module: only.module,
        text: only.text,
        since: only.since,
        until: only.until,
        delivery: only.delivery,
        id: only.id,
    }
}

fn row(row: crate::store::AlertRow) -> AlertRow {
    AlertRow {
        row: row.row,
        alert: Arc::new(row.alert),
        received: row.received,
        notices: row.notices,
        acknowledgement: row.acknowledgement,
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
    // Back through the pages for the place to begin, so that only one is ever held.
    let (mut begin, mut from, mut left) = (None, None, limit);
    while left > 0 {
        let page = Page::Before {
            row: from,
            limit: left,
        };
        let page = reader.page_blocking(&query(page, only))?;
        begin = page.rows.last().map_or(begin, |oldest| Some(oldest.row));
        left = left.saturating_sub(page.rows.len() as u32);
        let Some(next) = page.next else { break };
        from = Some(next);
    }
    let Some(begin) = begin else { return Ok(()) };
    let mut after = begin.saturating_sub(1);
    loop {
        let page = Page::After {
            row: after,
            limit: ALERTS_PAGE_MAX,
        };
        let page = reader.page_blocking(&query(page, only))?;
        for found in page.rows {
            if take(AlertLine::from(row(found))).is_break() {
                return Ok(());
            }
        }
        let Some(next) = page.next else { return Ok(()) };
        after = next;
    }
}
