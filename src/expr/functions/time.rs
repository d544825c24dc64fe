//! Functions of dates and times.
//!
//! All times are UTC, to the microsecond. The databases agree on the years 1000 to 9999, and what would lie after them is NULL. Before the year
//! 1000 MySQL promises nothing, and before the year 1 the others differ too.

use chrono::{Datelike, Days, Months, NaiveDateTime, NaiveTime, TimeDelta};

use super::methods;
use crate::error::{Error, ErrorKind};
use crate::expr::{DatePattern, Expr, Kind, Operand, Part, Parts, TimeFunction, Unit, Zone};
use crate::value::{Bind, Interval, Value};

/// Today's date, in UTC; the same throughout a statement.
///
/// SQL text: `CAST(statement_timestamp() AS date)` on PostgreSQL, `CURRENT_DATE` on MySQL, `date(portcullis_now())` on SQLite.
pub fn current_date() -> Expr {
    Expr::call(TimeFunction::CurrentDate, [])
}

/// The time of day, in UTC, to the microsecond; the same throughout a statement.
///
/// SQL text: `CAST(statement_timestamp() AS time)` on PostgreSQL, `CURRENT_TIME(6)` on MySQL, `substr(portcullis_now(), 12)` on SQLite.
pub fn current_time() -> Expr {
    Expr::call(TimeFunction::CurrentTime, [])
}

/// The moment at which the statement started, to the microsecond, as a timestamp with time zone; the same throughout a statement, also
/// within a transaction, where each statement has its own.
///
/// SQL text: `statement_timestamp()` on PostgreSQL, `CURRENT_TIMESTAMP(6)` on MySQL, `portcullis_now()` on SQLite, whose own functions know
/// milliseconds only.
pub fn current_timestamp() -> Expr {
    Expr::call(TimeFunction::CurrentTimestamp, [])
}

/// The date of a year (1 to 9999), a month and a day; NULL where there is no such date, as for 30 February, or an operand is NULL.
///
/// SQL text: a CASE that checks the day, around `make_date(y, m, d)` on PostgreSQL, intervals added to the year 1 on MySQL and
/// `printf('%04d-%02d-%02d', y, m, d)` on SQLite.
pub fn make_date(year: impl Operand, month: impl Operand, day: impl Operand) -> Expr {
    Expr::call(TimeFunction::MakeDate, [year.into_operand(), month.into_operand(), day.into_operand()])
}

/// The moment that lies a whole number of seconds after 1970-01-01 00:00:00 UTC, or before it, as a timestamp with time zone; NULL stays NULL. The
/// opposite of [`Expr::epoch`].
///
/// SQL text: `to_timestamp(n)` on PostgreSQL, `DATE_ADD(CAST('1970-01-01' AS DATETIME), INTERVAL n SECOND)` on MySQL, whose `FROM_UNIXTIME`
/// ends in 2038, `datetime(n, 'unixepoch')` on SQLite.
pub fn from_unix(seconds: impl Operand) -> Expr {
    Expr::call(TimeFunction::FromUnix, [seconds.into_operand()])
}

/// The moment that lies a whole number of microseconds after 1970-01-01 00:00:00 UTC, or before it, as a timestamp with time zone; NULL stays NULL.
/// The opposite of [`Expr::epoch_micros`].
pub fn from_unix_micros(microseconds: impl Operand) -> Expr {
    Expr::call(TimeFunction::FromUnixMicros, [microseconds.into_operand()])
}

fn part(part: Part, moment: Expr) -> Expr {
    Expr::call(TimeFunction::Part(part), [moment])
}

