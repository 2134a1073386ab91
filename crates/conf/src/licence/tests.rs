//! The text forms: written, read, spoiled, forged.

use super::*;
use noroshi_core::licence::{Date, Kind, Licence, Memory, Product, Serial};
use noroshi_core::text::Language;
use noroshi_core::time::WallTime;
use proptest::prelude::*;

fn signer(seed: u8) -> SigningKey {
    SigningKey::from_random([seed; 32])
}

fn trusted(key: &SigningKey) -> Signers {
    Signers::parse(key.to_public_pem().as_bytes()).unwrap()
}

fn trial() -> Licence {
    Licence {
        product: Product::AlertService,
        kind: Kind::Trial,
        serial: Serial::FIRST,
        servers: 3,
        issued: Date::new(2026, 11, 22).unwrap(),
        from: None,
        until: Date::new(2026, 12, 31),
    }
}

fn sheet_key(random: u8) -> SheetKey {
    SheetKey::from_random([random; 32])
}

fn store() -> Store {
    let key = signer(1);
    let mut product = trial();
    product.kind = Kind::Product;
    product.until = None;
    product.serial = Serial::FIRST.next().unwrap();
    let file = Record {
        by: vec!["sv1".into()],
        revision: 0,
        evidence: Evidence::File(LicenceFile::issue(trial(), &key)),
    };
    let typed = Record {
        by: vec!["sv1".into(), "sv2".into()],
        revision: 1,
        evidence: Evidence::Key(IssuedKey::issue(&sheet_key(3), product, &key)),
    };
    Store {
        memory: Some(Memory {
            latest: WallTime(1_793_491_200_123),
            warned: Some((WallTime(1_795_219_200_000), 7)),
        }),
        records: vec![file, typed],
        removed: vec![Removed {
            serial: Serial::parse("AAA0000009").unwrap(),
            revision: 2,
        }],
    }
}

/// The file is an interface: do not edit.
///
/// Rule: N16
#[test]
fn the_licence_file_keeps_its_form() {
    let file = LicenceFile::issue(trial(), &signer(1));
    let text = file.to_text();
    let expected = "noroshi licence 1\nproduct: ALRT10\nkind: trial\nserial: AAA0000001\n\
        servers: 3\nissued: 2026-11-22\nfrom: -\nuntil: 2026-12-31\nsigner: 34750f98bd59fcfc\n\
        signature: ";
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(LicenceFile::parse(text.as_bytes()), Ok(file.clone()));
    file.check(&trusted(&signer(1))).unwrap();
}

/// Rule: N16
#[test]
fn a_changed_licence_or_another_signer_is_not_trusted() {
    let signers = trusted(&signer(1));
    let text = LicenceFile::issue(trial(), &signer(1)).to_text();
    for (from, to) in [
        ("servers: 3", "servers: 30"),
        ("until: 2026-12-31", "until: 2036-12-31"),
        ("from: -", "from: 2026-11-23"),
        ("AAA0000001", "AAA0000002"),
        ("kind: trial", "kind: term"),
    ] {
        let forged = LicenceFile::parse(text.replace(from, to).as_bytes()).unwrap();
        assert_eq!(forged.check(&signers), Err(Doubt::Signature), "{to}");
    }
    let other = LicenceFile::issue(trial(), &signer(2));
    assert_eq!(other.check(&signers), Err(Doubt::Signer));
    // Somebody who only says to be the trusted one.
    let mut lying = other.clone();
    lying.signer = signer(1).id();
    assert_eq!(lying.check(&signers), Err(Doubt::Signature));
}

/// Rule: N16
#[test]
fn mail_programs_and_windows_do_a_licence_no_harm() {
    let file = LicenceFile::issue(trial(), &signer(1));
    let text = file.to_text();
    for changed in [
        text.replace('\n', "\r\n"),
        text.replace('\n', "  \n"),
        format!("\u{feff}{text}\n\n \n"),
        text.trim_end().to_owned(),
    ] {
        assert_eq!(LicenceFile::parse(changed.as_bytes()), Ok(file.clone()));
    }
}

