//! Licences of a simulated cluster: what is registered on each server, as lines of text.
//!
//! A line is the end of a trial, in milliseconds since the story's beginning, or `-` for a licence
//! for good; each is for as many servers as there are.

use super::{BEGIN_WALL_MS, World};
use noroshi_core::event::{Event, Licences, LicencesRead};
use noroshi_core::licence::{
    Date, Kind, Licence, Memory, Product, Proof, Registered, Registration, SERVERS_MAX, Serial,
};
use noroshi_core::request::Request;
use noroshi_core::time::WallTime;
use std::collections::BTreeSet;

/// Reading or writing the register.
const REGISTER_US: u64 = 3_000;

/// The register of one server.
#[derive(Clone, Debug, Default)]
pub struct Register {
    /// What is registered.
    pub lines: BTreeSet<String>,
    /// What the watch over it remembers.
    pub memory: Option<Memory>,
}

impl Register {
    /// What a daemon reads.
    pub(super) fn read(&self, cause: LicencesRead) -> Licences {
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
    let end = line
        .parse::<i64>()
        .ok()
        .map(|ms| WallTime(BEGIN_WALL_MS + ms));
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
        from: None,
        until: end.and_then(|_| Date::new(2025, 12, 31)),
    };
    Some(Registration {
        licence,
        sheet: false,
        by: vec!["sv1".into()],
        proof: Proof::Sound,
        issued: WallTime(BEGIN_WALL_MS),
        from: None,
        end,
    })
}

impl World {
    /// Registers a licence on a server, as `clplcnsc` does, and has its daemon tell the others.
    pub fn register_licence(&mut self, server: usize) {
        let register = &mut self.servers[server].disk.register;
        register
            .get_or_insert_default()
            .lines
            .insert(String::from("-"));
        self.ask(server, Request::LicencesChanged);
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
