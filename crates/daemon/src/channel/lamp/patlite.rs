//! PATLITE over HTTP, PNS and PHN; over rsh and SNMP see [`super::rsh`] and [`super::snmp`].
//!
//! *Failure.* As the exchange's: see [`super::exchange`].

use std::net::SocketAddr;

use noroshi_wire::lamp::{self as codec, Lights, Shown};

use super::exchange::{Ask, Limits};
use super::tcp::{Line, must_have_ended};
use super::trouble::Trouble;

pub(super) async fn http(
    peer: SocketAddr,
    lights: &Lights,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let mut line = Line::open(peer, limits).await?;
    let request = codec::http::encode_set(peer, lights);
    let (answer, _) = line
        .ask(
            &request,
            codec::http::REPLY_BYTES_MAX,
            codec::http::reply_is_whole,
        )
        .await?;
    codec::http::decode_reply(&answer)?;
    Ok(None)
}

pub(super) async fn pns(
    peer: SocketAddr,
    unit: codec::pns::Unit,
    ask: Ask,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let mut line = Line::open(peer, limits).await?;
    match ask {
        Ask::Set(lights) => {
            let request = codec::pns::encode_set(unit, &lights);
            let (answer, _) = line
                .ask(&request, codec::pns::REPLY_BYTES, |_| false)
                .await?;
            codec::pns::decode_control_reply(&answer)?;
            Ok(None)
        }
        Ask::Read => {
            let request = codec::pns::encode_read(unit);
            // No status begins with the byte of NAK, so that one need not be waited out.
            let is_nak = |answer: &[u8]| answer == [codec::pns::NAK];
            let (answer, _) = line.ask(&request, unit.status_bytes(), is_nak).await?;
            Ok(Some(codec::pns::decode_status_reply(unit, &answer)?))
        }
    }
}

/// The protocol cannot leave a light as it is, so a set reads first. Each command has its own
/// connection, as every known client of these units does it.
pub(super) async fn phn(
    peer: SocketAddr,
    ask: Ask,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let mut line = Line::open(peer, limits).await?;
    let is_read = |answer: &[u8]| {
        codec::phn::decode_read_reply(answer).is_ok() || answer.len() == codec::phn::REPLY_BYTES_MAX
    };
    let (answer, _) = line
        .ask(
            &codec::phn::encode_read(),
            codec::phn::REPLY_BYTES_MAX,
            is_read,
        )
        .await?;
    let tower = codec::phn::decode_read_reply(&answer)?;
    drop(line);
    limits.leave.has_only_asked();
    let Ask::Set(lights) = ask else {
        return Ok(Some(tower.shown()));
    };
    let mut line = Line::open(peer, limits).await?;
    let request = codec::phn::encode_write(tower.with(&lights));
    let (answer, ended) = line
        .ask(&request, codec::phn::REPLY_BYTES_MAX, |_| false)
        .await?;
    must_have_ended(ended)?;
    codec::phn::decode_write_reply(&answer)?;
    Ok(None)
}
