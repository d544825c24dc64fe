//! Dates and timestamps to the microsecond, in the forms that binds have: `2024-02-29` and `2024-02-29 12:34:56`, with six digits after
//! the point where there is a fraction, so that texts sort as times do.
//!
//! SQLite's own functions know milliseconds, roll 31 January and a month over into March, and take another `now` for each row.

use std::sync::Arc;
use std::time::SystemTime;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Result};

use super::{scalar, text_at};
use crate::db::driver::sqlite_watch::Watch;
use crate::row::{parse_time, parse_timestamp};

pub(super) fn register(connection: &Connection, watch: &Arc<Watch>) -> Result<()> {
    let watch = Arc::clone(watch);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("portcullis_now", 0, flags, move |_| Ok(text(Some(stamp(watch.now())))))?;
    scalar(connection, "portcullis_date_add", 3, |context| {
        let sum = shifted(context)?.filter(|sum| in_range(*sum));
        Ok(text(sum.map(|sum| sum.date().to_string())))
    })?;
    scalar(connection, "portcullis_timestamp_add", 3, |context| {
        Ok(text(shifted(context)?.filter(|sum| in_range(*sum)).map(stamp)))
    })?;
    scalar(connection, "portcullis_date_diff", 3, |context| {
        let (Some(end), Some(start)) = (moment_at(context, 0)?, moment_at(context, 1)?) else {
            return Ok(number(None));
        };
        Ok(number(text_at(context, 2)?.and_then(|unit| elapsed(start, end, unit))))
    })?;
    scalar(connection, "portcullis_last_day", 1, |context| {
        let last = moment_at(context, 0)?.and_then(|moment| {
            moment.date().with_day(1)?.checked_add_months(Months::new(1))?.checked_sub_days(Days::new(1))
        });
        Ok(text(last.map(|day| day.to_string())))
    })?;
    scalar(connection, "portcullis_epoch_micros", 1, |context| {
        Ok(number(moment_at(context, 0)?.map(|moment| moment.and_utc().timestamp_micros())))
    })?;
    scalar(connection, "portcullis_from_unix_micros", 1, |context| {
        let micros = context.get_raw(0).as_i64_or_null()?;
        let moment = micros.and_then(DateTime::from_timestamp_micros).map(|moment| moment.naive_utc());
        Ok(text(moment.filter(|moment| in_range(*moment)).map(stamp)))
    })?;
    scalar(connection, "portcullis_microsecond", 1, |context| {
        let time = text_at(context, 0)?.and_then(|text| match parse_time(text) {
            Some(time) => Some(time),
            None => parse_timestamp(text).map(|moment| moment.time()),
        });
        Ok(number(time.map(|time| i64::from(time.nanosecond() / 1000))))
    })?;
    scalar(connection, "portcullis_date_format", 2, |context| {
        let (Some(moment), Some(pattern)) = (moment_at(context, 0)?, text_at(context, 1)?) else {
            return Ok(text(None));
        };
        let items: Vec<Item<'_>> = StrftimeItems::new(pattern).collect();
        // What chrono does not know it would refuse in the middle of the text.
        let known = !items.contains(&Item::Error);
        Ok(text(known.then(|| moment.format_with_items(items.into_iter()).to_string())))
    })?;
    scalar(connection, "portcullis_parse_date", 2, |context| {
        Ok(text(parsed(context)?.map(|moment| moment.date().to_string())))
    })?;
    scalar(connection, "portcullis_parse_timestamp", 2, |context| Ok(text(parsed(context)?.map(stamp))))
}

fn text(text: Option<String>) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(text.map_or(Value::Null, Value::Text))
}

fn number(number: Option<i64>) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(number.map_or(Value::Null, Value::Integer))
}

/// A date or timestamp; `None` for NULL and, as SQLite's own functions do, for what is neither.
fn moment_at(context: &Context<'_>, position: usize) -> Result<Option<NaiveDateTime>> {
    Ok(text_at(context, position)?.and_then(parse_timestamp))
}

fn stamp(moment: NaiveDateTime) -> String {
    let form = if moment.nanosecond() < 1000 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.6f" };
    moment.format(form).to_string()
}

fn in_range(moment: NaiveDateTime) -> bool {
    (0..=9999).contains(&moment.year())
}

fn shifted(context: &Context<'_>) -> Result<Option<NaiveDateTime>> {
    let (Some(moment), Some(unit)) = (moment_at(context, 0)?, text_at(context, 2)?) else { return Ok(None) };
    let amount = context.get_raw(1).as_i64_or_null()?;
    Ok(amount.and_then(|amount| added(moment, amount, unit)))
}

/// A day that the month has not becomes its last.
fn added(moment: NaiveDateTime, amount: i64, unit: &str) -> Option<NaiveDateTime> {
    let months = |length: i64| {
        let amount = amount.checked_mul(length)?;
        let months = Months::new(u32::try_from(amount.unsigned_abs()).ok()?);
        if amount < 0 { moment.checked_sub_months(months) } else { moment.checked_add_months(months) }
    };
    let length = match unit {
        "microsecond" => return moment.checked_add_signed(TimeDelta::microseconds(amount)),
        "month" => return months(1),
        "quarter" => return months(3),
        "year" => return months(12),
        other => seconds_of(other)?,
    };
    moment.checked_add_signed(TimeDelta::try_seconds(amount.checked_mul(length)?)?)
}

