//! Listing and following alerts over a connection.
//!
//! A list goes back through the pages for the place to begin, then forward: so only one page is
//! ever held, however long the list, and it comes oldest first. Each page is bounded work, with others'
//! turns between; a caller that wants no more than one asks for a page.

use super::server::Connection;
use super::{
    AlertFilter, AlertLine, AlertRow, AlertSource, Answer, FOLLOWERS_MAX, Fault, PAGE_ROWS, Page,
};
use crate::store::FiguresQuery;
use std::io;
use tokio::io::AsyncReadExt;

/// Which alerts a caller wants listed.
pub(super) struct Wanted {
    pub(super) limit: u32,
    pub(super) only: AlertFilter,
    pub(super) before: Option<u64>,
    pub(super) after: Option<u64>,
}

impl Connection {
    /// Lists what is wanted; returns the row to go on after, or `None` when the alerts cannot be read,
    /// which the caller was told then.
    pub(super) async fn list(&mut self, wanted: &Wanted) -> io::Result<Option<u64>> {
        let alerts = self.desk.alerts.clone();
        let before = match wanted.after {
            Some(after) => Ok(after),
            None => row_before_last(&*alerts, wanted).await,
        };
        let listed = match before {
            Ok(after) => self.forward(after, wanted).await?,
            Err(why) => Err(why),
        };
        match listed {
            Ok(last) => {
                self.say(&Answer::End).await?;
                Ok(Some(last))
            }
            Err(why) => {
                self.error(Fault::Unreadable, why).await?;
                Ok(None)
            }
        }
    }

    /// One page, newest first unless it begins after a row.
    pub(super) async fn page(&mut self, wanted: &Wanted) -> io::Result<()> {
        // What comes while the page is read is not promised to be on it.
        let newest = *self.desk.alerts.last_row().borrow();
        let limit = wanted.limit;
        let page = match wanted.after {
            Some(row) => Page::After { row, limit },
            None => Page::Before {
                row: wanted.before,
                limit,
            },
        };
        let page = match self.desk.alerts.page(page, &wanted.only).await {
            Ok(page) => page,
            Err(why) => return self.error(Fault::Unreadable, why).await,
        };
        for row in page.rows {
            self.alert(row).await?;
        }
        let next = page.next;
        self.say(&Answer::PageEnd { next, newest }).await
    }

    /// What the pictures of the alert view show.
    pub(super) async fn figures(&mut self, query: FiguresQuery) -> io::Result<()> {
        match self.desk.alerts.figures(query).await {
            Ok(figures) => {
                let figures = Box::new(figures);
                self.say(&Answer::AlertFigures { figures }).await
            }
            Err(why) => self.error(Fault::Unreadable, why).await,
        }
    }

    /// Lists what is wanted and then each new one that fits, until the caller or the daemon has enough.
    pub(super) async fn follow(mut self, mut wanted: Wanted) -> io::Result<()> {
        let Ok(_place) = self.follow_places.clone().try_acquire_owned() else {
            let why = format!("{FOLLOWERS_MAX} others follow the alerts already");
            return self.error(Fault::Busy, why).await;
        };
        let mut news = self.desk.alerts.last_row();
        news.mark_unchanged();
        if wanted.after.is_some() {
            wanted.limit = u32::MAX;
        }
        let Some(mut shown) = self.list(&wanted).await? else {
            return Ok(());
        };
        wanted.limit = u32::MAX;
        loop {
            tokio::select! {
                changed = news.changed() => if changed.is_err() {
                    return Ok(());
                },
                // The caller closed, or says something, which ends the following too.
                _ = self.from.read_u8() => return Ok(()),
                _ = self.stopped.wait_for(|stopped| *stopped) => return Ok(()),
            }
            shown = match self.forward(shown, &wanted).await? {
                Ok(last) => last,
                Err(why) => return self.error(Fault::Unreadable, why).await,
            };
        }
    }

    /// Lists alerts that fit after row `after`; returns the last row looked at.
    async fn forward(
        &mut self,
        mut after: u64,
        wanted: &Wanted,
    ) -> io::Result<Result<u64, String>> {
        let mut left = wanted.limit;
        while left > 0 {
            let newest = *self.desk.alerts.last_row().borrow();
            let page = Page::After {
                row: after,
                limit: PAGE_ROWS.min(left),
            };
            let page = match self.desk.alerts.page(page, &wanted.only).await {
                Ok(page) => page,
                Err(why) => return Ok(Err(why)),
            };
            for row in page.rows {
                if wanted.before.is_some_and(|before| row.row >= before) {
                    return Ok(Ok(after));
                }
                after = row.row;
                left = left.saturating_sub(1);
                self.alert(row).await?;
            }
            match page.next {
                Some(next) => after = next,
                // Everything up to here was looked at, fitting or not.
                None => return Ok(Ok(after.max(newest))),
            }
        }
        Ok(Ok(after))
    }

    async fn alert(&mut self, row: AlertRow) -> io::Result<()> {
        let alert = Box::new(AlertLine::from(row));
        self.say(&Answer::Alert { alert }).await
    }
}

/// The row before the last ones that are wanted.
async fn row_before_last(alerts: &dyn AlertSource, wanted: &Wanted) -> Result<u64, String> {
    let newest = *alerts.last_row().borrow();
    let (mut before, mut left) = (wanted.before, wanted.limit);
    let mut begin = None;
    if left == 0 {
        return Ok(newest);
    }
    loop {
        let page = Page::Before {
            row: before,
            limit: PAGE_ROWS.min(left),
        };
        let page = alerts.page(page, &wanted.only).await?;
        begin = page.rows.last().map_or(begin, |oldest| Some(oldest.row));
        left = left.saturating_sub(page.rows.len() as u32);
        match page.next {
            Some(next) if left > 0 => before = Some(next),
            // There are fewer than wanted, or these are they; where none fits all were looked at.
            _ => return Ok(begin.map_or(newest, |begin| begin.saturating_sub(1))),
        }
    }
}
