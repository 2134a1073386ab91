//! The product's figures, measured on real daemons and printed beside their bounds.
//!
//! *Use.* `cargo xtask bench [NAME…]`; without a name, all of [`NAMES`]. Each figure is a line of a
//! table (and of JSON with `--json FILE`) with `PASS` or `MISS`. Everything listens on loopback or
//! in network namespaces; lamps, mail server and syslog socket are simulated.
//!
//! *Failure.* Exit code 1 if a bound is missed (but with `--smoke`) or a bench could not run, 2 for wrong arguments.
//! Every wait has a deadline. Ctrl-C ends the run at its next step and takes everything down.

mod agent;
mod books;
mod caller;
mod check;
mod commands;
mod console;
mod cpu;
mod crash;
mod cut;
mod events;
mod figure;
mod interrupt;
mod kill;
mod load;
mod logs;
mod machine;
mod many;
mod memory;
mod memory_ring;
mod netns;
mod options;
mod peers;
mod push;
mod quiet;
mod raise;
mod recovery;
mod ring;
mod stage;
mod store;
mod syslog;
mod takeover;
mod tls;

use figure::Figure;
use noroshi_sim::rig::Fallible;
use options::Options;
use std::fs::File;
use std::io::Write;
use std::process::ExitCode;

/// A bench: from the options to its figures.
type Bench = fn(&Options) -> Fallible<Vec<Figure>>;

/// Every bench by its name.
const NAMES: &[(&str, Bench)] = &[
    ("store", store::run),
    ("agent", agent::run),
    ("events", events::paced::run),
    ("events-cluster", events::cluster::run),
    ("check", check::run),
    ("commands", commands::run),
    ("raise", raise::run),
    ("kill", kill::run),
    ("books", books::run),
    ("takeover", takeover::run),
    ("cut", cut::run),
    ("cut-loss", cut::run_with_loss),
    ("ring", ring::run),
    ("cpu", cpu::run),
    ("memory", memory::run),
    ("memory-ring", memory_ring::run),
    ("logs", logs::run),
    ("push", push::run),
    ("console", console::run),
    ("recovery", recovery::run),
    ("crash", crash::run),
    ("crash-other", crash::run_other),
    ("crash-heir", crash::run_heir),
    ("peers", peers::run),
    ("quiet", quiet::run),
    ("many", many::run),
];

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(ring::watch::WORD) {
        return ring::watch::main();
    }
    if let Some(ended) = ring::sample::called() {
        return ended;
    }
    let options = match options::parse(std::env::args().skip(1), NAMES) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("noroshi-bench: {text}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    interrupt::watch();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("noroshi-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the benches asked for; true if all ran and every bound is kept.
fn run(options: &Options) -> Fallible<bool> {
    machine::settle_executable(&options.noroshi)?;
    let mut json = options.json.as_ref().map(File::create).transpose()?;
    println!("{}\n{}", machine::described(), figure::heads());
    let mut all_well = true;
    for (name, bench) in &options.benches {
        let before = machine::load();
        let figures = match bench(options) {
            Ok(figures) => figures,
            Err(error) => {
                interrupt::check()?;
                println!("{name}: not measured: {error}");
                all_well = false;
                continue;
            }
        };
        for figure in &figures {
            println!("{}", figure.row());
            all_well &= figure.passes() || (options.smoke && figure.is_measured());
            if let Some(json) = &mut json {
                writeln!(json, "{}", figure.json())?;
            }
        }
        println!(
            "    load average {before} before, {} after",
            machine::load()
        );
    }
    Ok(all_well)
}
