//! What each lamp should show: every server's part in it, latched (rules M15–M20).
//!
//! | what happens | red | green |
//! |---|---|---|
//! | the server has started, or is back | stays | on |
//! | the server is down, or not seen | blinks | out |
//! | the server stops normally; `clpdn1000s -h`; cluster shutdown | out | out |
//!
//! A shared lamp shows the worst of its servers (rule M20).

use super::{Glow, Look, Stamp};
use crate::config::{Config, Lamp, LampId, ServerId};
use crate::event::Latch;
use alloc::vec::Vec;

/// Every server's part of its lamp.
#[derive(Clone, Debug)]
pub struct Latches {
    latches: Vec<Latch>,
}

impl Latches {
    /// All dark, as long as nothing is known.
    pub fn new(config: &Config) -> Latches {
        let dark = |server: &crate::config::Server| Latch {
            server: server.name.clone(),
            red: Glow::Off,
            red_changed: Stamp::NEVER,
            green: Glow::Off,
            green_changed: Stamp::NEVER,
        };
        Latches {
            latches: config.servers.iter().map(dark).collect(),
        }
    }

    /// A server's part.
    pub fn of(&self, server: ServerId) -> &Latch {
        &self.latches[usize::from(server.0)]
    }

    /// All parts, in server order.
    pub fn all(&self) -> &[Latch] {
        &self.latches
    }

    /// The server has started normally, or is back (rule M15; M18: a fault's red stays). Said even
    /// of a green lamp it is the newest word: its disk may not know that it was dark meanwhile.
    pub fn lit(&mut self, stamp: Stamp, server: ServerId) {
        let latch = &mut self.latches[usize::from(server.0)];
        let changed = stamp.max(latch.green_changed.next());
        (latch.green, latch.green_changed) = (Glow::On, changed);
    }

    /// The server is down (rule M17).
    pub fn fallen(&mut self, stamp: Stamp, server: ServerId) {
        self.set_red(stamp, server, Glow::Blink);
        self.set_green(stamp, server, Glow::Off);
    }

    /// The server has stopped normally, the cluster shuts down, or a person put it out (M16 M18).
    /// Said even of a dark lamp it is the newest word, and outdoes what a cut-off server believes.
    pub fn out(&mut self, stamp: Stamp, server: ServerId) {
        let latch = &mut self.latches[usize::from(server.0)];
        for (light, changed) in [
            (&mut latch.red, &mut latch.red_changed),
            (&mut latch.green, &mut latch.green_changed),
        ] {
            (*light, *changed) = (Glow::Off, stamp.max(changed.next()));
        }
    }

    /// Another server says that it stops normally. Only just later than what its run had lit: by the
    /// time that we hear it, its next run may be at work.
    pub fn left(&mut self, server: ServerId) {
        let latch = &mut self.latches[usize::from(server.0)];
        for (light, changed) in [
            (&mut latch.red, &mut latch.red_changed),
            (&mut latch.green, &mut latch.green_changed),
        ] {
            if *light != Glow::Off {
                (*light, *changed) = (Glow::Off, changed.next());
            }
        }
    }

    /// Takes back what was believed of a server during a partition.
    pub fn restore(&mut self, server: ServerId, before: Latch) {
        self.latches[usize::from(server.0)] = before;
    }

    /// Takes what another server knows later than we do, red and green each for itself: a server
    /// that has just started knows of its green, and nothing of the red that others gave it.
    /// Answers whether anything looks different now.
    pub fn merge(&mut self, theirs: &Latch) -> bool {
        let ours = self
            .latches
            .iter_mut()
            .find(|ours| ours.server == theirs.server);
        ours.is_some_and(|ours| merge(ours, theirs))
    }

    /// Anything is known of a lamp's servers; a lamp of which nothing is known is left alone.
    pub fn knows(&self, lamp: &Lamp) -> bool {
        let known = |latch: &Latch| latch.red_changed.max(latch.green_changed) > Stamp::NEVER;
        lamp.servers.iter().any(|id| known(self.of(*id)))
    }

    /// What a lamp should show (rule M20).
    pub fn look(&self, lamp: &Lamp) -> Look {
        let any = |is: fn(&Latch) -> bool| lamp.servers.iter().any(|id| is(self.of(*id)));
        Look {
            red: if any(|latch| latch.red == Glow::Blink) {
                Glow::Blink
            } else {
                Glow::Off
            },
            amber: Glow::Off,
            green: if any(|latch| latch.green == Glow::On) {
                Glow::On
            } else {
                Glow::Off
            },
        }
    }

    fn set_red(&mut self, stamp: Stamp, server: ServerId, glow: Glow) {
        let latch = &mut self.latches[usize::from(server.0)];
        set(&mut latch.red, &mut latch.red_changed, glow, stamp);
    }

    fn set_green(&mut self, stamp: Stamp, server: ServerId, glow: Glow) {
        let latch = &mut self.latches[usize::from(server.0)];
        set(&mut latch.green, &mut latch.green_changed, glow, stamp);
    }
}

