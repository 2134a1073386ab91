//! Brings one lamp to show what it should (rules N14 N15).
//!
//! One command in flight; two retries; then one message 6 or 7, not one per try. The wanted look is
//! kept: a lamp that failed is tried again and again, quietly, and a working one is read back.
//!
//! While another server is out of sight the lamp is *guarded* (rules N5 M18): that server may live on
//! the other side of a partition and tell the lamp as well. Of two looks the worse then holds, red
//! alone before red and green before the rest, so the sides do not set it right in turns. An order
//! that waited in a cut-off server's socket is taken back when its look is not wanted any more.

#[cfg(test)]
mod tests;

use super::{Glow, LampOrder, LampResult, Look, OrderNumber};
use crate::backoff::{LAMP_REASSERT, LAMP_RETRIES};
use crate::notice::NoticeKey;
use crate::notice::outbox::STORE_PATIENCE;
use crate::request::RequestId;
use crate::time::{Moment, Span};
use alloc::string::String;
use alloc::vec::Vec;

/// Notices that wait for one lamp; a lamp that is dead for long keeps the oldest.
const NOTICES_MAX: usize = 32;
/// How long a lamp stays guarded when everybody is seen again: until the links stand and the servers
/// have told each other how the lamps are.
const GUARD_AFTER: Span = Span::from_secs(3);
/// How long each colour of a lamp test is shown.
pub const TEST_STEP: Span = Span::from_ms(800);

/// What became known about a lamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LampNews {
    /// It was told a change and took it (message 5).
    Done,
    /// It took a look with a blinking red: from here on that red is a fact (rule M18).
    Red,
    /// It answered wrongly, three times over (message 6).
    Abnormal(u8),
    /// It could not be asked, three times over (message 7).
    Failed(u8),
    /// It showed something else than it had been told, and is being set right.
    Strayed,
    /// These notices are told.
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
    /// It was another server's to tell: what it shows is not known yet.
    unread: bool,
    /// A change was ordered whose end is to be said.
    announce: bool,
    shown: Option<Look>,
    in_flight: Option<InFlight>,
    tries: usize,
    due: Option<Moment>,
    trouble: Option<String>,
    /// Batches that must be on disk before the lamp is told.
    recording: Option<(u64, Moment)>,
    notices: Vec<NoticeKey>,
    /// Notices whose look will not be shown any more.
    overtaken: Vec<NoticeKey>,
    test: Option<(RequestId, usize)>,
    /// It took something from us that is not wanted: it is shown the wanted look, teller or not.
    owed: bool,
    /// Until then another side of a partition may tell it as well.
    guarded_until: Option<Moment>,
    /// It was left with another side's red.
    conceded: bool,
}

/// A reading of a lamp that shows what it should: answered with that it changes nothing but when the next is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleReading {
    /// When it is due.
    pub due: Moment,
    /// How the lamp is read.
    pub order: LampOrder,
}

/// A command whose end is awaited.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    number: OrderNumber,
    order: LampOrder,
    /// A step of a lamp test.
    test: bool,
    /// It was asked to be taken back.
    cancelled: bool,
}

impl LampWorker {
    /// Orders a look. `notices` are told when it is shown; `batch` must be on disk first.
    pub fn want(&mut self, now: Moment, look: Look, notice: Option<NoticeKey>, batch: Option<u64>) {
        if look != self.wanted {
            self.overtaken.append(&mut self.notices);
            self.conceded = false;
        }
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

    /// What is due is not told before `at`.
    pub fn wait_until(&mut self, at: Moment) {
        self.due = self.due.map(|due| due.max(at));
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
            (self.shown, self.trouble, self.conceded) = (None, None, false);
            self.unread = false;
            // A test goes on whoever tells the lamp.
            let due = active || self.test.is_some() || self.owed;
            self.due = due.then_some(now);
        }
    }

    /// The lamp is taken over from another server. While it is guarded a side that we do not hear may have given it a
    /// red of which we cannot know, so it is read before it is told that its server is at work (rule M18).
    pub fn read_first(&mut self) {
        self.unread = true;
    }

