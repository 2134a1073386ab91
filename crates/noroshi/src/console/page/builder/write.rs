//! A draft written into a copy of clp.conf, field by field, as the real product's own tools write it.

use super::draft::Change;
use super::fault::Faults;
use super::field::{self, Kind};
use crate::command::config::ticks::{TICKS, set_tick};
use noroshi_conf::document::{Document, EditFault, ElementPath};
use noroshi_core::text::Language;

/// Types that stand in the server's device, as the real product has them; all others are ours.
pub(super) const PRODUCTS_TYPES: [&str; 4] = ["dn1000s", "dn1500gl", "patlite", "nhfv1"];

type Written = Result<(), (String, EditFault)>;

/// The copy with all changes that could be made; the others are in `faults`, beside their fields.
pub(super) fn written(
    before: &Document,
    changes: &[Change],
    language: Language,
    faults: &mut Faults,
) -> Document {
    let mut document = before.clone();
    for change in changes {
        let path = change.path();
        if let Some(server) = field::key(path, "server").or_else(|| field::key(path, "lamp"))
            && field::all(before, &format!("/root/server@{server}"))
                .next()
                .is_none()
        {
            faults.above(language.pick(
                format!("{path}: there is no server \"{server}\"."),
                format!("{path}: サーバ \"{server}\" はありません。"),
            ));
            continue;
        }
        if let Err((at, fault)) = write(&mut document, change) {
            let field = if at.is_empty() { path } else { at.as_str() };
            faults.beside(field, fault.text(language));
        }
    }
    document
}

fn write(document: &mut Document, change: &Change) -> Written {
    match change {
        Change::Value { path, now, .. } => write_value(document, path, now),
        Change::Secret { path, sealed } => put(document, path, sealed.as_deref().unwrap_or("")),
        Change::Without { path } => take_out(document, path),
    }
}

fn write_value(document: &mut Document, path: &str, now: &str) -> Written {
    match field::kind(path) {
        Some(Kind::Text | Kind::Secret) => put(document, path, now),
        Some(Kind::Flag(_)) => {
            put(document, path, now)?;
            if path == "/root/cluster/dn1000s/use" && now == "1" {
                announce_lights(document)?;
            }
            Ok(())
        }
        Some(Kind::Tick) => match field::tick(path) {
            Some((id, name)) => set_tick(document, &id, name, Some(now == "1")),
            None => Ok(()),
        },
        Some(Kind::LampType) => {
            let server = field::key(path, "server").unwrap_or_default();
            lamp_type(document, server, now)
        }
        Some(Kind::Lines) => lines(document, path, now),
        // A draft has fields of the table only.
        None => Ok(()),
    }
}

/// Sets a value; an empty one takes our own elements away and empties the real product's, as its tools do.
fn put(document: &mut Document, path: &str, now: &str) -> Written {
    let at = parsed(path)?;
    let there = !document.get(&at).is_empty();
    let done = match (now.is_empty(), there) {
        (true, false) => Ok(()),
        (true, true) if path.starts_with("/root/noroshi/") => document.remove(&at).map(drop),
        _ => document.set(&at, now).map(drop),
    };
    done.map_err(|fault| (path.to_string(), fault))
}

/// What the real product has beside the switch; written once.
fn announce_lights(document: &mut Document) -> Written {
    const LIGHT: &str = "/root/alertservice/dn1000s@dn1000s1";
    if field::all(document, "/root/alertservice/dn1000s")
        .next()
        .is_some()
    {
        return Ok(());
    }
    for (path, value) in [
        ("/root/alertservice/types@dn1000s".to_string(), ""),
        (format!("{LIGHT}/priority"), "0"),
        (format!("{LIGHT}/device"), "20000"),
        (format!("{LIGHT}/kind"), "nm"),
    ] {
        let set = document.set(&parsed(&path)?, value);
        set.map_err(|fault| (path, fault))?;
    }
    Ok(())
}

/// No type is no warning light: its device and its settings go.
fn lamp_type(document: &mut Document, server: &str, now: &str) -> Written {
    let device = format!("/root/server@{server}/device@20000");
    let own = format!("/root/noroshi/lamp@{server}");
    if now.is_empty() {
        remove(document, &own)?;
        return remove(document, &device);
    }
    if PRODUCTS_TYPES.contains(&now) {
        remove(document, &format!("{own}/type"))?;
        return put(document, &format!("{device}/type"), now);
    }
    put(document, &format!("{own}/type"), now)
}

fn lines(document: &mut Document, path: &str, now: &str) -> Written {
    while field::all(document, path).next().is_some() {
        remove(document, &format!("{path}[1]"))?;
    }
    for line in now.split('\n').filter(|_| !now.is_empty()) {
        let added = document.add(&parsed(path)?, line);
        added.map_err(|fault| (path.to_string(), fault))?;
    }
    Ok(())
}

