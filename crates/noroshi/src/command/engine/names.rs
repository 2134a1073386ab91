//! What an existing clp.conf says of the ring: its servers' names, and the engine.
//!
//! Groups and nodes are told by their names, so those of the ring must be the settings'.

use super::Context;
use crate::exit::{Exit, Failure};
use noroshi_conf::corosync_conf::CorosyncConf;
use noroshi_conf::document::{Document, ElementPath};
use std::net::IpAddr;
use std::path::Path;

/// Where the settings name the engine.
pub(super) const ENGINE_PATH: &str = "/root/noroshi/engine";

/// Refuses a clp.conf whose servers are not the ring's nodes; names each with its line.
pub(super) fn check_servers(
    context: &Context,
    ring: &CorosyncConf,
    ring_file: &Path,
) -> Result<(), Failure> {
    let path = context.home.conf();
    let (shown, ring_shown) = (path.display(), ring_file.display());
    let bytes = std::fs::read(&path)
        .map_err(|error| context.failure(Exit::of(error.kind()), &format!("{shown}: {error}")))?;
    let faulty = |lines: Vec<String>| {
        context.failure(Exit::Failed, &format!("{shown}:\n{}", lines.join("\n")))
    };
    noroshi_conf::read(&bytes).map_err(|findings| {
        let lines = findings.iter().map(|one| one.one_line(context.language));
        faulty(lines.collect())
    })?;
    let document =
        Document::read(bytes).map_err(|one| faulty(vec![one.one_line(context.language)]))?;
    let root = document.tree().root();
    let servers: Vec<(&str, u32)> = root
        .all("server")
        .map(|node| (node.key().unwrap_or_default(), node.line()))
        .collect();
    let is_server = |name: &str| servers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
    let is_node = |name: &str| {
        let mut nodes = ring.nodes.iter();
        nodes.any(|node| node.name.eq_ignore_ascii_case(name))
    };
    let line = |file: &dyn std::fmt::Display, line: u32, name: &str, en: &str, ja: &str| {
        format!("{file}:{line}: \"{name}\" {}", context.pick(en, ja))
    };
    let nodes = ring.nodes.iter().filter(|node| !is_server(&node.name));
    let nodes = nodes.map(|node| {
        let (en, ja) = (
            "is no server of clp.conf",
            "と同じ名前のサーバが clp.conf にありません",
        );
        line(&ring_shown, node.line, &node.name, en, ja)
    });
    let strangers = servers.iter().filter(|(name, _)| !is_node(name));
    let strangers = strangers.map(|(name, at)| {
        let (en, ja) = (
            "is no node of corosync.conf",
            "と同じ名前のノードが corosync.conf にありません",
        );
        line(&shown, *at, name, en, ja)
    });
    let mut lines: Vec<String> = nodes.chain(strangers).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let remedy = context.pick(
        "Servers and nodes must have the same names: give the servers in clp.conf those of the nodes. Nothing was done.",
        "サーバ名とノード名を一致させてください（clp.conf のサーバ名をノード名に合わせます）。何も実行していません。",
    );
    lines.push(remedy.to_owned());
    Err(context.failure(Exit::NotFound, &lines.join("\n")))
}

/// Whether clp.conf names the engine, or this release knows none but its own.
pub(super) fn engine_is_named(context: &Context) -> bool {
    let Ok(bytes) = std::fs::read(context.home.conf()) else {
        return true;
    };
    let Ok(mut document) = Document::read(bytes) else {
        return true;
    };
    let Ok(path) = ElementPath::parse(ENGINE_PATH) else {
        return true;
    };
    is_corosync(&document, &path)
        || document.set(&path, "corosync").is_err()
        || noroshi_conf::read(document.bytes()).is_err()
}

/// Whether clp.conf says that the ring judges; not where it cannot be read.
pub(super) fn is_corosync_named(context: &Context) -> bool {
    let document = std::fs::read(context.home.conf()).map(Document::read);
    match (document, ElementPath::parse(ENGINE_PATH)) {
        (Ok(Ok(document)), Ok(path)) => is_corosync(&document, &path),
        _ => false,
    }
}

fn is_corosync(document: &Document, path: &ElementPath) -> bool {
    let found = document.get(path);
    found.iter().any(|node| node.value() == "corosync")
}

/// Refuses a ring whose nodes have no names: where `ring0_addr` is an address, too, Pacemaker takes the host's name,
/// and none of its groups would be on a server that clp.conf knows.
pub(super) fn check_nodes(
    context: &Context,
    ring: &CorosyncConf,
    file: &Path,
) -> Result<(), Failure> {
    let shown = file.display();
    let nameless = ring
        .nodes
        .iter()
        .filter(|node| node.name.parse::<IpAddr>().is_ok());
    let mut lines: Vec<String> = nameless
        .map(|node| {
            let (name, line) = (&node.name, node.line);
            context.pick(
                format!("{shown}:{line}: the node {name} has no name"),
                format!("{shown}:{line}: ノード {name} に名前がありません"),
            )
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let remedy = context.pick(
        "Pacemaker calls it by its host's name, so its groups would be on no server of clp.conf. Give every node its name there (\"name: NAME\", as crm_node -l shows it), on every server; then corosync-cfgtool -R. Nothing was done.",
        "Pacemaker はホスト名で呼ぶため、グループと clp.conf のサーバが対応しません。全サーバの corosync.conf で各ノードに名前を書き（name: 名前。crm_node -l で確認できます）、corosync-cfgtool -R を実行してください。何も実行していません。",
    );
    lines.push(remedy.to_owned());
    Err(context.failure(Exit::Failed, &lines.join("\n")))
}
