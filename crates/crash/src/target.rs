//! What a call changes, in words that are the same in each run.
//!
//! Numbers and digests in names become `#`, and a socket is named after who is at its other end, so that
//! "the third write to the mail server" is the same point in each run.

use crate::call::Place;
use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Longest path that is read from a traced process.
const PATH_BYTES_MAX: usize = 512;

/// Finds words for what the calls of one process change.
pub(crate) struct Targets {
    home: PathBuf,
    /// What listens at these TCP ports.
    ports: Vec<(u16, String)>,
    sockets: HashMap<String, String>,
}

impl Targets {
    /// Paths below `home` are named from there; `ports` are TCP ports and what listens there.
    pub(crate) fn new(home: PathBuf, ports: Vec<(u16, String)>) -> Targets {
        Targets {
            home,
            ports,
            sockets: HashMap::new(),
        }
    }

    /// The words; `None` for what only wakes a thread of the same process, or cannot be found out.
    pub(crate) fn words(&mut self, process: i32, place: Place) -> Option<String> {
        let path = match place {
            Place::Open(descriptor) => {
                let link = fs::read_link(format!("/proc/{process}/fd/{descriptor}")).ok()?;
                link.to_str()?.to_owned()
            }
            Place::Path(address) => text_at(process, address)?,
        };
        if let Some(socket) = path.strip_prefix("socket:") {
            return Some(self.socket(process, socket));
        }
        if path.starts_with("anon_inode:") || path == "/dev/null" || path.starts_with("pipe:") {
            return None;
        }
        let home = self.home.to_string_lossy();
        let below = path.strip_prefix(&*home).unwrap_or(&path);
        Some(without_numbers(below.trim_start_matches('/')))
    }

    /// `[NUMBER]` of a socket, to what it is.
    fn socket(&mut self, process: i32, number: &str) -> String {
        if let Some(known) = self.sockets.get(number) {
            return known.clone();
        }
        let inode = number.trim_matches(['[', ']']);
        let found = self.look_up(process, inode);
        // One that is not in the tables yet is not connected yet.
        let Some(found) = found else {
            return "socket".to_owned();
        };
        self.sockets.insert(number.to_owned(), found.clone());
        found
    }

    fn look_up(&self, process: i32, inode: &str) -> Option<String> {
        let table = |name| fs::read_to_string(format!("/proc/{process}/net/{name}"));
        for name in ["udp", "udp6"] {
            let text = table(name).unwrap_or_default();
            if rows(&text).any(|row| row.get(9) == Some(&inode)) {
                return Some("datagram".to_owned());
            }
        }
        for name in ["tcp", "tcp6"] {
            let text = table(name).unwrap_or_default();
            if let Some(row) = rows(&text).find(|row| row.get(9) == Some(&inode)) {
                let port = row.get(2)?.rsplit_once(':')?.1;
                let port = u16::from_str_radix(port, 16).ok()?;
                let known = self.ports.iter().find(|(known, _)| *known == port);
                return Some(known.map_or_else(|| "server".to_owned(), |(_, name)| name.clone()));
            }
        }
        let text = table("unix").unwrap_or_default();
        rows(&text).find(|row| row.get(6) == Some(&inode))?;
        Some("unix socket".to_owned())
    }
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect())
}

fn text_at(process: i32, address: u64) -> Option<String> {
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let mut bytes = [0; PATH_BYTES_MAX];
    // At the end of a mapping fewer can be read at once.
    let mut length = 0;
    while length < PATH_BYTES_MAX && !bytes[..length].contains(&0) {
        let at = address + length as u64;
        let left = 64.min(PATH_BYTES_MAX - length);
        let read = memory.read_at(&mut bytes[length..length + left], at).ok()?;
        if read == 0 {
            break;
        }
        length += read;
    }
    let text = bytes.split(|byte| *byte == 0).next()?;
    String::from_utf8(text.to_vec()).ok()
}

/// Numbers, digests and keys become `#`.
fn without_numbers(path: &str) -> String {
    let mut words = String::new();
    for part in path.split_inclusive(['/', '.', '-', '_']) {
        let (word, end) = match part.char_indices().last() {
            Some((at, end @ ('/' | '.' | '-' | '_'))) => (&part[..at], Some(end)),
            _ => (part, None),
        };
        let is_name = !word.is_empty() && !word.contains(|c: char| c.is_ascii_digit());
        words.push_str(if is_name || word.is_empty() {
            word
        } else {
            "#"
        });
        words.extend(end);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_each_run() {
        assert_eq!(without_numbers("var/sets/12.new"), "var/sets/#.new");
        assert_eq!(without_numbers("var/alerts.db-wal"), "var/alerts.db-wal");
        assert_eq!(without_numbers("a/.17953-1-q.44.new"), "a/.#-#-q.#.new");
    }
}
