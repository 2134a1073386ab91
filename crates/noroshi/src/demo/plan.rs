//! What the demonstration's cluster is made of: names, addresses, and the clp.conf that says so.
//!
//! Everything listens on loopback. The addresses of one demonstration lie in a block of
//! 127.0.0.0/8 of its own, so that several run beside each other.

use noroshi_core::text::Language;
use noroshi_sim::lamp::Kind;
use noroshi_sim::scenario::Setup;
use noroshi_wire::lamp::pns::Unit;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

/// The port of the embedded engine, as on real servers.
const ENGINE_PORT: u16 = 29_002;
/// Blocks of addresses tried before the demonstration gives up.
const BLOCKS_TRIED_MAX: u8 = 32;
/// Host part of the first lamp's address; the servers have 1 to 32.
const LAMP_HOST: u8 = 201;
/// The protocols that the lamps speak in turn: type in clp.conf, and what people call it.
const LAMP_TYPES: [(&str, &str); 5] = [
    ("patlite-http", "PATLITE HTTP"),
    ("isa-tcp", "ISA TCP"),
    ("patlite-pns", "PATLITE PNS"),
    ("patlite-phn", "PATLITE PHN"),
    ("patlite-snmp", "PATLITE SNMP"),
];

/// Names and addresses of one demonstration.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Names of the servers, in server order.
    pub(super) servers: Vec<String>,
    /// Names of the interconnects.
    pub(super) interconnects: Vec<String>,
    /// Who is told by mail.
    pub(super) recipients: Vec<String>,
    /// All servers share the first lamp.
    pub(super) shared_lamp: bool,
    /// No lamp can say what it shows.
    pub(super) mute_lamps: bool,
    /// Servers that are not started at the beginning.
    pub(super) absent: Vec<usize>,
    /// Language of alerts and mails.
    pub(super) language: Language,
    block: u8,
}

impl Plan {
    /// A plan for a story's world. `seed` chooses where the search for free addresses begins.
    ///
    /// # Errors
    /// No block of loopback addresses is free.
    pub(super) fn new(setup: &Setup, language: Language, seed: u32) -> Result<Plan, String> {
        let servers: Vec<String> = (1..=setup.servers).map(|n| format!("sv{n}")).collect();
        let is_absent = |at: &usize| setup.absent.contains(&servers[*at]);
        let mut plan = Plan {
            interconnects: (1..=setup.interconnects)
                .map(|n| format!("lan{n}"))
                .collect(),
            recipients: setup.mail.clone(),
            shared_lamp: setup.shared_lamp,
            mute_lamps: setup.mute_lamps,
            absent: (0..servers.len()).filter(is_absent).collect(),
            servers,
            language,
            block: 0,
        };
        for step in 0..BLOCKS_TRIED_MAX {
            // 127.128 to 127.254: far from 127.0.0.1 and from what tests and people choose.
            plan.block = 128 + ((seed.wrapping_add(u32::from(step)) % 127) as u8);
            if plan.is_free() {
                return Ok(plan);
            }
        }
        Err(format!(
            "port {ENGINE_PORT} is taken on every loopback address tried"
        ))
    }

    /// A server's address on an interconnect.
    pub(super) fn address(&self, server: usize, interconnect: usize) -> Ipv4Addr {
        // At most 32 servers and 8 interconnects: the story's reader sees to it.
        Ipv4Addr::new(127, self.block, interconnect as u8 + 1, server as u8 + 1)
    }

    /// Where the lamp of number `lamp` is to listen.
    pub(super) fn lamp_address(&self, lamp: usize) -> Ipv4Addr {
        Ipv4Addr::new(127, self.block, 0, LAMP_HOST + lamp as u8)
    }

