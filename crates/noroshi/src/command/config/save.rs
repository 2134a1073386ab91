//! Saving a set: the new clp.conf in place of the old one, which becomes clp.conf.bak, and a new
//! clp.conf.rep (rule M27).
//!
//! All is written and synced under other names first. Then come the renames: whatever happens between
//! them, each file is a whole old one or a whole new one, and `noroshi config verify` tells a mixed set.

use super::{Context, Opened, saved_set};
use crate::cli::config::{Save, Target};
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::Severity;
use noroshi_conf::set::CONF;
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Ending of a file that is being written.
const NEW: &str = ".new";

/// Saves `file`.
///
/// # Errors
/// When something cannot be read or written; the text names it. clp.conf is the old one then.
pub(super) fn save(context: &Context, file: &Opened) -> Result<(), Failure> {
    let path = &file.path;
    let cannot = |error| context.about_file(path, ("cannot save", "保存できません"), &error);
    let like = std::fs::metadata(path).map_err(cannot)?;
    if super::super::check::read(path).map_err(cannot)? != file.before {
        let text = context.pick(
            "was changed by somebody else meanwhile. Nothing was saved; try again.",
            "その間に他から変更されました。保存していません。再実行してください。",
        );
        return Err(context.failure(Exit::Failed, &format!("{}: {text}", path.display())));
    }
    let report = saved_set::report(context, file)?;
    let mut written = Vec::new();
    let saved = (|| -> io::Result<()> {
        let mut prepare = |name: &str, bytes: &[u8]| -> io::Result<()> {
            let to = sibling(path, name);
            let new = sibling(path, &format!("{name}{NEW}"));
            written.push(new.clone());
            write_new(&new, bytes, &like)?;
            written.push(to);
            Ok(())
        };
        prepare(".bak", &file.before)?;
        prepare("", file.document.bytes())?;
        if let Some(report) = &report {
            prepare(".rep", report)?;
        }
        while let [new, to, ..] = &written[..] {
            std::fs::rename(new, to)?;
            written.drain(..2);
        }
        File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
    })();
    if saved.is_err() {
        for leftover in written.iter().filter(|path| is_new(path)) {
            // Nothing more can be done about a leftover than to try.
            let _ = std::fs::remove_file(leftover);
        }
    }
    saved.map_err(cannot)
}

/// `noroshi config save`: a new clp.conf.rep for files that were edited by hand. Only that is written, and
/// the directory of scripts made: clp.conf and clp.conf.bak stay as they are.
pub(super) fn again(context: &mut Context, options: Save) -> Result<Exit, Failure> {
    let folder = options.dir.unwrap_or_else(|| context.home.etc());
    let target = Target {
        file: Some(folder.join(CONF)),
        allow_warnings: true,
    };
    let file = context.open(&target)?;
    let shown = escaped(&file.path.display().to_string());
    sound(context, &file, &shown)?;
    let Some(report) = saved_set::report(context, &file)? else {
        let text = context.pick(
            format!("{shown}: the file of a set is called {CONF}. Copy it, in place of the link."),
            format!(
                "{shown}: 一式のファイル名は {CONF} です。リンクの代わりにコピーを置いてください。"
            ),
        );
        return Err(context.failure(Exit::Failed, &text));
    };
    let saved = (|| -> io::Result<()> {
        let like = std::fs::metadata(&file.path)?;
        let new = sibling(&file.path, &format!(".rep{NEW}"));
        let written = write_new(&new, &report, &like)
            .and_then(|()| std::fs::rename(&new, sibling(&file.path, ".rep")));
        if written.is_err() {
            // Nothing more can be done about a leftover than to try.
            let _ = std::fs::remove_file(&new);
        }
        written?;
        File::open(file.path.parent().unwrap_or(Path::new("/")))?.sync_all()
    })();
    saved.map_err(|error| {
        context.about_file(&file.path, ("cannot save", "保存できません"), &error)
    })?;
    say!(context.out, "{}", context.language.pick(
        format!("{shown}: saved with its scripts as a set. Deliver it to all servers with \"clpcfctrl --push\"."),
        format!("{shown}: scripts とともに一式として保存しました。全サーバへの配布は clpcfctrl --push で行います。"),
    ))?;
    Ok(Exit::Done)
}

/// Refuses a faulty file with all its faults; shows the warnings of a sound one.
fn sound(context: &mut Context, file: &Opened, shown: &str) -> Result<(), Failure> {
    let (findings, sound) = match noroshi_conf::read(file.document.bytes()) {
        Ok(parsed) => (parsed.warnings, true),
        Err(findings) => (findings, false),
    };
    let lines = findings.iter().map(|it| it.one_line(context.language));
    if sound {
        for line in lines {
            say!(context.out, "{}", escaped(&line))?;
        }
        return Ok(());
    }
    let errors = findings.iter().filter(|it| it.severity == Severity::Error);
    let errors = errors.count();
    let mut text = context.pick(
        format!("{shown}: errors in the configuration: {errors}; nothing was changed"),
        format!("{shown}: 構成情報に誤りがあります（{errors} 件）。何も変更していません"),
    );
    lines.for_each(|line| text.push_str(&format!("\n{line}")));
    Err(context.failure(Exit::Refused, &text))
}

/// `clp.conf` with an ending.
fn sibling(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn is_new(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().ends_with(NEW)
}

/// Writes and syncs a file with mode and owner of `like`; it is closed to others until it has them.
fn write_new(path: &Path, bytes: &[u8], like: &Metadata) -> io::Result<()> {
    // A save that was killed left it; the lock proves that nobody else is writing it.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(like.mode() & 0o7777))?;
    file.write_all(bytes)?;
    file.sync_all()
}
