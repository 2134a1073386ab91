//! Names of files that are being written beside those whose place they take.
//!
//! Such a name has the writer's process number, so that two writers do not meet. A writer that is killed leaves
//! its file behind, perhaps with a key in it; and process numbers come again, in a container after each start,
//! so the next writer could find its own name taken for ever. So each first removes what the dead have left.

use std::fs;
use std::path::{Path, PathBuf};

/// Ends the name before the process number.
const NEW: &str = ".new";
/// Most names of a folder that are looked at.
const LOOK_MAX: usize = 10_000;

/// The name under which this process writes what is to take the place of `path`, free, and without the
/// leftovers of writers that are dead. What cannot be removed stays; the writing then says why.
pub fn beside(path: &Path) -> PathBuf {
    let mut stem = path.file_name().unwrap_or_default().to_owned();
    stem.push(NEW);
    let stem = stem.to_string_lossy().into_owned();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    for entry in fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .take(LOOK_MAX)
    {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let writer = name.strip_prefix(&stem).and_then(|rest| rest.parse().ok());
        if writer.is_some_and(is_dead) {
            let _ = fs::remove_file(entry.path());
        }
    }
    folder.join(format!("{stem}{}", std::process::id()))
}

/// Nobody has this number, or we have it: then the one that had it before is gone.
fn is_dead(process: u32) -> bool {
    let lives = || Path::new("/proc").join(process.to_string()).exists();
    process == std::process::id() || !lives()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Story: killed while it wrote a key, a program left the key behind, and in a container, where it has
    /// the same number each time, it could write none any more.
    ///
    /// Rule: N8
    #[test]
    fn what_dead_writers_left_goes_and_what_a_living_one_writes_stays() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let own = format!("key.new{}", std::process::id());
        // No process has a number as high as this; the first one lives always.
        for name in [
            &own,
            "key.new4194999",
            "key.new1",
            "key.newest",
            "other.new9",
        ] {
            fs::write(at(name), "x").unwrap();
        }
        assert_eq!(beside(&at("key")), at(&own));
        assert!(!at(&own).exists() && !at("key.new4194999").exists());
        for name in ["key.new1", "key.newest", "other.new9"] {
            assert!(at(name).exists(), "{name}");
        }
    }
}
