//! `books`: thousands of kills at moments that nobody chose, while alerts come, and what became of each alert.
//!
//! Four clusters side by side. Each time a script raises an alert on one server, and a moment later one of the
//! three is killed: the one that was asked, the one that sends, or another. It is started again when its end
//! was told, or at once. An alert counts as accepted when its command has ended with success. A cluster is
//! balanced when all its kills are done: each accepted alert mailed once, or twice with the second copy marked
//! and under the same Message-ID; no notice waits.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::{NOTICE_WAIT, SERVERS, Stage, name};
use noroshi_sim::inbox::Mail;
use noroshi_sim::rig::{Error, Fallible};
use std::collections::HashMap;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Kills of all clusters together.
const KILLS: usize = 2_000;
/// Clusters at a time.
const CLUSTERS: usize = 4;
/// Longest time from the start of an alert's command to the kill.
const DELAY_MAX: Duration = Duration::from_millis(60);
/// Between two words about how far it is.
const TOLD_EVERY: usize = 50;

/// What one cluster's books say.
#[derive(Default)]
struct Ledger {
    kills: usize,
    accepted: usize,
    lost: usize,
    untold: usize,
    marked: usize,
    faulty: usize,
    restless: usize,
}

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let kills = options.runs_or(KILLS);
    let clusters = CLUSTERS.min(kills);
    let ledgers: Vec<Fallible<Ledger>> = std::thread::scope(|scope| {
        let share = |at: usize| kills / clusters + usize::from(at < kills % clusters);
        let begun: Vec<_> = (0..clusters)
            .map(|at| scope.spawn(move || keep(options, at, share(at))))
            .collect();
        let ended = begun.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended
            .map(|ended| ended.unwrap_or_else(|_| Err(Error("a cluster's thread ended".into()))))
            .collect()
    });
    let mut all = Ledger::default();
    for ledger in ledgers {
        let one = ledger?;
        all.kills += one.kills;
        all.accepted += one.accepted;
        all.lost += one.lost;
        all.untold += one.untold;
        all.marked += one.marked;
        all.faulty += one.faulty;
        all.restless += one.restless;
    }
    let count = |name: &str, count: usize| Figure::new(name, "", vec![count as f64]);
    let none = |name: &str, number: usize| count(name, number).at_most(Stat::Max, 0.0);
    let note = format!("{} kills, {} alerts accepted", all.kills, all.accepted);
    Ok(vec![
        none("books: accepted alerts lost", all.lost).with_note(note),
        none("books: kills that nobody told", all.untold),
        none("books: copies too many or unmarked", all.faulty),
        count("books: marked second copies", all.marked),
        none("books: clusters where a notice waits", all.restless),
    ])
}

/// Spreads numbers evenly over 0 to 1 without a pattern that keeps step with anything.
fn spread(cluster: usize, run: usize) -> f64 {
    (run as f64 * 0.618_033_988_75 + cluster as f64 * 0.271).fract()
}

fn keep(options: &Options, at: usize, kills: usize) -> Fallible<Ledger> {
    let mut stage = Stage::up(options)?;
    let mut ledger = Ledger::default();
    let mut accepted = Vec::new();
    for run in 0..kills {
        let (asked, victim) = ((run / 3) % SERVERS, run % SERVERS);
        let text = format!("alert {run} of cluster {at} came");
        let mut command = raise(&stage, asked, &text)?;
        interrupt::pause(DELAY_MAX.mul_f64(spread(at, run)))?;
        let killed = stage.cluster.kill(victim)?;
        // Every other one is started before anybody may have missed it.
        let is_told = run % 2 == 0 || {
            let told = format!("Server concerned: {}", name(victim));
            stage
                .cluster
                .outside()
                .wait(NOTICE_WAIT, &told, |mails, _| {
                    let since = mails.iter().rev().take_while(|mail| mail.arrived >= killed);
                    since
                        .clone()
                        .any(|mail| mail.body.contains(&told))
                        .then_some(())
                })
                .is_ok()
        };
        ledger.untold += usize::from(!is_told);
        stage.cluster.start(victim)?;
        if command.wait()?.success() {
            accepted.push(text);
        }
        stage.settle()?;
        ledger.kills += 1;
        if (run + 1).is_multiple_of(TOLD_EVERY) {
            eprintln!("books: cluster {at}: {} of {kills} kills", run + 1);
        }
    }
    ledger.restless += usize::from(!stage.settle()?);
    if ledger.restless > 0 {
        eprintln!("books: cluster {at}: not finished:\n{}", stage.unfinished());
    }
    balance(&stage.cluster.mails(), &accepted, &mut ledger);
    Ok(ledger)
}

fn raise(stage: &Stage, server: usize, text: &str) -> Fallible<Child> {
    let words = ["clplogcmd", "-m", text, "--mail", "--alert"];
    let mut command = stage.cluster.launch(server).command(&words);
    Ok(command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?)
}

fn balance(mails: &[Arc<Mail>], accepted: &[String], ledger: &mut Ledger) {
    ledger.accepted = accepted.len();
    let mut copies: HashMap<String, Vec<&Mail>> = HashMap::new();
    for mail in mails {
        let id = mail.header("Message-ID").unwrap_or_default();
        copies.entry(id).or_default().push(mail);
    }
    for of_one in copies.values() {
        let is_marked = |mail: &&&Mail| mail.header("X-Noroshi-Possible-Repeat").is_some();
        match (of_one.len(), of_one.iter().filter(is_marked).count()) {
            (1, _) => {}
            (2, 1..) => ledger.marked += 1,
            (count, marked) => {
                ledger.faulty += 1;
                let subject = &of_one[0].subject;
                eprintln!("books: {count} copies, {marked} marked: {subject}");
            }
        }
    }
    for text in accepted {
        let told = copies
            .values()
            .filter(|of_one| of_one[0].body.contains(text));
        match told.count() {
            1 => {}
            0 => {
                ledger.lost += 1;
                eprintln!("books: lost: {text}");
            }
            count => {
                ledger.faulty += 1;
                eprintln!("books: under {count} Message-IDs: {text}");
            }
        }
    }
}