/// `moment + interval`, months first, then days, then the time, as PostgreSQL adds.
fn shifted(moment: Expr, interval: Interval, sign: i64) -> Expr {
    if let Kind::Literal(Bind { value, .. }) = moment.kind()
        && let Some(sum) = value_shifted(value, interval, sign)
    {
        return sum;
    }
    let Interval { months, days, microseconds } = interval;
    let (time, unit) = match microseconds % 1_000_000 {
        0 => (microseconds / 1_000_000, Unit::Second),
        _ => (microseconds, Unit::Microsecond),
    };
    let (months, month_unit) = match months % 12 {
        0 => (months / 12, Unit::Year),
        _ => (months, Unit::Month),
    };
    let parts = [(i64::from(months), month_unit), (i64::from(days), Unit::Day), (time, unit)];
    let parts = parts.into_iter().filter(|(amount, _)| *amount != 0);
    parts.fold(moment, |moment, (amount, unit)| {
        let amount = amount.saturating_mul(sign).into_operand();
        Expr::call(TimeFunction::Shift(unit), [moment, amount])
    })
}

/// The same for a constant, computed here; `None` for what is no date or timestamp.
fn value_shifted(value: &Value, interval: Interval, sign: i64) -> Option<Expr> {
    let start = match value {
        Value::Date(date) => date.and_time(NaiveTime::MIN),
        Value::Timestamp(moment) => *moment,
        Value::TimestampTz(moment) => moment.naive_utc(),
        _ => return None,
    };
    let Some(sum) = moment_shifted(start, interval, sign).filter(|sum| (1..=9999).contains(&sum.year())) else {
        let message = "the constant and its interval lie outside the years 1 to 9999; write a date within them";
        return Some(Expr::invalid(Error::new(ErrorKind::Plan, "expr.calendar", message)));
    };
    Some(match value {
        Value::Date(_) if interval.microseconds == 0 => sum.date().into_operand(),
        Value::TimestampTz(_) => sum.and_utc().into_operand(),
        _ => sum.into_operand(),
    })
}

fn moment_shifted(start: NaiveDateTime, interval: Interval, sign: i64) -> Option<NaiveDateTime> {
    let months = Months::new(interval.months.unsigned_abs());
    let days = Days::new(interval.days.unsigned_abs().into());
    let later = |part: i32| i64::from(part) * sign >= 0;
    let sum = if later(interval.months) { start.checked_add_months(months) } else { start.checked_sub_months(months) }?;
    let sum = if later(interval.days) { sum.checked_add_days(days) } else { sum.checked_sub_days(days) }?;
    sum.checked_add_signed(TimeDelta::microseconds(interval.microseconds.checked_mul(sign)?))
}

