//! clp.conf in every character set, its changes, and what of it goes into an archive.
//!
//! Promises: an answer without control characters in what goes into headers and arguments; an edit of what was read
//! can be read again and says what was asked for; one that is refused changes nothing.

use noroshi_conf::blackout::black_out;
use noroshi_conf::document::{Document, ElementPath};
use noroshi_conf::{difference, read, review};
use noroshi_core::text::Language;

/// Changes that are tried on what was read.
const CHANGES: [(&str, &str); 3] = [
    ("/root/cluster/mail/address", "ops@example.com"),
    ("/root/server@sv1/priority", "0"),
    ("/root/noroshi/language", "<&>\"' \u{72fc}\u{7159}"),
];

pub(crate) fn decode(bytes: &[u8]) {
    match read(bytes) {
        Ok(parsed) => {
            let mail = &parsed.config.mail;
            assert!(!mail.subject.contains(char::is_control));
            for to in &mail.recipients {
                let address = &to.address;
                assert!(!address.starts_with('-') && !address.contains(char::is_control));
            }
            assert_eq!(
                read(bytes).as_ref(),
                Ok(&parsed),
                "the same bytes, the same settings"
            );
        }
        Err(findings) => {
            assert!(!findings.is_empty());
            for finding in &findings {
                let _ = finding.one_line(Language::En);
                let line = finding.one_line(Language::Ja);
                assert!(!line.contains('\n'), "{line:?}");
            }
        }
    }
    let _ = black_out(bytes);
    let Ok(original) = Document::read(bytes.to_vec()) else {
        return;
    };
    for (path, value) in CHANGES {
        let path = ElementPath::parse(path).expect("a path of the table above");
        let mut changed = original.clone();
        if let Ok(Some(_)) = changed.set(&path, value) {
            let again = Document::read(changed.bytes().to_vec());
            let again = again.unwrap_or_else(|_| panic!("{path}: the changed file cannot be read"));
            assert_eq!(again.get(&path)[0].value(), value);
            assert_eq!(changed.set(&path, value), Ok(None), "it is there already");
            let _ = difference::differences(&original, &changed);
            let _ = review::new_findings(bytes, changed.bytes());
        } else {
            assert_eq!(
                changed.bytes(),
                bytes,
                "a change that was refused changed nothing"
            );
        }
    }
}
