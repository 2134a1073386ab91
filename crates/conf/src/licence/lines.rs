//! Reading texts of lines: `name: value`.

use super::fault::{Fault, Problem};
use noroshi_core::licence::{Date, Kind, Product, SERVERS_MAX, Serial};

/// The lines of a text, from first to last.
pub(super) struct Lines<'t> {
    lines: Vec<&'t str>,
    at: usize,
}

impl<'t> Lines<'t> {
    /// The lines of `bytes` after a version line that must be `version`.
    pub(super) fn open(bytes: &'t [u8], max: usize, version: &'static str) -> Result<Self, Fault> {
        let mut lines = Lines::all(bytes, max)?;
        let first = lines.next().unwrap_or_default();
        if first == version {
            return Ok(lines);
        }
        // The same words with another number at the end: made by somebody newer.
        let words = |line: &str| {
            line.trim_end_matches(|c: char| c.is_ascii_digit())
                .to_owned()
        };
        let problem = if words(first) == words(version) {
            Problem::Newer
        } else {
            Problem::NotThis { expected: version }
        };
        Err(Fault::new(1, first, problem))
    }

    /// The lines of `bytes`, without blanks at line ends and empty lines at the end.
    pub(super) fn all(bytes: &'t [u8], max: usize) -> Result<Self, Fault> {
        if bytes.len() > max {
            return Err(Fault::new(1, "", Problem::TooLarge { max }));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            Fault::new(number(line), "", Problem::NotText)
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.trim_end().lines().map(str::trim_end).collect();
        Ok(Lines { lines, at: 0 })
    }

    /// The number of the line that was read last.
    pub(super) fn line(&self) -> u32 {
        number(self.at)
    }

    /// A fault in the line that was read last.
    pub(super) fn fault(&self, value: &str, problem: Problem) -> Fault {
        Fault::new(self.line(), value, problem)
    }

    /// The next line, which stays unread.
    pub(super) fn peek(&self) -> Option<&'t str> {
        self.lines.get(self.at).copied()
    }

    /// The value of the next line, which must be called `field`.
    pub(super) fn field(&mut self, field: &'static str) -> Result<&'t str, Fault> {
        match self.optional(field) {
            Some(value) => Ok(value),
            None => {
                let line = number(self.at + 1);
                let value = self.peek().unwrap_or_default();
                Err(Fault::new(line, value, Problem::Expected { field }))
            }
        }
    }

    /// The value of the next line if it is called `field`.
    pub(super) fn optional(&mut self, field: &str) -> Option<&'t str> {
        let value = self.peek()?.strip_prefix(field)?.strip_prefix(": ")?;
        self.at += 1;
        Some(value)
    }

    /// No line may be left.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.next() {
            None => Ok(()),
            Some(line) => Err(self.fault(line, Problem::Surplus)),
        }
    }

    /// The value of the next line, which `read` understands.
    pub(super) fn read<T>(
        &mut self,
        field: &'static str,
        problem: Problem,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Fault> {
        let value = self.field(field)?;
        read(value).ok_or_else(|| self.fault(value, problem))
    }
}

impl<'t> Iterator for Lines<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let line = self.lines.get(self.at)?;
        self.at += 1;
        Some(line)
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A number of servers: digits only, without a leading zero.
pub(super) fn servers(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let servers = text.parse().ok().filter(|_| digits)?;
    (1..=SERVERS_MAX).contains(&servers).then_some(servers)
}

/// A day, or `-` for none.
pub(super) fn date_or_none(text: &str) -> Option<Option<Date>> {
    match text {
        "-" => Some(None),
        date => Date::parse(date).map(Some),
    }
}

/// A day as [`date_or_none`] reads it.
pub(super) fn date_text(date: Option<Date>) -> String {
    date.map_or_else(|| "-".to_owned(), |date| date.to_string())
}

/// Whether these days are right for this kind.
pub(super) fn days_fault(kind: Kind, from: Option<Date>, until: Option<Date>) -> Option<Problem> {
    if kind.ends() != until.is_some() {
        return Some(Problem::Until);
    }
    match (from, until) {
        (Some(from), Some(until)) if until < from => Some(Problem::Order),
        _ => None,
    }
}

/// The readers of single values, by the problem that they find.
pub(super) fn product(text: &str) -> Option<Product> {
    Product::from_id(text)
}

pub(super) fn serial(text: &str) -> Option<Serial> {
    Serial::parse(text)
}

/// Lower-case hexadecimal digits of `N` bytes, and nothing else.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

/// Bytes as [`hex`] reads them.
pub(super) fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
