//! Keeps the console running: a child process of this program, `noroshi console`.
//!
//! A process of its own, so that nothing that is done to a web page touches the alerts: not a panic, not
//! memory, not ten thousand connections. The child ends when its standard input does, so none outlives
//! its daemon, however that ends.
//!
//! *Failure.* A child that ends (its address is taken, its certificate cannot be read) is started again
//! after a pause that grows to [`PAUSE_MAX`]; what it said last stands in the log, once while it stays
//! the same. Notices never wait for any of it.

use crate::home::Home;
use crate::log;
use noroshi_core::config::{Config, ConsoleSettings};
use noroshi_core::text::Language;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// First pause before a new start.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause before a new start.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long a child may take to end after its input did; then it is killed.
const END_WAIT: Duration = Duration::from_secs(2);
/// Longest line of a child that is read; the rest of it is left.
const LINE_BYTES_MAX: u64 = 4_096;

/// What a change of means another child. Users are not among it: it reads them itself.
#[derive(Clone, PartialEq, Eq)]
struct Wanted {
    settings: ConsoleSettings,
    language: Language,
}

impl Wanted {
    fn of(config: &Config) -> Wanted {
        let users = Vec::new();
        Wanted {
            settings: ConsoleSettings {
                users,
                ..config.console.clone()
            },
            language: config.language,
        }
    }
}

/// The keeper of this server's console; its end is the child's.
pub(crate) struct Console {
    want: watch::Sender<Wanted>,
    keeper: JoinHandle<()>,
}

impl Console {
    /// Starts it, unless the settings say that there is none.
    pub(crate) fn start(home: Home, server: String, config: &Config) -> Console {
        let (want, wanted) = watch::channel(Wanted::of(config));
        let keeper = tokio::spawn(keep(home, server, wanted));
        Console { want, keeper }
    }

    /// Takes new settings: another child, if it would be another one.
    pub(crate) fn reconfigure(&self, config: &Config) {
        let new = Wanted::of(config);
        self.want.send_if_modified(|old| {
            let differs = *old != new;
            *old = new;
            differs
        });
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

async fn keep(home: Home, server: String, mut wanted: watch::Receiver<Wanted>) {
    let mut pause = PAUSE_MIN;
    let mut told = None;
    loop {
        let now = wanted.borrow_and_update().clone();
        if !now.settings.used {
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        }
        let started = crate::clock::instant();
        tokio::select! {
            why = live(command(&home, &server, now.language)) => {
                if started.elapsed() > PAUSE_MAX {
                    (pause, told) = (PAUSE_MIN, None);
                }
                if told.as_ref() != Some(&why) {
                    log::line(now.language.pick(
                        format!("no console: {why}; it is started again until that is mended"),
                        format!("コンソールを利用できません: {why}。解消するまで起動を繰り返します"),
                    ));
                    told = Some(why);
                }
                tokio::select! {
                    () = sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
                    _ = wanted.changed() => (pause, told) = (PAUSE_MIN, None),
                }
            }
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                (pause, told) = (PAUSE_MIN, None);
            }
        }
    }
}

fn command(home: &Home, server: &str, language: Language) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("noroshi").arg("console");
    command.args(["--server", server, "--lang", language.pick("en", "ja")]);
    if let Some(root) = home.root() {
        command.arg("--home").arg(root);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Starts the child and passes its words to the log; why it ended.
async fn live(command: Command) -> String {
    let (mut child, _input) = match start(command).await {
        Ok(started) => started,
        Err(error) => return error.to_string(),
    };
    let mut last = String::new();
    if let Some(output) = child.stderr.take() {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = (&mut output).take(LINE_BYTES_MAX);
            let read = bounded.read_until(b'\n', &mut line).await;
            if !matches!(read, Ok(1..)) {
                break;
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_string();
            // Its news are for the log at once, its last words for whoever asks why it ended.
            match text.strip_prefix("noroshi console: ") {
                Some(why) => last = why.to_string(),
                None => log::line(format!("console: {text}")),
            }
        }
    }
    match timeout(END_WAIT, child.wait()).await {
        Ok(Ok(_)) if !last.is_empty() => last,
        Ok(Ok(status)) => status.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => last,
    }
}

/// Starting a program can hang on a dead disk, so a thread does that.
async fn start(mut command: Command) -> io::Result<(Child, Option<ChildStdin>)> {
    let spawned = tokio::task::spawn_blocking(move || command.spawn()).await;
    // The closure does not panic, and nobody cancels it.
    let mut child = spawned.unwrap_or_else(|error| Err(io::Error::other(error)))?;
    let input = child.stdin.take();
    Ok((child, input))
}
