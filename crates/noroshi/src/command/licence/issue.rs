//! `noroshi licence issue`: a licence file, or sheets.
//!
//! What was issued is never lost, and no serial number is given out twice: the number goes to disk
//! first, then the list, and only then do files for customers get their names.

use super::{Context, batch, signer};
use crate::cli::Issue;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::licence::LicenceFile;
use noroshi_core::licence::{Kind, Licence, Product, Serial};
use noroshi_daemon::licence::register::{lock, replace};
use noroshi_daemon::licence::{self, today};
use std::io;
use std::path::Path;

/// First line of the file with the last serial number.
const VERSION_LINE: &str = "noroshi last licence serial 1";
/// Most bytes of that file.
const BYTES_MAX: u64 = 256;

pub(super) fn run(context: &mut Context, options: &Issue) -> Result<Exit, Failure> {
    let kind = Kind::from(options.kind);
    check_days(context, options, kind)?;
    let key = signer::read(context, &options.dir)?;
    let ledger = options.dir.join("licence-serial");
    let held = lock(&ledger.with_extension("lock"));
    let _held = held.map_err(|error| context.file_trouble(&ledger, &error))?;
    let first = first_serial(context, options, &ledger)?;
    let serials: Vec<Serial> = std::iter::successors(Some(first), |serial| serial.next())
        .take(options.count as usize)
        .collect();
    let last = match serials.last() {
        Some(last) if serials.len() == options.count as usize => *last,
        _ => return Err(exhausted(context)),
    };
    let licence = |serial| Licence {
        product: Product::AlertService,
        kind,
        serial,
        servers: options.servers,
        issued: today(),
        from: options.from,
        until: options.until,
    };
    let licences: Vec<Licence> = serials.into_iter().map(licence).collect();
    let number = format!("{VERSION_LINE}\n{last}\n");
    let written = replace(&ledger, number.as_bytes(), 0o600);
    written.map_err(|error| context.file_trouble(&ledger, &error))?;
    let out = options.out.as_ref().unwrap_or(&options.dir);
    if options.sheet {
        return batch::issue(context, &key, licences, &options.dir, out);
    }
    let path = out.join(format!("{first}.licence"));
    for licence in licences {
        let text = LicenceFile::issue(licence, &key).to_text();
        let written = replace(&path, text.as_bytes(), 0o644);
        written.map_err(|error| context.file_trouble(&path, &error))?;
    }
    let shown = escaped(&path.display().to_string());
    say!(
        context.out,
        "{}: {shown}",
        context.language.pick("Licence file", "ライセンスファイル")
    )?;
    Ok(Exit::Done)
}

fn check_days(context: &Context, options: &Issue, kind: Kind) -> Result<(), Failure> {
    let text = match (kind.ends(), options.from, options.until) {
        (true, _, None) => context.pick(
            "a trial and a term need their last day: --until 2026-12-31",
            "trial と term には最終日が必要です: --until 2026-12-31",
        ),
        (false, _, Some(_)) => context.pick(
            "a product licence does not end: leave --until out, or ask for --kind term",
            "製品版に最終日はありません。--until を除くか、--kind term を指定してください",
        ),
        (_, Some(from), Some(until)) if until < from => context.pick(
            "the last day is before the first",
            "最終日が開始日より前です",
        ),
        (_, _, Some(until)) if until < today() => {
            context.pick("the last day is over already", "最終日が過ぎています")
        }
        _ => return Ok(()),
    };
    Err(context.failure(Exit::Usage, text))
}

/// The serial number to begin with: as asked for, but never one that was given out.
fn first_serial(context: &Context, options: &Issue, ledger: &Path) -> Result<Serial, Failure> {
    let last = match licence::read(ledger, BYTES_MAX) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let mut lines = text.lines();
            let serial = lines
                .next()
                .filter(|line| *line == VERSION_LINE)
                .and_then(|_| Serial::parse(lines.next()?));
            let Some(serial) = serial else {
                let shown = ledger.display();
                let text = context.pick(
                    format!("{shown}: this is no last serial number\nNothing was issued. Write \"{VERSION_LINE}\" and below it the last number that was given out."),
                    format!("{shown}: 最後のシリアル番号ではありません\n何も発行していません。\"{VERSION_LINE}\" の次の行に、最後に発行した番号を記述してください。"),
                );
                return Err(context.failure(Exit::Failed, &text));
            };
            Some(serial)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(context.file_trouble(ledger, &error)),
    };
    match (options.serial, last) {
        (Some(asked), Some(last)) if asked <= last => {
            let text = context.pick(
                format!("serial numbers up to {last} were given out already\nAsk for a later one, or leave --serial out."),
                format!("{last} までのシリアル番号は発行済みです\nそれより後の番号を指定するか、--serial を省略してください。"),
            );
            Err(context.failure(Exit::Failed, &text))
        }
        (Some(asked), _) => Ok(asked),
        (None, None) => Ok(Serial::FIRST),
        (None, Some(last)) => last.next().ok_or_else(|| exhausted(context)),
    }
}

fn exhausted(context: &Context) -> Failure {
    let text = context.pick(
        "there are not enough serial numbers left before ZZZ9999999\nNothing was issued.",
        "ZZZ9999999 までに残っているシリアル番号が足りません\n何も発行していません。",
    );
    context.failure(Exit::Failed, text)
}
