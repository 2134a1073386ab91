//! Lamps behind rsh: ISA Keiko-chan and PATLITE, each with its own command language.
//!
//! *Failure.* Unknown commands are answered after `00`, as both real rshd programs and, as far as is
//! recorded, the lamps do; an unknown user after `01`.

use noroshi_wire::lamp::rsh::{self, Request, RequestDecoder};
use noroshi_wire::lamp::tower::Tower;
use noroshi_wire::lamp::{isa, patlite};

use super::panel::{Face, Panel};
use super::talk::{Step, Talk};

/// Whom a lamp lets in by rsh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RshDoor {
    /// Hang up without a byte on clients that do not come from ports 512 to 1023, as real rshd
    /// programs and lamps do. Off where the client must run without privileges.
    pub reserved_ports_only: bool,
    /// The only remote user let in; `None` takes every name.
    pub remote_user: Option<String>,
    /// ISA only: the password that `-p` must bear.
    pub password: Option<String>,
}

/// Which command language it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Isa,
    Patlite,
}

pub(super) struct RshTalk {
    door: RshDoor,
    dialect: Dialect,
    decoder: RequestDecoder,
    early: Vec<u8>,
    called_back: bool,
    request: Option<Request>,
}

impl RshTalk {
    pub(super) fn new(door: RshDoor, dialect: Dialect) -> Self {
        let decoder = RequestDecoder::new();
        Self {
            door,
            dialect,
            decoder,
            early: Vec::new(),
            called_back: false,
            request: None,
        }
    }
}

impl Talk for RshTalk {
    fn push(&mut self, bytes: &[u8]) -> Step {
        self.early.extend_from_slice(bytes);
        let early = std::mem::take(&mut self.early);
        for (at, byte) in early.iter().enumerate() {
            match self.decoder.push(&[*byte]) {
                Err(_) => return Step::HangUp,
                Ok(Some(request)) => {
                    let text = format!(
                        "{}: {}",
                        request.remote_user(),
                        without_password(request.command())
                    );
                    self.request = Some(request);
                    return Step::Ready(text);
                }
                Ok(None) => {}
            }
            if let (Some(port), false) = (self.decoder.stderr_port(), self.called_back) {
                self.called_back = true;
                if port != 0 {
                    self.early = early[at + 1..].to_vec();
                    return Step::CallBack(port);
                }
            }
        }
        Step::More
    }

    fn answer(&mut self, panel: &mut Panel) -> Vec<u8> {
        let Some(request) = self.request.take() else {
            return Vec::new();
        };
        let user = request.remote_user();
        if self
            .door
            .remote_user
            .as_deref()
            .is_some_and(|wanted| wanted != user)
        {
            return rsh::encode_refusal(isa::LOGIN_INCORRECT);
        }
        let output = match self.dialect {
            Dialect::Isa => obey_isa(request.command(), self.door.password.as_deref(), panel),
            Dialect::Patlite => obey_patlite(request.command(), panel),
        };
        rsh::encode_output(output.as_bytes())
    }

    fn refusal(&self) -> Vec<u8> {
        rsh::encode_refusal("Permission denied.")
    }

    /// What the rsh-redone server says to a user that it does not know: after the `00` of success.
    fn nonsense(&self) -> Vec<u8> {
        rsh::encode_output(b"Authentication failure\n")
    }

    fn closes(&self) -> bool {
        true
    }
}

/// A DN-1000S answers nothing to a set command.
fn obey_isa(command: &str, password: Option<&str>, panel: &mut Panel) -> String {
    match isa::parse_command(command) {
        Err(_) => format!("{}\n", isa::INVALID_COMMAND),
        Ok(request) if !may(&request, password) => format!("{}\n", isa::LOGIN_INCORRECT),
        Ok(request) => match obey_action(request.action, panel) {
            isa::Action::Read => format!("{}\n", panel.channels().digits()),
            _ => String::new(),
        },
    }
}

fn obey_patlite(command: &str, panel: &mut Panel) -> String {
    match patlite::parse_command(command) {
        // What a real lamp says is not recorded.
        Err(_) => return "Invalid command\n".into(),
        Ok(patlite::Request::Status | patlite::Request::Test) => {}
        Ok(patlite::Request::Clear) => panel.show(Face::Places(Tower::DARK)),
        Ok(patlite::Request::Alert { order, .. }) => {
            let mut tower = panel.places();
            tower.obey(&order);
            panel.show(Face::Places(tower));
        }
    }
    format!("{}\n", panel.places().digits())
}

/// Whether the command bears the password, if one is needed.
pub(super) fn may(request: &isa::Request, password: Option<&str>) -> bool {
    password.is_none_or(|wanted| {
        request
            .password
            .as_ref()
            .is_some_and(|password| password.is(wanted))
    })
}

/// Does what an `ACOP` or `ALOF` asks; hands the action back. `-t` is not simulated.
pub(super) fn obey_action(action: isa::Action, panel: &mut Panel) -> isa::Action {
    let mut channels = panel.channels();
    match action {
        isa::Action::Read => return action,
        isa::Action::Set(pattern) => channels.obey(&pattern),
        isa::Action::AlarmOff => channels = isa::Channels::DARK,
    }
    panel.show(Face::Channels(channels));
    action
}

/// A command for the record.
pub(super) fn without_password(command: &str) -> &str {
    command.split(" -p").next().unwrap_or_default()
}
