//! Functions of dates and times: what is no operand of them.

use super::DatePattern;
use crate::error::{Error, ErrorKind, Result, show_name};

/// Functions of dates and timestamps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TimeFunction {
    CurrentDate,
    CurrentTime,
    CurrentTimestamp,
    /// Of a year, a month and a day.
    MakeDate,
    Part(Part),
    Trunc(Unit),
    /// A moment and a number of units.
    Shift(Unit),
    /// The later moment, then the earlier.
    Diff(Unit),
    LastDay,
    Format(DatePattern),
    ParseDate(DatePattern),
    ParseTimestamp(DatePattern),
    FromUnix,
    FromUnixMicros,
    AtTimeZone(Zone),
}

impl TimeFunction {
    pub(super) fn name(&self) -> &'static str {
        match self {
            TimeFunction::CurrentDate => "current_date",
            TimeFunction::CurrentTime => "current_time",
            TimeFunction::CurrentTimestamp => "current_timestamp",
            TimeFunction::MakeDate => "make_date",
            TimeFunction::Part(part) => part.name(),
            TimeFunction::Trunc(_) => "date_trunc",
            TimeFunction::Shift(_) => "date_add",
            TimeFunction::Diff(_) => "date_diff",
            TimeFunction::LastDay => "last_day",
            TimeFunction::Format(_) => "date_format",
            TimeFunction::ParseDate(_) => "parse_date",
            TimeFunction::ParseTimestamp(_) => "parse_timestamp",
            TimeFunction::FromUnix => "from_unix",
            TimeFunction::FromUnixMicros => "from_unix_micros",
            TimeFunction::AtTimeZone(_) => "at_time_zone",
        }
    }
}

/// A number that is read off a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Year,
    Quarter,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Microsecond,
    DayOfWeek,
    DayOfYear,
    IsoWeek,
    IsoYear,
    Epoch,
    EpochMicros,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Year => "year",
            Part::Quarter => "quarter",
            Part::Month => "month",
            Part::Day => "day",
            Part::Hour => "hour",
            Part::Minute => "minute",
            Part::Second => "second",
            Part::Microsecond => "microsecond",
            Part::DayOfWeek => "day_of_week",
            Part::DayOfYear => "day_of_year",
            Part::IsoWeek => "iso_week",
            Part::IsoYear => "iso_year",
            Part::Epoch => "epoch",
            Part::EpochMicros => "epoch_micros",
        }
    }
}

/// A unit of time, for [`Expr::date_trunc`](crate::Expr::date_trunc), [`Expr::date_diff`](crate::Expr::date_diff) and
/// [`Expr::date_add_units`](crate::Expr::date_add_units).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// A millionth of a second, the finest that the databases keep.
    Microsecond,
    /// A second.
    Second,
    /// Sixty seconds.
    Minute,
    /// Sixty minutes.
    Hour,
    /// Twenty-four hours: all times are UTC, so no day is longer or shorter.
    Day,
    /// Seven days; a week starts on Monday (ISO 8601).
    Week,
    /// A month of the calendar.
    Month,
    /// Three months; quarters start in January, April, July and October.
    Quarter,
    /// Twelve months.
    Year,
}

impl Unit {
    /// Whether a date has this unit, or only a time.
    pub(crate) fn is_of_dates(self) -> bool {
        !matches!(self, Unit::Microsecond | Unit::Second | Unit::Minute | Unit::Hour)
    }
}

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Zone {
    /// Minutes east of UTC.
    Fixed(i32),
    /// A name of the zone database, such as `Europe/Paris`.
    Named(String),
}

impl Zone {
    pub(super) fn parse(text: &str) -> Result<Zone> {
        if matches!(text, "UTC" | "Z") {
            return Ok(Zone::Fixed(0));
        }
        if let Some(offset) = offset(text) {
            return Ok(Zone::Fixed(offset));
        }
        // `Area/City`: PostgreSQL would take many other texts for zones, and some of them for their opposite.
        let word = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'))
        };
        if text.contains('/') && text.len() <= 64 && text.split('/').all(word) {
            return Ok(Zone::Named(text.to_owned()));
        }
        let message = format!(
            "{} is no time zone; write an offset such as `+05:30`, `UTC`, or a name such as `Europe/Paris`",
            show_name(text)
        );
        Err(Error::new(ErrorKind::Plan, "expr.time_zone", message))
    }
}

/// `+05:30` as minutes.
fn offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':')?;
    let number =
        |text: &str| (text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit())).then(|| text.parse().ok())?;
    let (hours, minutes): (i32, i32) = (number(hours)?, number(minutes)?);
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::Zone;

    #[test]
    fn offsets_and_names_of_zones_are_told_from_other_texts() {
        assert_eq!(Zone::parse("+05:30").unwrap(), Zone::Fixed(330));
        assert_eq!(Zone::parse("-08:00").unwrap(), Zone::Fixed(-480));
        assert_eq!(Zone::parse("UTC").unwrap(), Zone::Fixed(0));
        assert_eq!(Zone::parse("America/Argentina/Salta").unwrap(), Zone::Named("America/Argentina/Salta".to_owned()));
        for wrong in ["", "+5", "+05:60", "+19:00", "EST5EDT", "FOO+5", "Europe/", "Europe/Pa ris", "é", "'/'"] {
            assert_eq!(Zone::parse(wrong).unwrap_err().code(), "expr.time_zone", "{wrong}");
        }
    }
}
