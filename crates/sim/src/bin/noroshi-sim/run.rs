//! Many stories on all cores, and what became of them.

use crate::options::Asked;
use noroshi_sim::chaos::{Plan, Story, shrink, tell};
use noroshi_sim::world::Broken;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Failing stories that are made short: one for each invariant that broke, since one cause breaks many.
const SHRUNK_PER_INVARIANT: usize = 1;
/// How often it is said how far the run is.
const NEWS_EVERY_S: u64 = 60;

thread_local! {
    /// The seed whose story this thread tells.
    static SEED: Cell<u64> = const { Cell::new(0) };
}

/// What the threads share.
struct Books {
    next: AtomicU64,
    stories: AtomicU64,
    passed_ms: AtomicU64,
    told_s: AtomicU64,
    failed: Mutex<Vec<(u64, Story, Broken)>>,
}

/// Tells the stories that are asked for.
pub(crate) fn run(asked: &Asked) -> ExitCode {
    name_seed_of_panics();
    let books = Books {
        next: AtomicU64::new(asked.from),
        stories: AtomicU64::new(0),
        passed_ms: AtomicU64::new(0),
        told_s: AtomicU64::new(0),
        failed: Mutex::new(Vec::new()),
    };
    let began = Instant::now();
    std::thread::scope(|threads| {
        for _ in 0..asked.jobs {
            threads.spawn(|| tell_stories(asked, &books, began));
        }
    });
    let wall_s = began.elapsed().as_secs_f64();
    let mut failed = books
        .failed
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    failed.sort_by_key(|(seed, ..)| *seed);
    print_short(&failed);
    let hours = books.passed_ms.load(Ordering::Relaxed) as f64 / 3_600_000.0;
    println!(
        "{} stories, {hours:.1} hours simulated in {wall_s:.1} s on {} threads: {:.0} hours per minute.",
        books.stories.load(Ordering::Relaxed),
        asked.jobs,
        hours * 60.0 / wall_s.max(0.001)
    );
    match failed.len() {
        0 => {
            println!("No invariant was broken.");
            ExitCode::SUCCESS
        }
        count => {
            println!("In {count} of them an invariant was broken.");
            ExitCode::FAILURE
        }
    }
}

fn tell_stories(asked: &Asked, books: &Books, began: Instant) {
    loop {
        let seed = books.next.fetch_add(1, Ordering::Relaxed);
        let hours = books.passed_ms.load(Ordering::Relaxed) / 3_600_000;
        let enough = asked.hours.is_some_and(|most| hours >= most);
        if enough || seed - asked.from >= asked.seeds {
            return;
        }
        SEED.set(seed);
        let told = tell(seed, &Plan::of(seed), |_| {});
        books.stories.fetch_add(1, Ordering::Relaxed);
        books.passed_ms.fetch_add(told.passed_ms, Ordering::Relaxed);
        if let Some(broken) = told.broken.into_iter().next() {
            println!("seed {seed}: {broken}");
            let mut failed = books
                .failed
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            failed.push((seed, told.story, broken));
        }
        tell_news(books, began);
    }
}

fn tell_news(books: &Books, began: Instant) {
    let now_s = began.elapsed().as_secs();
    let last_s = books.told_s.load(Ordering::Relaxed);
    let is_mine = now_s >= last_s + NEWS_EVERY_S
        && books
            .told_s
            .compare_exchange(last_s, now_s, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
    if is_mine {
        let hours = books.passed_ms.load(Ordering::Relaxed) / 3_600_000;
        let stories = books.stories.load(Ordering::Relaxed);
        eprintln!("{now_s} s: {stories} stories, {hours} hours");
    }
}

/// A program that ends by a panic says nothing of the story; so the seed is said first.
fn name_seed_of_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("seed {}: a panic:", SEED.get());
        usual(panic);
    }));
}

fn print_short(failed: &[(u64, Story, Broken)]) {
    let mut shown: BTreeMap<_, usize> = BTreeMap::new();
    for (seed, story, broken) in failed {
        let count = shown.entry(broken.invariant).or_default();
        if *count >= SHRUNK_PER_INVARIANT {
            continue;
        }
        *count += 1;
        SEED.set(*seed);
        match shrink(story, broken.invariant) {
            Some((short, broken)) => println!(
                "\n# seed {seed}: {} steps of {}\n# {broken}\n{}",
                short.steps.len(),
                story.steps.len(),
                short.to_scenario(Some(&broken))
            ),
            None => println!(
                "\n# seed {seed}: told again it does not break: this is a fault of the simulator"
            ),
        }
    }
}
