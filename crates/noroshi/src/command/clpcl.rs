//! `clpcl`: start, stop, restart the service of servers (rule M30).
//!
//! A running daemon passes a stop on to the others. A stopped one hears nothing, so it can only be
//! started on its own server, and that is said for each.

use super::daemon::SERVER_VARIABLE;
use super::{Context, LOOK_PAUSE, START_WAIT, STOP_WAIT, asker};
use crate::cli::Clpcl;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::charset::FILE_BYTES_MAX;
use noroshi_core::config::{Config, ServerId};
use noroshi_core::request::Request;
use noroshi_core::status::{ServerState, ServerStatus, Status};
use noroshi_daemon::control::Client;
use noroshi_daemon::home::is_disk_trouble;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

/// Most bytes shown of what a daemon said that did not start.
const LAST_WORDS_BYTES_MAX: usize = 4_096;

pub(super) fn run(context: &mut Context, options: &Clpcl) -> Result<Exit, Failure> {
    if options.stop {
        return stop(context, options);
    }
    if options.restart {
        if options.all {
            let text = context.pick(
                "-r -a cannot be done from one server: a stopped server is started on itself\nRun \"clpcl -r\" on each server.",
                "-r -a は一台のサーバからは実行できません（停止したサーバはそのサーバ自身で起動します）。\n各サーバで clpcl -r を実行してください。",
            );
            return Err(context.failure(Exit::Refused, text));
        }
        let status = context.status()?;
        if let Some(host) = &options.host {
            let server = context.find(&status, host)?;
            if !server.own {
                return Err(match server.state {
                    ServerState::Up => restarted_there(context, &server.name),
                    _ => elsewhere(context, &server.name),
                });
            }
        }
        stop_own(context, &status.server)?;
        return start_own(context, Some(&status.server)).map(|()| Exit::Done);
    }
    start(context, options)
}

/// Stops servers, the own one last, so that it can still pass the others' on.
fn stop(context: &mut Context, options: &Clpcl) -> Result<Exit, Failure> {
    let status = context.status()?;
    if !options.all {
        let name = options.host.as_deref().unwrap_or(&status.server);
        let server = context.find(&status, name)?.clone();
        return stop_one(context, &server).map(|()| Exit::Done);
    }
    let mut worst = Exit::Done;
    let (own, others): (Vec<_>, Vec<_>) = status.servers.iter().partition(|server| server.own);
    for server in others.into_iter().chain(own) {
        if let Err(failure) = stop_one(context, server) {
            context.out.flush()?;
            eprintln!("{}", crate::print::escaped_lines(&failure.text));
            worst = worst.max(Exit::Failed);
        }
    }
    Ok(worst)
}

fn stop_one(context: &mut Context, server: &ServerStatus) -> Result<(), Failure> {
    if server.own {
        return stop_own(context, &server.name);
    }
    let name = &server.name;
    match server.state {
        ServerState::Up | ServerState::Stalled => {}
        ServerState::Left => {
            let name = escaped(name);
            return say!(
                context.out,
                "{}",
                context.language.pick(
                    format!("Stop {name} : Already stopped."),
                    format!("Stop {name} : 既に停止しています。"),
                )
            );
        }
        ServerState::Down | ServerState::Unknown | ServerState::Unseen => {
            let text = context.pick(
                format!("Stop {name} : the server is not seen from here, so it cannot be told"),
                format!("Stop {name} : このサーバから見えないため、停止を指示できません"),
            );
            return Err(context.failure(Exit::Failed, &text));
        }
    }
    let request = Request::Stop {
        server: Some(name.clone()),
        by: asker(context.name),
    };
    context.change(request)?;
    succeeded(context, "Stop", name)
}

fn stop_own(context: &mut Context, name: &str) -> Result<(), Failure> {
    ask_own_to_end(context, Some(name))?;
    succeeded(context, "Stop", name)
}

