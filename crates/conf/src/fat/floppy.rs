//! An image of a 1.44 MB floppy in DOS format, with long names: what the manual's Builder writes for `-w`.
//!
//! FAT12: a boot sector, two tables of nine sectors, 224 places in the root, clusters of one sector. Every name
//! is a long one, with a short one of no meaning before DOS: `SET00001`.

use crate::tar::Entry;
use std::collections::BTreeMap;

/// Bytes of the image.
pub const FLOPPY_BYTES: usize = SECTORS * SECTOR_BYTES;

const SECTOR_BYTES: usize = 512;
const SECTORS: usize = 2_880;
const TABLE_SECTORS: usize = 9;
const ROOT_PLACES: usize = 224;
const ROOT_AT: usize = (1 + 2 * TABLE_SECTORS) * SECTOR_BYTES;
const DATA_AT: usize = ROOT_AT + ROOT_PLACES * super::ENTRY_BYTES;
/// Clusters of data, numbered from 2.
const CLUSTERS: usize = (FLOPPY_BYTES - DATA_AT) / SECTOR_BYTES;
const LAST: u16 = 0xfff;
const IS_FOLDER: u8 = 0x10;
const IS_FILE: u8 = 0x20;
/// 1980-01-01, the first day that DOS knows: no clock is asked here.
const DAY: [u8; 2] = [0x21, 0];
/// UTF-16 units of a long name in one place of a folder.
const UNITS: usize = 13;

/// What stands in a folder, by name.
#[derive(Default)]
struct Folder<'e>(BTreeMap<&'e str, Inside<'e>>);

