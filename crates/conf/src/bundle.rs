//! A whole set in one piece: what is pushed, kept and carried between servers (rules M27 N17).
//!
//! ```text
//! noroshi set 1
//! 5120 clp.conf
//! 402 clp.conf.rep
//! 312 scripts/monitor/start.sh
//!
//! …the bytes of all files, in this order…
//! ```
//! Files stand in the order of their names, so that one set has one form and one digest on every server.
//!
//! *Use.* [`Bundle::add`] each file, [`Bundle::pack`]; [`Bundle::unpack`] what came; [`Bundle::faults`] says
//! whether it is whole. Pure.
//!
//! *Failure.* [`BundleFault`]: a name that could lead out of the set's directory, too many files or bytes,
//! bytes that are no bundle. Nothing of such a bundle is to be used.

use crate::set::{self, CONF, PARTS_MAX, Part, REPORT, SCRIPTS, SetFault};
use crate::tar::Entry;
use noroshi_core::text::Language;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Largest set in bytes, all files together: a clp.conf of the largest size and as much of scripts.
pub const BUNDLE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Longest name of a file in a set, in bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// Deepest folder in a set; the real product has three.
pub const STEPS_MAX: usize = 10;

const FIRST_LINE: &str = "noroshi set 1";

/// The files of a set by their names, `/` between the steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    files: BTreeMap<String, Vec<u8>>,
}

/// Why something is no bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleFault {
    /// A file that no set has, or a name that could lead out of it.
    Name(String),
    /// The same file twice.
    Twice(String),
    /// Over [`BUNDLE_BYTES_MAX`] or [`PARTS_MAX`].
    TooLarge,
    /// Bytes that are no bundle of this release.
    Garbled,
}

impl Bundle {
    /// Adds a file.
    ///
    /// # Errors
    /// [`BundleFault`]; the file is not in it then.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), BundleFault> {
        if !is_name(name) {
            return Err(BundleFault::Name(name.into()));
        }
        let all: usize = self.files.values().map(Vec::len).sum();
        if all + bytes.len() > BUNDLE_BYTES_MAX || self.files.len() > PARTS_MAX {
            return Err(BundleFault::TooLarge);
        }
        if self.files.contains_key(name) {
            return Err(BundleFault::Twice(name.into()));
        }
        self.files.insert(name.into(), bytes);
        Ok(())
    }

    /// Puts a report in place of the one that is there.
    pub fn set_report(&mut self, bytes: Vec<u8>) {
        self.files.insert(REPORT.into(), bytes);
    }

    /// A file of it.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// All files, in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// What a report says of these files.
    pub fn parts(&self) -> BTreeMap<String, Part> {
        let files = self.files().filter(|(name, _)| *name != REPORT);
        files
            .map(|(name, bytes)| (name.to_string(), Part::of(bytes)))
            .collect()
    }

    /// What is wrong with the set; `scripts` says whether that directory was there.
    pub fn faults(&self, scripts: bool) -> Vec<SetFault> {
        set::check(self.file(REPORT), scripts, &self.parts())
    }

    /// The one form of this set.
    pub fn pack(&self) -> Vec<u8> {
        let mut packed = format!("{FIRST_LINE}\n").into_bytes();
        for (name, bytes) in self.files() {
            packed.extend(format!("{} {name}\n", bytes.len()).into_bytes());
        }
        packed.push(b'\n');
        for (_, bytes) in self.files() {
            packed.extend_from_slice(bytes);
        }
        packed
    }

    /// Reads what [`Bundle::pack`] wrote.
    ///
    /// # Errors
    /// [`BundleFault`].
    pub fn unpack(packed: &[u8]) -> Result<Bundle, BundleFault> {
        let mut rest = packed;
        let mut line = || -> Result<&str, BundleFault> {
            // No longer line can be one of ours.
            let within = &rest[..rest.len().min(NAME_BYTES_MAX + 32)];
            let end = within.iter().position(|byte| *byte == b'\n');
            let (line, after) = rest.split_at(end.ok_or(BundleFault::Garbled)?);
            rest = &after[1..];
            std::str::from_utf8(line).map_err(|_| BundleFault::Garbled)
        };
        if line()? != FIRST_LINE {
            return Err(BundleFault::Garbled);
        }
        let mut heads = Vec::new();
        loop {
            let head = line()?;
            if head.is_empty() {
                break;
            }
            let (length, name) = head.split_once(' ').ok_or(BundleFault::Garbled)?;
            let length: usize = length.parse().map_err(|_| BundleFault::Garbled)?;
            if heads.len() > PARTS_MAX {
                return Err(BundleFault::TooLarge);
            }
            heads.push((length, name.to_string()));
        }
        let mut bundle = Bundle::default();
        for (length, name) in heads {
            if length > rest.len() {
                return Err(BundleFault::Garbled);
            }
            let (bytes, after) = rest.split_at(length);
            bundle.add(&name, bytes.to_vec())?;
            rest = after;
        }
        let is_ours = rest.is_empty() && bundle.pack() == packed;
        if is_ours {
            Ok(bundle)
        } else {
            Err(BundleFault::Garbled)
        }
    }
}

