//! `noroshi engine setup corosync`: everything that this server needs beside Corosync and Pacemaker.
//!
//! All of it is looked at first and shown, with what is there already; then it is asked for. A step that fails
//! has the ones before it taken back, so nothing is half applied. One at a time on a server, or one would take back
//! what another has found done. Root's work: it makes a directory for another user and changes the cluster's
//! configuration.

use super::step::{Former, Step};
use super::{Context, corosync_conf, names, plan};
use crate::cli::config::{Config, Set, Target};
use crate::cli::engine::Setup;
use crate::command::config;
use crate::exit::{Exit, Failure};
use crate::print::say;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

pub(super) fn run(context: &mut Context, options: &Setup) -> Result<Exit, Failure> {
    if !rustix::process::geteuid().is_root() {
        let text = context.pick(
            "not permitted: only root may set the engine up\nRun the command as root.",
            "権限がありません: エンジンの設定は root だけが実行できます。\nroot で実行してください。",
        );
        return Err(context.failure(Exit::Refused, text));
    }
    match options.undo {
        true => undo(context, options),
        false => apply(context, options),
    }
}

fn apply(context: &mut Context, options: &Setup) -> Result<Exit, Failure> {
    let ring_file = options.corosync.join("corosync.conf");
    let ring = corosync_conf(context, &ring_file)?;
    names::check_nodes(context, &ring, &ring_file)?;
    let _turn = turn(context, &options.corosync)?;
    if context.home.conf().exists() {
        names::check_servers(context, &ring, &ring_file)?;
    }
    let mut looked = Vec::new();
    for step in plan::steps(context, &ring, &options.corosync)? {
        let done = step
            .is_done()
            .map_err(|error| cannot(context, &step, &error))?;
        looked.push((step, done));
    }
    show(context, &looked, |done| !done)?;
    let missing: Vec<&Step> = looked
        .iter()
        .filter(|(_, done)| !done)
        .map(|(step, _)| step)
        .collect();
    if missing.is_empty() {
        let text = context.pick("Everything is set up.", "すべて設定済みです。");
        say!(context.out, "{text}")?;
        return Ok(Exit::Done);
    }
    if !agreed(context, options.yes)? {
        return Ok(Exit::Refused);
    }
    let mut done = Vec::new();
    for step in missing {
        let applied = match step {
            Step::Engine { .. } => name_engine(context).map(|()| Former::Nothing),
            _ => step.apply().map_err(|error| cannot(context, step, &error)),
        };
        match applied {
            Ok(former) => done.push((step, former)),
            Err(mut failure) => {
                failure.text.push_str(&taken_back(context, &done));
                return Err(failure);
            }
        }
    }
    let text = what_is_next(context);
    say!(context.out, "{text}")?;
    Ok(Exit::Done)
}

/// What the administrator does after it. Before the first key there is no service that could start again.
fn what_is_next(context: &Context) -> &'static str {
    if context.home.key().exists() {
        return context.pick(
            "Done on this server. Do the same on each other one, then start the service there again (systemctl restart noroshi), and try \"noroshi test mail\".",
            "このサーバの設定が完了しました。他の各サーバでも同じように実行してからサービスを再起動し（systemctl restart noroshi）、noroshi test mail で確認してください。",
        );
    }
    context.pick(
        "Done on this server. Do the same on each other one. Then, on one of them:\n  \
         noroshi config set /root/cluster/mail/address ADDRESS    (who gets the mails)\n  \
         noroshi key new\n\
         Copy /etc/noroshi from there to the others, with owners and modes; start the service on every server (systemctl enable --now noroshi), and try \"noroshi test mail\".",
        "このサーバの設定が完了しました。他の各サーバでも同じように実行してください。続いて、そのうちの一台で次を実行します:\n  \
         noroshi config set /root/cluster/mail/address アドレス    （メールの宛先）\n  \
         noroshi key new\n\
         そのサーバの /etc/noroshi を所有者とモードを保って他のサーバにコピーし、全サーバでサービスを起動して（systemctl enable --now noroshi）、noroshi test mail で確認してください。",
    )
}

/// Keeps others from setting this server up, or taking that back, as long as it lives: a lock on Corosync's directory,
/// which every such server has. Nothing where that is gone.
fn turn(context: &Context, corosync: &Path) -> Result<Option<File>, Failure> {
    let shown = corosync.display();
    let failed =
        |error: io::Error| context.failure(Exit::of(error.kind()), &format!("{shown}: {error}"));
    let directory = match File::open(corosync) {
        Ok(directory) => directory,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(directory)),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let text = context.pick(
                "another \"noroshi engine setup\" is at work on this server, or waits for its answer. Nothing was done.\nLet it end, then run the command again.",
                "このサーバでは別の noroshi engine setup が実行中か、確認の入力を待っています。何も実行していません。\n終了してから再実行してください。",
            );
            Err(context.failure(Exit::Refused, text))
        }
        Err(error) => Err(failed(error.into())),
    }
}

/// Takes back what was done, the last first; says what became of each.
fn taken_back(context: &Context, done: &[(&Step, Former)]) -> String {
    let mut text = context
        .pick("\nNothing else was done.", "\n他には何も実行していません。")
        .to_owned();
    if !done.is_empty() {
        text = context
            .pick("\nTaken back:", "\n元に戻しました:")
            .to_owned();
    }
    for (step, former) in done.iter().rev() {
        text.push_str("\n  ");
        match step.restore(former) {
            Ok(()) => text.push_str(&name(context, step)),
            Err(error) => {
                let what = context.pick("NOT TAKEN BACK", "元に戻せません");
                text.push_str(&format!("{what}: {}", cannot(context, step, &error).text));
            }
        }
    }
    text
}

