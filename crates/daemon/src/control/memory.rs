//! Alerts in memory, behind the command socket in tests.
//!
//! Shared by the tests of the socket and those of the commands, which include this file by its path:
//! so it stands in no build that is not a test.

use super::{AlertFigures, FiguresQuery};
use super::{AlertFilter, AlertLine, AlertRow, AlertRows, AlertSource, Page, Reading};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// The alerts.
pub(crate) struct Memory {
    rows: Mutex<Vec<AlertRow>>,
    last: watch::Sender<u64>,
    trouble: Option<&'static str>,
    /// Rows that one page looks at.
    look_max: AtomicUsize,
}

impl Memory {
    /// These alerts, the oldest first.
    pub(crate) fn with(rows: Vec<AlertRow>) -> Arc<Memory> {
        let last = rows.last().map_or(0, |row| row.row);
        Arc::new(Memory {
            rows: Mutex::new(rows),
            last: watch::Sender::new(last),
            trouble: None,
            look_max: AtomicUsize::new(usize::MAX),
        })
    }

    /// Alerts that cannot be read.
    #[allow(dead_code, reason = "for the tests of the socket only")]
    pub(crate) fn unreadable(why: &'static str) -> Arc<Memory> {
        Arc::new(Memory {
            rows: Mutex::default(),
            last: watch::Sender::new(0),
            trouble: Some(why),
            look_max: AtomicUsize::new(usize::MAX),
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

impl Memory {
    /// Lets a page look at so many rows only, as a store does with very many.
    #[allow(dead_code, reason = "not every test needs it")]
    pub(crate) fn look_at(&self, rows: usize) {
        self.look_max.store(rows, Ordering::Relaxed);
    }

    /// An alert that is another now.
    #[allow(dead_code, reason = "for the tests of the console only")]
    pub(crate) fn replace(&self, row: AlertRow) {
        let mut rows = self.rows.lock().expect("nobody panics while holding it");
        if let Some(old) = rows.iter_mut().find(|old| old.row == row.row) {
            *old = row;
        }
    }
}

impl AlertSource for Memory {
    fn page(&self, page: Page, only: &AlertFilter) -> Reading<'_, AlertRows> {
        let only = only.clone();
        Box::pin(async move {
            if let Some(why) = self.trouble {
                return Err(why.into());
            }
            let rows = self.rows.lock().expect("nobody panics while holding it");
            let mut meant: Vec<&AlertRow> = match page {
                Page::Before { row, .. } => {
                    let before = row.unwrap_or(u64::MAX);
                    rows.iter().rev().filter(|row| row.row < before).collect()
                }
                Page::After { row, .. } => rows.iter().filter(|other| other.row > row).collect(),
            };
            let (Page::Before { limit, .. } | Page::After { limit, .. }) = page;
            let all = meant.len();
            meant.truncate(self.look_max.load(Ordering::Relaxed));
            let mut next = meant
                .last()
                .filter(|_| meant.len() < all)
                .map(|row| row.row);
            let fits = |row: &&AlertRow| only.takes(&AlertLine::from((*row).clone()));
            let mut rows: Vec<AlertRow> = meant.into_iter().filter(fits).cloned().collect();
            if rows.len() > limit as usize {
                rows.truncate(limit as usize);
                next = rows.last().map(|row| row.row);
            }
            Ok(AlertRows { rows, next })
        })
    }

    fn figures(&self, query: FiguresQuery) -> Reading<'_, AlertFigures> {
        Box::pin(async move {
            let steps = query.steps as usize;
            Ok(AlertFigures {
                step_ms: 1,
                alerts: vec![[0; 3]; steps],
                first_notice: vec![0; 8],
                ..AlertFigures::default()
            })
        })
    }

    fn last_row(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}
