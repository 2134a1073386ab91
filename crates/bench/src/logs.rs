//! `logs`: what collecting a gigabyte of logs of another server costs the two daemons.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::Stage;
use noroshi_sim::rig::{Error, Fallible};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Lines of 64 bytes: 1,024 MiB.
const LINES: u64 = 1 << 24;
/// How much more than before, in kB.
const MEMORY_BOUND_KB: f64 = 2048.0;
const SAMPLE: Duration = Duration::from_millis(100);
/// How long it may take.
const COLLECT_WAIT: Duration = Duration::from_secs(900);
/// Who collects, and whom.
const ENDS: [usize; 2] = [0, 1];

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let mut stage = Stage::up(options)?;
    let [collects, delivers] = ENDS;
    write_log(&stage.cluster.home(delivers).log().join("large.log"))?;
    let out = stage.cluster.dir().join("out");
    fs::create_dir(&out)?;
    let before = sample(&mut stage)?;
    let mut most = before;
    let server = crate::stage::name(delivers);
    let begin = Instant::now();
    let mut collecting = stage
        .cluster
        .launch(collects)
        .command(&["clplogcc", "-h", &server, "-o"])
        .arg(&out)
        .stdout(Stdio::null())
        .spawn()?;
    let ended = loop {
        if let Some(ended) = collecting.try_wait()? {
            break ended;
        }
        interrupt::pause(SAMPLE)?;
        for (most, now) in most.iter_mut().zip(sample(&mut stage)?) {
            *most = f64::max(*most, now);
        }
        if begin.elapsed() > COLLECT_WAIT {
            collecting.kill()?;
        }
    };
    let took = begin.elapsed();
    if !ended.success() {
        return Err(Error(format!("clplogcc: {ended}")));
    }
    let bytes: u64 = fs::read_dir(&out)?
        .map(|entry| Ok(entry?.metadata()?.len()))
        .sum::<Fallible<u64>>()?;
    let grown = most.iter().zip(before).map(|(most, before)| most - before);
    let note = format!(
        "1,024 MiB of logs, an archive of {} MB, in {:.1} s",
        bytes / 1_000_000,
        took.as_secs_f64()
    );
    let memory = Figure::new("logs: memory more than before", "kB", grown.collect());
    Ok(vec![
        memory.at_most(Stat::Max, MEMORY_BOUND_KB).with_note(note),
    ])
}

fn write_log(path: &Path) -> Fallible<()> {
    let mut log = BufWriter::new(File::create(path)?);
    let mut number: u64 = 88_172_645_463_325_252;
    for line in 0..LINES {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        writeln!(
            log,
            "{line:08} sv1 mail to ops refused: cause {number:016x}....."
        )?;
    }
    log.flush()?;
    Ok(())
}

fn sample(stage: &mut Stage) -> Fallible<[f64; 2]> {
    let mut values = [0.0; 2];
    for (value, server) in values.iter_mut().zip(ENDS) {
        *value = stage.cluster.daemon(server).private_dirty_kb()? as f64;
    }
    Ok(values)
}
