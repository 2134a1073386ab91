//! Invariants 2 and 4: what comes about when nothing happens for a while, whatever is still at fault.

use super::{CALM_MS, Fall, Invariant, World, is_red};
use crate::scenario::MailBehaviour;
use crate::world::Due;
use noroshi_core::alert::{Message, row};
use noroshi_core::notice::{Channel, NoticeState};
use noroshi_core::status::ServerState;

impl World {
    pub(super) fn note_fall(&mut self, fallen: usize) {
        // What its own lamp said of it must have been known: at work, and seen so.
        let saw = |at: &usize| {
            let sim = &self.servers[*at];
            *at != fallen && !sim.suspended && self.sees(*at, fallen) == Some(ServerState::Up)
        };
        let witnesses = (0..self.servers.len()).filter(saw);
        let witnesses = witnesses.map(|at| (at, self.servers[at].run)).collect();
        let at_ms = self.now_ms();
        self.watch.falls.insert(fallen, Fall { at_ms, witnesses });
    }

    /// Something happens: what is awaited is judged when nothing more does for a while.
    pub(super) fn begin_calm(&mut self) {
        self.watch.happenings += 1;
        let since = self.watch.happenings;
        self.due(CALM_MS * 1_000, Due::Calm(since));
    }

    pub(in crate::world) fn judge_calm(&mut self, since: u64) {
        if since != self.watch.happenings {
            return;
        }
        let gone = |at: &usize| self.servers[*at].node.is_none();
        let fallen: Vec<usize> = self.watch.falls.keys().copied().filter(gone).collect();
        let falls = std::mem::take(&mut self.watch.falls);
        let still = falls.into_iter().filter(|(at, _)| fallen.contains(at));
        self.watch.falls = still.collect();
        for at in fallen {
            self.judge_fallen(at);
        }
        self.judge_waiting();
        self.judge_sets_told();
    }

    /// Invariant 7: where all are whole, either all have one set, or somebody was told that they have not.
    fn judge_sets_told(&mut self) {
        // One that stands still is as good as gone: it hears of the set when it goes on.
        let at_work = |one: &crate::world::SimServer| one.node.is_some() && !one.suspended;
        let whole = self.network.is_whole() && self.servers.iter().all(at_work);
        let mut servers = self.servers.iter();
        let one = servers.all(|one| one.disk.in_force.is(&self.servers[0].disk.in_force));
        // One that cannot take a set says so itself.
        let told = [Message::SetsDiffer, Message::SettingsFaulty];
        let tells = |server: &crate::world::SimServer| {
            let mut alerts = server.disk.alerts.iter();
            alerts.any(|it| told.iter().any(|message| row(*message).id() == it.message))
        };
        if whole && !one && !self.servers.iter().any(tells) {
            let text = "the sets differ, and nobody was told".into();
            self.found(Invariant::SettingsWhole, text);
        }
    }

    /// Invariant 4, as far as some server saw the fall, and all that might tell the lamp can.
    fn judge_fallen(&mut self, fallen: usize) {
        let Some(lamp) = self.config.servers[fallen].lamp else {
            return;
        };
        let fall = &self.watch.falls[&fallen];
        let sound = |at: usize| {
            let sim = &self.servers[at];
            let disk = !sim.disk.is_in_trouble(self.now_us);
            sim.node.is_some() && !sim.suspended && self.network.reaches_outside(at) && disk
        };
        let stayed = |(at, run): &(usize, u64)| self.servers[*at].run == *run && sound(*at);
        let witnessed = fall.witnesses.iter().any(stayed);
        let running = (0..self.servers.len()).filter(|at| self.servers[*at].node.is_some());
        let all_sound = running.into_iter().all(sound);
        let sim = &self.lamps[usize::from(lamp.0)];
        let answers = !(sim.dead || sim.refuses || sim.mute && sim.forgot);
        let since = &self.watch.since;
        let cleared = since
            .cleared
            .get(&fallen)
            .is_some_and(|at| *at + super::lamps::CLEARED_MS >= fall.at_ms);
        let judged = witnessed && all_sound && answers && !cleared && !since.licensed;
        let judged = judged && !(since.disk_failed || since.parted && !self.has_heartbeats());
        if judged && !is_red(sim.shows) {
            let text = format!(
                "{} fell at {} ms, and its lamp shows {:?}",
                self.servers[fallen].name, fall.at_ms, sim.shows
            );
            self.found(Invariant::FallenIsRed, text);
        }
    }

    /// Invariant 2: a recipient that is served waits for none that is not. Where all are whole but the mail
    /// server, every mail for the others has been tried.
    fn judge_waiting(&mut self) {
        let whole = self.network.is_whole();
        let sound = self.servers.iter().all(|sim| {
            let disk = !sim.disk.is_in_trouble(self.now_us);
            sim.node.is_some() && !sim.suspended && disk
        });
        let hangs = match &self.mail {
            MailBehaviour::Hangs(to) | MailBehaviour::Rejects(to) => Some(to.clone()),
            MailBehaviour::Accepts => None,
            _ => return,
        };
        let since = &self.watch.since;
        let calm = since.mail_changed_ms + CALM_MS <= self.now_ms();
        if !whole || !sound || !calm || since.licensed || since.parted {
            return;
        }
        let now = self.now_ms();
        let mut wrong = Vec::new();
        for server in &self.servers {
            for notice in server.disk.unfinished() {
                let untried = notice.state == NoticeState::Waiting && notice.attempts == 0;
                let old = self.wall_ms(notice.changed) + CALM_MS - 5_000 < now;
                let others = Some(&notice.key.recipient) != hangs.as_ref();
                if notice.key.channel == Channel::Mail && untried && old && others {
                    wrong.push(format!("{} has not tried {notice:?}", server.name));
                }
            }
        }
        for text in wrong {
            self.found(Invariant::NobodyWaits, text);
        }
    }
}
