//! `noroshi check [FILE]`: check a configuration without using it (rule N17).

use super::Context;
use crate::cli::Check;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::{FileUse, Finding, HostFileTrouble, NamedFile, Problem, Severity};
use noroshi_core::text::Language;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use noroshi_conf::charset::FILE_BYTES_MAX;

pub(super) fn run(context: &mut Context, options: Check) -> Result<Exit, Failure> {
    let path = options.file.unwrap_or_else(|| context.home.conf());
    let shown = path.display().to_string();
    let bytes = read(&path).map_err(|error| {
        let exit = Exit::of(error.kind());
        let what = context.pick("cannot read", "読み込めません");
        context.failure(exit, &format!("{what}: {shown}: {error}"))
    })?;
    let (findings, sound) = match noroshi_conf::read(&bytes) {
        Ok(parsed) => {
            let mut warnings = parsed.warnings;
            warnings.extend(parsed.files.iter().filter_map(on_this_host));
            warnings.sort_by_key(|warning| warning.line);
            (warnings, true)
        }
        Err(findings) => (findings, false),
    };
    for finding in &findings {
        if options.json {
            context.json_line(&shown_finding(finding, context.language))?;
            continue;
        }
        say!(
            context.out,
            "{}",
            escaped(&finding.one_line(context.language))
        )?;
    }
    if !sound {
        let errors = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .count();
        let text = context.pick(
            format!("{shown}: errors in the configuration: {errors}; nothing was changed"),
            format!("{shown}: 構成情報に誤りがあります（{errors} 件）。何も変更していません"),
        );
        return Err(context.failure(Exit::Failed, &text));
    }
    if !options.json {
        let shown = escaped(&shown);
        let words = context.pick("no errors", "誤りはありません");
        say!(context.out, "{shown}: {words}")?;
    }
    Ok(Exit::Done)
}

/// A finding for programs.
#[derive(Serialize)]
struct ShownFinding<'a> {
    /// `error` or `warning`.
    severity: &'static str,
    line: u32,
    path: &'a str,
    value: &'a str,
    text: String,
}

fn shown_finding(finding: &Finding, language: Language) -> ShownFinding<'_> {
    ShownFinding {
        severity: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        line: finding.line,
        path: &finding.path,
        value: &finding.value,
        text: finding.text(language),
    }
}

/// Reads one byte more than a configuration may have, for the check to refuse it.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A warning when a file that the settings name cannot be used on this host. Only a warning: the
/// check may run elsewhere than the daemon will.
fn on_this_host(named: &NamedFile) -> Option<Finding> {
    let why = match std::fs::metadata(&named.file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => HostFileTrouble::Missing,
        Err(error) => HostFileTrouble::Hidden(error.to_string()),
        Ok(meta) if !meta.is_file() => HostFileTrouble::NotAFile,
        Ok(meta)
            if named.needed_as == FileUse::Program && meta.permissions().mode() & 0o111 == 0 =>
        {
            HostFileTrouble::NotExecutable
        }
        Ok(_) => return None,
    };
    Some(Finding {
        severity: Severity::Warning,
        line: named.line,
        path: named.path.clone(),
        value: named.file.clone(),
        problem: Problem::NotOnThisHost { why },
    })
}
