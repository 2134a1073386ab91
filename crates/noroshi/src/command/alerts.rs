//! `noroshi alerts`: the alert view on a terminal, each alert with its notices (rule N7).
//!
//! The daemon is asked for it. When none runs, the store is read directly, and that is said: what
//! happened before the alert service ended is what one wants to know then.

use super::Context;
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::print::{Out, escaped, local, padded, rfc3339, say};
use noroshi_core::alert::Severity;
use noroshi_core::notice::{Channel, Delivery, NoticeState};
use noroshi_core::text::Language;
use noroshi_daemon::alert_view::list_without_daemon;
use noroshi_daemon::control::{
    Acknowledged, AlertFilter, AlertLine, Client, Fault, NoticeLine, Trouble,
};
use noroshi_daemon::store::STORE_FILE;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;

pub(super) fn run(context: &mut Context, options: cli::Alerts) -> Result<Exit, Failure> {
    let client = match Client::connect(&context.home.socket()) {
        Ok(client) => Some(client),
        Err(Trouble::NotRunning(error)) => {
            without_daemon(context, options.follow, error)?;
            None
        }
        Err(trouble) => return Err(context.trouble(trouble)),
    };
    let only = AlertFilter {
        server: options.server,
        severity: options.severity.map(|level| level.0),
        module: options.module,
        text: options.text,
        since: options.since.map(|when| when.0),
        until: options.until.map(|when| when.0),
        delivery: options.undelivered.then_some(Delivery::Undelivered),
        id: None,
    };
    let language = context.language;
    if !options.json {
        head(&mut context.out, language)?;
    }
    context.out.flush()?;
    let mut failed = None;
    let follow = options.follow;
    let var = context.home.var();
    let take = |alert: AlertLine| {
        let out = &mut context.out;
        let printed = if options.json {
            json(out, &alert)
        } else {
            lines(out, &alert, options.ids, language)
        };
        // Whoever follows wants each alert at once.
        let printed = printed.and_then(|()| if follow { out.flush() } else { Ok(()) });
        failed = printed.err();
        if failed.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let listed = match client {
        Some(mut client) => client.alerts(options.limit, follow, only, take),
        None => list_without_daemon(&var, options.limit, &only, take)
            .map_err(|error| Trouble::Refused(Fault::Unreadable, error.to_string())),
    };
    if let Some(failure) = failed {
        return Err(failure);
    }
    match listed {
        Ok(()) => Ok(Exit::Done),
        Err(Trouble::Cut) if follow => {
            let text = context.pick(
                "the alert service ended; there is nothing more to follow",
                "アラートサービスが終了したため、表示を終わります",
            );
            Err(context.failure(Exit::NotRunning, text))
        }
        Err(trouble) => Err(context.trouble(trouble)),
    }
}

/// Says that the daemon does not run, and whether its store can be read without it.
fn without_daemon(context: &Context, follow: bool, error: io::Error) -> Result<(), Failure> {
    let store = context.home.var().join(STORE_FILE);
    let shown = store.display();
    match File::open(&store) {
        Ok(_) if follow => {
            let text = context.pick(
                "the alert service is not running, so there is nothing to follow\nStart it with \"systemctl start noroshi\", where systemd does not run it with \"clpcl -s\"; without --follow the alerts kept so far are listed.",
                "アラートサービスが起動していないため、新しいアラートを待てません。\nsystemctl start noroshi（systemd で管理していない場合は clpcl -s）で起動してください。--follow を付けなければ、保存済みのアラートを表示します。",
            );
            Err(context.failure(Exit::NotRunning, text))
        }
        Ok(_) => {
            let text = context.pick(
                format!("the alert service is not running; these alerts are read from {shown}"),
                format!("アラートサービスが起動していないため、{shown} から読み出します"),
            );
            let text = format!("{}: {text}", context.name);
            // A closed standard error is no reason to show nothing.
            let _ = writeln!(io::stderr(), "{}", escaped(&text));
            Ok(())
        }
        Err(why) if why.kind() == io::ErrorKind::PermissionDenied => {
            let text = context.pick(
                format!("the alert service is not running, and its store may not be read: {shown}: {why}\nRun the command as root."),
                format!("アラートサービスが起動しておらず、保存領域を読む権限もありません: {shown}: {why}\nroot で実行してください。"),
            );
            Err(context.failure(Exit::Refused, &text))
        }
        // No alert was ever kept here.
        Err(_) => Err(context.trouble(Trouble::NotRunning(error))),
    }
}

fn json(out: &mut Out, alert: &AlertLine) -> Result<(), Failure> {
    let line = as_json(alert)
        .map_err(|error| Failure::new(Exit::Failed, format!("noroshi alerts: {error}")))?;
    say!(out, "{line}")
}

/// An alert as one line of JSON, for programs: also what the console exports.
///
/// # Errors
/// None that can happen: all of it is text and numbers.
pub(crate) fn as_json(alert: &AlertLine) -> serde_json::Result<String> {
    serde_json::to_string(&shown(alert))
}

/// An alert as JSON.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    received: String,
    time: String,
    server: &'a str,
    module: &'a str,
    event: u32,
    severity: Severity,
    text: &'a str,
    notices: Vec<ShownNotice<'a>>,
    id: &'a str,
    row: u64,
    about: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<ShownAcknowledged<'a>>,
}

