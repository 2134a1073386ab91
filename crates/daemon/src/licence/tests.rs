//! Licences in a home.

use super::*;
use noroshi_conf::licence::{LicenceFile, SigningKey, Store};
use noroshi_core::licence::{Date, Kind, Licence, Product, Serial, State, judge};
use std::os::unix::fs::MetadataExt;

fn home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    home.prepare().unwrap();
    std::fs::create_dir(home.etc()).unwrap();
    (dir, home)
}

fn record(key: &SigningKey) -> Record {
    let licence = Licence {
        product: Product::AlertService,
        kind: Kind::Trial,
        serial: Serial::FIRST,
        servers: 2,
        issued: Date::new(2026, 11, 22).unwrap(),
        from: None,
        until: Date::new(2026, 12, 31),
    };
    Record {
        by: vec!["sv1".into()],
        revision: 0,
        evidence: Evidence::File(LicenceFile::issue(licence, key)),
    }
}

fn add(home: &Home, record: Record) {
    register::update(home, |store| {
        store.records.push(record);
        Ok::<_, LicenceError>(())
    })
    .unwrap();
}

/// Rule: N16
#[test]
fn a_build_without_a_signers_key_needs_no_licence() {
    let (_dir, home) = home();
    assert_eq!(trust(&home).unwrap(), Trust::NotNeeded);
    assert_eq!(registered(&home, &Trust::NotNeeded), Registered::NotNeeded);
    std::fs::write(home.licence_signer(), "not a key").unwrap();
    let error = trust(&home).unwrap_err().text(Language::En);
    assert!(
        error.contains("licence-signer.pub:1: no Ed25519 key"),
        "{error}"
    );
}

/// Rule: N16 M21
#[test]
fn what_is_registered_is_checked_by_the_installed_signers_key() {
    let (_dir, home) = home();
    let key = SigningKey::from_random([1; 32]);
    std::fs::write(home.licence_signer(), key.to_public_pem()).unwrap();
    let trust_ours = trust(&home).unwrap();
    add(&home, record(&key));
    assert_eq!(
        std::fs::metadata(home.licences()).unwrap().mode() & 0o777,
        0o600
    );
    let found = registered(&home, &trust_ours);
    let [one] = found.licences() else {
        panic!("{found:?}");
    };
    assert_eq!((one.proof, one.sheet), (Proof::Sound, false));
    let (issued, end) = (one.issued, one.end.unwrap());
    assert!((39..=41).contains(&((end.0 - issued.0) / 86_400_000)));
    assert_eq!(judge(&found, 2, issued, issued), State::Valid);
    assert_eq!(judge(&found, 2, end, end).message(), Some(2));
    // Another signer's key in its place.
    let other = SigningKey::from_random([2; 32]);
    std::fs::write(home.licence_signer(), other.to_public_pem()).unwrap();
    let found = registered(&home, &trust(&home).unwrap());
    assert_eq!(judge(&found, 2, issued, issued).message(), Some(4));
}

/// Rule: N16
#[test]
fn a_built_in_signers_key_stands_alone() {
    let (_dir, home) = home();
    let (ours, other) = (
        SigningKey::from_random([1; 32]),
        SigningKey::from_random([2; 32]),
    );
    std::fs::write(home.licence_signer(), other.to_public_pem()).unwrap();
    let trust = trust_of(Some(&ours.public_body()), &home).unwrap();
    let Trust::Signers(signers) = &trust else {
        panic!("{trust:?}");
    };
    assert_eq!(registration(&record(&ours), signers).proof, Proof::Sound);
    assert_ne!(registration(&record(&other), signers).proof, Proof::Sound);
    // A slip in the build is an error, and never "no licence needed".
    assert!(trust_of(Some(""), &home).is_err());
}

