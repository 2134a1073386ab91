//! The bytes the devices expect. They come from the device manuals (PATLITE NHL 8169-B,
//! LA6-POE, NBM-D88N; rshd(8)) and from programs run on real devices (dn1000s-py, keigo, keiko,
//! net-pns); the SNMP datagrams are net-snmp's. **They are not to be edited**: when a test here fails, the code is wrong.

use noroshi_wire::lamp::snmp::{Access, Community, Version};
use noroshi_wire::lamp::tower::Tower;
use noroshi_wire::lamp::{Lights, http, isa, patlite, phn, pns, rsh, snmp};

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// Rule: N12 N13
#[test]
fn rsh_request() {
    let request = rsh::Request::new("root", "root", "alert 199999").unwrap();
    assert_eq!(
        request.encode(),
        bytes(
            "30 00 72 6f 6f 74 00 72 6f 6f 74 00 \
             61 6c 65 72 74 20 31 39 39 39 39 39 00"
        )
    );
}

/// Rule: N12
#[test]
fn rsh_replies() {
    assert_eq!(
        rsh::encode_output(b"199999\n"),
        bytes("00 31 39 39 39 39 39 0a")
    );
    assert_eq!(
        rsh::encode_refusal("remuser too long"),
        b"\x01remuser too long\n"
    );
}

/// Rule: N12 M16 M17
#[test]
fn isa_commands() {
    assert_eq!(isa::encode_set(&Lights::STARTED, None), "ACOP 0x1xxxxx");
    assert_eq!(isa::encode_set(&Lights::STOPPED, None), "ACOP 0x0xxxxx");
    assert_eq!(isa::encode_set(&Lights::DOWN, None), "ACOP 2x0xxxxx");
    assert_eq!(isa::encode_clear(None), "ACOP 00000000");
    assert_eq!(isa::encode_read(None), "ACOP");
    let password = isa::Password::new("DN1500").unwrap();
    assert_eq!(
        isa::encode_set(&Lights::DOWN, Some(&password)),
        "ACOP 2x0xxxxx -p DN1500"
    );
}

/// Rule: N12
#[test]
fn isa_over_tcp() {
    assert_eq!(
        isa::tcp_line(&isa::encode_set(&Lights::DOWN, None)),
        bytes("41 43 4F 50 20 32 78 30 78 78 78 78 78 0D")
    );
}

/// Rule: N12 M16 M17
#[test]
fn patlite_commands() {
    assert_eq!(patlite::encode_set(&Lights::STARTED), "alert 091999");
    assert_eq!(patlite::encode_set(&Lights::STOPPED), "alert 090999");
    assert_eq!(patlite::encode_set(&Lights::DOWN), "alert 290999");
    assert_eq!(patlite::encode_out(), "alert 000000");
    assert_eq!(patlite::encode_clear(), "clear");
    assert_eq!(patlite::encode_read(), "status");
}

/// Rule: N12 M16 M17
#[test]
fn http_requests() {
    let lamp = "192.0.2.7:80".parse().unwrap();
    let request = |query: &str| {
        format!("GET /api/control?{query} HTTP/1.1\r\nHost: 192.0.2.7\r\nConnection: close\r\n\r\n")
            .into_bytes()
    };
    assert_eq!(
        http::encode_set(lamp, &Lights::STARTED),
        request("alert=091999")
    );
    assert_eq!(
        http::encode_set(lamp, &Lights::STOPPED),
        request("alert=090999")
    );
    assert_eq!(
        http::encode_set(lamp, &Lights::DOWN),
        request("alert=290999")
    );
    assert_eq!(http::encode_clear(lamp), request("clear=1"));
}

/// Rule: N12 M16 M17
#[test]
fn pns_requests() {
    for (unit, prefix) in [
        (pns::Unit::Nh, "58 58 "),
        (pns::Unit::Lr5, "41 42 "),
        (pns::Unit::La6, "41 42 "),
    ] {
        let pinned = |rest: &str| bytes(&format!("{prefix}{rest}"));
        let set = |lights| pns::encode_set(unit, lights);
        assert_eq!(
            set(&Lights::STARTED),
            pinned("53 00 00 06 00 09 01 09 09 09")
        );
        assert_eq!(
            set(&Lights::STOPPED),
            pinned("53 00 00 06 00 09 00 09 09 09")
        );
        assert_eq!(set(&Lights::DOWN), pinned("53 00 00 06 02 09 00 09 09 09"));
        assert_eq!(pns::encode_clear(unit), pinned("43 00 00 00"));
        assert_eq!(pns::encode_read(unit), pinned("47 00 00 00"));
    }
}

