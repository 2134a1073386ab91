//! Whole files in the forms that the real product and its tools write.
//!
//! The files below `tests/files` were made for this project. A folder of files from real clusters
//! can be named in `NOROSHI_CLPCONF_SAMPLES`; each of them must be accepted too.

use crate::helpers::{accepted, lines};
use noroshi_conf::Parsed;
use noroshi_conf::Problem;
use noroshi_core::text::Language;
use noroshi_core::time::Span;

/// Rule: M29 N6
#[test]
fn a_file_with_disk_and_bmc_heartbeats_and_an_unknown_encode_is_read() {
    let Parsed {
        config, warnings, ..
    } = accepted(include_bytes!("../files/disk_and_bmc.conf"));
    assert_eq!(config.cluster, "STORE1");
    assert_eq!(config.language, Language::Ja);
    let names: Vec<&str> = config
        .servers
        .iter()
        .map(|server| server.name.as_str())
        .collect();
    assert_eq!(names, ["STORE1A", "STORE1B"]);
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
        Some("10.20.1.12".parse().unwrap())
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
    let Parsed {
        config, warnings, ..
    } = accepted(include_bytes!("../files/one_line.conf"));
    assert!(warnings.is_empty(), "{}", lines(&warnings));
    assert_eq!(config.interconnects.len(), 4);
    assert_eq!(
        config.servers[1].addresses[3],
        Some("10.30.3.2".parse().unwrap())
    );
    assert_eq!(config.heartbeat.timeout, Span::from_ms(850));
    assert_eq!(config.heartbeat.interval, Span::from_ms(100));
}

/// Rule: M29
#[test]
fn a_file_with_mirror_connects_and_no_last_line_end_is_read() {
    let Parsed {
        config, warnings, ..
    } = accepted(include_bytes!("../files/mirror_connects.conf"));
    assert!(warnings.is_empty(), "{}", lines(&warnings));
    assert_eq!(config.servers[0].name, "mirror-1");
    assert_eq!(
        config.servers[0].addresses,
        [Some("10.40.0.1".parse().unwrap())]
    );
}

/// Rule: M29 N4
#[test]
fn a_files_heartbeat_timeout_is_obeyed() {
    let Parsed {
        config, warnings, ..
    } = accepted(include_bytes!("../files/long_timeout.conf"));
    assert!(warnings.is_empty(), "{}", lines(&warnings));
    assert_eq!(config.heartbeat.timeout, Span::from_secs(50));
    assert_eq!(config.heartbeat.stall_timeout, Span::from_secs(50));
    assert_eq!(config.heartbeat.interval, Span::from_ms(100));
    assert_eq!(config.language, Language::En);
    assert_eq!(config.interconnects.len(), 3);
}

/// Rule: M29
#[test]
fn files_of_real_clusters_are_accepted_where_they_are_at_hand() {
    let Some(folder) = std::env::var_os("NOROSHI_CLPCONF_SAMPLES") else {
        return;
    };
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let warnings = match noroshi_conf::read(&bytes) {
            Ok(parsed) => parsed.warnings,
            Err(findings) => panic!("{}:\n{}", path.display(), lines(&findings)),
        };
        let slip =
            |warning: &&noroshi_conf::Finding| matches!(warning.problem, Problem::NearMiss { .. });
        if let Some(warning) = warnings.iter().find(slip) {
            panic!("{}: {warning}", path.display());
        }
        read += 1;
    }
    assert!(read > 0, "{} is empty", folder.display());
}
