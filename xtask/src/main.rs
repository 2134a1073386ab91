//! The project's toolbox: everything that CI does, and what a developer does every day.
//!
//! `cargo xtask help` lists the verbs. Standard library only, so that it builds in a second. A verb
//! ends with exit code 0 when all is well, 1 when something is wrong (said in plain words before),
//! 2 when it was called wrongly.

mod check;
mod deny;
mod fuzz;
mod launch;
mod notices;
mod purity;
mod rules;
mod runner;
mod setup;
mod step;
mod tidy;
mod tool;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask VERB

  setup [--lenient]   install what the tests use (Debian or Ubuntu, as root); quick when it is there
                      --lenient: say what is missing and go on
  check [--lenient] [--quick]
                      everything that CI does; --quick: all but the tests
  rules               the rules of the product and the tests that prove them
  tidy                the style rules that neither rustfmt nor clippy knows
  notices             write anew which software of others is in the product, after a change of it
  demo [ARGUMENT...]  build and run the demo
  bench [NAME...]     build and run the benches
  fuzz [TARGET...] [--minutes M] [--keep]
                      search for inputs that break a decoder, ten minutes each; --keep: take those
                      that go new ways into crates/fuzz/corpus
  sim ARGUMENT...     build and run the simulator: `sim help` lists what it can";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some((verb, rest)) = words.split_first() else {
        return called_wrongly("no verb");
    };
    match (*verb, rest) {
        ("setup", rest) => with_flags(rest, &["--lenient"], |flags| setup::run(flags[0])),
        ("check", rest) => with_flags(rest, &["--lenient", "--quick"], |flags| {
            check::run(flags[0], flags[1])
        }),
        ("rules", []) => rules::run(),
        ("tidy", []) => tidy::run(),
        ("notices", []) => notices::run(),
        ("demo", rest) => launch::demo(rest),
        ("fuzz", rest) => fuzz::run(rest),
        ("bench", rest) => launch::bench(rest),
        ("sim", rest) => launch::sim(rest),
        ("help" | "--help" | "-h", _) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        (verb, _) => called_wrongly(verb),
    }
}

/// Runs `verb` with one truth per known flag; an argument that is none of them is refused.
fn with_flags(
    given: &[&str],
    known: &[&str],
    verb: impl FnOnce(Vec<bool>) -> ExitCode,
) -> ExitCode {
    match given.iter().find(|word| !known.contains(word)) {
        Some(word) => called_wrongly(word),
        None => verb(known.iter().map(|flag| given.contains(flag)).collect()),
    }
}

fn called_wrongly(what: &str) -> ExitCode {
    eprintln!("xtask: cannot make sense of: {what}\n\n{USAGE}");
    ExitCode::from(2)
}