/// An SMTP server with its settings of ours, or all that is said of a message.
fn take_out(document: &mut Document, path: &str) -> Written {
    if let Some(id) = field::message_of(path) {
        return TICKS
            .iter()
            .try_for_each(|tick| set_tick(document, &id, tick, None));
    }
    let id = field::key(path, "smtpsrv").unwrap_or_default();
    remove(document, path)?;
    remove(document, &format!("/root/noroshi/mail/smtpsrv@{id}"))
}

fn remove(document: &mut Document, path: &str) -> Written {
    let at = parsed(path)?;
    if document.get(&at).is_empty() {
        return Ok(());
    }
    let removed = document.remove(&at).map(drop);
    removed.map_err(|fault| (path.to_string(), fault))
}

fn parsed(path: &str) -> Result<ElementPath, (String, EditFault)> {
    ElementPath::parse(path).map_err(|fault| (path.to_string(), fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "<?xml version=\"1.0\" encoding=\"EUC-JP\"?>\r\n<root>\r\n\t<!-- ours -->\r\n\t<cluster><mail>\
        <address>a@b.example</address></mail></cluster>\r\n\t<server name=\"sv1\"><priority>0</priority>\
        <device id=\"20000\"><type>dn1000s</type><info>10.0.0.9</info></device></server>\r\n\
        <odd  x='1'/><noroshi><lamp name=\"sv1\"><port>99</port></lamp></noroshi></root>";

    fn value(path: &str, now: &str) -> Change {
        Change::Value {
            path: path.into(),
            was: String::new(),
            now: now.into(),
        }
    }

    fn changed(changes: &[Change]) -> (String, Faults) {
        let before = Document::read(BEFORE.as_bytes().to_vec()).unwrap();
        let mut faults = Faults::default();
        let after = written(&before, changes, Language::En, &mut faults);
        (String::from_utf8_lossy(after.bytes()).into_owned(), faults)
    }

    /// Rule: M26 M29
    #[test]
    fn only_the_changed_places_of_the_file_differ() {
        let (after, faults) = changed(&[value("/root/cluster/mail/address", "c@d.example")]);
        assert!(faults.is_empty());
        assert_eq!(after, BEFORE.replace("a@b.example", "c@d.example"));
        assert_eq!(changed(&[]).0, BEFORE);
    }

    /// Rule: M19 M26
    #[test]
    fn a_lights_type_stands_where_its_reader_looks_and_none_takes_it_away() {
        let kind = "/root/server@sv1/device@20000/type";
        let (ours, _) = changed(&[value(kind, "patlite-http")]);
        assert!(ours.contains("<type>patlite-http</type></lamp>"), "{ours}");
        let (theirs, _) = changed(&[value(kind, "patlite-http"), value(kind, "nhfv1")]);
        assert!(theirs.contains("<type>nhfv1</type><info>"), "{theirs}");
        assert!(!theirs.contains("patlite-http"), "{theirs}");
        let (none, faults) = changed(&[value(kind, "")]);
        assert!(faults.is_empty());
        assert!(!none.contains("20000") && !none.contains("<lamp"), "{none}");
        let (used, _) = changed(&[value("/root/cluster/dn1000s/use", "1")]);
        assert!(
            used.contains("<use>1</use>") && used.contains("<kind>nm</kind>"),
            "{used}"
        );
    }

    /// Rule: M26 M29
    #[test]
    fn what_cannot_be_written_is_told_beside_its_field_and_the_rest_is_written() {
        let subject = "/root/cluster/mail/subject";
        let (after, faults) = changed(&[
            value(subject, "😀"),
            value("/root/server@sv9/device@20000/info", "10.0.0.1"),
            value("/root/noroshi/lamp@sv1/argument", " one\n\ntwo"),
            value("/root/noroshi/lamp@sv1/port", ""),
        ]);
        let beside = faults.of(subject);
        assert!(
            beside.len() == 1 && beside[0].contains("EUC-JP"),
            "{beside:?}"
        );
        let above = faults.not_on(|_| true);
        assert!(above.len() == 1 && above[0].contains("sv9"), "{above:?}");
        for words in [
            "<argument> one</argument>",
            "</argument><argument/><argument>",
            "<argument>two</argument>",
        ] {
            assert!(after.contains(words), "{words} in {after}");
        }
        assert!(!after.contains("<port>"), "{after}");
    }

    /// Rule: M11
    #[test]
    fn a_tick_is_written_with_its_switch_and_goes_back_to_the_default() {
        let tick = "/root/messages/nm@1/mail";
        let (on, _) = changed(&[value(tick, "1")]);
        let shown = |text: &str| {
            let document = Document::read(text.as_bytes().to_vec()).unwrap();
            field::shown(&document, tick)
        };
        assert_eq!((shown(BEFORE).as_str(), shown(&on).as_str()), ("0", "1"));
        let path = "/root/messages/nm@1".to_string();
        let (back, _) = changed(&[value(tick, "1"), Change::Without { path }]);
        assert_eq!(shown(&back), "0");
        assert!(!back.contains("<nm"), "{back}");
    }
}
