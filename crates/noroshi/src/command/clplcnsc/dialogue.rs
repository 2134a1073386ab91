//! `clplcnsc -i -p ID`: asks for serial number and key, with the questions of the manual to the
//! letter (rule M22), in both languages.
//!
//! On a terminal a wrong answer is asked for again, [`ASK_MAX`] times at most. On a pipe the first
//! wrong answer ends it: what follows would be taken for the answer to another question.

use super::register::{self, Ground};
use super::{Context, Failure};
use crate::exit::Exit;
use noroshi_conf::licence::{Evidence, IssuedKey, KeyError, KeyList, LIST_BYTES_MAX, SheetKey};
use noroshi_core::licence::{Kind, Serial};
use noroshi_daemon::licence;
use std::io::{self, BufRead, IsTerminal, Read, Write};

/// How often one question is asked.
const ASK_MAX: u32 = 3;
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 1_024;

const VERSION: &str = "Software license\n 1 Product version\n 2 Trial version\nSelect the license version [1 or 2]...";
const SERIAL: &str = "Enter serial number [ Ex. XXX0000000] ...";
const KEY: &str = "Enter license key\n [XXXXXXXX- XXXXXXXX- XXXXXXXX- XXXXXXXX] ...";

pub(super) fn run(context: &mut Context) -> Result<Exit, Failure> {
    let ground = register::ground(context)?;
    let list = issued(context)?;
    let trial = ask(context, VERSION, |answer| match answer.trim() {
        "1" => Ok(false),
        "2" => Ok(true),
        _ => Err(("answer 1 or 2", "1 か 2 を入力してください")),
    })?;
    let serial = ask(context, SERIAL, read_serial)?;
    let key = ask(context, KEY, read_key)?;
    let issued = of_list(context, list, trial, serial, &key)?;
    found(context, &ground, issued)
}

/// What is wrong with an answer, in both languages.
type Words = (&'static str, &'static str);

/// # Errors
/// When it is no serial number.
pub(crate) fn read_serial(answer: &str) -> Result<Serial, Words> {
    Serial::parse(answer.trim()).ok_or((
        "a serial number has three capital letters and seven digits; letter case matters",
        "シリアル番号は英大文字 3 字と数字 7 桁です。大文字と小文字を区別します",
    ))
}

/// # Errors
/// When it is no key.
pub(crate) fn read_key(answer: &str) -> Result<SheetKey, Words> {
    SheetKey::parse(answer).map_err(|error| match error {
        KeyError::Groups => (
            "a key has four groups of eight characters with hyphens between them",
            "キーは 8 文字ずつ 4 組で、間にハイフンが入ります",
        ),
        KeyError::Alphabet => (
            "there is a character that keys do not have: no 0, 1, I, O, l or o",
            "キーに使われない文字があります（0, 1, I, O, l, o は使われません）",
        ),
        KeyError::Check => (
            "the key is mistyped; letter case matters",
            "キーの入力に誤りがあります。大文字と小文字を区別します",
        ),
    })
}

/// The issued key that was typed.
///
/// # Errors
/// When the list has no such one.
pub(crate) fn of_list(
    context: &Context,
    list: KeyList,
    trial: bool,
    serial: Serial,
    key: &SheetKey,
) -> Result<IssuedKey, Failure> {
    let mut keys = list.keys.into_iter();
    keys.find(|issued| fits(issued, trial, serial, key)).ok_or_else(|| {
        let text = context.pick(
            "no such serial number and key were issued for this version, or the list of issued keys is older than the sheet\nCompare with the sheet; for a new sheet get a new list. Nothing was registered.",
            "この種類、シリアル番号、キーの組は発行されていないか、発行済みキーの一覧がシートより古いものです\nシートと照合してください。新しいシートには新しい一覧が必要です。何も登録していません。",
        );
        context.failure(Exit::NotIssued, text)
    })
}

fn found(context: &mut Context, ground: &Ground, issued: IssuedKey) -> Result<Exit, Failure> {
    let shown = context.home.licence_keys().display().to_string();
    register::said(context, ground, &shown, Evidence::Key(issued))
}

/// Whether an issued key is the one that was typed. A term counts as a product version, as there
/// are only two to choose from.
fn fits(issued: &IssuedKey, trial: bool, serial: Serial, key: &SheetKey) -> bool {
    issued.digest == key.digest()
        && issued.licence.serial == serial
        && (issued.licence.kind == Kind::Trial) == trial
}

/// The list of issued keys.
///
/// # Errors
/// When there is none that can be read.
pub(crate) fn issued(context: &Context) -> Result<KeyList, Failure> {
    let path = context.home.licence_keys();
    let bytes = licence::read(&path, LIST_BYTES_MAX as u64).map_err(|error| {
        let mut failure = context.file_trouble(&path, &error);
        if error.kind() == io::ErrorKind::NotFound {
            let text = context.pick(
                format!("the list of issued keys is missing: {}\nPut the list there that came with the sheet, or register a licence file: clplcnsc -i FILE -p ALRT10", path.display()),
                format!("発行済みキーの一覧がありません: {}\nシートに付属する一覧をここに置くか、ライセンスファイルを登録してください: clplcnsc -i FILE -p ALRT10", path.display()),
            );
            failure = context.failure(Exit::NotFound, &text);
        }
        failure
    })?;
    KeyList::parse(&bytes).map_err(|fault| context.text_trouble(&path, &fault))
}

/// Asks until the answer is good. No answer is ever shown: it may hold a key.
fn ask<T>(
    context: &Context,
    question: &str,
    read: impl Fn(&str) -> Result<T, (&'static str, &'static str)>,
) -> Result<T, Failure> {
    let mut asked = 0;
    loop {
        asked += 1;
        let answer = answer(context, question)?;
        let (en, ja) = match read(&answer) {
            Ok(value) => return Ok(value),
            Err(words) => words,
        };
        let what = context.pick(en, ja);
        if !io::stdin().is_terminal() || asked == ASK_MAX {
            let nothing = context.pick("Nothing was registered.", "何も登録していません。");
            return Err(context.failure(Exit::Usage, &format!("{what}\n{nothing}")));
        }
        // A closed terminal shows itself at the next question.
        let _ = writeln!(io::stderr(), "{}: {what}", context.name);
    }
}

fn answer(context: &Context, question: &str) -> Result<String, Failure> {
    let trouble = |error: io::Error| context.failure(Exit::Failed, &error.to_string());
    let mut out = io::stdout();
    let shown = out
        .write_all(question.as_bytes())
        .and_then(|()| out.flush());
    shown.map_err(trouble)?;
    let mut line = Vec::new();
    let read = io::stdin()
        .lock()
        .take(ANSWER_BYTES_MAX)
        .read_until(b'\n', &mut line);
    read.map_err(trouble)?;
    if !io::stdin().is_terminal() {
        // What the echo of a terminal would have done.
        writeln!(out).map_err(trouble)?;
    }
    if line.is_empty() {
        let text = context.pick(
            "the input ended before the last answer\nNothing was registered.",
            "すべての回答の前に入力が終わりました\n何も登録していません。",
        );
        return Err(context.failure(Exit::Usage, text));
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}
