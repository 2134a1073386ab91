//! `noroshi key new`: make the cluster key.

use super::Context;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_daemon::home::key::{KeyFileError, random_key};
use std::io;

pub(super) fn new(context: &mut Context, force: bool) -> Result<Exit, Failure> {
    let shown = context.home.key().display().to_string();
    let written = std::fs::create_dir_all(context.home.etc())
        .map_err(KeyFileError::Io)
        .and_then(|()| random_key())
        .and_then(|key| context.home.write_key(&key, force));
    match written {
        Ok(()) => {}
        Err(KeyFileError::Io(error)) if error.kind() == io::ErrorKind::AlreadyExists && !force => {
            let text = context.pick(
                format!("there is a cluster key already: {shown}\nIt was left as it is. A new one (--force) cuts this server off from the others until all of them have it."),
                format!("クラスタ鍵は既にあります: {shown}\n変更していません。新しい鍵に置き換える（--force）と、全サーバに配るまでこのサーバは他のサーバと通信できません。"),
            );
            return Err(context.failure(Exit::Failed, &text));
        }
        Err(error) => {
            let text = context.pick(
                format!("cannot write the cluster key: {shown}: {error}\nThe key that was there, if any, is untouched."),
                format!("クラスタ鍵を書き込めません: {shown}: {error}\n元の鍵があれば、そのまま残っています。"),
            );
            let exit = match &error {
                KeyFileError::Io(error) => Exit::of(error.kind()),
                _ => Exit::Failed,
            };
            return Err(context.failure(exit, &text));
        }
    }
    let shown = escaped(&shown);
    say!(context.out, "{}", context.language.pick(
        format!("New cluster key: {shown}\nCopy this file to every other server of the cluster, by a way that nobody can read (scp, rsync -a), with its owner and mode."),
        format!("クラスタ鍵を作成しました: {shown}\nこのファイルをクラスタの全サーバに、盗み見られない方法（scp、rsync -a など）で、所有者とモードを保ってコピーしてください。"),
    ))?;
    Ok(Exit::Done)
}
