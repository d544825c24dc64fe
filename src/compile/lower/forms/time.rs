//! Functions of dates and timestamps.

use sea_query::Expr;

use super::Lowering;
use crate::compile::lower::expr::{cast_to, place_of};
use crate::compile::lower::template::Piece;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Part, TimeFunction, Unit, Zone};
use crate::schema::Rx;
use crate::types::SqlType;
use crate::value::Value;

/// True for the days that the calendar has.
macro_rules! is_date {
    ($then:literal) => {
        concat!(
            "CASE WHEN {0} BETWEEN 1 AND 9999 AND {1} BETWEEN 1 AND 12 AND {2} BETWEEN 1 AND 31 AND ({2} < 29 OR ({2} < 31 AND {1} <> 2) OR ",
            "({2} = 31 AND {1} IN (1, 3, 5, 7, 8, 10, 12)) OR ({2} = 29 AND {0} % 4 = 0 AND ({0} % 100 <> 0 OR {0} % 400 = 0))) THEN ",
            $then,
            " END"
        )
    };
}

/// NULL after the year 9999, where the other databases' calendars end. SQL: the operand stands here once.
macro_rules! in_calendar {
    ($template:literal) => {
        concat!("NULLIF(LEAST(", $template, ", '10000-01-01'), '10000-01-01')")
    };
}

