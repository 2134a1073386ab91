//! A set as one file to take away: what `clpcfctrl --push -l` and `-w` read (rules M27 M28).

use crate::console::page::refused;
use crate::console::visitor::Visitor;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use noroshi_conf::bundle::Bundle;
use noroshi_conf::fat::floppy;
use noroshi_conf::set::{CONF, SCRIPTS};
use noroshi_conf::tar::{self, Entry};

/// Name of the archive.
pub(super) const TAR: &str = "noroshi-set.tar";
/// Name of the floppy's image.
pub(super) const FLOPPY: &str = "noroshi-set.img";

/// The set with the `former` clp.conf as clp.conf.bak, in this form.
pub(super) fn answer(visitor: &Visitor, set: &Bundle, former: &[u8], form: &str) -> Response {
    let entries = entries(set, former);
    match form {
        "tar" => file(TAR, "application/x-tar", tar::write(&entries)),
        "floppy" => match floppy(&entries) {
            Some(bytes) => file(FLOPPY, "application/octet-stream", bytes),
            None => {
                let why = visitor.pick(
                    "The set does not fit onto a floppy of 1.44 MB. Save it as an archive.",
                    "一式が 1.44 MB のフロッピーに収まりません。アーカイブとして保存してください。",
                );
                refused(visitor, &[why.to_string()], "/builder")
            }
        },
        _ => {
            let why = visitor.pick(
                "There are two forms: tar and floppy.",
                "形式は tar と floppy だけです。",
            );
            refused(visitor, &[why.to_string()], "/builder")
        }
    }
}

/// Everything that belongs to the set; the directory of scripts also when it is empty.
fn entries(set: &Bundle, former: &[u8]) -> Vec<Entry> {
    let entry = |name: String, bytes: Option<&[u8]>| Entry {
        name,
        bytes: bytes.map(<[u8]>::to_vec),
    };
    let mut entries: Vec<Entry> = Vec::new();
    for (name, bytes) in set.files() {
        entries.push(entry(name.into(), Some(bytes)));
    }
    entries.push(entry(format!("{CONF}.bak"), Some(former)));
    entries.push(entry(format!("{SCRIPTS}/"), None));
    entries
}

fn file(name: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (CONTENT_TYPE, kind.to_string()),
        (CONTENT_DISPOSITION, disposition),
    ];
    (headers, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::config::restored::with_conf;
    use noroshi_conf::bundle::from_entries;

    /// Rule: M27 M28
    #[test]
    fn both_forms_hold_a_whole_set_and_the_former_file() {
        let mut running = Bundle::default();
        running.add(CONF, b"<root>old</root>".to_vec()).unwrap();
        running
            .add("scripts/monitor/start.sh", b"#!/bin/sh\n".to_vec())
            .unwrap();
        for running in [running, Bundle::default()] {
            let set = with_conf(&running, b"<root>new</root>".to_vec());
            let entries = entries(&set, b"<root>old</root>");
            let images = [
                tar::read(&tar::write(&entries)).unwrap(),
                noroshi_conf::fat::read(&floppy(&entries).unwrap()).unwrap(),
            ];
            for read in images {
                let bak = read.iter().find(|entry| entry.name == "clp.conf.bak");
                assert_eq!(
                    bak.unwrap().bytes.as_deref(),
                    Some(&b"<root>old</root>"[..])
                );
                let (bundle, scripts) = from_entries(read).unwrap();
                assert_eq!(bundle, set);
                assert_eq!(bundle.faults(scripts), []);
            }
        }
    }
}
