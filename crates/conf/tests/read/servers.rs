//! Servers, interconnects, heartbeat times and the cluster's other settings.

use crate::helpers::{HEARTBEAT, accepted, bad, file, good, lines, parsed, refused, server};
use noroshi_conf::{Parsed, Problem};
use noroshi_core::alert::{DestinationChange, MessageId};
use noroshi_core::config::SyslogFormat;
use noroshi_core::text::Language;
use noroshi_core::time::Span;

fn three_servers() -> Parsed {
    accepted(include_bytes!("../files/three_servers.conf"))
}

/// Rule: N6 M29
#[test]
fn servers_and_interconnects_stand_in_the_order_of_their_priorities() {
    let config = three_servers().config;
    let names: Vec<&str> = config
        .servers
        .iter()
        .map(|server| server.name.as_str())
        .collect();
    assert_eq!(names, ["sv1", "sv2", "sv3"]);
    let paths: Vec<&str> = config
        .interconnects
        .iter()
        .map(|path| path.name.as_str())
        .collect();
    assert_eq!(paths, ["lankhb1", "lanhb1"]);
    assert_eq!(
        config.servers[0].addresses,
        ["10.0.0.1".parse().ok(), "2001:db8::1".parse().ok()]
    );
    assert_eq!(config.servers[2].addresses, ["10.0.0.3".parse().ok(), None]);
}

/// Rule: N4 N18
#[test]
fn heartbeat_times_come_from_the_cluster_and_from_our_part() {
    let heartbeat = three_servers().config.heartbeat;
    assert_eq!(heartbeat.timeout, Span::from_ms(900));
    assert_eq!(heartbeat.interval, Span::from_ms(100));
    assert_eq!(heartbeat.stall_timeout, Span::from_ms(8_000));
    assert_eq!(heartbeat.restart_grace, Span::from_ms(200));
    assert_eq!(heartbeat.start_wait, Span::from_ms(30_000));
}

fn times(xml: &str) -> (u64, u64, u64) {
    let heartbeat = good(&format!("<heartbeat>{xml}</heartbeat>"), "").heartbeat;
    (
        heartbeat.interval.as_ms(),
        heartbeat.timeout.as_ms(),
        heartbeat.stall_timeout.as_ms(),
    )
}

/// Rule: N4
#[test]
fn heartbeat_times_that_are_not_given_follow_from_those_that_are() {
    assert_eq!(times(""), (100, 850, 5_000));
    assert_eq!(times("<timeout/>"), (100, 850, 5_000));
    assert_eq!(times("<timeout>300</timeout>"), (42, 300, 5_000));
    assert_eq!(times("<timeout>30</timeout>"), (10, 30, 5_000));
    assert_eq!(
        times("<timeout>90000</timeout><interval>3000</interval>"),
        (3_000, 90_000, 90_000)
    );
    assert_eq!(times("<interval>3000</interval>"), (3_000, 21_000, 21_000));
}

/// Rule: N4 N17
#[test]
fn a_timeout_that_one_lost_heartbeat_would_end_is_refused() {
    for (xml, value, min) in [
        ("<timeout>0</timeout>", 0, 30),
        ("<timeout>29</timeout>", 29, 30),
        ("<timeout>299</timeout><interval>100</interval>", 299, 300),
    ] {
        let findings = bad(&format!("<heartbeat>{xml}</heartbeat>"), "");
        let expected =
            format!("clp.conf:1: /root/cluster/heartbeat/timeout = \"{value}\": the heartbeat");
        assert!(findings.starts_with(&expected), "{findings}");
        assert!(
            findings.contains(&format!("Give at least {min} ms")),
            "{findings}"
        );
    }
    let short = "<noroshi><heartbeat><stalltimeout>699</stalltimeout></heartbeat></noroshi>";
    let findings = bad("", short);
    assert!(
        findings.contains("stalltimeout = \"699\": the stall time-out"),
        "{findings}"
    );
}

/// Rule: M11
#[test]
fn changed_destinations_are_read_under_either_name_of_the_command() {
    let config = three_servers().config;
    let id = |module: &str, event| MessageId {
        module: module.into(),
        event,
    };
    let none = DestinationChange::default();
    assert_eq!(
        config.destinations,
        [
            (
                id("nm", 1),
                DestinationChange {
                    mail: Some(true),
                    alert: Some(true),
                    ..none
                }
            ),
            (
                id("nm", 2),
                DestinationChange {
                    mail: Some(false),
                    syslog: Some(false),
                    trap: Some(true),
                    command: Some(true),
                    ..none
                }
            ),
            (
                id("rc", 10),
                DestinationChange {
                    command: Some(false),
                    ..none
                }
            ),
        ]
    );
}

/// Rule: M11
#[test]
fn changed_destinations_that_are_switched_off_are_not_taken_but_told() {
    let Parsed {
        config, warnings, ..
    } = parsed(
        "<messages><use>0</use></messages>",
        "<messages><nm id='2'><mail>0</mail></nm></messages>",
    );
    assert!(config.destinations.is_empty());
    assert_eq!(warnings.len(), 1, "{}", lines(&warnings));
    assert_eq!(warnings[0].problem, Problem::MessagesOff);
    assert!(
        parsed("", "<messages><types name='nm'/></messages>")
            .warnings
            .is_empty()
    );
}

