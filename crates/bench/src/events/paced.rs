//! A thousand events of resources in ten seconds, as Pacemaker reports them in a bad moment.
//!
//! Every event is the failure of another resource, so each must become one alert and one mail. The agent is called at
//! fixed times, whether or not the call before has ended: once with the service at work all the time, once with its
//! process killed in the middle and started again a second later. Counted are alerts and mails by the resource's name,
//! and what is left on disk at the end.

use crate::agent::BOUND_MS;
use crate::caller::{Caller, Event};
use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::options::Options;
use crate::stage::{Stage, plan};
use noroshi_daemon::control::AlertLine;
use noroshi_sim::inbox::Mail;
use noroshi_sim::rig::{Error, Fallible, until};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const EVENTS: usize = 1_000;
/// All of them begin within this time.
const WITHIN: Duration = Duration::from_secs(10);
/// From one to the next.
const EVERY: Duration = Duration::from_millis(WITHIN.as_millis() as u64 / EVENTS as u64);
/// Callers in turn: a call that lasts holds up the next ones of its own caller only.
const CALLERS: usize = 8;
/// How long the killed service is away.
const AWAY: Duration = Duration::from_secs(1);
/// How long the last alert and mail may take.
const TOLD_WAIT: Duration = Duration::from_secs(120);
/// Reports are removed when a look has shown what followed from them: within half a minute.
const GONE_WAIT: Duration = Duration::from_secs(90);
/// How long a late second copy of a mail is waited for.
const LATE_WAIT: Duration = Duration::from_secs(3);

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let events = options.runs_or(EVENTS).min(EVENTS);
    let mut figures = Vec::new();
    for (title, killed) in [("at work", false), ("restarted", true)] {
        figures.extend(storm(options, events, title, killed)?);
    }
    Ok(figures)
}

fn storm(options: &Options, events: usize, title: &str, killed: bool) -> Fallible<Vec<Figure>> {
    let stage = Stage::prepare(plan(options))?;
    let resources: Arc<[String]> = (0..events).map(resource).collect();
    let caller = Arc::new(Caller::prepare(&stage.cluster, 0, &resources)?);
    let mut stage = stage.start()?;
    until(TOLD_WAIT, "the groups are known", || {
        let status = stage.cluster.status(0).map_err(|error| error.0)?;
        let known = status.pacemaker.is_some_and(|seen| !seen.groups.is_empty());
        known.then_some(()).ok_or("no group yet".into())
    })?;
    let begun = Instant::now();
    let callers: Vec<JoinHandle<Fallible<Vec<Call>>>> = (0..CALLERS)
        .map(|first| {
            let (caller, resources) = (Arc::clone(&caller), Arc::clone(&resources));
            std::thread::spawn(move || call_all(&caller, &resources, first, begun))
        })
        .collect();
    if killed {
        interrupt::pause(EVERY * (events / 2) as u32)?;
        stage.cluster.kill(0)?;
        interrupt::pause(AWAY)?;
        stage.cluster.start(0)?;
    }
    let mut calls = Vec::new();
    for caller in callers {
        let called = caller
            .join()
            .map_err(|_| Error("a caller panicked".into()))?;
        calls.extend(called?);
    }
    let books = Books::when_told(&stage, events)?;
    let left = left_on_disk(&caller);
    Ok(figures(title, &calls, &books, left))
}

/// One call of the agent.
struct Call {
    number: usize,
    begun: Instant,
    took: Duration,
    /// How late it began.
    late: Duration,
}

fn resource(number: usize) -> String {
    format!("bench-{number:04}")
}

/// Which of our resources a text is about.
pub(super) fn number_in(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("bench-")?;
    rest.get(..4)?.parse().ok()
}

fn call_all(
    caller: &Caller,
    resources: &[String],
    first: usize,
    begun: Instant,
) -> Fallible<Vec<Call>> {
    let mut calls = Vec::new();
    for number in (first..resources.len()).step_by(CALLERS) {
        interrupt::check()?;
        let due = begun + EVERY * number as u32;
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(early);
        }
        let event = Event {
            sequence: number,
            resource: &resources[number],
            rc: 7,
        };
        let (begun, took) = caller.call(&event)?;
        let late = begun.saturating_duration_since(due);
        calls.push(Call {
            number,
            begun,
            took,
            late,
        });
    }
    Ok(calls)
}

