//! Where the command socket reads alerts: pages of rows, and word of new ones.
//!
//! A trait, so that the socket knows nothing of the store behind it; tests put one in memory there.

use super::AlertFilter;
use crate::channel::mail::{Conversation, NotTested};
use crate::collect::Scope;
use crate::store::{AlertFigures, FiguresQuery};
use noroshi_core::alert::{Acknowledgement, Alert};
use noroshi_core::notice::NoticeRecord;
use noroshi_core::time::WallTime;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// An alert as it stands in the store, with its notices.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// Its row, from 1; rises with every alert that this server comes to know.
    pub row: u64,
    /// The alert.
    pub alert: Arc<Alert>,
    /// When this server came to know it.
    pub received: WallTime,
    /// Its notices.
    pub notices: Vec<NoticeRecord>,
    /// Who sees to it.
    pub acknowledgement: Option<Acknowledgement>,
}

/// What one look found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertRows {
    /// The alerts that fit.
    pub rows: Vec<AlertRow>,
    /// The row to go on from, in the same direction; `None` when nothing is left. A look is bounded: it
    /// may find fewer alerts than asked for, or none, and not be at the end.
    pub next: Option<u64>,
}

/// Which rows are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest `limit` rows before `row`, newest first; `None` begins at the newest of all.
    Before {
        /// Where to begin, itself left out.
        row: Option<u64>,
        /// How many at most.
        limit: u32,
    },
    /// The oldest `limit` rows after `row`, oldest first.
    After {
        /// Where to begin, itself left out.
        row: u64,
        /// How many at most.
        limit: u32,
    },
}

/// The archive of another server in pieces, or why it cannot be had; see
/// [`Collector::collect`](crate::engine::pages::Collector::collect).
pub type LogSource =
    Arc<dyn Fn(String, Scope) -> mpsc::Receiver<Result<Vec<u8>, String>> + Send + Sync>;

/// Sends a test mail to this recipient, or to all; see
/// [`TestMails::send`](crate::channel::mail::TestMails::send).
pub type TestMailSource =
    Arc<dyn Fn(Option<&str>) -> Result<mpsc::Receiver<Conversation>, NotTested> + Send + Sync>;

/// Something of the store's to come, or why it cannot be read.
pub type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// The alerts on disk.
pub trait AlertSource: Send + Sync {
    /// Reads one page of the alerts that fit.
    fn page(&self, page: Page, only: &AlertFilter) -> Reading<'_, AlertRows>;

    /// Counts what the pictures of the alert view show.
    fn figures(&self, query: FiguresQuery) -> Reading<'_, AlertFigures>;

    /// Follows the last row: it changes after each alert that came to be readable.
    fn last_row(&self) -> watch::Receiver<u64>;
}
