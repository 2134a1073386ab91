//! Secrets that stand sealed in the file.

use crate::helpers::{HEARTBEAT, file, lines};
use noroshi_conf::sealed::{Opened, left_alone};
use noroshi_conf::{Problem, read, read_with};
use noroshi_core::config::LampKind;

const LAMP: &str = "<cluster/><noroshi><lamp name='sv1'><type>isa-tcp</type>\
    <password> sealed:1:00ff </password></lamp></noroshi>";

fn with_lamp() -> String {
    let lamp = "<device id='20000'><type>dn1500gl</type><info>10.9.0.1</info></device></server>";
    file(
        "<dn1000s><use>1</use></dn1000s>",
        &format!("{HEARTBEAT}{}", &LAMP[10..]),
    )
    .replacen("</server>", lamp, 1)
}

/// Rule: N18
#[test]
fn a_sealed_secret_is_opened_by_whoever_has_the_key() {
    let mut asked = Vec::new();
    let parsed = read_with(with_lamp().as_bytes(), &mut |path, text| {
        asked.push((path.to_string(), text.to_string()));
        Opened::Secret("hunter2".into())
    })
    .unwrap_or_else(|findings| panic!("{}", lines(&findings)));
    assert_eq!(
        asked,
        [(
            "/root/noroshi/lamp@sv1/password".into(),
            "sealed:1:00ff".into()
        )]
    );
    match &parsed.config.lamps[0].kind {
        LampKind::IsaTcp { password } => {
            assert_eq!(
                password.as_ref().map(|secret| secret.reveal()),
                Some("hunter2")
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(read(with_lamp().as_bytes()).is_ok());
    assert!(read_with(with_lamp().as_bytes(), &mut left_alone).is_ok());
}

/// Rule: N18 N17
#[test]
fn a_secret_that_does_not_open_is_told_with_the_other_faults() {
    let text = with_lamp().replace("<name>c</name>", "<name/>");
    let findings = read_with(text.as_bytes(), &mut |_, _| {
        Opened::Failed("other key".into(), "別の鍵".into())
    })
    .expect_err("two faults");
    assert_eq!(findings.len(), 2, "{}", lines(&findings));
    let closed = findings
        .iter()
        .find(|f| matches!(f.problem, Problem::SecretNotOpened { .. }));
    let line = closed.map(ToString::to_string).unwrap_or_default();
    assert!(
        line.contains("/root/noroshi/lamp@sv1/password: ") && line.contains("other key"),
        "{line}"
    );
    assert!(!lines(&findings).contains("00ff"));
}
