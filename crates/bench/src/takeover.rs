//! `takeover`: the server that sends a mail is killed in the midst of its conversation.
//!
//! The mail server thinks before each reply, so a conversation lasts long enough to be hit anywhere: before
//! it, between its commands, after the mail's end and before the reply to it. Measured from the signal, and
//! from the verdict of the server that takes over, to its mail's acceptance. And the books: no notice lost, at
//! most one second copy of any, under the same Message-ID and saying that it may be a repeat.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::kill::{down, rest};
use crate::options::Options;
use crate::raise::{accepted, request};
use crate::stage::{NOTICE_WAIT, REST_WAIT, SERVERS, Stage, jitter, name};
use noroshi_core::alert::Destinations;
use noroshi_sim::inbox::{Faults, Mail};
use noroshi_sim::rig::{Error, Fallible, until};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const RUNS: usize = 200;
const BOUND_MS: f64 = 1_000.0;
/// The mail server thinks for this long before each reply.
const THINKS: Duration = Duration::from_millis(15);
/// About how long a conversation takes then; a run in so many is killed after it.
const CONVERSATION: Duration = Duration::from_millis(120);

#[derive(Default)]
struct Books {
    from_kill: Vec<Duration>,
    from_verdict: Vec<Duration>,
    /// Mails that the killed server had handed in, known to the others.
    told_before: usize,
    lost: usize,
    twins: usize,
    /// Third copies, second ones that do not say so, and second ones with another Message-ID.
    faulty: usize,
}

pub(crate) fn run(options: &Options) -> Fallible<Vec<Figure>> {
    let runs = options.runs_or(RUNS);
    let mut stage = Stage::up(options)?;
    let slow = Faults {
        delay: THINKS,
        ..Faults::none()
    };
    stage.cluster.set_mail_faults(slow)?;
    let mut books = Books::default();
    let mut restless = 0;
    for run in 0..runs {
        let victim = run % SERVERS;
        interrupt::pause(jitter(run) / 4)?;
        restless += usize::from(!one(&mut stage, &mut books, run, victim)?);
    }
    let taken_over = books.from_kill.len();
    let note = format!(
        "{runs} kills: {} told before, {taken_over} by the next server, {} twice",
        books.told_before, books.twins
    );
    let count = |what: &str, count: usize| {
        Figure::new(what, "", vec![count as f64])
            .at_most(Stat::Max, 0.0)
            .with_note(note.clone())
    };
    Ok(vec![
        Figure::of_times("takeover: kill to the next server's mail", &books.from_kill)
            .at_most(Stat::P99, BOUND_MS),
        Figure::of_times(
            "takeover: verdict to the next server's mail",
            &books.from_verdict,
        )
        .at_most(Stat::P99, BOUND_MS),
        count("takeover: mails lost", books.lost),
        count(
            "takeover: third copies, unmarked or otherwise named second ones",
            books.faulty,
        ),
        rest(&stage, "takeover", restless),
    ])
}

/// One kill; answers whether all was told afterwards.
fn one(stage: &mut Stage, books: &mut Books, run: usize, victim: usize) -> Fallible<bool> {
    let text = format!("takeover run {run} end");
    let ticks = Destinations {
        mail: true,
        ..Destinations::default()
    };
    let reply = stage
        .cluster
        .client(victim)?
        .change(request(&text, ticks))
        .map_err(|trouble| Error::doing("raise", trouble))?;
    accepted(reply)?;
    interrupt::pause(moment(run))?;
    let wall = SystemTime::now();
    let at = stage.cluster.kill(victim)?;
    // Its fall is the last thing to be told: by then the survivors have taken over.
    let fall = stage.mail_since(at, &down(victim));
    let settled = until(REST_WAIT, "nothing waits", || {
        for server in (0..SERVERS).filter(|server| *server != victim) {
            let status = stage.cluster.status(server).map_err(|error| error.0)?;
            if status.notices_waiting > 0 {
                return Err(format!("{} waits", status.server));
            }
        }
        Ok(())
    });
    let taken = taken_over(stage, &text, victim, at);
    if let Some(mail) = taken {
        let took = mail.arrived.saturating_duration_since(at);
        books.from_kill.push(took);
        if took.as_secs_f64() * 1e3 > BOUND_MS {
            tell_late(stage, &text, run, victim, wall)?;
        }
        if let Some(verdict) = verdict_after(stage, victim, wall)? {
            books.from_verdict.push(took.saturating_sub(verdict));
        }
    }
    if fall.is_none() || settled.is_err() {
        eprintln!("takeover: run {run}: not finished within {NOTICE_WAIT:?}");
    }
    stage.cluster.start(victim)?;
    let at_rest = stage.settle()?;
    count(books, &copies(stage, &text), run);
    Ok(at_rest)
}

