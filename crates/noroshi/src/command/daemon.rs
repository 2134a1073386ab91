//! `noroshi daemon`: run the alert service in the foreground.

use super::Context;
use crate::cli::Daemon;
use crate::exit::{Exit, Failure};
use noroshi_daemon::app::{Options, StartError};
use noroshi_daemon::home::LockError;
use noroshi_daemon::home::key::KeyFileError;
use noroshi_daemon::log;
use noroshi_daemon::reload::SettingsError;
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
        log::detached();
    }
    use_one_arena();
    let server = options
        .server
        .or_else(|| std::env::var(SERVER_VARIABLE).ok());
    run(context, server.filter(|name| !name.is_empty()))
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
    again.env("MALLOC_TRIM_THRESHOLD_", "16384");
    again.env("MALLOC_TOP_PAD_", "4096");
    // Only returns when it failed.
    let _ = again.exec();
}

/// Runs the daemon of this home until it is told to stop; without `server` it finds itself in clp.conf.
fn run(context: &Context, server: Option<String>) -> Result<ExitCode, Failure> {
    // A fault of ours in one task ends that task; its words must not wait for the log's reader.
    std::panic::set_hook(Box::new(|info| {
        log::line(info.to_string());
        log::finish();
    }));
    let gate = noroshi_daemon::engine::Gate::open();
    let home = context.home.clone();
    let options = Options {
        home,
        server,
        gate,
        console: true,
    };
    match noroshi_daemon::app::run(options) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(not_started(context, &error)),
    }
}

/// Why the daemon did not start, and the remedy.
fn not_started(context: &Context, error: &StartError) -> Failure {
    let conf = context.home.conf();
    let conf = conf.display();
    let (exit, why) = match error {
        StartError::Settings(SettingsError::Unreadable(kind, why)) => (
            Exit::of(*kind),
            context.pick(
                format!("{why}\nPut the cluster's clp.conf there, the same on every server, or name another directory with --home or NOROSHI_HOME."),
                format!("{why}\nクラスタの clp.conf（全サーバで同じもの）をここに置くか、--home または NOROSHI_HOME で別のディレクトリを指定してください。"),
            ),
        ),
        StartError::Settings(SettingsError::Faulty(findings)) => {
            let lines: Vec<String> = findings
                .iter()
                .map(|finding| finding.one_line(context.language))
                .collect();
            (Exit::Failed, format!("{conf}\n{}", lines.join("\n")))
        }
        StartError::NotInSettings(error) => (Exit::NotFound, error.words(context.language)),
        StartError::Lock(error) => {
            let exit = match error {
                LockError::Held { .. } => Exit::Failed,
                LockError::Io { error, .. } => Exit::of(error.kind()),
            };
            (exit, error.text(context.language))
        }
        StartError::Home(why) => (
            Exit::of(why.kind()),
            context.pick(
                format!("{why}\nMake it for the user of the service, or run as root, or name another directory with --home or NOROSHI_HOME."),
                format!("{why}\nサービスの実行ユーザ用に作成するか、root で実行するか、--home または NOROSHI_HOME で別のディレクトリを指定してください。"),
            ),
        ),
        StartError::Key { error: why, .. } => {
            let exit = match why {
                KeyFileError::Io(error) => Exit::of(error.kind()),
                _ => Exit::Failed,
            };
            (exit, error.text(context.language))
        }
        StartError::Other(why) => (Exit::Failed, why.clone()),
    };
    let what = context.pick("not started", "起動できません");
    context.failure(exit, &format!("{what}: {why}"))
}
