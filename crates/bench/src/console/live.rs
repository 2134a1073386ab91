//! How soon an open page is told of an alert: from the command's answer that it is on disk to the event at
//! a reader of the stream, at the server that raised it and at another.

use super::site::Site;
use super::web::Web;
use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::stage::jitter;
use noroshi_sim::rig::{Error, Fallible};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const RUNS: usize = 200;
const BOUND_MS: f64 = 200.0;
/// How long an event is waited for; one that has not come counts as this.
const EVENT_WAIT: Duration = Duration::from_secs(10);

/// Lines that wait to be looked at: more than a run has. A reader with as many reads on when some were taken.
const LINES_MAX: usize = 100_000;

/// A reader of the stream on a thread of its own.
pub(crate) struct Reader {
    events: Receiver<(Instant, String)>,
    socket: TcpStream,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// The reader of an alert view opened just now.
    ///
    /// # Errors
    /// When the console does not answer.
    pub(crate) fn open(site: &Site, server: usize) -> Fallible<Reader> {
        let mut web = site.visit(server)?;
        web.listen(&format!("/live?after={}", site.newest(server)?))?;
        let socket = web.socket()?;
        let (tell, events) = sync_channel(LINES_MAX);
        let thread = std::thread::spawn(move || {
            read(&mut web, &mut |line| {
                let _ = tell.send((Instant::now(), line));
            })
        });
        Ok(Reader {
            events,
            socket,
            thread: Some(thread),
        })
    }

    /// When a line with `words` came.
    pub(crate) fn wait(&self, words: &str) -> Option<Instant> {
        let end = Instant::now() + EVENT_WAIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok((at, line)) if line.contains(words) => return Some(at),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads until the stream ends or the socket is closed.
fn read(web: &mut Web, each: &mut dyn FnMut(String)) {
    while let Ok(line) = web.event() {
        each(line);
    }
}

/// Opens readers on servers in turn, of `spread` of them.
///
/// # Errors
/// When a console does not answer.
pub(crate) fn readers(site: &Site, count: usize, spread: usize) -> Fallible<Vec<Reader>> {
    (0..count)
        .map(|reader| Reader::open(site, reader % spread))
        .collect()
}

/// From alert to event.
///
/// # Errors
/// When an alert is not taken or no event comes at all.
pub(crate) fn run(site: &Site, runs: Option<usize>) -> Fallible<Vec<Figure>> {
    let ways = [("the same server", 0), ("another server", 1)];
    let mut figures = Vec::new();
    for (way, server) in ways {
        let reader = Reader::open(site, server)?;
        let mut times = Vec::new();
        for run in 0..runs.unwrap_or(RUNS) {
            interrupt::pause(jitter(run) / 4)?;
            let text = format!("Live at {way}, run {run} end.");
            let (_, on_disk) = site.raise(0, &text, false)?;
            let at = reader.wait(&text);
            if run == 0 && at.is_none() {
                return Err(Error("no event came".into()));
            }
            times.push(at.map_or(EVENT_WAIT, |at| at.saturating_duration_since(on_disk)));
        }
        figures.push(
            Figure::of_times(format!("console: alert to event, {way}"), &times)
                .at_most(Stat::P99, BOUND_MS),
        );
    }
    Ok(figures)
}
