//! The interconnects, and each server's address on them (rule N6).
//!
//! The real product names them below `/root/heartbeat`, `lankhb@NAME` or `lanhb@NAME`, each with
//! a priority and a device id; the device of that id in each server holds the server's address.
//! A server may lack the device: then it has no such path.

use super::servers::ServerRow;
use super::take::digits;
use crate::finding::{Findings, shown};
use crate::problem::Problem;
use crate::tree::Node;
use noroshi_core::config::Interconnect;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Most interconnects; the real product has 16.
const INTERCONNECTS_MAX: usize = 16;

/// The kinds of heartbeat that are interconnects, with their names in `clpstat`.
const KINDS: [(&str, &str); 2] = [
    ("lankhb", "Kernel Mode LAN Heartbeat"),
    ("lanhb", "LAN Heartbeat"),
];

/// Interconnects in priority order, and for each server its address on each of them.
pub(super) struct Paths {
    pub(super) interconnects: Vec<Interconnect>,
    pub(super) addresses: Vec<Vec<Option<IpAddr>>>,
}

/// An interconnect as the file has it.
struct Path<'t> {
    name: String,
    comment: &'static str,
    device: &'t str,
    /// Where its device is named.
    node: Node<'t>,
}

pub(super) fn interconnects(
    root: Node<'_>,
    servers: &[ServerRow<'_>],
    findings: &mut Findings,
) -> Paths {
    let mut paths = named_paths(root, findings);
    if paths.is_empty() {
        paths = lan_devices(servers);
        if let Some(first) = paths.first() {
            findings.warn_in(first.node, "", Problem::LanDevicesTaken);
        }
    }
    if let Some(one_too_many) = paths.get(INTERCONNECTS_MAX) {
        let problem = Problem::TooMany {
            max: INTERCONNECTS_MAX,
        };
        findings.error_in(one_too_many.node, &one_too_many.name, problem);
        paths.truncate(INTERCONNECTS_MAX);
    }
    let devices: Vec<Vec<Option<Node<'_>>>> = servers
        .iter()
        .map(|server| {
            paths
                .iter()
                .map(|path| lan_info(server, path.device, findings))
                .collect()
        })
        .collect();
    let addresses: Vec<Vec<Option<IpAddr>>> = devices
        .iter()
        .map(|row| {
            row.iter()
                .map(|info| info.and_then(|i| address_of(i, findings)))
                .collect()
        })
        .collect();
    for (at, path) in paths.iter().enumerate() {
        if devices.iter().all(|row| row[at].is_none()) {
            findings.error(path.node, Problem::DeviceNowhere);
        }
    }
    check_distinct(servers, &devices, &addresses, findings);
    check_connected(root, servers, &devices, paths.is_empty(), findings);
    let interconnects = paths
        .into_iter()
        .map(|path| Interconnect {
            name: path.name,
            comment: path.comment,
        })
        .collect();
    Paths {
        interconnects,
        addresses,
    }
}

/// The interconnects that `/root/heartbeat` names.
fn named_paths<'t>(root: Node<'t>, findings: &mut Findings) -> Vec<Path<'t>> {
    let Some(heartbeat) = findings.at(root, "heartbeat") else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for (kind, comment) in KINDS {
        for (name, node) in findings.keyed(heartbeat, kind) {
            findings.check_name(node, name);
            let Some(device) = findings.required(node, "device") else {
                continue;
            };
            let path = Path {
                name: name.to_string(),
                comment,
                device: device.value(),
                node: device,
            };
            rows.push((node, path));
        }
    }
    let known = |node: &Node<'_>| {
        node.name() == "types" || KINDS.iter().any(|(kind, _)| *kind == node.name())
    };
    for other in heartbeat.children().filter(|node| !known(node)) {
        if other.key().is_some() {
            findings.warn_in(other, "", Problem::HeartbeatKindIgnored);
        }
    }
    findings.by_priority(rows)
}

/// Without any named interconnect: the `lan` devices of all servers, by their ids.
fn lan_devices<'t>(servers: &[ServerRow<'t>]) -> Vec<Path<'t>> {
    let mut paths: BTreeMap<u64, Path<'t>> = BTreeMap::new();
    for (id, node) in servers.iter().flat_map(|server| &server.devices) {
        let is_lan = node
            .all("type")
            .next()
            .is_some_and(|kind| kind.value() == "lan");
        let has_address = node
            .all("info")
            .next()
            .is_some_and(|info| !info.value().is_empty());
        let Some(number) = digits(id).filter(|_| is_lan && has_address) else {
            continue;
        };
        paths.entry(number).or_insert_with(|| Path {
            name: format!("lan{number}"),
            comment: "LAN Heartbeat",
            device: id,
            node: *node,
        });
    }
    paths.into_values().collect()
}

/// The element that holds the server's address in this device, if it has one.
fn lan_info<'t>(server: &ServerRow<'t>, id: &str, findings: &mut Findings) -> Option<Node<'t>> {
    let device = server.device(id)?;
    let info = findings.setting(device, "info")?;
    match findings.required(device, "type") {
        Some(kind) if kind.value() == "lan" => Some(info),
        Some(kind) => {
            findings.error(kind, Problem::DeviceNotLan);
            None
        }
        None => None,
    }
}

/// The IP address in `node`; the unspecified and multicast ones belong to no single machine.
pub(super) fn address_of(node: Node<'_>, findings: &mut Findings) -> Option<IpAddr> {
    let address = node
        .value()
        .parse::<IpAddr>()
        .ok()
        .filter(|address| !address.is_unspecified() && !address.is_multicast());
    if address.is_none() {
        findings.error(node, Problem::NotIpAddress);
    }
    address
}

/// No address may belong to two servers, on whichever interconnects.
fn check_distinct(
    servers: &[ServerRow<'_>],
    devices: &[Vec<Option<Node<'_>>>],
    addresses: &[Vec<Option<IpAddr>>],
    findings: &mut Findings,
) {
    let mut taken: Vec<(IpAddr, usize)> = Vec::new();
    for (server, row) in addresses.iter().enumerate() {
        for (at, address) in row.iter().enumerate() {
            let (Some(address), Some(node)) = (address, devices[server][at]) else {
                continue;
            };
            let address = address.to_canonical();
            match taken
                .iter()
                .find(|(other, owner)| *other == address && *owner != server)
            {
                Some((_, owner)) => {
                    let by = shown(servers[*owner].name);
                    findings.error(node, Problem::AddressTaken { by });
                }
                None => taken.push((address, server)),
            }
        }
    }
}

/// Two servers without a common interconnect would take each other for down for ever.
fn check_connected(
    root: Node<'_>,
    servers: &[ServerRow<'_>],
    devices: &[Vec<Option<Node<'_>>>],
    no_paths: bool,
    findings: &mut Findings,
) {
    if servers.len() < 2 {
        return;
    }
    if no_paths {
        let node = findings.at(root, "heartbeat").unwrap_or(root);
        findings.error_silent(node, Problem::NoInterconnect);
        return;
    }
    for (at, row) in devices.iter().enumerate() {
        let apart = devices[..at].iter().position(|other| {
            !row.iter()
                .zip(other)
                .any(|(a, b)| a.is_some() && b.is_some())
        });
        if let Some(other) = apart {
            let other = shown(servers[other].name);
            findings.error_silent(servers[at].node, Problem::NoSharedInterconnect { other });
        }
    }
}
