//! `clplcnsc`: register, list and remove licences (the manual, chapter 1; rules M21 to M24).
//!
//! It changes this server's register (`var/licences`) and has its daemon tell the other servers. What must be wrong before anything is
//! changed is looked for first; a registered licence that does not count yet, or not enough, is
//! said with an exit code of its own after `Command succeeded`.

pub(crate) mod dialogue;
pub(crate) mod list;
pub(crate) mod register;
pub(crate) mod remove;
mod spread;

use super::Context;
use super::licence::{day_words, kind_words};
use crate::cli::Clplcnsc;
use crate::exit::{Exit, Failure};
use noroshi_conf::charset::FILE_BYTES_MAX;
use noroshi_conf::licence::Signers;
use noroshi_core::config::Config;
use noroshi_core::licence::Product;
use noroshi_daemon::licence::{self, LicenceError, Trust};
use std::os::unix::fs::MetadataExt;

pub(super) fn run(context: &mut Context, options: Clplcnsc) -> Result<Exit, Failure> {
    permitted(context)?;
    if let Some(id) = &options.product
        && Product::from_id(id).is_none()
    {
        let text = context.pick(
            format!("unknown product: {id}\nThe product id of this product is ALRT10; letter case matters."),
            format!("不明な製品です: {id}\nこの製品の製品 ID は ALRT10 です（大文字と小文字を区別します）。"),
        );
        return Err(context.failure(Exit::UnknownProduct, &text));
    }
    if options.list {
        return list::run(context, options.json);
    }
    match (options.register, options.delete) {
        (_, Some(serial)) => remove::run(context, serial),
        (Some(Some(file)), _) => register::file(context, &file),
        _ => dialogue::run(context),
    }
}

/// Root, or the user that the alert service runs as.
fn permitted(context: &Context) -> Result<(), Failure> {
    let user = rustix::process::geteuid();
    let owner = context.home.var().metadata().map(|var| var.uid());
    if user.is_root() || owner.is_ok_and(|owner| owner == user.as_raw()) {
        return Ok(());
    }
    let text = context.pick(
        "not permitted: only root and the user of the alert service handle licences\nRun the command as root.",
        "権限がありません: ライセンスを扱えるのは root とアラートサービスの実行ユーザだけです。\nroot で実行してください。",
    );
    Err(context.failure(Exit::Refused, text))
}

impl Context {
    /// The settings of the cluster that licences are for.
    fn cluster(&self) -> Result<Config, Failure> {
        let path = self.home.conf();
        let no_cluster = |why: String| {
            let text = self.pick(
                format!("the cluster has not been created: {why}\nCreate it first; a licence is registered for a cluster. See \"noroshi check\"."),
                format!("クラスタが作成されていません: {why}\n先にクラスタを作成してください。noroshi check で確認できます。"),
            );
            self.failure(Exit::NoCluster, &text)
        };
        let bytes = licence::read(&path, FILE_BYTES_MAX as u64)
            .map_err(|error| no_cluster(format!("{}: {error}", path.display())))?;
        match noroshi_conf::read(&bytes) {
            Ok(parsed) => Ok(parsed.config),
            Err(findings) => {
                let first = findings.first().map(|one| one.one_line(self.language));
                Err(no_cluster(first.unwrap_or_default()))
            }
        }
    }

    /// Whose licences are taken; `None` when none is needed.
    fn signers(&self) -> Result<Option<Signers>, Failure> {
        match licence::trust(&self.home) {
            Ok(Trust::Signers(signers)) => Ok(Some(signers)),
            Ok(Trust::NotNeeded) => Ok(None),
            Err(error) => Err(self.failure(Exit::Failed, &error.text(self.language))),
        }
    }
}

/// What a change of the register can end with, before it is put in words.
enum Stop {
    Trouble(LicenceError),
    Said(Failure),
}

impl From<LicenceError> for Stop {
    fn from(error: LicenceError) -> Stop {
        Stop::Trouble(error)
    }
}

impl Stop {
    fn told(self, context: &Context) -> Failure {
        match self {
            Stop::Said(failure) => failure,
            Stop::Trouble(error) => {
                let what = context.pick(
                    "cannot use the register of licences; nothing was changed",
                    "ライセンスの登録簿を使用できません。何も変更していません",
                );
                let text = format!("{what}: {}", error.text(context.language));
                context.failure(Exit::Failed, &text)
            }
        }
    }
}