fn seconds_of(unit: &str) -> Option<i64> {
    Some(match unit {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        "week" => 604_800,
        _ => return None,
    })
}

/// Whole units from `start` to `end`, cut towards zero.
fn elapsed(start: NaiveDateTime, end: NaiveDateTime, unit: &str) -> Option<i64> {
    let micros = end.signed_duration_since(start).num_microseconds()?;
    let months = || {
        let (early, late, sign) = if start <= end { (start, end, 1) } else { (end, start, -1) };
        let whole = i64::from(late.year() - early.year()) * 12 + i64::from(late.month()) - i64::from(early.month());
        let unfinished = (late.day(), late.time()) < (early.day(), early.time());
        sign * (whole - i64::from(unfinished))
    };
    Some(match unit {
        "microsecond" => micros,
        "month" => months(),
        "quarter" => months() / 3,
        "year" => months() / 12,
        other => micros / (seconds_of(other)? * 1_000_000),
    })
}

/// The moment that a text says by a pattern of fixed widths: `%Y %m %d %H %M %S %6f`, and other text.
fn parsed(context: &Context<'_>) -> Result<Option<NaiveDateTime>> {
    let (Some(text), Some(pattern)) = (text_at(context, 0)?, text_at(context, 1)?) else { return Ok(None) };
    Ok(read(text, pattern))
}

fn read(text: &str, pattern: &str) -> Option<NaiveDateTime> {
    let (mut text, mut pattern) = (text, pattern);
    let (mut year, mut month, mut day, mut hour, mut minute, mut second, mut micros) = (0, 0, 0, 0, 0, 0, 0);
    while let Some(letter) = pattern.chars().next() {
        pattern = pattern.get(letter.len_utf8()..)?;
        if letter != '%' || pattern.starts_with('%') {
            pattern = if letter == '%' { pattern.get(1..)? } else { pattern };
            text = text.strip_prefix(letter)?;
            continue;
        }
        let field = pattern.chars().next()?;
        pattern = pattern.get(if field == '6' { 2 } else { 1 }..)?;
        let (part, width) = match field {
            'Y' => (&mut year, 4),
            'm' => (&mut month, 2),
            'd' => (&mut day, 2),
            'H' => (&mut hour, 2),
            'M' => (&mut minute, 2),
            'S' => (&mut second, 2),
            _ => (&mut micros, 6),
        };
        let (digits, rest) = text.split_at_checked(width)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *part = digits.parse::<u32>().ok()?;
        text = rest;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day).filter(|date| date.year() > 0)?;
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    text.is_empty().then(|| date.and_time(time))
}

/// The clock, for the statement at hand.
pub(in crate::db::driver) fn clock() -> NaiveDateTime {
    DateTime::<Utc>::from(SystemTime::now()).naive_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_end_on_a_day_that_they_have_and_only_whole_ones_count() {
        let moment = |text: &str| parse_timestamp(text).unwrap();
        assert_eq!(added(moment("2024-01-31 00:00:00.000001"), 1, "month"), Some(moment("2024-02-29 00:00:00.000001")));
        assert_eq!(added(moment("2024-03-31"), -1, "month"), Some(moment("2024-02-29")));
        assert_eq!(added(moment("2024-03-31"), i64::MAX, "day"), None);
        assert_eq!(added(moment("2024-03-31"), i64::MIN, "month"), None);
        assert_eq!(elapsed(moment("2024-01-31"), moment("2024-02-29"), "month"), Some(0));
        assert_eq!(elapsed(moment("2024-02-29"), moment("2024-01-31"), "month"), Some(0));
        assert_eq!(elapsed(moment("2024-01-30 12:00:00"), moment("2024-03-30 11:59:59"), "month"), Some(1));
        assert_eq!(elapsed(moment("2024-01-02"), moment("2024-01-01 00:00:00.000001"), "day"), Some(0));
        assert_eq!(elapsed(moment("2024-01-02"), moment("2024-01-01"), "day"), Some(-1));
    }

    #[test]
    fn a_text_is_read_by_its_whole_form() {
        let parse = |text: &str, pattern: &str| read(text, pattern).map(stamp);
        assert_eq!(parse("2024-02-29", "%Y-%m-%d").unwrap(), "2024-02-29 00:00:00");
        assert_eq!(
            parse("29.02.2024 é 235959000001%", "%d.%m.%Y é %H%M%S%6f%%").unwrap(),
            "2024-02-29 23:59:59.000001"
        );
        for wrong in ["2023-02-29", "2024-2-29", "2024-02-29 ", "0000-01-01", "+024-01-01", "２０２４-01-01", ""] {
            assert_eq!(parse(wrong, "%Y-%m-%d"), None, "{wrong}");
        }
        assert_eq!(parse("2024-01-01 24", "%Y-%m-%d %H"), None);
    }
}
