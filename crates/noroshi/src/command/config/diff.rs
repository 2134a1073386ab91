//! `noroshi config diff A B`: two configurations compared by path, not by line.

use super::{Context, Shown, history, json};
use crate::cli::config::Diff;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::difference::differences;
use serde::Serialize;

/// One difference. A secret's value is never in it.
#[derive(Serialize)]
struct Difference<'a> {
    path: &'a str,
    /// `removed`, `added` or `changed`.
    what: &'static str,
    one: Option<&'a str>,
    other: Option<&'a str>,
}

pub(super) fn run(context: &mut Context, options: &Diff) -> Result<Exit, Failure> {
    let one = history::file(context, &options.one)?;
    let other = match &options.other {
        Some(other) => history::file(context, other)?,
        None => context.home.conf(),
    };
    let one = context.document(&one)?;
    let other = context.document(&other)?;
    let found = differences(&one, &other);
    for (path, it) in &found {
        let shown = |node| Shown::of(path, node, false);
        tell(
            context,
            options.json,
            it.one.map(shown).as_ref(),
            it.other.map(shown).as_ref(),
        )?;
    }
    Ok(if found.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn tell(
    context: &mut Context,
    as_json: bool,
    one: Option<&Shown>,
    other: Option<&Shown>,
) -> Result<(), Failure> {
    let Some(shown) = one.or(other) else {
        return Ok(());
    };
    if as_json {
        let value = |shown: Option<&'_ Shown>| shown.and_then(|shown| shown.value.clone());
        let (one_value, other_value) = (value(one), value(other));
        let difference = Difference {
            path: &shown.path,
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
    let path = escaped(&shown.path);
    let words = |shown: &Shown, context: &Context| match &shown.value {
        Some(value) if value.is_empty() => String::new(),
        _ => format!(" = {}", shown.words(context)),
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