/// Rule: N16
#[test]
fn what_is_no_licence_is_refused_with_line_value_and_remedy() {
    let good = LicenceFile::issue(trial(), &signer(1)).to_text();
    for (from, to, told) in [
        (
            "noroshi licence 1",
            "noroshi licence 2",
            "f:1: \"noroshi licence 2\": a form of a newer",
        ),
        (
            "noroshi licence 1",
            "-----BEGIN",
            "f:1: \"-----BEGIN\": the first line is not",
        ),
        ("ALRT10", "REPL33", "f:2: \"REPL33\": unknown product"),
        ("ALRT10", "alrt10", "f:2: \"alrt10\": unknown product"),
        ("kind: trial", "kind: Trial", "f:3: \"Trial\": no kind"),
        (
            "kind: trial",
            "kind: product",
            "f:8: \"2026-12-31\": a last day",
        ),
        ("AAA0000001", "aaa0000001", "f:4: \"aaa0000001\": no serial"),
        (
            "servers: 3",
            "servers: 0",
            "f:5: \"0\": no number of servers",
        ),
        (
            "servers: 3",
            "servers: +3",
            "f:5: \"+3\": no number of servers",
        ),
        (
            "servers: 3\n",
            "",
            "f:5: \"issued: 2026-11-22\": here the line \"servers: ...\"",
        ),
        ("2026-12-31", "2026-02-30", "f:8: \"2026-02-30\": no day"),
        (
            "from: -",
            "from: 2027-01-01",
            "f:8: \"2026-12-31\": the last day is before",
        ),
        ("signature: ", "signature: A", "f:10: \"A"),
        (
            "signer: 3",
            "signer: X",
            "f:9: \"X4750f98bd59fcfc\": no name of a signer",
        ),
    ] {
        let fault = LicenceFile::parse(good.replace(from, to).as_bytes()).unwrap_err();
        let en = fault.one_line("f", Language::En);
        assert!(en.starts_with(told) && en.ends_with('.'), "{en}");
        let ja = fault.one_line("f", Language::Ja);
        assert!(ja.ends_with('。') && !ja.is_ascii(), "{ja}");
    }
    for (bytes, told) in [
        (&b""[..], "f:1: the first line"),
        (b"noroshi licence 1\nproduct: \xff", "f:2: not text"),
        (&[b'a'; FILE_BYTES_MAX + 1], "f:1: larger than 4096 bytes"),
    ] {
        let fault = LicenceFile::parse(bytes).unwrap_err();
        let en = fault.one_line("f", Language::En);
        assert!(en.starts_with(told), "{en}");
    }
    let more = format!("{good}more\n");
    let fault = LicenceFile::parse(more.as_bytes()).unwrap_err();
    assert_eq!((fault.line, fault.problem), (11, Problem::Surplus));
}

/// Rule: M22
#[test]
fn a_key_is_taken_as_the_sheet_prints_it_and_letter_case_matters() {
    let key = sheet_key(7);
    let text = key.to_text();
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { 'X' } else { c })
        .collect();
    assert_eq!(shape, "XXXXXXXX- XXXXXXXX- XXXXXXXX- XXXXXXXX");
    let tight = text.replace(' ', "");
    for typed in [
        text.clone(),
        tight.clone(),
        format!("  {text}\n"),
        tight.replace('-', "\u{2013}"),
        tight.replace('-', " - "),
        text.replace(' ', "\u{3000}"),
    ] {
        assert!(SheetKey::parse(&typed) == Ok(key.clone()), "{typed}");
    }
    for other in [tight.to_lowercase(), tight.to_uppercase()] {
        assert!(SheetKey::parse(&other).is_err(), "{other}");
    }
    for (typed, error) in [
        (tight.replace('-', ""), KeyError::Groups),
        (tight[1..].to_owned(), KeyError::Groups),
        (format!("{tight}-"), KeyError::Groups),
        (format!("0{}", &tight[1..]), KeyError::Alphabet),
        (format!("\u{e9}{}", &tight[1..]), KeyError::Alphabet),
        (String::new(), KeyError::Groups),
    ] {
        assert_eq!(SheetKey::parse(&typed).unwrap_err(), error, "{typed}");
    }
}

