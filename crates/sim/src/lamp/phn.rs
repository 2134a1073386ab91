//! A PATLITE that speaks PHN, two bytes at a time. It closes after each answer, as the strictest
//! client of these units assumes.

use noroshi_wire::lamp::phn::{self, Request};

use super::panel::{Face, Panel};
use super::talk::{Step, Talk};

#[derive(Default)]
pub(super) struct PhnTalk {
    pending: Vec<u8>,
    request: Option<Request>,
}

impl Talk for PhnTalk {
    fn push(&mut self, bytes: &[u8]) -> Step {
        self.pending.extend_from_slice(bytes);
        match phn::decode_request(&self.pending) {
            Err(_) => Step::HangUp,
            Ok(None) => Step::More,
            Ok(Some((request, used))) => {
                self.pending.drain(..used);
                self.request = Some(request);
                Step::Ready(match request {
                    Request::Read => "R".into(),
                    Request::Write(tower) => format!("W {:02x}", tower.0),
                })
            }
        }
    }

    fn answer(&mut self, panel: &mut Panel) -> Vec<u8> {
        match self.request.take() {
            None => Vec::new(),
            Some(Request::Read) => phn::encode_state(panel.byte()).to_vec(),
            Some(Request::Write(tower)) => {
                panel.show(Face::Byte(tower));
                phn::ACK.to_vec()
            }
        }
    }

    fn refusal(&self) -> Vec<u8> {
        phn::NAK.to_vec()
    }

    fn nonsense(&self) -> Vec<u8> {
        b"220".to_vec()
    }

    fn closes(&self) -> bool {
        true
    }
}
