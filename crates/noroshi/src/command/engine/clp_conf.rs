//! A first clp.conf, made of a ring's nodes.

use noroshi_conf::corosync_conf::CorosyncConf;
use noroshi_core::text::Language;
use std::fmt::Write;
use std::net::{IpAddr, ToSocketAddrs};

/// The text of a clp.conf for the nodes of a ring: their names, and an interconnect for each link on which every
/// node has an address. With `engine` the ring judges who is at work. Subjects begin with the cluster's name: who has
/// several clusters sees at once which one it is.
///
/// # Errors
/// When no link has an address of every node; the text says of which it is missing.
pub(super) fn text(
    conf: &CorosyncConf,
    engine: bool,
    language: Language,
) -> Result<String, String> {
    let links = links(conf)?;
    let name = match conf.cluster.as_str() {
        "" => "cluster",
        name => name,
    };
    let name = escaped(name);
    let language = language.pick("en", "ja");
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<root>\n  <all>\n    <charset>UTF-8</charset>\n    \
         <serveros>linux</serveros>\n    <encode>UTF-8</encode>\n  </all>\n  <cluster>\n    <name>{name}</name>\n    \
         <mail><subject>{name}</subject></mail>\n  </cluster>\n"
    );
    for (at, node) in conf.nodes.iter().enumerate() {
        // A String takes whatever is written to it.
        let _ = writeln!(
            text,
            "  <server name=\"{}\">\n    <priority>{at}</priority>",
            escaped(&node.name)
        );
        for (device, addresses) in links.iter().enumerate() {
            let _ = writeln!(
                text,
                "    <device id=\"{device}\">\n      <type>lan</type>\n      <info>{}</info>\n    </device>",
                addresses[at]
            );
        }
        text.push_str("  </server>\n");
    }
    text.push_str("  <heartbeat>\n    <types name=\"lankhb\"/>\n");
    for device in 0..links.len() {
        let _ = writeln!(
            text,
            "    <lankhb name=\"lankhb{}\">\n      <priority>{device}</priority>\n      <device>{device}</device>\n    </lankhb>",
            device + 1
        );
    }
    let engine = match engine {
        true => "    <engine>corosync</engine>\n",
        false => "",
    };
    let _ = write!(
        text,
        "  </heartbeat>\n  <noroshi>\n{engine}    <language>{language}</language>\n  </noroshi>\n</root>\n"
    );
    Ok(text)
}

/// By link: the address of each node, in the nodes' order.
fn links(conf: &CorosyncConf) -> Result<Vec<Vec<IpAddr>>, String> {
    let mut links = Vec::new();
    let mut missing = None;
    for link in 0..8 {
        let addresses: Option<Vec<IpAddr>> = conf
            .nodes
            .iter()
            .map(|node| {
                let address = node.address(link).or_else(|| {
                    let (_, host) = node.addresses.iter().find(|(at, _)| *at == link)?;
                    resolved(host)
                });
                if address.is_none() && link == 0 {
                    missing.get_or_insert_with(|| node.name.clone());
                }
                address
            })
            .collect();
        links.extend(addresses);
    }
    match missing.filter(|_| links.is_empty()) {
        Some(node) => Err(node),
        None => Ok(links),
    }
}

fn resolved(host: &str) -> Option<IpAddr> {
    let mut found = (host, 0).to_socket_addrs().ok()?;
    found.next().map(|address| address.ip())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_conf::corosync_conf;

    /// Rule: N3 M29
    #[test]
    fn what_is_made_of_a_ring_is_a_sound_clp_conf() {
        let ring = "totem {\n cluster_name: east & west\n}\nnodelist {\n node {\n name: n1\n ring0_addr: 192.0.2.1\n ring1_addr: 198.51.100.1\n }\n\
            node {\n name: n2\n ring0_addr: 192.0.2.2\n }\n}\n";
        let conf = corosync_conf::read(ring).unwrap();
        let made = text(&conf, false, Language::Ja).unwrap();
        let parsed = noroshi_conf::read(made.as_bytes()).unwrap();
        assert_eq!(parsed.config.cluster, "east & west");
        assert_eq!(parsed.config.mail.subject, "east & west");
        let names: Vec<&str> = parsed
            .config
            .servers
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["n1", "n2"]);
        // The second link is not everybody's.
        assert_eq!(parsed.config.interconnects.len(), 1);
        assert_eq!(parsed.config.language, Language::Ja);
    }
}
