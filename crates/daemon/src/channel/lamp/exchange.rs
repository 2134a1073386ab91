//! One command for one lamp, from order to result, whatever its protocol.
//!
//! *Use.* [`run`] does the whole exchange and returns what the lamp says that it shows, if it can
//! tell. Every command names red, amber and green and leaves the buzzer as it is: a lamp may stand
//! for other things too, and last night's buzzer is none of ours.
//!
//! *Failure.* A [`Trouble`]; the lamp then shows what nobody knows, and `core` asks again.

use std::net::SocketAddr;

use noroshi_core::config::{Lamp, LampKind, PnsFamily, Secret};
use noroshi_core::lamp::{Glow, LampOrder, Look};
use noroshi_wire::lamp::{Light, Lights, ReplyError, Shown, isa, pns};
use tokio::time::{Duration, Instant};

use super::deadlines::Deadlines;
use super::leave::Leave;
use super::trouble::Trouble;
use super::{command, isa_tcp, patlite, rsh, snmp};

/// The ends of one exchange's times.
pub(super) struct Limits {
    /// When the whole exchange must be over.
    pub(super) end: Instant,
    /// As in [`Deadlines`].
    pub(super) connect: Duration,
    /// As in [`Deadlines`].
    pub(super) exchange: Duration,
    /// As in [`Deadlines`].
    pub(super) resend: Duration,
    /// When its first byte may leave.
    pub(super) leave: Leave,
}

impl Limits {
    /// An exchange that began at `begun`.
    pub(super) fn new(begun: Instant, deadlines: &Deadlines, leave: Leave) -> Self {
        let Deadlines {
            connect,
            exchange,
            resend,
        } = *deadlines;
        Self {
            end: begun + exchange,
            connect,
            exchange,
            resend,
            leave,
        }
    }
}

/// What is asked of the lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Show these.
    Set(Lights),
    /// Say what you show.
    Read,
}

/// Does one order. `turn` is kept by whatever of it outlives this call.
pub(super) async fn run(
    lamp: &Lamp,
    servers: &str,
    order: LampOrder,
    limits: &Limits,
    turn: &super::Turn,
) -> Result<Option<Look>, Trouble> {
    let (look, ask) = match order {
        LampOrder::Show(look) => (look, Ask::Set(lights(&look))),
        LampOrder::ReadBack(look) | LampOrder::Read(look) => (look, Ask::Read),
    };
    let mute = matches!(lamp.kind, LampKind::PatliteHttp | LampKind::Command { .. });
    if mute && matches!(order, LampOrder::Read(_)) {
        // It cannot say what it shows, and is to be left as it is.
        return Ok(None);
    }
    let at = |port: u16| SocketAddr::new(lamp.address, lamp.port.unwrap_or(port));
    let shown = match &lamp.kind {
        LampKind::IsaRsh {
            users,
            password: secret,
        } => {
            let password = isa_password(secret.as_ref())?;
            let shown = rsh::isa(at(RSH_PORT), users, password.as_ref(), ask, limits).await;
            shown.map_err(|trouble| without_echo(trouble, secret.as_ref()))?
        }
        LampKind::PatliteRsh { users } => rsh::patlite(at(RSH_PORT), users, ask, limits).await?,
        LampKind::IsaTcp { password: secret } => {
            let password = isa_password(secret.as_ref())?;
            let shown = isa_tcp::exchange(at(ISA_TCP_PORT), password.as_ref(), ask, limits).await;
            shown.map_err(|trouble| without_echo(trouble, secret.as_ref()))?
        }
        LampKind::PatliteHttp => {
            // No read-back on these units: what is wanted is shown again.
            patlite::http(at(HTTP_PORT), &lights(&look), limits).await?
        }
        LampKind::PatlitePns { family } => {
            patlite::pns(at(PATLITE_PORT), unit(*family), ask, limits).await?
        }
        LampKind::PatlitePhn => patlite::phn(at(PATLITE_PORT), ask, limits).await?,
        LampKind::PatliteSnmp { read, write } => {
            snmp::exchange(at(SNMP_PORT), read, write, ask, limits).await?
        }
        LampKind::Command { program, arguments } => {
            command::run(program, arguments, servers, &look, limits, turn).await?;
            None
        }
    };
    Ok(shown.and_then(|shown| look_of(&shown, &look)))
}

