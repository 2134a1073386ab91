//! `noroshi config`: look at a clp.conf and change it from scripts (rules M27 M29 N17 N18).
//!
//! Every change goes the same way: the directory is locked, the file read, the change made in its
//! bytes, the result read whole and held against the file before. What would be wrong with it that was
//! not wrong before refuses the change. Then it is saved, all or nothing.

mod diff;
mod edit;
mod history;
mod message;
pub(super) mod prompt;
pub(crate) mod restored;
mod save;
pub(crate) mod saved_set;
mod secret;
pub(crate) mod ticks;

use super::Context;
use crate::cli::config::{Config, Get, Target};
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::blackout::looks_secret;
use noroshi_conf::difference::below;
use noroshi_conf::document::{Document, EditFault, ElementPath};
use noroshi_conf::sealed::is_sealed;
use noroshi_conf::tree::Node;
use serde::Serialize;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

pub(in crate::command) fn run(context: &mut Context, verb: Config) -> Result<Exit, Failure> {
    match verb {
        Config::Get(options) => get(context, &options),
        Config::Set(options) => edit::set(context, &options),
        Config::Add(options) => edit::add(context, &options),
        Config::Rm(options) => edit::rm(context, &options),
        Config::SetSecret(options) => secret::run(context, &options),
        Config::Message(options) => message::run(context, &options),
        Config::Diff(options) => diff::run(context, &options),
        Config::History(options) => history::list(context, options.json),
        Config::Restore(options) => history::restore(context, options.number),
        Config::Verify(options) => saved_set::verify(context, options),
        Config::Save(options) => save::again(context, options),
    }
}

/// A file that is being changed. Its directory stays locked as long as this lives.
struct Opened {
    path: PathBuf,
    before: Vec<u8>,
    document: Document,
    _lock: File,
}

impl Context {
    /// A failure about a file.
    pub(super) fn about_file(&self, path: &Path, what: (&str, &str), error: &io::Error) -> Failure {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            io::ErrorKind::PermissionDenied => Exit::Refused,
            _ => Exit::Failed,
        };
        let what = self.pick(what.0, what.1);
        self.failure(exit, &format!("{what}: {}: {error}", path.display()))
    }

    /// The file to look at.
    fn conf_file(&self, file: Option<&PathBuf>) -> PathBuf {
        file.cloned().unwrap_or_else(|| self.home.conf())
    }

    /// Reads a clp.conf for looking at it.
    fn document(&self, path: &Path) -> Result<Document, Failure> {
        let bytes = super::check::read(path)
            .map_err(|error| self.about_file(path, ("cannot read", "読み込めません"), &error))?;
        Document::read(bytes).map_err(|finding| {
            let line = finding.one_line(self.language);
            self.failure(Exit::Failed, &format!("{}: {line}", path.display()))
        })
    }

    /// Opens a clp.conf for changing it.
    fn open(&self, target: &Target) -> Result<Opened, Failure> {
        let path = self.conf_file(target.file.as_ref());
        // Links are followed here, so that saving replaces the file and not the link.
        let real = path
            .canonicalize()
            .map_err(|error| self.about_file(&path, ("cannot read", "読み込めません"), &error))?;
        let folder = real.parent().unwrap_or(Path::new("/"));
        let lock = File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
        let lock = lock.map_err(|error| {
            self.about_file(folder, ("cannot lock", "ロックできません"), &error)
        })?;
        let document = self.document(&real)?;
        Ok(Opened {
            before: document.bytes().to_vec(),
            path: real,
            document,
            _lock: lock,
        })
    }

    /// A path as the user gave it.
    fn element_path(&self, text: &str) -> Result<ElementPath, Failure> {
        ElementPath::parse(text).map_err(|fault| self.edit_failure(text, &fault))
    }

    /// Why a change was not made.
    fn edit_failure(&self, path: &str, fault: &EditFault) -> Failure {
        let exit = match fault {
            EditFault::NotPath { .. } => Exit::Usage,
            EditFault::NotThere => Exit::NotFound,
            _ => Exit::Refused,
        };
        let text = fault.text(self.language);
        self.failure(exit, &format!("{path}: {text}"))
    }
}

/// One element as it is shown: a secret's value never is.
#[derive(Serialize)]
struct Shown {
    path: String,
    /// Absent for a secret.
    value: Option<String>,
    /// `sealed` or `plain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'static str>,
}

impl Shown {
    /// The element `node` at `path`; `inside` when it stands in a secret.
    fn of(path: &str, node: Node<'_>, inside: bool) -> Shown {
        let secret = (inside || looks_secret(node.name())).then(|| {
            if is_sealed(node.raw()) {
                "sealed"
            } else {
                "plain"
            }
        });
        let value = match secret {
            Some(_) => None,
            None => Some(node.value().to_string()),
        };
        Shown {
            path: path.to_string(),
            value,
            secret,
        }
    }

    /// The value for people.
    fn words(&self, context: &Context) -> String {
        match (&self.value, self.secret) {
            (Some(value), _) => escaped(value),
            (None, Some("sealed")) => context
                .pick("(secret, sealed)", "（秘密、暗号化済み）")
                .to_string(),
            (None, _) => context
                .pick("(secret, not sealed)", "（秘密、暗号化されていません）")
                .to_string(),
        }
    }
}

fn get(context: &mut Context, options: &Get) -> Result<Exit, Failure> {
    let file = context.conf_file(options.file.as_ref());
    let document = context.document(&file)?;
    let path = context.element_path(&options.path)?;
    let found = document.get(&path);
    if found.is_empty() {
        return Err(context.edit_failure(&options.path, &EditFault::NotThere));
    }
    if let ([node], false) = (&found[..], options.json)
        && node.children().next().is_none()
    {
        return one_value(context, &path, *node);
    }
    let paths = ElementPath::all(document.tree());
    for node in found {
        for node in below(node) {
            // What only holds others says nothing itself.
            if node.children().next().is_some() && node.value().is_empty() {
                continue;
            }
            let shown = Shown::of(&paths[node.place()], node, path.is_secret());
            if options.json {
                json(context, &shown)?;
            } else {
                let words = shown.words(context);
                say!(context.out, "{} = {words}", escaped(&shown.path))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The bare value, for scripts; a refusal where it is a secret.
fn one_value(context: &mut Context, path: &ElementPath, node: Node<'_>) -> Result<Exit, Failure> {
    if !path.is_secret() && !looks_secret(node.name()) {
        say!(context.out, "{}", escaped(node.value()))?;
        return Ok(Exit::Done);
    }
    let what = if is_sealed(node.raw()) {
        context.pick(
            "a secret, sealed under the cluster key; it is not shown",
            "クラスタ鍵で暗号化された秘密です。表示しません",
        )
    } else {
        context.pick(
            "a secret; it is not shown. It is not sealed: \"noroshi config set-secret\" does that",
            "秘密です。表示しません。暗号化されていません（noroshi config set-secret で暗号化できます）",
        )
    };
    Err(context.failure(Exit::Refused, &format!("{path}: {what}")))
}

/// One line of JSON.
fn json(context: &mut Context, value: &impl Serialize) -> Result<(), Failure> {
    context.json_line(value)
}
