//! Whatever bytes arrive, no decoder panics, and what was encoded is read back.

use noroshi_wire::heartbeat::{Listener, Sealer, peek};
use noroshi_wire::key::ClusterKey;
use noroshi_wire::lamp::tower::Order;
use noroshi_wire::lamp::{Light, Lights, http, isa, patlite, phn, pns, printable, rsh, snmp};
use proptest::collection::vec;
use proptest::prelude::*;

const UNITS: [pns::Unit; 3] = [pns::Unit::Nh, pns::Unit::Lr5, pns::Unit::La6];

/// Bytes at random, and bytes of the kind each protocol uses, so that decoders get past their
/// first check.
fn input() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..400),
        vec(
            prop::sample::select(&b"0123456789xX \r\n\0-tpuwACOPalert"[..]),
            0..60
        ),
        vec(
            prop::sample::select(&b"RWACKNXBSG\0\x01\x06\x15"[..]),
            0..20
        ),
        http_like(),
        snmp_like(),
        vec(any::<u8>(), 0..300).prop_map(|tail| [&b"NRSI\x01\x01"[..], &tail].concat()),
        vec(any::<u8>(), 4000..5000),
    ]
}

fn http_like() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&str] = &[
        "HTTP/1.1 200 OK\r\n",
        "GET /api/control?",
        "alert=",
        "clear=1",
        " HTTP/1.1\r\n",
        "\r\n",
        "\n",
        "Content-Length: ",
        "Transfer-Encoding: chunked\r\n",
        "8",
        "ffffffffffffffff",
        "Success.",
        "Error.",
        ":",
        "\0",
        "290999",
    ];
    vec(prop::sample::select(PARTS), 0..12).prop_map(|parts| parts.concat().into_bytes())
}

/// A sound message with some bytes changed.
fn snmp_like() -> impl Strategy<Value = Vec<u8>> {
    (
        vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        any::<bool>(),
    )
        .prop_map(|(changes, read)| {
            let community = snmp::Community::new("public").unwrap();
            let access = snmp::Access {
                version: snmp::Version::V2c,
                community: &community,
                request_id: 7,
            };
            let request = if read {
                snmp::encode_read(access)
            } else {
                snmp::encode_set(access, &Lights::DOWN)
            };
            let request = snmp::decode_request(&request).unwrap();
            let mut bytes = snmp::answer(&request, request.binds.clone()).encode();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        })
}

fn light() -> impl Strategy<Value = Light> {
    prop::sample::select(&[Light::Off, Light::On, Light::Blink, Light::Keep][..])
}

fn lights() -> impl Strategy<Value = Lights> {
    (light(), light(), light(), light()).prop_map(|(red, amber, green, buzzer)| Lights {
        red,
        amber,
        green,
        buzzer,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rule: N12 N14
    #[test]
    fn reply_decoders_never_panic(bytes in input()) {
        let _ = rsh::decode_reply(&bytes);
        let _ = isa::decode_tcp_line(&bytes);
        let _ = isa::decode_set_reply(&bytes);
        let _ = isa::decode_read_reply(&bytes);
        let _ = patlite::decode_reply(&bytes);
        let _ = patlite::decode_clear_reply(&bytes);
        let _ = http::decode_reply(&bytes);
        let _ = http::reply_is_whole(&bytes);
        for unit in UNITS {
            let _ = pns::decode_status_reply(unit, &bytes);
        }
        let _ = pns::decode_control_reply(&bytes);
        let _ = phn::decode_write_reply(&bytes);
        let _ = phn::decode_read_reply(&bytes);
        let _ = snmp::decode_set_reply(&bytes, 7);
        let _ = snmp::decode_read_reply(&bytes, 7);
        let text = printable(&bytes, 40);
        prop_assert!(text.chars().count() <= 40 && !text.contains(char::is_control));
    }

    /// Rule: N12
    #[test]
    fn request_decoders_never_panic(bytes in input()) {
        let mut decoder = rsh::RequestDecoder::new();
        for part in bytes.chunks(7) {
            let _ = decoder.push(part);
        }
        let _ = isa::decode_tcp_request(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = isa::parse_command(&text);
        let _ = patlite::parse_command(&text);
        let _ = http::decode_request(&bytes);
        if let Ok(Some((_, used))) = pns::decode_request(&bytes) {
            prop_assert!(used <= bytes.len());
        }
        if let Ok(Some((_, used))) = phn::decode_request(&bytes) {
            prop_assert!(used <= bytes.len());
        }
        if let Ok(message) = snmp::decode_request(&bytes) {
            for (oid, _) in &message.binds {
                let _ = snmp::object(oid);
            }
        }
    }

    /// Rule: N2
    #[test]
    fn frames_and_keys_never_panic(bytes in input()) {
        let sealer = Sealer::new(&ClusterKey::new([1; 32]));
        let opened = sealer.open(&bytes, Listener { me: 0, servers: 32 });
        prop_assert!(opened.is_err());
        let _ = peek(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(ClusterKey::parse(&text).is_err());
        let _ = ClusterKey::parse(&format!("noroshi cluster key 1\n{text}"));
    }

    /// A lamp that obeys a request then shows what was asked.
    ///
    /// Rule: N12 N14
    #[test]
    fn what_was_asked_is_what_is_shown(wanted in lights()) {
        let order = Order::new(&wanted);
        let mut tower = noroshi_wire::lamp::tower::Tower::from_digits(b"121210").unwrap();
        tower.obey(&order);
        prop_assert!(tower.shown().agrees_with(&wanted));

        let command = isa::encode_set(&wanted, None);
        let isa::Action::Set(pattern) = isa::parse_command(&command).unwrap().action else {
            panic!("not a set command: {command}");
        };
        let mut channels = isa::Channels::from_digits(b"12110000").unwrap();
        channels.obey(&pattern);
        prop_assert!(channels.shown().agrees_with(&wanted));

        prop_assert!(phn::Tower(0x55).with(&wanted).shown().agrees_with(&wanted));
    }

    /// Every SNMP message that is read can be written, and reads the same again.
    ///
    /// Rule: N12
    #[test]
    fn snmp_messages_survive_a_round_trip(bytes in snmp_like()) {
        if let Some(message) = snmp::Message::decode(&bytes)
            && message.binds.iter().all(|(_, value)| !matches!(value, snmp::Value::Other(_)))
        {
            prop_assert_eq!(snmp::Message::decode(&message.encode()), Some(message));
        }
    }
}
