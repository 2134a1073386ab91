//! `noroshi user token`: a secret by which a script asks the console's API as this user.
//!
//! It is printed once, alone on standard output, so that it can go into a file of its reader's; what was done goes
//! to standard error.

use super::{Context, allowed, changed, done, users};
use crate::console::token;
use crate::console::users::Change;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use std::io::{self, Write};

pub(super) fn run(context: &mut Context, name: &str, revoke: bool) -> Result<Exit, Failure> {
    allowed(context, name, &Change::Token(None))?;
    if revoke {
        return take_away(context, name);
    }
    let made = token::new().map_err(|error| context.failure(Exit::Failed, &error.to_string()))?;
    let words = (
        "has a new API token, which is shown this once",
        "の API トークンを作成しました。表示は今回限りです",
    );
    let text = changed(context, name, &Change::Token(Some(made.digest)), words)?;
    say!(context.out, "{}", made.text)?;
    // A closed standard error is no reason to hide the token.
    let _ = writeln!(io::stderr(), "{}", escaped(&text));
    Ok(Exit::Done)
}

fn take_away(context: &mut Context, name: &str) -> Result<Exit, Failure> {
    let has = |user: &noroshi_core::config::ConsoleUser| user.name == name && user.token.is_some();
    if !users(context)?.iter().any(has) {
        let text = context.pick(
            format!("{name} has no API token"),
            format!("利用者 {name} に API トークンはありません"),
        );
        return Err(context.failure(Exit::NotFound, &text));
    }
    let words = (
        "has no API token any more",
        "の API トークンを失効させました",
    );
    done(context, name, &Change::Token(None), words)
}
