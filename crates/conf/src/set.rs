//! The saved set of a configuration: `clp.conf`, `clp.conf.rep`, `scripts/` (rule M27).
//!
//! `clp.conf.rep` says what belongs to the set and where it comes from, so that a set that was
//! copied in part, mixed with another or edited by hand is noticed:
//!
//! ```text
//! noroshi configuration set 1
//! saved   2026-04-01T09:00:00Z
//! by      root
//! server  sv1
//! file    DIGEST 5120 clp.conf
//! file    DIGEST 312 scripts/monitor/start.sh
//! end     DIGEST
//! ```
//! A digest is SHA-256 in hex, the number is the length in bytes, `end` is the digest of all lines
//! above it. The text is UTF-8, with LF; CRLF is read as well.
//!
//! *Use.* [`Report::text`] writes, [`Report::parse`] reads, [`check`] compares what is there with
//! what should be, everything in one answer. Pure: digests and names come from the caller, by
//! [`Part::of`]. `clp.conf.bak`, the file before the last change, is not part of what is checked: it
//! belongs to the past.
//!
//! *Failure.* [`SetFault`]s name each part and the remedy, in both languages. The digests protect
//! against accidents. Whoever can write a clp.conf can write its report too.

use noroshi_core::text::Language;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Name of the settings in a set.
pub const CONF: &str = "clp.conf";
/// Name of the report in a set.
pub const REPORT: &str = "clp.conf.rep";
/// Name of the directory of scripts in a set.
pub const SCRIPTS: &str = "scripts";
/// Most parts of a set; the real product's largest clusters have some hundred scripts.
pub const PARTS_MAX: usize = 4_096;
/// Most bytes of a report; a longer one is refused unread.
pub const REPORT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How a set that was put together by hand becomes whole.
const SAVE: &str = ", or save what was written by hand: noroshi config save";
const SAVE_JA: &str = "すか、手で作成した場合は noroshi config save で保存";
const VERSION_LINE: &str = "noroshi configuration set 1";
/// Longest value of a head line, in characters.
const HEAD_CHARS_MAX: usize = 255;

/// One file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of what is in it.
    pub digest: [u8; 32],
}

/// What a `clp.conf.rep` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// When it was saved: RFC 3339, UTC.
    pub saved: String,
    /// Who saved it.
    pub by: String,
    /// On which host.
    pub server: String,
    /// Every file by its name from the set's directory on, `/` between the steps.
    pub parts: BTreeMap<String, Part>,
}

/// What is wrong with a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetFault {
    /// A part that should be there is not.
    Missing(String),
    /// A part is not what was saved.
    Changed(String),
    /// A part that nobody saved.
    Foreign(String),
    /// `clp.conf.rep` was not written by noroshi, or by a later release.
    ReportForeign,
    /// `clp.conf.rep` was changed or cut after it was written; the line where it shows.
    ReportChanged(u32),
    /// More parts than [`PARTS_MAX`], or a report over [`REPORT_BYTES_MAX`].
    TooLarge,
}

impl Part {
    /// The part with these bytes.
    pub fn of(bytes: &[u8]) -> Part {
        Part {
            bytes: bytes.len() as u64,
            digest: Sha256::digest(bytes).into(),
        }
    }
}

impl Report {
    /// The text of a `clp.conf.rep`. What would break a line in names and values is replaced.
    pub fn text(&self) -> String {
        let mut text = format!("{VERSION_LINE}\n");
        for (name, value) in [
            ("saved", &self.saved),
            ("by", &self.by),
            ("server", &self.server),
        ] {
            text.push_str(&format!("{name:<7} {}\n", one_line(value)));
        }
        for (name, part) in &self.parts {
            let digest = hex(&part.digest);
            text.push_str(&format!(
                "file    {digest} {} {}\n",
                part.bytes,
                escaped(name)
            ));
        }
        let end = hex(&Sha256::digest(text.as_bytes()));
        text.push_str(&format!("end     {end}\n"));
        text
    }

