//! `noroshi daemon`: run the alert service in the foreground.

use super::Context;
use crate::cli::Daemon;
use crate::exit::{Exit, Failure};
use noroshi_daemon::app::Options;
use noroshi_daemon::home::Home;
use std::process::ExitCode;

/// Environment variable that names this server, as `--server` does.
pub(super) const SERVER_VARIABLE: &str = "NOROSHI_SERVER";

pub(super) fn start(context: &Context, options: Daemon) -> Result<ExitCode, Failure> {
    if options.detached {
        // Only a leader of a process group cannot; then there is nothing to leave either.
        let _ = rustix::process::setsid();
    }
    let server = options
        .server
        .or_else(|| std::env::var(SERVER_VARIABLE).ok());
    Ok(run(
        context.home.clone(),
        server.filter(|name| !name.is_empty()),
    ))
}

/// Runs the daemon of `home` until it is told to stop; `server` is the host name if `None`.
fn run(home: Home, server: Option<String>) -> ExitCode {
    let gate = noroshi_daemon::engine::Gate::open();
    match noroshi_daemon::app::run(Options { home, server, gate }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("noroshi daemon: not started: {error}");
            Exit::Failed.into()
        }
    }
}
