//! The set on disk: what belongs to it, its report, and `noroshi config verify` (rule M27).

use super::{Context, Opened};
use crate::cli::config::Verify;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use jiff::Timestamp;
use noroshi_conf::set::{self, CONF, PARTS_MAX, Part, REPORT, Report, SCRIPTS, SetFault};
use noroshi_core::text::Language;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Deepest folder below `scripts/`; the real product has two.
const FOLDERS_DEEP_MAX: usize = 8;
/// Largest script, in bytes.
const SCRIPT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The report for the set that `file` is about to be saved in; `None` when the file has another name
/// than a set's clp.conf. The directory of scripts is made where it is missing.
///
/// # Errors
/// When a script cannot be read, or the directory not made.
pub(super) fn report(context: &Context, file: &Opened) -> Result<Option<Vec<u8>>, Failure> {
    let Some(folder) = file.path.parent().filter(|_| file.path.ends_with(CONF)) else {
        return Ok(None);
    };
    let scripts = folder.join(SCRIPTS);
    let made = match std::fs::create_dir(&scripts) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    };
    made.map_err(|error| context.about_file(&scripts, ("cannot make", "作成できません"), &error))?;
    let mut parts = BTreeMap::from([(CONF.to_string(), Part::of(file.document.bytes()))]);
    gather(&scripts, SCRIPTS, 0, &mut parts).map_err(|(path, error)| {
        context.about_file(&path, ("cannot read", "読み込めません"), &error)
    })?;
    Ok(Some(new_report(parts).text().into_bytes()))
}

/// A report of these parts, saved now, by whoever runs us.
pub(crate) fn new_report(parts: BTreeMap<String, Part>) -> Report {
    Report {
        saved: format!("{:.0}", Timestamp::now()),
        by: who(),
        server: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        parts,
    }
}

/// A fault of a set for programs.
#[derive(Serialize)]
struct ShownFault<'a> {
    /// `missing`, `changed`, `foreign`, `report_foreign`, `report_changed` or `too_large`.
    what: &'static str,
    /// The part, if the fault is about one.
    file: Option<&'a str>,
    text: String,
}

fn shown_fault(fault: &SetFault, language: Language) -> ShownFault<'_> {
    let (what, file) = match fault {
        SetFault::Missing(file) => ("missing", Some(file.as_str())),
        SetFault::Changed(file) => ("changed", Some(file.as_str())),
        SetFault::Foreign(file) => ("foreign", Some(file.as_str())),
        SetFault::ReportForeign => ("report_foreign", Some(REPORT)),
        SetFault::ReportChanged(_) => ("report_changed", Some(REPORT)),
        SetFault::TooLarge => ("too_large", None),
    };
    let text = fault.text(language);
    ShownFault { what, file, text }
}

pub(super) fn verify(context: &mut Context, options: Verify) -> Result<Exit, Failure> {
    let folder = options.dir.unwrap_or_else(|| context.home.etc());
    let cannot = |path: &Path, error: &io::Error| {
        context.about_file(path, ("cannot read", "読み込めません"), error)
    };
    std::fs::read_dir(&folder).map_err(|error| cannot(&folder, &error))?;
    let mut found = BTreeMap::new();
    let conf = folder.join(CONF);
    if let Some(bytes) = optional(&conf).map_err(|error| cannot(&conf, &error))? {
        found.insert(CONF.to_string(), Part::of(&bytes));
    }
    let report_file = folder.join(REPORT);
    let report = optional(&report_file).map_err(|error| cannot(&report_file, &error))?;
    let scripts = folder.join(SCRIPTS);
    let has_scripts = scripts.is_dir();
    let mut faults = Vec::new();
    if has_scripts {
        match gather(&scripts, SCRIPTS, 0, &mut found) {
            Err((_, error)) if error.kind() == io::ErrorKind::FileTooLarge => {
                faults.push(SetFault::TooLarge);
            }
            Err((path, error)) => return Err(cannot(&path, &error)),
            Ok(()) => {}
        }
    }
    if faults.is_empty() {
        faults = set::check(report.as_deref(), has_scripts, &found);
    }
    let shown = folder.display().to_string();
    if !faults.is_empty() {
        let mut text = context.pick(
            format!("{shown}: the set is not whole"),
            format!("{shown}: 構成情報の一式に問題があります"),
        );
        for fault in &faults {
            if options.json {
                context.json_line(&shown_fault(fault, context.language))?;
                continue;
            }
            text.push_str(&format!("\n{}", fault.text(context.language)));
        }
        return Err(context.failure(Exit::Failed, &text));
    }
    if options.json {
        return Ok(Exit::Done);
    }
    // Without a fault there is a report.
    let origin = report.and_then(|report| Report::parse(&report).ok());
    let (saved, by, server) = origin.map_or_else(Default::default, |report| {
        (
            escaped(&report.saved),
            escaped(&report.by),
            escaped(&report.server),
        )
    });
    let shown = escaped(&shown);
    say!(context.out, "{}", context.language.pick(
        format!("{shown}: the set is whole: {} files, saved {saved} by {by} on {server}", found.len()),
        format!("{shown}: 構成情報の一式は完全です: {} ファイル、{saved} に {server} 上で {by} が保存", found.len()),
    ))?;
    Ok(Exit::Done)
}

/// The file, if it is there.
fn optional(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match read_bounded(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(SCRIPT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SCRIPT_BYTES_MAX {
        let text = format!("larger than {SCRIPT_BYTES_MAX} bytes");
        return Err(io::Error::other(text));
    }
    Ok(bytes)
}

/// Adds every file below `folder`, called `name` in the set. What is neither file nor folder is
/// refused: a link could lead anywhere.
fn gather(
    folder: &Path,
    name: &str,
    deep: usize,
    parts: &mut BTreeMap<String, Part>,
) -> Result<(), (PathBuf, io::Error)> {
    let at = |path: &Path, error: io::Error| (path.to_path_buf(), error);
    let refuse =
        |path: &Path, text: &str| Err((path.to_path_buf(), io::Error::other(text.to_string())));
    if deep > FOLDERS_DEEP_MAX {
        return refuse(folder, "too many folders inside each other");
    }
    for entry in std::fs::read_dir(folder).map_err(|error| at(folder, error))? {
        let path = entry.map_err(|error| at(folder, error))?.path();
        let Some(last) = path.file_name().and_then(|last| last.to_str()) else {
            return refuse(&path, "the name is not UTF-8");
        };
        let name = format!("{name}/{last}");
        let kind = path.symlink_metadata().map_err(|error| at(&path, error))?;
        if kind.is_dir() {
            gather(&path, &name, deep + 1, parts)?;
        } else if kind.is_file() {
            if parts.len() == PARTS_MAX {
                return Err(at(&path, io::ErrorKind::FileTooLarge.into()));
            }
            let bytes = read_bounded(&path).map_err(|error| at(&path, error))?;
            parts.insert(name, Part::of(&bytes));
        } else {
            return refuse(&path, "neither a file nor a directory");
        }
    }
    Ok(())
}

/// Who saves: the user id, and who became it with sudo.
fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    match std::env::var("SUDO_USER") {
        Ok(user) if !user.is_empty() => format!("uid {uid} (sudo by {user})"),
        _ => format!("uid {uid}"),
    }
}
