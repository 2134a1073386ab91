//! What a clp.conf with the engine corosync meets on this host: the ring's names, and whether Pacemaker would call the
//! alert agent (rule N3). Only warnings: the check may run elsewhere than the daemon will.

use crate::command::Context;
use crate::command::engine::host;
use noroshi_conf::corosync_conf::{self, CorosyncConf};
use noroshi_core::config::{Config, Engine};
use noroshi_core::text::Language;
use noroshi_daemon::pacemaker::registered;
use std::net::IpAddr;
use std::path::Path;

/// Where Corosync has its settings.
const RING: &str = "/etc/corosync/corosync.conf";

/// One warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Warning {
    /// The element, where it is one.
    pub(super) path: String,
    /// What stands there.
    pub(super) value: String,
    /// What is wrong, and what helps.
    pub(super) text: String,
}

/// All of them; `own` when the file checked is the one that this host's service reads.
pub(super) fn warnings(context: &Context, config: &Config, own: bool) -> Vec<Warning> {
    if config.engine != Engine::Corosync {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    // A host without Corosync, or with one that this user may not read, says nothing.
    if let Ok(text) = host::read(Path::new(RING))
        && let Ok(ring) = corosync_conf::read(&text)
    {
        warnings.extend(names(config, &ring, context.language));
    }
    if own {
        warnings.extend(agent(context));
    }
    warnings
}

/// Servers and nodes that are not each other's.
fn names(config: &Config, ring: &CorosyncConf, language: Language) -> Vec<Warning> {
    let servers: Vec<&str> = config
        .server_ids()
        .map(|id| config.server_name(id))
        .collect();
    let nodes: Vec<&str> = ring.nodes.iter().map(|node| node.name.as_str()).collect();
    let has = |all: &[&str], name: &str| all.iter().any(|one| one.eq_ignore_ascii_case(name));
    let list = |all: &[&str]| all.join(", ");
    let mut warnings = Vec::new();
    for name in servers.iter().filter(|name| !has(&nodes, name)) {
        warnings.push(Warning {
            path: format!("/root/server@{name}"),
            value: (*name).to_owned(),
            text: language.pick(
                format!("is no node of {RING} (nodes: {}), so what happens to its groups is told late or not at all. Give it the name of its node (crm_node -l shows them).", list(&nodes)),
                format!("と同じ名前のノードが {RING} にありません（ノード: {}）。このサーバのグループの通報が遅れるか、通報されません。ノード名（crm_node -l で確認）に合わせてください。", list(&nodes)),
            ),
        });
    }
    for node in ring.nodes.iter().filter(|node| !has(&servers, &node.name)) {
        let (name, line) = (&node.name, node.line);
        let nameless = name.parse::<IpAddr>().is_ok();
        let text = match nameless {
            true => language.pick(
                format!("stands without a name on line {line} of {RING}, so Pacemaker calls it by its host's name. Give every node its name there (\"name: NAME\"), then corosync-cfgtool -R."),
                format!("は {RING} の {line} 行目で名前がなく、Pacemaker はホスト名で呼びます。各ノードに名前（name: 名前）を書き、corosync-cfgtool -R を実行してください。"),
            ),
            false => language.pick(
                format!("is a node on line {line} of {RING} and no server of clp.conf (servers: {}), so it is not watched. Give a server its name.", list(&servers)),
                format!("は {RING} の {line} 行目のノードですが、clp.conf に同じ名前のサーバがないため監視しません（サーバ: {}）。サーバ名をノード名に合わせてください。", list(&servers)),
            ),
        };
        warnings.push(Warning {
            path: String::new(),
            value: name.clone(),
            text,
        });
    }
    warnings
}

/// What keeps Pacemaker's events from this host's service; nothing where Pacemaker does not answer.
fn agent(context: &Context) -> Option<Warning> {
    let dir = context.home.pacemaker();
    let output = host::run(registered::PROGRAM, &registered::ARGUMENTS).ok()?;
    let text = match dir.is_dir() {
        true => registered::trouble(&output, &dir)
            .ok()??
            .words(context.language),
        false => {
            let dir = dir.display();
            context.pick(
                format!("Pacemaker runs on this server, and its events are not taken: {dir} is missing. As root: noroshi engine setup corosync"),
                format!("このサーバでは Pacemaker が動作していますが、{dir} がないためイベントを受け取りません。root で noroshi engine setup corosync を実行してください"),
            )
        }
    };
    Some(Warning {
        path: "/root/noroshi/engine".into(),
        value: "corosync".into(),
        text: text + context.pick(".", "。"),
    })
}

impl Warning {
    /// In the form of the findings about the file.
    pub(super) fn one_line(&self, language: Language) -> String {
        let head = language.pick("warning: ", "警告: ");
        let sign = if self.path.is_empty() { "" } else { " = " };
        let (path, value, text) = (&self.path, &self.value, &self.text);
        format!("clp.conf: {head}{path}{sign}\"{value}\": {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N3 N17
    #[test]
    fn servers_and_nodes_of_other_names_are_said_with_both() {
        let text = r#"<root><cluster><name>c</name></cluster><noroshi><engine>corosync</engine></noroshi>
            <server name="sv1"><priority>0</priority><device id="0"><type>lan</type><info>192.0.2.1</info></device></server>
            <server name="sv2"><priority>1</priority><device id="0"><type>lan</type><info>192.0.2.2</info></device></server>
            <heartbeat><types name="lankhb"/><lankhb name="lankhb1"><priority>0</priority><device>0</device></lankhb></heartbeat></root>"#;
        let config = noroshi_conf::read(text.as_bytes()).unwrap().config;
        let ring = |names: [&str; 2]| {
            let node = |name: &str| format!("node {{\n{name}\nring0_addr: 192.0.2.9\n}}\n");
            let nodes: String = names.map(node).concat();
            corosync_conf::read(&format!(
                "totem {{\nversion: 2\n}}\nnodelist {{\n{nodes}}}\n"
            ))
            .unwrap()
        };
        let said = |names, language| -> Vec<String> {
            let warnings = super::names(&config, &ring(names), language);
            warnings.iter().map(|one| one.one_line(language)).collect()
        };
        assert_eq!(said(["name: SV1", "name: sv2"], Language::En), [""; 0]);
        for language in [Language::En, Language::Ja] {
            let lines = said(["name: sv1", "name: db2.example.com"], language);
            assert_eq!(lines.len(), 2, "{lines:?}");
            for line in &lines {
                assert!(
                    line.contains("sv2") && line.contains("db2.example.com"),
                    "{line}"
                );
            }
        }
        let lines = said(["name: sv1", ""], Language::En);
        assert!(lines[1].contains("without a name"), "{lines:?}");
    }
}