/// Asks the own daemon to end, alone (`server`) or with all others, and waits until it has.
pub(super) fn ask_own_to_end(context: &Context, server: Option<&str>) -> Result<(), Failure> {
    let server = server.map(str::to_owned);
    context.change(Request::Stop {
        server,
        by: asker(context.name),
    })?;
    let end = Instant::now() + STOP_WAIT;
    while context.home.is_locked() {
        if Instant::now() > end {
            let seconds = STOP_WAIT.as_secs();
            let text = context.pick(
                format!("the alert service was asked to stop, but still runs after {seconds} s"),
                format!("停止を指示しましたが、{seconds} 秒後もアラートサービスが動作しています"),
            );
            return Err(context.failure(Exit::Unclear, &text));
        }
        sleep(LOOK_PAUSE);
    }
    Ok(())
}

fn start(context: &mut Context, options: &Clpcl) -> Result<Exit, Failure> {
    if let Some(host) = &options.host {
        let running = Client::connect(&context.home.socket())
            .and_then(|mut c| c.status())
            .ok();
        if let Some(status) = &running {
            let server = context.find(status, host)?;
            if !server.own {
                return start_other(context, server).map(|()| Exit::Done);
            }
        } else if let Some(config) = settings(context) {
            let own = own_server(context, &config)?;
            if !config.server_name(own).eq_ignore_ascii_case(host) {
                return Err(elsewhere(context, host));
            }
        }
    }
    start_own(context, None)?;
    let mut worst = Exit::Done;
    if options.all {
        let status = context.status()?;
        for server in status.servers.iter().filter(|server| !server.own) {
            if let Err(failure) = start_other(context, server) {
                context.out.flush()?;
                eprintln!("{}", crate::print::escaped_lines(&failure.text));
                worst = Exit::Failed;
            }
        }
    }
    Ok(worst)
}

fn start_other(context: &mut Context, server: &ServerStatus) -> Result<(), Failure> {
    if server.state == ServerState::Up {
        return already(context, &server.name);
    }
    Err(elsewhere(context, &server.name))
}

/// It runs, so "start it there" would be wrong.
fn restarted_there(context: &Context, name: &str) -> Failure {
    let text = context.pick(
        format!("Restart {name} : a server is restarted on itself; nothing was done\nRun \"clpcl -r\" on {name}."),
        format!("Restart {name} : 再起動はそのサーバ自身で行います。何も実行していません\n{name} で clpcl -r を実行してください。"),
    );
    context.failure(Exit::Failed, &text)
}

fn elsewhere(context: &Context, name: &str) -> Failure {
    let text = context.pick(
        format!("Start {name} : the alert service of a stopped server is started on that server\nRun \"clpcl -s\" on {name}."),
        format!("Start {name} : 停止しているサーバのアラートサービスは、そのサーバ自身で起動します\n{name} で clpcl -s を実行してください。"),
    );
    context.failure(Exit::Failed, &text)
}

/// Starts the daemon of this home in a session of its own, and waits until it answers. `known` is the
/// server's name where a daemon told it a moment ago.
fn start_own(context: &mut Context, known: Option<&str>) -> Result<(), Failure> {
    if context.home.is_locked() {
        let status = context.status()?;
        return already(context, &status.server);
    }
    let own = match settings(context) {
        _ if known.is_some() => known.map(str::to_owned),
        Some(config) => {
            let own = own_server(context, &config)?;
            Some(config.server_name(own).to_string())
        }
        None => None,
    };
    let mut child = spawn(context, own.as_deref()).map_err(|error| {
        let what = context.pick(
            "cannot start the alert service",
            "アラートサービスを起動できません",
        );
        let remedy = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                context.pick("\nRun the command as root.", "\nroot で実行してください。")
            }
            _ => "",
        };
        let text = format!("{what}: {error}{remedy}");
        context.failure(Exit::of(error.kind()), &text)
    })?;
    let status = wait_for_answer(context, &mut child)?;
    succeeded(context, "Start", &status.server)
}

/// A daemon on its way up, and the file that its first words go to.
struct Starting {
    child: Child,
    words: File,
}

fn spawn(context: &Context, name: Option<&str>) -> std::io::Result<Starting> {
    context.home.prepare()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("daemon").arg("--detached").current_dir("/");
    // Its words about why it does not start are shown by this command.
    command.arg("--lang").arg(context.pick("en", "ja"));
    if let Some(root) = context.home.root() {
        command.arg("--home").arg(std::path::absolute(root)?);
    }
    if let Some(name) = name {
        command.arg("--server").arg(name);
    }
    let words = start_log(context)?;
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(words.try_clone()?)
        .spawn()?;
    Ok(Starting { child, words })
}

