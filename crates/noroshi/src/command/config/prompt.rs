//! Asking for a secret: twice on a terminal, without echo; once from a pipe.
//!
//! While a secret is typed the terminal's own signals are off, so that Ctrl-C cannot leave it
//! without echo; the key is answered here. Its state is restored however the asking ends.

use super::Context;
use crate::exit::{Exit, Failure};
use noroshi_core::text::Language;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};

/// Most bytes of a secret; what is longer is refused.
const SECRET_BYTES_MAX: u64 = 4_096;

/// The secret that the user types, or that stands in the first line of standard input.
///
/// # Errors
/// `Interrupted` when the user gave up, `InvalidInput` for an empty secret or two that differ.
pub(in crate::command) fn secret(language: Language) -> io::Result<String> {
    let secret = if io::stdin().is_terminal() {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let first = asked(&mut terminal, language.pick("Secret: ", "秘密: "))?;
        let again = asked(&mut terminal, language.pick("Once more: ", "もう一度: "))?;
        if first != again {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        first
    } else {
        let mut text = String::new();
        let stdin = io::stdin().lock();
        stdin.take(SECRET_BYTES_MAX + 3).read_to_string(&mut text)?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        text.strip_suffix('\r').unwrap_or(text).to_string()
    };
    if secret.len() as u64 > SECRET_BYTES_MAX {
        return Err(io::Error::other("longer than 4096 bytes"));
    }
    if secret.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(secret)
}

/// Why there is no secret.
pub(in crate::command) fn refused(context: &Context, error: &io::Error) -> Failure {
    let text = match error.kind() {
        io::ErrorKind::Interrupted => context.pick("given up", "中止しました").to_string(),
        io::ErrorKind::InvalidInput => context
            .pick(
                "the two entries differ, or there is none",
                "二回の入力が一致しないか、空です",
            )
            .to_string(),
        _ => context.pick(
            format!("cannot read the secret: {error}"),
            format!("秘密を読み込めません: {error}"),
        ),
    };
    let unchanged = context.pick("Nothing was changed.", "何も変更していません。");
    context.failure(Exit::Failed, &format!("{text}. {unchanged}"))
}

/// Restores the terminal.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // A terminal that went away needs no restoring.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Asks once; the terminal shows the question only.
fn asked(terminal: &mut File, question: &str) -> io::Result<String> {
    terminal.write_all(question.as_bytes())?;
    let typed = {
        let before = tcgetattr(&*terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&*terminal, OptionalActions::Flush, &quiet)?;
        let guard = Quiet {
            terminal: &*terminal,
            before,
        };
        #[expect(
            clippy::unbuffered_bytes,
            reason = "a buffer could take the next answer"
        )]
        let mut keys = guard.terminal.bytes();
        typed(&mut keys)
    };
    terminal.write_all(b"\n")?;
    typed
}

/// One line of keys: backspace takes a character back, Ctrl-U all, Ctrl-C and Ctrl-D give up.
fn typed(keys: &mut impl Iterator<Item = io::Result<u8>>) -> io::Result<String> {
    let mut line = Vec::new();
    for key in keys {
        match key? {
            b'\n' | b'\r' => {
                return String::from_utf8(line)
                    .map_err(|_| io::Error::other("it is not UTF-8 text"));
            }
            0x03 | 0x04 | 0x1c => return Err(io::ErrorKind::Interrupted.into()),
            0x08 | 0x7f => {
                // Back to where the character begins.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            0x15 => line.clear(),
            _ if line.len() as u64 > SECRET_BYTES_MAX => {}
            byte => line.push(byte),
        }
    }
    Err(io::ErrorKind::Interrupted.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &[u8]) -> io::Result<String> {
        typed(&mut text.iter().map(|byte| Ok(*byte)))
    }

    /// Rule: N18
    #[test]
    fn keys_make_a_line() {
        assert_eq!(keys(b"hunter2\rmore").unwrap(), "hunter2");
        assert_eq!(keys("aあ\u{7f}b\n".as_bytes()).unwrap(), "ab");
        assert_eq!(keys(b"wrong\x15right\n").unwrap(), "right");
        for given_up in [&b"abc\x03"[..], b"abc\x04", b"abc"] {
            let error = keys(given_up).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        }
        assert!(keys(b"\xff\n").is_err());
    }
}
