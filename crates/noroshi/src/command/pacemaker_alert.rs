//! `noroshi pacemaker-alert`: the alert agent that Pacemaker calls for each event.
//!
//! Pacemaker calls a path without arguments and hands the event over in its environment, so the agent is a link
//! to this program called `noroshi-pacemaker-alert`. It is called in storms and must be quick: it goes without the
//! parser of options. The value of the alert's recipient, where it is an absolute path, is the directory to
//! hand over in.

use super::Context;
use crate::exit::{Exit, Failure};
use noroshi_core::pacemaker::{Kind, Report};
use noroshi_daemon::home::Home;
use noroshi_daemon::pacemaker::agent;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The name that Pacemaker calls us by.
pub(crate) const LINK: &str = "noroshi-pacemaker-alert";
/// The variable that every call has.
const KIND: &str = "CRM_alert_kind";

/// The end of a call by Pacemaker; `None` when this is none.
pub(crate) fn called() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let program = arguments.next()?;
    let by_link = Path::new(&program).file_name()? == LINK;
    let by_verb = arguments
        .next()
        .is_some_and(|verb| verb == "pacemaker-alert");
    let called = by_link || (by_verb && arguments.next().is_none());
    if !called || std::env::var_os(KIND).is_none() {
        return None;
    }
    Some(match hand_over(&Home::choose(None)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Pacemaker logs what its agents say.
            eprintln!("{LINK}: {why}");
            Exit::Failed.into()
        }
    })
}

/// Called by hand, or with options.
pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    if std::env::var_os(KIND).is_none() {
        let text = context.pick(
            "this is for Pacemaker, which hands events over in its environment\n\"noroshi engine setup corosync\" sets it up.",
            "このコマンドは Pacemaker が呼び出すもので、イベントを環境変数で受け取ります。\nnoroshi engine setup corosync で設定できます。",
        );
        return Err(context.failure(Exit::Failed, text));
    }
    hand_over(&context.home).map_err(|why| context.failure(Exit::Failed, &why))?;
    Ok(Exit::Done)
}

fn hand_over(home: &Home) -> Result<(), String> {
    let report = Report::read(|key| Some(std::env::var_os(key)?.to_string_lossy().into_owned()));
    if report.kind == Kind::Other {
        return Ok(());
    }
    let named = std::env::var_os("CRM_alert_recipient").map(PathBuf::from);
    let dir = named
        .filter(|path| path.is_absolute())
        .unwrap_or_else(|| home.pacemaker());
    let handed = agent::hand_over(&dir, &report);
    handed
        .map(|_| ())
        .map_err(|lost| format!("{}: {lost}", dir.display()))
}
