//! New settings while at work (rule N17): taken whole, or not at all; nothing is lost, repeated or
//! delayed by it.

use super::Node;
use super::raise::{self, About};
use crate::action::Action;
use crate::alert::Message;
use crate::config::{Config, LampId, ServerId};
use crate::lamp::{LampWorker, Latches};
use crate::notice::outbox::Servers;
use crate::request::Reply;
use crate::time::Now;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Node {
    pub(super) fn configure(
        &mut self,
        now: Now,
        source: &str,
        config: Result<Box<Config>, String>,
        out: &mut Vec<Action>,
    ) {
        let name = self.own_name();
        let config = config.and_then(|config| match config.server_named(&name) {
            Some(own) => Ok((config, own)),
            None => Err(alloc::format!("server {name} is not in it")),
        });
        match config {
            Err(why) => {
                self.raise(now, Message::SettingsFaulty, &[&why], About::default(), out);
            }
            Ok((config, own)) => {
                self.tell_returns(now, out);
                self.take_settings(now, own, *config, out);
                self.raise(
                    now,
                    Message::SettingsTaken,
                    &[source],
                    About::default(),
                    out,
                );
            }
        }
    }

    fn take_settings(&mut self, now: Now, own: ServerId, config: Config, out: &mut Vec<Action>) {
        let old = core::mem::replace(&mut self.config, config);
        let config = &self.config;
        let old_id = |id: ServerId| old.server_named(config.server_name(id));
        self.membership = self.membership.reconfigured(now.at, own, config, old_id);
        let fault = |id: ServerId| old_id(id).and_then(|at| self.faults[usize::from(at.0)].clone());
        self.faults = config.server_ids().map(fault).collect();
        let before =
            |id: ServerId| old_id(id).and_then(|at| self.before_fall[usize::from(at.0)].clone());
        self.before_fall = config.server_ids().map(before).collect();
        let mut latches = Latches::new(config);
        self.latches.all().iter().for_each(|latch| {
            latches.merge(latch);
        });
        self.latches = latches;
        self.own = own;
        let linked = self.linked;
        let is_linked = |id: &ServerId| old_id(*id).is_some_and(|at| linked.has(at));
        let linked = config.server_ids().filter(is_linked);
        self.linked = linked.fold(Servers::default(), Servers::with);
        // Told anew from the new settings on.
        let ids = config.server_ids();
        self.unlinked = ids.map(|id| (id, now.at)).collect();
        self.outbox
            .renumber(now.at, |alert| raise::origin(config, alert));
        self.renumber_turns(&old);
        self.copies.renumbered();
        self.keep_lamps(&old, out);
        for at in 0..self.lamps.len() {
            self.show(now, LampId(at as u8), None, false);
        }
        self.assigned = false;
        // There may be more servers than the licences are for.
        self.look_at_licences_now(now);
        self.forget_answers(now);
        out.push(Action::Reconfigure(Box::new(self.config.clone())));
        // One more heartbeat, which says what is in force here: whoever looks at the status once a push has
        // succeeded is not to read for an interval that the settings differ.
        out.push(Action::Beat(self.phase()));
    }

    /// A lamp that stays as it was keeps its state, and the order that is in flight to it; a new or
    /// changed one is told afresh.
    fn keep_lamps(&mut self, old: &Config, out: &mut Vec<Action>) {
        let names = |config: &Config, at: usize| -> Vec<String> {
            let servers = &config.lamps[at].servers;
            servers
                .iter()
                .map(|id| config.server_name(*id).to_string())
                .collect()
        };
        let mut kept: Vec<LampWorker> = Vec::new();
        let mut taken = alloc::vec![false; self.lamps.len()];
        for at in 0..self.config.lamps.len() {
            let new = &self.config.lamps[at];
            let same = old.lamps.iter().enumerate().find(|(was, lamp)| {
                (lamp.address, lamp.port, &lamp.kind) == (new.address, new.port, &new.kind)
                    && names(old, *was) == names(&self.config, at)
            });
            kept.push(match same {
                Some((was, _)) => {
                    taken[was] = true;
                    self.lamps[was].clone()
                }
                None => LampWorker::default(),
            });
        }
        let gone = self.lamps.iter_mut().zip(taken).enumerate();
        for (at, (worker, _)) in gone.filter(|(_, (_, taken))| !taken) {
            // Not to be shown to a device that is another's by now. Said by the old settings.
            if let Some(number) = worker.awaits() {
                let lamp = LampId(at as u8);
                out.push(Action::LampCancel { lamp, number });
            }
            if let Some(request) = worker.abandon_test() {
                let why = String::from("the settings of this warning light were changed meanwhile");
                out.push(Action::Reply(request, Reply::Refused { why }));
            }
        }
        self.lamps = kept;
    }
}