#[derive(Serialize)]
struct ShownAcknowledged<'a> {
    by: &'a str,
    at: String,
    remark: &'a str,
}

#[derive(Serialize)]
struct ShownNotice<'a> {
    channel: Channel,
    recipient: &'a str,
    state: NoticeState,
    attempts: u32,
    reason: &'a str,
    sender: &'a str,
    possible_repeat: bool,
    changed: String,
}

/// An alert as programs are shown it.
pub(crate) fn shown(alert: &AlertLine) -> Shown<'_> {
    let notices = alert.notices.iter().map(|notice| ShownNotice {
        channel: notice.channel,
        recipient: &notice.recipient,
        state: notice.state,
        attempts: notice.attempts,
        reason: &notice.reason,
        sender: &notice.sender,
        possible_repeat: notice.possible_repeat,
        changed: rfc3339(notice.changed),
    });
    Shown {
        received: rfc3339(alert.received),
        time: rfc3339(alert.time),
        server: &alert.server,
        module: &alert.module,
        event: alert.event,
        severity: alert.severity,
        text: &alert.text,
        notices: notices.collect(),
        id: &alert.id.0,
        row: alert.row,
        about: alert.about.as_deref(),
        acknowledged: alert.acknowledged.as_ref().map(|one| ShownAcknowledged {
            by: &one.by,
            at: rfc3339(one.at),
            remark: &one.remark,
        }),
    }
}

fn head(out: &mut Out, language: Language) -> Result<(), Failure> {
    row(
        out,
        language.pick(
            [
                "RECEIVED", "TIME", "SERVER", "MODULE", "EVENT", "SEVERITY", "TEXT",
            ],
            [
                "受信時刻",
                "発生時刻",
                "サーバ",
                "モジュール",
                "ID",
                "重要度",
                "メッセージ",
            ],
        ),
    )
}

/// One line of the alert view's columns; a long value moves the rest of its own line only.
fn row(out: &mut Out, columns: [&str; 7]) -> Result<(), Failure> {
    let [received, time, server, module, event, severity, text] = columns;
    say!(
        out,
        "{} {} {} {} {} {} {text}",
        padded(received, 30),
        padded(time, 30),
        padded(server, 12),
        padded(module, 10),
        padded(event, 5),
        padded(severity, 8),
    )
}

fn lines(out: &mut Out, alert: &AlertLine, ids: bool, language: Language) -> Result<(), Failure> {
    let severity = match alert.severity {
        Severity::Info => language.pick("info", "情報"),
        Severity::Warning => language.pick("warning", "警告"),
        Severity::Error => language.pick("error", "エラー"),
    };
    row(
        out,
        [
            &local(alert.received),
            &local(alert.time),
            &escaped(&alert.server),
            &escaped(&alert.module),
            &alert.event.to_string(),
            severity,
            &escaped(&alert.text),
        ],
    )?;
    if ids {
        let name = language.pick("id", "アラート番号");
        say!(out, "    {} {}", padded(name, 7), escaped(&alert.id.0))?;
    }
    alert
        .notices
        .iter()
        .try_for_each(|notice| notice_line(out, notice, language))?;
    match &alert.acknowledged {
        Some(acknowledged) => acknowledged_line(out, acknowledged, language),
        None => Ok(()),
    }
}

fn acknowledged_line(
    out: &mut Out,
    acknowledged: &Acknowledged,
    language: Language,
) -> Result<(), Failure> {
    let by = escaped(&acknowledged.by);
    let remark = escaped(&acknowledged.remark);
    let at = local(acknowledged.at);
    let line = language.pick(
        format!("    acknowledged by {by} at {at} {remark}"),
        format!("    対応者 {by} {at} {remark}"),
    );
    say!(out, "{}", line.trim_end())
}

fn notice_line(out: &mut Out, notice: &NoticeLine, language: Language) -> Result<(), Failure> {
    let channel = match notice.channel {
        Channel::Mail => language.pick("mail", "メール"),
        Channel::Lamp => language.pick("light", "警告灯"),
        Channel::Syslog => "syslog",
    };
    let state = match notice.state {
        NoticeState::Waiting => language.pick("waiting", "送信待ち"),
        NoticeState::Begun => language.pick("begun", "送信中"),
        NoticeState::Delivered => language.pick("delivered", "送信済み"),
        NoticeState::Refused => language.pick("REFUSED", "拒否"),
        NoticeState::GivenUp => language.pick("GIVEN UP", "断念"),
        NoticeState::Dropped => language.pick("overtaken", "取りやめ"),
    };
    let attempts = notice.attempts;
    let attempts = language.pick(
        format!("attempts {attempts}"),
        format!("試行 {attempts} 回"),
    );
    let mut end = escaped(&notice.reason);
    if notice.possible_repeat {
        end.push_str(language.pick(" (may have been sent twice)", "（重複の可能性あり）"));
    }
    let line = format!(
        "    {} {} {} {} {end}",
        padded(channel, 7),
        padded(&escaped(&notice.recipient), 30),
        padded(state, 10),
        padded(&attempts, 12),
    );
    say!(out, "{}", line.trim_end())
}
