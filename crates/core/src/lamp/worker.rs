//! Brings one lamp to show what it should (rules N14 N15).
//!
//! One command in flight; two retries; then one message 6 or 7, not one per try. The wanted look is
//! kept: a lamp that failed is tried again and again, quietly, and a working one is read back.

#[cfg(test)]
mod tests;

use super::{LampOrder, LampResult, Look};
use crate::backoff::{LAMP_REASSERT, LAMP_RETRIES};
use crate::notice::NoticeKey;
use crate::notice::outbox::STORE_PATIENCE;
use crate::request::RequestId;
use crate::time::{Moment, Span};
use alloc::string::String;
use alloc::vec::Vec;

/// Notices that wait for one lamp; a lamp that is dead for long keeps the oldest.
const NOTICES_MAX: usize = 32;
/// How long each colour of a lamp test is shown.
pub const TEST_STEP: Span = Span::from_ms(800);

/// What became known about a lamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LampNews {
    /// It was told a change and took it (message 5).
    Done,
    /// It answered wrongly, three times over (message 6).
    Abnormal(u8),
    /// It could not be asked, three times over (message 7).
    Failed(u8),
    /// It showed something else than it had been told, and is being set right.
    Strayed,
    /// These notices are told, or overtaken by a newer look.
    Told(Vec<NoticeKey>, String),
    /// These notices could not be told yet, and why.
    Untold(Vec<NoticeKey>, String),
    /// A test has ended; `Err` says why it failed.
    Tested(RequestId, Result<(), String>),
}

/// The state of one lamp as this server tells it.
#[derive(Clone, Debug, Default)]
pub struct LampWorker {
    /// This server is the one that tells it.
    active: bool,
    wanted: Look,
    /// The wanted look has been told once since we became the teller.
    told: bool,
    /// A change was ordered whose end is to be said.
    announce: bool,
    shown: Option<Look>,
    in_flight: Option<LampOrder>,
    tries: usize,
    due: Option<Moment>,
    trouble: Option<String>,
    /// Batches that must be on disk before the lamp is told.
    recording: Option<(u64, Moment)>,
    notices: Vec<NoticeKey>,
    test: Option<(RequestId, usize)>,
}

impl LampWorker {
    /// Orders a look. `notices` are told when it is shown; `batch` must be on disk first.
    pub fn want(&mut self, now: Moment, look: Look, notice: Option<NoticeKey>, batch: Option<u64>) {
        let changes = look != self.wanted || !self.told;
        if changes {
            (self.wanted, self.announce, self.tries, self.due) = (look, true, 0, Some(now));
            self.told = false;
        }
        if let Some(notice) = notice {
            self.adopt(notice);
        }
        if let Some(batch) = batch {
            self.recording = Some((batch, now));
        }
    }

    /// The settings were replaced: the end of a command in flight will name another lamp, so this one
    /// is told anew.
    pub fn reconfigured(&mut self, now: Moment) {
        (self.in_flight, self.told, self.due) = (None, false, Some(now));
    }

