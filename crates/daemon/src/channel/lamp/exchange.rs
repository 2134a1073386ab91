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
use noroshi_wire::lamp::{Light, Lights, ReplyError, Shown, http, isa, phn, pns};
use tokio::time::{Duration, Instant};

use super::codes::Trouble;
use super::deadlines::Deadlines;
use super::tcp::{Line, must_have_ended};
use super::{command, rsh, snmp};

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
}

impl Limits {
    /// An exchange that begins now.
    pub(super) fn from_now(deadlines: &Deadlines) -> Self {
        let Deadlines {
            connect,
            exchange,
            resend,
        } = *deadlines;
        Self {
            end: Instant::now() + exchange,
            connect,
            exchange,
            resend,
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
        LampOrder::ReadBack(look) => (look, Ask::Read),
    };
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
            let shown = isa_tcp(at(ISA_TCP_PORT), password.as_ref(), ask, limits).await;
            shown.map_err(|trouble| without_echo(trouble, secret.as_ref()))?
        }
        LampKind::PatliteHttp => {
            // No read-back on these units: what is wanted is shown again.
            patlite_http(at(HTTP_PORT), &lights(&look), limits).await?
        }
        LampKind::PatlitePns { family } => {
            patlite_pns(at(PATLITE_PORT), unit(*family), ask, limits).await?
        }
        LampKind::PatlitePhn => patlite_phn(at(PATLITE_PORT), ask, limits).await?,
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

async fn isa_tcp(
    peer: SocketAddr,
    password: Option<&isa::Password>,
    ask: Ask,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let Ask::Set(lights) = ask else {
        return isa_tcp_read(peer, password, limits).await.map(Some);
    };
    let answer = isa_tcp_line(peer, &isa::encode_set(&lights, password), limits).await?;
    match isa::decode_set_reply(&answer) {
        // No source records what these models say to a set command, only that they say something;
        // so words that are no refusal are judged by what the lamp shows then.
        Err(error @ ReplyError::Unexpected(_)) => {
            match isa_tcp_read(peer, password, limits).await {
                Ok(shown) => Ok(Some(shown)),
                Err(_) => Err(error.into()),
            }
        }
        judged => Ok(judged?),
    }
}

async fn isa_tcp_read(
    peer: SocketAddr,
    password: Option<&isa::Password>,
    limits: &Limits,
) -> Result<Shown, Trouble> {
    let answer = isa_tcp_line(peer, &isa::encode_read(password), limits).await?;
    Ok(isa::decode_read_reply(&answer)?)
}

async fn isa_tcp_line(peer: SocketAddr, text: &str, limits: &Limits) -> Result<Vec<u8>, Trouble> {
    let mut line = Line::open(peer, limits).await?;
    let request = isa::tcp_line(text);
    let is_whole = |answer: &[u8]| isa::decode_tcp_line(answer).is_ok();
    let (answer, _) = line.ask(&request, isa::LINE_BYTES_MAX, is_whole).await?;
    Ok(isa::decode_tcp_line(&answer)?.to_vec())
}

async fn patlite_http(
    peer: SocketAddr,
    lights: &Lights,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let mut line = Line::open(peer, limits).await?;
    let request = http::encode_set(peer, lights);
    let (answer, _) = line
        .ask(&request, http::REPLY_BYTES_MAX, http::reply_is_whole)
        .await?;
    http::decode_reply(&answer)?;
    Ok(None)
}

async fn patlite_pns(
    peer: SocketAddr,
    unit: pns::Unit,
    ask: Ask,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let mut line = Line::open(peer, limits).await?;
    match ask {
        Ask::Set(lights) => {
            let request = pns::encode_set(unit, &lights);
            let (answer, _) = line.ask(&request, pns::REPLY_BYTES, |_| false).await?;
            pns::decode_control_reply(&answer)?;
            Ok(None)
        }
        Ask::Read => {
            let request = pns::encode_read(unit);
            // No status begins with the byte of NAK, so that one need not be waited out.
            let is_nak = |answer: &[u8]| answer == [pns::NAK];
            let (answer, _) = line.ask(&request, unit.status_bytes(), is_nak).await?;
            Ok(Some(pns::decode_status_reply(unit, &answer)?))
        }
    }
}

/// The protocol cannot leave a light as it is, so a set reads first. Each command has its own
/// connection, as every known client of these units does it.
async fn patlite_phn(
    peer: SocketAddr,
    ask: Ask,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let mut line = Line::open(peer, limits).await?;
    let is_read = |answer: &[u8]| {
        phn::decode_read_reply(answer).is_ok() || answer.len() == phn::REPLY_BYTES_MAX
    };
    let (answer, _) = line
        .ask(&phn::encode_read(), phn::REPLY_BYTES_MAX, is_read)
        .await?;
    let tower = phn::decode_read_reply(&answer)?;
    drop(line);
    let Ask::Set(lights) = ask else {
        return Ok(Some(tower.shown()));
    };
    let mut line = Line::open(peer, limits).await?;
    let request = phn::encode_write(tower.with(&lights));
    let (answer, ended) = line.ask(&request, phn::REPLY_BYTES_MAX, |_| false).await?;
    must_have_ended(ended)?;
    phn::decode_write_reply(&answer)?;
    Ok(None)
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
