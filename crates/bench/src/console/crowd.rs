//! Ten thousand connections that say nothing, and readers of the stream that read nothing: whether others
//! mind, and what the console's process takes for them.

use super::live::Reader;
use super::open::block;
use super::site::Site;
use crate::figure::{Figure, Stat};
use crate::interrupt;
use noroshi_sim::rig::{Error, Fallible, until};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const IDLE: usize = 10_000;
/// Files of ours beside those connections.
const OTHER_FILES: u64 = 500;
/// How often one of them comes anew.
const COME_AGAIN: Duration = Duration::from_millis(2);
const PAGES: usize = 100;
const PAGE_BOUND_MS: f64 = 1000.0;
const NOTICE_P99_MS: f64 = 50.0;
/// kB that the console may take for a crowd: 32 for each of its 256 places.
const MORE_BOUND_KB: f64 = 8_192.0;
const SLOW: usize = 20;
const SLOW_BUFFER_BYTES: usize = 4_096;
/// Events for them: more than the sockets on the way hold.
const EVENTS: usize = 2_000;
/// The console drops a reader that takes nothing for half a minute.
const DROP_WAIT: Duration = Duration::from_secs(60);
const EVENT_BOUND_MS: f64 = 1000.0;

/// Ten thousand idle connections.
///
/// # Errors
/// When this system gives fewer files, or the console is gone.
pub(crate) fn idle(site: &mut Site) -> Fallible<Vec<Figure>> {
    raise_limit()?;
    let before = site.console_kb(0)?;
    let address = site.address(0);
    let connect = move || TcpStream::connect(address);
    let mut crowd = (0..IDLE)
        .map(|_| connect())
        .collect::<Result<Vec<_>, _>>()?;
    let over = Arc::<AtomicBool>::default();
    let ends = Arc::clone(&over);
    let coming = std::thread::spawn(move || {
        for place in (0..IDLE).cycle() {
            if ends.load(Ordering::Relaxed) {
                break;
            }
            if let Ok(stream) = connect() {
                crowd[place] = stream;
            }
            std::thread::sleep(COME_AGAIN);
        }
    });
    let measured = among_them(site, before);
    over.store(true, Ordering::Relaxed);
    coming
        .join()
        .map_err(|_| Error("the crowd panicked".into()))?;
    measured
}

fn among_them(site: &mut Site, before: f64) -> Fallible<Vec<Figure>> {
    let (mut times, mut refused) = (Vec::new(), 0);
    for _ in 0..PAGES {
        interrupt::check()?;
        let begin = Instant::now();
        // A browser connects again when it was turned away.
        until(Duration::from_secs(30), "a page among the crowd", || {
            let page = site.visit(0).and_then(|mut web| web.get("/alerts"));
            refused += usize::from(page.is_err());
            page.map_err(|error| error.0)
        })?;
        times.push(begin.elapsed());
    }
    let notices = block(site, "among a crowd")?;
    let files = site.console_files(0)?;
    let more = site.console_kb(0)? - before;
    Ok(vec![
        Figure::of_times("console: page among 10,000 idle", &times)
            .at_most(Stat::P99, PAGE_BOUND_MS)
            .with_note(format!(
                "a connection each; {refused} were turned away and came again"
            )),
        Figure::of_times("console: alert to mail among them", &notices)
            .at_most(Stat::P99, NOTICE_P99_MS),
        Figure::new("console: its process, for the crowd", "kB", vec![more])
            .at_most(Stat::Max, MORE_BOUND_KB)
            .with_note(format!("it has {files} files open")),
    ])
}

/// Readers that take nothing.
///
/// # Errors
/// When the console is gone.
pub(crate) fn slow(site: &mut Site) -> Fallible<Vec<Figure>> {
    let files = site.console_files(0)?;
    let before = site.console_kb(0)?;
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut web = site.visit(0)?;
        // Or the system on this side takes in for them what they do not read.
        SockRef::from(&web.socket()?).set_recv_buffer_size(SLOW_BUFFER_BYTES)?;
        web.listen(&format!("/live?after={}", site.newest(0)?))?;
        slow.push(web);
    }
    let reader = Reader::open(site, 0)?;
    let (mut times, mut peak) = (Vec::new(), 0.0);
    let begun = Instant::now();
    for event in 0..EVENTS {
        interrupt::check()?;
        let text = format!(
            "Event {event} for slow readers, {} end.",
            "and more ".repeat(60)
        );
        let (_, on_disk) = site.raise(0, &text, false)?;
        let at = reader.wait(&format!("Event {event} for slow readers"));
        let at = at.ok_or_else(|| Error("no event came".into()))?;
        times.push(at.saturating_duration_since(on_disk));
        if event % 100 == 0 {
            peak = f64::max(peak, site.console_kb(0)? - before);
        }
    }
    drop(reader);
    let gone = until(DROP_WAIT, "slow readers are dropped", || {
        let open = site.console_files(0).map_err(|error| error.0)?;
        match open <= files + 2 {
            true => Ok(begun.elapsed().as_secs_f64()),
            false => Err(format!("{open} files are open, {files} before")),
        }
    });
    if let Err(error) = &gone {
        eprintln!("console: {error}");
    }
    let left = f64::from(u8::from(gone.is_err()));
    Ok(vec![
        Figure::of_times("console: alert to event beside 20 slow readers", &times)
            .at_most(Stat::P99, EVENT_BOUND_MS),
        Figure::new("console: its process, for slow readers", "kB", vec![peak])
            .at_most(Stat::Max, MORE_BOUND_KB),
        Figure::new("console: slow readers not dropped", "", vec![left])
            .at_most(Stat::Max, 0.0)
            .with_note(gone.map_or_else(
                |_| String::new(),
                |after| format!("the last one {after:.0} s after the first event"),
            )),
    ])
}

/// Lets this process have as many files as it may.
fn raise_limit() -> Fallible<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = IDLE as u64 + OTHER_FILES;
    if limit.maximum.is_some_and(|maximum| maximum < wanted) {
        return Err(Error(format!(
            "10,000 connections need {wanted} open files, and this process may have {:?}",
            limit.maximum
        )));
    }
    let raised = Rlimit {
        current: limit.maximum.or(Some(wanted)),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).map_err(|error| Error::doing("setrlimit", error))
}