/// Rule: N16
#[test]
fn a_slip_of_the_finger_is_told_from_a_key_that_was_not_issued() {
    let tight = sheet_key(7).to_text().replace(' ', "");
    let (mut slips, mut taken) = (0, 0);
    for at in 0..tight.len() {
        for c in "234ABCabc".chars() {
            let mut typed = tight.clone();
            typed.replace_range(at..=at, &c.to_string());
            if !tight[at..].starts_with(['-', c]) {
                slips += 1;
                taken += usize::from(SheetKey::parse(&typed).is_ok());
            }
        }
    }
    assert!(slips > 200 && taken <= 2, "{taken} of {slips}");
}

/// Rule: N16
#[test]
fn keys_use_their_whole_alphabet_evenly() {
    let mut counts = std::collections::BTreeMap::new();
    for number in 0..2_000u32 {
        let seed = ring::digest::digest(&ring::digest::SHA256, &number.to_be_bytes());
        let key = SheetKey::from_random(seed.as_ref().try_into().unwrap());
        for c in key.to_text().chars().filter(char::is_ascii_alphanumeric) {
            *counts.entry(c).or_insert(0u32) += 1;
        }
    }
    // 64,000 characters, 1,143 each on average, spread of 34.
    assert_eq!(counts.len(), 56);
    assert!(
        counts.values().all(|count| (960..1_330).contains(count)),
        "{counts:?}"
    );
}

/// Rule: N16
#[test]
fn the_list_shows_digests_and_no_keys() {
    let (key, signer) = (sheet_key(9), signer(1));
    let issued = IssuedKey::issue(&key, trial(), &signer);
    let list = KeyList { keys: vec![issued] };
    let text = list.to_text();
    for group in key.to_text().split("- ") {
        assert!(!text.contains(group));
        assert!(!format!("{key:?} {list:?}").contains(group));
    }
    let read = KeyList::parse(text.as_bytes()).unwrap();
    assert_eq!(read, list);
    let found = read.find(key.digest()).unwrap();
    found.check(&trusted(&signer)).unwrap();
    assert_eq!(read.find(sheet_key(8).digest()), None);
    // A line promises nothing but what was signed.
    let forged = text.replace(" 3 2026", " 300 2026");
    let forged = KeyList::parse(forged.as_bytes()).unwrap();
    assert_eq!(
        forged.keys[0].check(&trusted(&signer)),
        Err(Doubt::Signature)
    );
}

/// Rule: N16
#[test]
fn a_list_with_a_key_or_serial_number_twice_is_refused() {
    let line = IssuedKey::issue(&sheet_key(9), trial(), &signer(1)).to_line();
    let other = IssuedKey::issue(&sheet_key(8), trial(), &signer(1)).to_line();
    for second in [&line, &other] {
        let text = format!("{LIST_VERSION_LINE}\n{line}\n{second}\n");
        let fault = KeyList::parse(text.as_bytes()).unwrap_err();
        assert_eq!((fault.line, fault.problem), (3, Problem::Repeated));
    }
}

/// Rule: M22
#[test]
fn a_sheet_comes_back_from_its_text() {
    let sheet = Sheet {
        product: Product::AlertService,
        kind: Kind::Trial,
        serial: Serial::FIRST,
        key: sheet_key(5),
        servers: 2,
        from: Date::new(2026, 12, 1),
        until: Date::new(2026, 12, 31),
    };
    let text = sheet.to_text();
    assert!(text.contains("\nproduct name: noroshi Alert Service\n"));
    assert_eq!(Sheet::parse(text.as_bytes()), Ok(sheet.clone()));
    // Whatever is wrong, the key is not in the fault.
    let secret = sheet.key.to_text();
    for (from, to) in [("licence key", "license key"), ("- ", "_ ")] {
        let fault = Sheet::parse(text.replace(from, to).as_bytes()).unwrap_err();
        assert!(!format!("{fault:?}").contains(&secret[..8]), "{fault:?}");
    }
}

