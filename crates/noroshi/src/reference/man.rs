//! `noroshi man`: a page for each command, in English and Japanese.
//!
//! `clap_mangen` makes the parts that a definition holds. What it does not know, exit codes,
//! environment and files, is added here, descriptions and examples come from [`super::manual`], and its
//! headings are put into Japanese.

use super::commands::own_subcommands;
use super::manual::{Manual, inlines, manual};
use super::{LANGUAGES, write};
use crate::cli::reference::Man;
use crate::cli::{Tongue, executables, is_of_licences, named};
use crate::command::Context;
use crate::exit::{self, Exit, Failure};
use crate::print::say;
use clap::{Arg, Command};
use clap_mangen::roff::{Roff, bold, roman};
use noroshi_core::text::Language;
use std::io;

/// Section of the manual: commands for administrators.
const SECTION: &str = "8";

/// Headings in English and Japanese.
const HEADINGS: [(&str, &str); 3] = [
    ("NAME", "名前"),
    ("SYNOPSIS", "書式"),
    ("OPTIONS", "オプション"),
];

/// Variables of the environment.
const ENVIRONMENT: [(&str, &str, &str); 4] = [
    (
        "NOROSHI_HOME",
        "Directory with everything of one server, as --home names it.",
        "一台のサーバのディレクトリ（--home と同じ）。",
    ),
    (
        "NOROSHI_SERVER",
        "Name of this server in clp.conf, as noroshi daemon --server names it.",
        "clp.conf でのこのサーバの名前（noroshi daemon --server と同じ）。",
    ),
    (
        "NOROSHI_LANG, LC_ALL, LC_MESSAGES, LANG",
        "Language, the first that is set: Japanese where it begins with ja, else English.",
        "言語。最初に設定されているものを使用し、ja で始まれば日本語、それ以外は英語になります。",
    ),
    (
        "TZ",
        "Time zone of the times that are printed.",
        "表示する時刻のタイムゾーン。",
    ),
];

/// Files, in the default places.
const FILES: [(&str, &str, &str); 5] = [
    (
        "/etc/noroshi/clp.conf",
        "The settings, the same on every server.",
        "構成情報。全サーバで同じものを使用します。",
    ),
    (
        "/etc/noroshi/cluster.key",
        "The cluster key, the same on every server and secret.",
        "クラスタ鍵。全サーバで同じものを使用し、秘密にします。",
    ),
    (
        "/var/lib/noroshi",
        "The alert store.",
        "アラートの保存領域。",
    ),
    ("/var/log/noroshi", "The logs.", "ログ。"),
    (
        "/run/noroshi/noroshi.sock",
        "The socket by which commands ask the alert service.",
        "コマンドがアラートサービスと通信するソケット。",
    ),
];

/// A page, such as `noroshi-config-set`.
struct Page {
    name: String,
    text: Vec<u8>,
}

pub(super) fn run(
    context: &mut Context,
    options: &Man,
    asked: Option<Tongue>,
) -> Result<Exit, Failure> {
    if let Some(dir) = &options.dir {
        let all = asked.is_none();
        for language in LANGUAGES {
            if !all && language != context.language {
                continue;
            }
            let dir = match language {
                Language::En => dir.join("man8"),
                Language::Ja => dir.join("ja/man8"),
            };
            for page in made(context, language)? {
                let file = format!("{}.{SECTION}", page.name);
                write(context, &dir.join(file), &page.text)?;
            }
        }
        return Ok(Exit::Done);
    }
    let pages = made(context, context.language)?;
    let mut meant = pages.iter();
    let Some(page) = meant.find(|page| is_meant(page, &options.command)) else {
        let wanted = options.command.join(" ");
        let text = context.pick(
            format!("there is no command {wanted}; \"noroshi commands\" lists them"),
            format!("コマンド {wanted} はありません。noroshi commands で一覧表示できます"),
        );
        return Err(context.failure(Exit::NotFound, &text));
    };
    say!(
        context.out,
        "{}",
        String::from_utf8_lossy(&page.text).trim_end()
    )?;
    Ok(Exit::Done)
}

