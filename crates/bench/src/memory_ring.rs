//! `memory-ring`: private dirty memory of each daemon beside a real Corosync, idle, and what of it the engine costs.
//!
//! The same cluster twice, in namespaces and one after the other: with the embedded engine, then with Corosync. Mail goes
//! by TLS as in `memory`. What the memory is, the kernel's map of the process says: its own heap, stacks, its program,
//! libraries, and the ring buffers that libqb shares with Corosync, of which nothing is private to the daemon.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::memory::{IDLE, IDLE_BOUND_KB, sample};
use crate::options::Options;
use crate::stage::{SERVERS, Stage, plan};
use noroshi_sim::rig::{Corosync, Error, Fallible, Place};
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let install = |why| Error(format!("{why}; cargo xtask setup installs what it takes"));
    Corosync::available().map_err(install)?;
    let netns = plan(options).place(Place::Netns { ipv6: false });
    let embedded = measure(Stage::up_with_tls(netns)?)?;
    let corosync = measure(Stage::up_with_tls(plan(options).corosync())?)?;
    let pairs = corosync.kb.iter().zip(&embedded.kb);
    let more = pairs.map(|(with, without)| with - without).collect();
    Ok(vec![
        Figure::new("memory-ring: idle, engine corosync", "kB", corosync.kb)
            .at_most(Stat::Max, IDLE_BOUND_KB)
            .with_note(told(&corosync.parts)),
        Figure::new("memory-ring: idle, embedded engine", "kB", embedded.kb)
            .at_most(Stat::Max, IDLE_BOUND_KB)
            .with_note(told(&embedded.parts)),
        Figure::new("memory-ring: the engine's part", "kB", more)
            .with_note("server by server, the first less the second"),
    ])
}

/// One cluster's daemons.
struct Measured {
    kb: Vec<f64>,
    /// Of the first server's daemon: by sort of memory, what is private and dirty, and what is shared, in kB.
    parts: BTreeMap<&'static str, Part>,
}

#[derive(Default)]
struct Part {
    private_kb: u64,
    shared_kb: u64,
}

fn measure(mut stage: Stage) -> Fallible<Measured> {
    interrupt::pause(IDLE)?;
    let kb = sample(&mut stage)?;
    for server in 0..SERVERS {
        let engine = stage.cluster.status(server)?.blind;
        if let Some(why) = engine {
            return Err(Error(format!("a server sees no cluster: {why}")));
        }
    }
    let pid = stage.cluster.daemon(0).pid();
    let maps = std::fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    Ok(Measured {
        kb,
        parts: parts(&maps),
    })
}

/// Adds up `/proc/PID/smaps` (proc_pid_smaps(5)).
fn parts(maps: &str) -> BTreeMap<&'static str, Part> {
    let mut parts: BTreeMap<&'static str, Part> = BTreeMap::new();
    let mut sort = "other";
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        let kb = || line.split_whitespace().nth(1)?.parse::<u64>().ok();
        match first {
            "Private_Dirty:" => parts.entry(sort).or_default().private_kb += kb().unwrap_or(0),
            "Shared_Dirty:" => parts.entry(sort).or_default().shared_kb += kb().unwrap_or(0),
            // A mapping begins with its addresses.
            _ if first.contains('-') && !first.ends_with(':') => {
                sort = sort_of(words.nth(4).unwrap_or_default());
            }
            _ => {}
        }
    }
    parts.retain(|_, part| part.private_kb + part.shared_kb > 0);
    parts
}

/// What a mapping is, by its name.
fn sort_of(name: &str) -> &'static str {
    const CLUSTER: [&str; 6] = [
        "libcpg",
        "libquorum",
        "libcmap",
        "libcorosync",
        "libqb",
        "libcfg",
    ];
    // libqb logs to the journal; Debian's libsystemd for that takes what compresses and encrypts one.
    const BROUGHT: [&str; 7] = [
        "libsystemd",
        "libgcrypt",
        "libgpg-error",
        "liblzma",
        "libzstd",
        "liblz4",
        "libcap",
    ];
    let is_of = |libraries: &[&str]| libraries.iter().any(|library| name.contains(library));
    match name {
        "" => "anonymous (stacks, arenas)",
        "[heap]" => "heap",
        "[stack]" => "first stack",
        name if name.contains("/qb-") => "ring buffers shared with Corosync",
        name if name.ends_with("-shm") => "store's index",
        _ if is_of(&CLUSTER) => "Corosync's libraries",
        _ if is_of(&BROUGHT) => "what they bring along (libsystemd, libgcrypt …)",
        name if name.ends_with("/noroshi") => "program",
        name if name.contains(".so") => "other libraries",
        _ => "other",
    }
}

fn told(parts: &BTreeMap<&'static str, Part>) -> String {
    let mut text = String::from("of sv1's, private dirty:");
    for (sort, part) in parts {
        // Writing to a string cannot fail.
        let _ = write!(text, " {sort} {} kB", part.private_kb);
        if part.shared_kb > 0 {
            let _ = write!(text, " (and {} kB shared)", part.shared_kb);
        }
        text.push(';');
    }
    text.trim_end_matches(';').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_memory_is_added_up_by_what_it_is() {
        let parts = parts(
            "55d0c0000000-55d0c0021000 rw-p 00000000 00:00 0                          [heap]\n\
             Private_Dirty:        96 kB\n\
             7f0000000000-7f0000101000 rw-s 00000000 00:35 7   /dev/shm/qb-1-2-3-a/qb-response-cpg-data\n\
             Shared_Dirty:         12 kB\nPrivate_Dirty:         0 kB\n\
             7f0000200000-7f0000201000 rw-p 00000000 00:00 0\n\
             Private_Dirty:         8 kB\nVmFlags: rd wr mr\n\
             7f0000300000-7f0000301000 r--p 00000000 fe:00 9   /usr/lib/x86_64-linux-gnu/libqb.so.100.0.0\n\
             Private_Dirty:         4 kB\n",
        );
        let told: Vec<_> = parts
            .iter()
            .map(|(sort, part)| (*sort, part.private_kb, part.shared_kb))
            .collect();
        assert_eq!(
            told,
            [
                ("Corosync's libraries", 4, 0),
                ("anonymous (stacks, arenas)", 8, 0),
                ("heap", 96, 0),
                ("ring buffers shared with Corosync", 0, 12),
            ]
        );
    }
}
