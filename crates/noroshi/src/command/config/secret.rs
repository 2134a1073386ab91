//! `noroshi config set-secret PATH`: take a secret without showing it and seal it under the cluster
//! key (rule N18).

use super::{Context, edit, prompt};
use crate::cli::config::SetSecret;
use crate::exit::{Exit, Failure};
use noroshi_conf::document::ElementPath;
use noroshi_daemon::home::secret::SecretError;

pub(super) fn run(context: &mut Context, options: &SetSecret) -> Result<Exit, Failure> {
    let path = context.element_path(&options.path)?;
    let ours = ElementPath::parse("/root/noroshi").is_ok_and(|ours| path.is_below(&ours));
    if !ours || !path.is_secret() {
        let text = context.pick(
            format!("{path}: not a secret of noroshi. Those are password, readcommunity and writecommunity below /root/noroshi; the password of mail server N is /root/noroshi/mail/smtpsrv@N/password."),
            format!("{path}: noroshi の秘密ではありません。指定できるのは /root/noroshi 以下の password, readcommunity, writecommunity です。メールサーバ N のパスワードは /root/noroshi/mail/smtpsrv@N/password に設定してください。"),
        );
        return Err(context.failure(Exit::Refused, &text));
    }
    // A wrong file is told before somebody types a secret in vain.
    drop(context.open(&options.target)?);
    let secret =
        prompt::secret(context.language).map_err(|error| prompt::refused(context, &error))?;
    let mut file = context.open(&options.target)?;
    let failed = |fault| context.edit_failure(&options.path, &fault);
    // The plain secret goes through all checks, in a copy that is never saved.
    let mut plain = file.document.clone();
    plain.set(&path, &secret).map_err(failed)?;
    let node = plain.get(&path)[0];
    let found = noroshi_conf::review::new_findings(&file.before, plain.bytes());
    let own = found.iter().find(|finding| {
        finding.path == node.path() && finding.severity == noroshi_conf::Severity::Error
    });
    if let Some(finding) = own {
        let line = finding.one_line(context.language);
        return Err(context.failure(Exit::Refused, &line));
    }
    let sealed = context
        .home
        .seal_secret(&node.path(), &secret)
        .map_err(|error| not_sealed(context, &error))?;
    file.document.set(&path, &sealed).map_err(failed)?;
    edit::reviewed(context, &file, options.target.allow_warnings)
}

fn not_sealed(context: &Context, error: &SecretError) -> Failure {
    let key = context.home.key();
    let key = key.display();
    let text = match error {
        SecretError::Key(error) => context.pick(
            format!("cannot seal the secret without the cluster key {key}: {error}\nRun the command on a server of the cluster, or make a key with \"noroshi key new\"."),
            format!("クラスタ鍵 {key} がないため暗号化できません: {error}\nクラスタのサーバ上で実行するか、noroshi key new で鍵を作成してください。"),
        ),
        SecretError::Seal(error) => context.pick(
            format!("cannot seal the secret: {error}"),
            format!("秘密を暗号化できません: {error}"),
        ),
    };
    context.failure(Exit::Failed, &text)
}
