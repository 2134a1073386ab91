//! What the manual asks before a change that needs the servers to be restarted, to the letter, in both
//! languages (rule M28).

use noroshi_conf::bundle::Bundle;
use std::io::{self, BufRead, Write};

/// The manual's words; the cursor stays behind the colon.
const WORDS: &str =
    "Need to shutdown system and reboot\nplease shutdown system after push. (hit return) :";

/// Whether putting the set in force takes a restart of the servers. Every setting that this release reads
/// is taken while at work, so none does; the place is here for one that some day will.
pub(super) fn needs_shutdown(_set: &Bundle) -> bool {
    false
}

/// Asks, and waits for the return key, or the end of the input.
pub(super) fn ask(to: &mut impl Write, from: &mut impl BufRead) -> io::Result<()> {
    write!(to, "{WORDS}")?;
    to.flush()?;
    from.read_line(&mut String::new()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule: M28
    #[test]
    fn the_prompt_is_the_manuals_and_waits_for_return() {
        let (mut out, mut keys) = (Vec::new(), &b"\nrest"[..]);
        ask(&mut out, &mut keys).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "Need to shutdown system and reboot\n\
             please shutdown system after push. (hit return) :"
        );
        assert_eq!(keys, b"rest");
        assert!(!needs_shutdown(&Bundle::default()));
    }
}
