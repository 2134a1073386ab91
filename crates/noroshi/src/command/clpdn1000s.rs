//! `clpdn1000s -h <server>`: put a server's warning light out (the manual, chapter 3; rule M18).

use super::Context;
use crate::cli::Clpdn1000s;
use crate::exit::{Exit, Failure};
use crate::print::say;
use noroshi_core::request::Request;

pub(super) fn run(context: &mut Context, options: Clpdn1000s) -> Result<Exit, Failure> {
    let status = context.status()?;
    let server = context.find(&status, &options.host)?.name.clone();
    context.change(Request::LampOff { server })?;
    // As the manual prints it, without a full stop, in both languages.
    say!(context.out, "Command succeeded")?;
    Ok(Exit::Done)
}
