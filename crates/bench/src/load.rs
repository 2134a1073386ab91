//! A steady load of alerts, and the books of what became of them.
//!
//! *Use.* [`Load::begin`], then [`Load::end`] when it was enough. Alerts are due at fixed times, on the
//! servers in turn, whether or not the one before has been accepted: a server that stands still holds up
//! its own alerts only, and the time of those counts from when they were due.

use crate::figure::{Figure, Stat};
use crate::interrupt;
use crate::raise::{accepted, request};
use crate::stage::{NOTICE_WAIT, Stage};
use noroshi_core::alert::Destinations;
use noroshi_daemon::control::Client;
use noroshi_sim::rig::{Error, Fallible, until};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// From one alert to the next.
const EVERY: Duration = Duration::from_millis(200);
/// From when on a mail is late enough to be listed on standard error.
const LATE: Duration = Duration::from_millis(50);
/// How long a late second copy of a mail is waited for.
const LATE_WAIT: Duration = Duration::from_secs(3);

/// Alerts that are being raised.
pub(crate) struct Load {
    begun: Instant,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Raised>>>,
}

/// One alert.
struct Raised {
    words: String,
    at: Instant,
    accepted: Option<Instant>,
}

/// What became of a load.
pub(crate) struct Books {
    /// From an accepted alert's request to its mail's acceptance; of lost ones [`NOTICE_WAIT`].
    delays: Vec<Duration>,
    refused: usize,
    lost: usize,
    twins: usize,
    /// In words, those whose mail took longer than [`LATE`].
    late: Vec<String>,
    /// Subjects of mails about something else.
    strangers: Vec<String>,
}

impl Load {
    /// Begins to raise alerts, one every [`EVERY`]; `title` tells them from those of other loads.
    pub(crate) fn begin(stage: &Stage, title: &str) -> Load {
        let (begun, over) = (Instant::now(), Arc::<AtomicBool>::default());
        let servers = stage.cluster.len() as u32;
        let mut threads = Vec::new();
        for server in 0..servers {
            let socket = stage.cluster.home(server as usize).socket();
            let (over, title) = (Arc::clone(&over), format!("{title}-{server}"));
            let (first, every) = (begun + EVERY * server, EVERY * servers);
            threads.push(std::thread::spawn(move || {
                raise_all(&socket, &title, first, every, &over)
            }));
        }
        Load {
            begun,
            over,
            threads,
        }
    }

    /// Ends it, waits for what is under way, and adds up.
    ///
    /// # Errors
    /// When a thread died, or after Ctrl-C.
    pub(crate) fn end(self, stage: &Stage) -> Fallible<Books> {
        self.over.store(true, Ordering::Relaxed);
        let mut raised = Vec::new();
        for thread in self.threads {
            let died = |_| Error("a thread that raised alerts panicked".into());
            raised.extend(thread.join().map_err(died)?);
        }
        let accepted = raised.iter().filter(|one| one.accepted.is_some()).count();
        // What has not come by then is lost; the books say so.
        let _ = until(NOTICE_WAIT, "all mails have come", || {
            let count = Books::of(stage, self.begun, &raised).delivered();
            (count >= accepted).then_some(()).ok_or(String::new())
        });
        interrupt::pause(LATE_WAIT)?;
        let books = Books::of(stage, self.begun, &raised);
        for subject in &books.strangers {
            eprintln!("load: not of the load: {subject}");
        }
        for late in &books.late {
            eprintln!("load: {late}");
        }
        Ok(books)
    }
}

fn raise_all(
    socket: &Path,
    title: &str,
    first: Instant,
    every: Duration,
    over: &AtomicBool,
) -> Vec<Raised> {
    let mut raised = Vec::new();
    for number in 0.. {
        let due = first + every * number;
        // Behind an alert that was accepted late, it is late itself.
        let mut at = due;
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(early);
            at = Instant::now();
        }
        if over.load(Ordering::Relaxed) {
            break;
        }
        let words = format!("Load {title}-{number}");
        let accepted = match raise(socket, &words) {
            Ok(()) => Some(Instant::now()),
            Err(error) => {
                eprintln!("load: not accepted: {words}: {error}");
                None
            }
        };
        raised.push(Raised {
            words,
            at,
            accepted,
        });
    }
    raised
}

fn raise(socket: &Path, words: &str) -> Fallible<()> {
    let told = |trouble| Error::doing("raise", trouble);
    let everywhere = Destinations {
        alert: true,
        syslog: true,
        mail: true,
        ..Destinations::default()
    };
    let mut client = Client::connect(socket).map_err(told)?;
    accepted(client.change(request(words, everywhere)).map_err(told)?)
}

impl Books {
    fn of(stage: &Stage, begun: Instant, raised: &[Raised]) -> Books {
        let mut arrivals: BTreeMap<&str, Vec<Instant>> = BTreeMap::new();
        let mut ids = HashSet::new();
        let (mut strangers, mut twins) = (Vec::new(), 0);
        let known: BTreeMap<&str, &Raised> =
            raised.iter().map(|one| (one.words.as_str(), one)).collect();
        for mail in stage.cluster.mails() {
            if mail.arrived < begun {
                continue;
            }
            // The words of clp.conf stand before those of the alert.
            let words = mail.subject.find("Load ").map(|at| &mail.subject[at..]);
            let Some(raised) = words.and_then(|words| known.get(words)) else {
                strangers.push(mail.subject.clone());
                continue;
            };
            let copies = arrivals.entry(&raised.words).or_default();
            copies.push(mail.arrived);
            if !ids.insert(mail.header("message-id")) || copies.len() > 1 {
                twins += 1;
            }
        }
        let accepted = raised
            .iter()
            .filter_map(|one| Some((one, one.accepted?)))
            .map(|(one, accepted)| {
                let first = arrivals.get(one.words.as_str())?.first()?;
                let since = |until: Instant| until.saturating_duration_since(one.at);
                let (taken, delay) = (since(accepted), since(*first));
                Some((&one.words, taken, delay))
            });
        let told: Vec<_> = accepted.collect();
        let late = told.iter().flatten().filter(|one| one.2 > LATE);
        Books {
            late: late
                .map(|(words, taken, delay)| {
                    format!("{words}: accepted after {taken:.1?}, mailed after {delay:.1?}")
                })
                .collect(),
            lost: told.iter().filter(|one| one.is_none()).count(),
            refused: raised.len() - told.len(),
            delays: told
                .iter()
                .map(|one| one.map_or(NOTICE_WAIT, |one| one.2))
                .collect(),
            twins,
            strangers,
        }
    }

    fn delivered(&self) -> usize {
        self.delays.len() - self.lost
    }

    /// The delays of the mails.
    pub(crate) fn delays(&self) -> &[Duration] {
        &self.delays
    }

    /// What must be zero: alerts not accepted, mails lost, second mails, mails about something else.
    pub(crate) fn figures(&self, title: &str) -> Vec<Figure> {
        let counts = [
            ("alerts not accepted", self.refused),
            ("mails lost", self.lost),
            ("second mails", self.twins),
            ("mails about something else", self.strangers.len()),
        ];
        let note = format!("{} alerts accepted", self.delays.len());
        let figure = |(what, count): (&str, usize)| {
            Figure::new(format!("{title}, {what}"), "", vec![count as f64])
                .at_most(Stat::Max, 0.0)
                .with_note(note.clone())
        };
        counts.into_iter().map(figure).collect()
    }
}
