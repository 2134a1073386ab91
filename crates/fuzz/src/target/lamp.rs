//! What lamps of every protocol answer, and what simulated ones are asked.
//!
//! Promises: what a lamp says is one printable line of bounded length; an SNMP message that was read can be written
//! and reads the same.

use noroshi_wire::lamp::{ReplyError, http, isa, patlite, phn, pns, printable, rsh, snmp};

const UNITS: [pns::Unit; 3] = [pns::Unit::Nh, pns::Unit::Lr5, pns::Unit::La6];
/// Most characters of a lamp's own words in an error; the rest is ours.
const WORDS_CHARS_MAX: usize = 400;

pub(crate) fn decode(bytes: &[u8]) {
    replies(bytes);
    requests(bytes);
    let text = printable(bytes, 40);
    assert!(text.chars().count() <= 40 && !text.contains(char::is_control));
}

fn sound<T>(reply: Result<T, ReplyError>) {
    if let Err(error) = reply {
        let text = error.to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.chars().count() <= WORDS_CHARS_MAX, "{text:?}");
    }
}

fn replies(bytes: &[u8]) {
    sound(rsh::decode_reply(bytes));
    sound(isa::decode_tcp_line(bytes));
    sound(isa::decode_set_reply(bytes));
    sound(isa::decode_read_reply(bytes));
    sound(patlite::decode_reply(bytes));
    sound(patlite::decode_clear_reply(bytes));
    sound(http::decode_reply(bytes));
    let _ = http::reply_is_whole(bytes);
    sound(pns::decode_control_reply(bytes));
    for unit in UNITS {
        sound(pns::decode_status_reply(unit, bytes));
    }
    sound(phn::decode_write_reply(bytes));
    sound(phn::decode_read_reply(bytes));
    sound(snmp::decode_set_reply(bytes, 7));
    sound(snmp::decode_read_reply(bytes, 7));
    if let Some(message) = snmp::Message::decode(bytes)
        && !message
            .binds
            .iter()
            .any(|(_, value)| matches!(value, snmp::Value::Other(_)))
    {
        assert_eq!(snmp::Message::decode(&message.encode()), Some(message));
    }
}

fn requests(bytes: &[u8]) {
    let mut decoder = rsh::RequestDecoder::new();
    for part in bytes.chunks(7) {
        let _ = decoder.push(part);
    }
    let _ = isa::decode_tcp_request(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = isa::parse_command(&text);
    let _ = patlite::parse_command(&text);
    let _ = http::decode_request(bytes);
    if let Ok(Some((_, used))) = pns::decode_request(bytes) {
        assert!(used <= bytes.len());
    }
    if let Ok(Some((_, used))) = phn::decode_request(bytes) {
        assert!(used <= bytes.len());
    }
}