/// Rule: N16
#[test]
fn a_damaged_register_is_unknown_and_stays_as_it_is() {
    let (_dir, home) = home();
    let key = SigningKey::from_random([1; 32]);
    std::fs::write(home.licence_signer(), key.to_public_pem()).unwrap();
    std::fs::write(home.licences(), "noroshi registered licences 1\nlat").unwrap();
    let trust = trust(&home).unwrap();
    assert_eq!(registered(&home, &trust), Registered::Unreadable);
    let refused = register::update(&home, |store| {
        *store = Store::default();
        Ok::<_, LicenceError>(())
    });
    assert!(
        refused
            .unwrap_err()
            .text(Language::Ja)
            .contains("licences:2: ")
    );
    assert!(
        std::fs::read_to_string(home.licences())
            .unwrap()
            .ends_with("lat")
    );
}

/// Rule: M21
#[test]
fn commands_at_the_same_time_do_not_lose_each_others_licence() {
    let (_dir, home) = home();
    let key = SigningKey::from_random([1; 32]);
    let mut serial = Serial::FIRST;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            serial = serial.next().unwrap();
            let (home, key) = (&home, &key);
            scope.spawn(move || {
                let mut record = record(key);
                if let Evidence::File(file) = &mut record.evidence {
                    file.licence.serial = serial;
                }
                add(home, record);
            });
        }
    });
    assert_eq!(register::read(&home).unwrap().records.len(), 8);
    // Only the file and its lock are there.
    assert_eq!(std::fs::read_dir(home.var()).unwrap().count(), 2);
}

/// Rule: M21
#[test]
fn what_root_registers_the_services_user_can_read_and_change() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    let (_dir, home) = home();
    std::os::unix::fs::chown(home.var(), Some(65_534), Some(65_534)).unwrap();
    add(&home, record(&SigningKey::from_random([1; 32])));
    for file in [home.licences(), home.licences().with_extension("lock")] {
        assert_eq!(std::fs::metadata(&file).unwrap().uid(), 65_534, "{file:?}");
    }
}

#[test]
fn days_begin_and_end_at_midnight_of_the_calendar() {
    let day = Date::new(2026, 2, 28).unwrap();
    assert_eq!(end_of(day), start_of(Date::new(2026, 3, 1).unwrap()));
    assert_eq!(day_of(start_of(day)), day);
    assert_eq!(day_of(noroshi_core::time::WallTime(end_of(day).0 - 1)), day);
    let last = Date::new(9999, 12, 31).unwrap();
    assert!(end_of(last) > start_of(day));
    for time in [i64::MIN, i64::MAX, 0] {
        day_of(noroshi_core::time::WallTime(time));
    }
}

/// Rule: M21
#[test]
fn an_older_release_passes_over_what_it_does_not_know() {
    use noroshi_core::peer::PeerMessage;
    // What such a release reads of our message: that it does not know it.
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(tag = "is", rename_all = "kebab-case")]
    enum Older {
        #[serde(other)]
        Unknown,
    }
    let message = PeerMessage::Licences {
        register: "r".into(),
        number: 1,
    };
    let text = r#"{"is":"licences","register":"r","number":1}"#;
    assert_eq!(serde_json::to_string(&message).unwrap(), text);
    assert_eq!(serde_json::from_str::<PeerMessage>(text).unwrap(), message);
    assert_eq!(serde_json::from_str::<Older>(text).unwrap(), Older::Unknown);
}

/// Root registers in a folder of the service's user, and gives the lock to its owner: through a link put
/// there it would give away any file.
///
/// Rule: M21
#[test]
fn a_link_in_the_place_of_the_lock_is_not_followed() {
    let (dir, home) = home();
    let others = dir.path().join("others");
    std::fs::write(&others, "kept").unwrap();
    let place = home.licences().with_extension("lock");
    let links: [fn(&Path, &Path) -> io::Result<()>; 2] = [
        |to, at| std::os::unix::fs::symlink(to, at),
        |to, at| std::fs::hard_link(to, at),
    ];
    for link in links {
        link(&others, &place).unwrap();
        let key = SigningKey::from_random([1; 32]);
        let added = register::update(&home, |store| {
            store.records.push(record(&key));
            Ok::<_, LicenceError>(())
        });
        let text = added.unwrap_err().text(Language::En);
        assert!(text.contains("licences"), "{text}");
        assert!(!home.licences().exists());
        std::fs::remove_file(&place).unwrap();
    }
    assert_eq!(std::fs::read(&others).unwrap(), b"kept");
}
