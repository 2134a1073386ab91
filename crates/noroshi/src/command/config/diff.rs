//! `noroshi config diff A B`: two configurations compared by path, not by line.

use super::{Context, Shown, below, history, json};
use crate::cli::config::Diff;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::document::{Document, ElementPath};
use serde::Serialize;
use std::collections::HashMap;

/// One difference. A secret's value is never in it.
#[derive(Serialize)]
struct Difference<'a> {
    path: &'a str,
    /// `removed`, `added` or `changed`.
    what: &'static str,
    one: Option<&'a str>,
    other: Option<&'a str>,
}

/// An element with what decides whether it differs.
struct Row {
    shown: Shown,
    raw: String,
}

pub(super) fn run(context: &mut Context, options: &Diff) -> Result<Exit, Failure> {
    let one = history::file(context, &options.one)?;
    let other = match &options.other {
        Some(other) => history::file(context, other)?,
        None => context.home.conf(),
    };
    let one = rows(&context.document(&one)?);
    let other = rows(&context.document(&other)?);
    let in_other: HashMap<&str, &Row> = by_path(&other);
    let in_one: HashMap<&str, &Row> = by_path(&one);
    let mut differ = false;
    for row in &one {
        match in_other.get(row.shown.path.as_str()) {
            None => tell(context, options.json, Some(row), None)?,
            Some(there) if there.raw != row.raw => {
                tell(context, options.json, Some(row), Some(there))?
            }
            Some(_) => continue,
        }
        differ = true;
    }
    for row in other
        .iter()
        .filter(|row| !in_one.contains_key(row.shown.path.as_str()))
    {
        tell(context, options.json, None, Some(row))?;
        differ = true;
    }
    Ok(if differ { Exit::Failed } else { Exit::Done })
}

fn rows(document: &Document) -> Vec<Row> {
    let paths = ElementPath::all(document.tree());
    let nodes = below(document.tree().root()).into_iter();
    let row = nodes.map(|node| {
        let shown = Shown::of(&paths[node.place()], node, false);
        // Spaces around a secret belong to it.
        let raw = if shown.secret.is_some() {
            node.raw()
        } else {
            node.value()
        };
        Row {
            raw: raw.to_string(),
            shown,
        }
    });
    row.collect()
}

fn by_path(rows: &[Row]) -> HashMap<&str, &Row> {
    rows.iter()
        .map(|row| (row.shown.path.as_str(), row))
        .collect()
}

fn tell(
    context: &mut Context,
    as_json: bool,
    one: Option<&Row>,
    other: Option<&Row>,
) -> Result<(), Failure> {
    let Some(row) = one.or(other) else {
        return Ok(());
    };
    if as_json {
        let value = |row: Option<&'_ Row>| row.and_then(|row| row.shown.value.clone());
        let (one_value, other_value) = (value(one), value(other));
        let difference = Difference {
            path: &row.shown.path,
            what: match (one, other) {
                (Some(_), None) => "removed",
                (None, _) => "added",
                _ => "changed",
            },
            one: one_value.as_deref(),
            other: other_value.as_deref(),
        };
        return json(context, &difference);
    }
    let path = escaped(&row.shown.path);
    let words = |row: &Row, context: &Context| match &row.shown.value {
        Some(value) if value.is_empty() => String::new(),
        _ => format!(" = {}", row.shown.words(context)),
    };
    if let Some(one) = one {
        let words = words(one, context);
        say!(context.out, "- {path}{words}")?;
    }
    if let Some(other) = other {
        let words = words(other, context);
        say!(context.out, "+ {path}{words}")?;
    }
    Ok(())
}
