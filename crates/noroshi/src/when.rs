//! Times as people type them: for the options of commands and the filter of the console.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use noroshi_core::time::WallTime;

/// A time as somebody typed it: `2026-11-22`, `2026-11-22 10:00`, `2026-11-22T10:00:00` of this
/// server's zone, or with a zone of its own as in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When(pub(crate) WallTime);

impl std::str::FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<When, Self::Err> {
        let text = text.trim();
        let moment = text.parse::<Timestamp>().ok().or_else(|| {
            let local: DateTime = text.parse().ok()?;
            // Of an hour that a change of the clock skips or repeats the first reading is meant.
            let zoned = local.to_zoned(TimeZone::system()).ok()?;
            Some(zoned.timestamp())
        });
        let moment = moment.ok_or("a date, or date and time: 2026-11-22 or 2026-11-22T10:00")?;
        Ok(When(WallTime(moment.as_millisecond())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_people_and_browsers_write_them() {
        let at = |text: &str| text.parse::<When>().ok().map(|when| when.0.0);
        assert_eq!(at("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(at("1970-01-01T09:00:01+09:00"), Some(1_000));
        let day = at("2026-11-22").expect("a day is a time");
        assert_eq!(at("2026-11-22T00:00"), Some(day));
        assert_eq!(at(" 2026-11-22 10:00:00 "), Some(day + 36_000_000));
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "22.11.2026",
            "2026-11-22T25:00",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
