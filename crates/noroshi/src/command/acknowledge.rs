//! `noroshi acknowledge`: says that somebody sees to an alert, as the console does (rule N24).

use super::Context;
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_core::alert::AlertId;
use noroshi_core::request::Request;

pub(super) fn run(context: &mut Context, options: cli::Acknowledge) -> Result<Exit, Failure> {
    context.change(Request::Acknowledge {
        alert: AlertId(options.id.clone()),
        by: options.by.clone(),
        remark: options.remark.trim().to_owned(),
    })?;
    let (id, by) = (escaped(&options.id), escaped(&options.by));
    let words = context.pick(
        format!("All servers show that {by} sees to alert {id}."),
        format!("アラート {id} の対応者を {by} として全サーバに記録しました。"),
    );
    say!(context.out, "{words}")?;
    Ok(Exit::Done)
}
