//! A draft: what somebody changed on one page of the Builder, and the clp.conf that it was made from.
//!
//! The server keeps none. A page's form has beside each field what it showed (`was:PATH`), so a draft is
//! only what was changed, and can be made on top of somebody else's change. From page to page it travels as
//! JSON in a hidden field; whatever comes back is checked as if a stranger had written it. A secret is sealed
//! before it travels and never shown.

use super::field::{self, Kind};
use crate::command::config::ticks::TICKS;
use noroshi_conf::bundle::is_digest;
use noroshi_conf::document::Document;
use noroshi_conf::sealed::is_sealed;
use noroshi_core::text::Language;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most changes of one draft; a page has fewer fields.
const CHANGES_MAX: usize = 1_000;

/// One changed field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(super) enum Change {
    /// Another value.
    Value {
        /// The field.
        path: String,
        /// What it showed.
        was: String,
        /// What it is to show.
        now: String,
    },
    /// A new secret, or none.
    Secret {
        /// The field.
        path: String,
        /// Sealed under the cluster key.
        sealed: Option<String>,
    },
    /// An SMTP server taken out, or a message with its built-in destinations again.
    Without {
        /// The element.
        path: String,
    },
}

/// The page that a draft was made on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sheet {
    /// Cluster properties, tab Alert Service.
    AlertService,
    /// Cluster properties, the destinations of the messages.
    Destinations,
    /// A server's properties, tab Warning light.
    WarningLight(String),
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) sheet: Sheet,
    /// Digest of the clp.conf that it was made from.
    pub(super) base: String,
    pub(super) changes: Vec<Change>,
}

/// A secret as somebody typed it, on its way to be sealed. Never printed.
pub(super) struct Typed {
    pub(super) path: String,
    pub(super) secret: String,
}

/// The fields of a form as they came.
pub(super) type Posted = Vec<(String, String)>;

impl Change {
    /// The field or element.
    pub(super) fn path(&self) -> &str {
        match self {
            Change::Value { path, .. } | Change::Secret { path, .. } | Change::Without { path } => {
                path
            }
        }
    }

    /// Whether it may stand in a draft at all.
    fn is_ours(&self) -> bool {
        match self {
            Change::Value { path, .. } => {
                field::kind(path).is_some_and(|kind| kind != Kind::Secret)
            }
            Change::Secret { path, sealed } => {
                let sound = sealed.as_ref().is_none_or(|text| is_sealed(text));
                field::kind(path) == Some(Kind::Secret) && sound
            }
            Change::Without { path } => field::may_go(path),
        }
    }
}

impl Sheet {
    /// As a form names it.
    pub(super) fn name(&self) -> String {
        match self {
            Sheet::AlertService => "alert-service".into(),
            Sheet::Destinations => "destinations".into(),
            Sheet::WarningLight(server) => format!("warning-light@{server}"),
        }
    }

    fn named(name: &str) -> Option<Sheet> {
        match name {
            "alert-service" => Some(Sheet::AlertService),
            "destinations" => Some(Sheet::Destinations),
            _ => {
                let server = name.strip_prefix("warning-light@")?;
                Some(Sheet::WarningLight(server.into()))
            }
        }
    }
}

impl Draft {
    /// The draft that a preview carries.
    ///
    /// # Errors
    /// What is wrong with the form, for people.
    pub(super) fn carried(posted: &Posted, language: Language) -> Result<Draft, String> {
        let (sheet, base) = head(posted, language)?;
        let changes = value(posted, "changes").unwrap_or_default();
        let changes: Vec<Change> =
            serde_json::from_str(changes).map_err(|_| incomplete("changes", language))?;
        bounded(&changes, language)?;
        match changes.iter().find(|change| !change.is_ours()) {
            Some(strange) => Err(no_field(strange.path(), language)),
            None => Ok(Draft {
                sheet,
                base,
                changes,
            }),
        }
    }

    /// The draft in the form of a page, and the secrets typed there.
    ///
    /// # Errors
    /// What is wrong with the form, for people.
    pub(super) fn typed(
        posted: &Posted,
        language: Language,
    ) -> Result<(Draft, Vec<Typed>), String> {
        let (sheet, base) = head(posted, language)?;
        let (mut changes, mut secrets) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for (name, was) in posted {
            let Some(path) = name.strip_prefix("was:").filter(|path| seen.insert(*path)) else {
                continue;
            };
            if field::message_of(path).is_some() {
                ticks(posted, path, was, &mut changes);
                continue;
            }
            let kind = field::kind(path).ok_or_else(|| no_field(path, language))?;
            let now = match kind {
                Kind::Secret => {
                    secret(posted, path, &mut changes, &mut secrets);
                    continue;
                }
                Kind::Flag(_) | Kind::Tick => {
                    let ticked = value(posted, path).is_some();
                    if ticked { "1" } else { "0" }.to_string()
                }
                Kind::Lines => {
                    let text = value(posted, path).ok_or_else(|| incomplete(path, language))?;
                    normal(text).trim_end_matches('\n').to_string()
                }
                Kind::Text | Kind::LampType => {
                    let text = value(posted, path).ok_or_else(|| incomplete(path, language))?;
                    let now = one_line(text);
                    // A list that stands on several lines in the file stays so until it is changed.
                    if now == one_line(was) {
                        continue;
                    }
                    now
                }
            };
            let was = normal(was);
            if now != was {
                let path = path.to_string();
                changes.push(Change::Value { path, was, now });
            }
        }
        for (name, _) in posted {
            let Some(path) = name.strip_prefix("without:") else {
                continue;
            };
            if !field::may_go(path) {
                return Err(no_field(path, language));
            }
            without(path, &mut changes);
        }
        drop_empty_servers(&mut changes);
        bounded(&changes, language)?;
        let draft = Draft {
            sheet,
            base,
            changes,
        };
        Ok((draft, secrets))
    }

