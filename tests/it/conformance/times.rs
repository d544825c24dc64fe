//! Functions of dates and timestamps. The references are chrono's.

use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use portcullis::{
    Dialect, Interval, SqlType, Unit, all_of, col, current_date, current_time, current_timestamp, days, from_unix,
    from_unix_micros, hours, lit, make_date, microseconds, minutes, months, seconds, weeks, years,
};

use super::inputs::Input;
use super::{Entry, function};

fn moment(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The start of a unit.
fn start(at: NaiveDateTime, unit: Unit) -> NaiveDateTime {
    let day = |date: NaiveDate| date.and_time(NaiveTime::MIN);
    let date = at.date();
    match unit {
        Unit::Year => day(date.with_ordinal(1).unwrap()),
        Unit::Quarter => day(NaiveDate::from_ymd_opt(date.year(), date.month0() / 3 * 3 + 1, 1).unwrap()),
        Unit::Month => day(date.with_day(1).unwrap()),
        Unit::Week => day(date - Days::new(u64::from(date.weekday().num_days_from_monday()))),
        Unit::Day => day(date),
        Unit::Hour => day(date) + Duration::hours(i64::from(at.hour())),
        Unit::Minute => day(date) + Duration::minutes(i64::from(at.num_seconds_from_midnight() / 60)),
        _ => day(date) + Duration::seconds(i64::from(at.num_seconds_from_midnight())),
    }
}

fn in_range(at: NaiveDateTime) -> Option<NaiveDateTime> {
    (at.year() <= 9999).then_some(at)
}

fn plus(at: NaiveDateTime, interval: Interval) -> Option<NaiveDateTime> {
    let months = Months::new(interval.months.unsigned_abs());
    let at = if interval.months < 0 { at - months } else { at + months };
    in_range(at + Duration::days(interval.days.into()) + Duration::microseconds(interval.microseconds))
}

/// Months counted up one by one from the earlier moment's fields.
fn months_between(start: NaiveDateTime, end: NaiveDateTime) -> i64 {
    if end < start {
        return -months_between(end, start);
    }
    let reached = |count: i64| {
        let month = i64::from(start.month0()) + count;
        let (year, month) = (i64::from(start.year()) + month / 12, month % 12 + 1);
        let now = (i64::from(end.year()), i64::from(end.month()), end.day(), end.time());
        now >= (year, month, start.day(), start.time())
    };
    let guess = (end - start).num_days() / 31;
    (guess.max(1) - 1..).find(|count| !reached(count + 1)).unwrap()
}

fn between(start: NaiveDateTime, end: NaiveDateTime, unit: Unit) -> i64 {
    let micros = (end - start).num_microseconds().unwrap();
    match unit {
        Unit::Microsecond => micros,
        Unit::Second => micros / 1_000_000,
        Unit::Minute => micros / 60_000_000,
        Unit::Hour => micros / 3_600_000_000,
        Unit::Day => micros / 86_400_000_000,
        Unit::Week => micros / 604_800_000_000,
        Unit::Month => months_between(start, end),
        Unit::Quarter => months_between(start, end) / 3,
        _ => months_between(start, end) / 12,
    }
}

const UNITS: [Unit; 9] = [
    Unit::Microsecond,
    Unit::Second,
    Unit::Minute,
    Unit::Hour,
    Unit::Day,
    Unit::Week,
    Unit::Month,
    Unit::Quarter,
    Unit::Year,
];

fn of_at<T>(read: impl Fn(NaiveDateTime) -> T) -> impl Fn(&Input) -> Option<T> {
    move |row| row.at.map(&read)
}

fn of_day<T>(read: impl Fn(NaiveDate) -> T) -> impl Fn(&Input) -> Option<T> {
    move |row| row.day.map(&read)
}

fn parts() -> Vec<Entry> {
    vec![
        function("year", "col(\"at\").year()", "bigint", "NULL stays NULL.")
            .over(col("at").year(), of_at(|at| i64::from(at.year())))
            .over(col("day").year(), of_day(|day| i64::from(day.year()))),
        function("quarter", "col(\"at\").quarter()", "bigint", "From 1 to 4. NULL stays NULL.")
            .over(col("at").quarter(), of_at(|at| i64::from(at.month0() / 3 + 1)))
            .over(col("day").quarter(), of_day(|day| i64::from(day.month0() / 3 + 1))),
        function("month", "col(\"at\").month()", "bigint", "From 1 to 12. NULL stays NULL.")
            .over(col("at").month(), of_at(|at| i64::from(at.month())))
            .over(col("day").month(), of_day(|day| i64::from(day.month()))),
        function("day", "col(\"at\").day()", "bigint", "The day of the month, from 1. NULL stays NULL.")
            .over(col("at").day(), of_at(|at| i64::from(at.day())))
            .over(col("day").day(), of_day(|day| i64::from(day.day()))),
        function("hour", "col(\"at\").hour()", "bigint", "From 0 to 23. NULL stays NULL; a date is refused.")
            .over(col("at").hour(), of_at(|at| i64::from(at.hour())))
            .gives(lit(NaiveTime::from_hms_opt(23, 59, 58).unwrap()).hour(), 23),
        function("minute", "col(\"at\").minute()", "bigint", "From 0 to 59. NULL stays NULL; a date is refused.")
            .over(col("at").minute(), of_at(|at| i64::from(at.minute())))
            .gives(lit(NaiveTime::from_hms_opt(23, 59, 58).unwrap()).minute(), 59),
        function(
            "second",
            "col(\"at\").second()",
            "bigint",
            "The whole second, from 0 to 59. NULL stays NULL; a date is refused.",
        )
        .over(col("at").second(), of_at(|at| i64::from(at.second())))
        .gives(lit(NaiveTime::from_hms_micro_opt(23, 59, 58, 999_999).unwrap()).second(), 58),
        function(
            "microsecond",
            "col(\"at\").microsecond()",
            "bigint",
            "What is left of the second, from 0 to 999999. NULL stays NULL; a date is refused.",
        )
        .over(col("at").microsecond(), of_at(|at| i64::from(at.nanosecond() / 1000)))
        .gives(lit(NaiveTime::from_hms_micro_opt(23, 59, 58, 999_999).unwrap()).microsecond(), 999_999),
        function(
            "day_of_week",
            "col(\"at\").day_of_week()",
            "bigint",
            "ISO 8601: 1 is Monday, 7 is Sunday. NULL stays NULL.",
        )
        .over(col("at").day_of_week(), of_at(|at| i64::from(at.weekday().number_from_monday())))
        .over(col("day").day_of_week(), of_day(|day| i64::from(day.weekday().number_from_monday()))),
        function("day_of_year", "col(\"at\").day_of_year()", "bigint", "From 1. NULL stays NULL.")
            .over(col("at").day_of_year(), of_at(|at| i64::from(at.ordinal())))
            .over(col("day").day_of_year(), of_day(|day| i64::from(day.ordinal()))),
        function("iso_week", "col(\"at\").iso_week()", "bigint", "ISO 8601: from 1 to 53. NULL stays NULL.")
            .over(col("at").iso_week(), of_at(|at| i64::from(at.iso_week().week())))
            .over(col("day").iso_week(), of_day(|day| i64::from(day.iso_week().week())))
            .gives(lit(date("2021-01-03")).iso_week(), 53),
        function(
            "iso_year",
            "col(\"at\").iso_year()",
            "bigint",
            "The year that the ISO week belongs to. NULL stays NULL.",
        )
        .over(col("at").iso_year(), of_at(|at| i64::from(at.iso_week().year())))
        .over(col("day").iso_year(), of_day(|day| i64::from(day.iso_week().year())))
        .gives(lit(date("2021-01-03")).iso_year(), 2020)
        .gives(lit(date("2019-12-30")).iso_year(), 2020),
        function(
            "epoch",
            "col(\"at\").epoch()",
            "bigint",
            "Whole seconds since 1970-01-01 UTC, rounded down. NULL stays NULL.",
        )
        .over(col("at").epoch(), of_at(|at| at.and_utc().timestamp()))
        .over(col("day").epoch(), of_day(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp()))
        .gives(lit(moment("1969-12-31T23:59:59.999999")).epoch(), -1),
        function(
            "epoch_micros",
            "col(\"at\").epoch_micros()",
            "bigint",
            "Microseconds since 1970-01-01 UTC. NULL stays NULL.",
        )
        .over(col("at").epoch_micros(), of_at(|at| at.and_utc().timestamp_micros()))
        .over(col("day").epoch_micros(), of_day(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp_micros())),
    ]
}

fn made() -> Vec<Entry> {
    let now = DateTime::<Utc>::from(std::time::SystemTime::now());
    let near = |at: portcullis::Expr| at.between(now - Duration::hours(1), now + Duration::hours(1));
    vec![
        function(
            "current_timestamp",
            "current_timestamp()",
            "timestamp with time zone",
            "The statement's start, in UTC.",
        )
        .over(near(current_timestamp()), |_| true)
        .over(current_timestamp().eq(current_timestamp()), |_| true)
        .over(current_timestamp().ge(now - Duration::hours(1)), |_| true),
        function("current_date", "current_date()", "date", "In UTC, the same throughout a statement.")
            .over(current_date().eq(current_timestamp().cast(SqlType::Date)), |_| true)
            .over(current_date().ge(now.date_naive() - Days::new(1)), |_| true),
        function("current_time", "current_time()", "time", "In UTC, the same throughout a statement.")
            .over(current_time().hour().eq(current_timestamp().hour()), |_| true)
            .over(current_time().microsecond().eq(current_timestamp().microsecond()), |_| true),
        function(
            "make_date",
            "make_date(col(\"n\"), col(\"m\"), 28)",
            "date",
            "NULL where there is no such date, and for NULL.",
        )
        .over(make_date(col("n"), col("m"), 28), |row| {
            let year = row.n.filter(|year| (1..10_000).contains(year)).map(|year| year as i32);
            let month = row.m.and_then(|month| u32::try_from(month).ok());
            NaiveDate::from_ymd_opt(year?, month?, 28)
        })
        .over(make_date(2024, col("m") + 0, col("day").day()), |row| {
            let month = row.m.and_then(|month| u32::try_from(month).ok());
            NaiveDate::from_ymd_opt(2024, month?, row.day?.day())
        })
        .gives(make_date(2024, 2, 29), date("2024-02-29"))
        .gives(make_date(2023, 2, 29), None::<NaiveDate>)
        .gives(make_date(1900, 2, 29), None::<NaiveDate>)
        .gives(make_date(2000, 2, 29), date("2000-02-29"))
        .gives(make_date(2000, 2, 30), None::<NaiveDate>)
        .gives(make_date(2000, 4, 31), None::<NaiveDate>)
        .gives(make_date(2000, 12, 31), date("2000-12-31"))
        .gives(make_date(1000, 1, 1), date("1000-01-01"))
        .gives(make_date(9999, 12, 31), date("9999-12-31"))
        .gives(make_date(10_000, 1, 1), None::<NaiveDate>)
        .gives(make_date(0, 1, 1), None::<NaiveDate>)
        .gives(make_date(2000, i64::MAX, i64::MIN), None::<NaiveDate>),
        function(
            "from_unix",
            "from_unix(col(\"n\"))",
            "timestamp with time zone",
            "Whole seconds since 1970-01-01 UTC. NULL stays NULL.",
        )
        .over(from_unix(col("m")), |row| row.m.and_then(|m| DateTime::from_timestamp(m, 0)))
        .over(from_unix(col("at").epoch()), |row| {
            row.at.and_then(|at| DateTime::from_timestamp(at.and_utc().timestamp(), 0))
        })
        .gives(from_unix(253_402_300_799_i64), moment("9999-12-31T23:59:59").and_utc()),
        function(
            "from_unix_micros",
            "from_unix_micros(col(\"n\"))",
            "timestamp with time zone",
            "Microseconds since 1970-01-01 UTC. NULL stays NULL.",
        )
        .over(from_unix_micros(col("m")), |row| row.m.and_then(DateTime::from_timestamp_micros))
        .over(from_unix_micros(col("at").epoch_micros()), |row| row.at.map(|at| at.and_utc())),
    ]
}

fn moved() -> Vec<Entry> {
    let mut trunc = function(
        "date_trunc",
        "col(\"at\").date_trunc(Unit::Month)",
        "the operand's type",
        "The start of the unit; weeks start on Monday. NULL stays NULL.",
    )
    .over(col("at").date_trunc(Unit::Month), of_at(|at| start(at, Unit::Month)));
    for unit in UNITS.into_iter().filter(|unit| *unit != Unit::Microsecond) {
        trunc = trunc.over(col("at").date_trunc(unit), of_at(move |at| start(at, unit)));
        if matches!(unit, Unit::Day | Unit::Week | Unit::Month | Unit::Quarter | Unit::Year) {
            trunc = trunc
                .over(col("day").date_trunc(unit), of_day(move |day| start(day.and_time(NaiveTime::MIN), unit).date()));
        }
        // In the form that texts of times are compared in.
        trunc = trunc.over(col("at").date_trunc(unit).le(col("at")), of_at(|_| true));
    }
    let mut add = function(
        "date_add",
        "col(\"day\") + months(1)",
        "a date; a timestamp for a timestamp or an interval with a time",
        "Months first, then days, then the time; a day that the month lacks becomes its last. NULL stays NULL.",
    )
    .over(col("day") + months(1), |row| {
        row.day.and_then(|day| plus(day.and_time(NaiveTime::MIN), months(1))).map(|at| at.date())
    });
    let intervals = [
        months(1),
        months(-13),
        years(3),
        weeks(-5),
        days(3),
        days(-366),
        hours(2),
        hours(-100_000),
        minutes(59),
        seconds(-1),
        microseconds(1),
        microseconds(-999_999),
        microseconds(8_000_000_000_000_001),
        months(1) + days(-1),
        months(-1) + days(1) + microseconds(1),
        months(14) + days(40) + hours(30),
    ];
    for interval in intervals {
        let reference = move |row: &Input| row.at.and_then(|at| plus(at, interval));
        add = add.over(col("at") + interval, reference).over(col("at").date_add(interval).ge(col("at")), move |row| {
            row.at.and_then(|at| Some(plus(at, interval)? >= at))
        });
        let by_day = move |row: &Input| row.day.and_then(|day| plus(day.and_time(NaiveTime::MIN), interval));
        add = if interval.microseconds == 0 {
            add.over(col("day") + interval, move |row| by_day(row).map(|at| at.date()))
        } else {
            add.over(col("day") + interval, by_day)
        };
    }
    add = add
        .gives(lit(date("2024-01-31")) + months(1), date("2024-02-29"))
        .gives(lit(date("2023-01-31")) + months(1), date("2023-02-28"))
        .gives(lit(date("2024-02-29")) + years(1), date("2025-02-28"))
        .gives(lit(date("2024-02-29")) + years(4), date("2028-02-29"))
        .gives(lit(moment("2024-02-29T12:00:00").and_utc()) + days(1), moment("2024-03-01T12:00:00").and_utc())
        .gives(lit(date("1998-12-01")) + Interval::default(), date("1998-12-01"));
    let sub = function(
        "date_sub",
        "col(\"at\") - days(90)",
        "as date_add",
        "The opposite of date_add; months are taken off first.",
    )
    .over(col("at") - days(90), of_at(|at| at - Duration::days(90)))
    .over(col("at") - microseconds(1), of_at(|at| at - Duration::microseconds(1)))
    .over(col("day") - days(90), of_day(|day| day - Days::new(90)))
    .gives(lit(date("1998-12-01")) - days(90), date("1998-09-02"))
    .gives(lit(date("2024-03-31")) - months(1), date("2024-02-29"))
    .gives(lit(date("2024-03-31")) - (months(1) + days(1)), date("2024-02-28"));
    let mut by_units = function(
        "date_add_units",
        "col(\"day\").date_add_units(col(\"m\"), Unit::Day)",
        "as date_add",
        "A number of units that is an operand. NULL on either side gives NULL.",
    )
    .over(col("day").date_add_units(col("m"), Unit::Day), |row| {
        plus(row.day?.and_time(NaiveTime::MIN), days(row.m? as i32)).map(|at| at.date())
    });
    for unit in UNITS {
        let interval = move |m: i64| {
            let small = m as i32;
            match unit {
                Unit::Microsecond => microseconds(m),
                Unit::Second => seconds(m),
                Unit::Minute => minutes(m),
                Unit::Hour => hours(m),
                Unit::Day => days(small),
                Unit::Week => weeks(small),
                Unit::Month => months(small),
                Unit::Quarter => months(3 * small),
                _ => years(small),
            }
        };
        by_units = by_units
            .over(col("at").date_add_units(col("m"), unit), move |row| plus(row.at?, interval(row.m?)))
            .over(col("at").date_add_units(col("m") * -1, unit), move |row| plus(row.at?, interval(-row.m?)));
    }
    let mut diff = function(
        "date_diff",
        "col(\"at\").date_diff(col(\"day\"), Unit::Month)",
        "bigint",
        "Whole units from the operand to the subject, cut towards zero; a month has passed when day and time of day are reached. NULL on either side gives NULL.",
    );
    let others = [
        "2024-02-29T12:34:56.789012",
        "1970-01-01T00:00:00",
        "2000-03-31T23:59:59.999999",
        "1999-11-30T00:00:00.000001",
    ];
    for unit in [Unit::Month].into_iter().chain(UNITS) {
        diff = diff.over(col("at").date_diff(col("day"), unit), move |row| {
            Some(between(row.day?.and_time(NaiveTime::MIN), row.at?, unit))
        });
        diff = diff.over(col("day").date_diff(date("2024-01-31"), unit), move |row| {
            Some(between(moment("2024-01-31T00:00:00"), row.day?.and_time(NaiveTime::MIN), unit))
        });
        for other in others.map(moment) {
            diff = diff
                .over(col("at").date_diff(other, unit), move |row| Some(between(other, row.at?, unit)))
                .over(lit(other).date_diff(col("at"), unit), move |row| Some(between(row.at?, other, unit)));
        }
    }
    diff = diff
        .gives(lit(date("2024-02-29")).date_diff(date("2024-01-31"), Unit::Month), 0)
        .gives(lit(date("2024-03-31")).date_diff(date("2024-01-31"), Unit::Month), 2)
        .gives(lit(date("2024-01-31")).date_diff(date("2024-02-29"), Unit::Month), 0)
        .gives(lit(date("2025-02-28")).date_diff(date("2024-02-29"), Unit::Year), 0)
        .gives(lit(moment("2024-01-03T00:00:00")).date_diff(moment("2024-01-01T00:00:00.000001"), Unit::Day), 1)
        .gives(lit(date("9999-12-31")).date_diff(date("1000-01-01"), Unit::Microsecond), 284_012_438_400_000_000_i64);
    let last_day = |day: NaiveDate| {
        let next = if day.month() == 12 { (day.year() + 1, 1) } else { (day.year(), day.month() + 1) };
        NaiveDate::from_ymd_opt(next.0, next.1, 1).unwrap().pred_opt().unwrap()
    };
    vec![
        trunc,
        add,
        sub,
        by_units,
        diff,
        function("last_day", "col(\"at\").last_day()", "date", "The last day of the month. NULL stays NULL.")
            .over(col("at").last_day(), of_at(move |at| last_day(at.date())))
            .over(col("day").last_day(), of_day(last_day))
            .gives(lit(date("2023-02-01")).last_day(), date("2023-02-28")),
        function(
            "at_time_zone",
            "col(\"at\").at_time_zone(\"+05:30\")",
            "a timestamp with time zone for one without, and the reverse",
            "Offsets on every database; names such as `Europe/Paris` on PostgreSQL alone. NULL stays NULL.",
        )
        .over(col("at").at_time_zone("+05:30"), of_at(|at| (at - Duration::minutes(330)).and_utc()))
        .over(col("at").at_time_zone("UTC"), of_at(|at| at.and_utc()))
        .over(col("at").cast(SqlType::TimestampTz).at_time_zone("-01:15"), of_at(|at| at - Duration::minutes(75)))
        .gives(lit(moment("2024-01-01T00:00:00").and_utc()).at_time_zone("+05:30"), moment("2024-01-01T05:30:00")),
        function(
            "at_time_zone, by name",
            "col(\"at\").at_time_zone(\"Europe/Paris\")",
            "a timestamp with time zone for one without, and the reverse",
            "The zone's rules of that day. NULL stays NULL.",
        )
        .gives(lit(moment("2024-07-01T00:00:00").and_utc()).at_time_zone("Europe/Paris"), moment("2024-07-01T02:00:00"))
        .gives(lit(moment("2024-01-01T00:00:00")).at_time_zone("Europe/Paris"), moment("2023-12-31T23:00:00").and_utc())
        .refused_on(&[Dialect::MariaDb, Dialect::MySql, Dialect::Sqlite], "function.unsupported"),
    ]
}

fn written() -> Vec<Entry> {
    let shown = |pattern: &'static str, in_chrono: &'static str| {
        (col("at").date_format(pattern), of_at(move |at| at.format(in_chrono).to_string()))
    };
    let mut format = function(
        "date_format",
        "col(\"at\").date_format(\"%Y-%m-%d %H:%M:%S\")",
        "text",
        "By a pattern that is checked when it is written, and bound. Names are English. NULL stays NULL.",
    );
    for (expr, reference) in [
        shown("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S"),
        shown("%Y%m%dT%H%M%S.%fZ", "%Y%m%dT%H%M%S.%6fZ"),
        shown("%d. %b %Y, %a %A %B!", "%d. %b %Y, %a %A %B!"),
        shown("%j %G-W%V", "%j %G-W%V"),
        shown("%I:%M %p", "%I:%M %p"),
        shown("100%% \"q\" 'a' \\ YYYY {0} ? $1 é 日本 %Y", "100%% \"q\" 'a' \\ YYYY {0} ? $1 é 日本 %Y"),
    ] {
        format = format.over(expr, reference);
    }
    format = format.over(col("day").date_format("%d/%m/%Y %H"), of_day(|day| day.format("%d/%m/%Y 00").to_string()));
    let back = |pattern: &'static str| col("at").date_format(pattern).parse_timestamp(pattern);
    let mut parse_date = function(
        "parse_date",
        "col(\"t\").parse_date(\"%Y-%m-%d\")",
        "date",
        "NULL where the text has not exactly that form or says no date, and for NULL.",
    )
    .over(col("t").parse_date("%Y-%m-%d"), |_| None::<NaiveDate>)
    .over(col("day").date_format("%d.%m.%Y").parse_date("%d.%m.%Y"), of_day(|day| day))
    .over(col("day").date_format("年%Y月%m日%d\"%%").parse_date("年%Y月%m日%d\"%%"), of_day(|day| day));
    for wrong in [
        "2023-02-29",
        "2023-02-30",
        "1900-02-29",
        "2023-04-31",
        "2023-13-01",
        "2023-00-01",
        "2023-01-00",
        "2023-1-05",
        "2023-01-5",
        "2023-01-05 ",
        " 2023-01-05",
        "2023-01-05\n",
        "2023-01-05 and more",
        "20230105",
        "2023/01/05",
        "0000-01-01",
        "",
        "２０２３-01-05",
        "-023-01-05",
        "12023-01-05",
    ] {
        parse_date = parse_date.gives(lit(wrong).parse_date("%Y-%m-%d"), None::<NaiveDate>);
    }
    parse_date = parse_date
        .gives(lit("2024-02-29").parse_date("%Y-%m-%d"), date("2024-02-29"))
        .gives(lit("2000-02-29").parse_date("%Y-%m-%d"), date("2000-02-29"))
        .gives(lit("1000-01-01").parse_date("%Y-%m-%d"), date("1000-01-01"))
        .gives(lit("20241231").parse_date("%Y%m%d"), date("2024-12-31"))
        .gives(lit("a.*2024T1231").parse_date("a.*%YT%m%d"), date("2024-12-31"))
        .gives(lit("A.*2024T1231").parse_date("a.*%YT%m%d"), None::<NaiveDate>)
        .gives(lit("axx2024T1231").parse_date("a.*%YT%m%d"), None::<NaiveDate>);
    let mut parse_timestamp = function(
        "parse_timestamp",
        "col(\"t\").parse_timestamp(\"%Y-%m-%d %H:%M:%S\")",
        "timestamp",
        "NULL where the text has not exactly that form or says no such moment, and for NULL. What is not in the pattern is zero.",
    )
    .over(col("t").parse_timestamp("%Y-%m-%d %H:%M:%S"), |_| None::<NaiveDateTime>)
    .over(back("%Y-%m-%d %H:%M:%S.%f"), of_at(|at| at))
    .over(back("%S%M%HT%Y%m%d"), of_at(|at| start(at, Unit::Second)))
    .over(back("%Y-%m-%d %H"), of_at(|at| start(at, Unit::Hour)))
    .over(back("%Y-%m-%d"), of_at(|at| start(at, Unit::Day)))
    .over(back("%f %Y-%m-%d"), of_at(|at| start(at, Unit::Day) + Duration::microseconds(i64::from(at.nanosecond() / 1000))))
    .over(back("%Y-%m-%d %H:%M:%S.%f").eq(col("at")), of_at(|_| true));
    for wrong in [
        "2024-01-01 24:00:00",
        "2024-01-01 23:60:00",
        "2024-01-01 23:59:60",
        "2023-02-29 00:00:00",
        "2024-01-01T00:00:00",
    ] {
        parse_timestamp = parse_timestamp.gives(lit(wrong).parse_timestamp("%Y-%m-%d %H:%M:%S"), None::<NaiveDateTime>);
    }
    vec![format, parse_date, parse_timestamp]
}

pub fn entries() -> Vec<Entry> {
    let mut entries = parts();
    entries.extend(made());
    entries.extend(moved());
    entries.extend(written());
    // A condition on a shifted date, as reports have it.
    entries.push(
        function(
            "date_add, in a condition",
            "col(\"day\").ge(lit(day) - days(90))",
            "boolean",
            "Both sides compare as dates.",
        )
        .over(
            all_of([
                col("day").ge(lit(date("2024-03-01")) - days(90)),
                col("day").lt(lit(date("2024-01-31")) + months(1)),
            ]),
            of_day(|day| day >= date("2023-12-02") && day < date("2024-02-29")),
        ),
    );
    entries
}

#[tokio::test]
async fn the_current_time_is_one_throughout_a_statement() {
    crate::support::each(async |db| {
        super::inputs::fill(db).await;
        let handle = db.read_only().await;
        let inputs = || handle.table(super::inputs::inputs::table);
        let many = inputs()
            .select("id")
            .as_("a")
            .join(inputs().select(col("id").as_("b")).as_("b"), portcullis::on(lit(true).eq(true)));
        let rows = many
            .agg((portcullis::min(current_timestamp()).as_("first"), portcullis::max(current_timestamp()).as_("last")))
            .collect()
            .await
            .unwrap();
        let row = rows.first().unwrap();
        assert!(row.get("first").unwrap() == row.get("last").unwrap(), "{}", db.dialect);
        // And another one for the next.
        let next = inputs().where_(col("id").eq(1)).select(current_timestamp().as_("now")).collect().await.unwrap();
        assert!(next.first().unwrap().get("now").unwrap() != row.get("last").unwrap(), "{}", db.dialect);
    })
    .await;
}

#[test]
fn what_is_no_date_is_refused_with_what_to_write() {
    use super::inputs::inputs as t;
    let message = |expr: portcullis::Expr| {
        let frame = portcullis::table(t::table).select(expr.as_("x"));
        frame.to_sql_for(Dialect::Postgres).unwrap_err().to_string()
    };
    assert!(message(col("at").date_trunc(Unit::Microsecond)).contains("leave it out"));
    assert!(message(t::day.date_trunc(Unit::Hour)).contains("Unit::Week"));
    assert!(message(t::day.expr().hour()).contains("a time or timestamp"));
    assert!(message(t::t.expr().year()).contains("a date or timestamp"));
    assert!(message(t::day + days(1) + t::n).contains("numbers"));
    assert!(message(t::day.date_add_units(1.5, Unit::Day)).contains("an integer"));
    assert!(message(t::at.date_format("%y")).contains("`%Y`"));
    assert!(message(t::t.parse_date("%d %b %Y")).contains("each once"));
    assert!(message(t::at.at_time_zone("PST")).contains("Europe/Paris"));
    assert!(message(lit(date("9999-12-31")) + days(1)).contains("9999"));
    assert!(message(lit(date("2000-01-01")) - years(2000)).contains("years 1 to 9999"));
}
