//! Invariant 3: a red that a lamp has shown stays until a clean stop, a shutdown or a person.

use super::{Invariant, World, is_red};
use noroshi_core::config::LampId;
use noroshi_core::lamp::{Glow, Look};

/// A clean stop, or an order to a lamp under way, is over by then.
pub(super) const CLEARED_MS: u64 = 15_000;

impl World {
    /// A server writes a look to a lamp that showed another one.
    pub(in crate::world) fn watch_look(
        &mut self,
        by: usize,
        lamp: LampId,
        (was, shows): (Look, Look),
    ) {
        let now = self.now_ms();
        let of = self.config.lamps[usize::from(lamp.0)].servers.clone();
        // A shared lamp shows the worst of its servers: what each of them has a part in is not seen.
        let [of] = of[..] else { return };
        let of = usize::from(of.0);
        if is_red(shows) && !is_red(was) {
            self.watch.since.red.insert(of, now);
        }
        if !is_red(was) || is_red(shows) {
            return;
        }
        let since = &self.watch.since;
        // What a disk that failed had not kept is forgotten by a crash. Two sides of a cut may both reach the
        // lamp: a server that starts there lights its own before it has heard of its red, and one that cannot be
        // read is shown what is known. What they agree upon is judged when all is well.
        let mute = self.lamps[usize::from(lamp.0)].mute;
        let excused = since.tested || since.disk_failed || since.parted && (mute || by == of);
        let resumed = since.resumed_ms.is_some_and(|at| now < at + CLEARED_MS);
        if excused || resumed || !self.is_told_of_red(by, of) || self.may_go_out(of) {
            return;
        }
        let (by, of_name) = (&self.servers[by].name, &self.servers[of].name);
        let text = format!("{by} takes the red of {of_name} from its lamp: {was:?} to {shows:?}");
        self.found(Invariant::LampStays, text);
    }

    /// A link stands to a server that knows of the red. One that starts alone knows what its disk says, and takes
    /// its red back as soon as it hears of it.
    fn is_told_of_red(&self, by: usize, of: usize) -> bool {
        let name = &self.servers[of].name;
        (0..self.servers.len()).any(|at| {
            let other = &self.servers[at];
            let linked = other.links[by] && self.servers[by].links[at];
            let at_work = other.node.is_some() && !other.suspended;
            linked && at_work && other.disk.says_red(name)
        })
    }

    /// Somebody put a server's lamp out, or asked it to stop, since it became red.
    fn may_go_out(&self, server: usize) -> bool {
        let since = &self.watch.since;
        let Some(cleared) = since.cleared.get(&server) else {
            return false;
        };
        // Behind a cut nobody hears of what a person did on the other side, and a server that did not run
        // then brings its old word with it: only a fall well after it is a new one for all.
        let red = since
            .red
            .get(&server)
            .is_some_and(|at| *at > cleared + CLEARED_MS);
        let fell = since.fell.get(&server).is_some_and(|at| at > cleared);
        since.parted || !(red && fell)
    }

    /// What is wrong with the lamps once all is well.
    pub(super) fn judge_lamps(&mut self) {
        let mut wrong = Vec::new();
        for (at, server) in self.servers.iter().enumerate() {
            let name = &server.name;
            let since = &self.watch.since;
            let Some(lamp) = self.config.servers[at].lamp else {
                continue;
            };
            if self.config.lamps[usize::from(lamp.0)].servers.len() > 1 {
                continue;
            }
            let shows = self.lamps[usize::from(lamp.0)].shows;
            let red_at = since.red.get(&at);
            let must = red_at.is_some() && !self.may_go_out(at) && !since.disk_failed;
            if must && !is_red(shows) {
                wrong.push((
                    Invariant::LampStays,
                    format!("the lamp of {name} was red at {red_at:?} ms and shows {shows:?}"),
                ));
            }
            if is_red(shows) && red_at.is_none() && !since.fell.contains_key(&at) {
                let text = format!("the lamp of {name} is red: nobody had shown that");
                wrong.push((Invariant::LampStays, text));
            }
            let out = since.put_out.contains(&at) && shows == Look::OUT;
            if !out && shows.green != Glow::On {
                let text = format!("the lamp of {name} shows {shows:?}");
                wrong.push((Invariant::Wellness, text));
            }
        }
        for (invariant, text) in wrong {
            self.found(invariant, text);
        }
    }

    /// All is well: what was red is remembered as such, and what people did is over.
    pub(super) fn settle_lamps(&mut self) {
        let since = &mut self.watch.since;
        for (at, server) in self.config.servers.iter().enumerate() {
            let shows = server.lamp.map(|id| self.lamps[usize::from(id.0)].shows);
            match shows {
                Some(look) if is_red(look) => {
                    since.red.entry(at).or_insert(0);
                }
                _ => {
                    since.red.remove(&at);
                }
            }
            // A lamp that a person put out stays so until the server starts anew.
            if shows.is_none_or(|look| look != Look::OUT) {
                since.put_out.remove(&at);
            }
        }
        since.cleared.clear();
        since.fell.clear();
    }
}