/// Another moment in each run, from before the conversation until after it.
fn moment(run: usize) -> Duration {
    // As in `jitter`, with another irrational number: the two must not keep step.
    let part = (run as f64 * 0.414_213_562_37).fract();
    CONVERSATION.mul_f64(part * 1.2)
}

fn copies(stage: &Stage, text: &str) -> Vec<Arc<Mail>> {
    let mut mails = stage.cluster.mails();
    mails.retain(|mail| mail.subject.contains(text));
    mails
}

/// The copy that another server than the victim has handed in after its end.
fn taken_over(stage: &Stage, text: &str, victim: usize, at: Instant) -> Option<Arc<Mail>> {
    let by_victim = format!("Sent by server: {}", name(victim));
    let mut mails = copies(stage, text).into_iter();
    mails.find(|mail| mail.arrived >= at && !mail.body.contains(&by_victim))
}

/// How long after `wall` the server that took over called the victim down, by its own record.
fn verdict_after(stage: &Stage, victim: usize, wall: SystemTime) -> Fallible<Option<Duration>> {
    let wall_ms = wall
        .duration_since(UNIX_EPOCH)
        .map_or(0, |at| at.as_millis());
    let alerts = stage.cluster.alerts((victim + 1) % SERVERS)?;
    let words = down(victim);
    let fall = alerts.iter().rev().find(|line| {
        line.text.starts_with(&words) && u128::from(line.time.0.unsigned_abs()) >= wall_ms
    });
    let after = fall.map(|line| u128::from(line.time.0.unsigned_abs()) - wall_ms);
    Ok(after.map(|ms| Duration::from_millis(ms as u64)))
}

/// Tells on standard error what the survivors have on record of a mail that was late.
fn tell_late(
    stage: &Stage,
    text: &str,
    run: usize,
    victim: usize,
    wall: SystemTime,
) -> Fallible<()> {
    let wall_ms = wall
        .duration_since(UNIX_EPOCH)
        .map_or(0, |at| at.as_millis() as i64);
    let mut told = format!("takeover: late in run {run}, {} killed:", name(victim));
    for server in (0..SERVERS).filter(|server| *server != victim) {
        let lines = stage.cluster.alerts(server)?;
        let of_it = lines.iter().find(|line| line.text.contains(text));
        let known = of_it.map(|line| (line.received.0 - wall_ms, &line.notices));
        told.push_str(&format!("\n  {} since (ms) {known:?}", name(server)));
        for line in lines.iter().filter(|line| line.received.0 >= wall_ms) {
            let after = line.received.0 - wall_ms;
            told.push_str(&format!("\n    {after} ms: {}", line.text));
        }
    }
    eprintln!("{told}");
    Ok(())
}

fn count(books: &mut Books, copies: &[Arc<Mail>], run: usize) {
    let marked = |mail: &Arc<Mail>| mail.header("X-Noroshi-Possible-Repeat").is_some();
    match copies {
        [] => books.lost += 1,
        [_] => {}
        [first, second] => {
            books.twins += 1;
            let alike = first.header("Message-ID") == second.header("Message-ID");
            let well = alike && (marked(first) || marked(second));
            books.faulty += usize::from(!well);
        }
        _ => books.faulty += 1,
    }
    if copies.len() != 1 {
        let marks: Vec<_> = copies.iter().map(marked).collect();
        eprintln!("takeover: run {run}: copies marked so: {marks:?}");
    }
    let by_next = books.from_kill.len();
    books.told_before = (run + 1).saturating_sub(by_next + books.lost);
}