impl Lowering<'_> {
    pub(super) fn time_form(&mut self, function: &TimeFunction, operands: &[Rx], mut args: Vec<Expr>) -> Result<Expr> {
        let dialect = self.target.dialect;
        let is_date = operands.first().and_then(Rx::sql_type) == Some(SqlType::Date);
        let template = match (function, dialect) {
            // SQL: CURRENT_TIMESTAMP is the transaction's start on PostgreSQL; every session runs in UTC.
            (TimeFunction::CurrentDate, Dialect::Postgres) => "CAST(statement_timestamp() AS date)",
            (TimeFunction::CurrentTime, Dialect::Postgres) => "CAST(statement_timestamp() AS time)",
            (TimeFunction::CurrentTimestamp, Dialect::Postgres) => "statement_timestamp()",
            (TimeFunction::CurrentDate, Dialect::MySql | Dialect::MariaDb) => "CURRENT_DATE",
            (TimeFunction::CurrentTime, Dialect::MySql | Dialect::MariaDb) => "CURRENT_TIME(6)",
            (TimeFunction::CurrentTimestamp, Dialect::MySql | Dialect::MariaDb) => "CURRENT_TIMESTAMP(6)",
            // SQL: SQLite's CURRENT_TIMESTAMP knows seconds, and is another one for each row.
            (TimeFunction::CurrentDate, Dialect::Sqlite) => "substr(portcullis_now(), 1, 10)",
            (TimeFunction::CurrentTime, Dialect::Sqlite) => "substr(portcullis_now(), 12)",
            (TimeFunction::CurrentTimestamp, Dialect::Sqlite) => "portcullis_now()",
            (TimeFunction::MakeDate, Dialect::Postgres) => {
                is_date!("make_date(CAST({0} AS integer), CAST({1} AS integer), CAST({2} AS integer))")
            }
            (TimeFunction::MakeDate, Dialect::MySql | Dialect::MariaDb) => is_date!(
                "DATE_ADD(DATE_ADD(DATE_ADD(CAST('0001-01-01' AS DATE), INTERVAL {0} - 1 YEAR), INTERVAL {1} - 1 MONTH), INTERVAL {2} - 1 DAY)"
            ),
            (TimeFunction::MakeDate, Dialect::Sqlite) => is_date!("printf('%04d-%02d-%02d', {0}, {1}, {2})"),
            (TimeFunction::Part(part), _) => part_form(*part, dialect),
            (TimeFunction::Trunc(unit), _) => trunc_form(*unit, dialect, is_date),
            (TimeFunction::Shift(unit), _) => return self.shifted(*unit, is_date, args),
            (TimeFunction::Diff(unit), _) => {
                if dialect == Dialect::Postgres {
                    let typed = operands.iter().zip(args);
                    let moment = |(operand, arg): (&Rx, Expr)| {
                        if operand.sql_type() == Some(SqlType::Date) { cast_to(arg, "timestamp") } else { arg }
                    };
                    args = typed.map(moment).collect();
                }
                diff_form(*unit, dialect)
            }
            (TimeFunction::LastDay, Dialect::Postgres) => {
                "CAST(date_trunc('month', {0}) + INTERVAL '1 month' - INTERVAL '1 day' AS date)"
            }
            (TimeFunction::LastDay, Dialect::MySql | Dialect::MariaDb) => "LAST_DAY({0})",
            // SQL: by way of the next month's first, date() would give NULL for the last month of all.
            (TimeFunction::LastDay, Dialect::Sqlite) => "portcullis_last_day({0})",
            (TimeFunction::FromUnix, Dialect::Postgres) => in_calendar!("to_timestamp({0})"),
            // SQL: FROM_UNIXTIME ends in 2038 or 2106.
            (TimeFunction::FromUnix, Dialect::MySql | Dialect::MariaDb) => {
                "DATE_ADD(CAST('1970-01-01' AS DATETIME), INTERVAL {0} SECOND)"
            }
            (TimeFunction::FromUnix, Dialect::Sqlite) => "datetime({0}, 'unixepoch')",
            // SQL: an interval times a number is computed in doubles, which a day's microseconds fit.
            (TimeFunction::FromUnixMicros, Dialect::Postgres) => {
                in_calendar!("to_timestamp({0} / 1000000) + ({0} % 1000000) * INTERVAL '1 microsecond'")
            }
            (TimeFunction::FromUnixMicros, Dialect::MySql | Dialect::MariaDb) => {
                "DATE_ADD(CAST('1970-01-01' AS DATETIME(6)), INTERVAL {0} MICROSECOND)"
            }
            (TimeFunction::FromUnixMicros, Dialect::Sqlite) => "portcullis_from_unix_micros({0})",
            (TimeFunction::Format(pattern), _) => return self.formatted(pattern, args),
            (TimeFunction::ParseDate(pattern), _) => return self.parsed(pattern, true, args),
            (TimeFunction::ParseTimestamp(pattern), _) => return self.parsed(pattern, false, args),
            (TimeFunction::AtTimeZone(zone), _) => return self.at_zone(zone, operands, args),
        };
        self.template(template, args)
    }

    fn shifted(&mut self, unit: Unit, is_date: bool, args: Vec<Expr>) -> Result<Expr> {
        if self.target.dialect.is_mysql_family() {
            let unit = match unit {
                Unit::Microsecond => " MICROSECOND)",
                Unit::Second => " SECOND)",
                Unit::Minute => " MINUTE)",
                Unit::Hour => " HOUR)",
                Unit::Day => " DAY)",
                Unit::Week => " WEEK)",
                Unit::Month => " MONTH)",
                Unit::Quarter => " QUARTER)",
                Unit::Year => " YEAR)",
            };
            let pieces = [Piece::Text("DATE_ADD({0}, INTERVAL "), Piece::Operand(1), Piece::Text(unit)];
            return self.pieces(&pieces, args);
        }
        let template = match (self.target.dialect, unit) {
            (Dialect::Postgres, Unit::Day) if is_date => in_calendar!("{0} + CAST({1} AS integer)"),
            (Dialect::Postgres, Unit::Week) if is_date => in_calendar!("{0} + 7 * CAST({1} AS integer)"),
            (Dialect::Postgres, Unit::Month) if is_date => {
                in_calendar!("CAST({0} + make_interval(months => CAST({1} AS integer)) AS date)")
            }
            (Dialect::Postgres, Unit::Quarter) if is_date => {
                in_calendar!("CAST({0} + make_interval(months => 3 * CAST({1} AS integer)) AS date)")
            }
            (Dialect::Postgres, Unit::Year) if is_date => {
                in_calendar!("CAST({0} + make_interval(years => CAST({1} AS integer)) AS date)")
            }
            (Dialect::Postgres, Unit::Year) => in_calendar!("{0} + make_interval(years => CAST({1} AS integer))"),
            (Dialect::Postgres, Unit::Quarter) => {
                in_calendar!("{0} + make_interval(months => 3 * CAST({1} AS integer))")
            }
            (Dialect::Postgres, Unit::Month) => in_calendar!("{0} + make_interval(months => CAST({1} AS integer))"),
            (Dialect::Postgres, Unit::Week) => in_calendar!("{0} + make_interval(weeks => CAST({1} AS integer))"),
            (Dialect::Postgres, Unit::Day) => in_calendar!("{0} + make_interval(days => CAST({1} AS integer))"),
            (Dialect::Postgres, Unit::Hour) => in_calendar!("{0} + make_interval(hours => CAST({1} AS integer))"),
            (Dialect::Postgres, Unit::Minute) => in_calendar!("{0} + make_interval(mins => CAST({1} AS integer))"),
            // SQL: seconds are a double here, which all whole seconds of the calendar fit, but not all its microseconds.
            (Dialect::Postgres, Unit::Second) => in_calendar!("{0} + make_interval(secs => {1})"),
            (Dialect::Postgres, Unit::Microsecond) => {
                in_calendar!("{0} + make_interval(secs => {1} / 1000000) + ({1} % 1000000) * INTERVAL '1 microsecond'")
            }
            (_, unit) => return self.shifted_by_function(unit, is_date, args),
        };
        self.template(template, args)
    }

    /// SQL: SQLite's own functions know milliseconds, and let 31 January and a month be 3 March.
    fn shifted_by_function(&mut self, unit: Unit, is_date: bool, args: Vec<Expr>) -> Result<Expr> {
        let name = if is_date && unit.is_of_dates() { "portcullis_date_add" } else { "portcullis_timestamp_add" };
        self.pieces(
            &[Piece::Text(name), Piece::Text("({0}, {1}, "), Piece::Text(unit_word(unit)), Piece::Text(")")],
            args,
        )
    }

    fn at_zone(&mut self, zone: &Zone, operands: &[Rx], mut args: Vec<Expr>) -> Result<Expr> {
        let dialect = self.target.dialect;
        let minutes = match (zone, dialect) {
            (Zone::Named(name), Dialect::Postgres) => {
                let name = self.constant(Value::Text(name.clone()), SqlType::Text);
                args.push(place_of(name));
                return self.template(in_calendar!("{0} AT TIME ZONE {1}"), args);
            }
            (Zone::Named(_), _) => {
                let message = format!(
                    "{dialect} does not surely know time zones by name; write an offset such as `+01:00`, or convert in the program"
                );
                return Err(Error::new(ErrorKind::Unsupported, "function.unsupported", message));
            }
            (Zone::Fixed(minutes), _) => i64::from(*minutes),
        };
        // What a clock east of Greenwich shows is later.
        let shows = operands.first().and_then(Rx::sql_type) == Some(SqlType::TimestampTz);
        let sign = if shows || dialect == Dialect::Postgres { 1 } else { -1 };
        let minutes = self.constant(Value::Int(sign * minutes), SqlType::Int64);
        args.push(place_of(minutes));
        match dialect {
            Dialect::Postgres => {
                self.template(in_calendar!("{0} AT TIME ZONE make_interval(mins => CAST({1} AS integer))"), args)
            }
            _ => self.shifted(Unit::Minute, false, args),
        }
    }
}

