//! The files of a floppy, or of an image of it, in DOS format: FAT12, FAT16 and FAT32 with long names
//! (Microsoft, "FAT: General Overview of On-Disk Format", version 1.03; ECMA-107).
//!
//! *Use.* [`read`]: in memory; names are checked by whoever takes the entries. [`floppy`] makes an image.
//!
//! *Failure.* [`FatFault`], and nothing is handed out. Chains of clusters are followed at most once around
//! the disk, folders at most [`DEEP_MAX`] deep, entries up to [`ENTRIES_MAX`]: a damaged or hostile disk ends
//! in an error.

mod floppy;

pub use floppy::{FLOPPY_BYTES, floppy};

use crate::tar::Entry;
use noroshi_core::text::Language;

/// Deepest folder.
const DEEP_MAX: usize = 16;
/// Most files and folders.
const ENTRIES_MAX: usize = 16_384;
/// Most bytes of all files together: those of the largest set.
const BYTES_MAX: usize = crate::bundle::BUNDLE_BYTES_MAX;
const ENTRY_BYTES: usize = 32;

/// Why a disk cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FatFault {
    /// It is not in DOS format.
    NotFat,
    /// It is cut or damaged, or holds more than a set can.
    Damaged,
}

impl FatFault {
    /// What is wrong, and the remedy.
    pub fn text(self, language: Language) -> String {
        let text = match self {
            FatFault::NotFat => language.pick(
                "neither a directory nor a tar archive nor a disk in DOS format. Name the medium that the set was saved on.",
                "ディレクトリ、tar アーカイブ、DOS 形式のディスクのいずれでもありません。一式を保存した媒体を指定してください。",
            ),
            FatFault::Damaged => language.pick(
                "the disk in DOS format is damaged or cut, or holds more than a set can. Save the set on another one.",
                "DOS 形式のディスクが壊れているか途切れているか、一式の上限を超えています。別の媒体に保存し直してください。",
            ),
        };
        text.into()
    }
}

/// Reads all files and folders of a disk.
///
/// # Errors
/// [`FatFault`].
pub fn read(disk: &[u8]) -> Result<Vec<Entry>, FatFault> {
    let disk = Disk::open(disk)?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    let root = disk.root()?;
    disk.folder(&root, "", 0, &mut entries, &mut bytes)?;
    Ok(entries)
}

struct Disk<'a> {
    all: &'a [u8],
    fat: &'a [u8],
    /// 12, 16 or 32.
    bits: u32,
    cluster_bytes: usize,
    data_at: usize,
    clusters: usize,
    root_at: usize,
    root_bytes: usize,
    root_cluster: u32,
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(bytes[at]) | usize::from(bytes[at + 1]) << 8
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u16_at(bytes, at) | u16_at(bytes, at + 2) << 16
}

