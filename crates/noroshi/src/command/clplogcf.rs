//! `clplogcf`: how much each part of the service writes into its log, shown and set (rule M30).
//!
//! A level is written to its file first, so it holds from the next start on in any case; a running
//! service takes it at once.

use super::Context;
use crate::cli::Clplogcf;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, padded, say};
use noroshi_daemon::control::{Client, Trouble};
use noroshi_daemon::log::LOG_BYTES_MAX;
use noroshi_daemon::log::levels::{Levels, PARTS, Part, VALUES};
use serde::Serialize;

pub(super) fn run(context: &mut Context, options: Clplogcf) -> Result<Exit, Failure> {
    match (options.part, options.level) {
        (Some(part), Some(level)) => set(context, &part, level),
        _ => show(context, options.json),
    }
}

fn set(context: &mut Context, name: &str, level: u8) -> Result<Exit, Failure> {
    context.as_administrator()?;
    let Some(part) = Part::named(name) else {
        let names = PARTS.map(Part::name).join(", ");
        let name = escaped(name);
        let text = context.pick(
            format!("there is no part {name}; the parts: {names}"),
            format!("部位 {name} はありません。部位: {names}"),
        );
        return Err(context.failure(Exit::NotFound, &text));
    };
    let mut levels = kept(context)?;
    if !levels.set(part, level) {
        let values = VALUES.map(|value| value.to_string()).join(", ");
        let text = context.pick(
            format!("-l: {level} is no level; the levels: {values}, 4 is usual"),
            format!("-l: {level} というレベルはありません。レベル: {values}（既定値 4）"),
        );
        return Err(context.failure(Exit::Usage, &text));
    }
    let path = context.home.log_levels();
    levels.write(&path).map_err(|error| {
        let path = path.display();
        let text = context.pick(
            format!("cannot write {path}: {error}\nNothing was changed."),
            format!("{path} に書き込めません: {error}\n何も変更していません。"),
        );
        context.failure(Exit::of(error.kind()), &text)
    })?;
    match Client::connect(&context.home.socket()) {
        Ok(mut client) => drop(
            client
                .log_levels(Some((part, level)))
                .map_err(|trouble| context.trouble(trouble))?,
        ),
        Err(Trouble::NotRunning(_)) => {}
        Err(trouble) => return Err(context.trouble(trouble)),
    }
    say!(context.out, "Command succeeded.")?;
    Ok(Exit::Done)
}

fn show(context: &mut Context, json: bool) -> Result<Exit, Failure> {
    let levels = match Client::connect(&context.home.socket()) {
        Ok(mut client) => client
            .log_levels(None)
            .map_err(|trouble| context.trouble(trouble))?,
        // What will be in force at the next start.
        Err(Trouble::NotRunning(_)) => kept(context)?,
        Err(trouble) => return Err(context.trouble(trouble)),
    };
    if json {
        #[derive(Serialize)]
        struct Shown {
            r#type: &'static str,
            level: u8,
            size_bytes: u64,
        }
        for part in PARTS {
            context.json_line(&Shown {
                r#type: part.name(),
                level: levels.of(part),
                size_bytes: LOG_BYTES_MAX,
            })?;
        }
        return Ok(Exit::Done);
    }
    say!(
        context.out,
        "{} {} SIZE",
        padded("TYPE", 10),
        padded("LEVEL", 5)
    )?;
    for part in PARTS {
        let (name, level) = (padded(part.name(), 10), levels.of(part).to_string());
        say!(context.out, "{name} {} {LOG_BYTES_MAX}", padded(&level, 5))?;
    }
    Ok(Exit::Done)
}

/// The levels in the file.
fn kept(context: &Context) -> Result<Levels, Failure> {
    let path = context.home.log_levels();
    let read = Levels::read(&path, context.language);
    let (levels, _) = read.map_err(|error| {
        let path = path.display();
        let text = context.pick(
            format!("cannot read {path}: {error}\nRemove it; then all levels are the usual ones."),
            format!("{path} を読み込めません: {error}\n削除すると、すべて既定のレベルになります。"),
        );
        context.failure(Exit::of(error.kind()), &text)
    })?;
    Ok(levels)
}
