//! `clpcfctrl`: a saved set delivered to all servers, fetched, or checked (the manual, chapter 2; rules M27
//! M28 N17).
//!
//! A push checks the set here, hands it to this server's daemon, and has that one ask all living servers.
//! Each of them checks it for itself. Either all take it, or none does and the answer says why.

mod medium;
mod prompt;

use super::{Context, asker};
use crate::cli::Clpcfctrl;
use crate::command::config::saved_set::new_report;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::Severity;
use noroshi_conf::bundle::Bundle;
use noroshi_conf::set::{CONF, REPORT, SCRIPTS, SetFault};
use noroshi_core::node::TAKE_WAIT;
use noroshi_core::request::{Reply, Request};
use noroshi_daemon::sets;

/// What the manual prints at the end, to the letter, in both languages.
const SUCCEEDED: &str = "command succeeded.(code:0)";

pub(super) fn run(context: &mut Context, options: &Clpcfctrl) -> Result<Exit, Failure> {
    if let Some(host) = &options.host {
        only_here(context, host)?;
    }
    if options.pull {
        return pull(context, options);
    }
    let (shown, bundle, scripts) = medium::read(context, options)?;
    let bundle = checked(context, &shown, bundle, scripts, options.nocheck)?;
    if options.push {
        if prompt::needs_shutdown(&bundle) {
            context.out.flush()?;
            prompt::ask(&mut std::io::stdout(), &mut std::io::stdin().lock())
                .map_err(|error| context.failure(Exit::Failed, &error.to_string()))?;
        }
        push(context, &bundle, "clpcfctrl")?;
    }
    say!(context.out, "{SUCCEEDED}")?;
    Ok(Exit::Done)
}

/// Other servers are asked by this one's daemon, not by us.
fn only_here(context: &Context, host: &str) -> Result<(), Failure> {
    let status = context.status()?;
    let server = context.find(&status, host)?;
    if server.own {
        return Ok(());
    }
    let name = &server.name;
    let text = context.pick(
        format!("only this server can be asked; run the command on {name}. A push from any server reaches all"),
        format!("このサーバにしか要求できません。{name} 上で実行してください。どのサーバから配布しても全サーバに届きます"),
    );
    Err(context.failure(Exit::Refused, &text))
}

/// Hands a set to the daemon and has all living servers take it, or none.
///
/// # Errors
/// Why it is in force nowhere; or that this is unknown.
pub(in crate::command) fn push(
    context: &mut Context,
    bundle: &Bundle,
    command: &str,
) -> Result<u64, Failure> {
    let mut client = context.client()?;
    let staged = client
        .stage(&bundle.pack())
        .map_err(|trouble| context.trouble(trouble))?;
    let digest = staged.map_err(|why| {
        let what = context.pick("refused by this server", "このサーバが拒否しました");
        context.failure(Exit::Refused, &format!("{what}: {why}"))
    })?;
    let by = asker(command);
    let reply = context.change(Request::Push {
        digest,
        by,
        // Whoever delivers a set by hand means this one, whatever is in force.
        base: None,
    })?;
    let Reply::Pushed {
        number,
        later,
        silent,
        ..
    } = reply
    else {
        let what = context.pick("an answer to something else", "別の要求への応答です");
        return Err(context.failure(Exit::Unclear, what));
    };
    if !later.is_empty() {
        let later = escaped(&later.join(", "));
        eprintln!(
            "{}",
            context.pick(
                format!("Not in force yet on {later}: taken there when the server is back."),
                format!("{later} ではまだ有効になっていません。サーバの復帰時に反映します。"),
            )
        );
    }
    taken_by_all_at_work(context, number, &silent)?;
    Ok(number)
}

