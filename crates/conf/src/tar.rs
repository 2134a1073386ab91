//! The files of a tar archive: ustar, with the long names of GNU tar and of pax (POSIX.1-2024, pax, "ustar
//! Interchange Format" and "pax Extended Header"; the GNU tar manual, "Basic Tar Format").
//!
//! *Use.* [`read`] and [`write()`]. Nothing is unpacked to a disk; names are checked by whoever takes the entries.
//!
//! *Failure.* [`TarFault`], and nothing of the archive is handed out.

use noroshi_core::text::Language;

const BLOCK_BYTES: usize = 512;
/// Longest name that stands in an entry's head.
const NAME_FIELD_BYTES: usize = 100;

/// One entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name as it stands there.
    pub name: String,
    /// What is in it; `None` for a directory.
    pub bytes: Option<Vec<u8>>,
}

/// Why an archive cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TarFault {
    /// It is none.
    NotTar,
    /// It ends within an entry, or an entry's head is damaged.
    Damaged,
    /// A link, a device or the like, which no set has.
    Odd(String),
}

impl TarFault {
    /// What is wrong, and the remedy.
    pub fn text(&self, language: Language) -> String {
        match self {
            TarFault::NotTar => language
                .pick(
                    "not a tar archive. Name the medium that the set was saved on.",
                    "tar アーカイブではありません。一式を保存した媒体を指定してください。",
                )
                .into(),
            TarFault::Damaged => language
                .pick(
                    "the tar archive is damaged or cut. Write it again.",
                    "tar アーカイブが壊れているか途切れています。作成し直してください。",
                )
                .into(),
            TarFault::Odd(name) => {
                let name = crate::finding::shown(name);
                language.pick(
                    format!("{name} is neither a file nor a directory. Remove it from the archive."),
                    format!("{name} はファイルでもディレクトリでもありません。アーカイブから取り除いてください。"),
                )
            }
        }
    }
}

/// Reads an archive.
///
/// # Errors
/// [`TarFault`].
pub fn read(archive: &[u8]) -> Result<Vec<Entry>, TarFault> {
    let mut entries = Vec::new();
    let mut rest = archive;
    let mut long_name: Option<String> = None;
    let mut first = true;
    loop {
        let Some((head, after)) = rest.split_at_checked(BLOCK_BYTES) else {
            // Archives end with two empty blocks; some writers leave them out.
            let whole = rest.is_empty() && !first;
            return if whole {
                Ok(entries)
            } else {
                Err(wrong(first))
            };
        };
        if head.iter().all(|byte| *byte == 0) {
            return if first {
                Err(TarFault::NotTar)
            } else {
                Ok(entries)
            };
        }
        let length = checked(head).ok_or(wrong(first))?;
        first = false;
        let blocks = length.div_ceil(BLOCK_BYTES).checked_mul(BLOCK_BYTES);
        let padded = blocks.ok_or(TarFault::Damaged)?;
        if padded > after.len() {
            return Err(TarFault::Damaged);
        }
        let bytes = &after[..length];
        rest = &after[padded..];
        match head[156] {
            b'L' => long_name = Some(text(bytes)?),
            b'x' => long_name = pax_path(bytes)?.or(long_name),
            b'g' => {}
            kind => {
                let name = match long_name.take() {
                    Some(name) => name,
                    None => ustar_name(head)?,
                };
                let bytes = match kind {
                    b'5' => None,
                    b'0' | 0 | b'7' => Some(bytes.to_vec()),
                    _ => return Err(TarFault::Odd(name)),
                };
                entries.push(Entry { name, bytes });
            }
        }
    }
}

/// Writes an archive as GNU tar reads it, a long name before its entry. The modes are those of a set, the
/// times zero: the same set gives the same bytes.
pub fn write(entries: &[Entry]) -> Vec<u8> {
    let mut archive = Vec::new();
    for Entry { name, bytes } in entries {
        if name.len() > NAME_FIELD_BYTES {
            let long = [name.as_bytes(), &[0]].concat();
            write_entry(&mut archive, "././@LongLink", b'L', 0o644, &long);
        }
        let mode = match bytes {
            Some(_) if !name.contains('/') => 0o640,
            _ => 0o755,
        };
        let kind = if bytes.is_some() { b'0' } else { b'5' };
        let bytes = bytes.as_deref().unwrap_or_default();
        write_entry(&mut archive, name, kind, mode, bytes);
    }
    archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
    archive
}

fn write_entry(archive: &mut Vec<u8>, name: &str, kind: u8, mode: u32, bytes: &[u8]) {
    let mut head = [0; BLOCK_BYTES];
    let mut put = |at: usize, field: &[u8]| head[at..at + field.len()].copy_from_slice(field);
    put(0, &name.as_bytes()[..name.len().min(NAME_FIELD_BYTES)]);
    put(
        100,
        format!("{mode:07o}\0{:07o}\0{:07o}\0", 0, 0).as_bytes(),
    );
    put(
        124,
        format!("{:011o}\0{:011o}\0", bytes.len(), 0).as_bytes(),
    );
    // The check sum is made with blanks in its own place.
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar  \0");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend(head);
    archive.extend(bytes);
    archive.resize(archive.len().next_multiple_of(BLOCK_BYTES), 0);
}

