//! The console: the web page of one server, which shows the whole cluster (rules M26 M31 M32 N21).
//!
//! *Use.* A process of its own, `noroshi console`, that the daemon starts and that ends with it. It
//! knows only what the command socket tells and changes things only through it, as the commands do:
//! whatever becomes of a page, of ten thousand idle connections or of a fault in here, no notice waits
//! for it, and the daemon's memory does not grow with it.
//!
//! *Shape.* [`serve`] takes connections within bounds; [`route`] is the one table of pages with the role
//! that each needs; `page/` writes HTML on the server, complete without a script; [`live`] sends what
//! changes to open pages; `assets/` holds the style and the one script. [`api`] is the same for programs: JSON by
//! the same table, gate and [`deed`]s.
//!
//! *Gives way.* To its daemon: for the processor ([`CONSOLE_NICE`]), and where memory runs out
//! ([`OOM_SCORE_ADJUSTMENT`]).
//!
//! *Failure.* An address that is taken ends the process with words for the daemon's log; the daemon
//! tries again later. A daemon that does not answer is a page that says so.

pub(crate) mod account;
mod api;
mod body;
pub(crate) mod certificate;
mod deed;
mod desk;
mod door;
pub mod fuzzing;
mod gathering;
mod host;
mod live;
mod logs;
mod overview;
mod page;
mod patient;
mod picture;
mod places;
mod private_file;
mod recent;
mod route;
pub(crate) mod serve;
mod session;
pub(crate) mod settings;
pub(crate) mod setup_code;
mod test_mails;
#[cfg(test)]
mod tests;
pub(crate) mod token;
pub(crate) mod users;
mod visitor;

use crate::exit::{Exit, Failure};
use noroshi_core::text::Language;
use noroshi_daemon::home::Home;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

/// Threads for calls to the daemon, hashes of passwords and reading files; one more caller waits.
const BLOCKING_THREADS_MAX: usize = 16;
/// How much less than its daemon it is to be run, as `nice` counts: two hashes at once fill two processors.
const CONSOLE_NICE: i32 = 5;
/// How much sooner than its daemon it is ended where memory runs out (proc(5), `oom_score_adj`).
const OOM_SCORE_ADJUSTMENT: &str = "500";

/// What every page is given.
pub(super) struct App {
    /// Where this server's things are.
    home: Home,
    /// Who is signed in.
    sessions: session::Sessions,
    /// How often somebody may knock.
    door: door::Door,
    /// The settings as the file has them now.
    accounts: account::Accounts,
    /// What changes.
    live: live::Live,
    /// Calls to the daemon.
    desk: desk::Desk,
    /// Alert views on their way into files.
    exports: page::export::Exports,
    /// Archives on their way.
    logs: logs::Logs,
    /// Those of all servers together.
    gatherings: Arc<gathering::Gatherings>,
    /// Test mails and their conversations.
    test_mails: test_mails::TestMails,
    /// One change of the settings at a time.
    settings: tokio::sync::Mutex<()>,
}

impl App {
    fn new(home: Home, accounts: account::Accounts) -> App {
        let desk = desk::Desk::new(home.socket());
        App {
            sessions: session::Sessions::default(),
            door: door::Door::default(),
            live: live::Live::new(desk.clone()),
            exports: page::export::Exports::default(),
            logs: logs::Logs::default(),
            gatherings: Arc::default(),
            test_mails: test_mails::TestMails::default(),
            settings: tokio::sync::Mutex::default(),
            accounts,
            desk,
            home,
        }
    }
}

/// Serves until standard input ends, which is when the daemon does.
///
/// # Errors
/// When it cannot listen; the text says where and why.
pub(crate) fn run(home: Home, server: &str, language: Language) -> Result<Exit, Failure> {
    let failed = |text: String| Failure::new(Exit::Failed, format!("noroshi console: {text}"));
    // The alert service goes first; a system that refuses is only less polite.
    let _ = rustix::process::nice(CONSOLE_NICE);
    let _ = File::options()
        .write(true)
        .open("/proc/self/oom_score_adj")
        .and_then(|mut file| file.write_all(OOM_SCORE_ADJUSTMENT.as_bytes()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let ended = runtime.block_on(async {
        let accounts = account::Accounts::new(home.clone());
        let settings = accounts.settings().map_err(|error| error.text(language))?;
        let app = App::new(home, accounts);
        serve::serve(Arc::new(app), &settings, server, language).await
    });
    // A call that still waits for the daemon is left to itself.
    runtime.shutdown_background();
    ended.map_err(failed)?;
    Ok(Exit::Done)
}
