//! Days of this server's calendar as moments: a licence begins and ends at midnight where the
//! server stands.

use noroshi_core::licence::Date;
use noroshi_core::time::WallTime;

use jiff::civil;
use jiff::tz::TimeZone;

/// The beginning of a day.
pub fn start_of(date: Date) -> WallTime {
    midnight(civil(date))
}

/// The end of a day: the beginning of the next one.
pub fn end_of(date: Date) -> WallTime {
    midnight(civil(date).saturating_add(jiff::Span::new().days(1)))
}

/// The day of a moment; the nearest one that licences can name.
pub fn day_of(time: WallTime) -> Date {
    let zoned = jiff::Timestamp::from_millisecond(time.0).map(|at| at.to_zoned(TimeZone::system()));
    let day = zoned.map_or(civil::Date::MAX, |zoned| zoned.date());
    let part = |value: i8| u8::try_from(value).unwrap_or(1);
    let year = u16::try_from(day.year()).unwrap_or(0).clamp(2000, 9999);
    Date::new(year, part(day.month()), part(day.day())).unwrap_or(FIRST)
}

/// The day that it is.
pub fn today() -> Date {
    day_of(crate::clock::wall())
}

/// Nearest day for a 29th of February of a year out of bounds.
const FIRST: Date = match Date::new(2000, 1, 1) {
    Some(date) => date,
    None => unreachable!(),
};

fn civil(date: Date) -> civil::Date {
    // Both calendars are the Gregorian one, and ours has the narrower bounds.
    let part = |value: u8| i8::try_from(value).unwrap_or(1);
    let year = i16::try_from(date.year()).unwrap_or(9_999);
    civil::Date::new(year, part(date.month()), part(date.day())).unwrap_or(civil::Date::MAX)
}

fn midnight(day: civil::Date) -> WallTime {
    // Beyond the years that jiff knows with a zone there is no end.
    let zoned = day.to_zoned(TimeZone::system());
    zoned.map_or(WallTime(i64::MAX), |zoned| {
        WallTime(zoned.timestamp().as_millisecond())
    })
}
