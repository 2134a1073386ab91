//! `noroshi user`: the users of the console (rule N21).

use super::Context;
use crate::console::account::Accounts;
use crate::console::{certificate, serve, setup_code};
use crate::exit::{Exit, Failure};
use crate::print::say;

/// This server's name as its daemon tells it; without one every address is this host's.
fn server_name(context: &Context) -> String {
    context
        .status()
        .map_or_else(|_| String::new(), |status| status.server)
}

/// Prints a one-time code for the first user, and where it is entered.
pub(super) fn link(context: &mut Context) -> Result<Exit, Failure> {
    context.as_administrator()?;
    let code = setup_code::new(&context.home).map_err(|error| {
        let var = context.home.var();
        context.about_file(&var, ("cannot write", "書き込めません"), &error)
    })?;
    let server = server_name(context);
    let accounts = Accounts::new(context.home.clone());
    let settings = accounts
        .settings()
        .map_err(|error| context.failure(Exit::Failed, &error.text(context.language)))?;
    for address in serve::addresses(&settings, &server) {
        let scheme = if address.ip().is_loopback() {
            "http"
        } else {
            "https"
        };
        say!(context.out, "{scheme}://{address}/set-up#{code}")?;
    }
    if let Some(fingerprint) = certificate::fingerprint(&context.home) {
        say!(context.out, "SHA-256 {fingerprint}")?;
    }
    let text = context.pick(
        format!("Code: {code} (for one hour, once)"),
        format!("コード: {code}（1 時間以内に一度だけ有効）"),
    );
    say!(context.out, "{text}")?;
    Ok(Exit::Done)
}
