//! `noroshi user`: the users of the console (rule N21).

use super::Context;
use crate::console::setup_code;
use crate::exit::{Exit, Failure};
use crate::print::say;

/// Prints a one-time code for the first user, and where it is entered.
pub(super) fn link(context: &mut Context) -> Result<Exit, Failure> {
    context.as_administrator()?;
    let code = setup_code::new(&context.home).map_err(|error| {
        let var = context.home.var();
        context.about_file(&var, ("cannot write", "書き込めません"), &error)
    })?;
    say!(context.out, "http://127.0.0.1:29003/set-up#{code}")?;
    let text = context.pick(
        format!("Code: {code} (for one hour, once)"),
        format!("コード: {code}（1 時間以内に一度だけ有効）"),
    );
    say!(context.out, "{text}")?;
    Ok(Exit::Done)
}