impl<'a> Disk<'a> {
    fn open(all: &'a [u8]) -> Result<Disk<'a>, FatFault> {
        let boot = all.get(..512).ok_or(FatFault::NotFat)?;
        let (sector, per_cluster) = (u16_at(boot, 11), usize::from(boot[13]));
        let (reserved, fats, roots) = (u16_at(boot, 14), usize::from(boot[16]), u16_at(boot, 17));
        let pick = |small: usize, large: usize| if small == 0 { large } else { small };
        let sectors = pick(u16_at(boot, 19), u32_at(boot, 32));
        let fat_sectors = pick(u16_at(boot, 22), u32_at(boot, 36));
        let sane = boot[510..512] == [0x55, 0xaa]
            && matches!(sector, 512 | 1024 | 2048 | 4096)
            && per_cluster.is_power_of_two()
            && (1..=2).contains(&fats)
            && reserved > 0
            && fat_sectors > 0;
        if !sane {
            return Err(FatFault::NotFat);
        }
        let fat_at = reserved * sector;
        let root_at = fat_at + fats * fat_sectors * sector;
        let root_bytes = roots * ENTRY_BYTES;
        let data_at = root_at + root_bytes.div_ceil(sector) * sector;
        let data_sectors = sectors
            .checked_sub(data_at / sector)
            .ok_or(FatFault::NotFat)?;
        let clusters = data_sectors / per_cluster;
        // The number of clusters alone decides the type, says the overview.
        let bits = match clusters {
            0..4_085 => 12,
            4_085..65_525 => 16,
            _ => 32,
        };
        let fat = all.get(fat_at..fat_at + fat_sectors * sector);
        Ok(Disk {
            all,
            fat: fat.ok_or(FatFault::Damaged)?,
            bits,
            cluster_bytes: per_cluster * sector,
            data_at,
            clusters,
            root_at,
            root_bytes,
            root_cluster: u32_at(boot, 44) as u32,
        })
    }

    fn root(&self) -> Result<Vec<u8>, FatFault> {
        if self.bits == 32 {
            return self.chain(self.root_cluster, usize::MAX);
        }
        let root = self.all.get(self.root_at..self.root_at + self.root_bytes);
        root.map(<[u8]>::to_vec).ok_or(FatFault::Damaged)
    }

    fn next(&self, cluster: usize) -> Option<usize> {
        let within = |at: usize, length: usize| at + length <= self.fat.len();
        match self.bits {
            12 => {
                let at = cluster + cluster / 2;
                let pair = within(at, 2).then(|| u16_at(self.fat, at))?;
                Some(if cluster.is_multiple_of(2) {
                    pair & 0xfff
                } else {
                    pair >> 4
                })
            }
            16 => within(cluster * 2, 2).then(|| u16_at(self.fat, cluster * 2)),
            _ => within(cluster * 4, 4).then(|| u32_at(self.fat, cluster * 4) & 0x0fff_ffff),
        }
    }

    /// The bytes of a chain of clusters, up to `length`.
    fn chain(&self, first: u32, length: usize) -> Result<Vec<u8>, FatFault> {
        let mut bytes = Vec::new();
        let mut cluster = first as usize;
        let end = match self.bits {
            12 => 0xff8,
            16 => 0xfff8,
            _ => 0x0fff_fff8,
        };
        for _ in 0..self.clusters {
            if bytes.len() >= length || cluster >= end {
                break;
            }
            let number = cluster.checked_sub(2).filter(|it| *it < self.clusters);
            let at = self.data_at + number.ok_or(FatFault::Damaged)? * self.cluster_bytes;
            let part = self.all.get(at..at + self.cluster_bytes);
            bytes.extend_from_slice(part.ok_or(FatFault::Damaged)?);
            if bytes.len() > BYTES_MAX {
                return Err(FatFault::Damaged);
            }
            cluster = self.next(cluster).ok_or(FatFault::Damaged)?;
        }
        if length != usize::MAX {
            if bytes.len() < length {
                return Err(FatFault::Damaged);
            }
            bytes.truncate(length);
        }
        Ok(bytes)
    }

    fn folder(
        &self,
        table: &[u8],
        path: &str,
        deep: usize,
        entries: &mut Vec<Entry>,
        all: &mut usize,
    ) -> Result<(), FatFault> {
        let mut long: Vec<u16> = Vec::new();
        for row in table.chunks_exact(ENTRY_BYTES) {
            let attributes = row[11];
            match row[0] {
                0 => break,
                0xe5 => {
                    long.clear();
                    continue;
                }
                _ => {}
            }
            if attributes & 0x3f == 0x0f {
                // Parts of a long name stand in front, the last one first.
                let units = [1..11, 14..26, 28..32]
                    .into_iter()
                    .flat_map(|at| row[at].chunks(2));
                let part: Vec<u16> = units.map(|unit| u16_at(unit, 0) as u16).collect();
                long.splice(0..0, part);
                long.truncate(20 * 13);
                continue;
            }
            let name = name(row, &std::mem::take(&mut long))?;
            // A volume's label, and the ways back.
            if attributes & 0x08 != 0 || name == "." || name == ".." {
                continue;
            }
            if entries.len() >= ENTRIES_MAX {
                return Err(FatFault::Damaged);
            }
            let name = format!("{path}{name}");
            let high = if self.bits == 32 { u16_at(row, 20) } else { 0 };
            let first = (high << 16 | u16_at(row, 26)) as u32;
            if attributes & 0x10 == 0 {
                let length = u32_at(row, 28);
                *all += length;
                if *all > BYTES_MAX {
                    return Err(FatFault::Damaged);
                }
                let bytes = Some(self.chain(first, length)?);
                entries.push(Entry { name, bytes });
                continue;
            }
            if deep == DEEP_MAX {
                return Err(FatFault::Damaged);
            }
            let table = self.chain(first, usize::MAX)?;
            let below = format!("{name}/");
            entries.push(Entry { name, bytes: None });
            self.folder(&table, &below, deep + 1, entries, all)?;
        }
        Ok(())
    }
}

/// The long name, or the short one: eight and three bytes, in small letters where Windows says so, and
/// in small letters for a set's own names, which DOS writes large.
fn name(row: &[u8], long: &[u16]) -> Result<String, FatFault> {
    if !long.is_empty() {
        let end = long.iter().position(|unit| *unit == 0);
        let units = &long[..end.unwrap_or(long.len())];
        return String::from_utf16(units).map_err(|_| FatFault::Damaged);
    }
    let part = |bytes: &[u8], small: bool| -> Result<String, FatFault> {
        let text = bytes.trim_ascii_end();
        // Names in a character set of DOS are of no script of ours.
        if !text.is_ascii() {
            return Err(FatFault::Damaged);
        }
        let text = String::from_utf8_lossy(text).into_owned();
        Ok(if small {
            text.to_ascii_lowercase()
        } else {
            text
        })
    };
    let stem = part(&row[..8], row[12] & 0x08 != 0)?;
    let ending = part(&row[8..11], row[12] & 0x10 != 0)?;
    let name = if ending.is_empty() {
        stem
    } else {
        format!("{stem}.{ending}")
    };
    Ok(match name.as_str() {
        "SCRIPTS" => crate::set::SCRIPTS.into(),
        _ => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    fn run(program: &str, arguments: &[&str]) {
        let ran = Command::new(program).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{program}: {ran:?}");
    }

    /// The programs of dosfstools and mtools; says why not.
    fn tools() -> bool {
        let there = ["/usr/sbin/mkfs.vfat", "/usr/bin/mcopy"];
        let all = there.iter().all(|path| Path::new(path).exists());
        let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(
            all || !required,
            "NOROSHI_REQUIRE_ALL is set, but dosfstools or mtools are missing"
        );
        if !all {
            eprintln!("skipped: dosfstools or mtools are missing");
        }
        all
    }

    /// A floppy and larger disks, made by mkfs.vfat and filled by mcopy: every type of FAT, long names, files
    /// over many clusters, folders.
    ///
    /// Rule: M28
    #[test]
    fn what_mtools_writes_on_a_disk_of_mkfs_is_read() {
        if !tools() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let set = dir.path().join("set");
        fs::create_dir_all(set.join("scripts/monitor.s/genw1")).unwrap();
        let large: Vec<u8> = (0..70_000_u32).map(|at| (at % 251) as u8).collect();
        fs::write(set.join("clp.conf"), &large).unwrap();
        fs::write(set.join("clp.conf.rep"), "report").unwrap();
        fs::write(
            set.join("scripts/monitor.s/genw1/a rather long name.sh"),
            "#!/bin/sh\n",
        )
        .unwrap();
        fs::write(set.join("scripts/empty"), "").unwrap();
        for (bits, kilobytes) in [("12", "1440"), ("16", "16384"), ("32", "40960")] {
            let image = dir.path().join(format!("fat{bits}"));
            let image = image.to_str().unwrap();
            run(
                "/usr/sbin/mkfs.vfat",
                &["-F", bits, "-s", "1", "-C", image, kilobytes],
            );
            for what in ["clp.conf", "clp.conf.rep", "scripts"] {
                let from = set.join(what);
                run("mcopy", &["-s", "-i", image, from.to_str().unwrap(), "::"]);
            }
            let bytes = fs::read(image).unwrap();
            let entries = read(&bytes).unwrap();
            let has = |name: &str, bytes: &[u8]| {
                entries
                    .iter()
                    .any(|it| it.name == name && it.bytes.as_deref() == Some(bytes))
            };
            assert!(
                has("clp.conf", &large),
                "{bits}: {:?}",
                entries.iter().map(|it| &it.name).collect::<Vec<_>>()
            );
            assert!(has("clp.conf.rep", b"report"), "{bits}");
            assert!(
                has(
                    "scripts/monitor.s/genw1/a rather long name.sh",
                    b"#!/bin/sh\n"
                ),
                "{bits}"
            );
            assert!(has("scripts/empty", b""), "{bits}");
            let (_, scripts) = crate::bundle::from_entries(entries).unwrap();
            assert!(scripts);
            assert_eq!(
                read(&bytes[..40_000]).err(),
                Some(FatFault::Damaged),
                "{bits}"
            );
            // Wherever a byte of tables and folders is wrong, the reading ends.
            for at in (0..60_000).step_by(97) {
                let mut wrong = bytes[..bytes.len().min(400_000)].to_vec();
                wrong[at] ^= 0xff;
                let _ = read(&wrong);
            }
        }
    }

    /// Rule: M28
    #[test]
    fn what_is_no_disk_is_refused() {
        for bytes in [&[][..], &[0; 511], &[0; 1024], &[0xf6; 4096]] {
            assert_eq!(read(bytes).err(), Some(FatFault::NotFat));
        }
    }
}