/// Rule: N12 N14
#[test]
fn pns_replies() {
    assert_eq!((pns::ACK, pns::NAK), (0x06, 0x15));
    let tower = Tower::from_digits(b"201003").unwrap();
    assert_eq!(
        pns::encode_status(pns::Unit::Nh, &tower),
        bytes("02 00 01 00 00 03")
    );
    assert_eq!(
        pns::encode_status(pns::Unit::La6, &tower),
        bytes("00 00 00 00 00 00 00 00 00 02 00 01 00 00 03")
    );
}

/// Rule: N12 M16 M17
#[test]
fn phn_requests() {
    let write = |lights| phn::encode_write(phn::Tower::DARK.with(lights));
    assert_eq!(write(&Lights::STARTED), [0x57, 0x04]);
    assert_eq!(write(&Lights::STOPPED), [0x57, 0x00]);
    assert_eq!(write(&Lights::DOWN), [0x57, 0x20]);
    assert_eq!(phn::encode_clear(), [0x57, 0x00]);
    assert_eq!(phn::encode_read(), [0x52]);
    assert_eq!(phn::encode_state(phn::Tower(0x55)), [0x52, 0x55]);
    assert_eq!(
        (phn::ACK, phn::NAK),
        ([0x41, 0x43, 0x4b], [0x4e, 0x41, 0x4b])
    );
}

/// What net-snmp's `snmpset -v2c -c private` sent for `.2.1 i 3 .3.1 i 0 .2.3 i 1 .3.3 i 0`.
///
/// Rule: N12 M16 M17
#[test]
fn snmp_set() {
    let community = Community::new("private").unwrap();
    let access = Access {
        version: Version::V2c,
        community: &community,
        request_id: 0x5808_cee0,
    };
    let down = bytes(
        "30 78 02 01 01 04 07 70 72 69 76 61 74 65 a3 6a 02 04 58 08 ce e0 02 01 \
             00 02 01 00 30 5c 30 15 06 10 2b 06 01 04 01 81 9f 58 04 01 05 01 02 01 \
             02 01 02 01 03 30 15 06 10 2b 06 01 04 01 81 9f 58 04 01 05 01 02 01 03 \
             01 02 01 00 30 15 06 10 2b 06 01 04 01 81 9f 58 04 01 05 01 02 01 02 03 \
             02 01 01 30 15 06 10 2b 06 01 04 01 81 9f 58 04 01 05 01 02 01 03 03 02 \
             01 00",
    );
    assert_eq!(snmp::encode_set(access, &Lights::DOWN), down);
    // Four variables of 23 bytes end the datagram; the value is the last byte of each.
    let (red, green) = (down.len() - 3 * 23 - 1, down.len() - 23 - 1);
    let with = |red_state, green_state| {
        let mut datagram = down.clone();
        (datagram[red], datagram[green]) = (red_state, green_state);
        datagram
    };
    assert_eq!(snmp::encode_set(access, &Lights::STARTED), with(1, 2));
    assert_eq!(snmp::encode_set(access, &Lights::STOPPED), with(1, 1));
}

/// What net-snmp's `snmpset -v2c -c private` sent for `1.3.6.1.4.1.20440.4.1.5.1.3.0 i 1`.
///
/// Rule: N12
#[test]
fn snmp_clear() {
    let community = Community::new("private").unwrap();
    let access = Access {
        version: Version::V2c,
        community: &community,
        request_id: 0x03fc_5835,
    };
    let clear = bytes(
        "30 31 02 01 01 04 07 70 72 69 76 61 74 65 a3 23 02 04 03 fc 58 35 02 01 \
             00 02 01 00 30 15 30 13 06 0e 2b 06 01 04 01 81 9f 58 04 01 05 01 03 00 \
             02 01 01",
    );
    assert_eq!(snmp::encode_clear(access), clear);
}

/// What net-snmp's `snmpget -v1 -c public` sent for `.4.1 .4.2 .4.3 .4.6`.
///
/// Rule: N12 N14
#[test]
fn snmp_read() {
    let community = Community::new("public").unwrap();
    let access = Access {
        version: Version::V1,
        community: &community,
        request_id: 0x00ea_5b16,
    };
    let read = bytes(
        "30 73 02 01 00 04 06 70 75 62 6c 69 63 a0 66 02 04 00 ea 5b 16 02 01 00 \
             02 01 00 30 58 30 14 06 10 2b 06 01 04 01 81 9f 58 04 01 05 01 02 01 04 \
             01 05 00 30 14 06 10 2b 06 01 04 01 81 9f 58 04 01 05 01 02 01 04 02 05 \
             00 30 14 06 10 2b 06 01 04 01 81 9f 58 04 01 05 01 02 01 04 03 05 00 30 \
             14 06 10 2b 06 01 04 01 81 9f 58 04 01 05 01 02 01 04 06 05 00",
    );
    assert_eq!(snmp::encode_read(access), read);
}
