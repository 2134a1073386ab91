//! `clplogcc`: collect what explains a fault into one archive for each server (rules M30 M33).
//!
//! This server's archive is written by this command itself, so `-l` needs no daemon.
//!
//! *Failure.* A server whose archive cannot be had is named, and the others are kept. A broken-off
//! archive is removed.

mod archive;
mod contents;
mod facts;
mod part;

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
use noroshi_daemon::own_server;
use part::Part;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(super) fn run(context: &mut Context, options: Clplogcc) -> Result<Exit, Failure> {
    permitted(context)?;
    let scope = options.scope.0;
    let dir = options.out.unwrap_or_else(|| PathBuf::from("."));
    let own = own_name(context);
    say!(context.out, "{}", collecting(context, &own))?;
    context.out.flush()?;
    let begun = Timestamp::now().to_zoned(TimeZone::system());
    let stamp = begun.strftime("%Y%m%d-%H%M%S").to_string();
    let name = format!("{}-{stamp}", archive::plain(&own));
    match local(context, &own, scope, &dir, &name) {
        Ok((path, bytes)) => {
            let path = escaped(&path.display().to_string());
            let bytes_word = context.pick("bytes", "バイト");
            say!(context.out, "{own}: {path} ({bytes} {bytes_word})")?;
            say!(context.out, "Command succeeded.")?;
            Ok(Exit::Done)
        }
        Err(error) => {
            let dir = dir.display();
            let text = context.pick(
                format!("cannot write the archive of {own} in {dir}: {error}\nName another directory with -o."),
                format!("{own} のアーカイブを {dir} に書き込めません: {error}\n-o で別のディレクトリを指定してください。"),
            );
            Err(context.failure(Exit::of(error.kind()), &text))
        }
    }
}

fn collecting(context: &Context, server: &str) -> String {
    let server = escaped(server);
    context.pick(
        format!("{server}: collecting"),
        format!("{server}: 採取しています"),
    )
}

/// Writes this server's archive.
fn local(
    context: &Context,
    server: &str,
    scope: Scope,
    dir: &Path,
    name: &str,
) -> io::Result<(PathBuf, u64)> {
    let part = Part::new(dir, name)?;
    contents::write(&context.home, server, scope, part)?.keep()
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

/// Root, or the user that the alert service runs as: what is collected is not for everybody.
fn permitted(context: &Context) -> Result<(), Failure> {
    let user = rustix::process::geteuid();
    let owner = context.home.log().metadata().map(|log| log.uid());
    if user.is_root() || owner.is_ok_and(|owner| owner == user.as_raw()) {
        return Ok(());
    }
    let text = context.pick(
        "not permitted: only root and the user of the alert service collect logs\nRun the command as root.",
        "権限がありません: ログを採取できるのは root とアラートサービスの実行ユーザだけです。\nroot で実行してください。",
    );
    Err(context.failure(Exit::Refused, text))
}
