//! `noroshi config set|add|rm`, and the way that every change goes: review, then save.

use super::{Context, Opened, save};
use crate::cli::config::{Add, Rm, Set};
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::Severity;
use noroshi_conf::document::ElementPath;
use noroshi_conf::review::new_findings;

pub(super) fn set(context: &mut Context, options: &Set) -> Result<Exit, Failure> {
    let pairs = options.pairs.chunks_exact(2);
    if let [alone] = pairs.remainder() {
        let text = context.pick(
            format!("{alone}: a path without a value. Give pairs: PATH VALUE [PATH VALUE]..."),
            format!("{alone}: 値がありません。パスと値の組で指定してください: PATH VALUE [PATH VALUE]..."),
        );
        return Err(context.failure(Exit::Usage, &text));
    }
    let mut parsed = Vec::new();
    for pair in pairs {
        parsed.push((open_path(context, &pair[0])?, &pair[1]));
    }
    let mut file = context.open(&options.target)?;
    for (path, value) in parsed {
        file.document
            .set(&path, value)
            .map_err(|fault| context.edit_failure(&path.to_string(), &fault))?;
    }
    reviewed(context, &file, options.target.allow_warnings)
}

pub(super) fn add(context: &mut Context, options: &Add) -> Result<Exit, Failure> {
    let value = options.value.as_deref().unwrap_or_default();
    let path = if value.is_empty() {
        context.element_path(&options.path)?
    } else {
        open_path(context, &options.path)?
    };
    let mut file = context.open(&options.target)?;
    file.document
        .add(&path, value)
        .map_err(|fault| context.edit_failure(&options.path, &fault))?;
    reviewed(context, &file, options.target.allow_warnings)
}

pub(super) fn rm(context: &mut Context, options: &Rm) -> Result<Exit, Failure> {
    let mut paths = Vec::new();
    for text in &options.paths {
        paths.push(context.element_path(text)?);
    }
    let mut file = context.open(&options.target)?;
    for path in paths {
        file.document
            .remove(&path)
            .map_err(|fault| context.edit_failure(&path.to_string(), &fault))?;
    }
    reviewed(context, &file, options.target.allow_warnings)
}

/// A path whose value may stand on the command line: no secret may.
fn open_path(context: &Context, text: &str) -> Result<ElementPath, Failure> {
    let path = context.element_path(text)?;
    if path.is_secret() {
        let why = context.pick(
            format!("{text}: a secret does not belong on the command line, where others can read it.\nUse \"noroshi config set-secret {text}\", which asks for it or reads it from standard input."),
            format!("{text}: 秘密をコマンドラインに書かないでください（他の利用者から見えます）。\nnoroshi config set-secret {text} を使用してください。"),
        );
        return Err(context.failure(Exit::Refused, &why));
    }
    Ok(path)
}

/// Saves the changed file if nothing in it is worse than before, and says so.
pub(super) fn reviewed(
    context: &mut Context,
    file: &Opened,
    allow_warnings: bool,
) -> Result<Exit, Failure> {
    let shown = escaped(&file.path.display().to_string());
    if file.document.bytes() == file.before {
        say!(
            context.out,
            "{shown}: {}",
            context
                .language
                .pick("nothing to change", "変更はありません")
        )?;
        return Ok(Exit::Done);
    }
    let findings = new_findings(&file.before, file.document.bytes());
    let errors = findings.iter().any(|f| f.severity == Severity::Error);
    if errors || !(findings.is_empty() || allow_warnings) {
        let mut text = context
            .pick(
                "refused: the configuration would have new faults. Nothing was changed.",
                "変更後の構成情報に新たな問題が生じるため、拒否しました。何も変更していません。",
            )
            .to_string();
        for finding in &findings {
            text.push_str(&format!("\n{}", finding.one_line(context.language)));
        }
        if !errors {
            text.push_str(context.pick(
                "\nTo save it all the same, add --allow-warnings.",
                "\nそれでも保存する場合は --allow-warnings を付けてください。",
            ));
        }
        return Err(context.failure(Exit::Refused, &text));
    }
    for finding in &findings {
        say!(
            context.out,
            "{}",
            escaped(&finding.one_line(context.language))
        )?;
    }
    save::save(context, file)?;
    say!(context.out, "{}", context.language.pick(
        format!("{shown}: saved; the former one is {shown}.bak. The alert service takes it when it gets SIGHUP or starts; deliver it to all servers with \"clpcfctrl --push\"."),
        format!("{shown}: 保存しました（変更前のものは {shown}.bak）。アラートサービスは SIGHUP を受けるか起動したときに反映します。全サーバへの配布は clpcfctrl --push で行います。"),
    ))?;
    Ok(Exit::Done)
}
