//! `noroshi config history` and `restore`: the sets that were pushed and are kept (rule N17).

use super::restored::{self, NotRestored, restored};
use super::{Context, json};
use crate::command::clpcfctrl::push;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, local, padded, rfc3339, say};
use noroshi_conf::set::CONF;
use noroshi_daemon::sets;
use serde::Serialize;
use std::path::{Path, PathBuf};

pub(super) fn list(context: &mut Context, as_json: bool) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Shown<'a> {
        number: u64,
        at: String,
        by: &'a str,
        server: &'a str,
        digest: &'a str,
        in_force: bool,
    }
    readable(context)?;
    let sets = sets::history(&context.home);
    for (label, in_force) in &sets {
        if as_json {
            let shown = Shown {
                number: label.number,
                at: rfc3339(label.at),
                by: &label.by,
                server: &label.server,
                digest: &label.digest,
                in_force: *in_force,
            };
            json(context, &shown)?;
            continue;
        }
        let number = padded(&label.number.to_string(), 6);
        let at = local(label.at);
        let (by, server) = (escaped(&label.by), escaped(&label.server));
        let digest = &label.digest[..label.digest.len().min(12)];
        let mark = match in_force {
            true => context.pick(" in force", " 有効"),
            false => "",
        };
        let words = context.pick(
            format!("by {by} on {server}"),
            format!("{server} 上で {by}"),
        );
        let digest = escaped(digest);
        say!(context.out, "{number} {at}  {digest}  {words}{mark}")?;
    }
    if sets.is_empty() && !as_json {
        let none = context.pick(
            "No set was pushed yet: clpcfctrl --push.",
            "まだ配布された構成情報はありません（clpcfctrl --push）。",
        );
        say!(context.out, "{none}")?;
    }
    Ok(Exit::Done)
}

/// Who may not look must not be told that there is nothing.
fn readable(context: &Context) -> Result<(), Failure> {
    let first = sets::kept(&context.home, 1);
    let dir = first.parent().unwrap_or(&first);
    match std::fs::read_dir(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(context.about_file(dir, ("cannot read", "読み込めません"), &error))
        }
        _ => Ok(()),
    }
}

pub(super) fn restore(context: &mut Context, number: u64) -> Result<Exit, Failure> {
    readable(context)?;
    let bundle = restored(&context.home, number).map_err(|not| {
        let exit = match &not {
            NotRestored::NotKept { .. } => Exit::NotFound,
            NotRestored::Disk(..) => Exit::Failed,
            NotRestored::Users(_) => Exit::Refused,
        };
        context.failure(exit, &not.text(context.language))
    })?;
    let new = push(context, &bundle, "noroshi config restore")?;
    let words = context.pick(
        format!("set {number} is in force again, as number {new}"),
        format!("構成情報 {number} を番号 {new} として再び有効にしました"),
    );
    say!(context.out, "{words}")?;
    Ok(Exit::Done)
}

/// The file that is meant: a number is that of a set, unless a file is called so.
pub(super) fn file(context: &Context, named: &Path) -> Result<PathBuf, Failure> {
    let number = named.to_str().and_then(|name| name.parse().ok());
    match number {
        Some(number) if !named.exists() => Ok(kept(context, number)?.join(CONF)),
        _ => Ok(named.to_path_buf()),
    }
}

fn kept(context: &Context, number: u64) -> Result<PathBuf, Failure> {
    restored::kept(&context.home, number)
        .map_err(|not| context.failure(Exit::NotFound, &not.text(context.language)))
}
