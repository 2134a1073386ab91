//! The same file in every character set, form of line and indentation.

use crate::helpers::{HEARTBEAT, accepted, file, refused};
use encoding_rs::{EUC_JP, Encoding, GBK, SHIFT_JIS};
use noroshi_conf::Problem;
use noroshi_conf::charset::Charset;

const JAPANESE: &str = "<root><cluster><name>海岸ｸﾗｽﾀ</name><mail><address>a@example.com</address>\
    <subject>【本番】表示・狼煙</subject></mail></cluster>\
    <server name=\"サーバ一\"><priority>0</priority></server></root>";

fn encoded(declared: &str, encoding: &'static Encoding, body: &str) -> Vec<u8> {
    let text = format!("<?xml version=\"1.0\" encoding=\"{declared}\"?>\n{body}");
    let (bytes, _, lost) = encoding.encode(&text);
    assert!(!lost, "the test's text must exist in {declared}");
    bytes.into_owned()
}

/// The second byte of `表` in Shift_JIS is a backslash, in `ソ` and many others as well.
///
/// Rule: M29 M12
#[test]
fn japanese_names_and_subjects_survive_euc_jp_and_sjis() {
    for bytes in [
        encoded("EUC-JP", EUC_JP, JAPANESE),
        encoded("SJIS", SHIFT_JIS, JAPANESE),
    ] {
        let config = accepted(&bytes).config;
        assert_eq!(config.cluster, "海岸ｸﾗｽﾀ");
        assert_eq!(config.mail.subject, "【本番】表示・狼煙");
        assert_eq!(config.servers[0].name, "サーバ一");
    }
}

/// Rule: M29
#[test]
fn chinese_names_survive_gb2312() {
    let file = file("<mail><subject>集群报警</subject></mail>", HEARTBEAT);
    let config = accepted(&encoded("GB2312", GBK, &file)).config;
    assert_eq!(config.mail.subject, "集群报警");
}

/// Rule: M29
#[test]
fn line_ends_and_indentation_are_no_part_of_the_format() {
    let lf = include_str!("../files/three_servers.conf");
    let expected = accepted(lf.as_bytes()).config;
    let crlf = lf.replace('\n', "\r\n");
    let one_line: String = lf.lines().map(str::trim_start).collect();
    let one_line = one_line.replace("docomo.example", "docomo.example ");
    let tabs = lf.replace("  ", "\t");
    for variant in [crlf, one_line, tabs] {
        let mut config = accepted(variant.as_bytes()).config;
        assert_ne!(config.digest, expected.digest);
        config.digest = expected.digest;
        assert_eq!(config, expected);
    }
}

/// Rule: M29 N17
#[test]
fn a_wrong_charset_is_refused_with_line_and_hint() {
    let good = file("<comment>\n\n狼煙</comment>", "");
    let findings = refused(&encoded("ASCII", EUC_JP, &good));
    assert_eq!((findings.len(), findings[0].line), (1, 4));
    assert!(
        matches!(
            findings[0].problem,
            Problem::WrongByte {
                charset: Charset::Ascii,
                fits: Some(Charset::EucJp),
                ..
            }
        ),
        "{}",
        findings[0]
    );
}