/// Whether `page` is the one meant: `config set`, `noroshi config set` and `noroshi-config-set` are one.
fn is_meant(page: &Page, words: &[String]) -> bool {
    let wanted = words.join("-");
    let below = wanted.strip_prefix("noroshi-").unwrap_or(&wanted);
    match below {
        "" | "noroshi" => page.name == "noroshi",
        _ => page.name == below || page.name.strip_prefix("noroshi-") == Some(below),
    }
}

fn made(context: &Context, language: Language) -> Result<Vec<Page>, Failure> {
    pages(language).map_err(|error| context.failure(Exit::Failed, &error.to_string()))
}

/// The pages of all commands.
fn pages(language: Language) -> io::Result<Vec<Page>> {
    let mut pages = Vec::new();
    for mut command in executables(language) {
        command.build();
        let licences = is_of_licences(command.get_name());
        add(&mut pages, &command, language, licences)?;
    }
    Ok(pages)
}

fn add(
    pages: &mut Vec<Page>,
    command: &Command,
    language: Language,
    licences: bool,
) -> io::Result<()> {
    pages.push(Page {
        name: page_name(command),
        text: page(command, language, licences)?,
    });
    for sub in own_subcommands(command) {
        let licences = licences || is_of_licences(sub.get_name());
        add(pages, sub, language, licences)?;
    }
    Ok(())
}

fn page(command: &Command, language: Language, licences: bool) -> io::Result<Vec<u8>> {
    let name = page_name(command);
    let man = clap_mangen::Man::new(readied(command, language));
    let mut text = title(&name, language).into_bytes();
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    let said = manual(&name, language);
    description(&said, language).to_writer(&mut text)?;
    man.render_options_section(&mut text)?;
    let mut rest = Roff::new();
    subcommands(&mut rest, command, language);
    exit_codes(&mut rest, language, licences);
    let row =
        |row: &(&'static str, &'static str, &'static str)| (row.0, language.pick(row.1, row.2));
    let environment = ENVIRONMENT.iter().map(row);
    table(
        &mut rest,
        language.pick("ENVIRONMENT", "環境変数"),
        environment,
    );
    let files = said.files.iter().copied().chain(FILES.iter().map(row));
    table(&mut rest, language.pick("FILES", "ファイル"), files);
    let examples = said.examples.iter().copied();
    table(&mut rest, language.pick("EXAMPLES", "例"), examples);
    see_also(&mut rest, &said, &name, language);
    rest.to_writer(&mut text)?;
    Ok(match language {
        Language::En => text,
        Language::Ja => with_japanese_headings(&String::from_utf8_lossy(&text)).into_bytes(),
    })
}

/// The first line: title, section, no date (a build has none), origin.
fn title(name: &str, language: Language) -> String {
    let manual = language.pick("noroshi", "狼煙");
    let version = env!("CARGO_PKG_VERSION");
    let name = name.to_uppercase();
    format!(".TH {name} {SECTION} \"\" \"noroshi {version}\" \"{manual}\"\n")
}

/// `command` with what `clap_mangen` would leave out or set badly: values in the synopsis, lists of
/// possible values.
fn readied(command: &Command, language: Language) -> Command {
    let about = command.get_about().map(ToString::to_string);
    let about = about.unwrap_or_default();
    let own = ["noroshi: ", "狼煙: "];
    let about = own
        .iter()
        .find_map(|name| about.strip_prefix(name))
        .unwrap_or(&about)
        .to_owned();
    let arg = |arg: Arg| {
        let possible = arg.get_possible_values();
        if language == Language::Ja || !arg.get_action().takes_values() || possible.is_empty() {
            return arg;
        }
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let words: Vec<&str> = possible.iter().map(|value| value.get_name()).collect();
        let help = format!("{help} [possible values: {}]", words.join(", "));
        arg.help(help).hide_possible_values(true)
    };
    command
        .clone()
        .about(about)
        .override_usage(synopsis(command))
        .mut_args(arg)
}

/// All that the command takes, on one line.
fn synopsis(command: &Command) -> String {
    let mut words = vec![bin_name(command).to_owned()];
    let shown = |arg: &&Arg| !arg.is_hide_set();
    let grouped: Vec<&str> = command
        .get_groups()
        .filter(|group| group.is_required_set())
        .flat_map(|group| group.get_args().map(clap::Id::as_str))
        .collect();
    for group in command.get_groups().filter(|group| group.is_required_set()) {
        let members = group.get_args().map(clap::Id::as_str);
        let members =
            members.filter_map(|id| command.get_arguments().find(|arg| arg.get_id() == id));
        let members: Vec<String> = members.map(form).collect();
        words.push(format!("{{{}}}", members.join(" | ")));
    }
    let (places, options): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(shown)
        .filter(|arg| !grouped.contains(&arg.get_id().as_str()))
        .partition(|arg| arg.is_positional());
    for arg in options.into_iter().chain(places) {
        let form = form(arg);
        words.push(match arg.is_required_set() {
            true => form,
            false => format!("[{form}]"),
        });
    }
    if command.has_subcommands() {
        words.push("COMMAND ...".into());
    }
    words.join(" ")
}

/// An argument as it is typed: `-h SERVER`.
fn form(arg: &Arg) -> String {
    let count = arg.get_num_args().unwrap_or_default();
    let names = arg.get_value_names().unwrap_or_default();
    let many = if count.max_values() > names.len().max(1) {
        "..."
    } else {
        ""
    };
    let value = format!("{}{many}", names.join(" "));
    let option = match (arg.get_short(), arg.get_long()) {
        (Some(short), _) => format!("-{short}"),
        (None, Some(long)) => format!("--{long}"),
        (None, None) => return value,
    };
    match (count.takes_values(), count.min_values()) {
        (false, _) => option,
        (true, 0) => format!("{option} [{value}]"),
        (true, _) => format!("{option} {value}"),
    }
}

fn bin_name(command: &Command) -> &str {
    command.get_bin_name().unwrap_or(command.get_name())
}

fn subcommands(roff: &mut Roff, command: &Command, language: Language) {
    let subs: Vec<&Command> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .collect();
    if subs.is_empty() {
        return;
    }
    roff.control("SH", [language.pick("COMMANDS", "コマンド")]);
    for sub in subs {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        roff.control("TP", []);
        roff.text([bold(page_name(sub)), roman(format!("({SECTION})"))]);
        roff.text([roman(about)]);
    }
}

/// The name of the page of `command`: of the product's commands there is one page each.
fn page_name(command: &Command) -> String {
    match named(command.get_name()) {
        Some(_) => command.get_name().to_owned(),
        None => bin_name(command).replace(' ', "-"),
    }
}

fn exit_codes(roff: &mut Roff, language: Language, licences: bool) {
    roff.control("SH", [language.pick("EXIT STATUS", "終了コード")]);
    for (code, meaning) in exit::rows(language, licences) {
        roff.control("TP", []);
        roff.text([bold(code.to_string())]);
        roff.text([roman(meaning)]);
    }
}

fn description(said: &Manual, language: Language) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [language.pick("DESCRIPTION", "説明")]);
    for (at, paragraph) in said.description.iter().enumerate() {
        if at > 0 {
            roff.control("PP", []);
        }
        roff.text(inlines(paragraph));
    }
    roff
}

