//! ISA Keiko-chan of the 4G series on its TCP port: one line asked, one answered, per connection.
//!
//! *Failure.* As the exchange's: see [`super::exchange`].

use std::net::SocketAddr;

use noroshi_wire::lamp::{ReplyError, Shown, isa};

use super::exchange::{Ask, Limits};
use super::tcp::Line;
use super::trouble::Trouble;

pub(super) async fn exchange(
    peer: SocketAddr,
    password: Option<&isa::Password>,
    ask: Ask,
    limits: &Limits,
) -> Result<Option<Shown>, Trouble> {
    let Ask::Set(lights) = ask else {
        return read(peer, password, limits).await.map(Some);
    };
    let answer = tell(peer, &isa::encode_set(&lights, password), limits).await?;
    match isa::decode_set_reply(&answer) {
        // No source records what these models say to a set command, only that they say something;
        // so words that are no refusal are judged by what the lamp shows then.
        Err(error @ ReplyError::Unexpected(_)) => match read(peer, password, limits).await {
            Ok(shown) => Ok(Some(shown)),
            Err(_) => Err(error.into()),
        },
        judged => Ok(judged?),
    }
}

async fn read(
    peer: SocketAddr,
    password: Option<&isa::Password>,
    limits: &Limits,
) -> Result<Shown, Trouble> {
    let answer = tell(peer, &isa::encode_read(password), limits).await?;
    Ok(isa::decode_read_reply(&answer)?)
}

async fn tell(peer: SocketAddr, text: &str, limits: &Limits) -> Result<Vec<u8>, Trouble> {
    let mut line = Line::open(peer, limits).await?;
    let request = isa::tcp_line(text);
    let is_whole = |answer: &[u8]| isa::decode_tcp_line(answer).is_ok();
    let (answer, _) = line.ask(&request, isa::LINE_BYTES_MAX, is_whole).await?;
    Ok(isa::decode_tcp_line(&answer)?.to_vec())
}