/// A look as a command: all three lights by name, the buzzer left alone.
fn lights(look: &Look) -> Lights {
    let [red, amber, green] = [look.red, look.amber, look.green].map(light);
    Lights {
        red,
        amber,
        green,
        buzzer: Light::Keep,
    }
}

fn light(glow: Glow) -> Light {
    match glow {
        Glow::Off => Light::Off,
        Glow::On => Light::On,
        Glow::Blink => Light::Blink,
    }
}

/// What was read, as a look. A light that the lamp does not tell of, because it has none or the
/// protocol cannot, contradicts nothing and counts as wanted; `None` if it tells of no light.
fn look_of(shown: &Shown, wanted: &Look) -> Option<Look> {
    let glow = |light: Option<Light>, wanted: Glow| match light {
        Some(Light::Off) => Glow::Off,
        Some(Light::On) => Glow::On,
        Some(Light::Blink) => Glow::Blink,
        Some(Light::Keep) | None => wanted,
    };
    [shown.red, shown.amber, shown.green]
        .iter()
        .any(Option::is_some)
        .then(|| Look {
            red: glow(shown.red, wanted.red),
            amber: glow(shown.amber, wanted.amber),
            green: glow(shown.green, wanted.green),
        })
}

/// A lamp that repeats the command in its answer must not bring the password into our texts.
fn without_echo(trouble: Trouble, secret: Option<&Secret>) -> Trouble {
    let hide = |said: String| match secret {
        Some(secret) if said.contains(secret.reveal()) => "(words with the password)".into(),
        _ => said,
    };
    match trouble {
        Trouble::Answer(ReplyError::Refused(said)) => ReplyError::Refused(hide(said)).into(),
        Trouble::Answer(ReplyError::Unexpected(said)) => ReplyError::Unexpected(hide(said)).into(),
        other => other,
    }
}

fn isa_password(password: Option<&Secret>) -> Result<Option<isa::Password>, Trouble> {
    let Some(secret) = password else {
        return Ok(None);
    };
    isa::Password::new(secret.reveal())
        .map(Some)
        .ok_or_else(|| {
            Trouble::Settings(format!(
                "its password must be 1 to {} visible ASCII characters",
                isa::PASSWORD_BYTES_MAX
            ))
        })
}

fn unit(family: PnsFamily) -> pns::Unit {
    match family {
        PnsFamily::Nh => pns::Unit::Nh,
        PnsFamily::Lr5 => pns::Unit::Lr5,
        PnsFamily::La6 => pns::Unit::La6,
    }
}

const RSH_PORT: u16 = 514;
const ISA_TCP_PORT: u16 = 60000;
const HTTP_PORT: u16 = 80;
const PATLITE_PORT: u16 = 10000;
const SNMP_PORT: u16 = 161;

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: N12 N14
    #[test]
    fn commands_name_three_lights_and_never_the_buzzer() {
        for look in [Look::OUT, Look::GREEN, Look::RED_BLINK, Look::TEST[1]] {
            let lights = lights(&look);
            assert_eq!(lights.buzzer, Light::Keep);
            assert!(![lights.red, lights.amber, lights.green].contains(&Light::Keep));
        }
        let down = isa::encode_set(&lights(&Look::RED_BLINK), None);
        assert_eq!(
            down, "ACOP 200xxxxx",
            "the DN-1000S blinks by 2, and has no 3"
        );
    }

    /// Rule: N14
    #[test]
    fn untold_lights_contradict_nothing() {
        let untold = Shown {
            red: None,
            amber: None,
            green: None,
            buzzer: Some(Light::On),
        };
        assert_eq!(look_of(&untold, &Look::GREEN), None);
        let partly = Shown {
            red: Some(Light::Blink),
            ..untold
        };
        let look = look_of(&partly, &Look::GREEN).unwrap();
        assert_eq!(
            look,
            Look {
                red: Glow::Blink,
                ..Look::GREEN
            }
        );
    }
}
