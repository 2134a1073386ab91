//! Alerts in memory, behind the command socket in tests.
//!
//! Shared by the tests of the socket and those of the commands, which include this file by its path:
//! so it stands in no build that is not a test.

use super::{AlertFigures, FiguresQuery};
use super::{AlertFilter, AlertLine, AlertRow, AlertRows, AlertSource, Page, Reading};
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

impl Memory {
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
            let fits = |row: &&AlertRow| only.takes(&AlertLine::from((*row).clone()));
            let (rows, limit): (Vec<AlertRow>, u32) = match page {
                Page::Before { row, limit } => {
                    let before = row.unwrap_or(u64::MAX);
                    let rows = rows.iter().rev().filter(|row| row.row < before);
                    (rows.filter(fits).cloned().collect(), limit)
                }
                Page::After { row, limit } => {
                    let rows = rows.iter().filter(|other| other.row > row);
                    (rows.filter(fits).cloned().collect(), limit)
                }
            };
            let more = rows.len() > limit as usize;
            let rows: Vec<AlertRow> = rows.into_iter().take(limit as usize).collect();
            let next = rows.last().filter(|_| more).map(|row| row.row);
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
