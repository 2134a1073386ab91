//! What hinders this service without being any server's fault, with what helps: for `status` and the console.

use super::Node;
use crate::config::{InterconnectId, ServerId};
use crate::status::ServerState;
use crate::time::{Moment, Now, Span};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How long a server that is at work may be without a link: a link is dialled anew every second.
const LINK_WAIT: Span = Span::from_secs(15);

/// Since when links have been missing.
pub(super) type Unlinked = BTreeMap<ServerId, Moment>;

impl Node {
    pub(super) fn advice(&self, now: Now) -> Vec<String> {
        let mut advice = self.link_advice(now);
        advice.extend(self.pacemaker_advice(now));
        advice
    }

    /// Servers that are at work and have no link to this one: what one of them is told does not come to the other
    /// until it has, and is mailed twice or later than it could be.
    fn link_advice(&self, now: Now) -> Vec<String> {
        let others = self.membership.others();
        let unlinked = others.filter_map(|id| {
            let peer = self.membership.peer(id);
            let up = peer.state == ServerState::Up && !self.linked.has(id);
            let since = self.unlinked.get(&id).copied().unwrap_or(peer.since);
            let span = now.at.since(since.max(peer.since));
            (up && span >= LINK_WAIT).then(|| self.link_words(id, span))
        });
        unlinked.collect()
    }

    fn link_words(&self, id: ServerId, span: Span) -> String {
        let (name, port) = (self.config.server_name(id), self.config.port);
        let paths = 0..self.config.interconnects.len();
        let addresses = paths.filter_map(|at| self.config.address(id, InterconnectId(at as u8)));
        let addresses: Vec<String> = addresses.map(|address| address.to_string()).collect();
        let addresses = addresses.join(", ");
        self.config.language.pick(
            format!("Server {name} is at work, but there has been no link between its alert service and this one for {span}: port {port}/tcp ({addresses}) is closed on one of the two, or on the way. Open it on both: firewall-cmd --permanent --add-port={port}/tcp && firewall-cmd --reload. The service's log says what was answered."),
            format!("サーバ {name} は稼働していますが、アラートサービス間の接続が {span} の間ありません。どちらかのサーバまたは経路でポート {port}/tcp（{addresses}）が閉じています。両方で firewall-cmd --permanent --add-port={port}/tcp && firewall-cmd --reload を実行してください。相手の応答はサービスのログにあります。"),
        )
    }
}
