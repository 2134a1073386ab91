//! The console's TLS beyond loopback, judged by nmap's list of ciphers.

mod browser;
mod e2e;
mod web;

use e2e::*;
use std::process::Command;

/// Only TLS 1.2 and 1.3, and each cipher suite of the best grade.
///
/// Rule: N21
#[test]
fn beyond_loopback_only_strong_ciphers_are_spoken() {
    if !browser::has("nmap") {
        browser::skip("nmap is missing");
        return;
    }
    if !namespaces() {
        return;
    }
    let place = Place::Netns { ipv6: false };
    let one = plan().servers(1).lamps(Lamps::None).place(place);
    let cluster = one.tune(|conf| conf.console = true).start().unwrap();
    let listens = || {
        let logs = cluster.logs();
        logs.contains("console: https://").then_some(()).ok_or(logs)
    };
    until(SOON, "the console listens", listens).unwrap();
    let mut nmap = Command::new("ip");
    nmap.args(["netns", "exec", &cluster.netns().server(0)])
        .args([
            "nmap",
            "-n",
            "-Pn",
            "-p",
            "29003",
            "--script",
            "ssl-enum-ciphers",
        ])
        .arg(cluster.conf().servers[0].addresses[0].to_string());
    let said = nmap.output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    eprintln!("{said}");
    let lines = || said.lines().map(|line| line.trim_matches(['|', '_', ' ']));
    let versions: Vec<&str> = lines()
        .filter_map(|line| line.strip_suffix(':'))
        .filter(|line| line.starts_with("TLSv") || line.starts_with("SSLv"))
        .collect();
    assert_eq!(versions, ["TLSv1.2", "TLSv1.3"], "{said}");
    let suites: Vec<&str> = lines().filter(|line| line.starts_with("TLS_")).collect();
    assert!(
        suites.len() >= 4 && suites.iter().all(|suite| suite.ends_with(" - A")),
        "{said}"
    );
    assert!(lines().any(|line| line == "least strength: A"), "{said}");
}
