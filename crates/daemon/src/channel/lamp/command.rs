//! A lamp that is reached by a program of the user's: `PROGRAM [ARGUMENT…] SERVER RED AMBER GREEN`.
//!
//! *Use.* [`run`] starts it without a shell, its environment empty but for `PATH`, its input and
//! output closed, and waits for its end. `SERVER` is the name of the lamp's server; servers that
//! share a lamp stand in one word, parted by commas. `RED AMBER GREEN` are `off`, `on` or `blink`.
//!
//! *Failure.* A program that does not end in time is killed with all that it started in its process
//! group. The first of what it says on its error output goes into the text. Starting a program can
//! block on a dead disk or mount, so a thread does that; until it returns the lamp counts as busy.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use noroshi_core::lamp::{Glow, Look};
use noroshi_wire::lamp::printable;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Duration, timeout, timeout_at};

use super::exchange::Limits;
use super::trouble::Trouble;

/// How much of a program's error output is kept, in bytes; the rest is read and dropped.
pub const SAID_BYTES_MAX: usize = 1024;
/// How many characters of it go into the text of message 6.
const SAID_CHARS_MAX: usize = 120;
/// How long the error output may outlive the program, which left it to a child of its own.
const SAID_GRACE: Duration = Duration::from_millis(100);

pub(super) async fn run(
    program: &str,
    arguments: &[String],
    servers: &str,
    look: &Look,
    limits: &Limits,
    turn: &super::Turn,
) -> Result<(), Trouble> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(servers)
        .args([look.red, look.amber, look.green].map(word))
        .env_clear()
        .env(
            "PATH",
            std::env::var_os("PATH").unwrap_or_else(|| PATH.into()),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    limits.leave.first_byte(Duration::ZERO, limits.end).await?;
    limits.leave.has_left();
    let turn = turn.clone();
    let spawned = tokio::task::spawn_blocking(move || {
        let child = command.spawn();
        drop(turn);
        child
    });
    let Ok(spawned) = timeout_at(limits.end, spawned).await else {
        return Err(Trouble::ProgramSilent(limits.exchange));
    };
    // The closure does not panic, and nobody cancels it.
    let spawned = spawned.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let child = spawned.map_err(|error| Trouble::Program(program.into(), error))?;
    let (status, said) = wait(child, limits).await?;
    judge(status, &said)
}

/// Waits for the program's end; kills its group when the time is over.
async fn wait(mut child: Child, limits: &Limits) -> Result<(ExitStatus, Vec<u8>), Trouble> {
    let mut stderr = child.stderr.take();
    let mut said = Vec::new();
    let waited = timeout_at(limits.end, async {
        let status = tokio::select! {
            biased;
            status = child.wait() => status,
            // It may close its error output long before it ends.
            () = listen(stderr.as_mut(), &mut said) => child.wait().await,
        };
        let _ = timeout(SAID_GRACE, listen(stderr.as_mut(), &mut said)).await;
        status
    });
    match waited.await {
        Ok(Ok(status)) => Ok((status, said)),
        Ok(Err(error)) => Err(Trouble::System("wait for the lamp's program", error)),
        Err(_) => {
            kill_group(&child);
            Err(Trouble::ProgramSilent(limits.exchange))
        }
    }
}

/// Reads error output to its end.
async fn listen(stderr: Option<&mut ChildStderr>, said: &mut Vec<u8>) {
    let Some(stderr) = stderr else { return };
    let mut part = [0; 512];
    while let Ok(count @ 1..) = stderr.read(&mut part).await {
        let room = SAID_BYTES_MAX - said.len();
        said.extend_from_slice(&part[..count.min(room)]);
    }
}

/// The child is not waited for yet, so its number, which is its group's, is still its own. Dropping
/// it afterwards lets the runtime wait for it.
fn kill_group(child: &Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(group) = id.and_then(rustix::process::Pid::from_raw) {
        // An error means that nobody is left to be killed.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

fn judge(status: ExitStatus, said: &[u8]) -> Result<(), Trouble> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(status), _) => Err(Trouble::ExitStatus {
            status,
            said: printable(said, SAID_CHARS_MAX),
        }),
        (None, signal) => Err(Trouble::Signal(signal.unwrap_or_default())),
    }
}

fn word(glow: Glow) -> &'static str {
    match glow {
        Glow::Off => "off",
        Glow::On => "on",
        Glow::Blink => "blink",
    }
}

/// Where programs are looked for when the service has no `PATH`.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
