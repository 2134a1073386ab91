//! `noroshi engine`: set up beside Corosync and Pacemaker, and advise on the ring.

mod advise;
mod clp_conf;
pub(in crate::command) mod host;
mod names;
mod plan;
mod setup;
mod step;

use super::Context;
use crate::cli::engine::Engine;
use crate::exit::{Exit, Failure};
use noroshi_conf::corosync_conf::{self, CorosyncConf};
use std::io::Read;
use std::path::Path;

pub(super) fn run(context: &mut Context, verb: Engine) -> Result<Exit, Failure> {
    match verb {
        Engine::Setup(options) => setup::run(context, &options),
        Engine::Advise(options) => advise::run(context, &options),
    }
}

/// Reads a corosync.conf, bounded.
fn corosync_conf(context: &Context, path: &Path) -> Result<CorosyncConf, Failure> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let limit = u64::try_from(corosync_conf::FILE_BYTES_MAX + 1).unwrap_or(u64::MAX);
    let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    if let Err(error) = read {
        let text = context.pick(
            format!("cannot read {shown}: {error}\nIs Corosync set up on this server?"),
            format!("{shown} を読めません: {error}\nこのサーバに Corosync が設定されているか確認してください。"),
        );
        return Err(context.failure(Exit::of(error.kind()), &text));
    }
    // A comment may be in any charset; Corosync does not mind either.
    corosync_conf::read(&String::from_utf8_lossy(&bytes)).map_err(|why| {
        let text = context.pick(
            format!("{shown} is no corosync.conf as this release reads it: {why}\nMend the file; \"corosync -t\" says whether Corosync takes it. Nothing was done."),
            format!("{shown} を corosync.conf として解釈できません: {why}\nファイルを訂正してください（Corosync での可否は corosync -t で確認できます）。何も実行していません。"),
        );
        context.failure(Exit::Failed, &text)
    })
}