methods! { CalendarFamily;
    /// The year of a date or timestamp, as a bigint; NULL stays NULL.
    ///
    /// SQL text: `EXTRACT(YEAR FROM "c")` on PostgreSQL, `YEAR("c")` on MySQL, `CAST(strftime('%Y', "c") AS INTEGER)` on SQLite. The other
    /// parts are read in the same way.
    fn year(moment) {
        part(Part::Year, moment)
    }

    /// The quarter of the year, from 1 to 4; NULL stays NULL.
    fn quarter(moment) {
        part(Part::Quarter, moment)
    }

    /// The month, from 1 to 12; NULL stays NULL.
    fn month(moment) {
        part(Part::Month, moment)
    }

    /// The day of the month, from 1; NULL stays NULL.
    fn day(moment) {
        part(Part::Day, moment)
    }

    /// The day of the week (ISO 8601), from 1 for Monday to 7 for Sunday; NULL stays NULL.
    fn day_of_week(moment) {
        part(Part::DayOfWeek, moment)
    }

    /// The day of the year, from 1; NULL stays NULL.
    fn day_of_year(moment) {
        part(Part::DayOfYear, moment)
    }

    /// The week of the year (ISO 8601), from 1 to 53: the first has the year's first Thursday in it; NULL stays NULL.
    fn iso_week(moment) {
        part(Part::IsoWeek, moment)
    }

    /// The year that [`Expr::iso_week`] counts in, which is another than [`Expr::year`] on some days around the new year; NULL stays NULL.
    fn iso_year(moment) {
        part(Part::IsoYear, moment)
    }

    /// Whole seconds since 1970-01-01 00:00:00 UTC, rounded down, as a bigint; negative before it; NULL stays NULL.
    ///
    /// SQL text: `CAST(FLOOR(EXTRACT(EPOCH FROM "c")) AS bigint)` on PostgreSQL, `TO_SECONDS("c") - 62167219200` on MySQL, whose
    /// `UNIX_TIMESTAMP` ends in 2038, `CAST(strftime('%s', "c") AS INTEGER)` on SQLite.
    fn epoch(moment) {
        part(Part::Epoch, moment)
    }

    /// Microseconds since 1970-01-01 00:00:00 UTC, exactly, as a bigint; NULL stays NULL.
    fn epoch_micros(moment) {
        part(Part::EpochMicros, moment)
    }

    /// The start of the unit that the moment lies in, of the moment's own type; NULL stays NULL. Weeks start on Monday.
    ///
    /// A date has no units below the day, and nothing is finer than a microsecond: both are refused.
    ///
    /// SQL text: `date_trunc('month', "c")` on PostgreSQL, `CAST(DATE_FORMAT("c", '%Y-%m-01') AS DATETIME(6))` on MySQL,
    /// `strftime('%Y-%m-01 00:00:00', "c")` on SQLite.
    fn date_trunc(moment, unit: Unit) {
        Expr::call(TimeFunction::Trunc(unit), [moment])
    }

    /// The moment after a span of time; also written `col("c") + days(3)`. NULL stays NULL.
    ///
    /// Months are added first, then days, then the time, and a day that the month has not becomes its last: 31 January and a month are 28 or 29
    /// February. A date stays a date, and becomes a timestamp when the interval has a time. What lies after the year 9999 is NULL, and in a
    /// write on MySQL an error. A constant is added to in the program, and one that leaves the years 1 to 9999 is refused.
    ///
    /// SQL text, for each part of the interval that is not zero: `"c" + make_interval(months => $1)` on PostgreSQL, in
    /// `NULLIF(LEAST(…, '10000-01-01'), '10000-01-01')` because its calendar goes on,
    /// `DATE_ADD("c", INTERVAL ? MONTH)` on MySQL, `portcullis_date_add("c", ?, 'month')` on SQLite, whose own functions know milliseconds only
    /// and take 31 January and a month for 3 March.
    fn date_add(moment, interval: Interval) {
        shifted(moment, interval, 1)
    }

    /// The moment before a span of time; also written `col("c") - days(3)`. See [`Expr::date_add`].
    fn date_sub(moment, interval: Interval) {
        shifted(moment, interval, -1)
    }

    /// The moment after a number of units that is an operand, such as a column of integers; it may be negative. NULL on either side gives NULL.
    /// The rules and the SQL are those of [`Expr::date_add`].
    ///
    /// ```
    /// use portcullis::{Unit, col};
    /// let due = col("sent_on").date_add_units(col("terms"), Unit::Day);
    /// # let _ = due;
    /// ```
    fn date_add_units(moment, amount: impl Operand, unit: Unit) {
        Expr::call(TimeFunction::Shift(unit), [moment, amount.into_operand()])
    }

    /// How many whole units have passed from `start` to this moment, as a bigint: negative when `start` is later, and cut towards zero. NULL
    /// on either side gives NULL.
    ///
    /// Microseconds to weeks are lengths of time: 47 hours are one day. A month has passed when the later moment's day and time of day have reached
    /// the earlier one's: from 31 January to 29 February none has, from 30 January to 28 March one has. Quarters and years are 3
    /// and 12 such months. A date counts from its midnight.
    ///
    /// SQL text: the quotient of `EXTRACT(EPOCH FROM "b" - "a")`, or the years and months of `age("b", "a")`, on PostgreSQL,
    /// `TIMESTAMPDIFF(MONTH, "a", "b")` on MySQL, `portcullis_date_diff("b", "a", 'month')` on SQLite.
    fn date_diff(moment, start: impl Operand, unit: Unit) {
        Expr::call(TimeFunction::Diff(unit), [moment, start.into_operand()])
    }

    /// The last day of the month, as a date; NULL stays NULL.
    fn last_day(moment) {
        Expr::call(TimeFunction::LastDay, [moment])
    }

    /// The moment as text, by a pattern of this crate: `%Y %m %d %H %M %S`, `%f` for six digits of microseconds, `%I` and `%p` for twelve hours and
    /// `AM` or `PM`, `%j` for the day of the year, `%G` and `%V` for year and week of ISO 8601, `%b %B %a %A` for English names, `%%`. Anything else
    /// stands for itself. The pattern is checked when it is written and bound, never part of the text. NULL stays NULL.
    ///
    /// SQL text: `to_char("c", $1)` on PostgreSQL, `DATE_FORMAT("c", ?)` on MySQL, `strftime(?, "c")` on SQLite, or `portcullis_date_format`
    /// for what that lacks.
    fn date_format(moment, pattern: &str) {
        match DatePattern::parse(pattern, Parts::Format) {
            Ok(pattern) => Expr::call(TimeFunction::Format(pattern), [moment]),
            Err(error) => Expr::invalid(error),
        }
    }
}

