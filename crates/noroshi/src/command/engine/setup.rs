//! `noroshi engine setup corosync`: everything that this server needs beside Corosync and Pacemaker.
//!
//! All of it is looked at first and shown, with what is there already; then it is asked for. A step that fails
//! has the ones before it taken back, so nothing is half applied. Root's work: it makes a directory for another
//! user and changes the cluster's configuration.

use super::step::{Step, user};
use super::{Context, clp_conf, corosync_conf};
use crate::cli::config::{Config, Set, Target};
use crate::cli::engine::Setup;
use crate::command::{config, pacemaker_alert};
use crate::exit::{Exit, Failure};
use crate::print::say;
use noroshi_conf::corosync_conf::CorosyncConf;
use noroshi_conf::document::{Document, ElementPath};
use std::io::{self, BufRead, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The user that Pacemaker calls its agents as.
const PACEMAKERS_USER: &str = "hacluster";
/// The group that may read Pacemaker's state.
const PACEMAKERS_GROUP: &str = "haclient";
/// Where the settings name the engine.
const ENGINE_PATH: &str = "/root/noroshi/engine";

pub(super) fn run(context: &mut Context, options: &Setup) -> Result<Exit, Failure> {
    if !rustix::process::geteuid().is_root() {
        let text = context.pick(
            "not permitted: only root may set the engine up\nRun the command as root.",
            "権限がありません: エンジンの設定は root だけが実行できます。\nroot で実行してください。",
        );
        return Err(context.failure(Exit::Refused, text));
    }
    let ring = corosync_conf(context, &options.corosync.join("corosync.conf"))?;
    let steps = steps(context, &ring, &options.corosync)?;
    let mut looked = Vec::new();
    for step in steps {
        let done = step
            .is_done()
            .map_err(|error| cannot(context, &step, &error))?;
        looked.push((step, done));
    }
    match options.undo {
        true => undo(context, options, looked),
        false => apply(context, options, &ring, looked),
    }
}

fn apply(
    context: &mut Context,
    options: &Setup,
    ring: &CorosyncConf,
    looked: Vec<(Step, bool)>,
) -> Result<Exit, Failure> {
    let fresh = looked
        .iter()
        .any(|(step, done)| matches!(step, Step::Settings { .. }) && !done);
    let named = fresh || names_engine(context);
    if !fresh {
        check_servers(context, ring)?;
    }
    show(context, &looked, |done| !done)?;
    let missing: Vec<&Step> = looked
        .iter()
        .filter(|(_, done)| !done)
        .map(|(step, _)| step)
        .collect();
    if missing.is_empty() && named {
        let text = context.pick("Everything is set up.", "すべて設定済みです。");
        say!(context.out, "{text}")?;
        return Ok(Exit::Done);
    }
    if !agreed(context, options.yes)? {
        return Ok(Exit::Refused);
    }
    let mut done: Vec<&Step> = Vec::new();
    for step in missing {
        if let Err(error) = step.apply() {
            let mut failure = cannot(context, step, &error);
            failure.text.push_str(context.pick(
                "\nWhat was done before it was taken back.",
                "\nそれまでに実行した内容は元に戻しました。",
            ));
            for step in done.iter().rev() {
                if let Err(error) = step.undo() {
                    say!(context.out, "{}", cannot(context, step, &error).text)?;
                }
            }
            return Err(failure);
        }
        done.push(step);
    }
    if !named {
        name_engine(context)?;
    }
    let text = context.pick(
        "Done on this server. Do the same on each other one, then start the service there again (systemctl restart noroshi), and try \"noroshi test mail\".",
        "このサーバの設定が完了しました。他の各サーバでも同じように実行してからサービスを再起動し（systemctl restart noroshi）、noroshi test mail で確認してください。",
    );
    say!(context.out, "{text}")?;
    Ok(Exit::Done)
}

fn undo(
    context: &mut Context,
    options: &Setup,
    mut looked: Vec<(Step, bool)>,
) -> Result<Exit, Failure> {
    looked.retain(|(step, done)| *done && !step.stays());
    looked.reverse();
    show(context, &looked, |done| done)?;
    if looked.is_empty() {
        let text = context.pick(
            "There is nothing to take back.",
            "取り消すものはありません。",
        );
        say!(context.out, "{text}")?;
        return Ok(Exit::Done);
    }
    if !agreed(context, options.yes)? {
        return Ok(Exit::Refused);
    }
    for (step, _) in &looked {
        step.undo().map_err(|error| cannot(context, step, &error))?;
    }
    let text = context.pick(
        "Taken back on this server; clp.conf is as it was. The alert in Pacemaker's configuration was the whole cluster's: no server hears of Pacemaker's events any more. Start the service again.",
        "このサーバの設定を取り消しました。clp.conf は変更していません。Pacemaker の設定のアラートはクラスタ全体のものなので、どのサーバにも Pacemaker のイベントは届かなくなります。サービスを再起動してください。",
    );
    say!(context.out, "{text}")?;
    Ok(Exit::Done)
}

/// What a server needs, in the order in which it is done: Pacemaker calls the agent last of all.
fn steps(context: &Context, ring: &CorosyncConf, corosync: &Path) -> Result<Vec<Step>, Failure> {
    let (var, etc) = (context.home.var(), context.home.etc());
    let owner = var.metadata().map_err(|error| {
        let shown = var.display();
        let text = context.pick(
            format!("{shown}: {error}\nInstall the service first, as the operator's guide says."),
            format!("{shown}: {error}\n先に運用ガイドに従ってサービスを導入してください。"),
        );
        context.failure(Exit::of(error.kind()), &text)
    })?;
    let io = |error: io::Error| context.failure(Exit::Failed, &format!("/etc/passwd: {error}"));
    let Some(theirs) = user(|name, _| name == PACEMAKERS_USER).map_err(io)? else {
        let text = context.pick(
            format!("there is no user {PACEMAKERS_USER} here: install Pacemaker first"),
            format!("ユーザ {PACEMAKERS_USER} がありません。先に Pacemaker を導入してください"),
        );
        return Err(context.failure(Exit::NotFound, &text));
    };
    let ours = user(|_, uid| uid == owner.uid()).map_err(io)?;
    let program = std::env::current_exe()
        .map_err(|error| context.failure(Exit::Failed, &error.to_string()))?;
    let agent = program.with_file_name(pacemaker_alert::LINK);
    let mut steps = vec![
        Step::Passage(var),
        Step::Directory {
            path: context.home.pacemaker(),
            uid: theirs.uid,
            gid: owner.gid(),
        },
        Step::Link {
            path: agent.clone(),
            to: program,
        },
    ];
    // Root may everything already.
    if let Some(ours) = ours.filter(|ours| ours.uid != 0) {
        steps.push(Step::Member {
            user: ours.name.clone(),
            group: PACEMAKERS_GROUP,
        });
        steps.push(Step::Ring {
            path: corosync.join("uidgid.d").join("noroshi"),
            user: ours.name,
        });
    }
    if !context.home.conf().exists() {
        steps.push(Step::Settings {
            path: etc.join("clp.conf"),
            text: first_settings(context, ring)?,
            gid: owner.gid(),
        });
    }
    steps.push(Step::Alert {
        agent,
        dir: context.home.pacemaker(),
    });
    Ok(steps)
}

/// A clp.conf that this release takes; with the engine in it, unless it has none but its own.
fn first_settings(context: &Context, ring: &CorosyncConf) -> Result<String, Failure> {
    let mut last = String::new();
    for engine in [true, false] {
        let made = clp_conf::text(ring, engine, context.language).map_err(|node| {
            let text = context.pick(
                format!("node {node} has no address on link 0 that can be resolved: no interconnect can be made of it"),
                format!("ノード {node} のリンク 0 のアドレスを解決できないため、インタコネクトを設定できません"),
            );
            context.failure(Exit::Failed, &text)
        })?;
        match noroshi_conf::read(made.as_bytes()) {
            Ok(_) => return Ok(made),
            Err(findings) => {
                let lines = findings
                    .iter()
                    .map(|finding| finding.one_line(context.language));
                last = lines.collect::<Vec<_>>().join("\n");
            }
        }
    }
    let text = context.pick(
        format!("no clp.conf can be made of corosync.conf:\n{last}"),
        format!("corosync.conf から clp.conf を作成できません:\n{last}"),
    );
    Err(context.failure(Exit::Failed, &text))
}

/// Groups and nodes are told by their names: those of the ring must be the settings'.
fn check_servers(context: &Context, ring: &CorosyncConf) -> Result<(), Failure> {
    let path = context.home.conf();
    let shown = path.display();
    let bytes = std::fs::read(&path)
        .map_err(|error| context.failure(Exit::of(error.kind()), &format!("{shown}: {error}")))?;
    let parsed = noroshi_conf::read(&bytes).map_err(|findings| {
        let lines = findings
            .iter()
            .map(|finding| finding.one_line(context.language));
        context.failure(Exit::Failed, &lines.collect::<Vec<_>>().join("\n"))
    })?;
    let known = |name: &str| {
        let mut servers = parsed.config.servers.iter();
        servers.any(|server| server.name.eq_ignore_ascii_case(name))
    };
    let missing: Vec<&str> = ring
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .filter(|name| !known(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    let text = context.pick(
        format!("{shown} has no server of the name of these nodes: {missing}\nServers and nodes must have the same names. Nothing was done."),
        format!("{shown} に、次のノードと同じ名前のサーバがありません: {missing}\nサーバ名とノード名を一致させてください。何も実行していません。"),
    );
    Err(context.failure(Exit::NotFound, &text))
}

/// Whether clp.conf names the engine, or this release knows none but its own.
fn names_engine(context: &Context) -> bool {
    let Ok(bytes) = std::fs::read(context.home.conf()) else {
        return true;
    };
    let Ok(mut document) = Document::read(bytes) else {
        return true;
    };
    let Ok(path) = ElementPath::parse(ENGINE_PATH) else {
        return true;
    };
    let named = document
        .get(&path)
        .iter()
        .any(|node| node.value() == "corosync");
    named
        || document.set(&path, "corosync").is_err()
        || noroshi_conf::read(document.bytes()).is_err()
}

/// As `noroshi config set` does it, with the former file kept.
fn name_engine(context: &mut Context) -> Result<(), Failure> {
    let set = Set {
        pairs: vec![ENGINE_PATH.into(), "corosync".into()],
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

fn cannot(context: &Context, step: &Step, error: &io::Error) -> Failure {
    let words = step.words(context.language);
    let first = words.lines().next().unwrap_or_default();
    context.failure(Exit::of(error.kind()), &format!("{first}: {error}"))
}
