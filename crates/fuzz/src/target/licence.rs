//! Every text of licences.
//!
//! Promises: what was read and is written reads the same; nothing that nobody signed is trusted; a fault is one line;
//! what was joined twice was joined once.

use noroshi_conf::licence::{KeyList, LicenceFile, Sheet, SheetKey, Signers, SigningKey, Store};
use noroshi_core::text::Language;

pub(crate) fn decode(bytes: &[u8]) {
    let signer = SigningKey::from_random([9; 32]);
    let trusted = Signers::parse(signer.to_public_pem().as_bytes()).expect("as it was written");
    match LicenceFile::parse(bytes) {
        Ok(file) => {
            assert_eq!(
                LicenceFile::parse(file.to_text().as_bytes()).as_ref(),
                Ok(&file)
            );
            assert!(
                file.check(&trusted).is_err(),
                "nobody signed it with that key"
            );
        }
        Err(fault) => {
            let line = fault.one_line("f", Language::Ja);
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
    if let Ok(list) = KeyList::parse(bytes) {
        let again = KeyList::parse(list.to_text().as_bytes());
        assert_eq!(again.map(|list| list.to_text()), Ok(list.to_text()));
    }
    if let Ok(sheet) = Sheet::parse(bytes) {
        let again = Sheet::parse(sheet.to_text().as_bytes());
        assert_eq!(again.map(|sheet| sheet.to_text()), Ok(sheet.to_text()));
    }
    let _ = Signers::parse(bytes);
    if let Ok(key) = SigningKey::parse(bytes) {
        let again = SigningKey::parse(key.to_private_pem().as_bytes());
        assert_eq!(again.map(|key| key.id()).ok(), Some(key.id()));
    }
    if let Ok(key) = SheetKey::parse(&String::from_utf8_lossy(bytes)) {
        assert!(SheetKey::parse(&key.to_text()) == Ok(key));
    }
    if let Ok(store) = Store::parse(bytes) {
        assert_eq!(
            Store::parse(store.to_text().as_bytes()).as_ref(),
            Ok(&store)
        );
        let mut joined = Store::default();
        joined.join(&store);
        assert!(!joined.join(&store), "a second time it is nothing new");
    }
}
