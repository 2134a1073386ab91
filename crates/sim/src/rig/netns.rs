//! A network of its own for a rig: one namespace a server, one for lamps and mail server, joined by
//! bridges in one more, with no way out. Needs root.
//!
//! Bridge `b0`, `b1` … is an interconnect each, `bo` the way to lamps and mail server. A cable is
//! cut at the bridge: its port is taken away, so both ends keep their link and hear nothing, as
//! behind a dead switch. Loss is made by nftables, because not every kernel has netem.
//!
//! *Failure.* Every call fails with what `ip` or `nft` said. Dropping it removes all namespaces.

use super::{Error, Fallible};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// What a network is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Servers.
    pub servers: usize,
    /// Interconnects of each.
    pub paths: usize,
    /// Interconnects have IPv6 addresses; the way outside has IPv4 ones always.
    pub ipv6: bool,
}

/// A network of namespaces.
#[derive(Debug)]
pub struct Netns {
    prefix: String,
    shape: Shape,
}

/// Networks of this process so far.
static BUILT: AtomicU32 = AtomicU32::new(0);

impl Netns {
    /// Whether networks can be built here; else what is missing.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn available() -> Result<(), String> {
        if !rustix::process::geteuid().is_root() {
            return Err("network namespaces need root".into());
        }
        for (program, argument) in [("ip", "-V"), ("nft", "-v")] {
            let found = Command::new(program).arg(argument).output();
            if !found.is_ok_and(|output| output.status.success()) {
                return Err(format!("the program {program} is missing"));
            }
        }
        let shape = Shape {
            servers: 1,
            paths: 1,
            ipv6: false,
        };
        Netns::build(shape).map(drop).map_err(|error| error.0)
    }

    /// Builds it.
    ///
    /// # Errors
    /// When a namespace, bridge or cable cannot be made; nothing remains then.
    pub fn build(shape: Shape) -> Fallible<Netns> {
        let number = BUILT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("nrs{}x{number}", std::process::id());
        let netns = Netns { prefix, shape };
        let spaces = (0..shape.servers).map(|at| netns.server(at));
        let mut lines = String::new();
        for space in spaces.chain([netns.switch(), netns.outside()]) {
            let _ = writeln!(lines, "netns add {space}");
        }
        batch(None, &lines)?;
        let mut lines = String::from("link set lo up\n");
        for path in 0..shape.paths {
            let _ = writeln!(lines, "{}", bridge(&format!("b{path}")));
            for server in 0..shape.servers {
                let cable = (
                    format!("e{path}"),
                    format!("p{path}s{server}"),
                    format!("b{path}"),
                );
                lines += &wire(&netns.server(server), &cable);
            }
        }
        let _ = writeln!(lines, "{}", bridge("bo"));
        for server in 0..shape.servers {
            let cable = ("eo".into(), format!("pos{server}"), "bo".into());
            lines += &wire(&netns.server(server), &cable);
        }
        lines += &wire(&netns.outside(), &("eo".into(), "poo".into(), "bo".into()));
        batch(Some(&netns.switch()), &lines)?;
        for server in 0..shape.servers {
            let mut lines = String::from("link set lo up\n");
            for path in 0..shape.paths {
                lines += &address(&format!("e{path}"), netns.address(server, path));
            }
            lines += &address("eo", Ipv4Addr::new(198, 19, 0, 1 + server as u8).into());
            batch(Some(&netns.server(server)), &lines)?;
        }
        let mut lines = String::from("link set lo up\n");
        for last in 200..255 {
            lines += &address("eo", netns.outside_address(last));
        }
        batch(Some(&netns.outside()), &lines)?;
        Ok(netns)
    }

    /// The namespace of a server.
    pub fn server(&self, server: usize) -> String {
        format!("{}s{server}", self.prefix)
    }

    /// The namespace of lamps and mail server.
    pub fn outside(&self) -> String {
        format!("{}o", self.prefix)
    }

    fn switch(&self) -> String {
        format!("{}w", self.prefix)
    }

    /// An address of lamps and mail server, in the range for such tests (RFC 2544); `last` is 200
    /// to 254.
    pub fn outside_address(&self, last: u8) -> IpAddr {
        Ipv4Addr::new(198, 19, 0, last).into()
    }

    /// The address of a server on an interconnect.
    pub fn address(&self, server: usize, path: usize) -> IpAddr {
        let (server, path) = (1 + server as u16, path as u16);
        if self.shape.ipv6 {
            Ipv6Addr::new(0xfd77, 0, 0, path, 0, 0, 0, server).into()
        } else {
            // Far fewer than 250 of both.
            Ipv4Addr::new(198, 18, path as u8, server as u8).into()
        }
    }

    /// Cuts a server's cable of one interconnect: silence, in both directions.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn cut(&self, server: usize, path: usize) -> Fallible<Instant> {
        self.ports(&[format!("link set p{path}s{server} nomaster")])
    }

    /// Cuts all interconnects of a server at one moment; lamps and mail server stay in reach.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn cut_all(&self, server: usize) -> Fallible<Instant> {
        let line = |path| format!("link set p{path}s{server} nomaster");
        self.ports(&(0..self.shape.paths).map(line).collect::<Vec<_>>())
    }

    /// Cuts everything of a server at one moment, the way outside too.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn unplug(&self, server: usize) -> Fallible<Instant> {
        let line = |path| format!("link set p{path}s{server} nomaster");
        let mut lines: Vec<String> = (0..self.shape.paths).map(line).collect();
        lines.push(format!("link set pos{server} nomaster"));
        self.ports(&lines)
    }

    /// Puts every cable of a server back.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn heal(&self, server: usize) -> Fallible<Instant> {
        let line = |path| format!("link set p{path}s{server} master b{path}");
        let mut lines: Vec<String> = (0..self.shape.paths).map(line).collect();
        lines.push(format!("link set pos{server} master bo"));
        self.ports(&lines)
    }

    /// From now on `to` does not hear `from` on any interconnect.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn cut_one_way(&self, from: usize, to: usize) -> Fallible<()> {
        let rules = (0..self.shape.paths).map(|path| {
            let address = self.address(from, path);
            let family = if address.is_ipv4() { "ip" } else { "ip6" };
            format!("add rule inet noroshi faults {family} saddr {address} drop\n")
        });
        self.rules(to, &rules.collect::<String>())
    }

    /// From now on a random share of what reaches each server on an interconnect is lost.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn loss(&self, path: usize, percent: u8) -> Fallible<()> {
        let rule = format!(
            "add rule inet noroshi faults iifname e{path} numgen random mod 100 < {percent} drop\n"
        );
        (0..self.shape.servers).try_for_each(|server| self.rules(server, &rule))
    }

    /// From now on nothing passes over links between servers, whose packets are TCP; what else there is between
    /// them does.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn silence_links(&self) -> Fallible<()> {
        let rules = (0..self.shape.paths).map(|path| {
            format!("add rule inet noroshi faults iifname e{path} meta l4proto tcp drop\n")
        });
        let rules = rules.collect::<String>();
        (0..self.shape.servers).try_for_each(|server| self.rules(server, &rules))
    }

    /// Ends one-way cuts, losses and the silence of links everywhere.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn clear_faults(&self) -> Fallible<()> {
        (0..self.shape.servers).try_for_each(|server| self.rules(server, ""))
    }

    /// Puts these rules in place of those before.
    fn rules(&self, server: usize, rules: &str) -> Fallible<()> {
        let text = format!(
            "add table inet noroshi\nflush table inet noroshi\n\
             add chain inet noroshi faults {{ type filter hook input priority 0 ; }}\n{rules}"
        );
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.server(server), "nft", "-f", "-"]);
        feed(command, &text)
    }

    fn ports(&self, lines: &[String]) -> Fallible<Instant> {
        let at = Instant::now();
        batch(Some(&self.switch()), &(lines.join("\n") + "\n"))?;
        Ok(at)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let spaces = (0..self.shape.servers).map(|at| self.server(at));
        for space in spaces.chain([self.outside(), self.switch()]) {
            // One that was never made is none to remove.
            let mut command = Command::new("ip");
            command.args(["netns", "del", &space]).stderr(Stdio::null());
            let _ = command.status();
        }
    }
}

