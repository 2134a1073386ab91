//! A PATLITE that speaks PNS.

use noroshi_wire::lamp::pns::{self, Action, Request, Unit};
use noroshi_wire::lamp::tower::Tower;

use super::panel::{Face, Panel};
use super::talk::{PENDING_BYTES_MAX, Step, Talk};

pub(super) struct PnsTalk {
    unit: Unit,
    pending: Vec<u8>,
    request: Option<Request>,
}

impl PnsTalk {
    pub(super) fn new(unit: Unit) -> Self {
        Self {
            unit,
            pending: Vec::new(),
            request: None,
        }
    }
}

impl Talk for PnsTalk {
    fn push(&mut self, bytes: &[u8]) -> Step {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() > PENDING_BYTES_MAX {
            return Step::HangUp;
        }
        match pns::decode_request(&self.pending) {
            Err(_) => Step::HangUp,
            Ok(None) => Step::More,
            Ok(Some((request, used))) => {
                let bytes = self.pending.drain(..used);
                let text = bytes
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<Vec<_>>()
                    .join(" ");
                self.request = Some(request);
                Step::Ready(text)
            }
        }
    }

    fn answer(&mut self, panel: &mut Panel) -> Vec<u8> {
        let Some(request) = self.request.take() else {
            return Vec::new();
        };
        if request.prefix != self.unit.prefix() {
            return vec![pns::NAK];
        }
        match request.action {
            Action::Other(_) => return vec![pns::NAK],
            Action::Status => return pns::encode_status(self.unit, &panel.places()),
            Action::Clear => panel.show(Face::Places(Tower::DARK)),
            Action::Set(order) => {
                let mut tower = panel.places();
                tower.obey(&order);
                panel.show(Face::Places(tower));
            }
        }
        vec![pns::ACK]
    }

    fn refusal(&self) -> Vec<u8> {
        vec![pns::NAK]
    }

    fn nonsense(&self) -> Vec<u8> {
        vec![0x7f; self.unit.status_bytes()]
    }

    fn closes(&self) -> bool {
        false
    }
}
