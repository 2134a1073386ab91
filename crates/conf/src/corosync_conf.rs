//! corosync.conf: the cluster's name, its nodes, and how soon its ring finds a loss.
//!
//! *Use.* [`read`] for the file, [`Timing::of_runtime`] for what a running Corosync has made of it
//! (`corosync-cmapctl`). *Failure.* What is no corosync.conf is refused with its line; keys that nobody asks for
//! are left out.

use std::net::IpAddr;

/// Largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Most links of a node (knet).
const LINKS_MAX: usize = 8;
/// Longest part of a line that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 60;
/// Deepest nesting; real files have 2.
const DEPTH_MAX: usize = 8;

/// Corosync's default token in ms (3.1; `man corosync.conf`).
const TOKEN_MS: u64 = 3_000;
/// Its default token_coefficient in ms.
const COEFFICIENT_MS: u64 = 650;
/// Its default knet_pong_count.
const PONG_COUNT: u64 = 2;

/// A corosync.conf as far as we ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorosyncConf {
    /// `totem { cluster_name }`.
    pub cluster: String,
    /// The nodes, in the order of the file.
    pub nodes: Vec<RingNode>,
    /// How soon a loss is found.
    pub timing: Timing,
}

/// One node of the ring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RingNode {
    /// Its name; the address of its first link where it has none.
    pub name: String,
    /// The line of the file that its name stands on; its section's where it has none.
    pub line: u32,
    /// Its addresses by link, as they stand there: addresses or host names.
    pub addresses: Vec<(usize, String)>,
}

impl RingNode {
    /// Its address on a link, if it stands there as one.
    pub fn address(&self, link: usize) -> Option<IpAddr> {
        let (_, address) = self.addresses.iter().find(|(at, _)| *at == link)?;
        address.parse().ok()
    }
}

/// The times of a ring, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Nodes of the ring.
    pub nodes: u64,
    /// Silence after which the ring is formed anew, the coefficient included.
    pub token_ms: u64,
    /// What of it the coefficient makes, by the file; `None` where only the sum is known.
    pub coefficient_ms: Option<u64>,
    /// How long forming it takes when a node does not answer.
    pub consensus_ms: u64,
    /// Silence after which knet takes a link for down.
    pub ping_timeout_ms: u64,
}

impl Timing {
    /// How long after its last word a node's loss is known, at the soonest and in the usual case.
    pub fn first_notice_ms(&self) -> u64 {
        self.token_ms + self.consensus_ms
    }

    /// By Corosync's rules: the coefficient counts for each node beyond the second, consensus is 1.2 tokens,
    /// knet's time-out half a token.
    fn derived(nodes: u64, token: u64, coefficient: u64, consensus: Option<u64>) -> Timing {
        let beyond = match nodes {
            0..=2 => 0,
            more => more - 2,
        };
        let part = coefficient.saturating_mul(beyond);
        let token_ms = token.saturating_add(part);
        Timing {
            nodes,
            token_ms,
            coefficient_ms: Some(part),
            consensus_ms: consensus.unwrap_or(token_ms.saturating_mul(6) / 5),
            ping_timeout_ms: token_ms / PONG_COUNT,
        }
    }

    /// From what `corosync-cmapctl` prints of a running Corosync; `None` when the times are not among it.
    pub fn of_runtime(printed: &str) -> Option<Timing> {
        let value = |key: &str| {
            let mut lines = printed.lines();
            let line = lines.find(|line| line.split_whitespace().next() == Some(key))?;
            line.rsplit_once('=')?.1.trim().parse::<u64>().ok()
        };
        let nodes = printed.lines().filter(|line| {
            let key = line.split_whitespace().next().unwrap_or_default();
            key.starts_with("nodelist.node.") && key.ends_with(".nodeid")
        });
        let token_ms = value("runtime.config.totem.token")?;
        Some(Timing {
            nodes: nodes.count() as u64,
            token_ms,
            coefficient_ms: None,
            consensus_ms: value("runtime.config.totem.consensus")?,
            ping_timeout_ms: value("runtime.config.totem.interface.0.knet_ping_timeout")
                .unwrap_or(token_ms / PONG_COUNT),
        })
    }
}

/// Reads a corosync.conf.
///
/// # Errors
/// When it is none; the text names the line.
pub fn read(text: &str) -> Result<CorosyncConf, String> {
    if text.len() > FILE_BYTES_MAX {
        return Err(format!("more than {FILE_BYTES_MAX} bytes"));
    }
    let mut conf = CorosyncConf::default();
    let mut path: Vec<&str> = Vec::new();
    let (mut token, mut coefficient, mut consensus, mut ping) = (None, None, None, None);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let fault = |what: &str| Err(format!("line {}: {what}", at + 1));
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_suffix('{') {
            if path.len() >= DEPTH_MAX {
                return fault("nested too deep");
            }
            path.push(name.trim());
            if path == ["nodelist", "node"] {
                conf.nodes.push(RingNode {
                    line: number_of(at),
                    ..RingNode::default()
                });
            }
            continue;
        }
        if line == "}" {
            if path.pop().is_none() {
                return fault("a section ends that did not begin");
            }
            continue;
        }
        let Some((key, value)) = line.split_once(':') else {
            let shown = shown(line);
            return fault(&format!("neither a section nor \"key: value\": {shown}"));
        };
        let (key, value) = (key.trim(), value.trim());
        let number = || match value.parse::<u64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!(
                "line {}: {key} is no number: {}",
                at + 1,
                shown(value)
            )),
        };
        match (path.as_slice(), key) {
            (["totem"], "cluster_name") => conf.cluster = value.to_owned(),
            (["totem"], "token") => token = number()?,
            (["totem"], "token_coefficient") => coefficient = number()?,
            (["totem"], "consensus") => consensus = number()?,
            (["totem", "interface"], "knet_ping_timeout") => ping = number()?,
            (["nodelist", "node"], key) => {
                if let Some(node) = conf.nodes.last_mut() {
                    take_node(node, key, value);
                    if key == "name" {
                        node.line = number_of(at);
                    }
                }
            }
            _ => {}
        }
    }
    if !path.is_empty() {
        return Err(format!("section {} does not end", path.join(" ")));
    }
    if conf.nodes.is_empty() {
        return Err("there is no nodelist in it".into());
    }
    for node in &mut conf.nodes {
        if node.name.is_empty() {
            let first = node.addresses.first();
            node.name = first.map_or_else(String::new, |(_, address)| address.clone());
        }
    }
    conf.timing = Timing::derived(
        conf.nodes.len() as u64,
        token.unwrap_or(TOKEN_MS),
        coefficient.unwrap_or(COEFFICIENT_MS),
        consensus,
    );
    conf.timing.ping_timeout_ms = ping.unwrap_or(conf.timing.ping_timeout_ms);
    Ok(conf)
}