enum Inside<'e> {
    File(&'e [u8]),
    Folder(Folder<'e>),
}

/// The image with these files and folders; `None` when there is no room for them.
pub fn floppy(entries: &[Entry]) -> Option<Vec<u8>> {
    let mut root = Folder::default();
    for entry in entries {
        root.add(&entry.name, entry.bytes.as_deref());
    }
    let mut disk = Disk {
        image: vec![0; FLOPPY_BYTES],
        table: vec![0xff0, LAST],
    };
    let rows = disk.rows(&root, None)?;
    if rows.len() > ROOT_PLACES * super::ENTRY_BYTES {
        return None;
    }
    disk.image[ROOT_AT..ROOT_AT + rows.len()].copy_from_slice(&rows);
    Some(disk.finished())
}

impl<'e> Folder<'e> {
    fn add(&mut self, name: &'e str, bytes: Option<&'e [u8]>) {
        let name = name.trim_end_matches('/');
        match (name.split_once('/'), bytes) {
            (Some((first, rest)), _) => {
                if let Some(folder) = self.folder(first) {
                    folder.add(rest, bytes);
                }
            }
            (None, Some(bytes)) => {
                self.0.insert(name, Inside::File(bytes));
            }
            (None, None) => {
                self.folder(name);
            }
        }
    }

    fn folder(&mut self, name: &'e str) -> Option<&mut Folder<'e>> {
        let new = || Inside::Folder(Folder::default());
        match self.0.entry(name).or_insert_with(new) {
            Inside::Folder(folder) => Some(folder),
            // No directory has a file and a folder of one name.
            Inside::File(_) => None,
        }
    }
}

struct Disk {
    image: Vec<u8>,
    table: Vec<u16>,
}

impl Disk {
    /// The places of a folder, after everything in it is on the disk. `own` holds its own cluster and that
    /// of the folder around it, zero for the root.
    fn rows(&mut self, folder: &Folder<'_>, own: Option<(usize, usize)>) -> Option<Vec<u8>> {
        let mut rows = Vec::new();
        if let Some((own, above)) = own {
            rows.extend(row(b".          ", IS_FOLDER, own, 0));
            rows.extend(row(b"..         ", IS_FOLDER, above, 0));
        }
        for (number, (name, inside)) in folder.0.iter().enumerate() {
            let short = format!("SET{:05}   ", number + 1);
            let short: [u8; 11] = short.as_bytes().try_into().ok()?;
            long_name(name, &short, &mut rows)?;
            match inside {
                Inside::File(bytes) => {
                    let first = self.put(bytes)?;
                    rows.extend(row(&short, IS_FILE, first, bytes.len()));
                }
                Inside::Folder(below) => {
                    // Its size is that of its names, so its place is known before what is in it.
                    let first = self.reserve(below.bytes())?;
                    let above = own.map_or(0, |(own, _)| own);
                    let inside = self.rows(below, Some((first, above)))?;
                    self.write(first, &inside);
                    rows.extend(row(&short, IS_FOLDER, first, 0));
                }
            }
        }
        Some(rows)
    }

    fn put(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes.is_empty() {
            return Some(0);
        }
        let first = self.reserve(bytes.len())?;
        self.write(first, bytes);
        Some(first)
    }

    /// A chain of clusters one after another; its first.
    fn reserve(&mut self, bytes: usize) -> Option<usize> {
        let first = self.table.len();
        let count = bytes.div_ceil(SECTOR_BYTES).max(1);
        if first + count > CLUSTERS + 2 {
            return None;
        }
        // Within 12 bits: a floppy has fewer.
        self.table
            .extend((1..count).map(|next| (first + next) as u16));
        self.table.push(LAST);
        Some(first)
    }

    fn write(&mut self, first: usize, bytes: &[u8]) {
        let at = DATA_AT + (first - 2) * SECTOR_BYTES;
        self.image[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn finished(mut self) -> Vec<u8> {
        self.image[..SECTOR_BYTES].copy_from_slice(&boot_sector());
        let mut packed = vec![0; TABLE_SECTORS * SECTOR_BYTES];
        for (cluster, next) in self.table.iter().enumerate() {
            let at = cluster + cluster / 2;
            let [low, high] = next.to_le_bytes();
            if cluster % 2 == 0 {
                packed[at] = low;
                packed[at + 1] |= high & 0x0f;
            } else {
                packed[at] |= low << 4;
                packed[at + 1] = high << 4 | low >> 4;
            }
        }
        for copy in 0..2 {
            let at = (1 + copy * TABLE_SECTORS) * SECTOR_BYTES;
            self.image[at..at + packed.len()].copy_from_slice(&packed);
        }
        self.image
    }
}

impl Folder<'_> {
    /// Bytes of its places, the two ways back included.
    fn bytes(&self) -> usize {
        let names = self.0.keys();
        let places: usize = names
            .map(|name| 1 + name.encode_utf16().count().div_ceil(UNITS))
            .sum();
        (places + 2) * super::ENTRY_BYTES
    }
}

fn row(short: &[u8; 11], attributes: u8, first: usize, bytes: usize) -> [u8; super::ENTRY_BYTES] {
    let mut row = [0; super::ENTRY_BYTES];
    row[..11].copy_from_slice(short);
    row[11] = attributes;
    for at in [16, 18, 24] {
        row[at..at + 2].copy_from_slice(&DAY);
    }
    row[26..28].copy_from_slice(&(first as u16).to_le_bytes());
    row[28..32].copy_from_slice(&(bytes as u32).to_le_bytes());
    row
}

/// The places of a long name, the last part first; `None` when it is too long.
fn long_name(name: &str, short: &[u8; 11], rows: &mut Vec<u8>) -> Option<()> {
    let mut units: Vec<u16> = name.encode_utf16().collect();
    let parts = units.len().div_ceil(UNITS);
    if parts == 0 || units.len() > 255 {
        return None;
    }
    if units.len() < parts * UNITS {
        units.push(0);
    }
    units.resize(parts * UNITS, 0xffff);
    let sum = short
        .iter()
        .fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
    for (at, part) in units.chunks(UNITS).enumerate().rev() {
        let mut row = [0; super::ENTRY_BYTES];
        row[0] = (at + 1) as u8 | if at + 1 == parts { 0x40 } else { 0 };
        row[11] = 0x0f;
        row[13] = sum;
        let places = (1..11).chain(14..26).chain(28..32);
        for (place, byte) in places.zip(part.iter().flat_map(|unit| unit.to_le_bytes())) {
            row[place] = byte;
        }
        rows.extend(row);
    }
    Some(())
}

fn boot_sector() -> [u8; SECTOR_BYTES] {
    let mut boot = [0; SECTOR_BYTES];
    let mut field = |at: usize, bytes: &[u8]| boot[at..at + bytes.len()].copy_from_slice(bytes);
    field(0, &[0xeb, 0x3c, 0x90]);
    field(3, b"NOROSHI ");
    field(11, &(SECTOR_BYTES as u16).to_le_bytes());
    // One sector a cluster, one reserved, two tables.
    field(13, &[1, 1, 0, 2]);
    field(17, &(ROOT_PLACES as u16).to_le_bytes());
    field(19, &(SECTORS as u16).to_le_bytes());
    field(21, &[0xf0]);
    field(22, &(TABLE_SECTORS as u16).to_le_bytes());
    // 18 sectors a track, two heads.
    field(24, &[18, 0, 2, 0]);
    field(38, &[0x29]);
    field(43, b"NO NAME    FAT12   ");
    field(510, &[0x55, 0xaa]);
    boot
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;

    fn entries() -> Vec<Entry> {
        let entry = |name: &str, bytes: Option<&[u8]>| Entry {
            name: name.into(),
            bytes: bytes.map(<[u8]>::to_vec),
        };
        let mut all = vec![
            entry("clp.conf", Some(&[b'x'; 1_500])),
            entry("clp.conf.rep", Some(b"report\n")),
            entry("scripts/", None),
            entry("scripts/empty", Some(b"")),
            entry(
                "scripts/監視/a name of more than 26 letters.sh",
                Some(b"#!/bin/sh\n"),
            ),
        ];
        for number in 0..40 {
            all.push(entry(
                &format!("scripts/many/{number:03}.sh"),
                Some(&[b'y'; 600]),
            ));
        }
        all
    }

    /// Rule: M27 M28
    #[test]
    fn a_floppy_holds_what_was_written() {
        let image = floppy(&entries()).unwrap();
        assert_eq!(image.len(), FLOPPY_BYTES);
        let read = super::super::read(&image).unwrap();
        for wanted in entries().iter().filter(|entry| entry.bytes.is_some()) {
            assert!(read.contains(wanted), "{}", wanted.name);
        }
        let names: Vec<&str> = read.iter().map(|entry| entry.name.as_str()).collect();
        assert!(names.contains(&"scripts"), "{names:?}");
        let mut large = entries();
        large[0].bytes = Some(vec![0; FLOPPY_BYTES]);
        assert_eq!(floppy(&large), None);
    }

    /// Rule: M28
    #[test]
    fn fsck_and_mtools_agree() {
        if !Path::new("/usr/sbin/fsck.vfat").exists() || !Path::new("/usr/bin/mcopy").exists() {
            let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
            assert!(
                !required,
                "NOROSHI_REQUIRE_ALL is set, but dosfstools or mtools are missing"
            );
            eprintln!("skipped: dosfstools or mtools are missing");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("set.img");
        std::fs::write(&image, floppy(&entries()).unwrap()).unwrap();
        let checked = Command::new("/usr/sbin/fsck.vfat")
            .arg("-n")
            .arg(&image)
            .output()
            .unwrap();
        assert!(checked.status.success(), "{checked:?}");
        let copied = Command::new("mcopy")
            .args(["-s", "-i"])
            .arg(&image)
            .args(["::clp.conf", "::scripts"])
            .arg(dir.path())
            .output()
            .unwrap();
        assert!(copied.status.success(), "{copied:?}");
        assert_eq!(
            std::fs::read(dir.path().join("clp.conf")).unwrap(),
            [b'x'; 1_500]
        );
        let script = dir.path().join("scripts/many/039.sh");
        assert_eq!(std::fs::read(script).unwrap(), [b'y'; 600]);
    }
}
