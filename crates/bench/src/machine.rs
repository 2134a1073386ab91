//! What it was measured on: a figure without its machine says little.

use noroshi_sim::rig::{Error, Fallible};
use std::fs::{File, read_to_string};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Processor, kernel, memory: one line.
pub(crate) fn described() -> String {
    let cpu = line_of("/proc/cpuinfo", "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = line_of("/proc/meminfo", "MemTotal");
    format!(
        "{cores} cores of {cpu}; Linux {}; {memory} of memory",
        kernel.trim()
    )
}

/// The load averages over 1, 5 and 15 minutes: who else used the machine.
pub(crate) fn load() -> String {
    let text = read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Has the disk take an executable that may have been built or copied a moment ago.
///
/// The kernel counts pages of a file that are not written back yet as dirty. They are those of
/// whatever maps them, so a daemon whose executable is seconds old seems to hold megabytes of private
/// dirty memory that it never wrote.
///
/// # Errors
/// When the disk does not take it.
pub(crate) fn settle_executable(path: &Path) -> Fallible<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| Error::doing(path.display(), error))
}

/// How long each of `count` appended and synced blocks of 4 kB took on the disk of `dir`.
///
/// # Errors
/// When the disk does not take them.
pub(crate) fn sync_times(dir: &Path, count: usize) -> Fallible<Vec<Duration>> {
    let path = dir.join("sync-times");
    let mut file = File::create(&path)?;
    let block = [0x5a; 4096];
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(begin.elapsed());
    }
    std::fs::remove_file(&path)?;
    Ok(times)
}

/// The first value of `name : value` in a file of `/proc`.
fn line_of(path: &str, name: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or("?".into(), |(_, value)| value.trim().to_owned())
}
