//! A clean stop, of this server or of the whole cluster (rules M16 M18).

use super::raise::About;
use super::{Leaving, Node};
use crate::action::Action;
use crate::alert::Message;
use crate::time::Now;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Node {
    /// Begins to leave cleanly: said to all, the own lamp goes out (rule M16), and all lamps when
    /// the whole cluster shuts down (rule M18).
    pub(super) fn leave(
        &mut self,
        now: Now,
        cluster: bool,
        reply: Option<crate::request::RequestId>,
        out: &mut Vec<Action>,
    ) {
        if let Some(leaving) = self.leaving.as_mut() {
            // Asked twice: somebody does not want to wait any longer.
            leaving.until = now.at;
            leaving.reply = leaving.reply.or(reply);
            return;
        }
        let name = self.own_name();
        self.tell_returns(now, out);
        self.raise(
            now,
            Message::DaemonStopping,
            &[&name],
            About::default(),
            out,
        );
        let fact = format!("left {name} {}", self.session);
        let about = About {
            server: Some(self.own),
            fact: Some(fact),
            ..About::default()
        };
        let alert = self.raise(now, Message::ServerLeft, &[&name], about, out);
        // Before the lamps: who is about to leave as well does not light itself again.
        self.tell_all(&crate::peer::PeerMessage::Leaving { cluster }, out);
        self.latches.out(self.stamps.now(now.at), self.own);
        self.latch_changed(now, self.own, alert, out);
        for server in self.membership.others().filter(|_| cluster) {
            self.before_fall[usize::from(server.0)] = None;
            self.latches.out(self.stamps.now(now.at), server);
            self.latch_changed(now, server, None, out);
        }
        let until = now.at + super::LEAVE_WAIT_MAX;
        self.leaving = Some(Leaving {
            cluster,
            until,
            reply,
        });
        self.next_beat = now.at;
    }

    /// Leaves once the lamp has been told and begun notices have ended, or the wait is over.
    pub(super) fn leave_if_done(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(leaving) = self.leaving else { return };
        let settled =
            self.lamps.iter().all(|lamp| lamp.is_settled()) && self.outbox.under_way() == 0;
        if settled || now.at >= leaving.until {
            for request in self
                .lamps
                .iter_mut()
                .filter_map(crate::lamp::LampWorker::abandon_test)
            {
                let why = String::from("the service stops");
                out.push(Action::Reply(
                    request,
                    crate::request::Reply::Refused { why },
                ));
            }
            if let Some(reply) = leaving.reply {
                out.push(Action::Reply(reply, crate::request::Reply::Done));
            }
            out.push(Action::Beat(self.phase()));
            out.push(Action::Exit);
        }
    }
}
