//! What the executable tells about itself, all of it made from the definitions in [`crate::cli`].

mod commands;
mod completions;
mod man;
mod manual;
mod servers;

use crate::cli::Tongue;
use crate::cli::reference::{ExitCodes, Reference};
use crate::command::Context;
use crate::exit::{self, Exit, Failure};
use crate::print::say;
use noroshi_core::text::Language;
use serde::Serialize;
use std::io::Write;
use std::path::Path;

/// Runs one of these verbs; `asked` is the language that `--lang` names.
pub(crate) fn run(
    context: &mut Context,
    verb: Reference,
    asked: Option<Tongue>,
) -> Result<Exit, Failure> {
    match verb {
        Reference::Man(options) => man::run(context, &options, asked),
        Reference::Completions(options) => completions::run(context, &options),
        Reference::ExitCodes(options) => exit_codes(context, &options),
        Reference::Commands(options) => commands::run(context, &options),
        Reference::CompleteServers => servers::run(context),
    }
}

fn exit_codes(context: &mut Context, options: &ExitCodes) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Shown {
        code: u8,
        meaning: &'static str,
    }
    for (code, meaning) in exit::rows(context.language, true) {
        if options.json {
            context.json_line(&Shown { code, meaning })?;
        } else {
            say!(context.out, "{code:>3}  {meaning}")?;
        }
    }
    Ok(Exit::Done)
}

/// Writes one of our files, making its directory; the file is whole or the failure names it.
fn write(context: &Context, file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let new = file.with_extension(format!("new{}", std::process::id()));
    let written = file
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::File::create(&new)?.write_all(bytes))
        .and_then(|()| std::fs::rename(&new, file));
    written.map_err(|error| {
        // Nothing more can be done about a leftover than to try.
        let _ = std::fs::remove_file(&new);
        let what = context.pick("cannot write", "書き込めません");
        let text = format!("{what}: {}: {error}", file.display());
        context.failure(Exit::of(error.kind()), &text)
    })
}

/// The other language, for what is written in both.
const LANGUAGES: [Language; 2] = [Language::En, Language::Ja];
