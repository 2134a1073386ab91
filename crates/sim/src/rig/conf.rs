//! Writes the clp.conf of a rig.

use crate::lamp::Kind;
use noroshi_core::config::Engine;
use noroshi_core::text::Language;
use noroshi_wire::lamp::pns::Unit;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// A clp.conf as plain values. What is `None` or empty is left out of the file.
#[derive(Clone, Debug)]
pub struct Conf {
    /// Name of the cluster.
    pub cluster: String,
    /// The servers in server order.
    pub servers: Vec<ConfServer>,
    /// "Use network warning light".
    pub lamps_used: bool,
    /// UDP and TCP port between the servers.
    pub port: Option<u16>,
    /// Mail addresses.
    pub recipients: Vec<String>,
    /// Those of them that get the short form.
    pub short: Vec<String>,
    /// Start of each subject.
    pub subject: Option<String>,
    /// SMTP servers in order of priority; none is the host's own mail environment.
    pub smtp: Vec<SocketAddr>,
    /// The file of the authority behind their certificates, where they speak TLS from the first
    /// byte.
    pub smtp_tls: Option<PathBuf>,
    /// Longest wait for an SMTP server's answer, in seconds.
    pub smtp_timeout_s: Option<u32>,
    /// Character set of mails.
    pub mail_charset: Option<String>,
    /// Heartbeat time-out in milliseconds.
    pub timeout_ms: Option<u32>,
    /// Time-out for a host that answers, in milliseconds.
    pub stall_timeout_ms: Option<u32>,
    /// Grace for a quick restart, in milliseconds.
    pub restart_grace_ms: Option<u32>,
    /// Wait for the others at start, in milliseconds.
    pub start_wait_ms: Option<u32>,
    /// Language of alerts and mails.
    pub language: Option<Language>,
    /// Character set of the file itself.
    pub encoding: Encoding,
    /// The syslog daemon's socket.
    pub syslog: Option<PathBuf>,
    /// Each server has its console, on its first address; otherwise there is none.
    pub console: bool,
    /// Most alerts that the alert view keeps.
    pub alert_records_max: Option<u32>,
    /// Messages whose mail tick is changed: module, event id, mailed or not.
    pub mailed: Vec<(String, u32, bool)>,
    /// What judges who is at work.
    pub engine: Engine,
}

/// One server.
#[derive(Clone, Debug)]
pub struct ConfServer {
    /// Its name.
    pub name: String,
    /// Its address on each interconnect.
    pub addresses: Vec<IpAddr>,
    /// Its lamp.
    pub lamp: Option<ConfLamp>,
}

/// One server's lamp.
#[derive(Clone, Debug)]
pub struct ConfLamp {
    /// What it is.
    pub kind: Kind,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Character set of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// EUC-JP, as the real product writes it in Japan.
    EucJp,
}

