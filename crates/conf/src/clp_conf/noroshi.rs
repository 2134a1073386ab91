//! Our own part of the file, `/root/noroshi`: what may stand there, and the settings that belong
//! to no other topic (rule N18).
//!
//! Elsewhere an unknown element is the real product's business. Here it is a slip of the pen that
//! would silently lose a setting, so it is an error, with the name that was most likely meant.

use crate::finding::Findings;
use crate::names::nearest;
use crate::problem::Problem;
use crate::tree::Node;
use noroshi_core::config::{Engine, SyslogFormat, SyslogSettings};
use noroshi_core::text::Language;

/// UDP port of heartbeats and TCP port of the links between servers.
pub(super) const PORT_DEFAULT: u16 = 29_002;
/// Rule N7, and the real product's default.
const RECORDS_DEFAULT: u64 = 10_000;

/// Every element of ours: the path of its parent below `/root/noroshi`, and the names there. A
/// new setting is added here.
const KNOWN: [(&str, &[&str]); 9] = [
    (
        "",
        &[
            "port",
            "language",
            "engine",
            "heartbeat",
            "mail",
            "lamp",
            "syslog",
            "console",
        ],
    ),
    ("/heartbeat", &["stalltimeout", "restartgrace", "startwait"]),
    ("/mail", &["sendmail", "sender", "short", "smtpsrv"]),
    ("/mail/smtpsrv", &["tls", "cafile", "verify", "password"]),
    (
        "/lamp",
        &[
            "type",
            "port",
            "localuser",
            "remoteuser",
            "password",
            "family",
            "readcommunity",
            "writecommunity",
            "program",
            "argument",
        ],
    ),
    ("/syslog", &["format", "socket"]),
    (
        "/console",
        &[
            "use",
            "port",
            "server",
            "certificate",
            "certificatekey",
            "user",
        ],
    ),
    ("/console/server", &["address"]),
    ("/console/user", &["role", "password", "token"]),
];

/// Tells every element below `/root/noroshi` that we do not know. Its text is not shown: it may
/// be a password under a misspelt name.
pub(super) fn check_known(root: Node<'_>, findings: &mut Findings) {
    if let Some(noroshi) = findings.at(root, "noroshi") {
        check_children(noroshi, "", findings);
    }
}

fn check_children(parent: Node<'_>, path: &str, findings: &mut Findings) {
    let known = KNOWN
        .iter()
        .find(|(other, _)| *other == path)
        .map_or(&[][..], |(_, names)| names);
    for node in parent.children() {
        if known.contains(&node.name()) {
            check_children(node, &format!("{path}/{}", node.name()), findings);
        } else {
            let nearest = nearest(node.name(), known.iter().copied());
            findings.error_silent(node, Problem::UnknownSetting { nearest });
        }
    }
}

pub(super) fn port(root: Node<'_>, findings: &mut Findings) -> u16 {
    // Within the bounds given.
    findings
        .number(root, "noroshi/port", 1..=65_535, "")
        .map_or(PORT_DEFAULT, |port| port as u16)
}

/// Without the setting heartbeats of our own: nothing needs to be installed for them.
pub(super) fn engine(root: Node<'_>, findings: &mut Findings) -> Engine {
    let choices = [
        ("embedded", Engine::Embedded),
        ("corosync", Engine::Corosync),
    ];
    let chosen = findings.choice(root, "noroshi/engine", &choices);
    chosen.unwrap_or_default()
}

/// Ours, or that of the product that the file was saved for: `EUC-JP` and `SJIS` are Japanese.
pub(super) fn language(root: Node<'_>, findings: &mut Findings) -> Language {
    let choices = [("en", Language::En), ("ja", Language::Ja)];
    if let Some(language) = findings.choice(root, "noroshi/language", &choices) {
        return language;
    }
    match findings
        .setting(root, "all/charset")
        .map(|node| node.value().to_ascii_uppercase())
    {
        Some(charset) if charset == "EUC-JP" || charset == "SJIS" => Language::Ja,
        _ => Language::En,
    }
}

pub(super) fn syslog(root: Node<'_>, findings: &mut Findings) -> SyslogSettings {
    let formats = [
        ("rfc3164", SyslogFormat::Rfc3164),
        ("rfc5424", SyslogFormat::Rfc5424),
    ];
    SyslogSettings {
        format: findings
            .choice(root, "noroshi/syslog/format", &formats)
            .unwrap_or(SyslogFormat::Rfc3164),
        level: findings
            .flag(root, "cluster/syslog/format/level")
            .unwrap_or(true),
        socket: findings
            .path(root, "noroshi/syslog/socket")
            .unwrap_or_else(|| "/dev/log".to_string()),
    }
}

pub(super) fn alert_records_max(root: Node<'_>, findings: &mut Findings) -> u32 {
    let Some(node) = findings.setting(root, "webalert/main/alertlog/maxrecordcount") else {
        return RECORDS_DEFAULT as u32;
    };
    let records = findings
        .number_of(node, 100..=10_000_000, "")
        .unwrap_or(RECORDS_DEFAULT);
    if records < RECORDS_DEFAULT {
        findings.warn(node, Problem::RecordsFew);
    }
    // Within the bounds above.
    records as u32
}
