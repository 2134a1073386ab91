//! Days of the calendar, as licences name them.

use core::fmt;

/// A day of the Gregorian calendar, 2000-01-01 to 9999-12-31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day; `None` when the calendar has no such day, or it is out of bounds.
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let good = year >= 2000
            && year <= 9999
            && month >= 1
            && month <= 12
            && day >= 1
            && day <= days_in(year, month);
        if good {
            Some(Date { year, month, day })
        } else {
            None
        }
    }

    /// A day written `YYYY-MM-DD`, and in no other way.
    pub fn parse(text: &str) -> Option<Date> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0u16, |value, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| value * 10 + u16::from(digit - b'0'))
            })
        };
        let (month, day) = (number(&bytes[5..7])?, number(&bytes[8..])?);
        Date::new(
            number(&bytes[..4])?,
            u8::try_from(month).ok()?,
            u8::try_from(day).ok()?,
        )
    }

    /// Days since 1970-01-01.
    pub fn to_days(self) -> i64 {
        let leaps = |year: i64| year / 4 - year / 100 + year / 400;
        let before = i64::from(self.year) - 1;
        let years = (before - 1969) * 365 + leaps(before) - leaps(1969);
        let months: i64 = (1..self.month)
            .map(|month| i64::from(days_in(self.year, month)))
            .sum();
        years + months + i64::from(self.day) - 1
    }

    /// The day so many days after 1970-01-01; `None` out of bounds.
    pub fn from_days(days: i64) -> Option<Date> {
        // From a year that is not too late, by counting on: a few steps for each thousand years.
        let mut year = u16::try_from(days.checked_div(366)?.checked_add(1970)?).ok()?;
        year = year.clamp(2000, 9999);
        while year < 9999 && Date::new(year + 1, 1, 1)?.to_days() <= days {
            year += 1;
        }
        let mut left = days.checked_sub(Date::new(year, 1, 1)?.to_days())?;
        for month in 1..=12 {
            let length = i64::from(days_in(year, month));
            if left < length {
                return Date::new(year, month, u8::try_from(left + 1).ok()?);
            }
            left -= length;
        }
        None
    }

    /// The year.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, from 1.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    pub const fn day(self) -> u8 {
        self.day
    }

    /// As message 2 writes it: `nn/nn/nn`, year, month, day (rule M13).
    pub fn slashed(self) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            let Date { year, month, day } = self;
            write!(f, "{:02}/{month:02}/{day:02}", year % 100)
        })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day } = self;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
