//! Facts of the host for whoever reads an archive elsewhere: small files of `/proc` and `/etc`.
//!
//! *Use.* [`files`] by how much is wanted. No program is started, so nothing of them can hang on a
//! dead mount. *Failure.* What is not there is left out and said by the caller. No command line and no
//! environment of a process is read: they may hold somebody's password.

use std::fmt::Write as _;
use std::fs;

/// Most bytes of one fact; the rest is left out.
pub(super) const FACT_BYTES_MAX: u64 = 1 << 20;
/// Most processes that are listed.
const PROCESSES_MAX: usize = 4_096;

/// Facts of type1 and type2.
const USUAL: [&str; 16] = [
    "/etc/os-release",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/proc/version",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/mounts",
    "/proc/sys/fs/file-nr",
    "/proc/net/dev",
    "/proc/net/route",
    "/proc/net/if_inet6",
    "/proc/net/fib_trie",
    "/proc/net/arp",
    "/proc/sys/net/ipv4/ip_unprivileged_port_start",
];
/// Facts of type2 beside them.
const MORE: [&str; 12] = [
    "/proc/cpuinfo",
    "/proc/stat",
    "/proc/vmstat",
    "/proc/diskstats",
    "/proc/interrupts",
    "/proc/modules",
    "/proc/net/snmp",
    "/proc/net/netstat",
    "/proc/net/tcp",
    "/proc/net/tcp6",
    "/proc/net/udp",
    "/proc/net/sockstat",
];

/// The files that are facts.
pub(super) fn files(wide: bool) -> impl Iterator<Item = &'static str> {
    let more: &[&str] = if wide { &MORE } else { &[] };
    USUAL.iter().chain(more).copied()
}

/// Processes: number, parent, state, threads, memory, name.
pub(super) fn processes() -> String {
    let mut text = String::from("PID PPID STATE THREADS VMRSS NAME\n");
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    for number in numbers.iter().take(PROCESSES_MAX) {
        let Ok(status) = fs::read_to_string(format!("/proc/{number}/status")) else {
            continue;
        };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map_or("-", |value| value.trim_start_matches(':').trim())
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{number} {} {} {} {} {}",
            field("PPid"),
            field("State"),
            field("Threads"),
            field("VmRSS"),
            noroshi_daemon::log::escaped(field("Name"))
        );
    }
    if numbers.len() > PROCESSES_MAX {
        let _ = writeln!(text, "and {} more", numbers.len() - PROCESSES_MAX);
    }
    text
}