/// The unit as a literal, for the functions of ours.
fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Microsecond => "'microsecond'",
        Unit::Second => "'second'",
        Unit::Minute => "'minute'",
        Unit::Hour => "'hour'",
        Unit::Day => "'day'",
        Unit::Week => "'week'",
        Unit::Month => "'month'",
        Unit::Quarter => "'quarter'",
        Unit::Year => "'year'",
    }
}

fn part_form(part: Part, dialect: Dialect) -> &'static str {
    match (part, dialect) {
        // SQL: PostgreSQL's EXTRACT gives a numeric.
        (Part::Year, Dialect::Postgres) => "CAST(EXTRACT(YEAR FROM {0}) AS bigint)",
        (Part::Quarter, Dialect::Postgres) => "CAST(EXTRACT(QUARTER FROM {0}) AS bigint)",
        (Part::Month, Dialect::Postgres) => "CAST(EXTRACT(MONTH FROM {0}) AS bigint)",
        (Part::Day, Dialect::Postgres) => "CAST(EXTRACT(DAY FROM {0}) AS bigint)",
        (Part::Hour, Dialect::Postgres) => "CAST(EXTRACT(HOUR FROM {0}) AS bigint)",
        (Part::Minute, Dialect::Postgres) => "CAST(EXTRACT(MINUTE FROM {0}) AS bigint)",
        (Part::Second, Dialect::Postgres) => "CAST(FLOOR(EXTRACT(SECOND FROM {0})) AS bigint)",
        // SQL: its microseconds are those of the whole minute.
        (Part::Microsecond, Dialect::Postgres) => "CAST(EXTRACT(MICROSECONDS FROM {0}) AS bigint) % 1000000",
        (Part::DayOfWeek, Dialect::Postgres) => "CAST(EXTRACT(ISODOW FROM {0}) AS bigint)",
        (Part::DayOfYear, Dialect::Postgres) => "CAST(EXTRACT(DOY FROM {0}) AS bigint)",
        (Part::IsoWeek, Dialect::Postgres) => "CAST(EXTRACT(WEEK FROM {0}) AS bigint)",
        (Part::IsoYear, Dialect::Postgres) => "CAST(EXTRACT(ISOYEAR FROM {0}) AS bigint)",
        (Part::Epoch, Dialect::Postgres) => "CAST(FLOOR(EXTRACT(EPOCH FROM {0})) AS bigint)",
        (Part::EpochMicros, Dialect::Postgres) => "CAST(EXTRACT(EPOCH FROM {0}) * 1000000 AS bigint)",
        (Part::Year, Dialect::MySql | Dialect::MariaDb) => "YEAR({0})",
        (Part::Quarter, Dialect::MySql | Dialect::MariaDb) => "QUARTER({0})",
        (Part::Month, Dialect::MySql | Dialect::MariaDb) => "MONTH({0})",
        (Part::Day, Dialect::MySql | Dialect::MariaDb) => "DAYOFMONTH({0})",
        (Part::Hour, Dialect::MySql | Dialect::MariaDb) => "HOUR({0})",
        (Part::Minute, Dialect::MySql | Dialect::MariaDb) => "MINUTE({0})",
        (Part::Second, Dialect::MySql | Dialect::MariaDb) => "SECOND({0})",
        (Part::Microsecond, Dialect::MySql | Dialect::MariaDb) => "MICROSECOND({0})",
        (Part::DayOfWeek, Dialect::MySql | Dialect::MariaDb) => "WEEKDAY({0}) + 1",
        (Part::DayOfYear, Dialect::MySql | Dialect::MariaDb) => "DAYOFYEAR({0})",
        (Part::IsoWeek, Dialect::MySql | Dialect::MariaDb) => "WEEK({0}, 3)",
        (Part::IsoYear, Dialect::MySql | Dialect::MariaDb) => "YEARWEEK({0}, 3) DIV 100",
        (Part::Epoch, Dialect::MySql | Dialect::MariaDb) => "TO_SECONDS({0}) - 62167219200",
        (Part::EpochMicros, Dialect::MySql | Dialect::MariaDb) => "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {0})",
        (Part::Year, Dialect::Sqlite) => "CAST(strftime('%Y', {0}) AS INTEGER)",
        (Part::Quarter, Dialect::Sqlite) => "(CAST(strftime('%m', {0}) AS INTEGER) + 2) / 3",
        (Part::Month, Dialect::Sqlite) => "CAST(strftime('%m', {0}) AS INTEGER)",
        (Part::Day, Dialect::Sqlite) => "CAST(strftime('%d', {0}) AS INTEGER)",
        (Part::Hour, Dialect::Sqlite) => "CAST(strftime('%H', {0}) AS INTEGER)",
        (Part::Minute, Dialect::Sqlite) => "CAST(strftime('%M', {0}) AS INTEGER)",
        (Part::Second, Dialect::Sqlite) => "CAST(strftime('%S', {0}) AS INTEGER)",
        (Part::Microsecond, Dialect::Sqlite) => "portcullis_microsecond({0})",
        (Part::DayOfWeek, Dialect::Sqlite) => "CAST(strftime('%u', {0}) AS INTEGER)",
        (Part::DayOfYear, Dialect::Sqlite) => "CAST(strftime('%j', {0}) AS INTEGER)",
        (Part::IsoWeek, Dialect::Sqlite) => "CAST(strftime('%V', {0}) AS INTEGER)",
        (Part::IsoYear, Dialect::Sqlite) => "CAST(strftime('%G', {0}) AS INTEGER)",
        (Part::Epoch, Dialect::Sqlite) => "CAST(strftime('%s', {0}) AS INTEGER)",
        (Part::EpochMicros, Dialect::Sqlite) => "portcullis_epoch_micros({0})",
    }
}

