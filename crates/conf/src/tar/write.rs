//! A tar archive as every tar reads it: ustar, longer names in the way of GNU tar.

use super::{BLOCK_BYTES, Entry};

/// Longest name in an entry's own head; a longer one stands in an entry of its own before it.
const NAME_BYTES_MAX: usize = 100;
const PLAIN_MODE: u32 = 0o640;
const PROGRAM_MODE: u32 = 0o755;

/// The archive with these entries, changed `changed_s` seconds after 1970. What stands in a folder is
/// executable, as scripts are.
pub fn write(entries: &[Entry], changed_s: u64) -> Vec<u8> {
    let mut archive = Vec::new();
    for entry in entries {
        let name = entry.name.as_bytes();
        if name.len() > NAME_BYTES_MAX {
            let mut long = name.to_vec();
            long.push(0);
            put(&mut archive, b"././@LongLink", b'L', PLAIN_MODE, 0, &long);
        }
        let cut = &name[..name.len().min(NAME_BYTES_MAX)];
        let mode = if entry.name.contains('/') {
            PROGRAM_MODE
        } else {
            PLAIN_MODE
        };
        let kind = if entry.bytes.is_some() { b'0' } else { b'5' };
        let bytes = entry.bytes.as_deref().unwrap_or_default();
        put(&mut archive, cut, kind, mode, changed_s, bytes);
    }
    archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
    archive
}

fn put(archive: &mut Vec<u8>, name: &[u8], kind: u8, mode: u32, changed_s: u64, bytes: &[u8]) {
    let mut head = [0; BLOCK_BYTES];
    let mut field = |at: usize, text: &[u8]| head[at..at + text.len()].copy_from_slice(text);
    // Eleven octal digits hold any set and any year before 2242.
    let octal = |value: u64| format!("{:011o}", value & 0o77_777_777_777);
    field(0, name);
    field(100, format!("{mode:07o}").as_bytes());
    field(108, b"0000000");
    field(116, b"0000000");
    field(124, octal(bytes.len() as u64).as_bytes());
    field(136, octal(changed_s).as_bytes());
    field(148, b"        ");
    field(156, &[kind]);
    field(257, b"ustar\x0000");
    field(265, b"root");
    field(297, b"root");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend_from_slice(&head);
    archive.extend_from_slice(bytes);
    let whole = archive.len().next_multiple_of(BLOCK_BYTES);
    archive.resize(whole, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    /// GNU tar lists and unpacks it, and so do we.
    ///
    /// Rule: M27 M28
    #[test]
    fn what_is_written_is_read_by_gnu_tar_and_by_us() {
        let long = format!("scripts/{}/start.sh", "a".repeat(180));
        let entry = |name: &str, bytes: Option<&[u8]>| Entry {
            name: name.into(),
            bytes: bytes.map(<[u8]>::to_vec),
        };
        let entries = [
            entry("clp.conf", Some(&[b'x'; 1_000])),
            entry("scripts/", None),
            entry(&long, Some(b"#!/bin/sh\n")),
            entry("scripts/empty", Some(b"")),
        ];
        let archive = write(&entries, 1_700_000_000);
        assert_eq!(super::super::read(&archive), Ok(entries.to_vec()));
        let dir = tempfile::tempdir().unwrap();
        let mut tar = Command::new("tar")
            .args(["-xf", "-"])
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        tar.stdin.take().unwrap().write_all(&archive).unwrap();
        assert!(tar.wait().unwrap().success());
        let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        assert_eq!(read("clp.conf"), [b'x'; 1_000]);
        assert_eq!(read(&long), b"#!/bin/sh\n");
        assert_eq!(read("scripts/empty"), b"");
    }
}