    /// Whether another server is out of sight that may tell the lamp as well.
    pub fn guard(&mut self, now: Moment, unseen: bool) {
        if unseen {
            self.guarded_until = Some(now + GUARD_AFTER);
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

    /// Ends a test that will not go on, because this server or the lamp's settings do not.
    pub fn abandon_test(&mut self) -> Option<RequestId> {
        self.test.take().map(|(request, _)| request)
    }

    /// Notices whose look was overtaken by a newer one, or that are another server's to tell now.
    pub fn take_overtaken(&mut self) -> Vec<NoticeKey> {
        // The end of a command in flight may still tell them.
        if !self.active && self.in_flight.is_none() {
            self.overtaken.append(&mut self.notices);
        }
        core::mem::take(&mut self.overtaken)
    }

    /// The next command, if one is due; it bears `number`. Its end must be given to
    /// [`LampWorker::ended`].
    pub fn poll(&mut self, now: Moment, number: OrderNumber) -> Option<LampOrder> {
        let free = self.in_flight.is_none() && self.recording.is_none();
        if !free || !self.at_work() || self.due.is_none_or(|due| due > now) {
            return None;
        }
        let order = match self.test {
            Some((_, step)) if step < Look::TEST.len() => LampOrder::Show(Look::TEST[step]),
            Some(_) => LampOrder::Show(self.wanted),
            None if self.must_read(now) => LampOrder::Read(self.wanted),
            None if !self.told || self.trouble.is_some() => LampOrder::Show(self.wanted),
            None => self.reading(now),
        };
        self.due = None;
        self.in_flight = Some(InFlight {
            number,
            order,
            test: self.test.is_some(),
            cancelled: false,
        });
        Some(order)
    }

    /// The worst look is told whoever else tells the lamp.
    fn wants_worst(&self) -> bool {
        self.wanted.red == Glow::Blink && self.wanted.green == Glow::Off
    }

    /// It may show a red of which we do not know. A stop, or a person, puts it out all the same.
    fn must_read(&self, now: Moment) -> bool {
        let lights = self.wanted.green == Glow::On && !self.wants_worst();
        self.unread && self.is_guarded(now) && lights
    }

    /// How a lamp that was told is read.
    fn reading(&self, now: Moment) -> LampOrder {
        match self.is_guarded(now) && !self.wants_worst() {
            true => LampOrder::Read(self.wanted),
            false => LampOrder::ReadBack(self.wanted),
        }
    }

    /// The command whose end is awaited.
    pub fn awaits(&self) -> Option<OrderNumber> {
        self.in_flight.map(|flight| flight.number)
    }

    /// The command in flight, when it is not wanted any more and should be taken back. Says so once.
    pub fn cancel(&mut self) -> Option<OrderNumber> {
        let (at_work, wanted) = (self.at_work(), self.wanted);
        let test = self.test.is_some();
        let flight = self.in_flight.as_mut().filter(|one| !one.cancelled)?;
        let wanted = match flight.test {
            true => test,
            false => at_work && flight.order.look() == wanted,
        };
        flight.cancelled = !wanted;
        flight.cancelled.then_some(flight.number)
    }

    /// When [`LampWorker::poll`] may have something next.
    pub fn next_deadline(&self) -> Option<Moment> {
        if self.in_flight.is_some() || !self.at_work() {
            return None;
        }
        match self.recording {
            Some((_, since)) => Some(since + STORE_PATIENCE),
            None => self.due,
        }
    }

    /// When something may happen here that no event brings.
    pub fn quiet_until(&self) -> Option<Moment> {
        let patience = self.recording.map(|(_, since)| since + STORE_PATIENCE);
        self.next_deadline().into_iter().chain(patience).min()
    }

    /// The reading that comes next, and again and again, where none of them changes anything as long as the lamp
    /// answers what is wanted; `step` was the last step.
    pub fn idle_reading(&self, step: Moment) -> Option<IdleReading> {
        let told = self.told && !self.announce && self.shown == Some(self.wanted);
        let troubled = self.trouble.is_some() || self.tries > 0 || self.conceded || self.owed;
        let idle = self.in_flight.is_none() && self.recording.is_none() && self.test.is_none();
        let bare = self.notices.is_empty() && self.overtaken.is_empty();
        // One that is about to be guarded no more is asked in another way then.
        let lasts = !self.is_guarded(step) || self.guarded_until == Some(step + GUARD_AFTER);
        if !(self.active && told && idle && bare && lasts) || troubled {
            return None;
        }
        let due = self.due.filter(|due| *due > step)?;
        let order = self.reading(step);
        Some(IdleReading { due, order })
    }

    /// Takes `span` as passed quietly; `step` was the last step before it. So many idle readings were answered in
    /// it, each after `answer`.
    pub fn pass_quietly(&mut self, step: Moment, span: Span, (readings, answer): (u64, Span)) {
        // It was guarded by that step, so it would have been by each one since.
        if self.guarded_until == Some(step + GUARD_AFTER) {
            self.guarded_until = Some(step + span + GUARD_AFTER);
        }
        let passed = (answer + LAMP_REASSERT).times(readings);
        self.due = self.due.map(|due| due + passed);
    }

    /// The command in flight has ended.
    pub fn ended(&mut self, now: Moment, result: &LampResult, news: &mut Vec<LampNews>) {
        let Some(flight) = self.in_flight.take() else {
            return;
        };
        let order = flight.order;
        if flight.test && self.test.is_some() && *result != LampResult::Cancelled {
            return self.test_step_ended(now, order, result, news);
        }
        let asked = !matches!(order, LampOrder::Show(_));
        match result {
            // What it shows may be another's by now.
            LampResult::Done { shown: Some(look) }
                if flight.cancelled && asked && *look != order.look() =>
            {
                self.due = Some(now);
            }
            LampResult::Done { shown } => self.took(now, order, *shown, news),
            // An order that nobody wants any more is no message.
            LampResult::Abnormal { .. } | LampResult::Failed { .. } if flight.cancelled => {
                self.due = Some(now);
            }
            LampResult::Cancelled => self.due = Some(now),
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
        let busy = self.test.is_some() || self.owed;
        let told = self.in_flight.is_none() && (self.told || self.trouble.is_some());
        !busy && (!self.active || told)
    }

    fn at_work(&self) -> bool {
        self.active || self.test.is_some() || self.owed
    }

    fn is_guarded(&self, now: Moment) -> bool {
        self.guarded_until.is_some_and(|until| now < until)
    }

    fn took(
        &mut self,
        now: Moment,
        order: LampOrder,
        shown: Option<Look>,
        news: &mut Vec<LampNews>,
    ) {
        let meant = order.look();
        self.due = Some(now + LAMP_REASSERT);
        self.tries = 0;
        let first = core::mem::take(&mut self.unread) && matches!(order, LampOrder::Read(_));
        if first && (shown.is_none() || meant != self.wanted) {
            // It cannot say what it shows, or something else is wanted by now.
            self.due = Some(now);
            return;
        }
        let read = shown.filter(|look| *look != meant && !matches!(order, LampOrder::Show(_)));
        if let Some(look) = read {
            return self.differs(now, meant, look, news);
        }
        self.shown = Some(meant);
        if meant.red == Glow::Blink {
            news.push(LampNews::Red);
        }
        if meant != self.wanted {
            // Told something newer meanwhile; a lamp that is not ours any more is not left so.
            self.owed = !self.active && matches!(order, LampOrder::Show(_));
            let wait = if self.owed {
                LAMP_RETRIES[0]
            } else {
                Span::ZERO
            };
            self.due = Some(now + wait);
            return;
        }
        self.owed = false;
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

    /// It says that it shows `look` and not what was meant.
    fn differs(&mut self, now: Moment, meant: Look, look: Look, news: &mut Vec<LampNews>) {
        let guarded = self.is_guarded(now);
        if guarded && look.is_worse_than(&meant) {
            (self.conceded, self.shown, self.told) = (true, Some(look), true);
            return;
        }
        if !self.told {
            // Nobody here has told it anything.
            self.due = Some(now);
            return;
        }
        // Another side's server may have shown the better look as well: it knows no better.
        let theirs = guarded && meant.is_worse_than(&look) && look.green == Glow::On;
        if !theirs && !core::mem::take(&mut self.conceded) {
            news.push(LampNews::Strayed);
        }
        (self.told, self.announce, self.due) = (false, false, Some(now));
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
        // Only its teller asks for ever.
        self.owed = false;
        self.due = Some(now + LAMP_REASSERT);
        if !self.active {
            return;
        }
        if self.trouble.is_none() {
            news.push(end);
            if !self.notices.is_empty() {
                news.push(LampNews::Untold(self.notices.clone(), String::from(text)));
            }
        }
        self.trouble = Some(String::from(text));
    }

    /// A step of a test has ended: the next colour, the wanted look, or the test's end.
    fn test_step_ended(
        &mut self,
        now: Moment,
        order: LampOrder,
        result: &LampResult,
        news: &mut Vec<LampNews>,
    ) {
        let Some((request, step)) = self.test else {
            return;
        };
        let end = match result {
            LampResult::Done { .. } if step < Look::TEST.len() => {
                self.test = Some((request, step + 1));
                self.due = Some(now + TEST_STEP);
                (self.told, self.owed) = (false, true);
                return;
            }
            // A server fell, or came, while the last look was on its way.
            LampResult::Done { .. } if order.look() != self.wanted => {
                self.due = Some(now);
                return;
            }
            LampResult::Done { .. } | LampResult::Cancelled => Ok(()),
            LampResult::Abnormal { code, text } => Err(alloc::format!("6.({code}): {text}")),
            LampResult::Failed { code, text } => Err(alloc::format!("7.({code}): {text}")),
        };
        self.test = None;
        if let (Ok(()), LampResult::Done { shown }) = (&end, result) {
            self.took(now, order, *shown, news);
        } else {
            // It may have taken a colour all the same.
            (self.told, self.owed) = (false, true);
            self.due = Some(now + LAMP_RETRIES[0]);
        }
        news.push(LampNews::Tested(request, end));
    }
}
