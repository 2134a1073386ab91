//! Where the command socket reads alerts: pages of rows, and word of new ones.
//!
//! A trait, so that the socket can be tested with alerts in memory; the store's reader is the one
//! behind it in a daemon.

use crate::store::{AlertQuery, AlertRow, Reader};
use std::future::Future;
use std::pin::Pin;
use tokio::sync::watch;

/// A page to come, or why it cannot be read.
pub type PageFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<AlertRow>, String>> + Send + 'a>>;

/// The alerts on disk.
pub trait AlertSource: Send + Sync {
    /// Reads one page; an empty one means that there is nothing more in that direction.
    fn page(&self, query: AlertQuery) -> PageFuture<'_>;

    /// Changes after each alert that came to be readable, to its row. Before the first one the
    /// value says nothing.
    fn last_row(&self) -> watch::Receiver<u64>;
}

impl AlertSource for Reader {
    fn page(&self, query: AlertQuery) -> PageFuture<'_> {
        Box::pin(async { self.alerts(query).await.map_err(|error| error.0) })
    }

    fn last_row(&self) -> watch::Receiver<u64> {
        self.rows()
    }
}
