//! Listing and following alerts over a connection.
//!
//! A list goes back through the pages for the place to begin, then forward: so only one page is
//! ever held, however long the list, and it comes oldest first.

use super::server::Connection;
use super::{AlertFilter, AlertLine, AlertSource, Answer, FOLLOWERS_MAX, Fault, PAGE_ROWS, Page};
use std::io;
use tokio::io::AsyncReadExt;

impl Connection {
    /// Lists the last `limit` alerts that fit; returns the row to go on after, or `None` when the
    /// alerts cannot be read, which the caller was told then.
    pub(super) async fn list(&mut self, limit: u32, only: &AlertFilter) -> io::Result<Option<u64>> {
        let alerts = self.desk.alerts.clone();
        let listed = match row_before_last(&*alerts, limit, only).await {
            Ok(after) => self.forward(after, limit, only).await?,
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

    /// Lists the last `limit` alerts that fit and then each new one, until the caller or the daemon
    /// has enough.
    pub(super) async fn follow(mut self, limit: u32, only: &AlertFilter) -> io::Result<()> {
        let Ok(_place) = self.follow_places.clone().try_acquire_owned() else {
            let why = format!("{FOLLOWERS_MAX} others follow the alerts already");
            return self.error(Fault::Busy, why).await;
        };
        let mut news = self.desk.alerts.last_row();
        news.mark_unchanged();
        let Some(mut shown) = self.list(limit, only).await? else {
            return Ok(());
        };
        loop {
            tokio::select! {
                changed = news.changed() => if changed.is_err() {
                    return Ok(());
                },
                // The caller closed, or says something, which ends the following too.
                _ = self.from.read_u8() => return Ok(()),
                _ = self.stopped.wait_for(|stopped| *stopped) => return Ok(()),
            }
            shown = match self.forward(shown, u32::MAX, only).await? {
                Ok(last) => last,
                Err(why) => return self.error(Fault::Unreadable, why).await,
            };
        }
    }

    /// Lists up to `left` alerts that fit after row `after`; returns the last row looked at.
    async fn forward(
        &mut self,
        mut after: u64,
        mut left: u32,
        only: &AlertFilter,
    ) -> io::Result<Result<u64, String>> {
        while left > 0 {
            let page = Page::After {
                row: after,
                limit: PAGE_ROWS,
            };
            let page = match self.desk.alerts.page(page).await {
                Ok(page) if page.is_empty() => break,
                Ok(page) => page,
                Err(why) => return Ok(Err(why)),
            };
            for row in page {
                if left == 0 {
                    break;
                }
                after = row.row;
                if only.takes(&row) {
                    left -= 1;
                    let alert = Box::new(AlertLine::from(row));
                    self.say(&Answer::Alert { alert }).await?;
                }
            }
        }
        Ok(Ok(after))
    }
}

/// The row before the last `limit` alerts that fit.
async fn row_before_last(
    alerts: &dyn AlertSource,
    limit: u32,
    only: &AlertFilter,
) -> Result<u64, String> {
    let (mut before, mut left) = (None, limit);
    loop {
        let page = Page::Before {
            row: before,
            limit: PAGE_ROWS,
        };
        let page = alerts.page(page).await?;
        // There are fewer than wanted; rows begin at 1.
        let Some(oldest) = page.last() else {
            return Ok(0);
        };
        if limit == 0 {
            return Ok(page[0].row);
        }
        before = Some(oldest.row);
        for row in page.iter().filter(|row| only.takes(row)) {
            left -= 1;
            if left == 0 {
                return Ok(row.row.saturating_sub(1));
            }
        }
    }
}
