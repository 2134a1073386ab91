//! The newest alerts as open pages show them, to find those that change: a notice that got through, a
//! person who sees to it.
//!
//! A page that was loaded before a change and listens only after it would show the old state for ever; so
//! changes are remembered for [`REPEAT_WAIT`] and repeated to whoever begins to listen.

use noroshi_core::time::{Moment, Span};
use noroshi_daemon::control::AlertLine;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Alerts watched for changes: as many as a page shows.
pub(super) const RECENT_MAX: usize = 50;
/// How long after its load a page may begin to listen and miss no change.
const REPEAT_WAIT: Span = Span::from_secs(60);

/// The newest alerts, by row.
#[derive(Default)]
pub(super) struct Recent(BTreeMap<u64, Known>);

struct Known {
    line: Arc<AlertLine>,
    changed: Option<Moment>,
}

impl Recent {
    /// Somebody has been shown these; what is known already stays.
    pub(super) fn show<'a>(&mut self, lines: impl IntoIterator<Item = &'a AlertLine>) {
        for line in lines {
            self.0.entry(line.row).or_insert_with(|| Known {
                line: Arc::new(line.clone()),
                changed: None,
            });
        }
        while self.0.len() > RECENT_MAX {
            self.0.pop_first();
        }
    }

    /// These are so now: answers those that are shown and have changed.
    pub(super) fn changes(&mut self, now: Moment, lines: Vec<AlertLine>) -> Vec<Arc<AlertLine>> {
        let mut changes = Vec::new();
        for line in lines {
            let Some(known) = self.0.get_mut(&line.row) else {
                continue;
            };
            if *known.line != line {
                known.line = Arc::new(line);
                known.changed = Some(now);
                changes.push(Arc::clone(&known.line));
            }
        }
        changes
    }

    /// Changes that whoever begins to listen now may have missed.
    pub(super) fn missed(&self, now: Moment) -> Vec<Arc<AlertLine>> {
        let lately = |known: &&Known| {
            let changed = known.changed;
            changed.is_some_and(|at| now.since(at) < REPEAT_WAIT)
        };
        let missed = self.0.values().filter(lately);
        missed.map(|known| Arc::clone(&known.line)).collect()
    }

    /// There are none after this row: those that there were are of a store that is gone, and would keep the new ones
    /// out.
    pub(super) fn forget_after(&mut self, newest: u64) {
        self.0.retain(|row, _| *row <= newest);
    }

    /// No page has shown any. What one has shown stays when it is closed: another may have been loaded
    /// meanwhile that does not listen yet.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