    /// For a hidden field.
    pub(super) fn json(&self) -> String {
        // Strings alone: there is nothing that JSON could not say.
        serde_json::to_string(&self.changes).unwrap_or_default()
    }

    /// The same changes on top of another file: what each field shows there is what it was, and a change that
    /// is there already is none.
    pub(super) fn onto(&self, document: &Document, base: &str) -> Draft {
        let moved = self.changes.iter().filter_map(|change| match change {
            Change::Value { path, now, .. } => {
                let was = field::shown(document, path);
                let (path, now) = (path.clone(), now.clone());
                (was != now).then_some(Change::Value { path, was, now })
            }
            other => Some(other.clone()),
        });
        Draft {
            sheet: self.sheet.clone(),
            base: base.into(),
            changes: moved.collect(),
        }
    }
}

/// The value of a form's field.
pub(super) fn value<'p>(posted: &'p Posted, name: &str) -> Option<&'p str> {
    let found = posted.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_str())
}

fn head(posted: &Posted, language: Language) -> Result<(Sheet, String), String> {
    let sheet = value(posted, "sheet").and_then(Sheet::named);
    let base = value(posted, "base").filter(|base| is_digest(base));
    match (sheet, base) {
        (Some(sheet), Some(base)) => Ok((sheet, base.into())),
        (None, _) => Err(incomplete("sheet", language)),
        (_, None) => Err(incomplete("base", language)),
    }
}

/// The destinations of one message, whose ticks stand in one text: `11010`.
fn ticks(posted: &Posted, message: &str, was: &str, changes: &mut Vec<Change>) {
    for (tick, was) in TICKS.iter().zip(was.chars()) {
        let path = format!("{message}/{tick}");
        let now = if value(posted, &path).is_some() {
            '1'
        } else {
            '0'
        };
        if now != was {
            let (was, now) = (was.to_string(), now.to_string());
            changes.push(Change::Value { path, was, now });
        }
    }
}

/// A secret that was typed, was sealed already, or is to go.
fn secret(posted: &Posted, path: &str, changes: &mut Vec<Change>, secrets: &mut Vec<Typed>) {
    let given = |name: &str| value(posted, &format!("{name}:{path}"));
    let path = path.to_string();
    if given("none").is_some() {
        changes.push(Change::Secret { path, sealed: None });
        return;
    }
    match given("new").filter(|text| !text.is_empty()) {
        Some(text) => secrets.push(Typed {
            path,
            secret: text.into(),
        }),
        None => {
            if let Some(text) = given("sealed").filter(|text| is_sealed(text)) {
                let sealed = Some(text.to_string());
                changes.push(Change::Secret { path, sealed });
            }
        }
    }
}

/// Takes an element out; what was typed into its fields goes with it.
fn without(path: &str, changes: &mut Vec<Change>) {
    let ours = field::key(path, "smtpsrv").map(|id| format!("/root/noroshi/mail/smtpsrv@{id}/"));
    let below = format!("{path}/");
    changes.retain(|change| {
        let at = change.path();
        !at.starts_with(&below) && !ours.as_ref().is_some_and(|ours| at.starts_with(ours))
    });
    changes.push(Change::Without { path: path.into() });
}

/// The row for one more SMTP server has a priority already; with nothing else in it, it is none.
fn drop_empty_servers(changes: &mut Vec<Change>) {
    let of = |change: &Change| field::key(change.path(), "smtpsrv").map(str::to_string);
    let only_priority: Vec<String> = changes
        .iter()
        .filter(|change| matches!(change, Change::Value { was, path, .. } if was.is_empty() && path.ends_with("/priority")))
        .filter_map(of)
        .filter(|id| {
            let same = changes.iter().filter(|other| of(other).as_ref() == Some(id));
            same.count() == 1
        })
        .collect();
    changes.retain(|change| of(change).is_none_or(|id| !only_priority.contains(&id)));
}

/// Line ends as clp.conf's reader has them: a browser sends CRLF.
fn normal(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// A value on one line: what was typed on several is a list.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.map(|line| line.trim_end_matches(','));
    lines.collect::<Vec<_>>().join(", ")
}

fn bounded(changes: &[Change], language: Language) -> Result<(), String> {
    if changes.len() <= CHANGES_MAX {
        return Ok(());
    }
    Err(language.pick(
        format!("more than {CHANGES_MAX} changes at once; make them in parts."),
        format!("一度に変更できるのは {CHANGES_MAX} 項目までです。分けて変更してください。"),
    ))
}

fn incomplete(name: &str, language: Language) -> String {
    let name: String = name.chars().take(200).collect();
    language.pick(
        format!("{name}: missing in the form. Load the page again."),
        format!("{name}: フォームに値がありません。ページを再読み込みしてください。"),
    )
}

fn no_field(path: &str, language: Language) -> String {
    let path: String = path.chars().take(200).collect();
    language.pick(
        format!("{path}: no field of the Builder."),
        format!("{path}: ビルダの項目ではありません。"),
    )
}

#[cfg(test)]
mod tests;