fn wrong(first: bool) -> TarFault {
    if first {
        TarFault::NotTar
    } else {
        TarFault::Damaged
    }
}

/// The length of what follows a head whose check sum is right.
fn checked(head: &[u8]) -> Option<usize> {
    let sum = octal(&head[148..156])?;
    let all: usize = head.iter().map(|byte| usize::from(*byte)).sum();
    let field: usize = head[148..156].iter().map(|byte| usize::from(*byte)).sum();
    if all - field + 8 * usize::from(b' ') != sum {
        return None;
    }
    octal(&head[124..136])
}

fn octal(field: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(field).ok()?;
    usize::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

fn ustar_name(head: &[u8]) -> Result<String, TarFault> {
    let name = text(&head[..100])?;
    // GNU's own format has other things in the place of the prefix.
    let prefix = match &head[257..263] {
        b"ustar\0" => text(&head[345..500])?,
        _ => String::new(),
    };
    Ok(if prefix.is_empty() {
        name
    } else {
        format!("{prefix}/{name}")
    })
}

/// Up to the first zero byte.
fn text(field: &[u8]) -> Result<String, TarFault> {
    let end = field.iter().position(|byte| *byte == 0);
    let text = std::str::from_utf8(&field[..end.unwrap_or(field.len())]);
    text.map(ToString::to_string).map_err(|_| TarFault::Damaged)
}

/// The `path` of a pax head: records `LENGTH KEY=VALUE\n`.
fn pax_path(mut records: &[u8]) -> Result<Option<String>, TarFault> {
    let mut path = None;
    while !records.is_empty() {
        let space = records.iter().position(|byte| *byte == b' ');
        let length = space.and_then(|end| octal_free(&records[..end]));
        let length = length.filter(|length| (1..=records.len()).contains(length));
        let (record, rest) = records.split_at(length.ok_or(TarFault::Damaged)?);
        let record = &record[space.map_or(0, |end| end + 1).min(record.len())..];
        if let Some(value) = record.strip_prefix(b"path=") {
            path = Some(text(value.strip_suffix(b"\n").unwrap_or(value))?);
        }
        records = rest;
    }
    Ok(path)
}

fn octal_free(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::Command;

    /// What GNU tar writes in each of its formats, names of over 100 bytes included, comes back.
    ///
    /// Rule: M28
    #[test]
    fn what_gnu_tar_writes_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("scripts/{}/{}", "a".repeat(90), "b".repeat(90));
        fs::create_dir_all(dir.path().join(&long)).unwrap();
        let file = format!("{long}/start.sh");
        fs::write(dir.path().join(&file), "#!/bin/sh\n").unwrap();
        fs::write(dir.path().join("clp.conf"), vec![b'x'; 1_000]).unwrap();
        for format in ["gnu", "ustar", "pax", "posix"] {
            let made = Command::new("tar")
                .args([
                    &format!("--format={format}"),
                    "-cf",
                    "-",
                    "clp.conf",
                    "scripts",
                ])
                .current_dir(dir.path())
                .output()
                .unwrap();
            assert!(made.status.success());
            let entries = read(&made.stdout).unwrap();
            let has = |name: &str, bytes: &[u8]| {
                entries
                    .iter()
                    .any(|it| it.name == name && it.bytes.as_deref() == Some(bytes))
            };
            assert!(has(&file, b"#!/bin/sh\n"), "{format}");
            assert!(has("clp.conf", &[b'x'; 1_000]), "{format}");
            assert!(entries.iter().any(|it| it.bytes.is_none()), "{format}");
            let mut damaged = made.stdout.clone();
            damaged[0] ^= 1;
            assert_eq!(read(&damaged), Err(TarFault::NotTar));
            assert_eq!(read(&made.stdout[..700]), Err(TarFault::Damaged));
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        let mut made = Command::new("tar");
        made.args(["-cf", "-", "link"]).current_dir(dir.path());
        let made = made.output().unwrap();
        assert_eq!(read(&made.stdout), Err(TarFault::Odd("link".into())));
    }

    /// Rule: M28
    #[test]
    fn no_bytes_make_it_panic() {
        assert_eq!(read(b""), Err(TarFault::NotTar));
        assert_eq!(read(&[0; 1024]), Err(TarFault::NotTar));
        let mut noise: u32 = 1;
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..1_100)
                .map(|_| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (noise >> 24) as u8
                })
                .collect();
            assert!(read(&bytes).is_err());
            let _ = pax_path(&bytes[..40]);
        }
    }
}
