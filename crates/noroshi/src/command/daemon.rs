//! `noroshi daemon`: run the alert service in the foreground.

use super::Context;
use crate::cli::Daemon;
use crate::exit::{Exit, Failure};
use crate::print::Out;
use noroshi_core::text::Language;
use noroshi_daemon::app::{Options, StartError};
use noroshi_daemon::home::key::KeyFileError;
use noroshi_daemon::home::{HOME_VARIABLE, Home, LockError};
use noroshi_daemon::log;
use noroshi_daemon::reload::SettingsError;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

/// Environment variable with which glibc is told how many arenas to keep.
const ARENAS_VARIABLE: &str = "MALLOC_ARENA_MAX";

/// Environment variable with glibc's other settings, and the one that keeps no freed blocks for each size and
/// thread: they would be a thirteenth of an idle daemon's memory. A C library that does not know it passes it over.
const TUNABLES_VARIABLE: &str = "GLIBC_TUNABLES";
const NO_THREAD_CACHE: &str = "glibc.malloc.tcache_count=0";

/// Environment variable that marks a daemon which was started again in its own place.
const AGAIN_VARIABLE: &str = "NOROSHI_AGAIN";
/// In the mark of one that left its caller's session.
const DETACHED: &str = " detached";

/// Environment variable that names this server, as `--server` does.
pub(super) const SERVER_VARIABLE: &str = "NOROSHI_SERVER";

pub(super) fn start(context: &Context, options: Daemon) -> Result<ExitCode, Failure> {
    if options.detached {
        // Only a leader of a process group cannot; then there is nothing to leave either.
        let _ = rustix::process::setsid();
        log::detached();
    }
    let mut settings: Vec<(&str, OsString)> = Vec::new();
    let home = context.home.root();
    settings.extend(home.map(|home| (HOME_VARIABLE, home.as_os_str().to_owned())));
    settings.extend(options.server.map(|name| (SERVER_VARIABLE, name.into())));
    let detached = if options.detached { DETACHED } else { "" };
    let mark = format!("{}{detached}", std::process::id());
    settings.push((AGAIN_VARIABLE, mark.into()));
    let server = settings.iter().find(|(name, _)| *name == SERVER_VARIABLE);
    let server = server.and_then(|(_, name)| name.to_str().map(str::to_owned));
    use_one_arena(&settings);
    run(
        context,
        server.or_else(|| std::env::var(SERVER_VARIABLE).ok()),
    )
}

/// Runs the daemon when this program was started again in its own place for it, by [`start`]: without the
/// parser of options, whose definitions alone leave a tenth of the daemon's memory behind. What was parsed
/// before stands in the environment. The mark holds the process's own number, which only a program in its
/// own place keeps, so nobody who inherits the environment is taken for it.
pub(crate) fn go_on(language: Language) -> Option<Result<ExitCode, Failure>> {
    let mark = std::env::var(AGAIN_VARIABLE).ok()?;
    let own = std::process::id().to_string();
    let detached = match mark.strip_prefix(&own)? {
        "" => false,
        DETACHED => true,
        _ => return None,
    };
    if detached {
        log::detached();
    }
    let context = Context {
        name: "noroshi daemon",
        home: Home::choose(None),
        language,
        out: Out::new(language),
    };
    Some(run(&context, std::env::var(SERVER_VARIABLE).ok()))
}

/// Starts this program again in its own place, with the allocator set for a small daemon and `settings` in
/// its environment.
///
/// glibc gives each thread an arena of its own and keeps what is freed; a daemon with two short
/// bursts of work a day then holds twice the memory that it needs (DESIGN.md, "Memory"). It reads
/// these settings once, when a program starts. A system that refuses costs memory, nothing else.
pub(crate) fn use_one_arena(settings: &[(&str, OsString)]) {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let mut again = std::process::Command::new("/proc/self/exe");
    again.arg0(name).args(arguments);
    again.env(ARENAS_VARIABLE, "1");
    let tunables = std::env::var(TUNABLES_VARIABLE).map(|set| format!("{set}:{NO_THREAD_CACHE}"));
    again.env(
        TUNABLES_VARIABLE,
        tunables.as_deref().unwrap_or(NO_THREAD_CACHE),
    );
    again.env("MALLOC_TRIM_THRESHOLD_", "16384");
    again.env("MALLOC_TOP_PAD_", "4096");
    // What is that large is little used in full, or for a moment only: apart from the heap the rest of it is never
    // touched, or goes back to the system.
    again.env("MALLOC_MMAP_THRESHOLD_", "24576");
    again.envs(settings.iter().map(|(name, value)| (name, value)));
    // Only returns when it failed.
    let _ = again.exec();
}

/// Runs the daemon of this home until it is told to stop; without `server` it finds itself in clp.conf.
fn run(context: &Context, server: Option<String>) -> Result<ExitCode, Failure> {
    let server = server.filter(|name| !name.is_empty());
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
