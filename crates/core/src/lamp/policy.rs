//! What each lamp should show: every server's part in it, latched (rules M15–M20).
//!
//! | what happens | red | green |
//! |---|---|---|
//! | the server has started, or is back | stays | on |
//! | the server is down, or not seen | blinks | out |
//! | the server stops normally; `clpdn1000s -h`; cluster shutdown | out | out |
//!
//! A shared lamp shows the worst of its servers (rule M20).

use super::{Glow, Look};
use crate::config::{Config, Lamp, LampId, ServerId};
use crate::event::Latch;
use crate::time::WallTime;
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
            green: Glow::Off,
            changed: WallTime(0),
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

    /// The server has started normally, or is back (rule M15; M18: a fault's red stays).
    pub fn lit(&mut self, wall: WallTime, server: ServerId) -> bool {
        let red = self.of(server).red;
        self.set(wall, server, red, Glow::On)
    }

    /// The server is down (rule M17).
    pub fn fallen(&mut self, wall: WallTime, server: ServerId) -> bool {
        self.set(wall, server, Glow::Blink, Glow::Off)
    }

    /// The server has stopped normally, the cluster shuts down, or a person put it out (M16 M18).
    pub fn out(&mut self, wall: WallTime, server: ServerId) -> bool {
        self.set(wall, server, Glow::Off, Glow::Off)
    }

    /// Takes another server's copy if it is the later one; answers whether it changed ours. Of two
    /// copies of the same time the one with the red light holds.
    pub fn merge(&mut self, theirs: &Latch) -> bool {
        let Some(ours) = self
            .latches
            .iter_mut()
            .find(|ours| ours.server == theirs.server)
        else {
            return false;
        };
        let later = (
            theirs.changed,
            theirs.red == Glow::Blink,
            theirs.green == Glow::On,
        ) > (
            ours.changed,
            ours.red == Glow::Blink,
            ours.green == Glow::On,
        );
        let differs = (theirs.red, theirs.green) != (ours.red, ours.green);
        if later {
            ours.clone_from(theirs);
        }
        later && differs
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

    fn set(&mut self, wall: WallTime, server: ServerId, red: Glow, green: Glow) -> bool {
        let latch = &mut self.latches[usize::from(server.0)];
        let differs = (latch.red, latch.green) != (red, green);
        if differs {
            // A wall clock that went back must not make our newest change look old.
            let changed = wall.max(WallTime(latch.changed.0 + 1));
            (latch.red, latch.green, latch.changed) = (red, green, changed);
        }
        differs
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
