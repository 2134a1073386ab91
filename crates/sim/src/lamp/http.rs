//! A PATLITE that is spoken to over HTTP.

use noroshi_wire::lamp::http::{self, Request};
use noroshi_wire::lamp::tower::Tower;

use super::panel::{Face, Panel};
use super::talk::{Step, Talk};

#[derive(Default)]
pub(super) struct HttpTalk {
    pending: Vec<u8>,
    request: Option<Request>,
}

impl Talk for HttpTalk {
    fn push(&mut self, bytes: &[u8]) -> Step {
        self.pending.extend_from_slice(bytes);
        match http::decode_request(&self.pending) {
            Err(_) => Step::HangUp,
            Ok(None) => Step::More,
            Ok(Some(request)) => {
                self.request = Some(request);
                let line = self
                    .pending
                    .split(|byte| *byte == b'\n')
                    .next()
                    .unwrap_or_default();
                Step::Ready(noroshi_wire::lamp::printable(line, 120))
            }
        }
    }

    fn answer(&mut self, panel: &mut Panel) -> Vec<u8> {
        match self.request.take() {
            None => return Vec::new(),
            Some(Request::Elsewhere) => return http::encode_not_found(),
            Some(Request::Unknown) => return http::encode_reply(false),
            Some(Request::Clear) => panel.show(Face::Places(Tower::DARK)),
            Some(Request::Alert(order)) => {
                let mut tower = panel.places();
                tower.obey(&order);
                panel.show(Face::Places(tower));
            }
        }
        http::encode_reply(true)
    }

    fn refusal(&self) -> Vec<u8> {
        http::encode_reply(false)
    }

    fn nonsense(&self) -> Vec<u8> {
        http::encode_not_found()
    }

    fn closes(&self) -> bool {
        true
    }
}
