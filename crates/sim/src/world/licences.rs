//! Licences of a simulated cluster: what is registered on each server, as lines of text.
//!
//! A line is the end of a trial, in milliseconds since the story's beginning, `-` for a licence for
//! good, or `from` and such a time for one that begins then; each is for as many servers as there are.

use super::{BEGIN_WALL_MS, World};
use noroshi_core::alert::{Alert, Message, row};
use noroshi_core::event::{Event, Licences, LicencesRead};
use noroshi_core::licence::{
    Date, Kind, Licence, Memory, Product, Proof, Registered, Registration, SERVERS_MAX, Serial,
};
use noroshi_core::request::Request;
use noroshi_core::time::WallTime;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Reading or writing the register.
const REGISTER_US: u64 = 3_000;

/// The register of one server.
#[derive(Clone, Debug, Default)]
pub struct Register {
    /// What is registered.
    pub lines: BTreeSet<String>,
    /// It cannot be read.
    pub torn: bool,
    /// What the watch over it remembers.
    pub memory: Option<Memory>,
}

impl Register {
    /// What a daemon reads.
    pub(super) fn read(&self, cause: LicencesRead) -> Licences {
        if self.torn {
            return Licences {
                registered: Registered::Unreadable,
                memory: None,
                register: "".into(),
                cause,
            };
        }
        let lines = self.lines.iter().cloned().collect::<Vec<_>>();
        let licences = lines.iter().enumerate();
        Licences {
            registered: Registered::Licences(
                licences
                    .filter_map(|(at, line)| registration(at, line))
                    .collect(),
            ),
            memory: self.memory,
            register: lines.join("\n").into(),
            cause,
        }
    }
}

fn registration(at: usize, line: &str) -> Option<Registration> {
    let moment = |ms: &str| ms.parse().ok().map(|ms: i64| WallTime(BEGIN_WALL_MS + ms));
    let end = moment(line);
    let from = line.strip_prefix("from ").and_then(moment);
    let kind = match end {
        Some(_) => Kind::Trial,
        None => Kind::Product,
    };
    let licence = Licence {
        product: Product::AlertService,
        kind,
        serial: Serial::parse(&format!("AAA{at:07}"))?,
        servers: SERVERS_MAX,
        issued: Date::new(2025, 12, 1)?,
        from: from.and_then(|_| Date::new(2026, 1, 1)),
        // A day of its own for each second, since by it one end is told from another.
        until: end.and_then(|end| day_of_second((end.0 - BEGIN_WALL_MS) / 1_000)),
    };
    Some(Registration {
        licence,
        sheet: false,
        by: vec!["sv1".into()],
        proof: Proof::Sound,
        issued: WallTime(BEGIN_WALL_MS),
        from,
        end,
    })
}

fn day_of_second(second: i64) -> Option<Date> {
    let second = u16::try_from(second).ok()?;
    let part = |of: u16, most: u16| u8::try_from(of % most + 1).ok();
    Date::new(
        2026 + second / 336,
        part(second / 28, 12)?,
        part(second, 28)?,
    )
}

impl World {
    /// Registers a licence on a server, as `clplcnsc` does, and has its daemon tell the others.
    /// Nothing happens when its register cannot be read.
    pub fn register_licence(&mut self, server: usize, line: &str) {
        let register = self.servers[server].disk.register.get_or_insert_default();
        if !register.torn {
            register.lines.insert(line.to_owned());
            self.ask(server, Request::LicencesChanged);
        }
    }

    /// Where a licence is needed, one for good is registered.
    pub(super) fn register_licence_if_needed(&mut self, server: usize) {
        if self.servers[server].disk.register.is_some() {
            self.register_licence(server, "-");
        }
    }

    /// A server's register cannot be read, or can again; its daemon is told to look, as at SIGHUP.
    pub fn tear_register(&mut self, server: usize, torn: bool) {
        if let Some(register) = &mut self.servers[server].disk.register {
            register.torn = torn;
            self.read_licences(server, LicencesRead::AtWork);
        }
    }

    pub(super) fn read_licences(&mut self, server: usize, cause: LicencesRead) {
        let read = match &self.servers[server].disk.register {
            Some(register) => register.read(cause),
            None => Licences {
                registered: Registered::NotNeeded,
                memory: None,
                register: "".into(),
                cause,
            },
        };
        self.give(REGISTER_US, server, Event::Licences(Box::new(read)));
    }

    pub(super) fn join_licences(&mut self, server: usize, text: &str, cause: LicencesRead) {
        if let Some(register) = &mut self.servers[server].disk.register {
            if register.torn {
                return;
            }
            let lines = text.lines().map(String::from);
            register.lines.extend(lines);
        }
        self.read_licences(server, cause);
    }

    pub(super) fn remember_licences(&mut self, server: usize, memory: Memory) {
        if let Some(register) = &mut self.servers[server].disk.register {
            register.memory = Some(memory);
        }
    }
}

impl super::Disk {
    /// What the real store counts: mails that were not sent since the last mail that told how many.
    pub(super) fn unsent_mails(&self) -> Vec<(String, u32)> {
        let told = row(Message::LicenceValidAgain).id();
        let tells = |alert: &Arc<Alert>| alert.message == told && alert.destinations.mail;
        let since = self.alerts.iter().rposition(tells).map_or(0, |at| at + 1);
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for notice in self.notices.iter().filter(|notice| notice.is_unsent()) {
            let mut later = self.alerts.iter().skip(since);
            if later.any(|alert| alert.id == notice.key.alert) {
                *counts.entry(notice.sender.clone()).or_default() += 1;
            }
        }
        counts.into_iter().collect()
    }
}
