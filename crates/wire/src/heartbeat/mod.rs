//! The heartbeat frame: one authenticated, encrypted UDP datagram.
//!
//! ```text
//!  0  4  magic "NRSI"            ┐
//!  4  1  version, 1              │
//!  5  1  kind, 1 = beat          │
//!  6  1  sender's server index   │ in the clear, authenticated (AAD)
//!  7  1  receiver's server index │
//!  8  1  interconnect index      │
//!  9 12  session                 │
//! 21  8  counter, from 1         ┘
//! 29  n  body, sealed            XChaCha20-Poly1305 under ClusterKey::derive("heartbeat v1")
//!    16  tag
//! nonce (24) = session 12, counter 8, sender 1, interconnect 1, receiver 1, zero 1
//!
//! body   0  1  bit 0: an echo is present
//!        1 12  echo: session          13  8  echo: counter
//!       21  1  state                  22  4  configuration digest
//!       26  4  sent at, ms            30  2  loss, per mille          32 ..  for later versions
//! ```
//! Numbers are big endian.
//!
//! *Use.* A sender draws a random session at each start and raises the counter with every
//! datagram on an interconnect; [`Sealer::seal`] makes the datagram. A receiver calls
//! [`Sealer::open`], then asks its [`crate::replay::ReplayWindow`]. The receiver's index and the
//! interconnect are part of header and nonce, so that one frame cannot be played to another
//! server or on another interconnect, and frames of one round to several servers never share a
//! nonce.
//!
//! *Failure.* Whatever is wrong with a datagram, [`FrameError`] tells and nothing is kept. Cheap
//! checks come before the cipher. **A session and counter used twice for different beats to the
//! same receiver on the same interconnect would break the encryption**: never resume a session.

mod error;

pub use error::FrameError;

use alloc::vec::Vec;
use core::fmt;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use crate::key::ClusterKey;

/// The most servers a cluster can have; a server index is below it.
pub const SERVERS_MAX: u8 = 32;
/// The frame version this program speaks.
pub const VERSION: u8 = 1;
/// Length of a sealed beat of this version, in bytes.
pub const FRAME_BYTES: usize = HEADER_BYTES + BODY_BYTES + TAG_BYTES;
/// Longest frame accepted, in bytes: a later version may append to the body up to here.
pub const FRAME_BYTES_MAX: usize = HEADER_BYTES + BODY_BYTES_MAX + TAG_BYTES;

/// A random name for one run of a daemon, drawn at its start.
pub type Session = [u8; 12];

/// What a frame says in the clear, authenticated all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Index of the sending server, 0 to 31.
    pub sender: u8,
    /// Index of the server the frame is for.
    pub to: u8,
    /// Index of the interconnect it is sent on.
    pub interconnect: u8,
    /// The sender's session.
    pub session: Session,
    /// Strictly rising within a session and interconnect, from 1.
    pub counter: u64,
}

/// What one heartbeat tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// The newest of the receiver's own frames the sender heard on this interconnect.
    pub echo: Option<Echo>,
    /// What the sender is doing.
    pub state: State,
    /// Digest of the configuration in force, to notice servers that differ.
    pub config_digest: u32,
    /// The sender's monotonic clock when sending, in milliseconds, wrapping.
    pub sent_ms: u32,
    /// Share of the receiver's frames the sender missed on this interconnect, in per mille.
    pub loss_permille: u16,
}

/// The newest session and counter of the receiver's that the sender has heard on this
/// interconnect. A receiver that finds its present session in it knows the frame is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// The receiver's session.
    pub session: Session,
    /// The newest counter heard of it.
    pub counter: u64,
}

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// 0: starting, not yet taking part.
    Starting,
    /// 1: running.
    Running,
    /// 2: stopping normally.
    Leaving,
    /// 3: stopping because the whole cluster is shut down.
    ClusterShutdown,
    /// A state of a later version. The server is alive; more is not known.
    Other(u8),
}

/// Who is listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// The own server index.
    pub me: u8,
    /// Number of servers in the cluster.
    pub servers: u8,
}

/// Seals and opens frames under one cluster key.
#[derive(Clone)]
pub struct Sealer(XChaCha20Poly1305);

impl Sealer {
    /// A sealer for this cluster's heartbeats.
    pub fn new(key: &ClusterKey) -> Self {
        Self(XChaCha20Poly1305::new(&Key::from(
            key.derive("heartbeat v1"),
        )))
    }

    /// The datagram that carries this beat, [`FRAME_BYTES`] long.
    pub fn seal(&self, header: &Header, beat: &Beat) -> Vec<u8> {
        let clear = encode_header(header);
        let mut body = encode_beat(beat);
        let mut frame = Vec::with_capacity(FRAME_BYTES);
        frame.extend_from_slice(&clear);
        let tag = self
            .0
            .encrypt_inout_detached(&nonce(header), &clear, body.as_mut_slice().into())
            .expect("the cipher refuses only bodies over 256 GiB, ours has 32 bytes");
        frame.extend_from_slice(&body);
        frame.extend_from_slice(&tag);
        frame
    }

