//! Dates, times, timestamps and intervals as text. Parsed by hand: chrono's format parser costs more than the rest of a row.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use crate::value::Interval;

/// `YYYY-MM-DD`.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let (date, rest) = take_date(text.as_bytes())?;
    rest.is_empty().then_some(date)
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.f` with up to nine digits.
pub(crate) fn parse_time(text: &str) -> Option<NaiveTime> {
    let (time, rest) = take_time(text.as_bytes())?;
    rest.is_empty().then_some(time)
}

/// A date, alone or with a time after a space or `T`; an offset, where there is one, is taken off.
pub(crate) fn parse_timestamp(text: &str) -> Option<NaiveDateTime> {
    let (date, rest) = take_date(text.as_bytes())?;
    let rest = match rest.split_first() {
        None => return Some(date.and_time(NaiveTime::MIN)),
        Some((b' ' | b'T' | b't', rest)) => rest,
        Some(_) => return None,
    };
    let (time, rest) = take_time(rest)?;
    date.and_time(time).checked_sub_signed(take_offset(rest)?)
}

/// The same as a moment: UTC where no offset is written.
pub(crate) fn parse_timestamp_utc(text: &str) -> Option<DateTime<Utc>> {
    parse_timestamp(text).map(|it| it.and_utc())
}

/// ISO 8601: `P1Y2M3W4DT5H6M7.5S`, where each number may have a sign of its own.
pub(crate) fn parse_interval(text: &str) -> Option<Interval> {
    let mut rest = text.strip_prefix('P')?;
    let mut interval = Interval::default();
    let mut in_time = false;
    let mut parts = 0;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            if in_time || after.is_empty() {
                return None;
            }
            in_time = true;
            rest = after;
            continue;
        }
        let end = rest.find(|it: char| !(it.is_ascii_digit() || matches!(it, '-' | '+' | '.')))?;
        let (number, after) = rest.split_at_checked(end)?;
        let mut letters = after.chars();
        let unit = letters.next()?;
        rest = letters.as_str();
        parts += 1;
        if in_time && unit == 'S' {
            interval.microseconds = interval.microseconds.checked_add(seconds(number)?)?;
            continue;
        }
        let number: i32 = number.parse().ok()?;
        match (in_time, unit) {
            (false, 'Y') => interval.months = interval.months.checked_add(number.checked_mul(12)?)?,
            (false, 'M') => interval.months = interval.months.checked_add(number)?,
            (false, 'W') => interval.days = interval.days.checked_add(number.checked_mul(7)?)?,
            (false, 'D') => interval.days = interval.days.checked_add(number)?,
            (true, 'H') => {
                interval.microseconds = interval.microseconds.checked_add(i64::from(number) * 3_600_000_000)?
            }
            (true, 'M') => interval.microseconds = interval.microseconds.checked_add(i64::from(number) * 60_000_000)?,
            _ => return None,
        }
    }
    (parts > 0).then_some(interval)
}

/// Seconds with at most six digits after the point, as microseconds.
fn seconds(number: &str) -> Option<i64> {
    let (negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 6 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    let micros = whole.checked_mul(1_000_000)?.checked_add(fraction)?;
    Some(if negative { -micros } else { micros })
}

fn take_date(text: &[u8]) -> Option<(NaiveDate, &[u8])> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix(b"-")?, 2)?;
    let (day, rest) = number(rest.strip_prefix(b"-")?, 2)?;
    Some((NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?, rest))
}

fn take_time(text: &[u8]) -> Option<(NaiveTime, &[u8])> {
    let (hour, rest) = number(text, 2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 2)?;
    let Some(rest) = rest.strip_prefix(b":") else {
        return Some((NaiveTime::from_hms_opt(hour, minute, 0)?, rest));
    };
    let (second, rest) = number(rest, 2)?;
    let Some(digits) = rest.strip_prefix(b".") else {
        return Some((NaiveTime::from_hms_opt(hour, minute, second)?, rest));
    };
    let count = digits.iter().take_while(|it| it.is_ascii_digit()).count();
    if count == 0 || count > 9 {
        return None;
    }
    let (fraction, rest) = number(digits, count)?;
    let nanos = fraction * 10_u32.pow(u32::try_from(9 - count).ok()?);
    Some((NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?, rest))
}

/// Nothing, `Z`, `+hh`, `+hhmm` or `+hh:mm`.
fn take_offset(text: &[u8]) -> Option<TimeDelta> {
    let (negative, text) = match text.split_first() {
        None => return Some(TimeDelta::zero()),
        Some((b'Z' | b'z', [])) => return Some(TimeDelta::zero()),
        Some((b'+', text)) => (false, text),
        Some((b'-', text)) => (true, text),
        Some(_) => return None,
    };
    let (hours, text) = number(text, 2)?;
    let minutes = if text.is_empty() {
        0
    } else {
        let (minutes, rest) = number(text.strip_prefix(b":").unwrap_or(text), 2)?;
        if !rest.is_empty() {
            return None;
        }
        minutes
    };
    if hours > 18 || minutes > 59 {
        return None;
    }
    let offset = TimeDelta::minutes(i64::from(hours * 60 + minutes));
    Some(if negative { -offset } else { offset })
}

/// Exactly `digits` digits.
fn number(text: &[u8], digits: usize) -> Option<(u32, &[u8])> {
    let (head, rest) = text.split_at_checked(digits)?;
    let mut number = 0_u32;
    for digit in head {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u32::from(digit - b'0');
    }
    Some((number, rest))
}