impl Conf {
    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let text = self.text();
        match self.encoding {
            Encoding::Utf8 => text.into_bytes(),
            Encoding::EucJp => encoding_rs::EUC_JP.encode(&text).0.into_owned(),
        }
    }

    fn text(&self) -> String {
        let charset = match self.encoding {
            Encoding::Utf8 => "UTF-8",
            Encoding::EucJp => "EUC-JP",
        };
        let mut file = File::default();
        let _ = writeln!(file.text, "<?xml version=\"1.0\" encoding=\"{charset}\"?>");
        file.within("root", None, |file| {
            file.within("all", None, |file| file.put("charset", charset));
            file.within("cluster", None, |file| self.cluster(file));
            for (at, server) in self.servers.iter().enumerate() {
                file.within("server", Some(&server.name), |file| {
                    write_server(at, server, file)
                });
            }
            file.within("heartbeat", None, |file| self.interconnects(file));
            file.within("messages", None, |file| self.messages(file));
            if let Some(records) = self.alert_records_max {
                file.within("webalert", None, |file| {
                    file.within("main", None, |file| {
                        file.within("alertlog", None, |file| file.put("maxrecordcount", records));
                    });
                });
            }
            file.within("noroshi", None, |file| self.noroshi(file));
        });
        file.text
    }

    fn cluster(&self, file: &mut File) {
        file.put("name", &self.cluster);
        file.within("heartbeat", None, |file| {
            file.maybe("timeout", self.timeout_ms)
        });
        file.within("dn1000s", None, |file| {
            file.put("use", u8::from(self.lamps_used))
        });
        let changed = u8::from(!self.mailed.is_empty());
        file.within("messages", None, |file| file.put("use", changed));
        file.within("mail", None, |file| {
            file.put("address", self.recipients.join(","));
            file.maybe("subject", self.subject.as_ref());
            file.put(
                "sendtype",
                if self.smtp.is_empty() { "MAIL" } else { "SMTP" },
            );
            file.within("smtp", None, |file| {
                file.maybe("timeout", self.smtp_timeout_s);
                file.maybe("charset", self.mail_charset.as_ref());
                for (at, server) in self.smtp.iter().enumerate() {
                    file.within("smtpsrv", Some(&at.to_string()), |file| {
                        file.put("priority", at);
                        file.put("srvname", server.ip());
                        file.put("port", server.port());
                    });
                }
            });
        });
    }

    fn interconnects(&self, file: &mut File) {
        let paths = self
            .servers
            .iter()
            .map(|server| server.addresses.len())
            .max();
        for at in 0..paths.unwrap_or_default() {
            file.within("lankhb", Some(&format!("lankhb{}", at + 1)), |file| {
                file.put("priority", at);
                file.put("device", at);
            });
        }
    }

    fn messages(&self, file: &mut File) {
        for (module, event, mailed) in &self.mailed {
            file.within(module, Some(&event.to_string()), |file| {
                file.put("mail", u8::from(*mailed));
            });
        }
    }

    fn noroshi(&self, file: &mut File) {
        file.maybe("port", self.port);
        if self.engine == Engine::Corosync {
            file.put("engine", "corosync");
        }
        let language = self.language.map(|language| language.pick("en", "ja"));
        file.maybe("language", language);
        file.within("heartbeat", None, |file| {
            file.maybe("stalltimeout", self.stall_timeout_ms);
            file.maybe("restartgrace", self.restart_grace_ms);
            file.maybe("startwait", self.start_wait_ms);
        });
        file.within("mail", None, |file| self.own_mail(file));
        if let Some(socket) = &self.syslog {
            file.within("syslog", None, |file| file.put("socket", socket.display()));
        }
        file.within("console", None, |file| self.console(file));
        for server in &self.servers {
            if let Some(lamp) = &server.lamp {
                file.within("lamp", Some(&server.name), |file| write_lamp(lamp, file));
            }
        }
    }

    fn console(&self, file: &mut File) {
        file.put("use", u8::from(self.console));
        for server in self.servers.iter().filter(|_| self.console) {
            if let Some(address) = server.addresses.first() {
                file.within("server", Some(&server.name), |file| {
                    file.put("address", address);
                });
            }
        }
    }

    fn own_mail(&self, file: &mut File) {
        if !self.short.is_empty() {
            file.put("short", self.short.join(","));
        }
        if let Some(authority) = &self.smtp_tls {
            for at in 0..self.smtp.len() {
                file.within("smtpsrv", Some(&at.to_string()), |file| {
                    file.put("tls", "tls");
                    file.put("cafile", authority.display());
                });
            }
        }
    }
}

fn write_server(at: usize, server: &ConfServer, file: &mut File) {
    file.put("priority", at);
    for (device, address) in server.addresses.iter().enumerate() {
        file.within("device", Some(&device.to_string()), |file| {
            file.put("type", "lan");
            file.put("info", address);
        });
    }
    if let Some(lamp) = &server.lamp {
        file.within("device", Some("20000"), |file| {
            file.put("type", lamp_type(&lamp.kind));
            file.put("info", lamp.address.ip());
        });
    }
}

fn lamp_type(kind: &Kind) -> &'static str {
    match kind {
        Kind::IsaRsh(_) => "dn1000s",
        Kind::IsaTcp { .. } => "isa-tcp",
        Kind::PatliteRsh(_) => "patlite",
        Kind::PatliteHttp => "patlite-http",
        Kind::PatlitePns(_) => "patlite-pns",
        Kind::PatlitePhn => "patlite-phn",
        Kind::PatliteSnmp { .. } => "patlite-snmp",
    }
}