    /// Reads a `clp.conf.rep`.
    ///
    /// # Errors
    /// [`SetFault::ReportForeign`], [`SetFault::ReportChanged`] or [`SetFault::TooLarge`].
    pub fn parse(bytes: &[u8]) -> Result<Report, SetFault> {
        if bytes.len() > REPORT_BYTES_MAX {
            return Err(SetFault::TooLarge);
        }
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        if text.lines().next() != Some(VERSION_LINE) {
            return Err(SetFault::ReportForeign);
        }
        let mut report = Report {
            saved: String::new(),
            by: String::new(),
            server: String::new(),
            parts: BTreeMap::new(),
        };
        let (mut number, mut passed) = (1, VERSION_LINE.len() + 1);
        for line in text[passed.min(text.len())..].split_inclusive('\n') {
            number += 1;
            let changed = SetFault::ReportChanged(number);
            let (head, value) = line.trim_end().split_once(' ').ok_or(changed.clone())?;
            let value = value.trim_start();
            match head {
                "saved" => report.saved = value.to_string(),
                "by" => report.by = value.to_string(),
                "server" => report.server = value.to_string(),
                "file" => {
                    let (name, part) = file(value).ok_or(changed.clone())?;
                    if report.parts.len() == PARTS_MAX {
                        return Err(SetFault::TooLarge);
                    }
                    if report.parts.insert(name, part).is_some() {
                        return Err(changed);
                    }
                }
                "end" => {
                    let rest = &text[passed + line.len()..];
                    let digest = hex(&Sha256::digest(&text.as_bytes()[..passed]));
                    if digest != value || !rest.trim().is_empty() {
                        return Err(changed);
                    }
                    return Ok(report);
                }
                _ => return Err(changed),
            }
            passed += line.len();
        }
        Err(SetFault::ReportChanged(number))
    }
}

/// What is wrong with the set whose `clp.conf.rep` has these bytes and whose files are `found`, by
/// their names as in [`Report::parts`]. `scripts` says whether that directory is there: an empty
/// one is no fault, a missing one is. An empty answer means that the set is whole.
pub fn check(
    report: Option<&[u8]>,
    scripts: bool,
    found: &BTreeMap<String, Part>,
) -> Vec<SetFault> {
    let mut faults = Vec::new();
    if !found.contains_key(CONF) {
        faults.push(SetFault::Missing(CONF.into()));
    }
    if !scripts {
        faults.push(SetFault::Missing(format!("{SCRIPTS}/")));
    }
    let report = match report.map(Report::parse) {
        None => {
            faults.push(SetFault::Missing(REPORT.into()));
            return faults;
        }
        Some(Err(fault)) => {
            faults.push(fault);
            return faults;
        }
        Some(Ok(report)) => report,
    };
    for (name, part) in &report.parts {
        match found.get(name) {
            Some(there) if there == part => {}
            Some(_) => faults.push(SetFault::Changed(name.clone())),
            // Told above already.
            None if name == CONF => {}
            None => faults.push(SetFault::Missing(name.clone())),
        }
    }
    let foreign = found
        .keys()
        .filter(|name| !report.parts.contains_key(*name));
    faults.extend(foreign.map(|name| SetFault::Foreign(name.clone())));
    faults
}

impl SetFault {
    /// What is wrong, and the remedy.
    pub fn text(&self, language: Language) -> String {
        let shown = crate::finding::shown;
        let (en, ja) = match self {
            SetFault::Missing(name) => {
                // What a clp.conf that was written by hand never had.
                let made = name == REPORT || name.strip_suffix('/') == Some(SCRIPTS);
                let name = shown(name);
                (
                    format!(
                        "{name} is missing. Copy the whole set again{}.",
                        if made { SAVE } else { "" }
                    ),
                    format!(
                        "{name} がありません。一式をコピーし直{}してください。",
                        if made { SAVE_JA } else { "" }
                    ),
                )
            }
            SetFault::Changed(name) => {
                let name = shown(name);
                (
                    format!(
                        "{name} is not the one that was saved with this set. If the change was meant, save the set again (noroshi config save); otherwise copy the whole set again."
                    ),
                    format!(
                        "{name} が保存時の内容と異なります。意図した変更であれば noroshi config save で保存し直し、そうでなければ一式をコピーし直してください。"
                    ),
                )
            }
            SetFault::Foreign(name) => {
                let name = shown(name);
                (
                    format!(
                        "{name} does not belong to this set. Remove it, or save the set again (noroshi config save)."
                    ),
                    format!(
                        "{name} はこの一式に含まれていません。削除するか、noroshi config save で保存し直してください。"
                    ),
                )
            }
            SetFault::ReportForeign => (
                format!(
                    "{REPORT} was not written by this release of noroshi. Save the set again (noroshi config save)."
                ),
                format!(
                    "{REPORT} はこの版の noroshi が作成したものではありません。noroshi config save で保存し直してください。"
                ),
            ),
            SetFault::ReportChanged(line) => (
                format!(
                    "{REPORT} was changed or cut after it was written (line {line}). Save the set again (noroshi config save), or copy the whole set again."
                ),
                format!(
                    "{REPORT} は作成後に変更されたか途切れています（{line} 行目）。noroshi config save で保存し直すか、一式をコピーし直してください。"
                ),
            ),
            SetFault::TooLarge => (
                format!(
                    "there are more than {PARTS_MAX} files in the set. Remove what does not belong to {SCRIPTS}/."
                ),
                format!(
                    "一式のファイルが {PARTS_MAX} 個を超えています。{SCRIPTS}/ から不要なものを取り除いてください。"
                ),
            ),
        };
        language.pick(en, ja)
    }
}

