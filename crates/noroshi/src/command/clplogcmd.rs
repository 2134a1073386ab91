//! `clplogcmd -m TEXT`: raise an alert from a script (rule N19).

use super::Context;
use crate::cli::Clplogcmd;
use crate::exit::{Exit, Failure};
use crate::print::say;
use noroshi_core::alert::{Destinations, MessageId, tidy_text};
use noroshi_core::request::{Reply, Request};

/// Module name of such alerts; the real product's list leaves it free.
const MODULE: &str = "logcmd";

pub(super) fn run(context: &mut Context, options: Clplogcmd) -> Result<Exit, Failure> {
    // Tidied here as well as by the daemon, so that any length fits into the line of a call.
    let text = tidy_text(&options.text);
    if text.trim().is_empty() {
        let text = context.pick("-m: the text is empty", "-m: メッセージ本文が空です");
        return Err(context.failure(Exit::Usage, text));
    }
    let named = options.alert || options.syslog || options.mail || options.trap;
    let request = Request::Raise {
        message: MessageId {
            module: MODULE.into(),
            event: options.event,
        },
        severity: options.level.0,
        text,
        destinations: Some(Destinations {
            alert: options.alert || !named,
            syslog: options.syslog || !named,
            mail: options.mail,
            trap: options.trap,
            command: false,
        }),
    };
    if let Reply::Accepted { durable: false, .. } = context.change(request)? {
        eprintln!(
            "{}: {}",
            context.name,
            context.pick(
                "the alert is accepted but not on disk: the alert store is in trouble",
                "アラートは受け付けましたが、保存領域の障害のためディスクに保存されていません",
            )
        );
    }
    say!(context.out, "Command succeeded.")?;
    Ok(Exit::Done)
}
