//! Heartbeats: the datagram of a stranger, of a server, and of a server of a later release.
//!
//! Promises: without the key nothing opens; what is sealed opens as it was; one bit changed, and it does not; a sealed
//! body of any content is read or refused.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use noroshi_wire::heartbeat::{Beat, Echo, Header, Listener, Sealer, State, peek};
use noroshi_wire::key::ClusterKey;

/// Bytes in the clear.
const HEADER_BYTES: usize = 29;

pub(crate) fn decode(bytes: &[u8]) {
    let key = ClusterKey::new([7; 32]);
    let sealer = Sealer::new(&key);
    let listener = Listener { me: 1, servers: 32 };
    let _ = peek(bytes);
    assert!(
        sealer.open(bytes, listener).is_err(),
        "opened without the key"
    );
    let take = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let header = Header {
        sender: if take(0) % 32 == 1 { 0 } else { take(0) % 32 },
        to: 1,
        interconnect: take(1),
        session: std::array::from_fn(|at| take(2 + at)),
        counter: u64::from(take(14)) + 1,
    };
    let beat = Beat {
        echo: (take(15) & 1 == 1).then(|| Echo {
            session: std::array::from_fn(|at| take(16 + at)),
            counter: u64::from_be_bytes(std::array::from_fn(|at| take(28 + at))),
        }),
        state: match take(36) {
            0 => State::Starting,
            1 => State::Running,
            2 => State::Leaving,
            3 => State::ClusterShutdown,
            other => State::Other(other),
        },
        config_digest: u32::from_be_bytes(std::array::from_fn(|at| take(37 + at))),
        sent_ms: u32::from_be_bytes(std::array::from_fn(|at| take(41 + at))),
        loss_permille: u16::from_be_bytes([take(45), take(46)]),
    };
    let frame = sealer.seal(&header, &beat);
    assert_eq!(sealer.open(&frame, listener), Ok((header, beat)));
    let mut bent = frame.clone();
    let at = usize::from(take(47)) % bent.len();
    bent[at] ^= 1 << (take(48) % 8);
    assert!(sealer.open(&bent, listener).is_err(), "byte {at} bent");
    let body = bytes.get(49..).unwrap_or_default();
    let sealed = sealed(&key, &frame[..HEADER_BYTES], &header, body);
    let _ = sealer.open(&sealed, listener);
}

/// A frame with a body of a later release, sealed as ours are.
fn sealed(key: &ClusterKey, clear: &[u8], header: &Header, body: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 24];
    nonce[..12].copy_from_slice(&header.session);
    nonce[12..20].copy_from_slice(&header.counter.to_be_bytes());
    (nonce[20], nonce[21], nonce[22]) = (header.sender, header.interconnect, header.to);
    let cipher = XChaCha20Poly1305::new(&Key::from(key.derive("heartbeat v1")));
    let payload = Payload {
        msg: body,
        aad: clear,
    };
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload);
    [clear, &sealed.expect("the input is short")].concat()
}
