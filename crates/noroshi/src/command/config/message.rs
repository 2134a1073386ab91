//! `noroshi config message`: where each message goes, as a table, and changed for one (rule M11).

use super::ticks::{dormant, set_tick};
use super::{Context, Opened, edit, json};
use crate::cli::config::{Message, Tick};
use crate::exit::{Exit, Failure};
use crate::print::{escaped, padded, say};
use noroshi_conf::document::EditFault;
use noroshi_core::alert::{CATALOGUE, Destinations, MessageId, Severity, destinations, row_by_id};
use noroshi_core::config::Config;
use serde::Serialize;

/// A line of the table.
#[derive(Serialize)]
struct Line<'a> {
    module: &'a str,
    event: u32,
    severity: Option<Severity>,
    alert: bool,
    syslog: bool,
    mail: bool,
    trap: bool,
    alertexec: bool,
    /// The file says something about it.
    changed: bool,
    text: &'a str,
}

pub(super) fn run(context: &mut Context, options: &Message) -> Result<Exit, Failure> {
    let only = match (&options.module, options.event) {
        (Some(module), Some(event)) => Some(MessageId {
            module: module.clone(),
            event,
        }),
        _ => None,
    };
    match only {
        Some(id) if ticks(options).next().is_some() => change(context, options, &id),
        only => table(context, options, only.as_ref()),
    }
}

/// The destinations that the options name, by their elements.
fn ticks(options: &Message) -> impl Iterator<Item = (&'static str, Tick)> {
    [
        ("alert", options.alert),
        ("syslog", options.syslog),
        ("mail", options.mail),
        ("trap", options.trap),
        ("alertexec", options.alertexec),
    ]
    .into_iter()
    .filter_map(|(name, tick)| Some((name, tick?)))
}

fn table(
    context: &mut Context,
    options: &Message,
    only: Option<&MessageId>,
) -> Result<Exit, Failure> {
    let file = context.conf_file(options.target.file.as_ref());
    let document = context.document(&file)?;
    let parsed = noroshi_conf::read(document.bytes()).map_err(|_| {
        let shown = file.display();
        let text = context.pick(
            format!("{shown} has faults; \"noroshi check\" shows them"),
            format!("{shown} に誤りがあります。noroshi check で確認してください"),
        );
        context.failure(Exit::Failed, &text)
    })?;
    let mut ids: Vec<MessageId> = CATALOGUE.iter().map(|row| row.id()).collect();
    for (id, _) in &parsed.config.destinations {
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    if let Some(only) = only {
        known(context, only, &parsed.config)?;
        ids = vec![only.clone()];
    }
    if !options.json {
        head(context)?;
    }
    for id in &ids {
        let to = destinations(&parsed.config, id);
        line(context, options.json, id, to, &parsed.config)?;
    }
    Ok(Exit::Done)
}

/// A message that there is: of the table, or in the file already. Alerts of `clplogcmd` name their
/// destinations themselves.
fn known(context: &Context, id: &MessageId, config: &Config) -> Result<(), Failure> {
    let in_file = config.destinations.iter().any(|(other, _)| other == id);
    if row_by_id(id).is_some() || in_file {
        return Ok(());
    }
    let (module, event) = (&id.module, id.event);
    let text = context.pick(
        format!("there is no message {module} {event}. \"noroshi config message\" lists all."),
        format!("メッセージ {module} {event} はありません。noroshi config message で一覧を表示できます。"),
    );
    Err(context.failure(Exit::NotFound, &text))
}

const WIDTHS: [usize; 9] = [10, 5, 8, 5, 6, 4, 4, 9, 7];

fn row(context: &mut Context, columns: [&str; 10]) -> Result<(), Failure> {
    let mut text = String::new();
    for (column, width) in columns.iter().zip(WIDTHS) {
        text.push_str(&padded(column, width));
        text.push(' ');
    }
    say!(context.out, "{text}{}", columns[9])
}

fn head(context: &mut Context) -> Result<(), Failure> {
    let heads = context.pick(
        [
            "MODULE",
            "EVENT",
            "SEVERITY",
            "ALERT",
            "SYSLOG",
            "MAIL",
            "TRAP",
            "ALERTEXEC",
            "CHANGED",
            "TEXT",
        ],
        [
            "MODULE",
            "ID",
            "重要度",
            "ALERT",
            "SYSLOG",
            "MAIL",
            "TRAP",
            "ALERTEXEC",
            "変更",
            "メッセージ",
        ],
    );
    row(context, heads)
}

fn line(
    context: &mut Context,
    as_json: bool,
    id: &MessageId,
    to: Destinations,
    config: &Config,
) -> Result<(), Failure> {
    let known = row_by_id(id);
    let line = Line {
        module: &id.module,
        event: id.event,
        severity: known.map(|row| row.severity),
        alert: to.alert,
        syslog: to.syslog,
        mail: to.mail,
        trap: to.trap,
        alertexec: to.command,
        changed: config.destinations.iter().any(|(other, _)| other == id),
        text: known.map_or("", |row| context.pick(row.en, row.ja)),
    };
    if as_json {
        return json(context, &line);
    }
    let severity = match line.severity {
        Some(Severity::Info) => context.pick("info", "情報"),
        Some(Severity::Warning) => context.pick("warning", "警告"),
        Some(Severity::Error) => context.pick("error", "エラー"),
        None => "-",
    };
    let tick = |on: bool| if on { "x" } else { "-" };
    let changed = if line.changed {
        context.pick("yes", "あり")
    } else {
        ""
    };
    row(
        context,
        [
            &escaped(line.module),
            &line.event.to_string(),
            severity,
            tick(line.alert),
            tick(line.syslog),
            tick(line.mail),
            tick(line.trap),
            tick(line.alertexec),
            changed,
            &escaped(line.text),
        ],
    )
}

fn change(context: &mut Context, options: &Message, id: &MessageId) -> Result<Exit, Failure> {
    let mut file = context.open(&options.target)?;
    let config = noroshi_conf::read(&file.before).map(|parsed| parsed.config);
    match &config {
        Ok(config) => known(context, id, config)?,
        Err(_) if row_by_id(id).is_some() => {}
        Err(_) => return table(context, options, Some(id)),
    }
    let dormant = dormant(&file.document);
    let changed = apply(&mut file, options, id);
    changed.map_err(|(path, fault)| context.edit_failure(&path, &fault))?;
    if dormant > 0 && file.document.bytes() != file.before {
        say!(context.out, "{}", context.language.pick(
            format!("/root/cluster/messages/use is 1 now: the file's other changed destinations ({dormant}) are in force as well"),
            format!("/root/cluster/messages/use を 1 にしました。ファイル中の他の通報先の変更（{dormant} 件）も有効になります"),
        ))?;
    }
    edit::reviewed(context, &file, options.target.allow_warnings)
}

/// Makes the change in the document.
fn apply(file: &mut Opened, options: &Message, id: &MessageId) -> Result<(), (String, EditFault)> {
    for (name, tick) in ticks(options) {
        let tick = match tick {
            Tick::On => Some(true),
            Tick::Off => Some(false),
            Tick::Default => None,
        };
        set_tick(&mut file.document, id, name, tick)?;
    }
    Ok(())
}
