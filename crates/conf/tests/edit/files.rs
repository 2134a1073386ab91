//! The files below `tests/files`, and those of real clusters where `NOROSHI_CLPCONF_SAMPLES` names
//! a folder of them.

use noroshi_conf::charset::Charset;
use noroshi_conf::document::{Change, Document, EditFault, ElementPath};
use std::path::{Path, PathBuf};

/// Every file at hand, with its name.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    let mut folders = vec![own.clone(), own.join("kept")];
    folders.extend(std::env::var_os("NOROSHI_CLPCONF_SAMPLES").map(PathBuf::from));
    let mut files = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "conf")
            {
                files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

pub(crate) fn document(bytes: &[u8]) -> Document {
    Document::read(bytes.to_vec()).unwrap_or_else(|finding| panic!("{finding}"))
}

pub(crate) fn path(text: &str) -> ElementPath {
    ElementPath::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

/// Holds that `new` is `old` with `change` and nothing else.
pub(crate) fn only_there(old: &[u8], new: &[u8], change: &Change) {
    assert_eq!(new[..change.at.start], old[..change.at.start]);
    assert_eq!(
        new[change.at.start + change.bytes..],
        old[change.at.end..],
        "{change:?}"
    );
}

/// Rule: M29
#[test]
fn there_are_files_of_every_kind_and_all_are_read() {
    let files = all();
    assert!(files.len() >= 40, "{}", files.len());
    for (name, bytes) in &files {
        let document = document(bytes);
        assert_eq!(document.bytes(), &bytes[..], "{name}");
        if name.contains("/kept/") {
            assert!(noroshi_conf::read(bytes).is_ok(), "{name}");
        }
    }
}

/// Every value of every file is set to itself, and then to something else and back.
///
/// Rule: M29
#[test]
fn every_value_of_every_file_can_be_changed_and_nothing_else_moves() {
    for (name, bytes) in all() {
        let original = document(&bytes);
        for (at, element) in original.tree().elements().iter().enumerate() {
            // A carriage return can only have been a reference; values have line feeds.
            if !element.children.is_empty() || element.text.contains('\r') {
                continue;
            }
            let path = ElementPath::of(original.tree(), at);
            let old = original.get(&path)[0].raw().to_string();
            let mut changed = original.clone();
            assert_eq!(changed.set(&path, &old), Ok(None), "{name} {path}");
            assert_eq!(changed.bytes(), &bytes[..], "{name} {path}");
            let change = changed.set(&path, "new & <better>").unwrap().unwrap();
            only_there(&bytes, changed.bytes(), &change);
            assert!(change.at.start >= original_byte(&original, &bytes, element.span.start));
            assert_eq!(changed.get(&path)[0].value(), "new & <better>");
            match changed.set(&path, &old) {
                Ok(_) => assert_eq!(
                    changed.get(&path)[0].value(),
                    original.get(&path)[0].value()
                ),
                // It had stood there as a reference.
                Err(fault) => {
                    assert!(matches!(fault, EditFault::CharsetLacks { .. }), "{fault}");
                    assert!(name.contains("entities"), "{name}");
                }
            }
        }
    }
}

fn original_byte(document: &Document, bytes: &[u8], text_offset: usize) -> usize {
    let decoded = noroshi_conf::charset::decode(bytes).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(document.bytes(), bytes);
    decoded.byte_offset(bytes, text_offset)
}

/// Rule: M29
#[test]
fn every_element_of_every_file_can_be_removed_and_nothing_else_moves() {
    for (name, bytes) in all() {
        let original = document(&bytes);
        for at in 1..original.tree().elements().len() {
            let path = ElementPath::of(original.tree(), at);
            let mut changed = original.clone();
            let change = changed
                .remove(&path)
                .unwrap_or_else(|fault| panic!("{name} {path}: {fault}"));
            only_there(&bytes, changed.bytes(), &change);
            assert_eq!(change.bytes, 0);
        }
    }
}

/// The file's own line end is used, and a tool that knows nothing of this agrees on the text.
///
/// Rule: M29 N18
#[test]
fn new_elements_look_like_the_file_around_them() {
    for (name, bytes) in all() {
        let mut changed = document(&bytes);
        let new = path("/root/noroshi/mail/smtpsrv@0/cafile");
        if !changed.get(&new).is_empty() {
            continue;
        }
        let change = changed
            .set(&new, "/etc/ca.pem")
            .unwrap_or_else(|fault| panic!("{name}: {fault}"))
            .unwrap();
        only_there(&bytes, changed.bytes(), &change);
        let inserted = &changed.bytes()[change.at.start..][..change.bytes];
        let breaks = inserted.iter().filter(|byte| **byte == b'\n').count();
        let returns = inserted.iter().filter(|byte| **byte == b'\r').count();
        if name.contains("one_line") {
            let own = noroshi_conf::charset::decode(&bytes).unwrap_or_else(|e| panic!("{e}"));
            let one = own
                .text
                .trim_end()
                .lines()
                .last()
                .unwrap()
                .contains("<root>");
            assert!(!one || breaks == 0, "{name}");
        }
        if name.contains("crlf") {
            assert!(breaks > 0 && returns == breaks, "{name}");
        } else if !name.contains("mixed") && !name.contains("NOROSHI") && !bytes.contains(&b'\r') {
            assert_eq!(returns, 0, "{name}");
        }
    }
}

/// The C library's converter reads the changed files in the character set that they declare, and
/// reads the same text.
///
/// Rule: M29
#[test]
fn iconv_reads_changed_files_as_we_do() {
    if std::process::Command::new("iconv")
        .arg("--version")
        .output()
        .is_err()
    {
        assert!(std::env::var_os("NOROSHI_REQUIRE_ALL").is_none());
        eprintln!("skipped: there is no iconv");
        return;
    }
    let dir = std::env::temp_dir().join(format!("noroshi-iconv-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let mut converted = 0;
    for (name, bytes) in all() {
        let mut changed = document(&bytes);
        let original = noroshi_conf::charset::decode(&bytes).unwrap_or_else(|e| panic!("{e}"));
        let (label, value) = match original.charset {
            Charset::EucJp => ("EUC-JP", "通報ｱ・表示ソ"),
            Charset::ShiftJis => ("CP932", "通報ｱ①・表示ソ"),
            Charset::Gb2312 => ("GB2312", "告警通知"),
            Charset::Utf8 => ("UTF-8", "通報𠮷"),
            Charset::Ascii => ("ASCII", "notice"),
        };
        changed.set(&path("/root/noroshi/iconv"), value).unwrap();
        let file = dir.join("clp.conf");
        std::fs::write(&file, changed.bytes()).unwrap();
        let output = std::process::Command::new("iconv")
            .args(["-f", label, "-t", "UTF-8"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let ours = noroshi_conf::charset::decode(changed.bytes()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(text, ours.text, "{name}");
        converted += 1;
    }
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(converted >= 40);
}
