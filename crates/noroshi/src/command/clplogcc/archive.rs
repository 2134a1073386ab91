//! An archive as GNU tar and gzip read it (POSIX.1-2017 `pax`, "ustar Interchange Format"; RFC 1952),
//! written as a stream.
//!
//! *Use.* [`Archive::text`] and [`Archive::file`], then [`Archive::finish`]. Memory does not depend on
//! the size of what goes in.
//!
//! *Failure.* An error is the writer's: the archive is of no use then. A source that turns out shorter
//! than said is filled up with zeros, as a log that is begun anew meanwhile. Names are one directory's:
//! whatever they are made of, none is absolute or leads out of it.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};

/// One block of a tar file.
pub(crate) const BLOCK_BYTES: usize = 512;
/// Most bytes of a member's name; a longer one is cut.
const NAME_BYTES_MAX: usize = 99;
/// Most bytes of one member: what eleven octal digits can say.
pub(super) const MEMBER_BYTES_MAX: u64 = 0o77_777_777_777;
/// Read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// An archive with everything in one directory.
pub(super) struct Archive<W: Write> {
    to: GzEncoder<W>,
    dir: String,
    /// Seconds since 1970 for members that are made here.
    now_s: u64,
    names: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    /// Begins an archive whose members are all below `dir`.
    pub(super) fn new(to: W, dir: &str, now_s: u64) -> Archive<W> {
        Archive {
            to: GzEncoder::new(to, Compression::fast()),
            dir: plain(dir),
            now_s,
            names: BTreeSet::new(),
        }
    }

    /// Adds a text.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn text(&mut self, name: &str, text: &[u8]) -> io::Result<()> {
        let now = self.now_s;
        self.file(name, text.len() as u64, now, &mut &text[..])
            .map(|_| ())
    }

    /// Adds `bytes` bytes of `from`; tells how many of them were missing or could not be read.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn file(
        &mut self,
        name: &str,
        bytes: u64,
        changed_s: u64,
        from: &mut dyn Read,
    ) -> io::Result<u64> {
        let bytes = bytes.min(MEMBER_BYTES_MAX);
        let name = self.member(name);
        self.to.write_all(&header(&name, bytes, changed_s))?;
        let mut left = bytes;
        let mut chunk = vec![0; CHUNK_BYTES];
        while left > 0 {
            let room = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
            match from.read(&mut chunk[..room]) {
                Ok(0) => break,
                Ok(count) => {
                    self.to.write_all(&chunk[..count])?;
                    left -= count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A bad sector is told as missing bytes; the rest of the archive is worth having.
                Err(_) => break,
            }
        }
        let missing = left;
        let padding = bytes.next_multiple_of(BLOCK_BYTES as u64) - bytes;
        io::copy(&mut io::repeat(0).take(missing + padding), &mut self.to)?;
        Ok(missing)
    }

    /// Writes the end, and gives the writer back.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.to.write_all(&[0; 2 * BLOCK_BYTES])?;
        self.to.finish()
    }

    /// The whole name of a member: below the directory, in plain characters, used once.
    fn member(&mut self, name: &str) -> String {
        let mut whole = self.dir.clone();
        for part in name.split('/').filter(|part| !part.is_empty()) {
            whole.push('/');
            whole.push_str(&plain(part));
        }
        whole.truncate(NAME_BYTES_MAX);
        let mut number = 1;
        while !self.names.insert(whole.clone()) {
            number += 1;
            let end = format!("~{number}");
            whole.truncate(NAME_BYTES_MAX - end.len());
            whole.push_str(&end);
        }
        whole
    }
}

/// A part of a name that leads nowhere: letters, digits and `. _ - ~` stay, and it does not begin with
/// a dot or a dash.
pub(super) fn plain(part: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || "._-~".contains(c);
    let mut plain: String = part
        .chars()
        .map(|c| if kept(c) { c } else { '_' })
        .collect();
    if plain.is_empty() || plain.starts_with(['.', '-']) {
        plain.insert(0, '_');
    }
    plain
}

/// The head of a member; `name` has at most [`NAME_BYTES_MAX`] bytes.
pub(crate) fn header(name: &str, bytes: u64, changed_s: u64) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    let mut put =
        |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000600\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{bytes:011o}\0"));
    put(136, &format!("{:011o}\0", changed_s.min(MEMBER_BYTES_MAX)));
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    put(265, "root");
    put(297, "root");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn tar(arguments: &[&str], archive: &[u8]) -> String {
        let mut child = Command::new("tar")
            .args(arguments)
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let archive = archive.to_vec();
        let writer = std::thread::spawn(move || input.write_all(&archive));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Rule: M30 M33
    #[test]
    fn gnu_tar_reads_it_and_no_name_leads_out_of_its_directory() {
        let long = "x".repeat(300);
        let mut archive = Archive::new(Vec::new(), "../sv/1", 1_700_000_000);
        for name in [
            "log/a",
            "/etc/passwd",
            "../../b",
            "log/a",
            "-rf",
            "狼",
            "a\nb",
            &long,
            &long,
        ] {
            archive.text(name, b"twelve bytes").unwrap();
        }
        let bytes = archive.finish().unwrap();
        let names = tar(&["tzf", "-"], &bytes);
        let mut names = names.lines();
        for name in [
            "log/a",
            "etc/passwd",
            "_../_../b",
            "log/a~2",
            "_-rf",
            "_",
            "a_b",
        ] {
            assert_eq!(names.next(), Some(format!("_.._sv_1/{name}").as_str()));
        }
        let cut: Vec<_> = names.collect();
        assert!(cut.len() == 2 && cut[0].len() == NAME_BYTES_MAX && cut[1].ends_with("x~2"));
        let text = tar(&["xzOf", "-", "_.._sv_1/a_b"], &bytes);
        assert_eq!(text, "twelve bytes");
        let told = tar(&["tvzf", "-", "_.._sv_1/log/a"], &bytes);
        assert!(told.starts_with("-rw------- root/root"), "{told}");
        assert!(told.contains("2023-11-14 22:13"), "{told}");
    }

    /// Rule: M33
    #[test]
    fn a_log_that_shrinks_meanwhile_does_not_spoil_what_follows() {
        let mut archive = Archive::new(Vec::new(), "sv1", 0);
        let missing = archive.file("short", 600, 0, &mut &b"only this"[..]);
        assert_eq!(missing.unwrap(), 591);
        archive
            .file("grows", 4, 0, &mut &b"four and more"[..])
            .unwrap();
        archive.text("after", b"it").unwrap();
        let bytes = archive.finish().unwrap();
        let short = tar(&["xzOf", "-", "sv1/short"], &bytes);
        assert!(short.starts_with("only this\0") && short.len() == 600);
        assert_eq!(tar(&["xzOf", "-", "sv1/grows"], &bytes), "four");
        assert_eq!(tar(&["xzOf", "-", "sv1/after"], &bytes), "it");
    }
}
