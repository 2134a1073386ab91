//! Where one message goes, changed in a clp.conf as the real product's tools write it (rule M11): the tick,
//! the module's announcement, the switch for all. For `noroshi config message` and the console's Builder.

use noroshi_conf::document::{Document, EditFault, ElementPath};
use noroshi_core::alert::MessageId;

/// The elements of a message, in the order of the columns.
pub(crate) const TICKS: [&str; 5] = ["alert", "syslog", "mail", "trap", "alertexec"];

/// How many changed destinations stand in the file without being in force.
pub(crate) fn dormant(document: &Document) -> usize {
    let at = |text: &str| {
        let path = ElementPath::parse(text).ok();
        path.and_then(|path| document.get(&path).first().copied())
    };
    if at("/root/cluster/messages/use").is_some_and(|node| node.value() == "1") {
        return 0;
    }
    at("/root/messages").map_or(0, |node| {
        node.children()
            .filter(|child| child.name() != "types")
            .count()
    })
}

/// Gives the tick `name` of a message this value; `None` takes what the file says of it away, and the
/// built-in one holds.
///
/// # Errors
/// The path that could not be changed, and why; what was changed before it stays changed.
pub(crate) fn set_tick(
    document: &mut Document,
    id: &MessageId,
    name: &str,
    tick: Option<bool>,
) -> Result<(), (String, EditFault)> {
    let MessageId { module, event } = id;
    let parsed = |text: &str| ElementPath::parse(text).map_err(|fault| (text.to_string(), fault));
    let mut set = |text: &str, value: &str| {
        let path = parsed(text)?;
        let done = document.set(&path, value);
        done.map(drop).map_err(|fault| (text.to_string(), fault))
    };
    if tick.is_some() {
        set("/root/cluster/messages/use", "1")?;
        set(&format!("/root/messages/types@{module}"), "")?;
    }
    let text = element(document, id, name);
    let path = parsed(&text)?;
    let there = !document.get(&path).is_empty();
    let done = match tick {
        Some(on) => document.set(&path, if on { "1" } else { "0" }).map(drop),
        None if there => document.remove(&path).map(drop),
        None => Ok(()),
    };
    done.map_err(|fault| (text, fault))?;
    // A message without any change of its own needs no element.
    let message = parsed(&format!("/root/messages/{module}@{event}"))?;
    let bare = document
        .get(&message)
        .first()
        .is_some_and(|node| node.children().next().is_none() && node.value().is_empty());
    if bare {
        let done = document.remove(&message);
        done.map_err(|fault| (message.to_string(), fault))?;
    }
    Ok(())
}

/// The path of a tick. The older name of the alert extension is kept where it stands.
pub(crate) fn element(document: &Document, id: &MessageId, name: &str) -> String {
    let MessageId { module, event } = id;
    let older = format!("/root/messages/{module}@{event}/altexec");
    let has_older = name == "alertexec"
        && ElementPath::parse(&older).is_ok_and(|path| !document.get(&path).is_empty());
    if has_older {
        older
    } else {
        format!("/root/messages/{module}@{event}/{name}")
    }
}
