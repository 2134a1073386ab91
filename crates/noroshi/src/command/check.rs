//! `noroshi check [FILE]`: check a configuration without using it (rule N17).

use super::Context;
use crate::cli::Check;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_core::text::Language;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most bytes of a configuration that are read; the largest public one has 16,222.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a check found, as lines for people.
struct Checked {
    sound: bool,
    lines: Vec<String>,
}

pub(super) fn run(context: &mut Context, options: Check) -> Result<Exit, Failure> {
    let path = options.file.unwrap_or_else(|| context.home.conf());
    let shown = path.display().to_string();
    let bytes = read(&path).map_err(|error| {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            io::ErrorKind::PermissionDenied => Exit::Refused,
            _ => Exit::Failed,
        };
        let what = context.pick("cannot read", "読み込めません");
        context.failure(exit, &format!("{what}: {shown}: {error}"))
    })?;
    let checked = examine(&bytes, context.language);
    for line in &checked.lines {
        say!(context.out, "{}", escaped(line))?;
    }
    let shown = escaped(&shown);
    if checked.sound {
        say!(
            context.out,
            "{shown}: {}",
            context.language.pick("no errors", "誤りはありません")
        )?;
        return Ok(Exit::Done);
    }
    let count = checked.lines.len();
    let text = context.pick(
        format!("{shown}: the configuration has errors ({count}); nothing was changed"),
        format!("{shown}: 構成情報に誤りがあります（{count} 件）。何も変更していません"),
    );
    Err(context.failure(Exit::Failed, &text))
}

/// The way to the one reader of configurations.
fn examine(_bytes: &[u8], language: Language) -> Checked {
    let line = language.pick("this build cannot check", "この版では検査できません");
    Checked {
        sound: false,
        lines: vec![line.into()],
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "more than {FILE_BYTES_MAX} bytes"
        )));
    }
    Ok(bytes)
}
