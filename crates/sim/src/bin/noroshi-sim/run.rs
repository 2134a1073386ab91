//! Many stories on all cores, and what became of them.

use crate::options::Asked;
use noroshi_sim::chaos::{Plan, Story, Told, shrink, tell};
use noroshi_sim::world::Broken;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
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
    dense: Tally,
    long: Tally,
    told_s: AtomicU64,
    failed: Mutex<Failed>,
}

/// What stories of one kind add up to.
#[derive(Default)]
struct Tally {
    stories: AtomicU64,
    happenings: AtomicU64,
    passed_ms: AtomicU64,
    /// Of that, with nothing but heartbeats and readings of lamps, and passed over.
    passed_over_ms: AtomicU64,
}

impl Tally {
    fn add(&self, told: &Told) {
        let add = |to: &AtomicU64, much| to.fetch_add(much, Ordering::Relaxed);
        add(&self.stories, 1);
        add(&self.happenings, told.story.steps.len() as u64);
        add(&self.passed_ms, told.passed_ms);
        add(&self.passed_over_ms, told.world.passed_over_ms());
    }

    fn print(&self, kind: &str) {
        let get = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let happenings = get(&self.happenings);
        println!(
            "  {kind}: {} stories, {:.1} hours, {happenings} faults and repairs, one every {:.0} s; \
             {:.1} hours were played, the rest held heartbeats and readings of lamps alone.",
            get(&self.stories),
            hours(get(&self.passed_ms)),
            get(&self.passed_ms) as f64 / 1_000.0 / happenings.max(1) as f64,
            hours(get(&self.passed_ms) - get(&self.passed_over_ms)),
        );
    }
}

impl Books {
    fn stories(&self) -> u64 {
        let get = |of: &Tally| of.stories.load(Ordering::Relaxed);
        get(&self.dense) + get(&self.long)
    }

    fn hours(&self) -> f64 {
        let get = |of: &Tally| of.passed_ms.load(Ordering::Relaxed);
        hours(get(&self.dense) + get(&self.long))
    }
}

fn hours(ms: u64) -> f64 {
    ms as f64 / 3_600_000.0
}

/// Tells the stories that are asked for.
pub(crate) fn run(asked: &Asked) -> ExitCode {
    name_seed_of_panics();
    let books = Books {
        next: AtomicU64::new(asked.from),
        dense: Tally::default(),
        long: Tally::default(),
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
    let mut failed = std::mem::take(&mut *lock(&books.failed));
    failed.sort_by_key(|(seed, ..)| *seed);
    print_short(&failed);
    let hours = books.hours();
    println!(
        "{} stories, {hours:.1} hours simulated in {wall_s:.1} s on {} threads: {:.0} hours per minute.",
        books.stories(),
        asked.jobs,
        hours * 60.0 / wall_s.max(0.001)
    );
    books.dense.print("dense");
    books.long.print("long");
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
        let enough = asked.hours.is_some_and(|most| books.hours() >= most as f64);
        if enough || seed - asked.from >= asked.seeds {
            return;
        }
        SEED.set(seed);
        let plan = Plan {
            exact: asked.exact,
            ..Plan::of(seed)
        };
        let told = tell(seed, &plan, |_| {});
        let tally = if plan.days > 0 {
            &books.long
        } else {
            &books.dense
        };
        tally.add(&told);
        if let Some(broken) = told.broken.into_iter().next() {
            println!("seed {seed}: {broken}");
            lock(&books.failed).push((seed, told.story, broken));
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
        let (stories, hours) = (books.stories(), books.hours());
        eprintln!("{now_s} s: {stories} stories, {hours:.0} hours");
    }
}

type Failed = Vec<(u64, Story, Broken)>;

fn lock(failed: &Mutex<Failed>) -> MutexGuard<'_, Failed> {
    failed
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
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
