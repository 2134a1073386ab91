//! What the Builder does on a thread of its own: reading clp.conf, writing a draft into a copy of it, checking
//! that whole, sealing secrets. All of it waits for the disk.

use super::draft::{Change, Draft, Posted, Typed};
use super::fault::{Faults, check};
use super::field;
use super::write::written;
use crate::command::config::ticks::dormant;
use crate::console::App;
use noroshi_conf::Severity;
use noroshi_conf::bundle::digest;
use noroshi_conf::difference::{Difference, differences};
use noroshi_conf::document::{Document, ElementPath};
use noroshi_conf::set::CONF;
use noroshi_core::text::Language;
use noroshi_daemon::home::Home;
use noroshi_daemon::sets;
use tokio::task::spawn_blocking;

/// clp.conf as it is now.
pub(super) struct Running {
    pub(super) document: Document,
    /// Its digest.
    pub(super) base: String,
    /// What is wrong with it.
    pub(super) errors: Vec<String>,
    /// It is not the set in force: somebody changed the file on this server.
    by_hand: bool,
}

/// A draft that could be written, and what became of it.
pub(super) struct Made {
    pub(super) running: Running,
    pub(super) draft: Draft,
    pub(super) after: Document,
    pub(super) faults: Faults,
    /// What somebody should look at before it is applied.
    pub(super) warnings: Vec<String>,
}

/// What a draft led to.
pub(super) enum Outcome {
    /// It was written; with faults it may not be applied.
    Made(Box<Made>),
    /// Another clp.conf is running than the one that it was made from.
    Moved(Box<(Draft, Running)>),
    /// No draft, or no clp.conf.
    Refused(Vec<String>),
}

/// Runs `work` beside the runtime.
pub(super) async fn aside<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(Home) -> T + Send + 'static,
) -> Result<T, Vec<String>> {
    let home = app.home.clone();
    let done = spawn_blocking(move || work(home)).await;
    done.map_err(|error| vec![error.to_string()])
}

/// Reads clp.conf.
///
/// # Errors
/// Why it cannot be shown in fields.
pub(super) fn running(home: &Home, language: Language) -> Result<Running, Vec<String>> {
    let path = home.conf();
    let bytes =
        std::fs::read(&path).map_err(|error| vec![format!("{}: {error}", path.display())])?;
    let base = digest(&bytes);
    let mut open = |path: &str, text: &str| home.open_secret(path, text);
    let findings = noroshi_conf::read_with(&bytes, &mut open).err();
    let errors = findings.unwrap_or_default();
    let errors = errors
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.one_line(language))
        .collect();
    let document = Document::read(bytes).map_err(|finding| vec![finding.one_line(language)])?;
    let by_hand = is_by_hand(home, &base);
    Ok(Running {
        document,
        base,
        errors,
        by_hand,
    })
}

/// Whether clp.conf, with this digest, is another one than that of the set in force.
fn is_by_hand(home: &Home, base: &str) -> bool {
    let kept = sets::history(home);
    let in_force = kept.iter().find(|(_, in_force)| *in_force);
    let pushed = in_force.and_then(|(label, _)| {
        let file = sets::kept(home, label.number).join(CONF);
        std::fs::read(file).ok()
    });
    pushed.is_some_and(|pushed| digest(&pushed) != base)
}

/// The draft in a page's form.
pub(super) fn from_form(home: &Home, posted: &Posted, language: Language) -> Outcome {
    match Draft::typed(posted, language) {
        Ok((draft, secrets)) => made(home, draft, &secrets, language),
        Err(why) => Outcome::Refused(vec![why]),
    }
}

/// The draft that a preview carries.
pub(super) fn from_preview(home: &Home, posted: &Posted, language: Language) -> Outcome {
    match Draft::carried(posted, language) {
        Ok(draft) => made(home, draft, &[], language),
        Err(why) => Outcome::Refused(vec![why]),
    }
}

