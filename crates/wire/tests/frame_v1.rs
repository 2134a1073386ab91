//! Heartbeat frame version 1. **Do not edit the bytes**: servers in the field send and expect
//! them. A change of the frame is a new version with a new file beside this one.
//!
//! The bytes were made by an independent implementation of HKDF-SHA256 and XChaCha20-Poly1305.

use noroshi_wire::heartbeat::{
    Beat, Echo, FRAME_BYTES, FRAME_BYTES_MAX, FrameError, Header, Listener, Sealer, State, peek,
};
use noroshi_wire::key::ClusterKey;

const FRAME: &str = "4e525349 01 01 02 05 01 a0a1a2a3a4a5a6a7a8a9aaab 0102030405060708 \
    5a4fdff9266b0ec988fc90fce7487b9d4740f089d9e619d0c5299c6ea7d60951 \
    69874553034f29b9b9ab770ac8cacba8";

/// The same beat with "later version" appended to the body.
const FRAME_OF_LATER_VERSION: &str = "4e525349 01 01 02 05 01 a0a1a2a3a4a5a6a7a8a9aaab \
    0102030405060708 5a4fdff9266b0ec988fc90fce7487b9d4740f089d9e619d0c5299c6ea7d60951 \
    ffd03c9677d7d27d6af740304d 4b275d0e080e19d06dca24f104597ee4";

const HEADER: Header = Header {
    sender: 2,
    to: 5,
    interconnect: 1,
    session: [
        0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab,
    ],
    counter: 0x0102_0304_0506_0708,
};

const BEAT: Beat = Beat {
    echo: Some(Echo {
        session: [
            0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb,
        ],
        counter: 41,
    }),
    state: State::Running,
    config_digest: 0xc0ff_ee00,
    sent_ms: 123_456,
    loss_permille: 17,
};

const LISTENER: Listener = Listener { me: 5, servers: 6 };

fn sealer() -> Sealer {
    Sealer::new(&ClusterKey::new(core::array::from_fn(|i| i as u8)))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect()
}

/// Rule: N2
#[test]
fn frame_bytes_are_pinned() {
    assert_eq!(sealer().seal(&HEADER, &BEAT), bytes(FRAME));
    assert_eq!(sealer().open(&bytes(FRAME), LISTENER), Ok((HEADER, BEAT)));
    assert_eq!(peek(&bytes(FRAME)), Ok(HEADER));
    assert_eq!(bytes(FRAME).len(), FRAME_BYTES);
}

/// Rule: N2
#[test]
fn bytes_of_a_later_version_are_ignored() {
    assert_eq!(
        sealer().open(&bytes(FRAME_OF_LATER_VERSION), LISTENER),
        Ok((HEADER, BEAT))
    );
}

/// Rule: N2
#[test]
fn every_changed_bit_is_refused() {
    let sealer = sealer();
    for at in 0..FRAME_BYTES {
        for bit in 0..8 {
            let mut changed = bytes(FRAME);
            changed[at] ^= 1 << bit;
            assert!(
                sealer.open(&changed, LISTENER).is_err(),
                "byte {at} bit {bit}"
            );
        }
    }
}

/// Rule: N2
#[test]
fn another_clusters_key_is_refused() {
    let other = Sealer::new(&ClusterKey::new([7; 32]));
    assert_eq!(other.open(&bytes(FRAME), LISTENER), Err(FrameError::Forged));
}

/// Rule: N2
#[test]
fn wrong_lengths_are_refused() {
    for length in 0..FRAME_BYTES {
        let short = &bytes(FRAME)[..length];
        assert_eq!(
            sealer().open(short, LISTENER),
            Err(FrameError::TooShort(length))
        );
    }
    let mut long = bytes(FRAME);
    long.push(0);
    assert_eq!(sealer().open(&long, LISTENER), Err(FrameError::Forged));
    long.resize(FRAME_BYTES_MAX + 1, 0);
    let error = FrameError::TooLong(FRAME_BYTES_MAX + 1);
    assert_eq!(sealer().open(&long, LISTENER), Err(error));
}

/// Rule: N2 N6
#[test]
fn cheap_checks_name_what_is_wrong() {
    let changed = |at: usize, value: u8| {
        let mut frame = bytes(FRAME);
        frame[at] = value;
        sealer().open(&frame, LISTENER).unwrap_err()
    };
    assert_eq!(changed(0, b'X'), FrameError::NotOurs);
    assert_eq!(changed(4, 2), FrameError::Version(2));
    assert_eq!(changed(5, 9), FrameError::Kind(9));
    assert_eq!(changed(6, 6), FrameError::Sender(6));
    assert_eq!(changed(6, 32), FrameError::Sender(32));
    assert_eq!(changed(6, 5), FrameError::Ours);
    assert_eq!(changed(7, 4), FrameError::ForAnother(4));
    assert_eq!(
        changed(8, 0),
        FrameError::Forged,
        "played on another interconnect"
    );
    let mut zero = bytes(FRAME);
    zero[21..29].fill(0);
    assert_eq!(sealer().open(&zero, LISTENER), Err(FrameError::Counter));
}

/// Rule: N2
#[test]
fn every_state_is_carried() {
    let states = [
        State::Starting,
        State::Running,
        State::Leaving,
        State::ClusterShutdown,
        State::Other(200),
    ];
    for state in states {
        let beat = Beat {
            echo: None,
            state,
            ..BEAT
        };
        let frame = sealer().seal(&HEADER, &beat);
        assert_eq!(sealer().open(&frame, LISTENER), Ok((HEADER, beat)));
    }
}

/// Frames of one round to several servers share session and counter; if they shared the nonce
/// too, their contents could be computed from each other.
///
/// Rule: N2
#[test]
fn receivers_and_interconnects_never_share_a_key_stream() {
    let body = |header: &Header| sealer().seal(header, &BEAT)[29..].to_vec();
    let here = body(&HEADER);
    assert_ne!(here, body(&Header { to: 4, ..HEADER }));
    assert_ne!(
        here,
        body(&Header {
            interconnect: 0,
            ..HEADER
        })
    );
    assert_ne!(
        here,
        body(&Header {
            sender: 3,
            ..HEADER
        })
    );
}
