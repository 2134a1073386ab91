//! `noroshi-sim`: whole clusters on virtual time, under seeded faults.
//!
//! Exit code 0: nothing was broken. 1: something was, and it is said what. 2: it was called wrongly, or a
//! file cannot be read.

mod options;
mod run;
mod show;

use options::Verb;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match options::read(&words) {
        Ok(Verb::Help) => {
            println!("{}", options::USAGE);
            ExitCode::SUCCESS
        }
        Ok(Verb::Seed(seed)) => show::seed(seed),
        Ok(Verb::Play(file)) => show::play_file(&file),
        Ok(Verb::Run(asked)) => run::run(&asked),
        Err(why) => {
            eprintln!("noroshi-sim: {why}\n\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}