/// `DIGEST LENGTH NAME`.
fn file(text: &str) -> Option<(String, Part)> {
    let (digits, rest) = text.split_once(' ')?;
    let (length, name) = rest.split_once(' ')?;
    let mut digest = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    let bytes = length.parse().ok()?;
    Some((unescaped(name)?, Part { bytes, digest }))
}

/// A head's value on one line.
fn one_line(text: &str) -> String {
    let kept = text.chars().take(HEAD_CHARS_MAX);
    let kept = kept.map(|c| {
        if crate::names::is_invisible(c) {
            ' '
        } else {
            c
        }
    });
    kept.collect::<String>().trim().to_string()
}

/// A name with `%XX` for the bytes that could break or hide in a line, and for `%` itself.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if c == '%' || c == ' ' || crate::names::is_invisible(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(text, "%{byte:02x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let pair = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> Report {
        let parts = [
            (CONF, &b"<root/>"[..]),
            ("scripts/monitor/start.sh", b"#!/bin/sh\n"),
            ("scripts/a b%\n狼煙", b""),
        ];
        Report {
            saved: "2026-04-01T09:00:00Z".into(),
            by: "root".into(),
            server: "sv1".into(),
            parts: parts
                .into_iter()
                .map(|(name, bytes)| (name.to_string(), Part::of(bytes)))
                .collect(),
        }
    }

    /// Written by an earlier release: do not edit. The digests are those of `sha256sum`.
    ///
    /// Rule: M27
    #[test]
    fn the_form_of_a_report_is_pinned() {
        let mut report = saved();
        report.parts.retain(|name, _| name == CONF);
        let text = report.text();
        assert_eq!(
            text,
            "noroshi configuration set 1\n\
             saved   2026-04-01T09:00:00Z\n\
             by      root\n\
             server  sv1\n\
             file    6238462c4873df4c50bc1a901ece576b2d166b0156802c88a05a85b1f5d511c7 7 clp.conf\n\
             end     2c1f2b889eed58e93a54d31b580f29edacb393197113ea7748cbe1de535c60fb\n"
        );
    }

    /// Rule: M27
    #[test]
    fn a_report_comes_back_and_every_change_to_it_is_noticed() {
        let report = saved();
        let text = report.text();
        assert_eq!(text.lines().count(), 8);
        assert_eq!(Report::parse(text.as_bytes()), Ok(report.clone()));
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(Report::parse(crlf.as_bytes()), Ok(report));
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 4;
            assert!(Report::parse(&changed).is_err(), "{at}");
            assert!(Report::parse(&text.as_bytes()[..at]).is_err() || at == text.len() - 1);
        }
        let longer = format!("{text}file x");
        assert!(Report::parse(longer.as_bytes()).is_err());
        assert_eq!(Report::parse(b"7.0\n"), Err(SetFault::ReportForeign));
        let huge = vec![b' '; REPORT_BYTES_MAX + 1];
        assert_eq!(Report::parse(&huge), Err(SetFault::TooLarge));
    }

    /// Rule: M27
    #[test]
    fn missing_changed_and_foreign_parts_are_named_in_one_answer() {
        let report = saved();
        let text = report.text();
        assert_eq!(check(Some(text.as_bytes()), true, &report.parts), []);
        let mut found = report.parts.clone();
        found.insert(CONF.into(), Part::of(b"<root></root>"));
        found.remove("scripts/monitor/start.sh");
        found.insert("scripts/other.sh".into(), Part::of(b""));
        let faults = check(Some(text.as_bytes()), true, &found);
        assert_eq!(
            faults,
            [
                SetFault::Changed(CONF.into()),
                SetFault::Missing("scripts/monitor/start.sh".into()),
                SetFault::Foreign("scripts/other.sh".into()),
            ]
        );
        assert_eq!(
            check(None, false, &BTreeMap::new()),
            [
                SetFault::Missing(CONF.into()),
                SetFault::Missing("scripts/".into()),
                SetFault::Missing(REPORT.into()),
            ]
        );
        let without = check(Some(text.as_bytes()), false, &BTreeMap::new());
        assert_eq!(without.len(), 4, "{without:?}");
    }

    /// Rule: M27
    #[test]
    fn every_fault_has_words_and_a_remedy_in_both_languages() {
        let name = || "scripts/a\u{1b}".to_string();
        for fault in [
            SetFault::Missing(name()),
            SetFault::Changed(name()),
            SetFault::Foreign(name()),
            SetFault::ReportForeign,
            SetFault::ReportChanged(3),
            SetFault::TooLarge,
        ] {
            let (en, ja) = (fault.text(Language::En), fault.text(Language::Ja));
            assert!(en.is_ascii() && en.matches(". ").count() >= 1, "{en}");
            assert!(!ja.is_ascii() && ja.ends_with("ください。"), "{ja}");
            assert!(!en.contains('\u{1b}'));
        }
    }
}
