//! `noroshi test mail|lamp`: try a channel out (rules N15 N25).

use super::Context;
use crate::cli::Test;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_core::request::Request;

pub(super) fn run(context: &mut Context, options: Test) -> Result<Exit, Failure> {
    match options {
        Test::Mail(options) if options.verbose || options.json || options.to.is_some() => {
            return super::test_mail::run(context, options);
        }
        Test::Mail(_) => {
            context.change(Request::MailTest)?;
            say!(context.out, "{}", context.language.pick(
                "A test mail to every recipient is on its way; \"noroshi alerts\" shows what becomes of it.",
                "すべての宛先へのテストメールを受け付けました。結果は noroshi alerts で確認できます。",
            ))?;
        }
        Test::Lamp { server } => {
            let status = context.status()?;
            let name = server.as_deref().unwrap_or(&status.server);
            let server = context.find(&status, name)?.name.clone();
            context.change(Request::LampTest {
                server: server.clone(),
            })?;
            let server = escaped(&server);
            say!(context.out, "{}", context.language.pick(
                format!("The warning light of {server} shows red, amber and green, then what it should show."),
                format!("{server} の警告灯に赤、黄、緑を順に表示し、本来の表示に戻します。"),
            ))?;
        }
    }
    Ok(Exit::Done)
}
