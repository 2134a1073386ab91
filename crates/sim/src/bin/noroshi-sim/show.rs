//! One story, for people to read.

use noroshi_sim::chaos::{Act, Plan, Step, tell};
use noroshi_sim::scenario::parse;
use noroshi_sim::world::play;
use std::process::ExitCode;

/// A virtual time, as people read it.
pub(crate) fn time(ms: u64) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1_000)
}

/// Tells the story of a seed.
pub(crate) fn seed(seed: u64) -> ExitCode {
    let plan = Plan::of(seed);
    println!("Seed {seed}: {}.", words(&plan));
    let told = tell(seed, &plan, |step| println!("{}", line(step)));
    println!("\nThe cluster of this story:\n\n{}", told.story.setup);
    if told.broken.is_empty() {
        println!("{} passed, and nothing was broken.", time(told.passed_ms));
        return ExitCode::SUCCESS;
    }
    for broken in &told.broken {
        println!(
            "{}  BROKEN  {}: {}",
            time(broken.at_ms),
            broken.invariant,
            broken.text
        );
    }
    ExitCode::FAILURE
}

fn line(step: &Step) -> String {
    let what = match &step.act {
        Act::Happens(happening) => happening.to_string(),
        Act::AllIsWell => "all must be well now".into(),
    };
    format!("{}  {what}", time(step.at_ms))
}

fn words(plan: &Plan) -> String {
    let pushes = if plan.pushes { ", settings pushed" } else { "" };
    if plan.days > 0 {
        return format!(
            "{:?} faults{pushes}, one every few hours of {} days",
            plan.faults, plan.days
        );
    }
    format!(
        "{:?} faults{pushes}, {} times, up to {} s apart",
        plan.faults,
        plan.episodes,
        plan.gap_ms / 1_000
    )
}

/// Plays scenario files; without a seed of its own one is played with five.
pub(crate) fn play_file(files: &[String]) -> ExitCode {
    let mut failed = false;
    for file in files {
        let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
        let story = read.and_then(|text| parse(&text).map_err(|error| error.to_string()));
        let story = match story {
            Ok(story) => story,
            Err(why) => {
                eprintln!("noroshi-sim: {file}: {why}");
                return ExitCode::from(2);
            }
        };
        let seeds = story.setup.seed.map_or(1..=5, |seed| seed..=seed);
        for seed in seeds {
            let (_, failures) = play(&story, seed);
            failed |= !failures.is_empty();
            for failure in &failures {
                println!("{file} seed {seed}: {failure}");
            }
        }
    }
    match failed {
        true => ExitCode::FAILURE,
        false => {
            println!("{} stories came true.", files.len());
            ExitCode::SUCCESS
        }
    }
}
