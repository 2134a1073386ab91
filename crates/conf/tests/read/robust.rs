//! Whatever the bytes are: an answer, no panic, no secret.

use crate::helpers::lines;
use noroshi_conf::read;
use proptest::collection::vec;
use proptest::prelude::*;

const GOOD: [&str; 3] = [
    include_str!("../files/three_servers.conf"),
    include_str!("../files/lamps.conf"),
    include_str!("../files/many_errors.conf"),
];

/// One change to a file.
#[derive(Clone, Debug)]
enum Change {
    Set(u8),
    Insert(Vec<u8>),
    Remove(usize),
    Repeat(usize),
}

fn change() -> impl Strategy<Value = (prop::sample::Index, Change)> {
    let change = prop_oneof![
        any::<u8>().prop_map(Change::Set),
        vec(any::<u8>(), 1..8).prop_map(Change::Insert),
        "[<>/&;\"'=]{1,4}|<[a-z]{1,8}>|</[a-z]{1,8}>|&#[0-9]{1,7};|<!\\[CDATA\\["
            .prop_map(|text| Change::Insert(text.into_bytes())),
        (1usize..400).prop_map(Change::Remove),
        (1usize..400).prop_map(Change::Repeat),
    ];
    (any::<prop::sample::Index>(), change)
}

fn changed(file: &str, changes: Vec<(prop::sample::Index, Change)>) -> Vec<u8> {
    let mut bytes = file.as_bytes().to_vec();
    for (at, change) in changes {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        let end = |length: usize| (at + length).min(bytes.len());
        match change {
            Change::Set(byte) => bytes[at] = byte,
            Change::Insert(more) => drop(bytes.splice(at..at, more)),
            Change::Remove(length) => drop(bytes.drain(at..end(length))),
            Change::Repeat(length) => {
                let again = bytes[at..end(length)].to_vec();
                drop(bytes.splice(at..at, again));
            }
        }
    }
    bytes
}

/// Reads, and holds the answer against what every answer must keep.
fn answer(bytes: &[u8]) {
    match read(bytes) {
        Ok(parsed) => {
            let config = &parsed.config;
            assert!((1..=32).contains(&config.servers.len()));
            let width = config.interconnects.len();
            assert!(
                config
                    .servers
                    .iter()
                    .all(|server| server.addresses.len() == width)
            );
            for to in &config.mail.recipients {
                assert!(!to.address.starts_with('-') && !to.address.contains(char::is_control));
            }
            assert!(!config.mail.subject.contains(char::is_control));
            for lamp in config.servers.iter().filter_map(|server| server.lamp) {
                assert!(usize::from(lamp.0) < config.lamps.len());
            }
        }
        Err(findings) => {
            assert!(!findings.is_empty());
            let count = findings.len();
            let lines = lines(&findings);
            assert_eq!(lines.lines().count(), count, "one line each: {lines}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Rule: N17 M29
    #[test]
    fn arbitrary_bytes_get_an_answer(bytes in vec(any::<u8>(), 0..2_000)) {
        answer(&bytes);
    }

    /// Rule: N17 M29
    #[test]
    fn arbitrary_bytes_inside_the_root_get_an_answer(
        set in prop::sample::select(vec!["UTF-8", "EUC-JP", "SJIS", "GB2312", "ASCII"]),
        inside in vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = format!("<?xml version='1.0' encoding='{set}'?><root>").into_bytes();
        bytes.extend(inside);
        bytes.extend_from_slice(b"</root>");
        answer(&bytes);
    }

    /// Rule: N17 M29
    #[test]
    fn a_file_with_arbitrary_changes_gets_an_answer(
        file in prop::sample::select(&GOOD[..]),
        changes in vec(change(), 1..6),
    ) {
        answer(&changed(file, changes));
    }

    /// Rule: N17
    #[test]
    fn a_file_cut_off_anywhere_is_refused(at in any::<prop::sample::Index>()) {
        let whole = GOOD[0].trim_end();
        answer(&whole.as_bytes()[..at.index(whole.len())]);
        prop_assert!(read(&whole.as_bytes()[..at.index(whole.len())]).is_err());
    }
}
