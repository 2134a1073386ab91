//! `noroshi check [FILE]`: check a configuration without using it (rule N17).

mod beside;

use super::Context;
use crate::cli::Check;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::{Finding, Severity};
use noroshi_core::text::Language;
use noroshi_daemon::host_files;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use noroshi_conf::charset::FILE_BYTES_MAX;

pub(super) fn run(context: &mut Context, options: Check) -> Result<Exit, Failure> {
    let own = options.file.is_none();
    let path = options.file.unwrap_or_else(|| context.home.conf());
    let shown = path.display().to_string();
    let bytes = read(&path).map_err(|error| {
        let exit = Exit::of(error.kind());
        let what = context.pick("cannot read", "読み込めません");
        context.failure(exit, &format!("{what}: {shown}: {error}"))
    })?;
    let mut beside = Vec::new();
    let (findings, sound) = match noroshi_conf::read(&bytes) {
        Ok(parsed) => {
            beside = beside::warnings(context, &parsed.config, own);
            let mut warnings = parsed.warnings;
            // Only warnings: the check may run elsewhere than the daemon will.
            warnings.extend(parsed.files.iter().filter_map(host_files::trouble));
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
    for warning in &beside {
        if options.json {
            context.json_line(&shown_warning(warning))?;
            continue;
        }
        say!(
            context.out,
            "{}",
            escaped(&warning.one_line(context.language))
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

/// It stands in no line of the file.
fn shown_warning(warning: &beside::Warning) -> ShownFinding<'_> {
    ShownFinding {
        severity: "warning",
        line: 0,
        path: &warning.path,
        value: &warning.value,
        text: warning.text.clone(),
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
