//! `noroshi daemon`: run the alert service in the foreground.

use super::Context;
use crate::cli::Daemon;
use crate::exit::{Exit, Failure};
use noroshi_core::text::Language;
use noroshi_daemon::app::Options;
use noroshi_daemon::home::Home;
use noroshi_daemon::log;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

/// Environment variable with which glibc is told how many arenas to keep.
const ARENAS_VARIABLE: &str = "MALLOC_ARENA_MAX";

/// Environment variable that names this server, as `--server` does.
pub(super) const SERVER_VARIABLE: &str = "NOROSHI_SERVER";

pub(super) fn start(context: &Context, options: Daemon) -> Result<ExitCode, Failure> {
    if options.detached {
        // Only a leader of a process group cannot; then there is nothing to leave either.
        let _ = rustix::process::setsid();
    }
    use_one_arena();
    let server = options
        .server
        .or_else(|| std::env::var(SERVER_VARIABLE).ok());
    Ok(run(
        context.home.clone(),
        server.filter(|name| !name.is_empty()),
        context.language,
    ))
}

/// Starts this program again in its own place with the allocator set for a small daemon.
///
/// glibc gives each thread an arena of its own and keeps what is freed; a daemon with two short
/// bursts of work a day then holds twice the memory that it needs (DESIGN.md, "Memory"). It reads
/// these settings once, when a program starts. A system that refuses costs memory, nothing else.
pub(crate) fn use_one_arena() {
    if std::env::var_os(ARENAS_VARIABLE).is_some() {
        return;
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let mut again = std::process::Command::new("/proc/self/exe");
    again.arg0(name).args(arguments);
    again.env(ARENAS_VARIABLE, "1");
    again.env("MALLOC_TRIM_THRESHOLD_", "65536");
    again.env("MALLOC_TOP_PAD_", "16384");
    // Only returns when it failed.
    let _ = again.exec();
}

/// Runs the daemon of `home` until it is told to stop; `server` is the host name if `None`.
fn run(home: Home, server: Option<String>, language: Language) -> ExitCode {
    // A fault of ours in one task ends that task; its words must not wait for the log's reader.
    std::panic::set_hook(Box::new(|info| {
        log::line(format!("noroshi: {info}"));
        log::flush();
    }));
    let gate = noroshi_daemon::engine::Gate::open();
    match noroshi_daemon::app::run(Options { home, server, gate }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // All of it, whatever its length: there is nobody left to be held up. Who closed our
            // standard error still gets the exit code.
            let error = error.text(language);
            let text = language.pick(
                format!("noroshi daemon: not started: {error}"),
                format!("noroshi daemon: 起動できません: {error}"),
            );
            let _ = writeln!(io::stderr(), "{text}");
            Exit::Failed.into()
        }
    }
}
