//! `noroshi licence signer new`, and the issuer's private key.

use super::Context;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::licence::SigningKey;
use noroshi_daemon::licence::register::replace;
use noroshi_daemon::{entropy, licence};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most bytes of a private key's file.
const BYTES_MAX: u64 = 16 * 1024;

fn private(dir: &Path) -> PathBuf {
    dir.join("licence-signer.key")
}

pub(super) fn new(context: &mut Context, dir: &Path) -> Result<Exit, Failure> {
    let (private, public) = (private(dir), dir.join("licence-signer.pub"));
    for path in [&private, &public] {
        if path.symlink_metadata().is_ok() {
            let shown = path.display();
            let text = context.pick(
                format!("there is a key already: {shown}\nIt was left as it is: licences that it signed would not be trusted any more. Choose another directory with --dir."),
                format!("鍵は既にあります: {shown}\n置き換えるとこれまでのライセンスが無効になるため、変更していません。--dir で別のディレクトリを指定してください。"),
            );
            return Err(context.failure(Exit::Failed, &text));
        }
    }
    let key = entropy::bytes()
        .map(SigningKey::from_random)
        .map_err(|error| context.failure(Exit::Failed, &error.to_string()))?;
    let written = replace(&private, key.to_private_pem().as_bytes(), 0o600);
    written.map_err(|error| context.file_trouble(&private, &error))?;
    let written = replace(&public, key.to_public_pem().as_bytes(), 0o644);
    written.map_err(|error| context.file_trouble(&public, &error))?;
    let (private, public) = (private.display().to_string(), public.display().to_string());
    let (private, public) = (escaped(&private), escaped(&public));
    let (id, body) = (key.id(), key.public_body());
    say!(context.out, "{}", context.language.pick(
        format!("New signer: {id}\nPrivate key: {private} (keep it secret, and a copy in a safe place)\nPublic key: {public}\nInstall the public key as /etc/noroshi/licence-signer.pub, or build noroshi with\nNOROSHI_LICENCE_SIGNER={body}"),
        format!("署名者を作成しました: {id}\n秘密鍵: {private}（他人に見せず、控えを安全な場所に保管してください）\n公開鍵: {public}\n公開鍵を /etc/noroshi/licence-signer.pub に設置するか、次の環境変数を付けて noroshi をビルドしてください。\nNOROSHI_LICENCE_SIGNER={body}"),
    ))?;
    Ok(Exit::Done)
}

/// The issuer's private key; refused when others could have read it.
pub(super) fn read(context: &Context, dir: &Path) -> Result<SigningKey, Failure> {
    let path = private(dir);
    let trouble = |error: io::Error| {
        let mut failure = context.file_trouble(&path, &error);
        if error.kind() == io::ErrorKind::NotFound {
            failure.text.push_str(context.pick(
                "\nMake one with \"noroshi licence signer new\", or name its directory with --dir.",
                "\nnoroshi licence signer new で作成するか、--dir でディレクトリを指定してください。",
            ));
        }
        failure
    };
    let mode = path.metadata().map_err(trouble)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let shown = path.display();
        let text = context.pick(
            format!("others can reach the private key: {shown} (mode {mode:04o})\nMake it 0600 and consider whether somebody has read it."),
            format!("秘密鍵に他のユーザがアクセスできます: {shown}（モード {mode:04o}）\n0600 に変更し、読まれた可能性がないか確認してください。"),
        );
        return Err(context.failure(Exit::Refused, &text));
    }
    let bytes = licence::read(&path, BYTES_MAX).map_err(trouble)?;
    SigningKey::parse(&bytes).map_err(|fault| context.text_trouble(&path, &fault))
}
