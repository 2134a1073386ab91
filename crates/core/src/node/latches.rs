//! Each server's part of its lamp: what is known of it, what is only believed, and what a person said
//! (rules M17 M18).
//!
//! A server that is cut off takes all others for fallen. So a fall is a belief until a lamp has taken
//! its red: neither told nor put on disk, and gone without a trace when the same run is heard again.

use super::Node;
use crate::action::{Action, Item};
use crate::config::ServerId;
use crate::lamp::{Glow, Stamp};
use crate::peer::{PeerMessage, PutOut};
use crate::time::Now;
use alloc::string::ToString;
use alloc::vec::Vec;

/// Lamps put out that are remembered and told to servers that come into reach; the oldest are
/// forgotten: news of the same fault is late by moments, not by so many faults.
const PUT_OUT_MAX: usize = 32;

impl Node {
    /// Another server's copies of latches.
    pub(super) fn merge_latches(
        &mut self,
        now: Now,
        theirs: &[crate::event::Latch],
        out: &mut Vec<Action>,
    ) {
        let was_lit = self.latches.of(self.own).green == Glow::On;
        for latch in theirs {
            self.hear_stamp(now, latch.red_changed.max(latch.green_changed));
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
                    // As they said it: our word is later, and would outlive who puts the lamp out.
                    let proved = before.clone();
                    *believed = None;
                    self.latches.restore(server, proved);
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
        // Others took us for fallen, and we are not; or a word that put us out is of an earlier run: what a
        // person said of this one has been learnt before.
        let own = self.latches.of(self.own);
        let wrong = own.red == Glow::Blink || was_lit || !self.heard_of_lamps;
        if wrong && own.green == Glow::Off && self.leaving.is_none() {
            self.latches.lit(self.stamps.now(now.at), self.own);
            self.latch_changed(now, self.own, None, out);
        }
    }

    /// Others, or our own disk, know of this time.
    pub(super) fn hear_stamp(&mut self, now: Now, stamp: Stamp) {
        self.stamps.heard(now.at, stamp);
    }

    /// A server's part of its lamp goes to disk and to the others.
    pub(super) fn publish(&mut self, now: Now, server: ServerId, out: &mut Vec<Action>) {
        let latch = self.latches.of(server).clone();
        self.items.push(Item::Latch(latch.clone()));
        let put_out = self.put_out.iter().filter(|one| one.server == latch.server);
        let put_out = put_out.cloned().collect();
        let latches = alloc::vec![latch];
        let clock = self.stamps.now(now.at);
        let message = PeerMessage::Latches {
            latches,
            put_out,
            clock,
        };
        self.tell_all(&message, out);
    }

    /// What was believed of a server's fall is a fact from here on (rule M18): a lamp has shown its
    /// red, or another run of it is back.
    pub(super) fn prove(&mut self, now: Now, server: ServerId, out: &mut Vec<Action>) {
        if self.before_fall[usize::from(server.0)].take().is_some() {
            self.publish(now, server, out);
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
            self.latches.fallen(self.stamps.now(now.at), server);
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
            (!own && self.knows_fact(&found)).then_some(found)
        });
        let put_out = PutOut {
            server: self.config.server_name(server).to_string(),
            fault,
            run,
            at: self.stamps.now(now.at),
        };
        self.remember_put_out(put_out);
        self.before_fall[usize::from(server.0)] = None;
        self.latches.out(self.stamps.now(now.at), server);
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
            // It has gone out, then or since. An old word, forgotten here and told again, must not
            // outdo the red of a later fault, of which the same message may tell.
            let is_dark = latch.red == Glow::Off && latch.green == Glow::Off;
            self.remember_put_out(put_out);
            if ours && !newer && !is_dark && self.leaving.is_none() {
                // Nothing that others say of this run's start can light it any more.
                self.heard_of_lamps = true;
                self.lamps_settled_at = None;
                self.latches.out(self.stamps.now(now.at), self.own);
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
}