fn table<'a>(roff: &mut Roff, heading: &str, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    roff.control("SH", [heading]);
    for (name, text) in rows {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text(inlines(text));
    }
}

/// The pages that belong to this one, and the one that lists all.
fn see_also(roff: &mut Roff, said: &Manual, own: &str, language: Language) {
    roff.control("SH", [language.pick("SEE ALSO", "関連項目")]);
    let all = ["noroshi"].into_iter().filter(|name| *name != own);
    let mut words = Vec::new();
    for name in said.see_also.iter().copied().chain(all) {
        if !words.is_empty() {
            words.push(roman(", "));
        }
        words.extend([bold(name), roman(format!("({SECTION})"))]);
    }
    roff.text(words);
}

fn with_japanese_headings(text: &str) -> String {
    let line = |line: &str| {
        let heading = HEADINGS
            .iter()
            .find(|row| line.strip_prefix(".SH ") == Some(row.0));
        heading.map_or_else(|| line.to_owned(), |row| format!(".SH {}", row.1))
    };
    let lines: Vec<String> = text.lines().map(line).collect();
    lines.join("\n") + "\n"
}

/// The names of all pages.
#[cfg(test)]
pub(super) fn page_names() -> Vec<String> {
    let pages = pages(Language::En).unwrap();
    pages.into_iter().map(|page| page.name).collect()
}