/// A server that agreed, is at work and has not said that the set is in force there: it may be soon, or
/// hindered by its disk. Success was promised for all that are at work.
fn taken_by_all_at_work(context: &Context, number: u64, silent: &[String]) -> Result<(), Failure> {
    if silent.is_empty() {
        return Ok(());
    }
    let silent = silent.join(", ");
    let text = context.pick(
        format!("set {number} is in force, but {silent}, at work, agreed and did not say within {TAKE_WAIT} that it is in force there too\nIt goes on trying: \"noroshi status\" shows when it has the set, \"noroshi alerts\" what hinders it."),
        format!("構成情報 {number} は有効になりましたが、稼働中で同意した {silent} から {TAKE_WAIT} 以内に反映の応答がありません\n反映を繰り返し試みます。反映されたかどうかは noroshi status、妨げている原因は noroshi alerts で確認できます。"),
    );
    Err(context.failure(Exit::Unclear, &text))
}

/// The set, if it may be pushed, with a report of ours.
fn checked(
    context: &mut Context,
    shown: &str,
    mut bundle: Bundle,
    scripts: bool,
    nocheck: bool,
) -> Result<Bundle, Failure> {
    let mut faults = bundle.faults(scripts);
    // What the real product writes into it is not known: it cannot be compared with anything.
    let foreign = faults.iter().position(|it| *it == SetFault::ReportForeign);
    let foreign = foreign.map(|at| faults.remove(at)).is_some();
    let always = [CONF.to_string(), REPORT.to_string(), format!("{SCRIPTS}/")];
    if nocheck {
        faults.retain(|fault| matches!(fault, SetFault::Missing(name) if always.contains(name)));
    }
    if !faults.is_empty() {
        let mut text = context.pick(
            format!("{shown}: the set is not whole; nothing was changed"),
            format!("{shown}: 構成情報の一式に問題があります。何も変更していません"),
        );
        for fault in &faults {
            text.push_str(&format!("\n{}", fault.text(context.language)));
        }
        return Err(context.failure(Exit::Failed, &text));
    }
    settings(context, shown, &bundle)?;
    if foreign || nocheck {
        let report = new_report(bundle.parts());
        bundle.set_report(report.text().into_bytes());
    }
    Ok(bundle)
}

/// All that is wrong with the settings, in one answer.
fn settings(context: &mut Context, shown: &str, bundle: &Bundle) -> Result<(), Failure> {
    let bytes = bundle.file(CONF).unwrap_or_default();
    let home = context.home.clone();
    let mut open = |path: &str, text: &str| home.open_secret(path, text);
    let (findings, sound) = match noroshi_conf::read_with(bytes, &mut open) {
        Ok(parsed) => (parsed.warnings, true),
        Err(findings) => (findings, false),
    };
    if sound {
        for finding in &findings {
            let line = finding.one_line(context.language);
            eprintln!("{}", escaped(&line));
        }
        return Ok(());
    }
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    let mut text = context.pick(
        format!("{shown}: errors in the configuration: {errors}; nothing was changed"),
        format!("{shown}: 構成情報に誤りがあります（{errors} 件）。何も変更していません"),
    );
    for finding in &findings {
        text.push_str(&format!("\n{}", finding.one_line(context.language)));
    }
    Err(context.failure(Exit::Failed, &text))
}

fn pull(context: &mut Context, options: &Clpcfctrl) -> Result<Exit, Failure> {
    let etc = context.home.etc();
    let (mut bundle, _) = sets::read_dir(&etc)
        .map_err(|error| context.about_file(&etc, ("cannot read", "読み込めません"), &error))?;
    if bundle.file(CONF).is_none() {
        let text = SetFault::Missing(CONF.into()).text(context.language);
        let etc = etc.display();
        return Err(context.failure(Exit::NotFound, &format!("{etc}: {text}")));
    }
    if !bundle.faults(true).is_empty() {
        let report = new_report(bundle.parts());
        bundle.set_report(report.text().into_bytes());
    }
    medium::write(context, options, &bundle)?;
    say!(context.out, "{SUCCEEDED}")?;
    Ok(Exit::Done)
}