/// Rule: N16
#[test]
fn the_store_comes_back_from_its_text() {
    let store = store();
    let text = store.to_text();
    assert!(
        text.contains("\nlatest: 2026-11-01T00:00:00.123Z\n"),
        "{text}"
    );
    assert_eq!(Store::parse(text.as_bytes()), Ok(store.clone()));
    assert_eq!(
        Store::parse(text.replace('\n', "\r\n").as_bytes()),
        Ok(store)
    );
    let empty = Store::default();
    assert_eq!(Store::parse(empty.to_text().as_bytes()), Ok(empty));
    let fault = Store::parse(text.replace("| servers: 3", "| servers: x").as_bytes()).unwrap_err();
    assert_eq!((fault.line, fault.value.as_str()), (12, "x"));
    for (from, to) in [
        ("removed: AAA0000009 2", "removed: x 2"),
        ("revision: 1", "revision: x"),
    ] {
        let fault = Store::parse(text.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(fault.problem, Problem::Revision);
    }
    for latest in [i64::MIN, i64::MAX, -1, 0, 946_684_799_999] {
        let mut odd = Store::default();
        let latest = WallTime(latest);
        odd.memory = Some(Memory {
            latest,
            warned: Some((latest, 14)),
        });
        assert_eq!(Store::parse(odd.to_text().as_bytes()), Ok(odd));
    }
}

/// Rule: N16
#[test]
fn several_signers_may_be_trusted_while_one_follows_another() {
    let both = signer(1).to_public_pem() + &signer(2).to_public_pem();
    let both = Signers::parse(both.as_bytes()).unwrap();
    for seed in [1, 2] {
        LicenceFile::issue(trial(), &signer(seed))
            .check(&both)
            .unwrap();
    }
    let many = signer(1).to_public_pem().repeat(SIGNERS_MAX + 1);
    let fault = Signers::parse(many.as_bytes()).unwrap_err();
    assert_eq!(fault.problem, Problem::TooMany { max: SIGNERS_MAX });
    let body = signer(1).public_body();
    assert_eq!(
        Signers::parse(public_pem_of_body(&body).as_bytes()).unwrap(),
        trusted(&signer(1))
    );
    for bad in [
        "",
        "hello",
        "-----BEGIN PUBLIC KEY-----",
        &public_pem_of_body("AAAA"),
    ] {
        assert!(Signers::parse(bad.as_bytes()).is_err());
    }
    let private = signer(1).to_private_pem();
    assert_eq!(
        SigningKey::parse(private.as_bytes()).unwrap().id(),
        signer(1).id()
    );
    assert!(SigningKey::parse((private.clone() + &private).as_bytes()).is_err());
    let seed = &private.lines().nth(2).unwrap()[40..];
    assert!(!format!("{:?}", signer(1)).contains(seed));
}

/// Bytes that begin like one of the forms and go on with pieces of them, or with anything.
fn spoiled() -> impl Strategy<Value = Vec<u8>> {
    let forms = [
        LicenceFile::issue(trial(), &signer(1)).to_text(),
        store().to_text(),
        KeyList {
            keys: vec![IssuedKey::issue(&sheet_key(1), trial(), &signer(1))],
        }
        .to_text(),
        signer(1).to_private_pem() + &signer(1).to_public_pem(),
        sheet_key(4).to_text(),
        "noroshi licence sheet 1\nproduct name: noroshi Alert Service\n".to_owned(),
    ];
    let form = proptest::sample::select(forms.to_vec());
    (
        form,
        proptest::collection::vec(
            (
                any::<proptest::sample::Index>(),
                any::<Vec<u8>>(),
                0usize..40,
            ),
            0..4,
        ),
    )
        .prop_map(|(text, changes)| {
            let mut bytes = text.into_bytes();
            for (at, new, cut) in changes {
                let at = at.index(bytes.len() + 1);
                let end = (at + cut).min(bytes.len());
                bytes.splice(at..end, new);
            }
            bytes
        })
}

fn read_all(bytes: &[u8]) {
    let _ = LicenceFile::parse(bytes).map_err(|fault| fault.one_line("f", Language::Ja));
    let _ = KeyList::parse(bytes).map_err(|fault| fault.one_line("f", Language::En));
    let _ = Sheet::parse(bytes);
    let _ = Signers::parse(bytes);
    let _ = SigningKey::parse(bytes);
    let _ = SheetKey::parse(&String::from_utf8_lossy(bytes));
    if let Ok(store) = Store::parse(bytes) {
        assert_eq!(Store::parse(store.to_text().as_bytes()), Ok(store));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Rule: N16
    #[test]
    fn nothing_whatsoever_makes_a_reader_panic(bytes in any::<Vec<u8>>(), spoiled in spoiled()) {
        read_all(&bytes);
        read_all(&spoiled);
    }

    /// What is read as a licence and trusted says what was signed.
    ///
    /// Rule: N16
    #[test]
    fn no_change_of_a_licence_is_trusted(spoiled in spoiled()) {
        if let Ok(file) = LicenceFile::parse(&spoiled)
            && file.check(&trusted(&signer(1))).is_ok()
        {
            prop_assert_eq!(file.licence, trial());
        }
    }

    /// Rule: M22
    #[test]
    fn every_key_comes_back_from_its_text(random in any::<[u8; 32]>()) {
        let key = SheetKey::from_random(random);
        prop_assert!(SheetKey::parse(&key.to_text()) == Ok(key));
    }
}

/// What three servers that registered and removed apart from each other come to, in any order.
///
/// Rule: M21 M24
#[test]
fn registrations_of_several_servers_join_alike_in_any_order() {
    let key = signer(1);
    let evidence = |serial: Serial| {
        let licence = Licence { serial, ..trial() };
        Evidence::File(LicenceFile::issue(licence, &key))
    };
    let (one, two) = (Serial::FIRST, Serial::FIRST.next().unwrap());
    let mut first = Store::default();
    first.add("sv1", evidence(one));
    // The second had it from the first, removed it, and registered it again.
    let mut second = first.clone();
    second.remove(0);
    let removed = second.clone();
    second.add("sv2", evidence(one));
    assert_eq!(second.records[0].revision, 1);
    // The third was away, and registered both.
    let mut third = Store::default();
    third.add("sv3", evidence(one));
    third.add("sv3", evidence(two));

    let join = |order: [&Store; 4]| {
        let mut all = Store::default();
        for store in order.into_iter().chain(order) {
            let text = store.shared();
            all.join(&Store::parse(text.as_bytes()).unwrap_or_default());
        }
        all.records.sort_by_key(Record::serial);
        all.removed.sort_by_key(|one| one.serial);
        assert!(!all.clone().join(&all));
        all
    };
    let [a, b, c, d] = [&first, &removed, &second, &third];
    let expected = join([a, b, c, d]);
    for order in [[d, c, b, a], [b, d, a, c], [c, a, d, b], [d, b, c, a]] {
        assert_eq!(join(order), expected);
    }
    let [again, other] = expected.records.as_slice() else {
        panic!("{expected:?}");
    };
    assert_eq!((again.by.clone(), again.revision), (vec!["sv2".into()], 1));
    assert_eq!(other.by, ["sv3"]);
    // Without the second registration the removal holds, and against who was away too.
    let without = join([a, b, d, a]);
    assert_eq!(without.records.len(), 1);
    // The same key typed on two servers that did not see each other.
    let mut both = Store::default();
    both.join(&third);
    both.join(&first);
    assert_eq!(both.records[0].by, ["sv1", "sv3"]);
}

/// Rule: M21
#[test]
fn a_register_that_is_full_takes_no_more_and_keeps_what_it_has() {
    let key = signer(1);
    let mut serial = Serial::FIRST;
    let mut fill = |count: usize| {
        let mut store = Store::default();
        for _ in 0..count {
            serial = serial.next().unwrap();
            let licence = Licence { serial, ..trial() };
            store.add("sv1", Evidence::File(LicenceFile::issue(licence, &key)));
        }
        store
    };
    let mut full = fill(STORE_RECORDS_MAX);
    let mut gone = fill(STORE_RECORDS_MAX);
    let before = full.clone();
    assert!(!full.join(&gone));
    assert_eq!(full, before);
    while !gone.records.is_empty() {
        gone.remove(0);
    }
    gone.join(&{
        let mut more = fill(1);
        more.remove(0);
        more
    });
    assert_eq!(gone.removed.len(), STORE_REMOVED_MAX);
    assert!(full.join(&gone));
    let text = full.shared();
    assert!(text.len() < STORE_BYTES_MAX / 2, "{}", text.len());
    assert_eq!(
        Store::parse(text.as_bytes()).unwrap(),
        Store {
            memory: None,
            ..full
        }
    );
}