/// What stands there, cut and without control characters; not what may be the ring's own key.
fn shown(text: &str) -> String {
    if text.starts_with("key") {
        return "key …".into();
    }
    let plain = text.chars().filter(|c| !c.is_control());
    plain.take(SHOWN_CHARS_MAX).collect()
}

/// The number of the line at this place.
fn number_of(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

fn take_node(node: &mut RingNode, key: &str, value: &str) {
    let link = key
        .strip_prefix("ring")
        .and_then(|rest| rest.strip_suffix("_addr"));
    match (key, link.and_then(|link| link.parse::<usize>().ok())) {
        ("name", _) => node.name = value.to_owned(),
        (_, Some(link)) if link < LINKS_MAX => node.addresses.push((link, value.to_owned())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = "totem {\n  version: 2\n  cluster_name: east\n  interface {\n    linknumber: 0\n  }\n}\n\
        # comment\nnodelist {\n  node {\n    name: n1\n    nodeid: 1\n    ring0_addr: 192.0.2.1\n    ring1_addr: 2001:db8::1\n  }\n\
        node {\n    nodeid: 2\n    ring0_addr: host2\n  }\n  node {\n    name: n3\n    ring0_addr: 192.0.2.3\n  }\n}\n";

    fn with(totem: &str) -> Timing {
        read(&THREE.replace("version: 2", totem)).unwrap().timing
    }

    /// Rule: N3
    #[test]
    fn nodes_and_addresses_are_read() {
        let conf = read(THREE).unwrap();
        assert_eq!(conf.cluster, "east");
        let names: Vec<&str> = conf.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["n1", "host2", "n3"]);
        let lines: Vec<u32> = conf.nodes.iter().map(|node| node.line).collect();
        assert_eq!(lines, [11, 16, 21]);
        assert_eq!(conf.nodes[0].address(1), "2001:db8::1".parse().ok());
        assert_eq!(conf.nodes[1].address(0), None);
    }

    /// Measured on a real ring of three: 8.0 s, 3.6 s, 2.2 s, 0.66 s.
    ///
    /// Rule: N3
    #[test]
    fn the_first_notice_follows_from_the_ring() {
        assert_eq!(with("version: 2").first_notice_ms(), 8_030);
        assert_eq!(with("token: 1000").first_notice_ms(), 3_630);
        let fast = with("token: 1000\ntoken_coefficient: 0");
        assert_eq!((fast.first_notice_ms(), fast.ping_timeout_ms), (2_200, 500));
        assert_eq!(
            with("token: 300\ntoken_coefficient: 0").first_notice_ms(),
            660
        );
        assert_eq!(
            with("token: 1000\nconsensus: 5000").first_notice_ms(),
            6_650
        );
        let two = "nodelist {\nnode {\nring0_addr: a\n}\nnode {\nring0_addr: b\n}\n}";
        assert_eq!(read(two).unwrap().timing.first_notice_ms(), 6_600);
    }

    /// Rule: N3
    #[test]
    fn a_running_corosync_says_what_it_has_made_of_it() {
        let printed = "nodelist.node.0.nodeid (u32) = 1\nnodelist.node.1.nodeid (u32) = 2\n\
            runtime.config.totem.consensus (u32) = 1200\nruntime.config.totem.token (u32) = 1000\n\
            runtime.config.totem.token_retransmit (u32) = 238\n\
            runtime.config.totem.interface.0.knet_ping_timeout (u32) = 500\n";
        let timing = Timing::of_runtime(printed).unwrap();
        assert_eq!((timing.nodes, timing.first_notice_ms()), (2, 2_200));
        assert_eq!(timing.ping_timeout_ms, 500);
        assert_eq!(Timing::of_runtime("Failed to initialize"), None);
    }

    /// Rule: N3
    #[test]
    fn what_is_no_corosync_conf_is_refused_with_its_line() {
        for (text, words) in [
            ("", "nodelist"),
            ("totem {\n", "does not end"),
            ("}\n", "line 1"),
            (
                "\nwhat is this\n",
                "line 2: neither a section nor \"key: value\": what is this",
            ),
            (
                "totem {\n token: fast\n}",
                "line 2: token is no number: fast",
            ),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(words), "{text:?}: {said}");
        }
        assert!(read(&"a {\n".repeat(50)).unwrap_err().contains("deep"));
        let said = read("totem {\n key = c2VjcmV0\n}").unwrap_err();
        assert!(!said.contains("c2VjcmV0"), "{said}");
    }
}
