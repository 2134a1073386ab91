//! Small files around the lines that a test is about.

use noroshi_conf::{Finding, Parsed, read};
use noroshi_core::config::Config;

/// A valid cluster of two servers with `cluster` below `/root/cluster` and `root` below `/root`,
/// in one line, so that every finding is in line 1.
pub(crate) fn file(cluster: &str, root: &str) -> String {
    format!(
        "<root><cluster><name>c</name>{cluster}</cluster>{}{}{root}</root>",
        server("sv1", 0, "10.0.0.1"),
        server("sv2", 1, "10.0.0.2")
    )
}

/// A server with one `lan` device.
pub(crate) fn server(name: &str, priority: usize, address: &str) -> String {
    format!(
        "<server name=\"{name}\"><priority>{priority}</priority>\
         <device id=\"0\"><type>lan</type><info>{address}</info></device></server>"
    )
}

pub(crate) const HEARTBEAT: &str = "<heartbeat><lankhb name='lankhb1'><priority>0</priority><device>0</device></lankhb></heartbeat>";

/// The configuration of a [`file`] that must be good.
pub(crate) fn good(cluster: &str, root: &str) -> Config {
    parsed(cluster, root).config
}

pub(crate) fn parsed(cluster: &str, root: &str) -> Parsed {
    accepted(file(cluster, &format!("{HEARTBEAT}{root}")).as_bytes())
}

pub(crate) fn accepted(bytes: &[u8]) -> Parsed {
    read(bytes).unwrap_or_else(|findings| panic!("refused:\n{}", lines(&findings)))
}

/// The findings of a [`file`] that must be refused, one to a line.
pub(crate) fn bad(cluster: &str, root: &str) -> String {
    lines(&refused(
        file(cluster, &format!("{HEARTBEAT}{root}")).as_bytes(),
    ))
}

pub(crate) fn refused(bytes: &[u8]) -> Vec<Finding> {
    match read(bytes) {
        Ok(parsed) => panic!("accepted: {parsed:?}"),
        Err(findings) => findings,
    }
}

pub(crate) fn lines(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("{finding}\n"))
        .collect()
}