/// How many events still wait on disk when they should not any more.
fn left_on_disk(caller: &Caller) -> usize {
    let gone = until(GONE_WAIT, "no event waits on disk", || {
        match caller.waiting().map_err(|error| error.0)? {
            0 => Ok(()),
            count => Err(count.to_string()),
        }
    });
    match gone {
        Ok(()) => 0,
        Err(_) => caller.waiting().unwrap_or(usize::MAX),
    }
}

/// What became of the events.
struct Books {
    /// By event: the alerts about it.
    alerts: BTreeMap<usize, usize>,
    /// By event: the Message-IDs of the mails about it, and when the first of them came.
    mails: BTreeMap<usize, (BTreeSet<String>, Instant)>,
    /// Mails that came a second time with the same Message-ID.
    copies: usize,
}

impl Books {
    /// The books when every event has its alert and its mail, or when the time for that is over.
    fn when_told(stage: &Stage, events: usize) -> Fallible<Books> {
        // What has not come by then is lost; the books say so.
        let _ = until(TOLD_WAIT, "all mails have come", || {
            let enough = stage.cluster.outside().mail_count() >= events as u64;
            let mails = enough.then(|| Books::of(&[], &stage.cluster.mails()).mails.len());
            (mails >= Some(events)).then_some(()).ok_or(String::new())
        });
        interrupt::pause(LATE_WAIT)?;
        Ok(Books::of(&stage.cluster.alerts(0)?, &stage.cluster.mails()))
    }

    fn of(alerts: &[AlertLine], mails: &[Arc<Mail>]) -> Books {
        let mut books = Books {
            alerts: BTreeMap::new(),
            mails: BTreeMap::new(),
            copies: 0,
        };
        for number in alerts.iter().filter_map(|alert| number_in(&alert.text)) {
            *books.alerts.entry(number).or_default() += 1;
        }
        for mail in mails {
            let Some(number) = number_in(&mail.body) else {
                continue;
            };
            let id = mail.header("message-id").unwrap_or_default();
            let first = (BTreeSet::new(), mail.arrived);
            let (ids, _) = books.mails.entry(number).or_insert(first);
            books.copies += usize::from(!ids.insert(id));
        }
        books
    }
}

fn figures(title: &str, calls: &[Call], books: &Books, left: usize) -> Vec<Figure> {
    let took: Vec<Duration> = calls.iter().map(|call| call.took).collect();
    let late: Vec<Duration> = calls.iter().map(|call| call.late).collect();
    let ends = calls.iter().map(|call| call.begun + call.took);
    let begin = calls.iter().map(|call| call.begun).min();
    let within = ends.max().zip(begin).map_or(0.0, |(end, begin)| {
        end.saturating_duration_since(begin).as_secs_f64()
    });
    let told = calls.iter().filter_map(|call| {
        let (_, first) = books.mails.get(&call.number)?;
        Some(first.saturating_duration_since(call.begun))
    });
    let told: Vec<Duration> = told.collect();
    let count = calls.len();
    let alerts: usize = books.alerts.values().sum();
    let ids: usize = books.mails.values().map(|(ids, _)| ids.len()).sum();
    let none = |what: &str, count: usize| {
        let name = format!("events: {title}, {what}");
        Figure::new(name, "", vec![count as f64]).at_most(Stat::Max, 0.0)
    };
    let times = |what: &str, times: &[Duration]| {
        Figure::of_times(format!("events: {title}, {what}"), times)
    };
    vec![
        times("a call", &took)
            .at_most(Stat::P99, BOUND_MS)
            .with_note(format!("{count} events in {within:.1} s")),
        times("a call begins late", &late)
            .with_note("of the bench's own callers, on the same cores"),
        times("event to mail", &told),
        none(
            "events without an alert",
            count.saturating_sub(books.alerts.len()),
        )
        .with_note(format!(
            "{alerts} alerts about {} events",
            books.alerts.len()
        )),
        none("second alerts", alerts - books.alerts.len()),
        none(
            "events without a mail",
            count.saturating_sub(books.mails.len()),
        ),
        none("second mails", ids - books.mails.len())
            .with_note(format!("{} second copies of one Message-ID", books.copies)),
        none("events left on disk", left),
    ]
}
