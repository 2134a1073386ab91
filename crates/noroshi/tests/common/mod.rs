//! A daemon without decisions: the real command socket in a real home, with a scripted driver.

#![allow(dead_code, reason = "each test file uses its part")]

#[path = "../../../daemon/src/control/memory.rs"]
mod memory;

use memory::Memory;
use noroshi_core::alert::{Alert, AlertId, Destinations, MessageId, Severity};
use noroshi_core::config::MailForm;
use noroshi_core::lamp::Look;
use noroshi_core::notice::{Channel, NoticeKey, NoticeRecord, NoticeState};
use noroshi_core::request::{Reply, Request};
use noroshi_core::status::{LampStatus, PathStatus, ServerState, ServerStatus, Status};
use noroshi_core::time::WallTime;
use noroshi_daemon::control::{
    AlertFigures, AlertFilter, AlertLine, AlertRow, AlertRows, AlertSource, Asked, Desk,
    FiguresQuery, Page, Reading, serve_until,
};
use noroshi_daemon::home::Home;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// 2023-11-15 07:13:20.123 in Japan.
pub(crate) const TIME: WallTime = WallTime(1_700_000_000_123);

/// What the fake driver answers to changes.
pub(crate) type Script = fn(&Request) -> Reply;

pub(crate) struct Fake {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) home: Home,
    pub(crate) alerts: Arc<Memory>,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// A daemon that agrees to everything.
    pub(crate) fn agreeing(status: Status, rows: Vec<AlertRow>) -> Fake {
        Fake::start(status, rows, |_| Reply::Done)
    }

    pub(crate) fn start(status: Status, rows: Vec<AlertRow>, script: Script) -> Fake {
        let (dir, home) = empty_home();
        let lock = home.lock().unwrap();
        let listener = home.listen(&lock).unwrap();
        listener.set_nonblocking(true).unwrap();
        let alerts = Memory::with(rows);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let (source, seen) = (alerts.clone(), asked.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                let (ask, asks) = mpsc::channel(8);
                let desk = Desk {
                    ask,
                    alerts: source,
                    logs: Arc::new(|_, _| mpsc::channel(1).1),
                    test_mails: Arc::new(|_| Err(noroshi_daemon::control::NotTested::NoRecipient)),
                    sets: None,
                    audit: None,
                };
                serve_until(listener, desk, async {
                    tokio::select! {
                        () = drive(asks, status, script, seen) => {}
                        _ = stopped => {}
                    }
                })
                .await;
            });
            drop(lock);
        });
        Fake {
            dir,
            home,
            alerts,
            asked,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The changes asked for so far, as JSON.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Ends the daemon at once.
    pub(crate) fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run_in(self.dir.path(), arguments)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

/// Answers like a driver; ends after it agreed to stop this server.
async fn drive(
    mut asks: mpsc::Receiver<Asked>,
    status: Status,
    script: Script,
    seen: Arc<Mutex<Vec<String>>>,
) {
    while let Some(asked) = asks.recv().await {
        match asked {
            Asked::Status(place) => drop(place.send(status.clone())),
            Asked::Change(request, place) => {
                seen.lock()
                    .unwrap()
                    .push(serde_json::to_string(&request).unwrap());
                let reply = script(&request);
                let ends = reply == Reply::Done
                    && match request {
                        Request::Stop {
                            server: Some(server),
                            ..
                        } => server == status.server,
                        Request::Stop { server: None, .. } => true,
                        _ => false,
                    };
                let _ = place.send(reply);
                if ends {
                    return;
                }
            }
        }
    }
    std::future::pending().await
}

/// A home with nothing in it but its directories.
pub(crate) fn empty_home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    home.prepare().unwrap();
    (dir, home)
}

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The command in `home`, in Japan's time zone, without anything of the caller's environment.
pub(crate) fn command_in(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_noroshi"));
    command
        .args(arguments)
        .env_clear()
        .env("TZ", "JST-9")
        .env("NOROSHI_HOME", home)
        .env("NOROSHI_SERVER", "server1")
        .stdin(Stdio::null());
    command
}

/// Puts a copy of the program where other users may go. Another process writes it: a child that another test
/// starts meanwhile would hold our open file for a moment, and a file that is open for writing cannot be run.
pub(crate) fn program_at(path: &Path) {
    let made = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_noroshi"))
        .arg(path)
        .status();
    assert!(made.unwrap().success());
}

pub(crate) fn run_in(home: &Path, arguments: &[&str]) -> Ran {
    ran(command_in(home, arguments), home)
}

/// Runs it; the home's path becomes `HOME` in what it printed.
pub(crate) fn ran(mut command: Command, home: &Path) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes)
            .unwrap()
            .replace(home.to_str().unwrap(), "HOME")
    };
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A command that did it.
pub(crate) fn done(out: &str) -> Ran {
    Ran {
        code: 0,
        out: out.into(),
        err: String::new(),
    }
}

/// A command that did not.
pub(crate) fn failed(code: i32, err: &str) -> Ran {
    Ran {
        code,
        out: String::new(),
        err: err.into(),
    }
}

pub(crate) fn alert(row: u64, severity: Severity, text: &str) -> AlertRow {
    let id = AlertId(format!("a-{row}"));
    AlertRow {
        row,
        alert: Arc::new(Alert {
            id,
            message: MessageId {
                module: "nm".into(),
                event: 2,
            },
            severity,
            time: WallTime(TIME.0 - 23),
            server: "server1".into(),
            about: None,
            text: text.into(),
            thread: None,
            destinations: Destinations::default(),
        }),
        received: TIME,
        notices: Vec::new(),
        acknowledgement: None,
    }
}

pub(crate) fn notice(
    channel: Channel,
    recipient: &str,
    state: NoticeState,
    reason: &str,
) -> NoticeRecord {
    NoticeRecord {
        key: NoticeKey {
            alert: AlertId("a-1".into()),
            channel,
            recipient: recipient.into(),
        },
        form: MailForm::Long,
        state,
        attempts: 2,
        possible_repeat: state == NoticeState::Delivered,
        sender: "server1".into(),
        reason: reason.into(),
        changed: TIME,
    }
}

pub(crate) fn path(name: &str, normal: bool) -> PathStatus {
    PathStatus {
        name: name.into(),
        comment: "Kernel Mode LAN Heartbeat".into(),
        normal,
        unused: false,
        silent_ms: Some(12),
        loss_permille: 5,
    }
}

pub(crate) fn server(name: &str, own: bool, state: ServerState) -> ServerStatus {
    ServerStatus {
        name: name.into(),
        own,
        state,
        last_word: None,
        paths: vec![path("lankhb1", state == ServerState::Up)],
        lamp: None,
        drift: false,
        set: None,
    }
}

pub(crate) fn lamp(wanted: Look) -> Option<LampStatus> {
    Some(LampStatus {
        address: "10.0.0.201".into(),
        wanted,
        shown: Some(wanted),
        trouble: None,
        told_by_us: true,
    })
}

/// Two servers: the own one and another.
pub(crate) fn cluster(other: ServerState) -> Status {
    Status {
        cluster: "TomcatCluster".into(),
        server: "server1".into(),
        time: TIME,
        engine: noroshi_core::config::Engine::Embedded,
        blind: None,
        advice: Vec::new(),
        servers: vec![
            server("server1", true, ServerState::Up),
            server("server2", false, other),
        ],
        on_duty: Some("server1".into()),
        notices_waiting: 0,
        waiting: Vec::new(),
        backlog: false,
        store_trouble: None,
        lamps_used: true,
        licence: None,
        pacemaker: None,
    }
}