impl BundleFault {
    /// What is wrong, and the remedy.
    pub fn text(&self, language: Language) -> String {
        let shown = crate::finding::shown;
        match self {
            BundleFault::Name(name) => {
                let name = shown(name);
                language.pick(
                    format!("{name}: no name of a file in a set. A set has {CONF}, {REPORT} and files below {SCRIPTS}/, with names of at most {NAME_BYTES_MAX} bytes and {STEPS_MAX} steps. Rename or remove it."),
                    format!("{name}: 構成情報の一式に含められない名前です。{CONF}、{REPORT}、{SCRIPTS}/ 以下のファイル（{NAME_BYTES_MAX} バイト、{STEPS_MAX} 階層まで）だけが含まれます。名前を変えるか取り除いてください。"),
                )
            }
            BundleFault::Twice(name) => {
                let name = shown(name);
                language.pick(
                    format!("{name} stands there twice. Write the medium again."),
                    format!("{name} が重複しています。媒体を作成し直してください。"),
                )
            }
            BundleFault::TooLarge => language.pick(
                format!("the set has over {BUNDLE_BYTES_MAX} bytes or {PARTS_MAX} files. Remove what does not belong to {SCRIPTS}/."),
                format!("一式が {BUNDLE_BYTES_MAX} バイトまたは {PARTS_MAX} ファイルを超えています。{SCRIPTS}/ から不要なものを取り除いてください。"),
            ),
            BundleFault::Garbled => language.pick(
                "what came is no set of this release. Use the same release on all servers.".into(),
                "受信した内容はこの版の構成情報ではありません。全サーバで同じ版を使用してください。".into(),
            ),
        }
    }
}

/// The set among the entries of an archive, and whether it has `scripts/`. It stands at the top, or below one
/// folder in which everything stands; other files beside it are passed over.
///
/// # Errors
/// [`BundleFault`].
pub fn from_entries(entries: Vec<Entry>) -> Result<(Bundle, bool), BundleFault> {
    let plain = |name: &str| {
        name.trim_start_matches("./")
            .trim_end_matches('/')
            .to_string()
    };
    let names: Vec<String> = entries.iter().map(|entry| plain(&entry.name)).collect();
    // The folder that clp.conf stands in, the topmost if scripts/ has one as well; everything else is looked
    // for beside it.
    let places = names.iter().filter_map(|name| name.strip_suffix(CONF));
    let places = places.filter(|place| place.is_empty() || place.ends_with('/'));
    let place = places.min_by_key(|place| place.split('/').count());
    let place = place.unwrap_or_default().to_string();
    let (mut bundle, mut scripts) = (Bundle::default(), false);
    for (entry, name) in entries.into_iter().zip(&names) {
        let Some(name) = name.strip_prefix(&place) else {
            continue;
        };
        let below = name.strip_prefix(SCRIPTS);
        let is_script = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        scripts |= is_script;
        match entry.bytes {
            Some(bytes) if is_script || name == CONF || name == REPORT => {
                bundle.add(name, bytes)?
            }
            _ => {}
        }
    }
    Ok((bundle, scripts))
}

/// SHA-256 of a packed set, in hex.
pub fn digest(packed: &[u8]) -> String {
    set::hex(&Sha256::digest(packed))
}