fn bridge(name: &str) -> String {
    format!(
        "link add {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
         link set {name} up"
    )
}

/// A cable from a namespace's `inside` to the switch's `port` on `bridge`.
fn wire(space: &str, (inside, port, bridge): &(String, String, String)) -> String {
    format!(
        "link add {port} type veth peer name {inside} netns {space}\n\
         link set {port} master {bridge}\nlink set {port} up\n"
    )
}

fn address(inside: &str, address: IpAddr) -> String {
    let (bits, nodad) = if address.is_ipv4() {
        (24, "")
    } else {
        (64, " nodad")
    };
    format!("addr add {address}/{bits} dev {inside}{nodad}\nlink set {inside} up\n")
}

fn batch(space: Option<&str>, lines: &str) -> Fallible<()> {
    let mut command = Command::new("ip");
    if let Some(space) = space {
        command.args(["-n", space]);
    }
    command.args(["-batch", "-"]);
    feed(command, lines)
}

fn feed(mut command: Command, text: &str) -> Fallible<()> {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = piped.spawn()?;
    let mut stdin = child.stdin.take();
    let fed = stdin
        .as_mut()
        .map_or(Ok(()), |stdin| stdin.write_all(text.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output()?;
    if fed.is_ok() && output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error(format!(
        "{command:?}: {}\n{said}\n{text}",
        output.status
    )))
}
