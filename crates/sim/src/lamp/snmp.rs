//! A PATLITE that is an SNMP agent with the control light table.
//!
//! *Failure.* A community that it does not know is not answered (RFC 3584 section 5.2.1); a SET with
//! the reading one is refused with noAccess. A SET is obeyed whole or not at all (RFC 3416 section
//! 4.2.5).

use noroshi_wire::lamp::snmp::{self, Community, Kind, Message, Object, Oid, Value};
use noroshi_wire::lamp::tower::{Order, Tower};

use super::panel::{Face, Panel};
use super::talk::{Step, Talk};

const NO_ACCESS: i32 = 6;
const WRONG_VALUE: i32 = 10;
const NOT_WRITABLE: i32 = 17;

pub(super) struct SnmpTalk {
    read: Option<Community>,
    write: Option<Community>,
    request: Option<Message>,
}

impl SnmpTalk {
    pub(super) fn new(read: &str, write: &str) -> Self {
        Self {
            read: Community::new(read),
            write: Community::new(write),
            request: None,
        }
    }

    fn knows(&self, message: &Message) -> bool {
        [&self.read, &self.write]
            .into_iter()
            .flatten()
            .any(|known| *known == message.community)
    }
}

impl Talk for SnmpTalk {
    fn push(&mut self, datagram: &[u8]) -> Step {
        match snmp::decode_request(datagram) {
            Err(_) => Step::HangUp,
            Ok(message) if !self.knows(&message) => Step::HangUp,
            Ok(message) => {
                let binds = message.binds.iter().map(|(oid, value)| match value {
                    Value::Integer(number) => format!("{}={number}", last_two(oid)),
                    _ => last_two(oid),
                });
                let binds = binds.collect::<Vec<_>>().join(" ");
                let text = format!("{:?} {binds}", message.kind);
                self.request = Some(message);
                Step::Ready(text)
            }
        }
    }

    fn answer(&mut self, panel: &mut Panel) -> Vec<u8> {
        let Some(request) = self.request.take() else {
            return Vec::new();
        };
        if request.kind == Kind::Get {
            let place = |oid: &Oid| (oid.clone(), current(oid, &panel.places()));
            let binds = request.binds.iter().map(|(oid, _)| place(oid)).collect();
            return snmp::answer(&request, binds).encode();
        }
        if Some(&request.community) != self.write.as_ref() {
            return snmp::refusal(&request, NO_ACCESS, 1).encode();
        }
        let mut tower = panel.places();
        for (index, (oid, value)) in request.binds.iter().enumerate() {
            if let Err(status) = set(&mut tower, oid, *value) {
                return snmp::refusal(&request, status, index as i32 + 1).encode();
            }
        }
        panel.show(Face::Places(tower));
        snmp::answer(&request, request.binds.clone()).encode()
    }

    fn refusal(&self) -> Vec<u8> {
        let request = self.request.as_ref();
        request
            .map(|request| snmp::refusal(request, NO_ACCESS, 1).encode())
            .unwrap_or_default()
    }

    fn nonsense(&self) -> Vec<u8> {
        b"220 ready\r\n".to_vec()
    }

    fn closes(&self) -> bool {
        false
    }
}

fn current(oid: &Oid, tower: &Tower) -> Value {
    match snmp::object(oid) {
        Some(Object::Current(place) | Object::Control(place)) => {
            Value::Integer(snmp::state(tower.values()[place as usize - 1]))
        }
        Some(Object::Timer(_) | Object::Clear) => Value::Integer(0),
        None => Value::Missing,
    }
}

fn set(tower: &mut Tower, oid: &Oid, value: Value) -> Result<(), i32> {
    match (snmp::object(oid), value) {
        (Some(Object::Control(place)), Value::Integer(state)) => {
            let order = snmp::order(place, state).ok_or(WRONG_VALUE)?;
            tower.obey(&order);
            Ok(())
        }
        // Timers are taken and not simulated.
        (Some(Object::Timer(_)), Value::Integer(0..)) => Ok(()),
        (Some(Object::Clear), Value::Integer(1)) => {
            tower.obey(&Order::OUT);
            Ok(())
        }
        (Some(Object::Control(_) | Object::Timer(_) | Object::Clear), _) => Err(WRONG_VALUE),
        _ => Err(NOT_WRITABLE),
    }
}

fn last_two(oid: &Oid) -> String {
    let tail = oid.0.iter().skip(oid.0.len().saturating_sub(2));
    tail.map(u32::to_string).collect::<Vec<_>>().join(".")
}
