//! What commands print: output that ends quietly with its reader, times, widths, escapes.

use crate::exit::{Exit, Failure};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use noroshi_core::text::Language;
use noroshi_core::time::WallTime;
use std::fmt::Arguments;
use std::io::{self, BufWriter, Stdout, Write};

/// Standard output.
pub(crate) struct Out {
    to: BufWriter<Stdout>,
    language: Language,
}

impl Out {
    pub(crate) fn new(language: Language) -> Out {
        Out {
            to: BufWriter::new(io::stdout()),
            language,
        }
    }

    /// Prints one line.
    ///
    /// # Errors
    /// A quiet failure when the reader is gone, a told one when the output cannot be written.
    pub(crate) fn line(&mut self, line: Arguments<'_>) -> Result<(), Failure> {
        let written = self
            .to
            .write_fmt(line)
            .and_then(|()| self.to.write_all(b"\n"));
        written.map_err(|error| self.failure(&error))
    }

    /// Hands everything on to the reader.
    ///
    /// # Errors
    /// As [`Out::line`].
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.to.flush().map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::nobody_listens();
        }
        let what = self
            .language
            .pick("cannot write the output", "出力を書き込めません");
        Failure::new(Exit::Failed, format!("noroshi: {what}: {error}"))
    }
}

/// Prints one line to an [`Out`].
macro_rules! say {
    ($out:expr, $($words:tt)*) => { $out.line(format_args!($($words)*)) };
}
pub(crate) use say;

pub(crate) use noroshi_daemon::log::escaped;

/// As [`escaped`], keeping the line breaks of our own texts.
pub(crate) fn escaped_lines(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

/// A time for people: local, with its zone's offset.
pub(crate) fn local(time: WallTime) -> String {
    match Timestamp::from_millisecond(time.0) {
        Ok(time) => {
            let time = time.to_zoned(TimeZone::system());
            time.strftime("%Y-%m-%d %H:%M:%S.%3f %:z").to_string()
        }
        Err(_) => format!("{} ms", time.0),
    }
}

/// A time for programs: RFC 3339, UTC, milliseconds.
pub(crate) fn rfc3339(time: WallTime) -> String {
    match Timestamp::from_millisecond(time.0) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => format!("{} ms", time.0),
    }
}

/// `text` with spaces up to `columns` on a terminal.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    let width: usize = text.chars().map(width).sum();
    format!("{text}{}", " ".repeat(columns.saturating_sub(width)))
}

/// Columns of a character: two for the wide ones of East Asian scripts (Unicode TR 11, in blocks).
fn width(c: char) -> usize {
    let wide = matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}');
    if wide { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_steers_the_terminal() {
        assert_eq!(
            escaped("a\u{1b}[2Jb\nc\u{202e}d\u{9b}1m"),
            r"a\u{1b}[2Jb\nc\u{202e}d\u{9b}1m"
        );
        assert_eq!(escaped("サーバ 1"), "サーバ 1");
        assert_eq!(escaped_lines("a\nb\rc"), "a\nb\\rc");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(padded("情報", 6), "情報  ");
        assert_eq!(padded("info", 6), "info  ");
        assert_eq!(padded("information", 6), "information");
    }

    #[test]
    fn times_beyond_the_calendar_are_still_printed() {
        assert_eq!(
            rfc3339(WallTime(1_700_000_000_123)),
            "2023-11-14T22:13:20.123Z"
        );
        assert_eq!(rfc3339(WallTime(i64::MAX)), "9223372036854775807 ms");
        assert_eq!(local(WallTime(i64::MIN)), "-9223372036854775808 ms");
    }
}