/// Whether `text` could be a digest; anything else must not become part of a path.
pub fn is_digest(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 64 && text.bytes().all(hex)
}

/// clp.conf, its report, or a file below scripts/, without a step that leads elsewhere.
fn is_name(name: &str) -> bool {
    if name == CONF || name == REPORT {
        return true;
    }
    let mut steps = name.split('/');
    let plain = |step: &str| {
        !matches!(step, "" | "." | "..") && !step.chars().any(|c| c.is_control() || c == '\\')
    };
    name.len() <= NAME_BYTES_MAX
        && name.split('/').count() <= STEPS_MAX
        && steps.next() == Some(SCRIPTS)
        && name.len() > SCRIPTS.len()
        && steps.all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        let mut bundle = Bundle::default();
        bundle
            .add("scripts/a/start.sh", b"#!/bin/sh\n".to_vec())
            .unwrap();
        bundle.add(CONF, b"<root/>".to_vec()).unwrap();
        bundle
    }

    /// Written by an earlier release: do not edit.
    ///
    /// Rule: M27 N17
    #[test]
    fn the_form_of_a_bundle_is_pinned() {
        let packed = bundle().pack();
        let text = "noroshi set 1\n7 clp.conf\n10 scripts/a/start.sh\n\n<root/>#!/bin/sh\n";
        assert_eq!(packed, text.as_bytes());
        assert_eq!(Bundle::unpack(&packed), Ok(bundle()));
        assert!(is_digest(&digest(&packed)));
        for no in ["", "../../etc/passwd", &"A".repeat(64)] {
            assert!(!is_digest(no));
        }
    }

    /// Rule: M27
    #[test]
    fn no_name_leads_out_of_a_set() {
        for name in [
            "",
            "/",
            "scripts",
            "scripts/",
            "scripts//a",
            "scripts/../clp.conf",
            "scripts/./a",
            "/etc/passwd",
            "clp.conf/a",
            "cluster.key",
            "scripts/a\nb",
            "scripts/a\\b",
        ] {
            let refused = bundle().add(name, Vec::new());
            assert!(refused.is_err(), "{name}");
        }
        let long = format!("scripts/{}", "a".repeat(NAME_BYTES_MAX));
        assert!(bundle().add(&long, Vec::new()).is_err());
        assert_eq!(
            bundle().add(CONF, Vec::new()),
            Err(BundleFault::Twice(CONF.into()))
        );
        let large = bundle().add("scripts/b", vec![0; BUNDLE_BYTES_MAX]);
        assert_eq!(large, Err(BundleFault::TooLarge));
    }

    /// Rule: M27
    #[test]
    fn no_changed_or_cut_bundle_is_read() {
        let packed = bundle().pack();
        for at in 0..packed.len() {
            assert!(Bundle::unpack(&packed[..at]).is_err(), "{at}");
        }
        let mut longer = packed.clone();
        longer.push(0);
        assert_eq!(Bundle::unpack(&longer), Err(BundleFault::Garbled));
        let turned = "noroshi set 1\n1 scripts/a\n1 clp.conf\n\nab";
        assert_eq!(Bundle::unpack(turned.as_bytes()), Err(BundleFault::Garbled));
        for fault in [
            BundleFault::Name("a\u{1b}".into()),
            BundleFault::Twice(CONF.into()),
            BundleFault::TooLarge,
            BundleFault::Garbled,
        ] {
            assert!(fault.text(Language::En).is_ascii() && !fault.text(Language::Ja).is_ascii());
        }
    }

    /// In what order an archive holds its files is its writer's business.
    ///
    /// Rule: M28
    #[test]
    fn a_set_is_found_behind_other_files_that_end_like_it() {
        let entry = |name: &str| Entry {
            name: name.into(),
            bytes: Some(name.into()),
        };
        let names = ["set/scripts/old/clp.conf", "old-clp.conf", "set/clp.conf"];
        let entries = names.into_iter().map(entry).collect();
        let (bundle, scripts) = from_entries(entries).unwrap();
        assert_eq!(bundle.file(CONF), Some(&b"set/clp.conf"[..]));
        assert!(scripts && bundle.file("scripts/old/clp.conf").is_some());
    }
}
