//! An ISA Keiko-chan of the 4G series on its TCP port: a line with CR, answered by a line with CR.
//!
//! What these lamps answer to a set command is not recorded; this one answers what it shows then.

use noroshi_wire::lamp::isa::{self, Fault};

use super::panel::Panel;
use super::rsh::{may, obey_action, without_password};
use super::talk::{PENDING_BYTES_MAX, Step, Talk};

pub(super) struct IsaTcpTalk {
    password: Option<String>,
    pending: Vec<u8>,
    command: String,
}

impl IsaTcpTalk {
    pub(super) fn new(password: Option<String>) -> Self {
        Self {
            password,
            pending: Vec::new(),
            command: String::new(),
        }
    }
}

impl Talk for IsaTcpTalk {
    fn push(&mut self, bytes: &[u8]) -> Step {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() > PENDING_BYTES_MAX {
            return Step::HangUp;
        }
        match isa::decode_tcp_request(&self.pending) {
            Err(_) => Step::HangUp,
            Ok(None) => Step::More,
            Ok(Some((command, used))) => {
                self.command = command.into();
                self.pending.drain(..used);
                Step::Ready(without_password(&self.command).into())
            }
        }
    }

    fn answer(&mut self, panel: &mut Panel) -> Vec<u8> {
        let text = match isa::parse_command(&self.command) {
            Err(fault) => fault.code().into(),
            Ok(request) if !may(&request, self.password.as_deref()) => Fault::Failed.code().into(),
            Ok(request) => {
                obey_action(request.action, panel);
                panel.channels().digits()
            }
        };
        isa::tcp_line(&text)
    }

    fn refusal(&self) -> Vec<u8> {
        isa::tcp_line(Fault::Failed.code())
    }

    fn nonsense(&self) -> Vec<u8> {
        isa::tcp_line("220 ready")
    }

    fn closes(&self) -> bool {
        false
    }
}
