//! The one-time code that makes the first user of the console.
//!
//! `noroshi user link` makes it; here stands only its digest, in a file that only the service's user
//! reads.

use super::private_file;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use noroshi_daemon::home::Home;
use noroshi_daemon::{clock, entropy};
use ring::digest::{SHA256, digest};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How long a code can be used.
const CODE_AGE_MAX: Duration = Duration::from_secs(3_600);
/// Letters that nobody takes for another when typing them.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const CODE_LETTERS: usize = 20;

fn file(home: &Home) -> PathBuf {
    home.var().join("console.setup")
}

/// A new code in place of a former one.
///
/// # Errors
/// Without random bytes, or when the file cannot be written; the former code holds then.
pub(crate) fn new(home: &Home) -> io::Result<String> {
    let letters = entropy::bytes::<CODE_LETTERS>()?;
    let letters = letters.map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    let code: String = letters.iter().collect();
    private_file::replace(&file(home), &format!("{}\n", digest_of(&code)))?;
    let groups: Vec<&[char]> = letters.chunks(5).collect();
    let groups: Vec<String> = groups.iter().map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// Whether this is the code, and not too old.
pub(super) fn is(home: &Home, code: &str) -> bool {
    let path = file(home);
    let fresh = fs::metadata(&path)
        .and_then(|file| file.modified())
        .is_ok_and(|made| {
            let age = clock::wall_since(made);
            age.is_some_and(|age| age < CODE_AGE_MAX)
        });
    let code: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    let kept = fs::read_to_string(&path).unwrap_or_default();
    fresh && kept.trim() == digest_of(&code)
}

/// It is used up.
pub(super) fn used(home: &Home) {
    // A code that cannot be removed is of no use any more: there is a user.
    let _ = fs::remove_file(file(home));
}

fn digest_of(code: &str) -> String {
    BASE64_STANDARD_NO_PAD.encode(digest(&SHA256, code.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    /// Rule: N21
    #[test]
    fn a_code_holds_for_an_hour_and_until_it_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        home.prepare().unwrap();
        assert!(!is(&home, ""), "none was made");
        let former = new(&home).unwrap();
        let code = new(&home).unwrap();
        assert!(!is(&home, &former) && !is(&home, ""));
        assert!(is(&home, &code) && is(&home, &code.to_lowercase().replace('-', " ")));
        let made = |at: SystemTime| {
            let kept = fs::File::options().write(true).open(file(&home));
            kept.unwrap().set_modified(at).unwrap();
        };
        let now = SystemTime::from(clock::timestamp());
        for (at, holds) in [
            (now - CODE_AGE_MAX / 2, true),
            (now - CODE_AGE_MAX, false),
            // A clock that was set back says nothing of its age.
            (now + CODE_AGE_MAX, false),
        ] {
            made(at);
            assert_eq!(is(&home, &code), holds, "{at:?}");
        }
        made(now);
        used(&home);
        assert!(!is(&home, &code));
    }
}
