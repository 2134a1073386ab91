//! The tree of a clp.conf to a [`Config`].
//!
//! One file per topic. Each goes on past what it finds wrong, with the default in its place; only
//! here, at the end, is it decided whether there is a configuration.

mod console;
pub(crate) mod files;
mod heartbeat;
mod interconnects;
mod lamp_type;
mod lamps;
mod mail;
mod messages;
mod noroshi;
mod servers;
mod smtp;
mod spelling;
mod take;

use crate::Parsed;
use crate::finding::{Finding, Findings, Severity};
use crate::tree::Tree;
use noroshi_core::config::{Config, Server};

const CLUSTER_NAME_CHARS_MAX: usize = 255;

/// Builds the configuration; `digest` is the file's.
///
/// # Errors
/// All findings, when at least one is an error.
pub(crate) fn build(tree: &Tree, digest: u32) -> Result<Parsed, Vec<Finding>> {
    let root = tree.root();
    let mut findings = Findings::default();
    let f = &mut findings;
    noroshi::check_known(root, f);
    spelling::check(root, f);
    f.required(root, "cluster/name");
    let cluster = f
        .line(root, "cluster/name", CLUSTER_NAME_CHARS_MAX)
        .unwrap_or_default();
    let rows = servers::servers(root, f);
    let paths = interconnects::interconnects(root, &rows, f);
    let lamps = lamps::lamps(root, &rows, f);
    let config = Config {
        cluster: cluster.to_string(),
        engine: noroshi::engine(root, f),
        servers: rows
            .iter()
            .zip(paths.addresses)
            .zip(lamps.of_servers)
            .map(|((row, addresses), lamp)| Server {
                name: row.name.to_string(),
                addresses,
                lamp,
            })
            .collect(),
        interconnects: paths.interconnects,
        heartbeat: heartbeat::heartbeat(root, f),
        port: noroshi::port(root, f),
        mail: mail::mail(root, f),
        lamps_used: lamps.used,
        lamps: lamps.lamps,
        destinations: messages::destinations(root, f),
        syslog: noroshi::syslog(root, f),
        language: noroshi::language(root, f),
        console: console::console(root, &rows, f),
        alert_records_max: noroshi::alert_records_max(root, f),
        digest,
    };
    let findings = findings.into_sorted();
    if findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        return Err(findings);
    }
    Ok(Parsed {
        files: files::named(tree, &config),
        config,
        warnings: findings,
    })
}