    /// Where the inbox is to listen.
    pub(super) fn inbox_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(127, self.block, 0, 25)
    }

    /// The number of a server's lamp.
    pub(super) fn lamp_of(&self, server: usize) -> usize {
        if self.shared_lamp { 0 } else { server }
    }

    /// How many lamps there are.
    pub(super) fn lamps(&self) -> usize {
        if self.shared_lamp {
            1
        } else {
            self.servers.len()
        }
    }

    /// The place of a lamp's type in the table; the first is the one that cannot be read.
    fn type_of(&self, lamp: usize) -> usize {
        match self.mute_lamps {
            true => 0,
            false => lamp % LAMP_TYPES.len(),
        }
    }

    /// What people call the lamp of this number.
    pub(super) fn lamp_name(&self, lamp: usize) -> &'static str {
        LAMP_TYPES[self.type_of(lamp)].1
    }

    /// What the lamp of this number speaks.
    pub(super) fn lamp_kind(&self, lamp: usize) -> Kind {
        match self.type_of(lamp) {
            0 => Kind::PatliteHttp,
            1 => Kind::IsaTcp { password: None },
            2 => Kind::PatlitePns(Unit::Nh),
            3 => Kind::PatlitePhn,
            _ => Kind::PatliteSnmp {
                read: "public".into(),
                write: "private".into(),
            },
        }
    }

    fn is_free(&self) -> bool {
        (0..self.servers.len()).all(|server| {
            (0..self.interconnects.len())
                .all(|path| UdpSocket::bind((self.address(server, path), ENGINE_PORT)).is_ok())
        })
    }

    /// The clp.conf of all servers, with lamps and inbox where they listen.
    pub(super) fn conf(&self, lamps: &[SocketAddr], inbox: SocketAddr, syslog: &Path) -> String {
        let mut servers = String::new();
        let mut ports = String::new();
        for (at, name) in self.servers.iter().enumerate() {
            servers += &format!("  <server name=\"{name}\"><priority>{at}</priority>\n");
            for path in 0..self.interconnects.len() {
                servers += &format!(
                    "    <device id=\"{path}\"><type>lan</type><info>{}</info></device>\n",
                    self.address(at, path)
                );
            }
            let lamp = self.lamp_of(at);
            servers += &format!(
                "    <device id=\"20000\"><type>{}</type><info>{}</info></device>\n  </server>\n",
                LAMP_TYPES[self.type_of(lamp)].0,
                lamps[lamp].ip()
            );
            ports += &format!(
                "    <lamp name=\"{name}\"><port>{}</port></lamp>\n",
                lamps[lamp].port()
            );
        }
        // Not where the console of a real service on this machine is.
        let mut consoles = String::new();
        for (at, name) in self.servers.iter().enumerate() {
            let address = self.address(at, 0);
            consoles += &format!("<server name=\"{name}\"><address>{address}</address></server>");
        }
        let mut heartbeat = String::new();
        for (at, name) in self.interconnects.iter().enumerate() {
            heartbeat += &format!(
                "    <lankhb name=\"{name}\"><priority>{at}</priority><device>{at}</device></lankhb>\n"
            );
        }
        let mail = match self.recipients.is_empty() {
            true => String::new(),
            false => self.mail(inbox),
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<root>\n  <all><charset>UTF-8</charset>\
             <serveros>linux</serveros><encode>UTF-8</encode></all>\n  <cluster>\n    \
             <name>demo</name>\n{mail}    <dn1000s><use>1</use></dn1000s>\n  </cluster>\n{servers}  \
             <heartbeat><types name=\"lankhb\"/>\n{heartbeat}  </heartbeat>\n  <noroshi>\n    \
             <port>{ENGINE_PORT}</port><language>{}</language>\n{ports}    \
             <mail><sender>noroshi@demo.example</sender></mail>\n    \
             <console>{consoles}</console>\n    \
             <syslog><socket>{}</socket></syslog>\n  </noroshi>\n</root>\n",
            self.language.pick("en", "ja"),
            syslog.display(),
        )
    }

    fn mail(&self, inbox: SocketAddr) -> String {
        format!(
            "    <mail><address>{}</address><subject>demo</subject><sendtype>SMTP</sendtype>\
             <smtp><smtpsrv id=\"0\"><priority>0</priority><srvname>{}</srvname><port>{}</port>\
             </smtpsrv></smtp></mail>\n",
            self.recipients.join(" "),
            inbox.ip(),
            inbox.port()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_what_noroshi_check_takes_without_a_warning() {
        for setup in [
            Setup::default(),
            Setup {
                servers: 7,
                shared_lamp: true,
                ..Setup::default()
            },
        ] {
            let plan = Plan::new(&setup, Language::Ja, 5).unwrap();
            let at = |ip: Ipv4Addr| SocketAddr::from((ip, 40_000));
            let lamps: Vec<_> = (0..plan.lamps())
                .map(|lamp| at(plan.lamp_address(lamp)))
                .collect();
            let conf = plan.conf(&lamps, at(plan.inbox_address()), Path::new("/tmp/x/syslog"));
            let parsed = noroshi_conf::read(conf.as_bytes());
            let parsed = parsed.unwrap_or_else(|findings| panic!("{findings:?}\n{conf}"));
            assert!(parsed.warnings.is_empty(), "{:?}\n{conf}", parsed.warnings);
            assert_eq!(parsed.config.servers.len(), plan.servers.len());
            assert_eq!(parsed.config.lamps.len(), plan.lamps());
            assert_eq!(parsed.config.language, Language::Ja);
        }
    }
}
