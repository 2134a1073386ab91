//! Which of Corosync's nodes is which server of clp.conf.
//!
//! By its name, in full or up to the first dot, else by an address that is one of the server's
//! interconnects. A node that is no server is not judged; a server that is no node is never seen. Both are
//! said in the log, with what helps.

use crate::engine::plan::Plan;
use noroshi_core::config::{InterconnectId, ServerId};
use noroshi_core::text::Language;
use noroshi_corosync::Node;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The servers by node number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Nodes {
    servers: BTreeMap<u32, ServerId>,
    /// The interconnect of a node's link.
    paths: BTreeMap<(u32, u8), InterconnectId>,
    /// Nodes that are no server.
    strangers: Vec<String>,
    /// Servers that are no node.
    missing: Vec<String>,
}

impl Nodes {
    pub(super) fn new(nodes: &[Node], plan: &Plan) -> Nodes {
        let mut found = Nodes::default();
        for node in nodes {
            match server_of(node, plan) {
                Some(server) => {
                    found.servers.insert(node.id, server);
                    found.add_paths(node, server, plan);
                }
                None => found.strangers.push(words(node)),
            }
        }
        let is_node = |id: ServerId| found.servers.values().any(|server| *server == id);
        let missing = plan.servers.iter().filter(|peer| !is_node(peer.id));
        found.missing = missing.map(|peer| peer.name.clone()).collect();
        found
    }

    pub(super) fn server(&self, node: u32) -> Option<ServerId> {
        self.servers.get(&node).copied()
    }

    pub(super) fn path(&self, node: u32, link: u8) -> Option<InterconnectId> {
        self.paths.get(&(node, link)).copied()
    }

    /// By their addresses; links with host names in their order.
    fn add_paths(&mut self, node: &Node, server: ServerId, plan: &Plan) {
        for (link, address) in &node.addresses {
            let address: Option<IpAddr> = address.parse().ok();
            let by_address = (0..plan.addresses.len())
                .find(|path| address.is_some() && addresses(plan, server, *path) == address);
            let by_number = (address.is_none() && usize::from(*link) < plan.addresses.len())
                .then_some(usize::from(*link));
            if let Some(path) = by_address.or(by_number) {
                self.paths
                    .insert((node.id, *link), InterconnectId(path as u8));
            }
        }
    }

    /// What is wrong, for the log.
    pub(super) fn faults(&self, language: Language) -> Vec<String> {
        let strangers = self.strangers.iter().map(|node| {
            language.pick(
                format!("Corosync's node {node} is no server of clp.conf: it is not watched. Give a server its name, or one of its addresses as interconnect."),
                format!("Corosync のノード {node} に対応するサーバが clp.conf にないため監視しません。サーバ名をノード名に合わせるか、インタコネクトにノードのアドレスを設定してください"),
            )
        });
        let missing = self.missing.iter().map(|server| {
            language.pick(
                format!("server {server} is no node of Corosync: it is never seen. corosync-cmapctl nodelist shows the nodes."),
                format!("サーバ {server} に対応する Corosync のノードがないため検出できません。ノードは corosync-cmapctl nodelist で確認できます"),
            )
        });
        strangers.chain(missing).collect()
    }
}

fn server_of(node: &Node, plan: &Plan) -> Option<ServerId> {
    let short = |name: &str| name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    let name = node.name.as_deref();
    let named = |same: &dyn Fn(&str, &str) -> bool| {
        let peer = plan
            .servers
            .iter()
            .find(|peer| name.is_some_and(|name| same(name, &peer.name)));
        peer.map(|peer| peer.id)
    };
    named(&|one, other| one == other)
        .or_else(|| named(&|one, other| short(one) == short(other)))
        .or_else(|| {
            let theirs = node
                .addresses
                .iter()
                .filter_map(|(_, it)| it.parse::<IpAddr>().ok());
            let theirs: Vec<IpAddr> = theirs.collect();
            let has = |id: ServerId| {
                (0..plan.addresses.len())
                    .filter_map(|path| addresses(plan, id, path))
                    .any(|address| theirs.contains(&address))
            };
            plan.servers.iter().map(|peer| peer.id).find(|id| has(*id))
        })
}

/// A server's address on an interconnect.
fn addresses(plan: &Plan, server: ServerId, path: usize) -> Option<IpAddr> {
    if server == plan.own {
        return plan
            .addresses
            .get(path)
            .copied()
            .flatten()
            .map(|it| it.ip());
    }
    let peer = plan.servers.get(usize::from(server.0))?;
    Some(peer.route(path)?.theirs.ip())
}

fn words(node: &Node) -> String {
    let addresses: Vec<&str> = node.addresses.iter().map(|(_, it)| it.as_str()).collect();
    let name = node.name.as_deref().unwrap_or("?");
    format!("{} {name} ({})", node.id, addresses.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_conf::read;

    fn plan() -> Plan {
        let text = r#"<root><cluster><name>c</name></cluster>
            <server name="sv1"><priority>0</priority><device id="0"><type>lan</type><info>192.0.2.1</info></device></server>
            <server name="sv2"><priority>1</priority><device id="0"><type>lan</type><info>192.0.2.2</info></device></server>
            <heartbeat><types name="lankhb"/><lankhb name="lankhb1"><priority>0</priority><device>0</device></lankhb></heartbeat></root>"#;
        let parsed = read(text.as_bytes()).expect("the file above is well formed");
        Plan::new(&parsed.config, ServerId(0))
    }

    fn node(id: u32, name: Option<&str>, address: &str) -> Node {
        Node {
            id,
            name: name.map(str::to_owned),
            addresses: vec![(0, address.to_owned())],
        }
    }

    /// Rule: N3
    #[test]
    fn a_node_is_known_by_its_name_or_by_an_address() {
        let plan = plan();
        for nodes in [
            [
                node(1, Some("sv1"), "x"),
                node(7, Some("SV2.example.com"), "y"),
            ],
            [
                node(1, None, "192.0.2.1"),
                node(7, Some("other"), "192.0.2.2"),
            ],
        ] {
            let found = Nodes::new(&nodes, &plan);
            let servers = (found.server(1), found.server(7), found.server(2));
            assert_eq!(servers, (Some(ServerId(0)), Some(ServerId(1)), None));
            assert_eq!(found.path(7, 0), Some(InterconnectId(0)));
            assert_eq!(found.faults(Language::En), Vec::<String>::new());
        }
    }

    /// Rule: N3
    #[test]
    fn nodes_that_are_no_server_and_servers_that_are_no_node_are_named_with_what_helps() {
        let found = Nodes::new(
            &[node(1, Some("sv1"), "x"), node(3, None, "192.0.2.9")],
            &plan(),
        );
        let faults = found.faults(Language::En);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("192.0.2.9") && faults[0].contains("clp.conf"));
        assert!(faults[1].contains("sv2") && faults[1].contains("corosync-cmapctl"));
        assert_eq!(found.path(3, 0), None);
    }
}