fn write_lamp(lamp: &ConfLamp, file: &mut File) {
    file.put("port", lamp.address.port());
    match &lamp.kind {
        Kind::IsaRsh(door) => file.maybe("password", door.password.as_ref()),
        Kind::IsaTcp { password } => file.maybe("password", password.as_ref()),
        Kind::PatlitePns(unit) => file.put(
            "family",
            match unit {
                Unit::Nh => "nh",
                Unit::Lr5 => "lr5",
                Unit::La6 => "la6",
            },
        ),
        Kind::PatliteSnmp { read, write } => {
            file.put("readcommunity", read);
            file.put("writecommunity", write);
        }
        Kind::PatliteRsh(_) | Kind::PatliteHttp | Kind::PatlitePhn => {}
    }
}

/// The file as it is written.
#[derive(Default)]
struct File {
    text: String,
    depth: usize,
}

impl File {
    fn within(&mut self, name: &str, key: Option<&str>, write: impl FnOnce(&mut File)) {
        let indent = "  ".repeat(self.depth);
        let attribute = if matches!(name, "device" | "smtpsrv") || self.is_message(key) {
            "id"
        } else {
            "name"
        };
        let key = key.map(|key| format!(" {attribute}=\"{}\"", escaped(key)));
        let _ = writeln!(self.text, "{indent}<{name}{}>", key.unwrap_or_default());
        self.depth += 1;
        write(self);
        self.depth -= 1;
        let _ = writeln!(self.text, "{indent}</{name}>");
    }

    /// Messages are keyed by number.
    fn is_message(&self, key: Option<&str>) -> bool {
        key.is_some_and(|key| key.bytes().all(|byte| byte.is_ascii_digit()))
    }

    fn put(&mut self, name: &str, value: impl ToString) {
        let indent = "  ".repeat(self.depth);
        let value = escaped(&value.to_string());
        let _ = writeln!(self.text, "{indent}<{name}>{value}</{name}>");
    }

    fn maybe(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_core::config::MailTransport;

    fn conf() -> Conf {
        let server = |at: u8| ConfServer {
            name: format!("sv{at}"),
            addresses: vec![[127, 64, 0, at].into(), [127, 64, 0, 40 + at].into()],
            lamp: Some(ConfLamp {
                kind: Kind::PatliteHttp,
                address: ([127, 64, 0, 254], 8000 + u16::from(at)).into(),
            }),
        };
        Conf {
            cluster: "狼煙".into(),
            servers: vec![server(1), server(2)],
            lamps_used: true,
            port: Some(4000),
            recipients: vec!["a@example.com".into(), "b@example.com".into()],
            short: vec!["b@example.com".into()],
            subject: Some("Cluster & co".into()),
            smtp: vec![([127, 64, 0, 253], 2525).into()],
            smtp_tls: None,
            smtp_timeout_s: Some(3),
            mail_charset: None,
            timeout_ms: Some(900),
            stall_timeout_ms: None,
            restart_grace_ms: Some(100),
            start_wait_ms: Some(2000),
            language: Some(Language::En),
            encoding: Encoding::EucJp,
            syslog: None,
            console: false,
            alert_records_max: None,
            mailed: vec![("nm".into(), 1, true)],
            engine: Engine::Corosync,
        }
    }

    #[test]
    fn what_is_written_is_read_back_without_a_warning() {
        let read = noroshi_conf::read(&conf().bytes()).unwrap();
        assert_eq!(read.warnings.len(), 0, "{:?}", read.warnings);
        let config = read.config;
        assert_eq!(config.cluster, "狼煙");
        assert_eq!(config.engine, Engine::Corosync);
        assert_eq!(config.interconnects.len(), 2);
        assert_eq!(config.lamps.len(), 2);
        assert_eq!(config.lamps[1].port, Some(8002));
        assert_eq!(config.heartbeat.timeout.as_ms(), 900);
        assert_eq!(config.mail.subject, "Cluster & co");
        assert_eq!(config.destinations.len(), 1);
        let MailTransport::Smtp { servers, .. } = config.mail.transport else {
            panic!("no SMTP server");
        };
        assert_eq!(servers[0].port, 2525);
    }
}
