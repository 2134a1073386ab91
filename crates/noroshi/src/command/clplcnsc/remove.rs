//! `clplcnsc -d [SERIAL]`: remove a licence.

use super::{Context, Stop, spread};
use crate::exit::{Exit, Failure};
use crate::print::say;
use noroshi_conf::licence::Store;
use noroshi_core::licence::Serial;
use noroshi_daemon::licence::register;

pub(super) fn run(context: &mut Context, serial: Option<Serial>) -> Result<Exit, Failure> {
    let remark = take_out(context, serial)?;
    say!(context.out, "Command succeeded")?;
    remark.map_or(Ok(Exit::Done), Err)
}

/// Removes a licence here and has the others told. It is removed then, and the answer is what there is to
/// be said of it all the same.
///
/// # Errors
/// Why nothing was removed.
pub(crate) fn take_out(
    context: &Context,
    serial: Option<Serial>,
) -> Result<Option<Failure>, Failure> {
    let removed = register::update(&context.home, |store| {
        remove(context, store, serial).map_err(Stop::Said)
    });
    removed.map_err(|stop| stop.told(context))?;
    let config = context.cluster().ok();
    let missing = spread::spread(context, config.as_ref());
    Ok(spread::remark(context, missing))
}

fn remove(context: &Context, store: &mut Store, serial: Option<Serial>) -> Result<(), Failure> {
    let serials: Vec<Serial> = store
        .records
        .iter()
        .map(|record| record.evidence.licence().serial)
        .collect();
    let at = match (serial, serials.as_slice()) {
        (None, [_]) => Some(0),
        (None, [_, _, ..]) => {
            let all: Vec<String> = serials.iter().map(ToString::to_string).collect();
            let all = all.join(", ");
            let text = context.pick(
                format!("several licences are registered: {all}\nName the one: clplcnsc -d SERIAL. Nothing was removed."),
                format!("複数のライセンスが登録されています: {all}\n削除するものを指定してください: clplcnsc -d SERIAL。何も削除していません。"),
            );
            return Err(context.failure(Exit::Usage, &text));
        }
        (None, []) => None,
        (Some(serial), serials) => serials.iter().position(|other| *other == serial),
    };
    let Some(at) = at else {
        let what = serial.map_or_else(|| "ALRT10".to_owned(), |serial| serial.to_string());
        let text = context.pick(
            format!("no licence is registered: {what}\nSee \"clplcnsc -l\"."),
            format!("ライセンスは登録されていません: {what}\nclplcnsc -l で確認してください。"),
        );
        return Err(context.failure(Exit::NothingRegistered, &text));
    };
    store.remove(at);
    Ok(())
}
