//! The servers: `/root/server@NAME` with its priority and devices (rule N6).

use crate::finding::Findings;
use crate::problem::Problem;
use crate::tree::Node;
use noroshi_core::config::SERVERS_MAX;

/// A server as the file has it.
pub(super) struct ServerRow<'t> {
    pub(super) name: &'t str,
    pub(super) node: Node<'t>,
    /// `device@N` by N.
    pub(super) devices: Vec<(&'t str, Node<'t>)>,
}

impl<'t> ServerRow<'t> {
    pub(super) fn device(&self, id: &str) -> Option<Node<'t>> {
        self.devices
            .iter()
            .find(|(other, _)| *other == id)
            .map(|(_, node)| *node)
    }
}

/// All servers in server order; at most [`SERVERS_MAX`], whatever the file has.
pub(super) fn servers<'t>(root: Node<'t>, findings: &mut Findings) -> Vec<ServerRow<'t>> {
    let named = findings.keyed(root, "server");
    if named.is_empty() && root.all("server").next().is_none() {
        findings.error_silent(root, Problem::NoServer);
    }
    if let Some((name, one_too_many)) = named.get(SERVERS_MAX) {
        findings.error_in(*one_too_many, name, Problem::TooMany { max: SERVERS_MAX });
    }
    let mut rows = Vec::new();
    for (name, node) in named.into_iter().take(SERVERS_MAX) {
        findings.check_name(node, name);
        let devices = findings.keyed(node, "device");
        rows.push((
            node,
            ServerRow {
                name,
                node,
                devices,
            },
        ));
    }
    findings.by_priority(rows)
}
