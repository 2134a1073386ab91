//! One who hands alerts over, one after the other, on a connection that stays open.

use crate::raise::{accepted, request};
use noroshi_core::alert::Destinations;
use noroshi_daemon::control::Client;
use noroshi_sim::rig::{Error, Fallible};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// Where alerts are handed over.
#[derive(Clone)]
pub(super) enum Way {
    /// The service's command socket.
    Socket(PathBuf),
    /// Alertmanager's HTTP API.
    Http(SocketAddr),
}

pub(super) enum Caller {
    Socket(Client),
    Http(BufReader<TcpStream>),
}

impl Caller {
    pub(super) fn new(way: &Way) -> Fallible<Caller> {
        Ok(match way {
            Way::Socket(path) => {
                let client = Client::connect_within(path, ANSWER_WAIT);
                Caller::Socket(client.map_err(|trouble| Error::doing("connect", trouble))?)
            }
            Way::Http(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(ANSWER_WAIT))?;
                Caller::Http(BufReader::new(stream))
            }
        })
    }

    /// Hands over an alert that has these words, and waits until it is accepted.
    pub(super) fn accept(&mut self, words: &str) -> Fallible<()> {
        match self {
            Caller::Socket(client) => {
                let mailed = Destinations {
                    alert: true,
                    mail: true,
                    ..Destinations::default()
                };
                let text = format!("Alert {words} to look at.");
                let reply = client.change(request(&text, mailed));
                accepted(reply.map_err(|trouble| Error::doing("raise", trouble))?)
            }
            Caller::Http(stream) => {
                let body = format!(
                    "[{{\"labels\":{{\"alertname\":\"{words}\",\"severity\":\"error\"}},\
                     \"annotations\":{{\"summary\":\"Alert {words} to look at.\"}}}}]"
                );
                ask(stream, "POST", "/api/v2/alerts", &body)
            }
        }
    }

    /// Whether it answers at all.
    pub(super) fn ask(&mut self) -> Fallible<()> {
        match self {
            Caller::Socket(client) => client
                .ping()
                .map(drop)
                .map_err(|trouble| Error::doing("ping", trouble)),
            Caller::Http(stream) => ask(stream, "GET", "/-/ready", ""),
        }
    }
}

/// One request of HTTP/1.1 that must end well; its answer's body is passed over.
fn ask(stream: &mut BufReader<TcpStream>, method: &str, path: &str, body: &str) -> Fallible<()> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(head.as_bytes())?;
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest)?;
    match first.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(Error(format!(
            "{path}: {first}{}",
            String::from_utf8_lossy(&rest)
        ))),
    }
}