methods! { ClockFamily;
    /// The hour, from 0 to 23; NULL stays NULL. A date has none: it is refused.
    fn hour(moment) {
        part(Part::Hour, moment)
    }

    /// The minute, from 0 to 59; NULL stays NULL.
    fn minute(moment) {
        part(Part::Minute, moment)
    }

    /// The whole second, from 0 to 59; NULL stays NULL. The fraction is [`Expr::microsecond`].
    fn second(moment) {
        part(Part::Second, moment)
    }

    /// The microseconds after the whole second, from 0 to 999999; NULL stays NULL.
    fn microsecond(moment) {
        part(Part::Microsecond, moment)
    }
}

methods! { TimestampFamily;
    /// What a clock in `zone` shows at a moment, as a timestamp without a zone; of a timestamp without a zone, the moment at which that clock
    /// shows it. NULL stays NULL.
    ///
    /// A zone is `UTC`, an offset such as `+05:30`, or a name such as `Europe/Paris`. Names are refused on MySQL, whose table of zones may be
    /// empty, and on SQLite, which has none: convert in the program there.
    ///
    /// SQL text: `"c" AT TIME ZONE make_interval(mins => 330)` on PostgreSQL, minutes added to the moment elsewhere.
    fn at_time_zone(moment, zone: &str) {
        match Zone::parse(zone) {
            Ok(zone) => Expr::call(TimeFunction::AtTimeZone(zone), [moment]),
            Err(error) => Expr::invalid(error),
        }
    }
}

methods! { TextFamily;
    /// The date that the text says by a pattern of `%Y`, `%m` and `%d`, each once, beside other text; NULL where the text has not exactly that form
    /// or says no date, as 2023-02-30 does. NULL stays NULL.
    ///
    /// SQL text: a regular expression, bound, decides about the form; then `make_date` of its parts on PostgreSQL, a cast of
    /// them on MySQL; `portcullis_parse_date` on SQLite.
    fn parse_date(text, pattern: &str) {
        match DatePattern::parse(pattern, Parts::ParseDate) {
            Ok(pattern) => Expr::call(TimeFunction::ParseDate(pattern), [text]),
            Err(error) => Expr::invalid(error),
        }
    }

    /// The timestamp that the text says by a pattern of `%Y %m %d`, each once, and `%H %M %S %f`, each at most once and zero where it is missing;
    /// `%f` reads six digits. NULL where the text has not exactly that form or says no such moment. NULL stays NULL. See [`Expr::parse_date`].
    fn parse_timestamp(text, pattern: &str) {
        match DatePattern::parse(pattern, Parts::ParseTimestamp) {
            Ok(pattern) => Expr::call(TimeFunction::ParseTimestamp(pattern), [text]),
            Err(error) => Expr::invalid(error),
        }
    }
}
