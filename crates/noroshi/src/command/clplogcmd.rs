//! `clplogcmd -m TEXT`: raise an alert from a script (rule N19).

use super::Context;
use crate::cli::Clplogcmd;
use crate::exit::{Exit, Failure};
use crate::print::say;
use noroshi_core::alert::{Destinations, MessageId, Severity, tidy_text};
use noroshi_core::request::{Reply, Request};

/// Module name of such alerts; the real product's list leaves it free.
const MODULE: &str = "logcmd";

pub(super) fn run(context: &mut Context, options: Clplogcmd) -> Result<Exit, Failure> {
    let to = To {
        alert: options.alert,
        syslog: options.syslog,
        mail: options.mail,
        trap: options.trap,
    };
    let Some(request) = request(&options.text, options.level.0, options.event, to) else {
        let text = context.pick("-m: the text is empty", "-m: メッセージ本文が空です");
        return Err(context.failure(Exit::Usage, text));
    };
    if let Reply::Accepted {
        durable,
        replicated,
        ..
    } = context.change(request)?
        && let Some(words) = warning(durable, replicated)
    {
        let words = context.pick(words.0, words.1);
        eprintln!("{}: {words}", context.name);
    }
    say!(context.out, "Command succeeded.")?;
    Ok(Exit::Done)
}

/// What whoever relies on the alert should know of its safety, in both languages.
fn warning(durable: bool, replicated: bool) -> Option<(&'static str, &'static str)> {
    match (durable, replicated) {
        (true, true) => None,
        (true, false) => Some((
            "the alert is accepted and on this server's disk only: no other server has confirmed it",
            "アラートを受け付け、このサーバのディスクだけに保存しました（他サーバの保存は未確認）",
        )),
        (false, true) => Some((
            "the alert is accepted and on another server's disk, but not on this one's: the alert store is in trouble",
            "アラートを受け付け、他サーバのディスクに保存しましたが、保存領域の障害のためこのサーバには保存されていません",
        )),
        (false, false) => Some((
            "the alert is accepted but not on disk: the alert store is in trouble",
            "アラートは受け付けましたが、保存領域の障害のためディスクに保存されていません",
        )),
    }
}

/// Destinations as they are named; without any: alert view and syslog.
pub(crate) struct To {
    pub(crate) alert: bool,
    pub(crate) syslog: bool,
    pub(crate) mail: bool,
    pub(crate) trap: bool,
}

/// What raises such an alert, for the API of the console too; `None` when nothing is left of the text.
pub(crate) fn request(text: &str, severity: Severity, event: u32, to: To) -> Option<Request> {
    // Tidied here as well as by the daemon, so that any length fits into the line of a call.
    let text = tidy_text(text);
    if text.trim().is_empty() {
        return None;
    }
    let named = to.alert || to.syslog || to.mail || to.trap;
    Some(Request::Raise {
        message: MessageId {
            module: MODULE.into(),
            event,
        },
        severity,
        text,
        destinations: Some(Destinations {
            alert: to.alert || !named,
            syslog: to.syslog || !named,
            mail: to.mail,
            trap: to.trap,
            command: false,
        }),
    })
}
