//! `clplogcc`: collect what explains a fault into one archive for each server (rules M30 M33).
//!
//! This server's archive is written by this command itself, so `-l` needs no daemon. Those of the
//! others come over the links between the daemons, several at a time.
//!
//! *Failure.* A server whose archive cannot be had is named, and the others are kept. A broken-off
//! archive is removed.

pub(crate) mod archive;
mod contents;
mod facts;
mod part;
mod progress;

use super::Context;
use super::daemon::SERVER_VARIABLE;
use crate::cli::Clplogcc;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use noroshi_conf::charset::FILE_BYTES_MAX;
use noroshi_daemon::collect::Scope;
use noroshi_daemon::control::Client;
use noroshi_daemon::home::Home;
use noroshi_daemon::own_server;
use part::Part;
use progress::{News, Progress, Watched};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc;

/// Servers that are collected at a time; the daemon keeps places for other commands.
const PARALLEL_MAX: usize = 8;
/// News that wait to be shown; then whoever collects waits.
const NEWS_MAX: usize = 64;
/// How much less than others a child of the daemon is to be run, as `nice` counts.
const CHILD_NICE: i32 = 19;

/// One server to be collected.
#[derive(Clone, Debug)]
struct Target {
    server: String,
    own: bool,
}

/// What all collections share.
struct Job<'a> {
    home: &'a Home,
    scope: Scope,
    dir: &'a Path,
    /// When it began, for the archives' names.
    stamp: String,
}

pub(super) fn run(context: &mut Context, options: Clplogcc) -> Result<Exit, Failure> {
    context.as_administrator()?;
    let scope = options.scope.0;
    if options.to_stdout {
        return to_stdout(context, options.server, scope);
    }
    let targets = targets(context, &options)?;
    let dir = options.out.unwrap_or_else(|| PathBuf::from("."));
    if let Err(error) = dir.read_dir() {
        let shown = dir.display();
        let text = context.pick(
            format!("no directory for the archives: {shown}: {error}\nName another one with -o."),
            format!("アーカイブを置けません: {shown}: {error}\n-o で別のディレクトリを指定してください。"),
        );
        return Err(context.failure(Exit::of(error.kind()), &text));
    }
    let begun = Timestamp::now().to_zoned(TimeZone::system());
    let home = context.home.clone();
    let job = Job {
        home: &home,
        scope,
        dir: &dir,
        stamp: begun.strftime("%Y%m%d-%H%M%S").to_string(),
    };
    let missing = collect_all(context, &job, targets)?;
    if missing.is_empty() {
        say!(context.out, "Command succeeded.")?;
        return Ok(Exit::Done);
    }
    let missing = missing.join("\n");
    let dir = dir.display();
    let text = context.pick(
        format!("not all servers were collected:\n{missing}\nWhat was collected is kept. Where {dir} has no room, name another directory with -o; where a server is not reached, run \"clplogcc -l\" on it."),
        format!("採取できなかったサーバがあります:\n{missing}\n採取できた分は残してあります。{dir} に空きがない場合は -o で別のディレクトリを指定し、サーバに届かない場合は該当サーバで clplogcc -l を実行してください。"),
    );
    Err(context.failure(Exit::Failed, &text))
}

/// Collects all, several at a time, and shows how far it is; the servers that failed, and why.
fn collect_all(
    context: &mut Context,
    job: &Job<'_>,
    targets: Vec<Target>,
) -> Result<Vec<String>, Failure> {
    let (news, told) = mpsc::sync_channel(NEWS_MAX);
    let workers = targets.len().min(PARALLEL_MAX);
    let waiting = Mutex::new(targets.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (news, waiting) = (news.clone(), &waiting);
            scope.spawn(move || {
                let next = || waiting.lock().ok()?.next();
                while let Some(target) = next() {
                    let server = escaped(&target.server);
                    // Nobody listens any more only when the output is closed.
                    let _ = news.send((server.clone(), News::Begun));
                    let ended = collect(job, &target, &news);
                    let _ = news.send((server, News::Ended(ended)));
                }
            });
        }
        drop(news);
        Progress::new(context.language).show(&mut context.out, &told)
    })
}

fn collect(
    job: &Job<'_>,
    target: &Target,
    news: &mpsc::SyncSender<(String, News)>,
) -> Result<(PathBuf, u64), String> {
    let name = format!("{}-{}", archive::plain(&target.server), job.stamp);
    let here = |error: io::Error| format!("{}: {error}", job.dir.display());
    let part = Part::new(job.dir, &name).map_err(here)?;
    let mut part = Watched::new(part, escaped(&target.server), news.clone());
    if target.own {
        part = contents::write(job.home, &target.server, job.scope, part).map_err(here)?;
    } else {
        let mut failed = None;
        let mut client =
            Client::connect(&job.home.socket()).map_err(|trouble| trouble.to_string())?;
        let collected = client.logs(&target.server, job.scope, |bytes| {
            match part.write_all(bytes) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(here(error));
                    ControlFlow::Break(())
                }
            }
        });
        collected.map_err(|trouble| trouble.to_string())?;
        if let Some(why) = failed {
            return Err(why);
        }
    }
    part.into_inner().keep().map_err(here)
}

/// Writes this server's archive for the daemon that started us.
fn to_stdout(context: &Context, server: Option<String>, scope: Scope) -> Result<Exit, Failure> {
    // The alert service goes first; a system that refuses is only less polite.
    let _ = rustix::process::nice(CHILD_NICE);
    let server = server.unwrap_or_else(|| own_name(context));
    contents::write(&context.home, &server, scope, io::stdout().lock())
        .and_then(|mut out| out.flush())
        .map_err(|error| context.failure(Exit::Failed, &error.to_string()))?;
    Ok(Exit::Done)
}

/// Which servers are to be collected.
fn targets(context: &Context, options: &Clplogcc) -> Result<Vec<Target>, Failure> {
    if options.local {
        let server = own_name(context);
        return Ok(vec![Target { server, own: true }]);
    }
    let status = context.status().map_err(|mut failure| {
        if failure.exit == Exit::NotRunning {
            failure.text.push_str(context.pick(
                "\nWithout it, \"clplogcc -l\" collects this server alone.",
                "\n起動していなくても、clplogcc -l で自サーバだけを採取できます。",
            ));
        }
        failure
    })?;
    let only = match &options.host {
        Some(host) => Some(context.find(&status, host)?.name.clone()),
        None => None,
    };
    let wanted = |name: &String| only.as_ref().is_none_or(|only| only == name);
    Ok(status
        .servers
        .iter()
        .filter(|server| wanted(&server.name))
        .map(|server| Target {
            server: server.name.clone(),
            own: server.own,
        })
        .collect())
}

/// The name of this server: the daemon's, clp.conf's, else the host's.
fn own_name(context: &Context) -> String {
    let asked = Client::connect(&context.home.socket()).and_then(|mut client| client.status());
    if let Ok(status) = asked {
        return status.server;
    }
    let named = std::env::var(SERVER_VARIABLE).ok();
    let named = named.filter(|name| !name.is_empty());
    let found = contents::read_up_to(&context.home.conf(), FILE_BYTES_MAX as u64)
        .ok()
        .and_then(|bytes| {
            let config = noroshi_conf::read(&bytes).ok()?.config;
            let own = own_server::find(&config, named.as_deref()).ok()?;
            Some(config.server_name(own).to_string())
        });
    let host = || {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    };
    found.or(named).unwrap_or_else(host)
}
