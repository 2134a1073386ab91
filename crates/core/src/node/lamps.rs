//! Warning lights: from latches to orders, and from what became of them to messages 5, 6 and 7.

use super::Node;
use super::raise::About;
use crate::action::{Action, Item};
use crate::alert::{AlertId, Message};
use crate::config::{LampId, MailForm, ServerId};
use crate::lamp::{Glow, LampNews, LampResult};
use crate::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
use crate::peer::PeerMessage;
use crate::request::Reply;
use crate::time::Now;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Node {
    /// A server's part of its lamp may have changed; `alert` is what it is told for.
    pub(super) fn latch_changed(
        &mut self,
        now: Now,
        server: ServerId,
        alert: Option<AlertId>,
        out: &mut Vec<Action>,
    ) {
        let latch = self.latches.of(server).clone();
        self.items.push(Item::Latch(latch.clone()));
        // What we believe while cut off from the others is no news for them.
        if self.before_partition[usize::from(server.0)].is_none() {
            let latches = alloc::vec![latch];
            self.tell_all(&PeerMessage::Latches { latches }, out);
        }
        self.assigned = false;
        self.assign(now);
        let Some(lamp) = self
            .config
            .server(server)
            .lamp
            .filter(|_| self.config.lamps_used)
        else {
            return;
        };
        let told_by_us = self.lamps[usize::from(lamp.0)].is_active();
        let notice = alert
            .filter(|_| told_by_us)
            .map(|alert| self.lamp_notice(now, alert, server));
        let key = notice.as_ref().map(|record| record.key.clone());
        self.items.extend(notice.map(Item::Notice));
        self.show(now, lamp, key, true);
    }

    /// Lets a lamp show what its servers' latches make of it.
    pub(super) fn show(
        &mut self,
        now: Now,
        lamp: LampId,
        notice: Option<NoticeKey>,
        recorded_first: bool,
    ) {
        let at = usize::from(lamp.0);
        let look = self.latches.look(&self.config.lamps[at]);
        let batch = recorded_first.then_some(self.batch);
        self.lamps[at].want(now.at, look, notice, batch);
    }

    /// Another server's copies of latches.
    pub(super) fn merge_latches(
        &mut self,
        now: Now,
        theirs: &[crate::event::Latch],
        out: &mut Vec<Action>,
    ) {
        for latch in theirs {
            if self.latches.merge(latch) {
                self.items.push(Item::Latch(latch.clone()));
                let server = self.config.server_named(&latch.server);
                if let Some(lamp) = server.and_then(|id| self.config.server(id).lamp) {
                    self.show(now, lamp, None, true);
                }
            }
        }
        // Others took us for fallen, and we are not (somebody who put our lamp out left no red); or
        // this is the first word since our start, and their clocks are ahead of ours.
        let own = self.latches.of(self.own);
        let wrong = own.red == Glow::Blink || !self.heard_of_lamps;
        if wrong && own.green == Glow::Off && self.leaving.is_none() {
            self.latches.lit(now.wall, self.own);
            self.latch_changed(now, self.own, None, out);
        }
    }

    /// Orders that are due, and none that still waits for the disk.
    pub(super) fn order_lamps(&mut self, now: Now, out: &mut Vec<Action>) {
        for at in 0..self.lamps.len() {
            self.lamps[at].lose_patience(now.at);
            if let Some(order) = self.lamps[at].poll(now.at) {
                out.push(Action::Lamp {
                    lamp: LampId(at as u8),
                    order,
                });
            }
        }
    }

    pub(super) fn lamp_ended(
        &mut self,
        now: Now,
        lamp: LampId,
        result: &LampResult,
        out: &mut Vec<Action>,
    ) {
        let mut news = Vec::new();
        let Some(worker) = self.lamps.get_mut(usize::from(lamp.0)) else {
            return;
        };
        worker.ended(now.at, result, &mut news);
        for one in news {
            self.lamp_news(now, lamp, one, out);
        }
    }

    fn lamp_news(&mut self, now: Now, lamp: LampId, news: LampNews, out: &mut Vec<Action>) {
        let server = self.config.lamps[usize::from(lamp.0)]
            .servers
            .first()
            .copied();
        let about = About {
            server,
            ..About::default()
        };
        match news {
            LampNews::Done => {
                self.raise(now, Message::LampDone, &[], about, out);
            }
            LampNews::Abnormal(code) => {
                self.raise(now, Message::LampAbnormal, &[&code.to_string()], about, out);
            }
            LampNews::Failed(code) => {
                self.raise(now, Message::LampFailed, &[&code.to_string()], about, out);
            }
            LampNews::Strayed => {
                let name = server.map_or_else(String::new, |id| self.names(&[id]));
                self.raise(now, Message::LampStrayed, &[&name], about, out);
            }
            LampNews::Told(keys, reason) => {
                self.mark_lamp(now, keys, NoticeState::Delivered, &reason, out);
            }
            LampNews::Untold(keys, reason) => {
                self.mark_lamp(now, keys, NoticeState::Waiting, &reason, out);
            }
            LampNews::Tested(request, Ok(())) => out.push(Action::Reply(request, Reply::Done)),
            LampNews::Tested(request, Err(why)) => {
                out.push(Action::Reply(request, Reply::Refused { why }));
            }
        }
    }

    fn lamp_notice(&self, now: Now, alert: AlertId, server: ServerId) -> NoticeRecord {
        let recipient = self.config.server_name(server).to_string();
        NoticeRecord {
            key: NoticeKey {
                alert,
                channel: Channel::Lamp,
                recipient,
            },
            form: MailForm::Long,
            state: NoticeState::Begun,
            attempts: 1,
            possible_repeat: false,
            sender: self.own_name(),
            reason: String::new(),
            changed: now.wall,
        }
    }

    fn mark_lamp(
        &mut self,
        now: Now,
        keys: Vec<NoticeKey>,
        state: NoticeState,
        reason: &str,
        out: &mut Vec<Action>,
    ) {
        for key in keys {
            let record = NoticeRecord {
                key,
                form: MailForm::Long,
                state,
                attempts: 1,
                possible_repeat: false,
                sender: self.own_name(),
                reason: reason.to_string(),
                changed: now.wall,
            };
            self.items.push(Item::Notice(record.clone()));
            for server in self.membership.others() {
                let mark = PeerMessage::Mark {
                    notice: record.clone(),
                };
                out.push(Action::Tell(server, Box::new(mark)));
            }
        }
    }
}
