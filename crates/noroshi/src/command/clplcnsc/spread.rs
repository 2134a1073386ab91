//! From this server's register to those of the other servers (rule M21).
//!
//! The daemon of this server is told that the register was changed; it answers which servers have
//! taken it. Whoever is away takes it when it returns, so nothing is to be done then but to know it.

use super::Context;
use crate::exit::{Exit, Failure};
use noroshi_core::config::Config;
use noroshi_core::request::{Reply, Request};
use noroshi_daemon::control::Client;
use noroshi_daemon::control::Trouble;

/// Has the other servers told. Answers what is to be said when not all of them have it yet.
pub(super) fn spread(context: &Context, config: Option<&Config>) -> Option<String> {
    let told = Client::connect(&context.home.socket())
        .and_then(|mut client| client.change(Request::LicencesChanged));
    match told {
        Ok(Reply::LicencesTold { later, .. }) if later.is_empty() => None,
        Ok(Reply::LicencesTold { reached, later }) => Some(not_reached(context, &reached, &later)),
        Err(Trouble::NotRunning(_)) if config.is_some_and(|config| config.servers.len() == 1) => {
            None
        }
        Err(Trouble::NotRunning(_)) => Some(context.pick(
            "the alert service is not running here: done on this server only\nThe other servers take it when the service has been started here and reaches them; nothing else needs to be done.".into(),
            "アラートサービスが起動していないため、このサーバだけに反映しました\nこのサーバでサービスを起動し、他のサーバと通信できた時点で自動的に反映されます。ほかの操作は不要です。".into(),
        )),
        Ok(_) => Some(unclear(context, "?")),
        Err(trouble) => Some(unclear(context, &trouble.to_string())),
    }
}

/// What there is to be said when `words` say that not all servers have it.
pub(super) fn remark(context: &Context, words: Option<String>) -> Option<Failure> {
    words.map(|words| context.failure(Exit::NotEverywhere, &words))
}

fn not_reached(context: &Context, reached: &[String], later: &[String]) -> String {
    let later = later.join(", ");
    let reached = match reached {
        [] => context
            .pick("this server only", "このサーバだけ")
            .to_owned(),
        reached => {
            let reached = reached.join(", ");
            context.pick(
                format!("this server and {reached}"),
                format!("このサーバと {reached}"),
            )
        }
    };
    context.pick(
        format!("done on {reached}; not reached: {later}\nWho was not reached takes it when it returns; nothing needs to be done."),
        format!("{reached} に反映しました。反映できなかったサーバ: {later}\n復帰した時点で自動的に反映されます。操作は不要です。"),
    )
}

fn unclear(context: &Context, why: &str) -> String {
    context.pick(
        format!("done on this server; the alert service here does not say which other servers have it: {why}\nIt tells them at its next start at the latest. See \"clplcnsc -l\" there."),
        format!("このサーバに反映しました。他のサーバに反映されたかどうか、アラートサービスから応答がありません: {why}\n遅くとも次回の起動時に反映されます。各サーバの clplcnsc -l で確認してください。"),
    )
}