fn trunc_form(unit: Unit, dialect: Dialect, is_date: bool) -> &'static str {
    match (dialect, unit, is_date) {
        // SQL: of a date it gives a timestamp with time zone.
        (Dialect::Postgres, Unit::Year, true) => "CAST(date_trunc('year', {0}) AS date)",
        (Dialect::Postgres, Unit::Quarter, true) => "CAST(date_trunc('quarter', {0}) AS date)",
        (Dialect::Postgres, Unit::Month, true) => "CAST(date_trunc('month', {0}) AS date)",
        (Dialect::Postgres, Unit::Week, true) => "CAST(date_trunc('week', {0}) AS date)",
        (Dialect::Postgres, _, true) => "{0}",
        (Dialect::Postgres, Unit::Year, false) => "date_trunc('year', {0})",
        (Dialect::Postgres, Unit::Quarter, false) => "date_trunc('quarter', {0})",
        (Dialect::Postgres, Unit::Month, false) => "date_trunc('month', {0})",
        (Dialect::Postgres, Unit::Week, false) => "date_trunc('week', {0})",
        (Dialect::Postgres, Unit::Day, false) => "date_trunc('day', {0})",
        (Dialect::Postgres, Unit::Hour, false) => "date_trunc('hour', {0})",
        (Dialect::Postgres, Unit::Minute, false) => "date_trunc('minute', {0})",
        (Dialect::Postgres, _, false) => "date_trunc('second', {0})",
        (Dialect::MySql | Dialect::MariaDb, Unit::Year, true) => "CAST(DATE_FORMAT({0}, '%Y-01-01') AS DATE)",
        (Dialect::MySql | Dialect::MariaDb, Unit::Quarter, true) => {
            "DATE_ADD(CAST(DATE_FORMAT({0}, '%Y-01-01') AS DATE), INTERVAL QUARTER({0}) - 1 QUARTER)"
        }
        (Dialect::MySql | Dialect::MariaDb, Unit::Month, true) => "CAST(DATE_FORMAT({0}, '%Y-%m-01') AS DATE)",
        (Dialect::MySql | Dialect::MariaDb, Unit::Week, true) => "FROM_DAYS((TO_DAYS({0}) + 5) DIV 7 * 7 - 5)",
        (Dialect::MySql | Dialect::MariaDb, _, true) => "{0}",
        (Dialect::MySql | Dialect::MariaDb, Unit::Year, false) => "CAST(DATE_FORMAT({0}, '%Y-01-01') AS DATETIME(6))",
        (Dialect::MySql | Dialect::MariaDb, Unit::Quarter, false) => {
            "DATE_ADD(CAST(DATE_FORMAT({0}, '%Y-01-01') AS DATETIME(6)), INTERVAL QUARTER({0}) - 1 QUARTER)"
        }
        (Dialect::MySql | Dialect::MariaDb, Unit::Month, false) => "CAST(DATE_FORMAT({0}, '%Y-%m-01') AS DATETIME(6))",
        (Dialect::MySql | Dialect::MariaDb, Unit::Week, false) => {
            "CAST(FROM_DAYS((TO_DAYS({0}) + 5) DIV 7 * 7 - 5) AS DATETIME(6))"
        }
        (Dialect::MySql | Dialect::MariaDb, Unit::Day, false) => "CAST(DATE({0}) AS DATETIME(6))",
        (Dialect::MySql | Dialect::MariaDb, Unit::Hour, false) => {
            "CAST(DATE_FORMAT({0}, '%Y-%m-%d %H:00:00') AS DATETIME(6))"
        }
        (Dialect::MySql | Dialect::MariaDb, Unit::Minute, false) => {
            "CAST(DATE_FORMAT({0}, '%Y-%m-%d %H:%i:00') AS DATETIME(6))"
        }
        (Dialect::MySql | Dialect::MariaDb, _, false) => "CAST(DATE_FORMAT({0}, '%Y-%m-%d %H:%i:%s') AS DATETIME(6))",
        (Dialect::Sqlite, Unit::Year, true) => "strftime('%Y-01-01', {0})",
        (Dialect::Sqlite, Unit::Quarter, true) => {
            "strftime('%Y-', {0}) || substr('01040710', (CAST(strftime('%m', {0}) AS INTEGER) - 1) / 3 * 2 + 1, 2) || '-01'"
        }
        (Dialect::Sqlite, Unit::Month, true) => "strftime('%Y-%m-01', {0})",
        (Dialect::Sqlite, Unit::Week, true) => "date({0}, '-6 days', 'weekday 1')",
        (Dialect::Sqlite, _, true) => "{0}",
        (Dialect::Sqlite, Unit::Year, false) => "strftime('%Y-01-01 00:00:00', {0})",
        (Dialect::Sqlite, Unit::Quarter, false) => {
            "strftime('%Y-', {0}) || substr('01040710', (CAST(strftime('%m', {0}) AS INTEGER) - 1) / 3 * 2 + 1, 2) || '-01 00:00:00'"
        }
        (Dialect::Sqlite, Unit::Month, false) => "strftime('%Y-%m-01 00:00:00', {0})",
        (Dialect::Sqlite, Unit::Week, false) => "strftime('%Y-%m-%d 00:00:00', {0}, '-6 days', 'weekday 1')",
        (Dialect::Sqlite, Unit::Day, false) => "strftime('%Y-%m-%d 00:00:00', {0})",
        (Dialect::Sqlite, Unit::Hour, false) => "strftime('%Y-%m-%d %H:00:00', {0})",
        (Dialect::Sqlite, Unit::Minute, false) => "strftime('%Y-%m-%d %H:%M:00', {0})",
        (Dialect::Sqlite, _, false) => "strftime('%Y-%m-%d %H:%M:%S', {0})",
    }
}

