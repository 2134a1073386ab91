//! Four files that the real product and its tools wrote.

use crate::helpers::{accepted, lines};
use noroshi_conf::Parsed;
use noroshi_conf::Problem;
use noroshi_core::text::Language;
use noroshi_core::time::Span;
use std::path::Path;

/// The sample, or `None` where the samples are not at hand.
fn sample(name: &str) -> Option<Parsed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/clpconf");
    match std::fs::read(folder.join(name)) {
        Ok(bytes) => Some(accepted(&bytes)),
        Err(error) => {
            assert!(
                std::env::var_os("NOROSHI_REQUIRE_ALL").is_none_or(|all| all != "1"),
                "sample {name}: {error}"
            );
            eprintln!("skipped: sample {name} is not at hand ({error})");
            None
        }
    }
}

/// Rule: M29 N6
#[test]
fn a_file_with_disk_and_bmc_heartbeats_and_junk_for_a_charset_is_read() {
    let Some(Parsed { config, warnings }) = sample("s04_CreateClusterOnLinux_29173d6f.conf") else {
        return;
    };
    assert_eq!(config.cluster, "CLADYA01");
    assert_eq!(config.language, Language::Ja);
    let names: Vec<&str> = config
        .servers
        .iter()
        .map(|server| server.name.as_str())
        .collect();
    assert_eq!(names, ["SSFYHA01", "SSFYHA02"]);
    let paths: Vec<_> = config
        .interconnects
        .iter()
        .map(|path| (path.name.as_str(), path.comment))
        .collect();
    assert_eq!(
        paths,
        [
            ("lanhb1", "LAN Heartbeat"),
            ("lankhb1", "Kernel Mode LAN Heartbeat")
        ]
    );
    assert_eq!(
        config.servers[1].addresses[1],
        "192.168.100.114".parse().ok()
    );
    assert_eq!(warnings.len(), 2, "{}", lines(&warnings));
    assert!(
        warnings
            .iter()
            .all(|w| w.problem == Problem::HeartbeatKindIgnored)
    );
    assert_eq!(warnings[0].path, "/root/heartbeat/diskhb@diskhb1");
    assert!(config.mail.recipients.is_empty() && !config.lamps_used);
}

/// Rule: M29 N6
#[test]
fn a_file_with_its_servers_in_one_line_is_read() {
    let Some(Parsed { config, warnings }) = sample("s08_CreateClusterOnLinux_8336d7e0.conf") else {
        return;
    };
    assert!(warnings.is_empty(), "{}", lines(&warnings));
    assert_eq!(config.interconnects.len(), 4);
    assert_eq!(
        config.servers[1].addresses[3],
        "192.168.140.72".parse().ok()
    );
    assert_eq!(config.heartbeat.timeout, Span::from_ms(850));
    assert_eq!(config.heartbeat.interval, Span::from_ms(100));
}

/// Rule: M29
#[test]
fn a_file_with_mirror_connects_and_no_last_line_end_is_read() {
    let Some(Parsed { config, warnings }) = sample("s13_clpcfdiff_8e1adc52.conf") else {
        return;
    };
    assert!(warnings.is_empty(), "{}", lines(&warnings));
    assert_eq!(config.servers[0].name, "alma9-21");
    assert_eq!(config.servers[0].addresses, ["192.168.122.21".parse().ok()]);
}

/// Rule: M29 N4
#[test]
fn a_files_heartbeat_timeout_is_obeyed() {
    let Some(Parsed { config, warnings }) = sample("s21_hauc_b29f2354.conf") else {
        return;
    };
    assert!(warnings.is_empty(), "{}", lines(&warnings));
    assert_eq!(config.heartbeat.timeout, Span::from_secs(50));
    assert_eq!(config.heartbeat.stall_timeout, Span::from_secs(50));
    assert_eq!(config.heartbeat.interval, Span::from_ms(100));
    assert_eq!(config.language, Language::En);
    assert_eq!(config.interconnects.len(), 3);
}
