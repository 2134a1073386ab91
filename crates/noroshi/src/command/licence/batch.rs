//! Sheets, up to [`COUNT_MAX`](crate::cli) in one call, and their lines in the list of issued keys.

use super::Context;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::licence::{IssuedKey, KeyList, LIST_BYTES_MAX, Sheet, SheetKey, SigningKey};
use noroshi_core::licence::Licence;
use noroshi_daemon::home::beside::beside;
use noroshi_daemon::licence::register::replace;
use noroshi_daemon::{entropy, licence};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Between two sheets of one file: each is printed on a page of its own.
const PAGE_END: &str = "\u{c}\n";

/// Issues a sheet for each licence, into one file. Sheets are on disk before the list promises
/// them, and get their name after it.
pub(super) fn issue(
    context: &mut Context,
    signer: &SigningKey,
    licences: Vec<Licence>,
    dir: &Path,
    out: &Path,
) -> Result<Exit, Failure> {
    let list_path = dir.join("licence-keys");
    let mut list = match licence::read(&list_path, LIST_BYTES_MAX as u64) {
        Ok(bytes) => {
            KeyList::parse(&bytes).map_err(|fault| context.text_trouble(&list_path, &fault))?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => KeyList::default(),
        Err(error) => return Err(context.file_trouble(&list_path, &error)),
    };
    let name = name(&licences);
    let target = out.join(&name);
    let new = beside(&target);
    let mut sheets = Vec::with_capacity(licences.len());
    for licence in licences {
        let random =
            entropy::bytes().map_err(|error| context.failure(Exit::Failed, &error.to_string()))?;
        let key = SheetKey::from_random(random);
        list.keys
            .push(IssuedKey::issue(&key, licence.clone(), signer));
        sheets.push(sheet(licence, key));
    }
    let text = list.to_text();
    if text.len() > LIST_BYTES_MAX {
        let shown = list_path.display();
        let text = context.pick(
            format!("{shown}: the list would be larger than {LIST_BYTES_MAX} bytes\nNothing was issued. Begin a new one in another --dir with the same signer's files and --serial."),
            format!("{shown}: 一覧が {LIST_BYTES_MAX} バイトを超えます\n何も発行していません。同じ署名者のファイルを別の --dir に置き、--serial を指定して新しい一覧を作成してください。"),
        );
        return Err(context.failure(Exit::Failed, &text));
    }
    write(&new, &sheets).map_err(|error| context.file_trouble(&new, &error))?;
    let written = replace(&list_path, text.as_bytes(), 0o644);
    written.map_err(|error| context.file_trouble(&list_path, &error))?;
    let named = std::fs::rename(&new, &target).and_then(|()| File::open(out)?.sync_all());
    named.map_err(|error| context.file_trouble(&target, &error))?;
    let (target, list_path) = (
        target.display().to_string(),
        list_path.display().to_string(),
    );
    let (target, list_path) = (escaped(&target), escaped(&list_path));
    let count = sheets.len();
    say!(context.out, "{}", context.language.pick(
        format!("Sheets: {count}: {target} (secret: they hold the keys)\nList of issued keys: {list_path}; customers need it as /etc/noroshi/licence-keys"),
        format!("シート: {count} 枚: {target}（キーを含むため取り扱いに注意してください）\n発行済みキーの一覧: {list_path}。利用者は /etc/noroshi/licence-keys に設置します"),
    ))?;
    Ok(Exit::Done)
}

fn name(licences: &[Licence]) -> String {
    match licences {
        [] => "none.sheets".to_owned(),
        [one] => format!("{}.sheet", one.serial),
        [first, .., last] => format!("{}-{}.sheets", first.serial, last.serial),
    }
}

fn sheet(licence: Licence, key: SheetKey) -> Sheet {
    Sheet {
        product: licence.product,
        kind: licence.kind,
        serial: licence.serial,
        key,
        servers: licence.servers,
        from: licence.from,
        until: licence.until,
    }
}

/// All sheets in one file, so that one sync is enough: ten thousand files would take one each.
fn write(new: &Path, sheets: &[Sheet]) -> io::Result<()> {
    let sheets: Vec<String> = sheets.iter().map(Sheet::to_text).collect();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)?;
    file.write_all(sheets.join(PAGE_END).as_bytes())?;
    file.sync_all()
}
