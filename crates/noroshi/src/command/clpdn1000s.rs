//! `clpdn1000s -h <server>`: put a server's warning light out (the manual, chapter 3; rule M18).
//!
//! The order is on disk when the daemon has answered. Where this server tells the light itself, the command
//! looks for a bounded time what became of it, so that nobody goes home with a light that still blinks.

use super::Context;
use crate::cli::Clpdn1000s;
use crate::exit::{Exit, Failure};
use crate::print::say;
use noroshi_core::request::Request;
use noroshi_core::status::{LampStatus, LampTold};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the light may take to answer.
const LIGHT_WAIT: Duration = Duration::from_secs(2);
/// How long a trouble must stand that may be from before the order.
const TROUBLE_WAIT: Duration = Duration::from_millis(500);
/// Pause between two looks; each is twice as long as the one before, up to [`LOOK_PAUSE_MAX`].
const LOOK_PAUSE: Duration = Duration::from_millis(2);
/// See [`LOOK_PAUSE`].
const LOOK_PAUSE_MAX: Duration = Duration::from_millis(64);

pub(super) fn run(context: &mut Context, options: Clpdn1000s) -> Result<Exit, Failure> {
    let status = context.status()?;
    let server = context.find(&status, &options.host)?.name.clone();
    context.change(Request::LampOff {
        server: server.clone(),
    })?;
    if let Some(why) = still_lit(context, &server) {
        let text = context.pick(
            format!("ordered and on disk, but the light is not out yet: {why}\nIt is put out as soon as it can be told."),
            format!("消灯の指示は記録しましたが、警告灯はまだ消えていません: {why}\n制御できるようになった時点で消灯します。"),
        );
        return Err(context.failure(Exit::NotOutYet, &text));
    }
    // As the manual prints it, without a full stop, in both languages.
    say!(context.out, "Command succeeded")?;
    Ok(Exit::Done)
}

/// Why the light has not gone out, as far as this server's daemon knows.
fn still_lit(context: &Context, server: &str) -> Option<String> {
    let begun = Instant::now();
    let mut pause = LOOK_PAUSE;
    loop {
        // A daemon that has stopped since has put the order on disk, and other servers know of it.
        let status = context.status().ok()?;
        let mut servers = status.servers.iter();
        let lamp = servers.find(|one| one.name == server)?.lamp.as_ref()?;
        let waited = begun.elapsed();
        match lamp.told() {
            LampTold::AsWanted | LampTold::ByAnother => return None,
            LampTold::Trouble if waited >= TROUBLE_WAIT => return trouble(lamp),
            LampTold::NotYet if waited >= LIGHT_WAIT => {
                let wait = LIGHT_WAIT.as_secs();
                return Some(context.pick(
                    format!("it has not said so within {wait} s"),
                    format!("{wait} 秒以内に確認できません"),
                ));
            }
            LampTold::Trouble | LampTold::NotYet => {}
        }
        sleep(pause);
        pause = LOOK_PAUSE_MAX.min(pause * 2);
    }
}

fn trouble(lamp: &LampStatus) -> Option<String> {
    let LampStatus {
        trouble, address, ..
    } = lamp;
    trouble.as_ref().map(|why| format!("{address}: {why}"))
}