    /// Opens a datagram that came in. Whether it was heard before is for the caller's
    /// [`crate::replay::ReplayWindow`] to say.
    ///
    /// # Errors
    /// [`FrameError`] says what is wrong. Only [`FrameError::Forged`] costs a run of the cipher.
    pub fn open(&self, datagram: &[u8], listener: Listener) -> Result<(Header, Beat), FrameError> {
        let header = peek(datagram)?;
        if header.sender >= listener.servers {
            return Err(FrameError::Sender(header.sender));
        }
        if header.sender == listener.me {
            return Err(FrameError::Ours);
        }
        if header.to != listener.me {
            return Err(FrameError::ForAnother(header.to));
        }
        let (clear, sealed) = datagram.split_at(HEADER_BYTES);
        let mut body = sealed.to_vec();
        self.0
            .decrypt_in_place(&nonce(&header), clear, &mut body)
            .map_err(|_| FrameError::Forged)?;
        Ok((header, decode_beat(&body)?))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(secret)")
    }
}

/// Reads a frame's header without the key. **Nothing in it is proved**: use it for counting and
/// for traces, never for a verdict.
///
/// # Errors
/// The cheap half of [`FrameError`]: length, magic, version, kind, sender, counter.
pub fn peek(datagram: &[u8]) -> Result<Header, FrameError> {
    if datagram.len() > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong(datagram.len()));
    }
    let clear: &[u8; HEADER_BYTES] = datagram
        .first_chunk()
        .ok_or(FrameError::TooShort(datagram.len()))?;
    if clear[..4] != MAGIC {
        return Err(FrameError::NotOurs);
    }
    if clear[4] != VERSION {
        return Err(FrameError::Version(clear[4]));
    }
    if clear[5] != KIND_BEAT {
        return Err(FrameError::Kind(clear[5]));
    }
    if datagram.len() < FRAME_BYTES {
        return Err(FrameError::TooShort(datagram.len()));
    }
    let header = Header {
        sender: clear[6],
        to: clear[7],
        interconnect: clear[8],
        session: array(clear, 9),
        counter: u64::from_be_bytes(array(clear, 21)),
    };
    if header.sender >= SERVERS_MAX {
        return Err(FrameError::Sender(header.sender));
    }
    if header.counter == 0 {
        return Err(FrameError::Counter);
    }
    Ok(header)
}

fn encode_header(header: &Header) -> [u8; HEADER_BYTES] {
    let mut clear = [0; HEADER_BYTES];
    clear[..4].copy_from_slice(&MAGIC);
    clear[4] = VERSION;
    clear[5] = KIND_BEAT;
    clear[6] = header.sender;
    clear[7] = header.to;
    clear[8] = header.interconnect;
    clear[9..21].copy_from_slice(&header.session);
    clear[21..].copy_from_slice(&header.counter.to_be_bytes());
    clear
}

fn nonce(header: &Header) -> XNonce {
    let mut nonce = [0; 24];
    nonce[..12].copy_from_slice(&header.session);
    nonce[12..20].copy_from_slice(&header.counter.to_be_bytes());
    nonce[20] = header.sender;
    nonce[21] = header.interconnect;
    nonce[22] = header.to;
    XNonce::from(nonce)
}

fn encode_beat(beat: &Beat) -> [u8; BODY_BYTES] {
    let mut body = [0; BODY_BYTES];
    if let Some(echo) = &beat.echo {
        body[0] = ECHO_PRESENT;
        body[1..13].copy_from_slice(&echo.session);
        body[13..21].copy_from_slice(&echo.counter.to_be_bytes());
    }
    body[21] = encode_state(beat.state);
    body[22..26].copy_from_slice(&beat.config_digest.to_be_bytes());
    body[26..30].copy_from_slice(&beat.sent_ms.to_be_bytes());
    body[30..].copy_from_slice(&beat.loss_permille.to_be_bytes());
    body
}

/// Bytes after the known ones belong to a later version and are ignored, as are unknown flags.
fn decode_beat(body: &[u8]) -> Result<Beat, FrameError> {
    let body: &[u8; BODY_BYTES] = body.first_chunk().ok_or(FrameError::TooShort(body.len()))?;
    let echo = (body[0] & ECHO_PRESENT != 0).then(|| Echo {
        session: array(body, 1),
        counter: u64::from_be_bytes(array(body, 13)),
    });
    Ok(Beat {
        echo,
        state: decode_state(body[21]),
        config_digest: u32::from_be_bytes(array(body, 22)),
        sent_ms: u32::from_be_bytes(array(body, 26)),
        loss_permille: u16::from_be_bytes(array(body, 30)),
    })
}

fn encode_state(state: State) -> u8 {
    match state {
        State::Starting => 0,
        State::Running => 1,
        State::Leaving => 2,
        State::ClusterShutdown => 3,
        State::Other(value) => value,
    }
}

fn decode_state(value: u8) -> State {
    match value {
        0 => State::Starting,
        1 => State::Running,
        2 => State::Leaving,
        3 => State::ClusterShutdown,
        other => State::Other(other),
    }
}

/// `N` bytes from `at` on; the callers' layouts keep them within `M`.
fn array<const N: usize, const M: usize>(from: &[u8; M], at: usize) -> [u8; N] {
    core::array::from_fn(|i| from[at + i])
}

const MAGIC: [u8; 4] = *b"NRSI";
const KIND_BEAT: u8 = 1;
const ECHO_PRESENT: u8 = 1;
const HEADER_BYTES: usize = 29;
const BODY_BYTES: usize = 32;
const BODY_BYTES_MAX: usize = 256;
const TAG_BYTES: usize = 16;
