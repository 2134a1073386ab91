//! The alert view as the command socket reads it, out of the store.

use crate::control::{AlertRow, AlertSource, Page, PageFuture};
use crate::store::{AlertQuery, Reader};
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
            let row = |row: crate::store::AlertRow| AlertRow {
                row: row.row,
                alert: Arc::new(row.alert),
                received: row.received,
                notices: row.notices,
            };
            Ok(rows.into_iter().map(row).collect())
        })
    }

    fn last_row(&self) -> watch::Receiver<u64> {
        self.0.rows()
    }
}
