//! Alerts in memory, behind the command socket in tests.
//!
//! Shared by the tests of the socket and those of the commands, which include this file by its path:
//! so it stands in no build that is not a test.

use super::{AlertRow, AlertSource, Page, PageFuture};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// The alerts.
pub(crate) struct Memory {
    rows: Mutex<Vec<AlertRow>>,
    last: watch::Sender<u64>,
    trouble: Option<&'static str>,
}

impl Memory {
    /// These alerts, the oldest first.
    pub(crate) fn with(rows: Vec<AlertRow>) -> Arc<Memory> {
        let last = rows.last().map_or(0, |row| row.row);
        Arc::new(Memory {
            rows: Mutex::new(rows),
            last: watch::Sender::new(last),
            trouble: None,
        })
    }

    /// Alerts that cannot be read.
    #[allow(dead_code, reason = "for the tests of the socket only")]
    pub(crate) fn unreadable(why: &'static str) -> Arc<Memory> {
        Arc::new(Memory {
            rows: Mutex::default(),
            last: watch::Sender::new(0),
            trouble: Some(why),
        })
    }

    /// One more alert.
    pub(crate) fn push(&self, row: AlertRow) {
        let number = row.row;
        self.rows
            .lock()
            .expect("nobody panics while holding it")
            .push(row);
        self.last.send_replace(number);
    }
}

impl AlertSource for Memory {
    fn page(&self, page: Page) -> PageFuture<'_> {
        Box::pin(async move {
            if let Some(why) = self.trouble {
                return Err(why.into());
            }
            let rows = self.rows.lock().expect("nobody panics while holding it");
            Ok(match page {
                Page::Before { row, limit } => {
                    let before = row.unwrap_or(u64::MAX);
                    let rows = rows.iter().rev().filter(|row| row.row < before);
                    rows.take(limit as usize).cloned().collect()
                }
                Page::After { row, limit } => {
                    let rows = rows.iter().filter(|other| other.row > row);
                    rows.take(limit as usize).cloned().collect()
                }
            })
        })
    }

    fn last_row(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}