/// Where the daemon's standard error goes, which is where it says why it does not start: a file, or
/// memory where the disk takes none. The daemon starts on such a disk, so this must not fail there.
/// How much it says is bounded by the daemon, which is told that it is detached.
fn start_log(context: &Context) -> std::io::Result<File> {
    let log = context.home.log().join("start.log");
    let opened = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&log);
    opened.or_else(|error| {
        // Without `log/` it is a disk on which that could not be made.
        if is_disk_trouble(&error) || error.kind() == std::io::ErrorKind::NotFound {
            let memory = rustix::fs::memfd_create("start.log", rustix::fs::MemfdFlags::CLOEXEC)?;
            return Ok(File::from(memory));
        }
        let text = format!("{}: {error}", log.display());
        Err(std::io::Error::new(error.kind(), text))
    })
}

/// What the daemon said first.
fn first_words(log: &File) -> String {
    let mut bytes = [0; LAST_WORDS_BYTES_MAX];
    let length = log.read_at(&mut bytes, 0).unwrap_or_default();
    String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
}

fn wait_for_answer(context: &Context, starting: &mut Starting) -> Result<Status, Failure> {
    let end = Instant::now() + START_WAIT;
    loop {
        if let Ok(Some(status)) = starting.child.try_wait() {
            let words = first_words(&starting.words);
            let text = context.pick(
                format!("the alert service did not start ({status})\n{words}"),
                format!("アラートサービスが起動しませんでした（{status}）\n{words}"),
            );
            // It ended with a code of the same table, which says more than that it failed.
            let exit = status.code().and_then(Exit::with_code);
            let exit = exit.filter(|&exit| exit != Exit::Done);
            return Err(context.failure(exit.unwrap_or(Exit::Failed), text.trim_end()));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let seconds = START_WAIT.as_secs();
            let pid = starting.child.id();
            let text = context.pick(
                format!("the alert service (process {pid}) has not answered within {seconds} s; it is left to go on starting"),
                format!("アラートサービス（プロセス {pid}）が {seconds} 秒以内に応答しません。起動処理は続いています"),
            );
            // On a disk that takes no command socket it says here that it runs without.
            let words = first_words(&starting.words);
            let text = format!("{text}\n{words}");
            return Err(context.failure(Exit::Unclear, text.trim_end()));
        }
        let asked =
            Client::connect_within(&context.home.socket(), left).and_then(|mut c| c.status());
        match asked {
            Ok(status) => return Ok(status),
            Err(_) => sleep(LOOK_PAUSE.min(left)),
        }
    }
}

/// The settings, if they are sound; otherwise the daemon says what is wrong with them.
fn settings(context: &Context) -> Option<Config> {
    let mut bytes = Vec::new();
    let file = File::open(context.home.conf()).ok()?;
    file.take(FILE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    let parsed = noroshi_conf::read(&bytes).ok()?;
    Some(parsed.config)
}

/// Which server this host is, found as the daemon finds it.
fn own_server(context: &Context, config: &Config) -> Result<ServerId, Failure> {
    let variable = std::env::var(SERVER_VARIABLE).ok();
    let named = variable.as_deref().filter(|name| !name.is_empty());
    noroshi_daemon::own_server::find(config, named)
        .map_err(|error| context.failure(Exit::NotFound, &error.words(context.language)))
}

fn already(context: &mut Context, name: &str) -> Result<(), Failure> {
    let name = escaped(name);
    say!(
        context.out,
        "{}",
        context.language.pick(
            format!("Start {name} : Already running."),
            format!("Start {name} : 既に起動しています。"),
        )
    )
}

/// The real product's line, which scripts wait for: the same in both languages.
fn succeeded(context: &mut Context, verb: &str, name: &str) -> Result<(), Failure> {
    say!(context.out, "{verb} {} : Command succeeded.", escaped(name))?;
    context.out.flush()
}
