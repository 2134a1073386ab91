//! `check`: how long `noroshi check` takes for a clp.conf of 10 MB.

use crate::figure::{Figure, Stat};
use crate::options::Options;
use noroshi_sim::rig::{Error, Fallible};
use std::fmt::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Size of the file; the real ones have some kB.
const FILE_BYTES: usize = 10_000_000;
const RUNS: usize = 20;
/// The whole command, from its start to its end.
const BOUND_MS: f64 = 200.0;

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let dir = tempfile::Builder::new().prefix("noroshi-").tempdir()?;
    let file = dir.path().join("clp.conf");
    let text = large();
    let elements = text.matches("</").count();
    std::fs::write(&file, text)?;
    let mut times = Vec::new();
    for _ in 0..options.runs_or(RUNS) {
        crate::interrupt::check()?;
        let start = Instant::now();
        let status = Command::new(&options.noroshi)
            .arg("check")
            .arg(&file)
            .stdout(Stdio::null())
            .status()?;
        times.push(start.elapsed());
        if !status.success() {
            return Err(Error(format!("noroshi check: {status}")));
        }
    }
    let figure = Figure::of_times("check: a clp.conf of 10 MB", &times)
        .at_most(Stat::Median, BOUND_MS)
        .with_note(format!("{elements} elements, 32 servers"));
    Ok(vec![figure])
}

/// A good clp.conf of 32 servers, filled up with resources that noroshi does not know.
fn large() -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<root>\n  <cluster><name>large</name></cluster>\n",
    );
    for n in 0..32 {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  <server name=\"sv{n}\">\n    <priority>{n}</priority>\n    <device id=\"0\">\n      \
             <type>lan</type>\n      <info>10.0.0.{}</info>\n    </device>\n  </server>",
            n + 1
        );
    }
    text.push_str("  <heartbeat>\n    <lankhb name=\"lankhb1\"><priority>0</priority>");
    text.push_str("<device>0</device></lankhb>\n  </heartbeat>\n  <resource>\n");
    let mut n = 0;
    while text.len() < FILE_BYTES {
        let _ = writeln!(
            text,
            "    <exec name=\"exec{n}\">\n      <comment>狼煙</comment>\n      <parameters>\n        \
             <act><path>start{n}.sh</path></act>\n        <timeout>1800</timeout>\n      \
             </parameters>\n    </exec>"
        );
        n += 1;
    }
    text.push_str("  </resource>\n</root>\n");
    text
}