fn diff_form(unit: Unit, dialect: Dialect) -> &'static str {
    match (dialect, unit) {
        (Dialect::Postgres, Unit::Microsecond) => "CAST(EXTRACT(EPOCH FROM ({0} - {1})) * 1000000 AS bigint)",
        // SQL: `div` cuts exactly; `/` rounds to some 16 digits first.
        (Dialect::Postgres, Unit::Second) => "CAST(TRUNC(EXTRACT(EPOCH FROM ({0} - {1}))) AS bigint)",
        (Dialect::Postgres, Unit::Minute) => "CAST(div(EXTRACT(EPOCH FROM ({0} - {1})), 60) AS bigint)",
        (Dialect::Postgres, Unit::Hour) => "CAST(div(EXTRACT(EPOCH FROM ({0} - {1})), 3600) AS bigint)",
        (Dialect::Postgres, Unit::Day) => "CAST(div(EXTRACT(EPOCH FROM ({0} - {1})), 86400) AS bigint)",
        (Dialect::Postgres, Unit::Week) => "CAST(div(EXTRACT(EPOCH FROM ({0} - {1})), 604800) AS bigint)",
        (Dialect::Postgres, Unit::Month) => {
            "CAST(EXTRACT(YEAR FROM age({0}, {1})) * 12 + EXTRACT(MONTH FROM age({0}, {1})) AS bigint)"
        }
        (Dialect::Postgres, Unit::Quarter) => {
            "CAST(div(EXTRACT(YEAR FROM age({0}, {1})) * 12 + EXTRACT(MONTH FROM age({0}, {1})), 3) AS bigint)"
        }
        (Dialect::Postgres, Unit::Year) => "CAST(EXTRACT(YEAR FROM age({0}, {1})) AS bigint)",
        (Dialect::MySql | Dialect::MariaDb, Unit::Microsecond) => "TIMESTAMPDIFF(MICROSECOND, {1}, {0})",
        (Dialect::MySql | Dialect::MariaDb, Unit::Second) => "TIMESTAMPDIFF(SECOND, {1}, {0})",
        (Dialect::MySql | Dialect::MariaDb, Unit::Minute) => "TIMESTAMPDIFF(MINUTE, {1}, {0})",
        (Dialect::MySql | Dialect::MariaDb, Unit::Hour) => "TIMESTAMPDIFF(HOUR, {1}, {0})",
        (Dialect::MySql | Dialect::MariaDb, Unit::Day) => "TIMESTAMPDIFF(DAY, {1}, {0})",
        (Dialect::MySql | Dialect::MariaDb, Unit::Week) => "TIMESTAMPDIFF(WEEK, {1}, {0})",
        (Dialect::MySql | Dialect::MariaDb, Unit::Month) => "TIMESTAMPDIFF(MONTH, {1}, {0})",
        (Dialect::MySql | Dialect::MariaDb, Unit::Quarter) => "TIMESTAMPDIFF(QUARTER, {1}, {0})",
        (Dialect::MySql | Dialect::MariaDb, Unit::Year) => "TIMESTAMPDIFF(YEAR, {1}, {0})",
        (Dialect::Sqlite, Unit::Microsecond) => "portcullis_date_diff({0}, {1}, 'microsecond')",
        (Dialect::Sqlite, Unit::Second) => "portcullis_date_diff({0}, {1}, 'second')",
        (Dialect::Sqlite, Unit::Minute) => "portcullis_date_diff({0}, {1}, 'minute')",
        (Dialect::Sqlite, Unit::Hour) => "portcullis_date_diff({0}, {1}, 'hour')",
        (Dialect::Sqlite, Unit::Day) => "portcullis_date_diff({0}, {1}, 'day')",
        (Dialect::Sqlite, Unit::Week) => "portcullis_date_diff({0}, {1}, 'week')",
        (Dialect::Sqlite, Unit::Month) => "portcullis_date_diff({0}, {1}, 'month')",
        (Dialect::Sqlite, Unit::Quarter) => "portcullis_date_diff({0}, {1}, 'quarter')",
        (Dialect::Sqlite, Unit::Year) => "portcullis_date_diff({0}, {1}, 'year')",
    }
}
