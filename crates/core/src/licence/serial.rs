//! Serial numbers of licences: three capital letters and seven digits (rule M22).

use core::fmt;

/// A serial number such as `AAA0000001`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; 10]);

impl Serial {
    /// The first one that is given out.
    pub const FIRST: Serial = Serial(*b"AAA0000001");

    /// Reads a serial number; letter case matters.
    pub fn parse(text: &str) -> Option<Serial> {
        let bytes: [u8; 10] = text.as_bytes().try_into().ok()?;
        let good = bytes[..3].iter().all(u8::is_ascii_uppercase)
            && bytes[3..].iter().all(u8::is_ascii_digit);
        good.then_some(Serial(bytes))
    }

    /// The one after it; `None` after `ZZZ9999999`.
    pub fn next(self) -> Option<Serial> {
        let mut bytes = self.0;
        for byte in bytes.iter_mut().rev() {
            match *byte {
                b'9' => *byte = b'0',
                b'Z' => *byte = b'A',
                _ => {
                    *byte += 1;
                    return Some(Serial(bytes));
                }
            }
        }
        None
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("a serial number is made of ASCII letters and digits")
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
