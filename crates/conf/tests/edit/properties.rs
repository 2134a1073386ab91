//! Any change to any file: it says what was asked for, and nothing else moves.

use crate::files::{all, document, only_there};
use noroshi_conf::document::{Document, EditFault, ElementPath};
use proptest::prelude::*;
use std::sync::LazyLock;

static FILES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(all);

/// Names that the files have, and some that they lack.
fn step() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "cluster", "server", "device", "mail", "name", "messages", "noroshi", "x",
    ]);
    let key = prop::option::of(prop::sample::select(vec![
        "sv1", "SV2", "0", "7", "甲", "\"a/b\"",
    ]));
    (name, key).prop_map(|(name, key)| key.map_or(name.to_string(), |key| format!("{name}@{key}")))
}

fn path() -> impl Strategy<Value = ElementPath> {
    prop::collection::vec(step(), 1..5).prop_map(|steps| {
        ElementPath::parse(&format!("/root/{}", steps.join("/"))).unwrap_or_else(|f| panic!("{f}"))
    })
}

/// Only the elements named by what the edit was about differ.
fn values(document: &Document) -> Vec<(String, String)> {
    let elements = document.tree().elements();
    (0..elements.len())
        .map(|at| {
            let path = ElementPath::of(document.tree(), at).to_string();
            (path, elements[at].text.clone())
        })
        .collect()
}

/// A path as it is while nothing else is alike.
fn first(path: &str) -> String {
    path.replace("[1]", "").replace('"', "")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Rule: M29
    #[test]
    fn a_change_anywhere_is_kept_to_its_place(
        file in any::<prop::sample::Index>(),
        path in path(),
        value in "[ -~]{0,12}|[ \\n\\t<>&\"'\\]]{1,6}|.{0,8}|狼煙|告警",
        add in any::<bool>(),
    ) {
        let (name, bytes) = file.get(&FILES[..]);
        let original = document(bytes);
        let mut changed = original.clone();
        let done = if add {
            changed.add(&path, &value).map(Some)
        } else {
            changed.set(&path, &value)
        };
        match done {
            Err(fault) => {
                prop_assert!(fault != EditFault::NotKept, "{name} {path} {value:?}");
                prop_assert_eq!(changed.bytes(), &bytes[..]);
            }
            Ok(None) => prop_assert_eq!(changed.bytes(), &bytes[..]),
            Ok(Some(change)) => {
                only_there(bytes, changed.bytes(), &change);
                let before = values(&original);
                let after = values(&changed);
                // Nothing that was there is gone, and what it says is as it was, but for spaces
                // around new elements and the one value.
                let mut differ = 0;
                let mut rest = after.iter();
                for (path, text) in &before {
                    let found = rest.find(|(other, _)| first(other) == first(path));
                    prop_assert!(found.is_some(), "{name}: {path} is gone");
                    differ += usize::from(found.unwrap().1.trim() != text.trim());
                }
                prop_assert!(differ <= 1, "{name} {path}");
                let again = Document::read(changed.bytes().to_vec());
                prop_assert!(again.is_ok());
            }
        }
    }

    /// Rule: M29
    #[test]
    fn what_was_set_is_there_and_setting_it_again_changes_nothing(
        file in any::<prop::sample::Index>(),
        path in path(),
        value in "[!-~]{1,12}",
    ) {
        let (_, bytes) = file.get(&FILES[..]);
        let mut changed = document(bytes);
        if changed.set(&path, &value).is_ok() {
            prop_assert_eq!(changed.get(&path)[0].value(), &value);
            prop_assert_eq!(changed.set(&path, &value), Ok(None));
        }
    }
}
