//! The snapshot that readers see.

use super::Node;
use crate::config::{Engine, InterconnectId, LampId, ServerId};
use crate::duty::on_duty;
use crate::set::SetLabel;
use crate::status::{LampStatus, PathStatus, ServerState, ServerStatus, Status};
use crate::time::Now;
use alloc::string::ToString;

impl Node {
    /// The cluster as this server sees it now.
    pub fn status(&self, now: Now) -> Status {
        let on_duty = on_duty(None, self.senders());
        Status {
            cluster: self.config.cluster.clone(),
            server: self.own_name(),
            time: now.wall,
            engine: self.config.engine,
            blind: self.blind_why(),
            advice: self.advice(now),
            servers: self
                .config
                .server_ids()
                .map(|id| self.server_status(now, id))
                .collect(),
            on_duty: on_duty.map(|id| self.config.server_name(id).to_string()),
            notices_waiting: self.outbox.len() as u32,
            waiting: self.outbox.waiting(),
            backlog: self.outbox.has_backlog(),
            store_trouble: self.store_trouble.clone(),
            lamps_used: self.config.lamps_used,
            licence: self.licence_status(),
            pacemaker: self.pacemaker_status(),
        }
    }

    /// Whether this server would tell the fall of another one, were it found now.
    pub fn would_tell(&self, lost: ServerId) -> bool {
        let others = self.membership.living().filter(|id| *id != lost);
        on_duty(None, self.senders_of(others)) == Some(self.own)
    }

    fn server_status(&self, now: Now, id: ServerId) -> ServerStatus {
        let peer = self.membership.peer(id);
        let own = id == self.own;
        // Corosync says how its links are.
        let by_ring = self.config.engine == Engine::Corosync;
        let paths = self
            .config
            .interconnects
            .iter()
            .enumerate()
            .map(|(at, interconnect)| {
                let path = &peer.paths[at];
                let used = self.config.address(id, InterconnectId(at as u8)).is_some();
                let timeout = self.config.heartbeat.timeout;
                let heard = path.heard_at.is_some_and(|at| now.at.since(at) < timeout);
                PathStatus {
                    name: interconnect.name.clone(),
                    comment: interconnect.comment.to_string(),
                    normal: own || (path.normal && (heard || by_ring)),
                    unused: !used,
                    silent_ms: path.last_heard.map(|at| now.at.since(at).as_ms()),
                    loss_permille: path.loss_permille(),
                }
            });
        ServerStatus {
            name: self.config.server_name(id).to_string(),
            own,
            state: if own { ServerState::Up } else { peer.state },
            last_word: peer.last_word.map(|at| now.wall_of(at)),
            paths: paths.collect(),
            lamp: self
                .config
                .server(id)
                .lamp
                .filter(|_| self.config.lamps_used)
                .map(|lamp| self.lamp_status(lamp)),
            drift: peer
                .config_digest
                .is_some_and(|digest| digest != self.config.digest)
                || self.set_differs(id),
            set: self.set_of(id).map(|label| label.number),
        }
    }

    /// What is known of a server's set.
    fn set_of(&self, id: ServerId) -> Option<&SetLabel> {
        let label = match id == self.own {
            true => Some(&self.sets.in_force),
            false => self.sets.of_others.get(self.config.server_name(id)),
        };
        label.filter(|label| label.number > 0)
    }

    /// Its set has the same number as ours and is another one.
    fn set_differs(&self, id: ServerId) -> bool {
        let own = &self.sets.in_force;
        self.set_of(id)
            .is_some_and(|label| label.number == own.number && !label.is(own))
    }

    fn lamp_status(&self, lamp: LampId) -> LampStatus {
        let at = usize::from(lamp.0);
        let worker = &self.lamps[at];
        LampStatus {
            address: self.config.lamps[at].address.to_string(),
            wanted: self.latches.look(&self.config.lamps[at]),
            shown: worker.shown(),
            trouble: worker.trouble().map(ToString::to_string),
            told_by_us: worker.is_active(),
        }
    }
}
