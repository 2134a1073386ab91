//! Warning lights: from latches to orders, and from what became of them to messages 5, 6 and 7.

use super::Node;
use super::raise::About;
use crate::action::{Action, Item};
use crate::alert::{AlertId, Message};
use crate::config::{LampId, MailForm, ServerId};
use crate::lamp::{Glow, LampNews, LampOrder, LampResult};
use crate::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
use crate::peer::{PeerMessage, PutOut};
use crate::request::Reply;
use crate::status::ServerState;
use crate::time::Now;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Lamps put out that are remembered and told to servers that come into reach; the oldest are
/// forgotten: news of the same fault is late by moments, not by so many faults.
const PUT_OUT_MAX: usize = 32;

impl Node {
    /// A server's part of its lamp may have changed; `alert` is what it is told for.
    pub(super) fn latch_changed(
        &mut self,
        now: Now,
        server: ServerId,
        alert: Option<AlertId>,
        out: &mut Vec<Action>,
    ) {
        if self.before_fall[usize::from(server.0)].is_none() {
            self.publish(server, out);
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
            let Some(server) = self.config.server_named(&latch.server) else {
                continue;
            };
            let mut news = false;
            let believed = &mut self.before_fall[usize::from(server.0)];
            if let Some(before) = believed {
                let was = before.red;
                news = crate::lamp::merge(before, latch);
                // Others have shown the red that we only believed in.
                if before.red == Glow::Blink && (was != before.red || before.green == Glow::Off) {
                    *believed = None;
                }
            }
            if self.latches.merge(latch) || news {
                let known = self.before_fall[usize::from(server.0)].as_ref();
                let known = known.unwrap_or(self.latches.of(server)).clone();
                self.items.push(Item::Latch(known));
                if let Some(lamp) = self.config.server(server).lamp {
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

    /// A server's part of its lamp goes to disk and to the others.
    fn publish(&mut self, server: ServerId, out: &mut Vec<Action>) {
        let latch = self.latches.of(server).clone();
        self.items.push(Item::Latch(latch.clone()));
        let put_out = self.put_out.iter().filter(|one| one.server == latch.server);
        let put_out = put_out.cloned().collect();
        let latches = alloc::vec![latch];
        self.tell_all(&PeerMessage::Latches { latches, put_out }, out);
    }

    /// What was believed of a server's fall is a fact from here on (rule M18): a lamp has shown its
    /// red, or another run of it is back.
    pub(super) fn prove(&mut self, server: ServerId, out: &mut Vec<Action>) {
        if self.before_fall[usize::from(server.0)].take().is_some() {
            self.publish(server, out);
        }
    }

    /// A server had been running all the time: what was only believed of its fall leaves no trace
    /// (rule M18). Its red that a lamp has shown is no belief, and stays.
    pub(super) fn disbelieve(&mut self, now: Now, server: ServerId, out: &mut Vec<Action>) {
        if let Some(before) = self.before_fall[usize::from(server.0)].take() {
            self.latches.restore(server, before);
            self.latch_changed(now, server, None, out);
        }
    }

    /// After a restart: a server that was taken for fallen is so still. Only a belief, as long as no
    /// lamp has shown it: then our disk would know it, as it knows of a lamp that was put out since.
    pub(super) fn believe_again(&mut self, now: Now, server: ServerId) {
        let latch = self.latches.of(server);
        if latch.green == Glow::On {
            self.before_fall[usize::from(server.0)] = Some(latch.clone());
            self.latches.fallen(now.wall, server);
        }
    }

    /// A person puts a lamp out (rule M18), whatever is shown, known or believed of its server.
    pub(super) fn put_lamp_out(&mut self, now: Now, server: ServerId, out: &mut Vec<Action>) {
        let own = server == self.own;
        let run = match own {
            true => Some(self.session),
            false => self.membership.peer(server).session,
        };
        // Another server may have found a fault that we are about to find.
        let fault = self.faults[usize::from(server.0)].clone();
        let fault = fault.or_else(|| {
            let found = Node::fact_id(&self.fault_fact("down", &[server]));
            (!own && self.told_facts.contains(&found)).then_some(found)
        });
        let put_out = PutOut {
            server: self.config.server_name(server).to_string(),
            fault,
            run,
            at: now.wall,
        };
        self.remember_put_out(put_out);
        self.before_fall[usize::from(server.0)] = None;
        self.latches.out(now.wall, server);
        self.latch_changed(now, server, None, out);
    }

    /// Others tell of lamps that a person put out. Said of this run it holds against what this run
    /// has made of the same news meanwhile.
    pub(super) fn learn_put_out(&mut self, now: Now, told: Vec<PutOut>, out: &mut Vec<Action>) {
        for put_out in told {
            if self.put_out.contains(&put_out) {
                continue;
            }
            let latch = self.latches.of(self.own);
            let newer = latch.red == Glow::Blink && latch.red_changed > put_out.at;
            let ours = put_out.server == latch.server && put_out.run == Some(self.session);
            self.remember_put_out(put_out);
            if ours && !newer && self.leaving.is_none() {
                // Nothing that others say of this run's start can light it any more.
                self.heard_of_lamps = true;
                self.latches.out(now.wall, self.own);
                self.latch_changed(now, self.own, None, out);
            }
        }
    }

    fn remember_put_out(&mut self, put_out: PutOut) {
        if self.put_out.len() >= PUT_OUT_MAX {
            self.put_out.remove(0);
        }
        self.put_out.push(put_out);
    }

    /// A person has put the lamp out since this fault of the server was told.
    pub(super) fn was_put_out(&self, server: ServerId) -> bool {
        let fault = self.faults[usize::from(server.0)].as_ref();
        fault.is_some() && self.put_out.iter().any(|one| one.fault.as_ref() == fault)
    }

    /// Who is out of sight may tell lamps too; notices that will never be told end.
    pub(super) fn watch_lamps(&mut self, now: Now, out: &mut Vec<Action>) {
        let mut others = self.membership.others();
        let unseen = others.any(|id| {
            let state = self.membership.peer(id).state;
            !matches!(state, ServerState::Up | ServerState::Left)
        });
        let settled = self.settled_at.is_none();
        for at in 0..self.lamps.len() {
            self.lamps[at].guard(now.at, unseen);
            let overtaken = match settled {
                true => self.lamps[at].take_overtaken(),
                false => Vec::new(),
            };
            if !overtaken.is_empty() {
                let language = self.config.language;
                let reason = language.pick(
                    "overtaken: the warning light is to show something else by now, or another server tells it",
                    "警告灯の表示が既に変わったか、別のサーバが警告灯を制御しているため、取り消されました",
                );
                self.mark_lamp(now, overtaken, NoticeState::Dropped, reason, out);
            }
        }
    }

    /// Orders that are due, and none that still waits for the disk; what is not wanted any more is
    /// taken back.
    pub(super) fn order_lamps(&mut self, now: Now, out: &mut Vec<Action>) {
        for at in 0..self.lamps.len() {
            if self.lamps[at].cancel() {
                out.push(Action::LampCancel(LampId(at as u8)));
            }
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
        order: LampOrder,
        result: &LampResult,
        out: &mut Vec<Action>,
    ) {
        let mut news = Vec::new();
        let Some(worker) = self.lamps.get_mut(usize::from(lamp.0)) else {
            return;
        };
        worker.ended(now.at, order, result, &mut news);
        for one in news {
            self.lamp_news(now, lamp, one, out);
        }
    }

    pub(super) fn lamp_news(
        &mut self,
        now: Now,
        lamp: LampId,
        news: LampNews,
        out: &mut Vec<Action>,
    ) {
        let server = self.config.lamps[usize::from(lamp.0)]
            .servers
            .first()
            .copied();
        let about = About {
            server,
            ..About::default()
        };
        match news {
            LampNews::Red => {
                for id in self.config.lamps[usize::from(lamp.0)].servers.clone() {
                    if self.latches.of(id).red == Glow::Blink {
                        self.prove(id, out);
                    }
                }
            }
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
