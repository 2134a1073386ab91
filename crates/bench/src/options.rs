//! What the bench was asked to do.

use crate::Bench;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
noroshi-bench [NAME...] [--runs N] [--minutes N] [--smoke] [--noroshi PATH] [--json FILE]

  NAME            store agent events events-cluster check commands raise kill books takeover cut cut-loss ring
                  cpu memory memory-ring logs push console peers recovery crash
                  crash-other crash-heir quiet many;
                  all if none is given
  --runs N        calls of agent (200), events (1000), rounds of events-cluster (6), kills of ring (20);
                  runs of commands (100), raise (200), kill and takeover (200), recovery (50),
                  books (2000), points of crash, crash-other and crash-heir (all), cut, cut-loss and the cuts
                  of peers (30 each);
                  pushes of push (100 to three servers, 30 to nine, 1000 under alert load);
                  loads of each page of console (100; 20 in Chromium), its alerts (200)
  --minutes N     how long quiet watches, and many beside programs that take all cores (30)
  --smoke         bounds are not judged: whether all of it still runs
  --noroshi PATH  the executable to measure; the one beside this if not given
  --json FILE     write each figure as a line of JSON";

/// What the bench was asked to do.
pub(crate) struct Options {
    /// The benches, each once.
    pub(crate) benches: Vec<(&'static str, Bench)>,
    runs: Option<usize>,
    /// Bounds are not judged.
    pub(crate) smoke: bool,
    /// How long `quiet` and `many` watch.
    pub(crate) watch: Duration,
    /// The executable of noroshi.
    pub(crate) noroshi: PathBuf,
    /// Where the lines of JSON go.
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    /// The runs asked for.
    pub(crate) fn runs(&self) -> Option<usize> {
        self.runs
    }

    /// The runs asked for, or this many.
    pub(crate) fn runs_or(&self, usual: usize) -> usize {
        self.runs.unwrap_or(usual)
    }
}

/// Reads the arguments.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn parse(
    mut arguments: impl Iterator<Item = String>,
    names: &'static [(&'static str, Bench)],
) -> Result<Options, String> {
    let mut options = Options {
        benches: Vec::new(),
        runs: None,
        smoke: false,
        watch: Duration::from_secs(30 * 60),
        noroshi: beside_this()?,
        json: None,
    };
    while let Some(word) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--runs" => options.runs = Some(number(&value()?)?),
            "--smoke" => options.smoke = true,
            "--minutes" => options.watch = Duration::from_secs(60 * number(&value()?)? as u64),
            "--noroshi" => options.noroshi = PathBuf::from(value()?),
            "--json" => options.json = Some(PathBuf::from(value()?)),
            name => {
                let known = names.iter().find(|(known, _)| *known == name);
                let (name, bench) = *known.ok_or(format!("no bench or option: {name}"))?;
                options.add(name, bench);
            }
        }
    }
    if options.benches.is_empty() {
        names
            .iter()
            .for_each(|(name, bench)| options.add(name, *bench));
    }
    if !options.noroshi.is_file() {
        let path = options.noroshi.display();
        return Err(format!("{path} is not there; build it, or name another"));
    }
    Ok(options)
}

impl Options {
    /// Each is run once.
    fn add(&mut self, name: &'static str, bench: Bench) {
        if self.benches.iter().all(|(other, _)| *other != name) {
            self.benches.push((name, bench));
        }
    }
}

fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=100_000).contains(&number) => Ok(number),
        _ => Err(format!("{text:?} is no number from 1 to 100000")),
    }
}

fn beside_this() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("where am I: {error}"))?;
    Ok(own.with_file_name("noroshi"))
}
