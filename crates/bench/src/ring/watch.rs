//! Who tells the moment of Corosync's verdict: a process of our own at each node, a plain listener to the ring.
//!
//! It is this executable again, within the node's namespaces, as `noroshi-bench watch-ring`: it prints a line for each
//! node that has left the ring or the group of the watchers, and for each word of the quorum, with the clock's time at
//! which it was told. All of them run on one host, so its clock is the bench's own.

use super::child::Beside;
use noroshi_corosync::{Libraries, Notice, Reason, Ring};
use noroshi_sim::rig::{Cluster, Error, Fallible, until};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{ChildStdout, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The word by which this executable becomes a watcher.
pub(crate) const WORD: &str = "watch-ring";
/// The group that the watchers join.
const GROUP: &str = "noroshi-bench";
/// How the line of a word of the quorum begins.
const QUORUM: &str = "quorum";
/// How long a watcher waits for news at a time.
const WAIT: Duration = Duration::from_secs(10);
/// How long a watcher may take to be there.
const READY_WAIT: Duration = Duration::from_secs(30);
/// How much later than the first a survivor's word may come and still be waited for.
const OTHERS_WAIT: Duration = Duration::from_secs(20);
/// How long after the verdict the word of the quorum may come.
const QUORUM_WAIT: Duration = Duration::from_secs(5);

/// Watches until Corosync ends or nobody reads any more.
pub(crate) fn main() -> ExitCode {
    match watch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{WORD}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn watch() -> Result<(), Box<dyn std::error::Error>> {
    let libraries = Libraries::load()?;
    let ring = Ring::connect(&libraries, GROUP)?;
    let (wake, _keep) = UnixStream::pair()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    let mut told = Vec::new();
    loop {
        ring.wait(wake.as_fd(), WAIT);
        let result = ring.dispatch(&mut told);
        let at = clock();
        for notice in told.drain(..) {
            for node in left(&notice) {
                writeln!(out, "left {node} {}", at.as_nanos())?;
            }
            if matches!(notice, Notice::Quorum { .. }) {
                writeln!(out, "{QUORUM} {}", at.as_nanos())?;
            }
        }
        out.flush()?;
        result?;
    }
}

/// The nodes that a notice says are gone.
fn left(notice: &Notice) -> Vec<u32> {
    match notice {
        Notice::Nodes { left, .. } => left.clone(),
        Notice::Group { left, .. } => {
            let down = left.iter().filter(|(_, why)| *why == Reason::NodeDown);
            down.map(|(member, _)| member.node).collect()
        }
        _ => Vec::new(),
    }
}

fn clock() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

/// A watcher's word that a node is gone.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// At which node it was told.
    by: usize,
    server: usize,
    at: Instant,
}

/// When a node was said to be gone.
pub(super) struct Told {
    /// By the first survivor.
    pub(super) first: Instant,
    /// By the last one.
    pub(super) last: Instant,
    /// When Corosync first told a survivor after that whether its side has quorum.
    pub(super) quorum: Option<Instant>,
}

/// One watcher at each node.
#[derive(Default)]
pub(super) struct Watchers {
    by_server: Vec<Option<Beside>>,
    board: Arc<Mutex<Vec<Left>>>,
    quorums: Arc<Mutex<Vec<Instant>>>,
}

impl Watchers {
    /// Starts the watcher of a node whose Corosync answers.
    ///
    /// # Errors
    /// When it does not come to watch.
    pub(super) fn start(&mut self, cluster: &mut Cluster, server: usize) -> Fallible<()> {
        let own = std::env::current_exe()?;
        let mut command = cluster.corosync(server).command(&own.to_string_lossy());
        command.arg(WORD);
        let mut child = Beside::start(command)?;
        let said = child
            .said()
            .ok_or(Error("a watcher has no output".into()))?;
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let (board, quorums) = (Arc::clone(&self.board), Arc::clone(&self.quorums));
        std::thread::spawn(move || {
            for line in BufReader::<ChildStdout>::new(said)
                .lines()
                .map_while(Result::ok)
            {
                match (read(server, &line), read_quorum(&line)) {
                    (Some(left), _) => lock(&board).push(left),
                    (None, Some(at)) => lock(&quorums).push(at),
                    (None, None) => drop(ready.try_send(())),
                }
            }
        });
        let late = |_| Error(format!("no watcher at node {}", server + 1));
        is_ready.recv_timeout(READY_WAIT).map_err(late)?;
        self.by_server.resize_with(cluster.len(), || None);
        self.by_server[server] = Some(child);
        Ok(())
    }

    /// Ends the watcher of a node.
    pub(super) fn end(&mut self, server: usize) {
        self.by_server[server] = None;
    }

    /// Waits until all watchers have said that a node is gone, after `from`.
    ///
    /// # Errors
    /// When not even one does in time.
    pub(super) fn wait_left(
        &self,
        server: usize,
        from: Instant,
        limit: Duration,
    ) -> Fallible<Told> {
        let watchers = self.by_server.iter().flatten().count();
        let words = || {
            let board = lock(&self.board);
            let about = board
                .iter()
                .filter(|one| one.server == server && one.at >= from);
            // Each watcher has a word of the group and one of the ring: its first counts.
            let mut firsts: Vec<Left> = Vec::new();
            for one in about {
                match firsts.iter_mut().find(|first| first.by == one.by) {
                    Some(first) => first.at = first.at.min(one.at),
                    None => firsts.push(*one),
                }
            }
            firsts
        };
        until(limit, "Corosync's verdict", || {
            words().first().map(drop).ok_or("none yet".into())
        })?;
        // What the last one says is beside the point if it says nothing.
        let _ = until(OTHERS_WAIT, "all survivors' verdicts", || {
            (words().len() >= watchers)
                .then_some(())
                .ok_or(String::new())
        });
        let words = words();
        let times = || words.iter().map(|one| one.at);
        match times().min().zip(times().max()) {
            Some((first, last)) => {
                // Without one the figure lacks this run.
                let quorum = until(QUORUM_WAIT, "the word of the quorum", || {
                    let quorums = lock(&self.quorums);
                    let after = quorums.iter().copied().filter(|at| *at >= first);
                    after.min().ok_or("none yet".into())
                });
                let quorum = quorum.ok();
                Ok(Told {
                    first,
                    last,
                    quorum,
                })
            }
            None => Err(Error("no verdict".into())),
        }
    }
}

fn lock<T>(board: &Mutex<Vec<T>>) -> std::sync::MutexGuard<'_, Vec<T>> {
    // A list is whole between any two statements.
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `left NODE NANOSECONDS`; anything else is no such line.
fn read(by: usize, line: &str) -> Option<Left> {
    let mut words = line.strip_prefix("left ")?.split(' ');
    let node: usize = words.next()?.parse().ok()?;
    Some(Left {
        by,
        server: node.checked_sub(1)?,
        at: moment(words.next()?)?,
    })
}

/// `quorum NANOSECONDS`.
fn read_quorum(line: &str) -> Option<Instant> {
    moment(line.strip_prefix(QUORUM)?.trim_start())
}

/// The moment at which the clock showed so many nanoseconds.
fn moment(nanoseconds: &str) -> Option<Instant> {
    let at = Duration::from_nanos(nanoseconds.parse().ok()?);
    Instant::now().checked_sub(clock().checked_sub(at)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchers_line_is_read_back_at_its_moment() {
        let before = Instant::now();
        let line = format!("left 3 {}", clock().as_nanos());
        let left = read(0, &line).unwrap();
        assert_eq!((left.by, left.server), (0, 2));
        let off = left.at.max(before) - left.at.min(before);
        assert!(off < Duration::from_secs(60), "{off:?}");
        assert!(read(0, "ready").is_none() && read_quorum("ready").is_none());
        assert!(read_quorum(&format!("{QUORUM} {}", clock().as_nanos())).is_some());
    }
}