fn made(home: &Home, mut draft: Draft, secrets: &[Typed], language: Language) -> Outcome {
    let running = match running(home, language) {
        Ok(running) => running,
        Err(why) => return Outcome::Refused(why),
    };
    let mut faults = Faults::default();
    let before = &running.document;
    seal(home, before, &mut draft, secrets, language, &mut faults);
    if running.base != draft.base {
        return Outcome::Moved(Box::new((draft, running)));
    }
    let after = written(before, &draft.changes, language, &mut faults);
    let mut warnings = check(home, before, &after, language, &mut faults);
    let others = dormant(before);
    if others > 0 && dormant(&after) == 0 {
        warnings.push(language.pick(
            format!("/root/cluster/messages/use is 1 now: the file's other changed destinations ({others}) are in force as well"),
            format!("/root/cluster/messages/use を 1 にしました。ファイル中の他の通報先の変更（{others} 件）も有効になります"),
        ));
    }
    if running.by_hand {
        let text = language.pick(
            "clp.conf was changed on this server since the last push. Applying takes that change to all servers as well.",
            "前回の配布後に、このサーバ上で clp.conf が変更されています。適用するとその変更も全サーバに反映されます。",
        );
        warnings.push(text.into());
    }
    Outcome::Made(Box::new(Made {
        running,
        draft,
        after,
        faults,
        warnings,
    }))
}

/// Seals what was typed, after the plain text went through all checks, in a copy that is never saved.
fn seal(
    home: &Home,
    before: &Document,
    draft: &mut Draft,
    secrets: &[Typed],
    language: Language,
    faults: &mut Faults,
) {
    if secrets.is_empty() {
        return;
    }
    // The other fields' faults are told when they are written.
    let mut plain = written(before, &draft.changes, language, &mut Faults::default());
    for typed in secrets {
        let set = ElementPath::parse(&typed.path).and_then(|path| plain.set(&path, &typed.secret));
        if let Err(fault) = set {
            faults.beside(&typed.path, fault.text(language));
        }
    }
    let mut found = Faults::default();
    check(home, before, &plain, language, &mut found);
    for typed in secrets {
        let own = found.of(&typed.path);
        if !own.is_empty() || !faults.of(&typed.path).is_empty() {
            for text in own {
                faults.beside(&typed.path, text.clone());
            }
            continue;
        }
        // As the reader will name it when it opens the secret.
        let path = field::all(&plain, &typed.path)
            .next()
            .map(|node| node.path());
        let path = path.unwrap_or_else(|| typed.path.clone());
        match home.seal_secret(&path, &typed.secret) {
            Ok(sealed) => draft.changes.push(Change::Secret {
                path: typed.path.clone(),
                sealed: Some(sealed),
            }),
            Err(error) => faults.beside(&typed.path, error.to_string()),
        }
    }
}

/// One line of a comparison.
pub(super) struct Line {
    pub(super) path: String,
    pub(super) old: Shown,
    pub(super) new: Shown,
}

/// A side of a comparison.
pub(super) enum Shown {
    Absent,
    Value(String),
    /// Never shown.
    Secret,
}

/// What differs, as it is shown: elements that only hold others are left out.
pub(super) fn lines(before: &Document, after: &Document) -> Vec<Line> {
    let found = differences(before, after).into_iter();
    let shown = |side: Option<noroshi_conf::tree::Node<'_>>| match side {
        None => Shown::Absent,
        Some(node) if noroshi_conf::blackout::looks_secret(node.name()) => Shown::Secret,
        Some(node) => Shown::Value(node.value().to_string()),
    };
    let says = |it: &Difference<'_>| {
        let node = it.one.or(it.other);
        node.is_some_and(|node| !node.value().is_empty() || node.children().next().is_none())
    };
    found
        .filter(|(_, it)| says(it))
        .map(|(path, it)| Line {
            path,
            old: shown(it.one),
            new: shown(it.other),
        })
        .collect()
}
