//! Warning lights: from latches to orders, and from what became of them to messages 5, 6 and 7.

use super::Node;
use super::raise::About;
use crate::action::{Action, Item};
use crate::alert::{AlertId, Message};
use crate::config::{LampId, MailForm, ServerId};
use crate::lamp::{Glow, LampNews, LampResult, LampWorker, OrderNumber};
use crate::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
use crate::peer::PeerMessage;
use crate::request::Reply;
use crate::status::ServerState;
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
        if self.before_fall[usize::from(server.0)].is_none() {
            self.publish(now, server, out);
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
        if let (Some(alert), Some(why), None) = (&alert, self.withheld_why(), self.held_for_word())
            && self.teller(lamp) == Some(self.own)
        {
            let key = self.lamp_notice(now, alert.clone(), server).key;
            self.mark_lamp(now, Vec::from([key]), NoticeState::Dropped, &why, out);
        }
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

    /// The turn of each lamp follows membership; one that is taken over from another server is read first.
    pub(super) fn assign_lamps(&mut self, now: Now) {
        let own = self.own;
        for at in 0..self.lamps.len() {
            let lamp = LampId(at as u8);
            let ours = self.teller(lamp) == Some(own) && self.may_tell(lamp);
            let takes_over = ours && !self.lamps[at].is_active();
            self.lamps[at].set_active(now.at, ours);
            if takes_over && !self.config.lamps[at].servers.contains(&own) {
                self.lamps[at].read_first();
            }
        }
    }

    /// A lamp is told once something is known of it, and by a server that knows how things stand.
    fn may_tell(&self, lamp: LampId) -> bool {
        let config = &self.config.lamps[usize::from(lamp.0)];
        let settled = self.settled_at.or(self.lamps_settled_at).is_none();
        let own = config.servers.contains(&self.own) && self.heard_of_lamps;
        let used = self.config.lamps_used && self.sends_notices();
        used && self.latches.knows(config) && (settled || own)
    }

    /// Who is out of sight may tell lamps too; notices that will never be told end.
    pub(super) fn watch_lamps(&mut self, now: Now, out: &mut Vec<Action>) {
        let mut others = self.membership.others();
        let unseen = others.any(|id| {
            let state = self.membership.peer(id).state;
            !matches!(state, ServerState::Up | ServerState::Left)
        });
        let unseen = unseen || self.any_is_mute();
        let settled = self.settled_at.or(self.lamps_settled_at).is_none();
        for at in 0..self.lamps.len() {
            self.lamps[at].guard(now.at, unseen);
            let overtaken = match settled {
                true => self.lamps[at].take_overtaken(),
                false => Vec::new(),
            };
            if !overtaken.is_empty() {
                let language = self.config.language;
                let reason = self.withheld_why().unwrap_or_else(|| language.pick(
                    "overtaken: the warning light is to show something else by now, or another server tells it",
                    "警告灯の表示が既に変わったか、別のサーバが警告灯を制御しているため、取り消されました",
                ).to_string());
                self.mark_lamp(now, overtaken, NoticeState::Dropped, &reason, out);
            }
        }
    }

    /// Orders that are due, and none that still waits for the disk; what is not wanted any more is
    /// taken back.
    pub(super) fn order_lamps(&mut self, now: Now, out: &mut Vec<Action>) {
        for at in 0..self.lamps.len() {
            let lamp = LampId(at as u8);
            if let Some(number) = self.lamps[at].cancel() {
                out.push(Action::LampCancel { lamp, number });
            }
            self.lamps[at].lose_patience(now.at);
            let number = OrderNumber(self.lamp_orders.0 + 1);
            if let Some(order) = self.lamps[at].poll(now.at, number) {
                self.lamp_orders = number;
                out.push(Action::Lamp {
                    lamp,
                    number,
                    order,
                });
            }
        }
    }

    /// An order has ended. One of a lamp that the settings have no more, or have elsewhere now, is
    /// nobody's: it says nothing of the lamp that bears its place.
    pub(super) fn lamp_ended(
        &mut self,
        now: Now,
        number: OrderNumber,
        result: &LampResult,
        out: &mut Vec<Action>,
    ) {
        let awaits = |worker: &LampWorker| worker.awaits() == Some(number);
        let Some(at) = self.lamps.iter().position(awaits) else {
            return;
        };
        let mut news = Vec::new();
        self.lamps[at].ended(now.at, result, &mut news);
        for one in news {
            self.lamp_news(now, LampId(at as u8), one, out);
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
                        self.prove(now, id, out);
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
