//! What the parser says instead of a command: help, or what is wrong with the arguments, in both languages.

use crate::exit::Exit;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use noroshi_core::text::Language;
use std::io::Write;
use std::process::ExitCode;

/// Prints help, or what is wrong with the arguments.
pub(crate) fn answer(error: &clap::Error, language: Language) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // A closed pipe is nobody's fault.
        let _ = write!(std::io::stdout(), "{}", error.render());
        return Exit::Done.into();
    }
    let text = match language {
        // Help in the place of an error is already in the language.
        _ if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            error.render().to_string()
        }
        Language::En => error.render().to_string(),
        Language::Ja => usage_error_in_japanese(error),
    };
    let _ = write!(std::io::stderr(), "{}", crate::print::escaped_lines(&text));
    Exit::Usage.into()
}

fn usage_error_in_japanese(error: &clap::Error) -> String {
    let what = match error.kind() {
        ErrorKind::UnknownArgument => "不明な引数です",
        ErrorKind::InvalidSubcommand => "不明なコマンドです",
        ErrorKind::MissingSubcommand => "コマンドを指定してください",
        ErrorKind::MissingRequiredArgument => "必要な引数がありません",
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => "値が正しくありません",
        ErrorKind::ArgumentConflict => "同時に指定できない引数です",
        _ => "引数が正しくありません",
    };
    let kinds = [
        ContextKind::InvalidSubcommand,
        ContextKind::InvalidArg,
        ContextKind::InvalidValue,
    ];
    let words = kinds.into_iter().flat_map(|kind| words_of(error, kind));
    let words: Vec<String> = words.collect();
    let prior = words_of(error, ContextKind::PriorArg);
    let what = match error.kind() {
        ErrorKind::ArgumentConflict if !prior.is_empty() && words == prior => {
            "同じ引数が二度指定されています"
        }
        _ => what,
    };
    let mut text = format!("エラー: {what}");
    if !words.is_empty() {
        text.push_str(&format!(": {}", words.join(" ")));
    }
    if !prior.is_empty() && words != prior {
        text.push_str(&format!(", {}", prior.join(", ")));
    }
    let valid = words_of(error, ContextKind::ValidValue);
    if !valid.is_empty() {
        text.push_str(&format!("\n指定できる値: {}", valid.join(", ")));
    }
    let suggested = [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ];
    let suggested: Vec<String> = suggested
        .into_iter()
        .flat_map(|kind| words_of(error, kind))
        .collect();
    if !suggested.is_empty() {
        text.push_str(&format!("\nもしかして: {}", suggested.join(", ")));
    }
    text.push_str("\n使い方は --help で表示されます。\n");
    text
}

/// What the parser tells about an error beside its kind.
fn words_of(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse;
    use std::ffi::OsString;

    /// Rule: N20
    #[test]
    fn japanese_refusals_say_as_much_as_english_ones() {
        for (line, told) in [
            (
                "clpstat --jsn",
                "不明な引数です: --jsn\nもしかして: --json\n",
            ),
            ("noroshi statsu", "不明なコマンドです: statsu\nもしかして: "),
            ("clpstat --lang fr", "fr\n指定できる値: en, ja\n"),
            ("clpstat -s -s", "同じ引数が二度指定されています: -s\n"),
            (
                "clpcl -s -a -h sv1",
                "同時に指定できない引数です: -a, -h <SERVER>\n",
            ),
            ("clpdn1000s", "必要な引数がありません: -h <SERVER>\n"),
        ] {
            let words = line.split(' ').map(OsString::from).collect();
            let error = parse(words, Language::Ja).unwrap_err();
            let text = usage_error_in_japanese(&error);
            assert!(text.contains(told), "{line}: {text}");
        }
    }
}
