//! Network warning lights (rules M19 M20 N12).
//!
//! The real product has `/root/cluster/dn1000s/use` and, in each server, `device@20000` with the
//! lamp's type and address. What else a lamp needs stands in `/root/noroshi/lamp@SERVER`, whose
//! type wins. While lamps are not used, what is wrong with them is not told: old rests of them
//! must not keep a file from being taken.

use super::interconnects::address_of;
use super::lamp_type::{LampType, TYPES};
use super::servers::ServerRow;
use crate::finding::{Findings, shown};
use crate::names::nearest;
use crate::problem::Problem;
use crate::tree::Node;
use noroshi_core::config::{Lamp, LampId, LampKind, ServerId};
use std::net::IpAddr;

/// The one device id that the real product gives to warning lights.
const LAMP_DEVICE: &str = "20000";

/// All lamps, and which one each server has.
pub(super) struct Lamps {
    pub(super) used: bool,
    pub(super) lamps: Vec<Lamp>,
    pub(super) of_servers: Vec<Option<LampId>>,
}

/// One server's lamp, before it is known whether others share it.
struct LampRow<'t> {
    address: IpAddr,
    kind: LampKind,
    port: Option<u16>,
    /// Where the address stands.
    node: Node<'t>,
}

pub(super) fn lamps(root: Node<'_>, servers: &[ServerRow<'_>], findings: &mut Findings) -> Lamps {
    let used = findings.flag(root, "cluster/dn1000s/use").unwrap_or(false);
    let mut unheard = Findings::default();
    let findings = if used { findings } else { &mut unheard };
    let noroshi = findings.at(root, "noroshi");
    let own_rows = noroshi
        .map(|own| findings.keyed(own, "lamp"))
        .unwrap_or_default();
    for (name, node) in &own_rows {
        if servers.iter().all(|server| server.name != *name) {
            let nearest = nearest(name, servers.iter().map(|server| server.name)).map(shown);
            findings.error_in(*node, name, Problem::ServerUnknown { nearest });
        }
    }
    let mut lamps: Vec<Lamp> = Vec::new();
    let mut of_servers = Vec::with_capacity(servers.len());
    for (at, server) in servers.iter().enumerate() {
        let own = own_rows
            .iter()
            .find(|(name, _)| *name == server.name)
            .map(|(_, node)| *node);
        let before = findings.error_count();
        // A lamp that something is wrong with is none, also where the findings are not told.
        let row = lamp(server, own, findings).filter(|_| findings.error_count() == before);
        let server = ServerId(at as u8);
        of_servers.push(row.and_then(|row| share(row, server, &mut lamps, servers, findings)));
    }
    Lamps {
        used,
        lamps,
        of_servers,
    }
}

/// Rule M20: one address, port and kind is one lamp.
fn share(
    row: LampRow<'_>,
    server: ServerId,
    lamps: &mut Vec<Lamp>,
    servers: &[ServerRow<'_>],
    findings: &mut Findings,
) -> Option<LampId> {
    let same_address = |lamp: &Lamp| lamp.address.to_canonical() == row.address.to_canonical();
    if let Some(other) = lamps
        .iter()
        .find(|lamp| same_address(lamp) && lamp.kind != row.kind)
    {
        let other = shown(servers[usize::from(other.servers[0].0)].name);
        findings.error(row.node, Problem::LampDiffers { other });
        return None;
    }
    if let Some(at) = lamps
        .iter()
        .position(|lamp| same_address(lamp) && lamp.port == row.port)
    {
        lamps[at].servers.push(server);
        return Some(LampId(at as u8));
    }
    let (address, kind, port) = (row.address, row.kind, row.port);
    lamps.push(Lamp {
        address,
        kind,
        port,
        servers: vec![server],
    });
    Some(LampId((lamps.len() - 1) as u8))
}

/// The lamp of one server; none without a device, or where something is wrong with it.
fn lamp<'t>(
    server: &ServerRow<'t>,
    own: Option<Node<'t>>,
    findings: &mut Findings,
) -> Option<LampRow<'t>> {
    let device = server.device(LAMP_DEVICE);
    let own_type = own.and_then(|own| findings.setting(own, "type"));
    let type_node = own_type.or_else(|| findings.setting(device?, "type"));
    let info = device.and_then(|device| findings.at(device, "info"));
    let address = match info {
        Some(info) if !info.value().is_empty() => {
            address_of(info, findings).map(|address| (address, info))
        }
        _ => {
            if type_node.is_some() || own.is_some() {
                without_address(server, device, info, findings);
            }
            None
        }
    };
    let Some(type_node) = type_node else {
        if let (Some(device), Some(_)) = (device, address) {
            findings.missing(device, "type");
        }
        return None;
    };
    let lamp_type = findings.choice_of(type_node, &TYPES)?;
    if lamp_type == LampType::Command && own.is_none() {
        let path = format!("/root/noroshi/lamp@{}/program", shown(server.name));
        findings.error_at(type_node.line(), path, Problem::Missing);
    }
    let kind = lamp_type.kind(own, findings)?;
    let port = own.and_then(|own| port(own, lamp_type, findings));
    let (address, node) = address?;
    Some(LampRow {
        address,
        kind,
        port,
        node,
    })
}

fn without_address(
    server: &ServerRow<'_>,
    device: Option<Node<'_>>,
    info: Option<Node<'_>>,
    findings: &mut Findings,
) {
    let (node, path) = match (info, device) {
        (Some(info), _) => (info, info.path()),
        (None, Some(device)) => (device, format!("{}/info", device.path())),
        (None, None) => (
            server.node,
            format!("{}/device@{LAMP_DEVICE}/info", server.node.path()),
        ),
    };
    findings.error_at(node.line(), path, Problem::LampWithoutAddress);
}

/// The port, where it is not the protocol's own.
fn port(own: Node<'_>, lamp_type: LampType, findings: &mut Findings) -> Option<u16> {
    let port = findings.number(own, "port", 1..=65_535, "")?;
    // Within the bounds above.
    Some(port as u16).filter(|port| Some(*port) != lamp_type.port())
}