    /// Takes a notice from before a restart: it is told when the wanted look is shown.
    pub fn adopt(&mut self, notice: NoticeKey) {
        if self.notices.len() < NOTICES_MAX && !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// This server becomes the one that tells the lamp, or ceases to be.
    pub fn set_active(&mut self, now: Moment, active: bool) {
        if active != self.active {
            (self.active, self.told, self.tries) = (active, false, 0);
            (self.shown, self.trouble) = (None, None);
            self.due = active.then_some(now);
        }
    }

    /// Whether this server tells the lamp.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// A batch is on disk, or is not waited for any longer.
    pub fn recorded(&mut self, batch: u64) {
        if self.recording.is_some_and(|(of, _)| of == batch) {
            self.recording = None;
        }
    }

    /// We stood still ourselves: the store's patience begins anew.
    pub fn paused(&mut self, now: Moment) {
        if let Some((_, since)) = &mut self.recording {
            *since = now;
        }
    }

    /// The store has not answered for too long: the lamp is told all the same.
    pub fn lose_patience(&mut self, now: Moment) {
        if self
            .recording
            .is_some_and(|(_, since)| now.since(since) >= STORE_PATIENCE)
        {
            self.recording = None;
        }
    }

    /// Starts a lamp test.
    pub fn test(&mut self, now: Moment, request: RequestId) -> Result<(), RequestId> {
        if self.test.is_some() {
            return Err(request);
        }
        (self.test, self.due) = (Some((request, 0)), Some(now));
        Ok(())
    }

    /// The next command, if one is due. Its end must be given to [`LampWorker::ended`].
    pub fn poll(&mut self, now: Moment) -> Option<LampOrder> {
        let free = self.in_flight.is_none() && self.recording.is_none();
        let at_work = self.active || self.test.is_some();
        if !free || !at_work || self.due.is_none_or(|due| due > now) {
            return None;
        }
        let order = match self.test {
            Some((_, step)) if step < Look::TEST.len() => LampOrder::Show(Look::TEST[step]),
            _ if self.told && self.trouble.is_none() => LampOrder::ReadBack(self.wanted),
            _ => LampOrder::Show(self.wanted),
        };
        self.due = None;
        self.in_flight = Some(order);
        Some(order)
    }

    /// When [`LampWorker::poll`] may have something next.
    pub fn next_deadline(&self) -> Option<Moment> {
        let at_work = self.active || self.test.is_some();
        if self.in_flight.is_some() || !at_work {
            return None;
        }
        match self.recording {
            Some((_, since)) => Some(since + STORE_PATIENCE),
            None => self.due,
        }
    }

    /// A command has ended.
    /// What is not the end of the command in flight is of an earlier configuration, and ignored.
    pub fn ended(
        &mut self,
        now: Moment,
        order: LampOrder,
        result: &LampResult,
        news: &mut Vec<LampNews>,
    ) {
        if self.in_flight != Some(order) {
            return;
        }
        self.in_flight = None;
        if self.test.is_some() {
            return self.test_step_ended(now, result, news);
        }
        match result {
            LampResult::Done { shown } => self.took(now, order, *shown, news),
            LampResult::Abnormal { code, text } => {
                self.failed(now, text, LampNews::Abnormal(*code), news);
            }
            LampResult::Failed { code, text } => {
                self.failed(now, text, LampNews::Failed(*code), news);
            }
        }
    }

    /// What the lamp should show.
    pub fn wanted(&self) -> Look {
        self.wanted
    }

    /// What it was last told successfully.
    pub fn shown(&self) -> Option<Look> {
        self.shown
    }

    /// Why it cannot be told.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Nothing is under way or about to be: a leaving server may go.
    pub fn is_settled(&self) -> bool {
        !self.active || (self.in_flight.is_none() && (self.told || self.trouble.is_some()))
    }

    fn took(
        &mut self,
        now: Moment,
        order: LampOrder,
        shown: Option<Look>,
        news: &mut Vec<LampNews>,
    ) {
        let (LampOrder::Show(meant) | LampOrder::ReadBack(meant)) = order;
        self.due = Some(now + LAMP_REASSERT);
        self.tries = 0;
        if matches!(order, LampOrder::ReadBack(_)) && shown.is_some_and(|look| look != meant) {
            news.push(LampNews::Strayed);
            (self.told, self.announce, self.due) = (false, false, Some(now));
            return;
        }
        self.shown = Some(meant);
        if meant != self.wanted {
            // Told something newer meanwhile.
            self.due = Some(now);
            return;
        }
        let recovered = self.trouble.take().is_some();
        self.told = true;
        if core::mem::take(&mut self.announce) || recovered {
            news.push(LampNews::Done);
        }
        if !self.notices.is_empty() {
            let notices = core::mem::take(&mut self.notices);
            news.push(LampNews::Told(notices, String::new()));
        }
    }

    fn failed(&mut self, now: Moment, text: &str, end: LampNews, news: &mut Vec<LampNews>) {
        self.shown = None;
        if let Some(wait) = LAMP_RETRIES
            .get(self.tries)
            .filter(|_| self.trouble.is_none())
        {
            self.tries += 1;
            self.due = Some(now + *wait);
            self.told = false;
            return;
        }
        self.due = Some(now + LAMP_REASSERT);
        if self.trouble.is_none() {
            news.push(end);
            if !self.notices.is_empty() {
                news.push(LampNews::Untold(self.notices.clone(), String::from(text)));
            }
        }
        self.trouble = Some(String::from(text));
    }

    fn test_step_ended(&mut self, now: Moment, result: &LampResult, news: &mut Vec<LampNews>) {
        let Some((request, step)) = self.test else {
            return;
        };
        let end = match result {
            LampResult::Done { .. } if step < Look::TEST.len() => {
                self.test = Some((request, step + 1));
                self.due = Some(now + TEST_STEP);
                self.told = false;
                return;
            }
            LampResult::Done { .. } => Ok(()),
            LampResult::Abnormal { code, text } => Err(alloc::format!("6.({code}): {text}")),
            LampResult::Failed { code, text } => Err(alloc::format!("7.({code}): {text}")),
        };
        self.test = None;
        (self.told, self.due) = (end.is_ok(), Some(now + LAMP_RETRIES[0]));
        news.push(LampNews::Tested(request, end));
    }
}
