//! One server's log, gone through page by page, and what is lacking here of it.

use super::{ANSWER_WAIT, ATTEMPTS_MAX, Deed, FETCH_AGAIN, FETCH_RETRY};
use crate::inbox::Inbox;
use crate::store::{LOG_ALERTS_MAX, LOG_NAMES_MAX, LogNames, LogPlace, Reader};
use crate::{clock, log};
use noroshi_core::action::Item;
use noroshi_core::alert::AlertId;
use noroshi_core::event::Event;
use noroshi_core::notice::Channel;
use noroshi_core::peer::{LoggedAlert, PeerMessage};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// Fetches from one server as long as its link stands.
pub(super) struct Fetch {
    pub(super) server: String,
    pub(super) reader: Reader,
    pub(super) inbox: Inbox,
    pub(super) deeds: mpsc::Sender<Deed>,
    pub(super) records_max: Arc<AtomicU32>,
    /// What the server answers.
    pub(super) coming: mpsc::Receiver<Box<PeerMessage>>,
    /// Of the last question.
    pub(super) number: u64,
}

impl Fetch {
    /// Until the link ends, which ends this task.
    pub(super) async fn again_and_again(mut self, turn: Arc<Semaphore>) {
        let mut rest = FETCH_RETRY;
        loop {
            let (mut fetched, mut whole) = (0, None);
            if let Ok(_turn) = turn.acquire().await {
                // Where it ends early the next one goes on from where this one was.
                whole = self.whole_log(&mut fetched).await;
            }
            self.say(fetched);
            let wait = match whole {
                Some(()) => FETCH_AGAIN,
                None => rest,
            };
            sleep(wait).await;
            rest = match whole {
                Some(()) => FETCH_RETRY,
                // An earlier release never answers.
                None => (rest * 2).min(FETCH_AGAIN),
            };
        }
    }

    /// `None` when the other end does not answer, or the store here or there is in trouble.
    async fn whole_log(&mut self, fetched: &mut usize) -> Option<()> {
        let mut place = self.reader.log_place(self.server.clone()).await.ok()?;
        loop {
            let names = self.names(&place).await?;
            let (next, more) = (names.next, names.more);
            let moves = names.log != place.log || next > place.row;
            let records_max = self.records_max.load(Ordering::Relaxed);
            let lacking = self.reader.log_lacks(names.alerts, records_max);
            self.fill(lacking.await.ok()?, fetched).await?;
            place = LogPlace {
                log: names.log,
                row: next,
            };
            if moves {
                let noted = Deed::Place(self.server.clone(), place.clone());
                self.deeds.send(noted).await.ok()?;
            }
            if !(more && moves) {
                return Some(());
            }
        }
    }

    /// Has these put on disk here.
    async fn fill(&mut self, mut lacking: Vec<AlertId>, fetched: &mut usize) -> Option<()> {
        while !lacking.is_empty() {
            let wanted = lacking.iter().take(LOG_ALERTS_MAX).cloned();
            let (dealt, alerts) = self.alerts(wanted.collect()).await?;
            let alerts: Vec<_> = alerts
                .into_iter()
                .filter(|logged| lacking[..dealt].contains(&logged.alert.id))
                .collect();
            *fetched += alerts.len();
            self.write(alerts).await?;
            lacking.drain(..dealt);
        }
        Some(())
    }

    async fn write(&self, alerts: Vec<LoggedAlert>) -> Option<()> {
        let (items, untold) = items(alerts);
        if items.is_empty() {
            return Some(());
        }
        let (done, answer) = oneshot::channel();
        self.deeds.send(Deed::Write(items, done)).await.ok()?;
        answer.await.ok().filter(|written| *written)?;
        if untold {
            self.inbox.send(Event::Fetched).await.ok()?;
        }
        Some(())
    }

    async fn names(&mut self, place: &LogPlace) -> Option<LogNames> {
        let question = |number| PeerMessage::LogAsk {
            number,
            log: place.log.clone(),
            after: place.row,
        };
        match self.ask(question).await? {
            PeerMessage::LogNames {
                log,
                alerts,
                next,
                more,
                ..
            } if alerts.len() <= LOG_NAMES_MAX => Some(LogNames {
                log,
                alerts,
                next,
                more,
            }),
            _ => None,
        }
    }

    /// Those of `wanted` that the server has, and how many it looked for: at least one.
    async fn alerts(&mut self, wanted: Vec<AlertId>) -> Option<(usize, Vec<LoggedAlert>)> {
        let question = |number| PeerMessage::LogWant {
            number,
            alerts: wanted.clone(),
        };
        match self.ask(question).await? {
            PeerMessage::LogAlerts { dealt, alerts, .. } => {
                let dealt = dealt as usize;
                (1..=wanted.len())
                    .contains(&dealt)
                    .then_some((dealt, alerts))
            }
            _ => None,
        }
    }

    async fn ask(&mut self, question: impl Fn(u64) -> PeerMessage) -> Option<PeerMessage> {
        for _ in 0..ATTEMPTS_MAX {
            self.number += 1;
            let question = Deed::Tell(self.server.clone(), question(self.number));
            self.deeds.send(question).await.ok()?;
            match timeout(ANSWER_WAIT, self.answer()).await {
                Ok(answer) => return answer,
                Err(_) => continue,
            }
        }
        None
    }

    async fn answer(&mut self) -> Option<PeerMessage> {
        loop {
            let answer = *self.coming.recv().await?;
            let (PeerMessage::LogNames { number, .. } | PeerMessage::LogAlerts { number, .. }) =
                answer
            else {
                continue;
            };
            if number == self.number {
                return Some(answer);
            }
        }
    }

    fn say(&self, fetched: usize) {
        if fetched > 0 {
            let server = &self.server;
            log::line(log::language().pick(
                format!("{fetched} alerts that were missing here fetched from {server}"),
                format!("このサーバになかったアラート {fetched} 件を {server} から取得しました"),
            ));
        }
    }
}

/// What goes to disk, and whether a mail of it is still to be told.
fn items(alerts: Vec<LoggedAlert>) -> (Vec<Item>, bool) {
    let (mut items, mut untold) = (Vec::new(), false);
    let received = clock::wall();
    for LoggedAlert {
        alert,
        notices,
        acknowledgement,
    } in alerts
    {
        let of_it = |key: &AlertId| *key == alert.id;
        let notices = notices.into_iter().filter(|one| of_it(&one.key.alert));
        let acknowledgement = acknowledgement.filter(|one| of_it(&one.alert));
        let alert = Arc::new(alert.clone());
        items.push(Item::Alert { alert, received });
        for notice in notices {
            untold |= notice.key.channel == Channel::Mail && !notice.state.is_final();
            items.push(Item::Notice(notice));
        }
        items.extend(acknowledgement.map(Item::Acknowledgement));
    }
    (items, untold)
}
