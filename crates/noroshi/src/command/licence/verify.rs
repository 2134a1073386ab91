//! `noroshi licence verify FILE`: what a file is, what it says, and whether it is genuine.

use super::{Context, day_words, kind_words};
use crate::cli::Verify;
use crate::exit::{Exit, Failure};
use crate::print::say;
use noroshi_conf::licence::{
    Doubt, KeyList, LIST_BYTES_MAX, LIST_VERSION_LINE, LicenceFile, SHEET_VERSION_LINE, Sheet,
    Signers,
};
use noroshi_core::licence::Licence;
use noroshi_daemon::licence::{self, Trust, today};
use std::path::Path;

/// Most bytes of a file with public keys.
const SIGNERS_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn run(context: &mut Context, options: &Verify) -> Result<Exit, Failure> {
    let path = &options.file;
    let bytes = licence::read(path, LIST_BYTES_MAX as u64)
        .map_err(|error| context.file_trouble(path, &error))?;
    let signers = signers(context, options.signer.as_deref())?;
    let refused = |fault| context.text_trouble(path, &fault);
    if bytes.starts_with(LIST_VERSION_LINE.as_bytes()) {
        let list = KeyList::parse(&bytes).map_err(refused)?;
        return verify_list(context, path, &list, &signers);
    }
    let licence = if bytes.starts_with(SHEET_VERSION_LINE.as_bytes()) {
        let sheet = Sheet::parse(&bytes).map_err(refused)?;
        of_sheet(context, options, &sheet, &signers)?
    } else {
        let file = LicenceFile::parse(&bytes).map_err(refused)?;
        file.check(&signers)
            .map_err(|doubt| doubted(context, path, doubt))?;
        file.licence
    };
    show(context, &licence)?;
    if licence.until.is_some_and(|until| until < today()) {
        let text = context.pick(
            "genuine, but expired",
            "正規のものですが、有効期限が切れています",
        );
        return Err(context.failure(Exit::Expired, text));
    }
    say!(
        context.out,
        "{}",
        context.language.pick("genuine", "正規のライセンスです")
    )?;
    Ok(Exit::Done)
}

fn signers(context: &Context, file: Option<&Path>) -> Result<Signers, Failure> {
    if let Some(path) = file {
        let bytes = licence::read(path, SIGNERS_BYTES_MAX);
        let bytes = bytes.map_err(|error| context.file_trouble(path, &error))?;
        return Signers::parse(&bytes).map_err(|fault| context.text_trouble(path, &fault));
    }
    match licence::trust(&context.home) {
        Ok(Trust::Signers(signers)) => Ok(signers),
        Ok(Trust::NotNeeded) => {
            let text = context.pick(
                "this build trusts no signer\nName a public key with --signer FILE.",
                "この版には信頼する署名者がありません\n--signer FILE で公開鍵を指定してください。",
            );
            Err(context.failure(Exit::NotNeeded, text))
        }
        Err(error) => Err(context.failure(Exit::Failed, &error.text(context.language))),
    }
}

fn doubted(context: &Context, path: &Path, doubt: Doubt) -> Failure {
    let why = match doubt {
        Doubt::Signer => context.pick(
            "signed by somebody who is not trusted here",
            "信頼していない署名者によって署名されています",
        ),
        Doubt::Signature => context.pick(
            "wrong signature: the text was changed after it was signed",
            "署名が正しくありません。署名の後で内容が変更されています",
        ),
    };
    context.failure(Exit::WrongSignature, &format!("{}: {why}", path.display()))
}

fn verify_list(
    context: &mut Context,
    path: &Path,
    list: &KeyList,
    signers: &Signers,
) -> Result<Exit, Failure> {
    for (at, key) in list.keys.iter().enumerate() {
        if let Err(doubt) = key.check(signers) {
            let mut failure = doubted(context, path, doubt);
            let serial = key.licence.serial;
            failure.text.push_str(&format!(" ({}: {serial})", at + 2));
            return Err(failure);
        }
    }
    let count = list.keys.len();
    say!(
        context.out,
        "{}",
        context.language.pick(
            format!("genuine: issued keys: {count}"),
            format!("正規の一覧です: 発行済みキー {count} 件"),
        )
    )?;
    Ok(Exit::Done)
}

/// The licence that the list has for the key of a sheet.
fn of_sheet(
    context: &Context,
    options: &Verify,
    sheet: &Sheet,
    signers: &Signers,
) -> Result<Licence, Failure> {
    let path = options.keys.clone();
    let path = path.unwrap_or_else(|| context.home.licence_keys());
    let bytes = licence::read(&path, LIST_BYTES_MAX as u64)
        .map_err(|error| context.file_trouble(&path, &error))?;
    let list = KeyList::parse(&bytes).map_err(|fault| context.text_trouble(&path, &fault))?;
    let issued = list.find(sheet.key.digest()).filter(|issued| {
        let licence = &issued.licence;
        (licence.serial, licence.kind, licence.servers) == (sheet.serial, sheet.kind, sheet.servers)
            && (licence.from, licence.until) == (sheet.from, sheet.until)
    });
    let Some(issued) = issued else {
        let (sheet, list) = (options.file.display(), path.display());
        let text = context.pick(
            format!("{sheet}: no such key was issued, or the sheet was changed (list: {list})"),
            format!(
                "{sheet}: このキーは発行されていないか、シートが変更されています（一覧: {list}）"
            ),
        );
        return Err(context.failure(Exit::NotIssued, &text));
    };
    let checked = issued.check(signers);
    checked.map_err(|doubt| doubted(context, &path, doubt))?;
    Ok(issued.licence.clone())
}

fn show(context: &mut Context, licence: &Licence) -> Result<(), Failure> {
    let language = context.language;
    let rows = [
        (
            language.pick("product", "製品"),
            format!("{} ({})", licence.product.name(), licence.product.id()),
        ),
        (
            language.pick("kind", "種類"),
            kind_words(licence.kind, language).to_owned(),
        ),
        (
            language.pick("serial number", "シリアル番号"),
            licence.serial.to_string(),
        ),
        (
            language.pick("servers", "サーバ数"),
            licence.servers.to_string(),
        ),
        (
            language.pick("issued", "発行日"),
            licence.issued.to_string(),
        ),
        (
            language.pick("first day", "開始日"),
            day_words(licence.from),
        ),
        (
            language.pick("last day", "最終日"),
            day_words(licence.until),
        ),
    ];
    for (name, value) in rows {
        say!(context.out, "{name}: {value}")?;
    }
    Ok(())
}
