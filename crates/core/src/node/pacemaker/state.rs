//! What holds for a server or the whole cluster, in words: quorum, standby, maintenance, what cannot be read.

use crate::action::Action;
use crate::alert::Message;
use crate::node::Node;
use crate::node::raise::About;
use crate::pacemaker::What;
use crate::time::Now;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

impl Node {
    pub(super) fn tell_state(&mut self, now: Now, what: What, about: About, out: &mut Vec<Action>) {
        let own = self.own_name();
        match what {
            What::QuorumLost => {
                // Whom this side does not see was told by membership, and that it is no majority.
                let told = self.faults.iter().any(Option::is_some);
                if let Some(pacemaker) = &mut self.pacemaker {
                    pacemaker.quorum_mailed = !told;
                }
                let about = About {
                    unmailed: told,
                    ..about
                };
                self.raise(now, Message::QuorumLost, &[&own], about, out);
            }
            What::QuorumBack { after } => {
                let pacemaker = self.pacemaker.as_mut();
                let mailed = pacemaker.is_some_and(|one| core::mem::take(&mut one.quorum_mailed));
                let about = About {
                    mail: mailed,
                    ..about
                };
                let after = self.length(after);
                self.raise(now, Message::QuorumBack, &[&own, &after], about, out);
            }
            What::Standby { node, on, by } => {
                let message = match on {
                    true => Message::StandbySet,
                    false => Message::StandbyUnset,
                };
                let by = self.by_words(by);
                self.raise_at(now, message, &[&node, &by], &node, about, out);
            }
            What::Maintenance { node, on, by } => {
                let message = match on {
                    true => Message::MaintenanceSet,
                    false => Message::MaintenanceUnset,
                };
                let language = self.config.language;
                let of = match &node {
                    Some(node) => language.pick(format!("server {node}"), format!("サーバ {node}")),
                    None => language
                        .pick("the whole cluster", "クラスタ全体")
                        .to_string(),
                };
                let by = self.by_words(by);
                let node = node.unwrap_or_default();
                self.raise_at(now, message, &[&of, &by], &node, about, out);
            }
            What::ClusterStops { tells, nodes } => {
                self.cluster_stops(now, tells, &nodes, about, out);
            }
            What::ClusterRuns => self.cluster_runs(now, about, out),
            What::Blind { why } => {
                self.raise(now, Message::PacemakerUnreadable, &[&own, &why], about, out);
            }
            What::Sees => {
                self.raise(now, Message::PacemakerReadable, &[&own], about, out);
            }
            What::Lost { count } => {
                let arguments = [&*own, &count.to_string()];
                self.raise(now, Message::PacemakerReportsLost, &arguments, about, out);
            }
            _ => {}
        }
    }
}
