//! Which steps a server needs, in the order in which they are done: Pacemaker calls the agent when all else stands,
//! and the settings name the engine last.

use super::host::{User, user};
use super::step::Step;
use super::{Context, clp_conf, names};
use crate::command::pacemaker_alert;
use crate::exit::{Exit, Failure};
use noroshi_conf::corosync_conf::CorosyncConf;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The user that Pacemaker calls its agents as.
const PACEMAKERS_USER: &str = "hacluster";
/// The group that may read Pacemaker's state.
const PACEMAKERS_GROUP: &str = "haclient";
/// The user of the unit in the operator's guide.
const SERVICES_USER: &str = "noroshi";

/// The user that the service runs as.
struct Service {
    uid: u32,
    gid: u32,
    /// Nobody in particular where it is root, who may everything already.
    user: Option<User>,
}

/// What a server needs.
pub(super) fn steps(
    context: &Context,
    ring: &CorosyncConf,
    corosync: &Path,
) -> Result<Vec<Step>, Failure> {
    let service = service(context)?;
    let Some(theirs) = user(|one| one.name == PACEMAKERS_USER).map_err(passwd(context))? else {
        let text = context.pick(
            format!("there is no user {PACEMAKERS_USER} here: install Pacemaker first"),
            format!("ユーザ {PACEMAKERS_USER} がありません。先に Pacemaker を導入してください"),
        );
        return Err(context.failure(Exit::NotFound, &text));
    };
    let etc = context.home.etc();
    let mut steps = vec![Step::Data {
        path: context.home.var(),
        uid: service.uid,
        gid: service.gid,
    }];
    if service.user.is_some() {
        let gid = service.gid;
        steps.push(Step::SettingsDir {
            path: etc.clone(),
            gid,
        });
    }
    if !context.home.conf().exists() {
        steps.push(Step::Settings {
            path: etc.join("clp.conf"),
            text: first_settings(context, ring)?,
            gid: service.gid,
        });
    }
    steps.extend(ours(context, &service, theirs.uid, corosync)?);
    if context.home.conf().exists() {
        steps.push(Step::Engine {
            path: context.home.conf(),
            named: names::engine_is_named(context),
        });
    }
    Ok(steps)
}

/// What a setup may have left on a server, the last step first. Corosync's and Pacemaker's files need not be there.
pub(super) fn left_steps(context: &Context, corosync: &Path) -> Result<Vec<Step>, Failure> {
    // Where its data is gone there may be no telling who it was: then the rights went with the user.
    let service = service(context).unwrap_or(Service {
        uid: 0,
        gid: 0,
        user: None,
    });
    let mut steps = ours(context, &service, 0, corosync)?;
    let has_ring = steps.iter().any(|step| matches!(step, Step::Ring { .. }));
    if !has_ring {
        steps.push(Step::Ring {
            path: corosync.join("uidgid.d").join("noroshi"),
            user: User {
                name: SERVICES_USER.into(),
                uid: service.uid,
                gid: service.gid,
            },
        });
    }
    steps.reverse();
    Ok(steps)
}

/// The steps that can be taken back.
fn ours(
    context: &Context,
    service: &Service,
    pacemakers_uid: u32,
    corosync: &Path,
) -> Result<Vec<Step>, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| context.failure(Exit::Failed, &error.to_string()))?;
    if !program.is_file() {
        // Linux says "NAME (deleted)" then, and the link would lead nowhere: Pacemaker would call nothing.
        let shown = program.display();
        let text = context.pick(
            format!("{shown}: this program was replaced while it ran, or removed\nRun the command again."),
            format!("{shown}: 実行中にプログラムが置き換えられたか、削除されました\n再実行してください。"),
        );
        return Err(context.failure(Exit::Failed, &text));
    }
    let agent = program.with_file_name(pacemaker_alert::LINK);
    let mut steps = vec![
        Step::Spool {
            path: context.home.pacemaker(),
            uid: pacemakers_uid,
            gid: service.gid,
        },
        Step::Link {
            path: agent.clone(),
            to: program,
        },
    ];
    if let Some(user) = &service.user {
        steps.push(Step::Member {
            user: user.name.clone(),
            group: PACEMAKERS_GROUP,
        });
        steps.push(Step::Ring {
            path: corosync.join("uidgid.d").join("noroshi"),
            user: user.clone(),
        });
    }
    steps.push(Step::Alert {
        agent,
        dir: context.home.pacemaker(),
    });
    Ok(steps)
}

/// Whoever owns the service's data; before its first start the user of the operator's guide.
fn service(context: &Context) -> Result<Service, Failure> {
    let var = context.home.var();
    let shown = var.display();
    let named = user(|one| one.name == SERVICES_USER).map_err(passwd(context))?;
    let owner = match var.metadata() {
        Ok(found) => Some((found.uid(), found.gid())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(context.failure(Exit::of(error.kind()), &format!("{shown}: {error}")));
        }
    };
    let (text, exit) = match (owner, named) {
        (None, Some(user)) => {
            return Ok(Service {
                uid: user.uid,
                gid: user.gid,
                user: Some(user),
            });
        }
        (Some((0, gid)), None) => {
            return Ok(Service {
                uid: 0,
                gid,
                user: None,
            });
        }
        (None, None) => (
            context.pick(
                format!("there is no user {SERVICES_USER} here, and no {shown}: nobody can tell who runs the service.\nMake the user first: useradd --system --no-create-home --shell /usr/sbin/nologin {SERVICES_USER}"),
                format!("ユーザ {SERVICES_USER} も {shown} もないため、サービスの実行ユーザが分かりません。\n先にユーザを作成してください: useradd --system --no-create-home --shell /usr/sbin/nologin {SERVICES_USER}"),
            ),
            Exit::NotFound,
        ),
        (Some((0, _)), Some(_)) => (
            context.pick(
                format!("{shown} belongs to root, and there is a user {SERVICES_USER}: nobody can tell who runs the service.\nIf it is {SERVICES_USER}: chown -R {SERVICES_USER}: {shown}. If it is root: remove that user."),
                format!("{shown} の所有者は root ですが、ユーザ {SERVICES_USER} もあるため、サービスの実行ユーザが分かりません。\n{SERVICES_USER} で実行する場合: chown -R {SERVICES_USER}: {shown}。root で実行する場合は、このユーザを削除してください。"),
            ),
            Exit::Failed,
        ),
        (Some((uid, gid)), _) => match user(|one| one.uid == uid).map_err(passwd(context))? {
            Some(user) => {
                return Ok(Service {
                    uid,
                    gid,
                    user: Some(user),
                });
            }
            None => (
                context.pick(
                    format!("{shown} belongs to user {uid}, who is not in /etc/passwd.\nThe service's user must be one of this host."),
                    format!("{shown} の所有者 {uid} が /etc/passwd にありません。\nサービスのユーザは、このホストのユーザである必要があります。"),
                ),
                Exit::NotFound,
            ),
        },
    };
    Err(context.failure(exit, &text))
}

fn passwd(context: &Context) -> impl Fn(io::Error) -> Failure {
    move |error| context.failure(Exit::Failed, &format!("/etc/passwd: {error}"))
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
