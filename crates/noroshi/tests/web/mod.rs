//! A console of a real cluster and a visitor of it: a small HTTP client that fills in forms as they stand.

#![allow(dead_code, reason = "each test file uses its part")]

use noroshi_sim::rig::Cluster;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may take on a busy machine.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// The console of one server of a cluster that has them (`Conf::console`).
pub(crate) struct Console {
    pub(crate) address: SocketAddr,
}

/// Somebody with a browser: keeps cookies.
pub(crate) struct Visitor {
    address: SocketAddr,
    cookies: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

/// The fields of a form as they stand in a page.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Console {
    /// Waits until the console of `server` answers; its daemon starts it.
    pub(crate) fn start(cluster: &Cluster, server: usize) -> Console {
        let place = cluster.conf().servers[server].addresses[0];
        let address = SocketAddr::new(place, 29_003);
        let until = Instant::now() + ANSWER_WAIT;
        while TcpStream::connect(address).is_err() {
            assert!(
                Instant::now() < until,
                "the console does not listen on {address}"
            );
            std::thread::yield_now();
        }
        Console { address }
    }

    /// A visitor who makes the first user, or nobody yet.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor {
            address: self.address,
            cookies: Vec::new(),
        }
    }

    /// The first user of the console, signed in.
    pub(crate) fn first_user(&self, cluster: &Cluster, server: usize, name: &str) -> Visitor {
        let said = cluster.command(server, &["user", "link"]).unwrap();
        let code = said
            .lines()
            .next()
            .and_then(|line| line.split_once('#'))
            .unwrap()
            .1;
        let mut visitor = self.visitor();
        let page = visitor.post(
            "/set-up",
            &[
                ("code", code),
                ("name", name),
                ("password", "correct horse"),
                ("again", "correct horse"),
            ],
        );
        assert_eq!(page.status, 303, "{}", page.text());
        visitor
    }
}

impl Visitor {
    /// Another window of the same browser.
    pub(crate) fn window(&self) -> Visitor {
        Visitor {
            address: self.address,
            cookies: self.cookies.clone(),
        }
    }

    /// The value of its `Cookie` line: what a thief of it has.
    pub(crate) fn cookie(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs = pairs.map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn get(&mut self, path: &str) -> Page {
        self.ask("GET", path, "")
    }

    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let pairs = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.ask("POST", path, &body)
    }

    /// Sends a form as it was filled in.
    pub(crate) fn send(&mut self, form: &Form) -> Page {
        let fields = form
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let fields: Vec<(&str, &str)> = fields.collect();
        self.post(&form.action, &fields)
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Page {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(ANSWER_WAIT)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            self.address,
            self.cookie(),
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // One who refuses a large body need not read it.
        let _ = stream.write_all(body.as_bytes());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| {
                panic!(
                    "no answer to {method} {path}: {}",
                    String::from_utf8_lossy(&bytes)
                )
            });
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        for line in head.lines() {
            let cookie = line
                .strip_prefix("set-cookie: ")
                .and_then(|it| it.split(';').next());
            if let Some((name, value)) = cookie.and_then(|it| it.split_once('=')) {
                self.cookies.retain(|(other, _)| other != name);
                self.cookies.push((name.into(), value.into()));
            }
        }
        Page {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }
}

impl Page {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The page that it leads to.
    pub(crate) fn location(&self) -> String {
        let found = self
            .head
            .lines()
            .find_map(|line| line.strip_prefix("location: "));
        found.unwrap_or_default().to_string()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The form that goes to `action`, as it stands.
    pub(crate) fn form(&self, action: &str) -> Form {
        let text = self.text();
        let begin = text
            .find(&format!("action=\"{action}\""))
            .unwrap_or_else(|| panic!("no form for {action} in {text}"));
        let inside = &text[begin..];
        let inside = &inside[..inside.find("</form>").unwrap()];
        let mut fields = Vec::new();
        let (mut rest, mut select) = (inside, String::new());
        while let Some(at) = rest.find('<') {
            rest = &rest[at + 1..];
            let tag = &rest[..rest.find('>').unwrap()];
            let name = attribute(tag, "name").unwrap_or_default();
            let value = attribute(tag, "value").unwrap_or_default();
            let (ticks, marked) = (tag.contains("type=\"checkbox\""), tag.ends_with(" checked"));
            if tag.starts_with("input")
                && !name.is_empty()
                && (!ticks || marked || tag.contains(" checked "))
            {
                fields.push((name, value));
            } else if tag.starts_with("textarea") {
                let text = &rest[tag.len() + 1..];
                let text = &text[..text.find("</textarea>").unwrap()];
                fields.push((name, unescaped(text.strip_prefix('\n').unwrap_or(text))));
            } else if tag.starts_with("select") {
                select = name;
            } else if tag.starts_with("option") && tag.ends_with(" selected") {
                fields.push((select.clone(), value));
            }
        }
        Form {
            action: action.into(),
            fields,
        }
    }
}

impl Form {
    /// Fills a field in, or ticks it.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Form {
        match self.fields.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = value.into(),
            None => self.fields.push((name.into(), value.into())),
        }
        self
    }

    /// As another button of the form sends it.
    pub(crate) fn to(mut self, action: &str) -> Form {
        self.action = action.into();
        self
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let begin = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[begin..];
    Some(unescaped(&value[..value.find('"')?]))
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

fn encoded(text: &str) -> String {
    let mut to = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            to.push(char::from(byte));
        } else {
            to.push_str(&format!("%{byte:02X}"));
        }
    }
    to
}
