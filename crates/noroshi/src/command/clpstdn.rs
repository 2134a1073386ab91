//! `clpstdn`: cluster shutdown. All servers' alert services stop, all warning lights go out (M18).
//! Like the real one, it does not ask.

use super::{Context, clpcl};
use crate::exit::{Exit, Failure};
use crate::print::say;

pub(super) fn run(context: &mut Context) -> Result<Exit, Failure> {
    clpcl::ask_own_to_end(context, None)?;
    say!(context.out, "Command succeeded.")?;
    Ok(Exit::Done)
}
