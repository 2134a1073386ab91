//! How far the collections are: one line that changes on a terminal, plain lines elsewhere.

use super::part::Part;
use crate::exit::Failure;
use crate::print::{Out, escaped, say};
use noroshi_core::text::Language;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

/// Between two changes of the line, for each server.
const PAUSE: Duration = Duration::from_millis(200);

/// What happens to the collection of a server.
pub(super) enum News {
    Begun,
    /// So many bytes have come.
    Bytes(u64),
    /// Where the archive is and how many bytes it has; or why there is none.
    Ended(Result<(PathBuf, u64), String>),
}

pub(super) struct Progress {
    language: Language,
    terminal: bool,
    /// Bytes so far of those that are under way.
    under_way: BTreeMap<String, u64>,
}

impl Progress {
    pub(super) fn new(language: Language) -> Progress {
        Progress {
            language,
            terminal: stderr().is_terminal(),
            under_way: BTreeMap::new(),
        }
    }

    /// Shows the news until there are no more; the servers that failed, and why.
    pub(super) fn show(
        mut self,
        out: &mut Out,
        told: &Receiver<(String, News)>,
    ) -> Result<Vec<String>, Failure> {
        let mut missing = Vec::new();
        for (server, news) in told {
            match news {
                News::Begun => {
                    self.under_way.insert(server.clone(), 0);
                    if !self.terminal {
                        let words = self.language.pick("collecting", "採取しています");
                        say!(out, "{server}: {words}")?;
                    }
                }
                News::Bytes(bytes) => drop(self.under_way.insert(server, bytes)),
                News::Ended(ended) => {
                    self.under_way.remove(&server);
                    self.wipe();
                    match ended {
                        Ok((path, bytes)) => {
                            let path = escaped(&path.display().to_string());
                            let unit = self.language.pick("bytes", "バイト");
                            say!(out, "{server}: {path} ({bytes} {unit})")?;
                        }
                        Err(why) => {
                            let why = escaped(&why);
                            let words = self.language.pick("NOT COLLECTED", "採取できません");
                            say!(out, "{server}: {words}: {why}")?;
                            missing.push(format!("  {server}: {why}"));
                        }
                    }
                }
            }
            out.flush()?;
            self.line();
        }
        self.wipe();
        Ok(missing)
    }

    fn line(&self) {
        if !self.terminal || self.under_way.is_empty() {
            return;
        }
        let parts = self
            .under_way
            .iter()
            .map(|(server, bytes)| format!("{server} {:.1} MB", *bytes as f64 / 1e6));
        let line = parts.collect::<Vec<_>>().join("  ");
        // Nothing is lost without it.
        let _ = write!(stderr(), "\r\x1b[K{line}");
    }

    fn wipe(&self) {
        if self.terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

/// An archive that tells how far it is.
pub(super) struct Watched {
    part: Part,
    server: String,
    news: SyncSender<(String, News)>,
    bytes: u64,
    told: Instant,
}

impl Watched {
    pub(super) fn new(part: Part, server: String, news: SyncSender<(String, News)>) -> Watched {
        Watched {
            part,
            server,
            news,
            bytes: 0,
            told: Instant::now(),
        }
    }

    pub(super) fn into_inner(self) -> Part {
        self.part
    }
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.part.write(bytes)?;
        self.bytes += count as u64;
        if self.told.elapsed() >= PAUSE {
            self.told = Instant::now();
            let news = (self.server.clone(), News::Bytes(self.bytes));
            // Nobody looks any more: the archive is wanted all the same.
            let _ = self.news.send(news);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.part.flush()
    }
}
