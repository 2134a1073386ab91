//! `noroshi complete-servers`: the names of the servers in clp.conf, for completions.

use crate::command::Context;
use crate::exit::{Exit, Failure};
use crate::print::{escaped, say};
use noroshi_conf::charset::FILE_BYTES_MAX;
use std::fs::File;
use std::io::Read;

/// Prints nothing without a sound clp.conf: whoever presses Tab asked no question.
pub(super) fn run(context: &mut Context) -> Result<Exit, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(context.home.conf())
        .and_then(|file| file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
    if read.is_err() {
        return Ok(Exit::Done);
    }
    if let Ok(parsed) = noroshi_conf::read(&bytes) {
        for server in &parsed.config.servers {
            say!(context.out, "{}", escaped(&server.name))?;
        }
    }
    Ok(Exit::Done)
}