/// Rule: N18
#[test]
fn the_other_settings_are_read_and_have_their_defaults() {
    let config = three_servers().config;
    assert_eq!(config.port, 29_102);
    assert_eq!(config.syslog.format, SyslogFormat::Rfc5424);
    assert_eq!(
        (config.syslog.level, config.syslog.socket.as_str()),
        (false, "/run/log")
    );
    assert_eq!(config.alert_records_max, 20_000);
    assert_eq!(config.language, Language::Ja);
    assert_eq!(config.cluster, "海岸クラスタ");

    let config = good("", "");
    assert_eq!((config.port, config.alert_records_max), (29_002, 10_000));
    assert_eq!(config.syslog.format, SyslogFormat::Rfc3164);
    assert_eq!(
        (config.syslog.level, config.syslog.socket.as_str()),
        (true, "/dev/log")
    );
    assert_eq!(config.language, Language::En);
    let sjis = "<all><charset>SJIS</charset></all>";
    assert_eq!(good("", sjis).language, Language::Ja);
    let english = format!("{sjis}<noroshi><language>en</language></noroshi>");
    assert_eq!(good("", &english).language, Language::En);
    let few = "<webalert><main><alertlog><maxrecordcount>500</maxrecordcount></alertlog></main></webalert>";
    let few = parsed("", few);
    assert_eq!(few.config.alert_records_max, 500);
    assert_eq!(few.warnings[0].problem, Problem::RecordsFew);
}

/// Rule: N6
#[test]
fn thirty_two_servers_are_taken_and_thirty_three_are_not() {
    let cluster = |count: usize| {
        let servers: String = (0..count)
            .map(|n| server(&format!("sv{n}"), n, &format!("10.0.0.{}", n + 1)) + "\n")
            .collect();
        format!("<root><cluster><name>c</name></cluster>{HEARTBEAT}\n{servers}</root>")
    };
    assert_eq!(accepted(cluster(32).as_bytes()).config.servers.len(), 32);
    let findings = lines(&refused(cluster(33).as_bytes()));
    assert_eq!(
        findings,
        "clp.conf:34: /root/server@sv32 = \"sv32\": too many. There may be 32 at most.\n"
    );
}

/// Rule: N6 N17
#[test]
fn one_server_alone_needs_no_interconnect_but_two_do() {
    let alone = "<root><cluster><name>c</name></cluster>\
                 <server name='sv1'><priority>0</priority></server></root>";
    assert!(accepted(alone.as_bytes()).config.interconnects.is_empty());
    let two = alone.replace(
        "</root>",
        "<server name='sv2'><priority>1</priority></server></root>",
    );
    assert_eq!(refused(two.as_bytes())[0].problem, Problem::NoInterconnect);
    let empty = refused(b"<root><cluster><name>c</name></cluster></root>");
    assert_eq!(empty[0].problem, Problem::NoServer);
}

/// Rule: N6 M29
#[test]
fn without_a_heartbeat_element_the_lan_devices_are_taken_in_the_order_of_their_ids() {
    let file = file("", "").replace(
        "</server>",
        "<device id='10'><type>lan</type><info>fe80::ADDRESS</info></device>\
         <device id='2'><type>lan</type><info/></device>\
         <device id='400'><type>mdc</type><info>10.0.0.1</info></device></server>",
    );
    let file = file.replacen("ADDRESS", "1", 1).replacen("ADDRESS", "2", 1);
    let Parsed {
        config, warnings, ..
    } = accepted(file.as_bytes());
    let paths: Vec<_> = config
        .interconnects
        .iter()
        .map(|path| (path.name.as_str(), path.comment))
        .collect();
    assert_eq!(
        paths,
        [("lan0", "LAN Heartbeat"), ("lan10", "LAN Heartbeat")]
    );
    assert_eq!(config.servers[1].addresses[1], "fe80::2".parse().ok());
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].problem, Problem::LanDevicesTaken);
}

/// Rule: N6 N17
#[test]
fn servers_without_a_common_interconnect_are_refused() {
    let file = "<root><cluster><name>c</name></cluster>\
        <server name='sv1'><priority>0</priority>\
        <device id='0'><type>lan</type><info>10.0.0.1</info></device></server>\
        <server name='sv2'><priority>1</priority>\
        <device id='1'><type>lan</type><info>10.0.1.2</info></device></server></root>";
    let findings = refused(file.as_bytes());
    let apart = Problem::NoSharedInterconnect {
        other: "sv1".into(),
    };
    assert!(
        findings
            .iter()
            .any(|f| f.problem == apart && f.path == "/root/server@sv2")
    );
}

/// The same address in another spelling, and on another interconnect, is the same address.
///
/// Rule: N6 N17
#[test]
fn two_servers_with_one_address_are_refused() {
    let taken = file("", HEARTBEAT).replace("10.0.0.2", "::ffff:10.0.0.1");
    let findings = lines(&refused(taken.as_bytes()));
    assert!(
        findings.starts_with(
            "clp.conf:1: /root/server@sv2/device@0/info = \"::ffff:10.0.0.1\": \
             server sv1 has this address already."
        ),
        "{findings}"
    );
}