/// Takes what `theirs` knows later; answers whether anything looks different now.
pub fn merge(ours: &mut Latch, theirs: &Latch) -> bool {
    let before = (ours.red, ours.green);
    // Of two copies of the same time the one that is lit holds.
    let lit = |glow: Glow| glow != Glow::Off;
    if (theirs.red_changed, lit(theirs.red)) > (ours.red_changed, lit(ours.red)) {
        (ours.red, ours.red_changed) = (theirs.red, theirs.red_changed);
    }
    if (theirs.green_changed, lit(theirs.green)) > (ours.green_changed, lit(ours.green)) {
        (ours.green, ours.green_changed) = (theirs.green, theirs.green_changed);
    }
    before != (ours.red, ours.green)
}

/// Whatever the clock shows, a change is later than the one before it.
fn set(light: &mut Glow, changed: &mut Stamp, glow: Glow, stamp: Stamp) {
    if *light != glow || *changed == Stamp::NEVER {
        (*light, *changed) = (glow, stamp.max(changed.next()));
    }
}

/// The server that tells a lamp: the first of its own servers that is at work, since that one has
/// its interests at heart and tells its start and stop itself; else the first at work of all (M17).
pub fn teller(
    config: &Config,
    lamp: LampId,
    living: impl Iterator<Item = ServerId> + Clone,
) -> Option<ServerId> {
    let own = &config.lamps[usize::from(lamp.0)].servers;
    living
        .clone()
        .find(|id| own.contains(id))
        .or_else(|| living.clone().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;
    use alloc::vec;

    const T: Stamp = Stamp(1_000);

    fn look(latches: &Latches, config: &Config, lamp: usize) -> Look {
        latches.look(&config.lamps[lamp])
    }

    /// Rule: M15 M16 M17 M18
    #[test]
    fn a_faults_red_stays_until_a_clean_stop_or_a_person() {
        let config = config(2);
        let mut latches = Latches::new(&config);
        let sv1 = ServerId(0);
        latches.lit(T, sv1);
        assert_eq!(look(&latches, &config, 0), Look::GREEN);
        latches.fallen(T, sv1);
        assert_eq!(look(&latches, &config, 0), Look::RED_BLINK);
        latches.lit(T, sv1);
        let both = Look {
            red: Glow::Blink,
            ..Look::GREEN
        };
        assert_eq!(look(&latches, &config, 0), both);
        latches.out(T, sv1);
        assert_eq!(look(&latches, &config, 0), Look::OUT);
    }

    /// Rule: M20
    #[test]
    fn a_shared_lamp_shows_the_worst() {
        let mut config = config(3);
        config.lamps.truncate(1);
        config.lamps[0].servers = vec![ServerId(0), ServerId(1), ServerId(2)];
        let mut latches = Latches::new(&config);
        (0..3).for_each(|n| latches.lit(T, ServerId(n)));
        latches.fallen(T, ServerId(1));
        assert_eq!(look(&latches, &config, 0).red, Glow::Blink);
        assert_eq!(look(&latches, &config, 0).green, Glow::On);
        (0..3).for_each(|n| latches.out(T, ServerId(n)));
        assert_eq!(look(&latches, &config, 0), Look::OUT);
    }

    /// Rule: M18
    #[test]
    fn a_returning_server_that_knows_of_no_fault_does_not_put_its_red_out() {
        let config = config(2);
        let sv1 = ServerId(0);
        let mut survivor = Latches::new(&config);
        survivor.fallen(T, sv1);
        let mut returned = Latches::new(&config);
        returned.lit(Stamp(9_000), sv1);
        survivor.merge(&returned.of(sv1).clone());
        assert_eq!(look(&survivor, &config, 0).red, Glow::Blink);
        returned.merge(&survivor.of(sv1).clone());
        assert_eq!(look(&returned, &config, 0), look(&survivor, &config, 0));
    }

    /// Rule: M18
    #[test]
    fn a_clock_that_is_behind_puts_a_lamp_out_all_the_same() {
        let config = config(2);
        let sv1 = ServerId(0);
        let mut one = Latches::new(&config);
        one.fallen(Stamp(9_000_000), sv1);
        let mut other = one.clone();
        other.out(Stamp(5), sv1);
        assert!(one.merge(&other.of(sv1).clone()));
        assert_eq!(look(&one, &config, 0), Look::OUT);
    }

    /// Rule: M17
    #[test]
    fn a_lamp_is_told_by_its_own_server_or_the_first_at_work() {
        let config = config(3);
        let told_by = |living: &[u8]| {
            let living: Vec<ServerId> = living.iter().map(|n| ServerId(*n)).collect();
            teller(&config, LampId(1), living.into_iter())
        };
        assert_eq!(told_by(&[0, 1, 2]), Some(ServerId(1)));
        assert_eq!(told_by(&[0, 2]), Some(ServerId(0)));
        assert_eq!(told_by(&[2]), Some(ServerId(2)));
    }
}