/// As much as can be: what cannot is named at the end.
fn undo(context: &mut Context, options: &Setup) -> Result<Exit, Failure> {
    let _turn = turn(context, &options.corosync)?;
    let mut there = Vec::new();
    let mut failures = Vec::new();
    for step in plan::left_steps(context, &options.corosync)? {
        match step.is_there() {
            Ok(true) => there.push((step, true)),
            Ok(false) => {}
            Err(error) => failures.push(cannot(context, &step, &error)),
        }
    }
    show(context, &there, |done| done)?;
    if there.is_empty() && failures.is_empty() {
        let text = context.pick(
            "There is nothing to take back.",
            "取り消すものはありません。",
        );
        say!(context.out, "{text}")?;
        return Ok(Exit::Done);
    }
    if !there.is_empty() && !agreed(context, options.yes)? {
        return Ok(Exit::Refused);
    }
    for (step, _) in &there {
        if let Err(error) = step.undo() {
            failures.push(cannot(context, step, &error));
        }
    }
    if let Some(mut failure) = failures.pop() {
        for more in failures.into_iter().rev() {
            failure.text = format!("{}\n{}", more.text, failure.text);
        }
        failure.text.push_str(context.pick(
            "\nThe rest was taken back. Run the command again for this.",
            "\n他は取り消しました。これについては再実行してください。",
        ));
        return Err(failure);
    }
    let text = context.pick(
        "Taken back on this server; clp.conf is as it was. The alert in Pacemaker's configuration was the whole cluster's: no server hears of Pacemaker's events any more. Start the service again.",
        "このサーバの設定を取り消しました。clp.conf は変更していません。Pacemaker の設定のアラートはクラスタ全体のものなので、どのサーバにも Pacemaker のイベントは届かなくなります。サービスを再起動してください。",
    );
    say!(context.out, "{text}")?;
    if names::is_corosync_named(context) {
        let text = context.pick(
            "clp.conf still names the engine corosync, which lets the service in no more: on every server it would be blind to faults. For heartbeats of its own: noroshi config set /root/noroshi/engine embedded, then deliver that to all servers (clpcfctrl --push).",
            "clp.conf のエンジンは corosync のままです。Corosync に接続できないサービスは障害を検出できません。独自のハートビートに戻すには、noroshi config set /root/noroshi/engine embedded を実行し、全サーバに配信してください（clpcfctrl --push）。",
        );
        say!(context.out, "{text}")?;
    }
    Ok(Exit::Done)
}

/// As `noroshi config set` does it, with the former file kept.
fn name_engine(context: &mut Context) -> Result<(), Failure> {
    let set = Set {
        pairs: vec![names::ENGINE_PATH.into(), "corosync".into()],
        target: Target {
            file: None,
            allow_warnings: true,
        },
    };
    config::run(context, Config::Set(set)).map(drop)
}

fn show(
    context: &mut Context,
    looked: &[(Step, bool)],
    is_todo: impl Fn(bool) -> bool,
) -> Result<(), Failure> {
    for (step, done) in looked {
        let words = step.words(context.language);
        let (first, rest) = words.split_once('\n').unwrap_or((&words, ""));
        let mark = match is_todo(*done) {
            true => context.pick("[to do]", "[これから]"),
            false => context.pick("[there] ", "[設定済み]"),
        };
        say!(context.out, "{mark} {first}")?;
        if is_todo(*done) {
            for line in rest.lines() {
                say!(context.out, "          {line}")?;
            }
        }
    }
    Ok(())
}

/// Asks, unless that was said before; without a terminal nobody can be asked.
fn agreed(context: &mut Context, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    let input = io::stdin();
    if !input.is_terminal() {
        let text = context.pick(
            "nobody can be asked here: say --yes to have it done. Nothing was done.",
            "確認を求められない環境です。実行するには --yes を指定してください。何も実行していません。",
        );
        return Err(context.failure(Exit::Usage, text));
    }
    let question = context.pick("Do this? [y/N]", "実行しますか? [y/N]");
    say!(context.out, "{question}")?;
    context.out.flush()?;
    let mut answer = String::new();
    let read = input.lock().read_line(&mut answer);
    let agreed =
        read.is_ok() && ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str());
    if !agreed {
        let text = context.pick("Nothing was done.", "何も実行していません。");
        say!(context.out, "{text}")?;
    }
    Ok(agreed)
}

/// The first line of a step's words.
fn name(context: &Context, step: &Step) -> String {
    let words = step.words(context.language);
    words.lines().next().unwrap_or_default().to_owned()
}

fn cannot(context: &Context, step: &Step, error: &io::Error) -> Failure {
    let (name, mut remedy) = (name(context, step), step.remedy(context.language));
    if error.kind() == io::ErrorKind::TimedOut {
        remedy = context.pick(
            "Corosync or Pacemaker hangs, or is electing: look at \"systemctl status corosync pacemaker\" and \"crm_mon -1\" on this server, then run the command again.",
            "Corosync か Pacemaker が応答しないか、選出の途中です。このサーバで systemctl status corosync pacemaker と crm_mon -1 を確認してから再実行してください。",
        );
    }
    context.failure(
        Exit::of(error.kind()),
        &format!("{name}: {error}\n{remedy}"),
    )
}
