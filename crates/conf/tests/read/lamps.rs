//! Warning lights.

use crate::helpers::{accepted, bad, good, lines, parsed};
use noroshi_conf::{Parsed, Problem};
use noroshi_core::config::{Config, LampId, LampKind, PnsFamily, RshUsers, Secret, ServerId};

fn every_type() -> Config {
    let Parsed {
        config, warnings, ..
    } = accepted(include_bytes!("../files/lamps.conf"));
    assert!(warnings.is_empty(), "{}", lines(&warnings));
    config
}

fn users(local: &str, remote: &str) -> RshUsers {
    RshUsers {
        local: local.into(),
        remote: remote.into(),
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

/// Rule: M19 N12
#[test]
fn every_type_of_lamp_is_read_with_its_settings() {
    let config = every_type();
    assert!(config.lamps_used);
    let root = || users("root", "root");
    let expected = [
        (
            "a",
            LampKind::IsaRsh {
                users: root(),
                password: None,
            },
            None,
        ),
        (
            "b",
            LampKind::IsaRsh {
                users: users("me", "you"),
                password: Some(secret("secret-b")),
            },
            None,
        ),
        ("c", LampKind::PatliteRsh { users: root() }, None),
        ("d", LampKind::PatliteRsh { users: root() }, None),
        (
            "e",
            LampKind::IsaTcp {
                password: Some(secret("secret-e")),
            },
            Some(60_001),
        ),
        ("f", LampKind::PatliteHttp, Some(8_080)),
        (
            "g",
            LampKind::PatlitePns {
                family: PnsFamily::La6,
            },
            None,
        ),
        ("h", LampKind::PatlitePhn, None),
        (
            "i",
            LampKind::PatliteSnmp {
                read: secret("secret-r"),
                write: secret("secret-w"),
            },
            None,
        ),
        (
            "j",
            LampKind::Command {
                program: "/usr/local/bin/lamp".into(),
                arguments: vec!["--tone".into(), " loud & clear ".into()],
            },
            None,
        ),
        (
            "m",
            LampKind::PatliteSnmp {
                read: secret("public"),
                write: secret("private"),
            },
            None,
        ),
    ];
    for (name, kind, port) in expected {
        let server = config.server_named(name).expect("the file has it");
        let lamp = config.server(server).lamp.expect("it has a lamp");
        let lamp = &config.lamps[usize::from(lamp.0)];
        assert_eq!((&lamp.kind, lamp.port), (&kind, port), "{name}");
        assert!(lamp.servers.contains(&server));
    }
    assert!(!format!("{config:?}").contains("secret-"));
}

/// Rule: M20
#[test]
fn servers_with_one_address_port_and_kind_share_one_lamp() {
    let config = every_type();
    let lamp = |name| {
        config
            .server_named(name)
            .and_then(|server| config.server(server).lamp)
    };
    assert_eq!(lamp("a"), Some(LampId(0)));
    assert_eq!(lamp("k"), lamp("a"), "port 514 is rsh's own");
    assert_eq!(config.lamps[0].servers, [ServerId(0), ServerId(10)]);
    assert_ne!(lamp("g"), lamp("n"), "another port is another lamp");
    assert_eq!(config.lamps.len(), 12);
}

/// Rule: M19
#[test]
fn no_device_is_no_lamp() {
    let config = every_type();
    assert_eq!(
        config
            .server_named("l")
            .and_then(|server| config.server(server).lamp),
        None
    );
    assert!(!good("", "").lamps_used);
}

const USE: &str = "<dn1000s><use>1</use></dn1000s>";

/// A third and a fourth server with these lamps.
fn two_lamps(third: &str, fourth: &str) -> String {
    let server = |name, number, lamp| {
        format!(
            "<server name='{name}'><priority>{number}</priority>\
             <device id='0'><type>lan</type><info>10.0.0.{number}</info></device>\
             <device id='20000'>{lamp}</device></server>"
        )
    };
    server("sv3", 3, third) + &server("sv4", 4, fourth)
}

/// Rule: M19 N17
#[test]
fn a_lamp_without_address_is_refused_only_while_lamps_are_used() {
    let old = two_lamps("<type>dn1000s</type><info/>", "<type>nhfv1</type>");
    let findings = bad(USE, &old);
    assert_eq!(
        findings.lines().next(),
        Some(
            "clp.conf:1: /root/server@sv3/device@20000/info: lamp without address. \
             Give the warning light's IP address, or remove device@20000 if the server has none."
        )
    );
    assert!(
        findings.contains("/root/server@sv4/device@20000/info: lamp without"),
        "{findings}"
    );
    let Parsed {
        config, warnings, ..
    } = parsed("<dn1000s><use>0</use></dn1000s>", &old);
    assert!(config.lamps.is_empty() && warnings.is_empty());
    let bad_user = "<noroshi><lamp name='sv3'><localuser>a b</localuser></lamp></noroshi>";
    let lamp = two_lamps("<type>dn1000s</type><info>10.0.9.1</info>", "");
    assert!(
        good("", &(lamp.clone() + bad_user)).lamps.is_empty(),
        "nothing unchecked gets in"
    );
    assert_eq!(good("", &lamp).lamps.len(), 1);
    let nothing_set = two_lamps("<type/><info/>", "");
    assert!(good(USE, &nothing_set).lamps.is_empty());
}

/// Rule: M20 N17
#[test]
fn one_address_with_two_kinds_is_refused() {
    let findings = bad(
        USE,
        &two_lamps(
            "<type>dn1000s</type><info>10.0.9.1</info>",
            "<type>patlite</type><info>10.0.9.1</info>",
        ),
    );
    let expected = "/root/server@sv4/device@20000/info = \"10.0.9.1\": server sv3 shares";
    assert!(findings.contains(expected), "{findings}");
}

/// Rule: M19 N12 N17
#[test]
fn faulty_lamps_are_refused_and_useless_settings_told() {
    let lamp = |own: &str| {
        two_lamps("<type>dn1000s</type><info>10.0.9.1</info>", "")
            + "<noroshi><lamp name='sv3'>"
            + own
            + "</lamp></noroshi>"
    };
    for (own, expected) in [
        (
            "<type>dn9000</type>",
            "lamp@sv3/type = \"dn9000\": not a known value",
        ),
        (
            "<localuser>seventeen-letters</localuser>",
            "localuser = \"seventeen-letters\"",
        ),
        (
            "<remoteuser>a&#10;b</remoteuser>",
            "remoteuser = \"a\\nb\": not a user name",
        ),
        (
            "<password>a b</password>",
            "lamp@sv3/password: the device's commands",
        ),
        (
            "<type>command</type>",
            "/root/noroshi/lamp@sv3/program: it must be given",
        ),
        (
            "<type>command</type><program>lamp</program>",
            "program = \"lamp\": not an absolute",
        ),
        (
            "<type>patlite-pns</type><family>nhl</family>",
            "Give one of: nh, lr5, la6",
        ),
        ("<port>65536</port>", "port = \"65536\": not a whole number"),
    ] {
        let findings = bad(USE, &lamp(own));
        assert!(findings.contains(expected), "{findings}");
    }
    let useless = parsed(USE, &lamp("<family>nh</family>"));
    assert_eq!(
        useless.warnings[0].problem,
        Problem::NotForLampType {
            lamp_type: "dn1000s"
        }
    );
    let typeless = two_lamps(
        "<info>10.0.9.1</info>",
        "<type>command</type><info>10.0.9.2</info>",
    );
    let findings = bad(USE, &typeless);
    assert!(
        findings.contains("/root/server@sv3/device@20000/type: it must be"),
        "{findings}"
    );
    assert!(
        findings.contains("/root/noroshi/lamp@sv4/program: it must be"),
        "{findings}"
    );
    let unknown = "<noroshi><lamp name='sv11'><type>dn1000s</type></lamp></noroshi>";
    let findings = bad(USE, unknown);
    assert!(
        findings.contains("no server has this name. Did you mean sv1?"),
        "{findings}"
    );
}
