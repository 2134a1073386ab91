//! `noroshi test mail --verbose`: test mails with their conversations (rules N10 N25).
//!
//! One line says how each ended; below it stands, for a mail that was not taken, what went wrong at each
//! mail server with what helps, and the conversation.

use super::Context;
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::print::{Out, escaped, padded, say};
use noroshi_core::text::Language;
use noroshi_daemon::channel::mail::{Conversation, Step, What};
use std::ops::ControlFlow;

pub(super) fn run(context: &mut Context, options: cli::TestMail) -> Result<Exit, Failure> {
    let mut client = context.client()?;
    let language = context.language;
    let (mut printed, mut failed, mut all) = (Ok(()), 0, 0);
    let told = client.test_mail(options.to, None, |talk| {
        all += 1;
        failed += usize::from(talk.delivered.is_none());
        let shown = match options.json {
            true => context.json_line(&talk),
            false => show(&mut context.out, &talk, language),
        };
        // A recipient that takes long must not hold the others' lines back.
        printed = shown.and_then(|()| context.out.flush());
        match &printed {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    printed?;
    told.map_err(|trouble| context.trouble(trouble))?;
    if failed == 0 {
        return Ok(Exit::Done);
    }
    let text = context.pick(
        format!("{failed} of {all} test mails were not taken"),
        format!("{all} 通のテストメールのうち {failed} 通が受け付けられませんでした"),
    );
    Err(context.failure(Exit::Failed, &text))
}

fn show(out: &mut Out, talk: &Conversation, language: Language) -> Result<(), Failure> {
    let (to, from) = (escaped(&talk.recipient), escaped(&talk.server));
    let took = talk.took_ms;
    let line = match &talk.delivered {
        Some(reply) => {
            let reply = escaped(reply);
            language.pick(
                format!("{to}: taken, sent by {from} in {took} ms: {reply}"),
                format!("{to}: 受け付けられました（{from} から送信、{took} ミリ秒）: {reply}"),
            )
        }
        None => language.pick(
            format!("{to}: NOT TAKEN, sent by {from}, {took} ms"),
            format!("{to}: 受け付けられませんでした（{from} から送信、{took} ミリ秒）"),
        ),
    };
    say!(out, "{line}")?;
    for fault in &talk.faults {
        let meaning = fault.ending.meaning(language);
        say!(out, "  {}: {meaning}", escaped(&fault.at))?;
        say!(out, "    {}", escaped(&fault.text))?;
        let remedy = language.pick("Remedy", "対処");
        say!(out, "    {remedy}: {}", fault.ending.remedy(language))?;
    }
    talk.steps
        .iter()
        .try_for_each(|step| step_line(out, step, language))?;
    if talk.cut {
        let cut = language.pick("more was said", "以下省略");
        say!(out, "    … ({cut})")?;
    }
    Ok(())
}

/// A step: when, how long after the one before, whose.
fn step_line(out: &mut Out, step: &Step, language: Language) -> Result<(), Failure> {
    let text = escaped(&step.text);
    let text = match step.what {
        What::Sent => format!("> {text}"),
        What::Received => format!("< {text}"),
        what => format!("* {}: {text}", what.label(language)),
    };
    let at = format!("{} ms", step.at_ms);
    let took = format!("+{}", step.took_ms);
    say!(out, "    {} {} {text}", padded(&at, 10), padded(&took, 7))
}
